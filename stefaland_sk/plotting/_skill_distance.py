"""How skill falls with the distance from the training sites."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data._globe import Globe

from ._base import (
    Display,
    check_limits,
    colours_of,
    draw_at_edges,
    legend_beside,
    marks_of,
    metric_label,
    metric_limits,
)
from ._points import point_size
from ._tables import (
    look_up,
    need_columns,
    need_unique,
    need_value,
    plain,
    select_results,
    site_places,
)


class SkillDistanceDisplay(Display):
    """Scores of sites against their distance from the sites that the model was trained on.

    Use `from_results` to make one.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model``, ``site``, ``distance`` and ``value``; one row per model and site.
    metric : str
        Name of the metric, for the axis.
    label : str, default="distance to the nearest training site [km]"
        What stands at the axis of distances.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, a site repeats, no site has a score, or a distance is negative.

    See Also
    --------
    SkillMapDisplay : The same scores at their places.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import SkillDistanceDisplay
    >>> scores = pd.DataFrame(
    ...     {"model": "lstm", "site": ["a", "b"], "distance": [20.0, 300.0], "value": [0.7, 0.4]}
    ... )
    >>> SkillDistanceDisplay(scores, metric="nse").binned(1)[["n_sites", "median"]]
       n_sites  median
    0        2    0.55
    """

    _figsize = (7.4, 3.9)

    def __init__(self, scores, *, metric, label="distance to the nearest training site [km]"):
        columns = ["model", "site", "distance", "value"]
        need_columns(scores, columns, "scores")
        need_unique(scores, ["model", "site"], "scores")
        need_value(scores)
        need_value(scores, "distance", "site has a distance")
        negative = scores[scores["distance"] < 0]
        if len(negative):
            raise ValueError(
                f"The distance of site {negative['site'].iloc[0]!r} is "
                f"{negative['distance'].iloc[0]:g}; distances are not negative."
            )
        self.scores = scores[columns].reset_index(drop=True)
        self.metric = metric
        self.label = label

    @classmethod
    def from_results(
        cls,
        results,
        sites=None,
        *,
        distance=None,
        label=None,
        metric="nse",
        protocol=None,
        models=None,
    ):
        """Make a Display from a tidy results table, with distances given or computed.

        Parameters
        ----------
        results : DataFrame
            Columns ``model``, ``site``, ``metric`` and ``value``, ``fold`` if distances are to be
            computed, and ``protocol`` where there are several.
        sites : Panel, or DataFrame indexed by site, default=None
            The sites of the comparison, all of those that the models could train on, with ``lat``
            and ``lon`` [degrees]. The distance of a site is the great-circle distance [km] to
            the nearest site that was not tested in its fold.
        distance : Series or dict, default=None
            Distance of each site, of your own: along rivers, in attributes, to the training sites
            of a split that left sites out. In place of `sites`.
        label : str, default=None
            What stands at the axis of distances; with `distance` say what it is, with its unit.
        metric : str, default="nse"
            The metric to show.
        protocol : str, default=None
            The protocol to show; needed if the table has several.
        models : sequence of str, default=None
            The models to show, in this order; None shows all in the order of the table.

        Returns
        -------
        SkillDistanceDisplay
            The Display, not yet drawn. Scores of several seeds are averaged per site.

        Raises
        ------
        ValueError
            If not exactly one of `sites` and `distance` is given, something chosen is not in the
            table, a site is not known, or was tested in several folds.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import SkillDistanceDisplay
        >>> results = pd.DataFrame(
        ...     {"model": "lstm", "fold": [0, 0, 1], "site": list("abc"), "metric": "nse",
        ...      "value": [0.7, 0.6, 0.4]}
        ... )
        >>> sites = pd.DataFrame({"lat": 0.0, "lon": [0.0, 1.0, 3.0]}, index=list("abc"))
        >>> display = SkillDistanceDisplay.from_results(results, sites)
        >>> display.frame()["distance"].round(1).tolist()
        [333.6, 222.4, 222.4]
        """
        if (sites is None) == (distance is None):
            raise ValueError(
                "Give either `sites`, from which distances are computed, or `distance`, not both."
            )
        scores = select_results(results, metric, protocol, models)
        if distance is None:
            folds = select_results(results, metric, protocol, models, keep=["fold"])
            distance = _distance_to_training(folds, site_places(sites))
            label = label or "distance to the nearest training site [km]"
        distance = pd.Series(distance, dtype=float)
        distance.index = distance.index.astype(str)
        found = look_up(distance, scores["site"].unique(), "distance")
        scores = scores.assign(distance=scores["site"].map(found))
        return cls(scores, metric=metric, label=label or "distance")

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            Columns ``model``, ``site``, ``distance`` and ``value``, one row per model and site.
        """
        return self.scores.copy()

    def binned(self, n_bins=None):
        """Summarise the scores by distance, in classes with equal numbers of sites.

        Parameters
        ----------
        n_bins : int, default=None
            Number of classes; None takes one for each 15 sites, at most 8. Sites at one distance
            stay together, so that there may be fewer.

        Returns
        -------
        DataFrame
            One row per model and class: ``model``, ``distance`` (median), ``low`` and ``high``
            (nearest and farthest site), ``n_sites``, ``median``, ``q25`` and ``q75`` of the scores.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import SkillDistanceDisplay
        >>> scores = pd.DataFrame(
        ...     {"model": "lstm", "site": list("abcd"), "distance": [1.0, 2.0, 3.0, 4.0],
        ...      "value": [0.9, 0.7, 0.5, 0.3]}
        ... )
        >>> SkillDistanceDisplay(scores, metric="nse").binned(2)[["low", "high", "median"]]
           low  high  median
        0  1.0   2.0     0.8
        1  3.0   4.0     0.4
        """
        check_number("n_bins", n_bins, low=1, integer=True, none=True)
        seen = self.scores.dropna(subset=["distance", "value"])
        sites = seen.drop_duplicates("site")["distance"]
        if n_bins is None:
            n_bins = int(np.clip(len(sites) // 15, 1, 8))
        # The same classes for all models, so that medians are of the same sites.
        edges = np.unique(np.quantile(sites, np.linspace(0, 1, n_bins + 1)))
        classes = np.clip(np.searchsorted(edges, seen["distance"], side="left") - 1, 0, None)
        order = {name: i for i, name in enumerate(seen["model"].unique())}
        grouped = seen.groupby([seen["model"].map(order).rename("order"), classes])
        table = pd.DataFrame(
            {
                "model": grouped["model"].first(),
                "distance": grouped["distance"].median(),
                "low": grouped["distance"].min(),
                "high": grouped["distance"].max(),
                "n_sites": grouped.size(),
                "median": grouped["value"].median(),
                "q25": grouped["value"].quantile(0.25),
                "q75": grouped["value"].quantile(0.75),
            }
        )
        return table.reset_index(drop=True)

    def plot(self, ax=None, *, colors=None, ylim=None, xscale="linear", n_bins=None):
        """Draw a point per site, and medians by distance with the middle half of the sites.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict of str to color, default=None
            Colours of some models; the others take those of a colour-blind-safe palette.
        ylim : tuple of two floats, default=None
            Range of scores drawn; sites beyond it are arrow heads at its edge. None takes (0, 1)
            for metrics that are best at 1, such as NSE, and the whole range otherwise.
        xscale : {"linear", "log"}, default="linear"
            Scale of the distances.
        n_bins : int, default=None
            Number of classes of distance, see `binned`. With fewer than 15 sites no medians are
            drawn unless it is given.

        Returns
        -------
        SkillDistanceDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `colors` names a model that is not shown, `xscale` is unknown, or `ylim` is no
            range.
        """
        check_option("xscale", xscale, ["linear", "log"])
        limits = check_limits("ylim", ylim) or metric_limits(self.metric)
        seen = self.scores.dropna(subset=["distance", "value"])
        names = list(self.scores["model"].unique())
        colours, marks = colours_of(names, colors), marks_of(names)
        ax = self._open(ax)
        n_sites = seen["site"].nunique()
        size = 0.6 * point_size(n_sites * len(names))
        medians = self.binned(n_bins) if n_bins or n_sites >= 15 else None
        reach = seen["distance"].max() if xscale == "linear" else 0.0
        for name in names:
            part = seen[seen["model"] == name]
            look = {"color": [colours[name]], "s": size, "lw": 0, "alpha": 0.8}
            if limits is not None:
                beyond = {**look, "s": max(2 * size, 16.0), "alpha": 0.6}
                draw_at_edges(ax, part["distance"], part["value"], limits, **beyond)
            label = f"{name} (n={len(part)})"
            if medians is not None:
                look["alpha"] = 0.35 if n_sites < 200 else 0.2
                table = medians[medians["model"] == name]
                # Side by side, so that the bars of one class of distance do not hide each other.
                shift = (names.index(name) - (len(names) - 1) / 2) * 0.008
                table = table.assign(distance=table["distance"] + shift * reach)
                _draw_medians(ax, table, colours, marks, label)
                label = None
            inside = part
            if limits is not None:
                inside = part[part["value"].between(*limits)]
            ax.scatter(inside["distance"], inside["value"], marker=marks[name], label=label, **look)
        ax.set_xscale(xscale)
        if limits is not None:
            ax.set_ylim(*limits)
        if xscale == "linear":
            ax.set_xlim(left=0.0)
        else:
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set_xlabel(self.label)
        ax.set_ylabel(metric_label(self.metric))
        legend_beside(ax, "median, middle half" if medians is not None else None)
        return self


def _draw_medians(ax, table, colours, marks, label):
    """Draw the medians of one model, with bars from quartile to quartile."""
    if table.empty:
        return
    name = table["model"].iloc[0]
    ax.errorbar(
        table["distance"],
        table["median"],
        yerr=np.stack([table["median"] - table["q25"], table["q75"] - table["median"]]),
        color=colours[name],
        marker=marks[name],
        ms=5,
        lw=1.6,
        elinewidth=0.9,
        capsize=2,
        zorder=4,
        label=label,
    )


def _distance_to_training(folds, places):
    """Give each site's great-circle distance [km] to the nearest site outside its fold."""
    sites = folds.drop_duplicates(["site", "fold"]).set_index("site")["fold"]
    if sites.index.has_duplicates:
        raise ValueError(
            f"Site {sites.index[sites.index.duplicated()][0]!r} was tested in several folds, so "
            "that its distance to the training sites is not one number. Give `distance=`."
        )
    look_up(places, sites.index, "sites")
    places, globe, found = places.dropna(), Globe(), {}
    for fold in sites.unique():
        tested = sites.index[sites == fold]
        training = places.drop(tested, errors="ignore")
        if training.empty:
            raise ValueError(
                f"All {len(places)} sites with a place were tested in fold {plain(fold)!r}: none "
                "is left as a training site. Let `sites` hold the training sites too."
            )
        tested = tested[tested.isin(places.index)]
        here, there = globe.points(places.loc[tested]), globe.points(training)
        found.update(zip(tested, globe.nearest(here, there)[0], strict=True))
    return pd.Series(found, dtype=float).reindex(sites.index)
