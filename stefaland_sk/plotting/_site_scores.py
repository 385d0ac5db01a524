"""Scores of many sites as a distribution: one curve per model."""

import numpy as np
import pandas as pd

from stefaland_sk.metrics import site_scores

from ._base import (
    DASHES,
    Display,
    check_limits,
    colours_of,
    legend_beside,
    marks_of,
    metric_label,
    metric_limits,
)
from ._series import by_name, site_by_time
from ._tables import need_columns, need_unique, need_value, select_results


class SiteScoreDisplay(Display):
    """Empirical distribution of per-site scores, one curve per model.

    A median says how a model does at the typical site; the curve also shows at how many
    sites it fails. Use `from_results` or `from_predictions` to make one.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model``, ``site`` and ``value``; one row per model and site.
    metric : str
        Name of the metric, for the axis.

    Attributes
    ----------
    medians : Series
        Median over sites of each model.
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, a site repeats, or no site has a score.

    See Also
    --------
    HydrographDisplay : The series behind the score of one site.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import SiteScoreDisplay
    >>> scores = pd.DataFrame(
    ...     {"model": ["a", "a", "b", "b"], "site": ["1", "2"] * 2, "value": [0.2, 0.6, 0.5, 0.7]}
    ... )
    >>> SiteScoreDisplay(scores, metric="nse").medians.to_dict()
    {'a': 0.4, 'b': 0.6}
    """

    _figsize = (7.4, 3.8)

    def __init__(self, scores, *, metric):
        advice = " Use `SiteScoreDisplay.from_results` for a results table; it averages seeds."
        need_columns(scores, ["model", "site", "value"], "scores", advice)
        need_unique(scores, ["model", "site"], "scores", advice)
        need_value(scores)
        self.scores = scores[["model", "site", "value"]].reset_index(drop=True)
        self.metric = metric

    @property
    def medians(self):
        """Median over sites of each model."""
        return self.scores.groupby("model", sort=False)["value"].median()

    @classmethod
    def from_results(cls, results, *, metric="nse", protocol=None, models=None):
        """Make a Display from a tidy results table.

        Parameters
        ----------
        results : DataFrame
            Columns ``model``, ``site``, ``metric`` and ``value``, and ``protocol`` where
            there are several; further columns such as ``seed`` and ``fold`` may be there.
        metric : str, default="nse"
            The metric to show.
        protocol : str, default=None
            The protocol to show; needed if the table has several.
        models : sequence of str, default=None
            The models to show, in this order; None shows all in the order of the table.

        Returns
        -------
        SiteScoreDisplay
            The Display, not yet drawn. Where a model has several rows for one site, as
            with several seeds, the site gets their mean.

        Raises
        ------
        ValueError
            If the metric, the protocol or a model is not in the table, or the table has
            several protocols and none is chosen.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import SiteScoreDisplay
        >>> results = pd.DataFrame(
        ...     {"model": "lstm", "seed": [0, 1], "site": "01013500", "metric": "nse",
        ...      "value": [0.5, 0.7]}
        ... )
        >>> SiteScoreDisplay.from_results(results).frame()["value"].tolist()
        [0.6]
        """
        return cls(select_results(results, metric, protocol, models), metric=metric)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, metric="nse", **options):
        """Make a Display from a target and the predictions of one or more models.

        Parameters
        ----------
        y_true : DataFrame, DataArray or Series
            Target with its labels; NaN = not observed.
        y_pred : array-like aligned with `y_true`, or dict of str to array-like
            Predictions, by the name of the model if there are several.
        metric : str, default="nse"
            A key of `stefaland_sk.metrics.METRICS`.
        **options
            Passed to `stefaland_sk.metrics.site_scores`, such as ``warmup`` and ``min_obs``.

        Returns
        -------
        SiteScoreDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If the target has no labels.
        ValueError
            If shapes disagree, the metric is unknown, or no site has enough observations.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from stefaland_sk.plotting import SiteScoreDisplay
        >>> time = pd.date_range("2000-01-01", periods=400)
        >>> flow = pd.DataFrame([np.arange(400.0), np.arange(400.0) % 7], ["a", "b"], time)
        >>> display = SiteScoreDisplay.from_predictions(flow, {"mean": 0 * flow + 3.0})
        >>> display.frame()["site"].tolist()
        ['a', 'b']
        """
        observed = site_by_time(y_true, "y_true")
        tables = {}
        for name, values in by_name(y_pred).items():
            predicted = site_by_time(values, f"y_pred[{name!r}]", like=y_true)
            tables[name] = site_scores(observed, predicted, [metric], **options)[metric]
        scores = pd.concat(tables, names=["model", "site"]).rename("value").reset_index()
        return cls(scores, metric=metric)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            Columns ``model``, ``site``, ``value``, and ``fraction``, the share of the
            model's sites with this score or a lower one; sorted by model and value.
            Sites without a score come last in their model, with the fraction NaN.
        """
        order = {name: i for i, name in enumerate(self.medians.index)}
        frame = self.scores.sort_values("value", kind="stable")
        frame = frame.sort_values("model", key=lambda names: names.map(order), kind="stable")
        ranked = frame.groupby("model")["value"]
        frame["fraction"] = ranked.rank(method="max") / ranked.transform("count")
        return frame.reset_index(drop=True)

    def plot(self, ax=None, *, colors=None, xlim=None):
        """Draw one curve per model, with its median in the legend.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict of str to color, default=None
            Colours of some models; the others take those of a colour-blind-safe palette.
        xlim : tuple of two floats, default=None
            Range of scores drawn. None takes (0, 1) for metrics that are best at 1, such
            as NSE, whose tail is unbounded, and the whole range otherwise. A curve that
            enters from the left above zero has sites outside.

        Returns
        -------
        SiteScoreDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `colors` names a model that is not shown, or `xlim` is no range.
        """
        xlim = check_limits("xlim", xlim) or metric_limits(self.metric)
        self._open(ax)
        medians = self.medians
        names = list(medians.index)
        colours, dashes = colours_of(names, colors), marks_of(names, DASHES)
        frame = self.frame().dropna(subset="value")
        for name, part in frame.groupby("model", sort=False):
            label = f"{name}: {medians[name]:.2f} (n={len(part)})"
            # The curve starts at zero below its lowest site and goes on at one above its highest.
            values = np.r_[part["value"].iloc[0], part["value"], np.inf]
            fractions = np.r_[0.0, part["fraction"], 1.0]
            values[-1] = xlim[1] if xlim else values[-2]
            self.ax_.plot(
                values,
                fractions,
                drawstyle="steps-post",
                color=colours[name],
                ls=dashes[name],
                lw=1.6,
                label=label,
            )
        if xlim is not None:
            self.ax_.set_xlim(*xlim)
        self.ax_.set_ylim(0.0, 1.0)
        self.ax_.axhline(0.5, color="0.8", lw=0.8, zorder=0)
        self.ax_.set_xlabel(metric_label(self.metric))
        self.ax_.set_ylabel("share of sites with a lower score")
        legend_beside(self.ax_, "median over sites")
        return self
