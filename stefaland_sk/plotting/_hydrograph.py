"""Observed and predicted series of one site."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import Panel, align_target, is_long, period_mask, site_of_samples
from stefaland_sk.metrics import site_scores

from ._base import OBSERVED, by_name, colours_of, open_axes, site_by_time


class HydrographDisplay:
    """Observed and predicted series of one site, with the rain above them.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    series : DataFrame of shape (n_times, 1 + n_models)
        Indexed by time; the column ``"observed"``, then one per model.
    site : str
        The site shown.
    label : str, default="target"
        What stands at the axis, such as ``"runoff [mm/d]"``.
    precipitation : Series of length n_times, default=None
        Drawn as bars that hang from the top.
    scores : Series, default=None
        One score per model, for the legend; its name says which metric it is.
    warmup : int, default=0
        First steps shown that are shaded, since no score counts them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If there is no column ``"observed"``, or none for a model.

    See Also
    --------
    SiteScoreDisplay : All sites at once, as a distribution of scores.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import HydrographDisplay
    >>> time = pd.date_range("2000-01-01", periods=10)
    >>> y_true = pd.DataFrame([range(10)], index=["01013500"], columns=time, dtype=float)
    >>> display = HydrographDisplay.from_predictions(y_true, {"one more": y_true + 1})
    >>> display.frame().tail(2)
                observed  one more
    time
    2000-01-09       8.0       9.0
    2000-01-10       9.0      10.0
    >>> round(float(display.scores["one more"]), 3)
    0.879
    """

    def __init__(self, series, *, site, label="target", precipitation=None, scores=None, warmup=0):
        if "observed" not in series or series.shape[1] < 2:
            raise ValueError(
                "`series` must have the column 'observed' and one column per model; got "
                f"{list(series.columns)}."
            )
        check_number("warmup", warmup, low=0, integer=True)
        self.series = series
        self.site = site
        self.label = label
        self.precipitation = precipitation
        self.scores = scores
        self.warmup = warmup

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        site=None,
        period=None,
        warmup=0,
        metric="nse",
        label="target",
        precipitation=None,
    ):
        """Make a Display from a target and the predictions of one or more models.

        Parameters
        ----------
        y_true : DataFrame, DataArray or Series
            Target with its labels: sites by times, a long Series indexed by site and time, or
            the series of one site indexed by time. NaN = not observed.
        y_pred : array-like aligned with `y_true`, or dict of str to array-like
            Predictions, by the name of the model if there are several.
        site : str, default=None
            The site to show; None takes the first that has an observation.
        period : tuple of two dates, default=None
            First and last step to show; None shows all.
        warmup : int, default=0
            Steps at the start of the record that are shaded, and left out of the scores.
        metric : str, default="nse"
            The score in the legend, a key of `stefaland_sk.metrics.METRICS`; it counts the
            steps shown.
        label : str, default="target"
            What stands at the axis, such as ``"runoff [mm/d]"``.
        precipitation : Series indexed by time, default=None
            Precipitation of the site, drawn from the top.

        Returns
        -------
        HydrographDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If a target has no labels.
        ValueError
            If the site or the period is not there, shapes disagree, or a prediction is
            missing on an observed step.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import HydrographDisplay
        >>> time = pd.date_range("2000-01-01", periods=3)
        >>> flow = pd.Series([1.0, 3.0, 2.0], index=time, name="01013500")
        >>> HydrographDisplay.from_predictions(flow, [1.0, 2.0, 2.0]).frame()["predicted"].tolist()
        [1.0, 2.0, 2.0]
        """
        check_number("warmup", warmup, low=0, integer=True)
        observed = site_by_time(y_true, "y_true")
        site = _choose_site(observed, site)
        observed = observed.loc[[site]]
        columns, scores = {"observed": observed.loc[site]}, {}
        for name, values in by_name(y_pred).items():
            predicted = site_by_time(values, f"y_pred[{name!r}]", like=y_true)
            if site not in predicted.index:
                raise ValueError(f"The prediction {name!r} has no site {site!r}.")
            predicted = predicted.loc[[site]].reindex(columns=observed.columns)
            columns[name] = predicted.loc[site]
            table = site_scores(observed, predicted, [metric], warmup=warmup, period=period)
            scores[name] = table.loc[site, metric]
        series = pd.DataFrame(columns).rename_axis("time")
        shown = _steps_shown(series.index, period)
        if precipitation is not None:
            precipitation = precipitation.reindex(series.index[shown]).rename("precipitation")
        return cls(
            series[shown],
            site=site,
            label=label,
            precipitation=precipitation,
            scores=pd.Series(scores, name=metric),
            warmup=int(shown[:warmup].sum()),
        )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        site=None,
        period=None,
        warmup=None,
        metric="nse",
        label=None,
        precipitation=None,
    ):
        """Make a Display by letting fitted estimators predict one site.

        Parameters
        ----------
        estimator : fitted estimator, or dict of str to fitted estimator
            The models to show.
        X : Panel, or DataFrame indexed by site and time
            Inputs. Only the rows of the site shown are predicted.
        y : array-like
            Target, aligned with X.
        site : str, default=None
            The site to show; None takes the first that has an observation.
        period : tuple of two dates, default=None
            First and last step to show; None shows all.
        warmup : int, default=None
            Steps shaded and left out of the scores; None takes the longest ``warmup`` of
            the estimators.
        metric : str, default="nse"
            The score in the legend, a key of `stefaland_sk.metrics.METRICS`.
        label : str, default=None
            What stands at the axis; None takes name and unit from y, where it has them.
        precipitation : str, default=None
            Forcing variable of X to draw from the top, such as ``"prcp"``.

        Returns
        -------
        HydrographDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If X has no time axis.
        ValueError
            If the site, the period or the variable is not there.

        Examples
        --------
        >>> from stefaland_sk import LinearComparator
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import HydrographDisplay
        >>> X, y = make_catchments(n_sites=4, n_years=2, n_regions=2, random_state=0)
        >>> model = LinearComparator().fit(X, y)
        >>> display = HydrographDisplay.from_estimator(model, X, y, warmup=30)
        >>> display.frame().shape
        (730, 2)
        """
        models = estimator if isinstance(estimator, dict) else {_name_of(estimator): estimator}
        observed = _label_target(y, X)
        site = _choose_site(observed, site)
        part = _select_site(X, site)
        if warmup is None:
            warmup = max((getattr(model, "warmup", 0) or 0 for model in models.values()), default=0)
        return cls.from_predictions(
            observed.loc[[site]],
            {
                name: _label(model.predict(part), part).reindex(columns=observed.columns)
                for name, model in models.items()
            },
            period=period,
            warmup=warmup,
            metric=metric,
            label=_axis_label(y) if label is None else label,
            precipitation=None if precipitation is None else _forcing_series(part, precipitation),
        )

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame of shape (n_times, n_columns)
            Indexed by time: ``observed``, one column per model and, where it was given,
            ``precipitation``.
        """
        parts = [self.series] if self.precipitation is None else [self.series, self.precipitation]
        return pd.concat(parts, axis=1)

    def plot(self, ax=None, *, colors=None, yscale="linear"):
        """Draw the series.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict of str to color, default=None
            Colours of some models; the others take those of a colour-blind-safe palette.
        yscale : {"linear", "log", "symlog"}, default="linear"
            Scale of the target's axis; low flows show on a logarithmic one.

        Returns
        -------
        HydrographDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `colors` names a model that is not shown.
        """
        self.ax_, self.figure_ = open_axes(ax, type(self).__name__, figsize=(9.0, 3.6))
        models = self.series.columns.drop("observed")
        colours = colours_of(list(models), colors)
        time = self.series.index
        self.ax_.plot(
            time, self.series["observed"], color=OBSERVED, lw=0.9, zorder=3, label="observed"
        )
        for name in models:
            self.ax_.plot(
                time, self.series[name], color=colours[name], lw=1.2, label=self._legend(name)
            )
        if self.warmup:
            self.ax_.axvspan(time[0], time[self.warmup - 1], color="0.92", lw=0, label="warm-up")
        self.ax_.set_yscale(yscale)
        if yscale == "linear":
            self.ax_.set_ylim(bottom=min(0.0, float(np.nanmin(self.series.to_numpy()))))
        self.ax_.set_xlim(time[0], time[-1])
        self.ax_.set_ylabel(self.label)
        self.ax_.set_title(f"site {self.site}", loc="left", fontsize="medium")
        if self.precipitation is not None:
            self._draw_precipitation()
        self.ax_.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),  # above the axes, where no series runs
            ncols=4,
            frameon=False,
            fontsize="small",
            handlelength=1.4,
        )
        return self

    def _legend(self, name):
        """Name a model with its score, where it has one."""
        if self.scores is None or not np.isfinite(self.scores.get(name, np.nan)):
            return name
        return f"{name} ({str(self.scores.name).upper()} {self.scores[name]:.2f})"

    def _draw_precipitation(self):
        """Hang bars from the top, in the upper third, and keep the flow below them."""
        low, high = self.ax_.get_ylim()
        if self.ax_.get_yscale() == "linear":
            self.ax_.set_ylim(low, high + 0.45 * (high - low))
        top = self.ax_.twinx()
        values = self.precipitation.fillna(0.0)
        top.fill_between(values.index, values, step="mid", color="#7FA8C9", lw=0, alpha=0.8)
        top.set_ylim(3.2 * max(float(values.max()), 1e-6), 0.0)
        top.set_yticks([0.0, float(f"{values.max():.1g}")])
        top.spines[["top", "left", "bottom"]].set_visible(False)
        top.set_ylabel("precipitation", loc="top", fontsize="small")


def _steps_shown(time, period):
    """Mark the steps of a period; all without one."""
    if period is None:
        return np.ones(len(time), dtype=bool)
    return period_mask(time, period, "period")


def _choose_site(observed, site):
    """Check the site asked for, or take the first that has an observation."""
    if site is None:
        labelled = observed.index[observed.notna().any(axis=1)]
        if not len(labelled):
            raise ValueError("No site of `y_true` has an observation.")
        return labelled[0]
    if site not in observed.index:
        raise ValueError(
            f"There is no site {site!r} among the {len(observed)} sites, for example "
            f"{list(observed.index[:3])}. Site identifiers are strings."
        )
    return site


def _name_of(estimator):
    """Class name of an estimator, of a pipeline's last step."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def _label_target(y, X):
    """Name the sites and times of a target after those of X."""
    if isinstance(X, Panel) and X.time is not None:
        return X.label(align_target(y, X))
    if is_long(X):
        return _label(y, X)
    raise TypeError(
        "A hydrograph needs a Panel with a time axis, or a DataFrame indexed by site and time; got "
        f"{type(X).__name__}."
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


def _forcing_series(part, name):
    """Give one forcing variable of the only site of a panel or a long table."""
    if isinstance(part, Panel):
        return pd.Series(part.variable(name)[0], index=part.time)
    check_option("precipitation", name, list(part.columns))
    return part[name].droplevel([level for level in part.index.names if level != "time"])


def _axis_label(y):
    """Name of a target with its unit, as far as the target itself tells."""
    name = getattr(y, "name", None) or getattr(y, "attrs", {}).get("name") or "target"
    unit = getattr(y, "attrs", {}).get("units")
    return f"{name} [{unit}]" if unit else str(name)
