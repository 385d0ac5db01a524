"""How skill grows with the number of donor sites, method by method."""

import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.metrics import bootstrap_median

from ._base import (
    DASHES,
    Display,
    check_limits,
    colours_of,
    legend_beside,
    marks_of,
    metric_label,
)
from ._tables import need_columns, need_unique, need_value, plain, select_results


class DonorCurveDisplay(Display):
    """Median score over sites against the number of donor sites, one curve per method.

    Donors are the sites that a prediction at an ungauged site is made from: the nearest, the most
    alike, or any. Curves of good methods rise early. Use `from_results` to make one.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model`` (the method), ``n_donors``, ``site`` and ``value``; one row per method,
        number and site.
    metric : str
        Name of the metric, for the axis.
    confidence : float, default=0.9
        Share of the bootstrapped medians inside the band.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, a site repeats, no site has a score, or a number of donors is
        negative.

    See Also
    --------
    SiteScoreDisplay : All sites at one number of donors.
    stefaland_sk.judging.donor_scaling_curve : Makes such a table.
    stefaland_sk.metrics.bootstrap_median : Makes the bands.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import DonorCurveDisplay
    >>> scores = pd.DataFrame(
    ...     {"model": "nearest", "n_donors": [1, 1, 5, 5], "site": ["a", "b"] * 2,
    ...      "value": [0.2, 0.4, 0.5, 0.7]}
    ... )
    >>> DonorCurveDisplay(scores, metric="nse").frame()[["n_donors", "n_sites", "median"]]
       n_donors  n_sites  median
    0         1        2     0.3
    1         5        2     0.6
    """

    _figsize = (7.0, 3.9)

    def __init__(self, scores, *, metric, confidence=0.9):
        columns = ["model", "n_donors", "site", "value"]
        need_columns(scores, columns, "scores")
        need_unique(scores, ["model", "n_donors", "site"], "scores")
        need_value(scores)
        if not (scores["n_donors"] >= 0).all():
            raise ValueError(
                "`n_donors` must be a number of sites in every row; got "
                f"{plain(scores.loc[~(scores['n_donors'] >= 0), 'n_donors'].iloc[0])!r}."
            )
        self.scores = scores[columns].reset_index(drop=True)
        self.metric = metric
        self.confidence = confidence

    @classmethod
    def from_results(
        cls,
        results,
        *,
        n_donors="n_donors",
        metric="nse",
        protocol=None,
        models=None,
        confidence=0.9,
    ):
        """Make a Display from a tidy results table.

        Parameters
        ----------
        results : DataFrame
            Columns ``model`` (the method), ``site``, ``metric``, ``value`` and that of `n_donors`,
            and ``protocol`` where there are several; further columns such as ``seed`` may be
            there. Or what `stefaland_sk.judging.donor_scaling_curve` gives, whose methods are the
            kinds of likeness in ``features``.
        n_donors : str, default="n_donors"
            The column that holds the number of donors, such as ``"k"``.
        metric : str, default="nse"
            The metric to show.
        protocol : str, default=None
            The protocol to show; needed if the table has several.
        models : sequence of str, default=None
            The methods to show, in this order; None shows all in the order of the table.
        confidence : float, default=0.9
            Share of the bootstrapped medians inside the band.

        Returns
        -------
        DonorCurveDisplay
            The Display, not yet drawn. Scores of several seeds, such as several draws of random
            donors, are averaged per site.

        Raises
        ------
        ValueError
            If a column, the metric, the protocol or a method is not in the table.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import DonorCurveDisplay
        >>> results = pd.DataFrame(
        ...     {"model": "random", "k": [1, 1, 5, 5], "seed": [0, 1, 0, 1], "site": "a",
        ...      "metric": "nse", "value": [0.2, 0.4, 0.5, 0.7]}
        ... )
        >>> display = DonorCurveDisplay.from_results(results, n_donors="k")
        >>> display.frame()["median"].round(3).tolist()
        [0.3, 0.6]
        """
        if isinstance(results, pd.DataFrame) and "model" not in results:
            results = results.rename(columns={"features": "model"})
        scores = select_results(results, metric, protocol, models, keep=[n_donors])
        scores = scores.rename(columns={n_donors: "n_donors"})
        return cls(scores, metric=metric, confidence=confidence)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            One row per method and number of donors: ``model``, ``n_donors``, ``n_sites`` with a
            score, ``median``, and ``low`` and ``high``, the ends of its bootstrap interval.
        """
        rows = []
        for model in self.scores["model"].unique():
            part = self.scores[self.scores["model"] == model]
            for number, sites in part.groupby("n_donors")["value"]:
                median, low, high = bootstrap_median(sites, confidence=self.confidence)
                rows.append((model, number, int(sites.notna().sum()), median, low, high))
        return pd.DataFrame(rows, columns=["model", "n_donors", "n_sites", "median", "low", "high"])

    def plot(self, ax=None, *, colors=None, xscale="log", ylim=None):
        """Draw one curve per method, with a band for how sure its medians are.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict of str to color, default=None
            Colours of some methods; the others take those of a colour-blind-safe palette.
        xscale : {"log", "linear"}, default="log"
            Scale of the number of donors.
        ylim : tuple of two floats, default=None
            Range of scores drawn; None takes that of the medians, so that wide bands of few
            donors may be cut off.

        Returns
        -------
        DonorCurveDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `colors` names a method that is not shown, `xscale` is unknown, or `ylim` is no
            range.
        """
        check_option("xscale", xscale, ["log", "linear"])
        ylim = check_limits("ylim", ylim)
        table = self.frame()
        names = list(table["model"].unique())
        colours, marks, dashes = colours_of(names, colors), marks_of(names), marks_of(names, DASHES)
        ax = self._open(ax)
        for name in names:
            part = table[table["model"] == name]
            few, many = part["n_sites"].min(), part["n_sites"].max()
            counts = f"{many}" if few == many else f"{few} to {many}"
            ax.fill_between(
                part["n_donors"], part["low"], part["high"], color=colours[name], alpha=0.15, lw=0
            )
            ax.plot(
                part["n_donors"],
                part["median"],
                color=colours[name],
                marker=marks[name],
                ls=dashes[name],
                ms=4.5,
                lw=1.5,
                label=f"{name} (n={counts})",
            )
        if xscale == "log" and (table["n_donors"] == 0).any():
            # A logarithm has no place for none: the axis is linear up to one donor.
            ax.set_xscale("symlog", linthresh=1.0)
        else:
            ax.set_xscale(xscale)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.xaxis.set_minor_formatter(lambda value, _: "")
        numbers = sorted(table["n_donors"].unique())
        if len(numbers) <= 8:
            ax.set_xticks(numbers)
        ax.set_ylim(*(ylim or _around(table["median"])))
        ax.set_xlabel("number of donor sites")
        ax.set_ylabel(f"median {metric_label(self.metric)}")
        legend_beside(ax, f"median and its {100 * self.confidence:.3g} % interval")
        return self


def _around(medians):
    """Give limits that hold all medians, with room for the bands of most."""
    low, high = medians.min(), medians.max()
    room = 0.25 * (high - low) or 0.1
    return low - room, high + room
