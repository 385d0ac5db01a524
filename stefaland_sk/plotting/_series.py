"""Series of one site, from all forms in which targets and predictions come."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import Panel, align_target, is_long, period_mask, site_of_samples
from stefaland_sk.metrics import site_scores

from ._base import with_unit


def by_name(y_pred, default="predicted"):
    """Give predictions as a dict from model name to values."""
    if not isinstance(y_pred, dict):
        return {default: y_pred}
    if not y_pred:
        raise ValueError("`y_pred` is an empty dict; give at least one prediction.")
    if "observed" in y_pred:
        raise ValueError("No model may be named 'observed': that is the target's name.")
    return {str(name): values for name, values in y_pred.items()}


def site_by_time(values, name, like=None):
    """Bring a target or a prediction to a frame with one row per site, one column per time.

    `like` is the labelled target as the caller gave it; values without labels take its own.
    """
    values = _as_pandas(values)
    if isinstance(values, pd.DataFrame):
        if isinstance(values.columns, pd.DatetimeIndex):
            return values
        if like is None:
            raise TypeError(
                f"`{name}` must have times as its columns and sites as its rows; its columns are "
                f"{list(values.columns[:3])} ... A long table goes in as a Series: "
                f"`{name}['runoff']`."
            )
        values = values.to_numpy()
    if not isinstance(values, pd.Series):
        values = _with_labels_of(like, np.asarray(values), name)
        return site_by_time(values, name)
    return _series_to_frame(values, name)


def _as_pandas(values):
    """Turn an xarray DataArray into a frame or a series, sites first; leave the rest alone."""
    if not (hasattr(values, "dims") and hasattr(values, "to_pandas")):
        return values
    return values.transpose(..., "time").to_pandas()


def _series_to_frame(series, name):
    """Unstack a long Series, or make one row of the Series of one site."""
    if {"site", "time"} <= set(series.index.names):
        extra = [level for level in series.index.names if level not in ("site", "time")]
        return series.droplevel(extra).unstack("time")
    if isinstance(series.index, pd.DatetimeIndex):
        site = "site" if series.name is None else str(series.name)
        return series.rename(site).to_frame().T
    raise TypeError(
        f"`{name}` must be indexed by time, or by site and time; its index has the levels "
        f"{list(series.index.names)}."
    )


def _with_labels_of(like, values, name):
    """Give an array the labels of the target it belongs to."""
    if like is None:
        raise TypeError(
            f"`{name}` must say which sites and times it holds; got {type(values).__name__}. Use "
            "`X.label(values)` to name them after the Panel X."
        )
    like = _as_pandas(like)
    if values.shape != like.shape:
        raise ValueError(
            f"`{name}` has the shape {values.shape}, but `y_true` has {like.shape}; both hold the "
            "same samples."
        )
    if isinstance(like, pd.Series):
        return pd.Series(values, index=like.index, name=like.name)
    return pd.DataFrame(values, index=like.index, columns=like.columns)


class SiteSeries:
    """Observed and predicted series of one site: those shown, and those that are scored.

    Parameters
    ----------
    y_true : DataFrame, DataArray or Series
        Target with its labels.
    y_pred : array-like aligned with `y_true`, or dict of str to array-like
        Predictions.
    site : str or None
        The site; None takes the first that has an observation.
    period : tuple of two dates or None
        First and last step shown.
    warmup : int
        Steps at the start of the record that are not scored.
    """

    def __init__(self, y_true, y_pred, *, site=None, period=None, warmup=0):
        check_number("warmup", warmup, low=0, integer=True)
        self._y_true, self._period, self._warmup = y_true, period, warmup
        observed = site_by_time(y_true, "y_true")
        self.site = choose_site(observed, site)
        self._observed = observed.loc[[self.site]]
        self._predicted = {
            name: self._of_site(values, f"y_pred[{name!r}]", f"prediction {name!r}")
            for name, values in by_name(y_pred).items()
        }
        time = self._observed.columns
        self.is_shown = np.ones(len(time), dtype=bool)
        if period is not None:
            self.is_shown = period_mask(time, period, "period")
        self.is_scored = self.is_shown & (np.arange(len(time)) >= warmup)

    @property
    def frame(self):
        """Column ``observed`` and one per model, indexed by time; all steps of the record."""
        rows = {"observed": self._observed, **self._predicted}
        frame = pd.DataFrame({name: row.loc[self.site] for name, row in rows.items()})
        return frame.rename_axis("time")

    def scores(self, metric):
        """Score each model on the steps shown, without warm-up."""
        scores = {}
        for name, predicted in self._predicted.items():
            table = site_scores(
                self._observed, predicted, [metric], warmup=self._warmup, period=self._period
            )
            scores[name] = table.loc[self.site].iloc[0]
        return pd.Series(scores, name=table.columns[0])

    def bounds(self, intervals):
        """Give lower and upper bounds of the models that have an interval, as frames."""
        names = list(self._predicted)
        if not isinstance(intervals, dict):
            intervals = {names[0]: intervals}
        found = {}
        for name, pair in intervals.items():
            check_option("intervals", name, names)
            if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2:
                raise ValueError(
                    f"`intervals` of {name!r} must be a pair, lower and upper bound, each aligned "
                    f"with `y_true`; got {type(pair).__name__}"
                    f"{f' of length {len(pair)}' if hasattr(pair, '__len__') else ''}."
                )
            columns = {
                side: self._of_site(bound, f"intervals[{name!r}]", f"interval of {name!r}")
                for side, bound in zip(("lower", "upper"), pair, strict=True)
            }
            frame = pd.DataFrame({side: row.loc[self.site] for side, row in columns.items()})
            if (frame["lower"] > frame["upper"]).any():
                day = frame.index[(frame["lower"] > frame["upper"]).to_numpy()][0]
                raise ValueError(
                    f"The lower bound of {name!r} lies above the upper one on {day:%Y-%m-%d}. Give "
                    "`intervals` as (lower, upper)."
                )
            found[name] = frame.rename_axis("time")
        return found

    def _of_site(self, values, name, what):
        """Take the site's row, at the times of the target."""
        rows = site_by_time(values, name, like=self._y_true)
        if self.site not in rows.index:
            raise ValueError(f"The {what} has no site {self.site!r}.")
        return rows.loc[[self.site]].reindex(columns=self._observed.columns)


class SitePredictions:
    """What fitted estimators predict at one site, labelled.

    Parameters
    ----------
    estimator : fitted estimator, or dict of str to fitted estimator
        The models.
    X : Panel, or DataFrame indexed by site and time
        Inputs. Only the rows of the site are predicted.
    y : array-like
        Target, aligned with X.
    site : str or None
        The site; None takes the first that has an observation.
    """

    def __init__(self, estimator, X, y, site=None):
        self.models = estimator if isinstance(estimator, dict) else {name_of(estimator): estimator}
        observed = _label_target(y, X)
        self.site = choose_site(observed, site)
        self.y_true = observed.loc[[self.site]]
        self.part = _select_site(X, self.site)
        self.y_pred = {
            name: self.label(model.predict(self.part)) for name, model in self.models.items()
        }

    def label(self, values):
        """Name the site and the times of values that an estimator gives."""
        return _label(values, self.part).reindex(columns=self.y_true.columns)

    def warmup(self, warmup):
        """Give the warm-up asked for, or the longest of the estimators."""
        if warmup is not None:
            return warmup
        return max((getattr(m, "warmup", 0) or 0 for m in self.models.values()), default=0)

    def forcing(self, name):
        """Give one forcing variable of the site."""
        if isinstance(self.part, Panel):
            series = pd.Series(self.part.variable(name)[0], index=self.part.time)
            series.attrs["units"] = self.part.units.get(name)
            return series
        check_option("precipitation", name, list(self.part.columns))
        others = [level for level in self.part.index.names if level != "time"]
        return self.part[name].droplevel(others)


def choose_site(observed, site):
    """Check the site asked for, or take the first that has an observation."""
    if site is None:
        labelled = observed.index[observed.notna().any(axis=1)]
        if not len(labelled):
            raise ValueError(
                "No site of `y_true` has an observation. Name one, by `site=`, to see what is "
                "predicted there."
            )
        return labelled[0]
    if site not in observed.index:
        raise ValueError(
            f"There is no site {site!r} among the {len(observed)} sites, for example "
            f"{list(observed.index[:3])}. Site identifiers are strings."
        )
    return site


def name_of(estimator):
    """Class name of an estimator, of a pipeline's last step."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def target_label(y):
    """Name of a target with its unit, as far as the target itself tells."""
    name = getattr(y, "name", None) or getattr(y, "attrs", {}).get("name") or "target"
    return with_unit(name, getattr(y, "attrs", {}).get("units"))


def _label_target(y, X):
    """Name the sites and times of a target after those of X."""
    if isinstance(X, Panel) and X.time is not None:
        return X.label(align_target(y, X))
    if is_long(X):
        return _label(y, X)
    raise TypeError(
        "The series of a site needs a Panel with a time axis, or a DataFrame indexed by site and "
        f"time; got {type(X).__name__}."
    )


def _label(values, X):
    """Bring values that are aligned with X to one row per site, one column per time."""
    if isinstance(X, Panel):
        return X.label(values)
    return site_by_time(pd.Series(np.asarray(values, dtype=float), index=X.index), "y")


def _select_site(X, site):
    """Take the samples of one site."""
    if isinstance(X, Panel):
        return X.select([site])
    samples = site_of_samples(X)
    return X[samples.codes == samples.ids.get_loc(site)]
