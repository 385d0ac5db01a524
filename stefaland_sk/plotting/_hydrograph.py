"""Observed and predicted series of one site."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number

from ._base import OBSERVED, Display, colours_of, dress_time, heading, legend_above, with_unit
from ._series import SitePredictions, SiteSeries, target_label


class HydrographDisplay(Display):
    """Observed and predicted series of one site, with intervals, and the rain above them.

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
    bounds : dict of str to DataFrame, default=None
        By model, a DataFrame indexed by time with the columns ``"lower"`` and ``"upper"``, the
        ends of an interval.
    level : float, default=None
        Share of the observations that the intervals are meant to hold, for the legend.

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
    FlowDurationDisplay : The same series, sorted.
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

    _figsize = (9.0, 3.6)

    def __init__(
        self,
        series,
        *,
        site,
        label="target",
        precipitation=None,
        scores=None,
        warmup=0,
        bounds=None,
        level=None,
    ):
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
        self.bounds = bounds or {}
        self.level = check_level(level)

    @property
    def coverage(self):
        """Share of the observations inside the interval of each model, without warm-up."""
        observed = self.series["observed"].iloc[self.warmup :].dropna()
        inside = {}
        for name, bounds in self.bounds.items():
            ends = bounds.reindex(observed.index).dropna()
            seen = observed[ends.index]
            inside[name] = ((seen >= ends["lower"]) & (seen <= ends["upper"])).mean()
        return pd.Series(inside, name="coverage", dtype=float)

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
        intervals=None,
        level=None,
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
            The site to show, with observations or without; None takes the first that has some.
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
            Precipitation of the site, drawn from the top; its unit is that of
            ``precipitation.attrs["units"]``.
        intervals : pair of array-likes, or dict of str to such a pair, default=None
            Lower and upper bound, each of a form that `y_pred` may have: of the only model, or
            by the name of the model.
        level : float, default=None
            Share of the observations that the intervals are meant to hold, such as 0.9; it
            stands in the legend beside the share that they do hold.

        Returns
        -------
        HydrographDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If a target has no labels.
        ValueError
            If the site or the period is not there, shapes disagree, a prediction is
            missing on an observed step, an interval is no pair, or its ends are swapped.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import HydrographDisplay
        >>> time = pd.date_range("2000-01-01", periods=3)
        >>> flow = pd.Series([1.0, 3.0, 2.0], index=time, name="01013500")
        >>> HydrographDisplay.from_predictions(flow, [1.0, 2.0, 2.0]).frame()["predicted"].tolist()
        [1.0, 2.0, 2.0]
        """
        record = SiteSeries(y_true, y_pred, site=site, period=period, warmup=warmup)
        series, shown = record.frame, record.is_shown
        if precipitation is not None:
            units = precipitation.attrs.get("units")
            precipitation = precipitation.reindex(series.index[shown]).rename("precipitation")
            precipitation.attrs["units"] = units
        bounds = {} if intervals is None else record.bounds(intervals)
        return cls(
            series[shown],
            site=record.site,
            label=label,
            precipitation=precipitation,
            scores=record.scores(metric),
            warmup=int(shown[:warmup].sum()),
            bounds={name: frame[shown] for name, frame in bounds.items()},
            level=level,
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
        level=None,
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
            The site to show, with observations or without; None takes the first that has some.
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
        level : float, default=None
            Draw the interval between two quantiles that should hold this share of the
            observations, 0.9 for those of 5 and 95 %, of each estimator that predicts
            quantiles.

        Returns
        -------
        HydrographDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If X has no time axis.
        ValueError
            If the site, the period or the variable is not there, or `level` is given and no
            estimator predicts quantiles.

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
        made = SitePredictions(estimator, X, y, site)
        intervals = None
        if check_level(level) is not None:
            intervals = _intervals(made, level)
        return cls.from_predictions(
            made.y_true,
            made.y_pred,
            site=made.site,
            period=period,
            warmup=made.warmup(warmup),
            metric=metric,
            label=target_label(y) if label is None else label,
            precipitation=None if precipitation is None else made.forcing(precipitation),
            intervals=intervals,
            level=level,
        )

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame of shape (n_times, n_columns)
            Indexed by time: ``observed``, one column per model, ``NAME lower`` and
            ``NAME upper`` of a model with an interval and, where it was given,
            ``precipitation``.
        """
        parts = [self.series, *(b.add_prefix(f"{name} ") for name, b in self.bounds.items())]
        if self.precipitation is not None:
            parts.append(self.precipitation)
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
        self._open(ax)
        models = self.series.columns.drop("observed")
        colours = colours_of(list(models), colors)
        time = self.series.index
        if self.series["observed"].notna().any():
            self.ax_.plot(
                time, self.series["observed"], color=OBSERVED, lw=0.9, zorder=3, label="observed"
            )
        for name in models:
            self.ax_.plot(
                time, self.series[name], color=colours[name], lw=1.2, label=self._legend(name)
            )
        for name, bounds in self.bounds.items():
            self.ax_.fill_between(
                bounds.index,
                bounds["lower"],
                bounds["upper"],
                color=colours[name],
                alpha=0.25,
                lw=0,
                zorder=1,
                label=self._legend_of_interval(name),
            )
        if self.warmup:
            end = time[self.warmup - 1]
            self.ax_.axvspan(time[0], end, color="0.92", lw=0, zorder=0, label="warm-up")
        self.ax_.set_yscale(yscale)
        if yscale == "linear":
            self.ax_.set_ylim(bottom=min(0.0, float(np.nanmin(self.series.to_numpy()))))
        dress_time(self.ax_, time)
        self.ax_.set_ylabel(self.label)
        heading(self.ax_, f"site {self.site}")
        if self.precipitation is not None:
            self._draw_precipitation()
        legend_above(self.ax_)
        return self

    def _legend(self, name):
        """Name a model with its score, where it has one."""
        if self.scores is None or not np.isfinite(self.scores.get(name, np.nan)):
            return name
        return f"{name} ({str(self.scores.name).upper()} {self.scores[name]:.2f})"

    def _legend_of_interval(self, name):
        """Name an interval with its nominal and its observed coverage."""
        nominal = "interval" if self.level is None else f"{100 * self.level:.3g} % interval"
        of = f" of {name}" if len(self.bounds) > 1 else ""
        covered = self.coverage[name]
        return f"{nominal}{of}" + (f" (holds {100 * covered:.0f} %)" if covered >= 0 else "")

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
        label = with_unit("precipitation", self.precipitation.attrs.get("units"))
        top.set_ylabel(label, loc="top", fontsize="small")


def check_level(level):
    """Raise unless a level is None or a share above 0 and below 1."""
    check_number("level", level, low=0, high=1, none=True, open_low=True)
    if level == 1:
        raise ValueError("`level` must be below 1: no interval holds everything.")
    return level


def _intervals(made, level):
    """Ask the estimators that predict quantiles for the ends of an interval."""
    ends = (0.5 - level / 2, 0.5 + level / 2)
    found, refusal = {}, None
    for name, model in made.models.items():
        try:
            values = model.predict_quantiles(made.part, quantiles=ends)
        except AttributeError as error:  # no such method, or fitted without quantiles
            refusal = error
            continue
        found[name] = tuple(made.label(values[..., i]) for i in range(2))
    if not found:
        raise ValueError(
            f"`level`={level} needs an estimator that predicts quantiles, such as one fitted with "
            f"distribution='quantiles'; got {list(made.models)}. Intervals from elsewhere go into "
            "`from_predictions(..., intervals=(lower, upper))`."
        ) from refusal
    return found
