"""Where a model does well: the scores of sites on a map."""

import numpy as np
import pandas as pd

from stefaland_sk.metrics import get_metric, site_scores

from ._base import Display, check_limits, heading, metric_label, metric_limits
from ._points import Scale, draw_numbers, dress_map
from ._series import site_by_time
from ._tables import (
    counted,
    look_up,
    need_columns,
    need_unique,
    need_value,
    select_results,
    site_places,
)


class SkillMapDisplay(Display):
    """Scores of sites on a map, of one model or of its difference to another.

    Use `from_results` or `from_predictions` to make one.

    Parameters
    ----------
    scores : DataFrame
        Columns ``site``, ``lat``, ``lon`` [degrees] and ``value``; one row per site.
    metric : str
        Name of the metric, for the colour bar and its limits.
    model : str, default=None
        Name of the model, for the heading.
    baseline : str, default=None
        Name of the model whose scores have been subtracted. The colours are then symmetric
        about zero.

    Attributes
    ----------
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
    SiteScoreDisplay : The same scores as a distribution.
    SkillDistanceDisplay : The same scores against the distance to training sites.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import SkillMapDisplay
    >>> scores = pd.DataFrame(
    ...     {"site": ["a", "b"], "lat": [47.2, 46.6], "lon": [-68.6, -68.1], "value": [0.5, 0.7]}
    ... )
    >>> SkillMapDisplay(scores, metric="nse").frame()["value"].tolist()
    [0.5, 0.7]
    """

    _figsize = (7.4, 4.2)

    def __init__(self, scores, *, metric, model=None, baseline=None):
        columns = ["site", "lat", "lon", "value"]
        need_columns(scores, columns, "scores")
        need_unique(scores, ["site"], "scores", " A map shows one model.")
        need_value(scores)
        self.scores = scores[columns].reset_index(drop=True)
        self.metric = metric
        self.model = model
        self.baseline = baseline

    @classmethod
    def from_results(
        cls, results, sites, *, metric="nse", model=None, baseline=None, protocol=None
    ):
        """Make a Display from a tidy results table and the places of its sites.

        Parameters
        ----------
        results : DataFrame
            Columns ``model``, ``site``, ``metric`` and ``value``, and ``protocol`` where
            there are several; further columns such as ``seed`` and ``fold`` may be there.
        sites : Panel, or DataFrame indexed by site
            Places of the sites: ``lat`` and ``lon`` [degrees] in the site table of a panel, or as
            columns. Further sites do no harm.
        metric : str, default="nse"
            The metric to show.
        model : str, default=None
            The model to show; needed if the table has several.
        baseline : str, default=None
            Show the gain over this model: its scores are subtracted, site by site.
        protocol : str, default=None
            The protocol to show; needed if the table has several.

        Returns
        -------
        SkillMapDisplay
            The Display, not yet drawn. Where a model has several rows for one site, as
            with several seeds, the site gets their mean.

        Raises
        ------
        ValueError
            If the metric, the protocol or a model is not in the table, there are several and
            none is chosen, or a site has no place.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import SkillMapDisplay
        >>> results = pd.DataFrame(
        ...     {"model": ["lstm", "forest"], "site": "01013500", "metric": "nse",
        ...      "value": [0.7, 0.5]}
        ... )
        >>> sites = pd.DataFrame({"lat": [47.2], "lon": [-68.6]}, index=["01013500"])
        >>> display = SkillMapDisplay.from_results(
        ...     results, sites, model="lstm", baseline="forest"
        ... )
        >>> display.frame()["value"].round(3).tolist()
        [0.2]
        """
        need_columns(results, ["model", "site", "metric", "value"], "results")
        if model is None:
            there = [name for name in results["model"].unique() if name != baseline]
            if len(there) > 1:
                raise ValueError(
                    f"`results` holds several models: {there}. Choose one with `model=`; a map "
                    "shows one."
                )
            model = there[0] if there else baseline
        models = [model] if baseline is None else [model, baseline]
        scores = select_results(results, metric, protocol, models)
        wide = scores.pivot(index="site", columns="model", values="value")
        values = wide[model] if baseline is None else wide[model] - wide[baseline]
        return cls(_placed(values, sites), metric=metric, model=model, baseline=baseline)

    @classmethod
    def from_predictions(cls, y_true, y_pred, sites, *, metric="nse", baseline=None, **options):
        """Make a Display from a target, a prediction and the places of the sites.

        Parameters
        ----------
        y_true : DataFrame, DataArray or Series
            Target with its labels; NaN = not observed.
        y_pred : array-like aligned with `y_true`
            Prediction.
        sites : Panel, or DataFrame indexed by site
            Places of the sites, as in `from_results`.
        metric : str, default="nse"
            A key of `stefaland_sk.metrics.METRICS`.
        baseline : array-like aligned with `y_true`, default=None
            Another prediction, whose scores are subtracted.
        **options
            Passed to `stefaland_sk.metrics.site_scores`, such as ``warmup`` and ``min_obs``.

        Returns
        -------
        SkillMapDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If the target has no labels.
        ValueError
            If shapes disagree, the metric is unknown, no site has enough observations, or a site
            has no place.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import SkillMapDisplay
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> display = SkillMapDisplay.from_predictions(y, 0 * y + 1.0, X, metric="rmse")
        >>> list(display.frame())
        ['site', 'lat', 'lon', 'value']
        """
        metric = get_metric(metric)
        observed = site_by_time(y_true, "y_true")
        values = 0.0
        for sign, name, made in ((1.0, "y_pred", y_pred), (-1.0, "baseline", baseline)):
            if made is not None:
                predicted = site_by_time(made, name, like=y_true)
                scores = site_scores(observed, predicted, [metric], **options)[metric.name]
                values = values + sign * scores
        name = None if baseline is None else "baseline"
        return cls(_placed(values, sites), metric=metric.name, baseline=name)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame of shape (n_sites, 4)
            Columns ``site``, ``lat``, ``lon`` and ``value``; NaN where a site has no score.
        """
        return self.scores.copy()

    def plot(self, ax=None, *, limits=None, cmap=None, size=None, outline=None):
        """Draw the sites at their places.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        limits : tuple of two floats, default=None
            Ends of the colours; scores outside take the colour of the end, and the colour bar
            shows an arrow. None takes (0, 1) for metrics that are best at 1, such as NSE, and
            else leaves the outermost 2 % of the sites on either side to the arrows. Differences
            and biases are symmetric about zero, with the outermost 10 % beyond.
        cmap : str or matplotlib Colormap, default=None
            Colours; None takes ``"viridis"``, its bright end for the better side, or ``"PuOr"``
            about zero. All can be read by colour-blind readers.
        size : float, default=None
            Area of a mark in square points; None goes by the number of sites.
        outline : array-like of shape (n_points, 2), or list of them, default=None
            Lines to draw below the sites, such as coasts and borders: longitude and latitude
            [degrees]; NaN breaks a line.

        Returns
        -------
        SkillMapDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `limits` or `outline` has another form.
        """
        limits = check_limits("limits", limits)
        ax = self._open(ax)
        better_up = _better_up(self.metric)
        diverging = self.baseline is not None or better_up is None
        if limits is None and not diverging:
            limits = metric_limits(self.metric)
        scale = Scale.of(
            self.scores["value"], limits, diverging=diverging, reverse=better_up is False
        )
        if cmap is not None:
            scale = Scale(scale.limits, cmap)
        label = metric_label(self.metric)
        if self.baseline is not None:
            label = f"difference in {label}"
        # The worst last, so that no failure hides behind a neighbour.
        badness = {True: lambda v: -v, False: lambda v: v, None: abs}[better_up]
        table = self.scores.sort_values("value", key=badness)
        draw_numbers(ax, table["lon"], table["lat"], table["value"], scale, label=label, size=size)
        dress_map(ax, self.scores, outline)
        title = self.model
        if self.baseline is not None:
            title = f"{self.model or 'prediction'} \N{MINUS SIGN} {self.baseline}"
        lost = int(self.scores[["lat", "lon"]].isna().any(axis=1).sum())
        heading(ax, title, f"{counted(lost, 'site')} without place not shown" if lost else None)
        return self


def _better_up(metric):
    """Whether greater values are better; None where zero is best; True for unknown metrics."""
    try:
        return get_metric(metric).greater_is_better
    except ValueError:
        return True


def _placed(values, sites):
    """Join values by site with the places of the sites."""
    values = pd.Series(values, name="value")
    values.index = pd.Index(np.asarray(values.index).astype(str), name="site")
    places = look_up(site_places(sites), values.index, "sites")
    table = pd.concat([places, values], axis=1).rename_axis("site").reset_index()
    return table[["site", "lat", "lon", "value"]]
