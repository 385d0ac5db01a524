"""Whether intervals hold what they promise, region by region."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option

from ._base import (
    DASHES,
    OBSERVED,
    Display,
    colours_of,
    heading,
    legend_beside,
    marks_of,
    with_unit,
)
from ._points import check_classes
from ._tables import need_columns, need_unique, need_value

_ALL = "all sites"


class CoverageDisplay(Display):
    """Nominal against observed coverage of prediction intervals, for each region.

    An interval of 90 % should hold 90 % of the observations, also at sites of a region from which
    the model has seen nothing. Use `from_report` to make one.

    Parameters
    ----------
    coverage : DataFrame
        Columns ``site``, ``region``, ``level``, from 0 to 1, ``coverage``, the share of the site's
        observations inside its intervals, NaN where there are none, and where known ``width``;
        one row per site and level.
    unit : str, default=None
        Unit of the widths, that of the target.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, a site repeats at a level, no site has a coverage, or levels or
        coverages are no shares.

    See Also
    --------
    HydrographDisplay : Intervals in time at one site.

    Notes
    -----
    Sites count alike, whatever the length of their record.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import CoverageDisplay
    >>> coverage = pd.DataFrame(
    ...     {"site": ["a", "b", "c"], "region": ["alps", "alps", "taiga"], "level": 0.9,
    ...      "coverage": [0.95, 0.85, 0.7], "width": [1.0, 3.0, 2.0]}
    ... )
    >>> CoverageDisplay(coverage).frame()[["region", "n_sites", "coverage", "width"]]
          region  n_sites  coverage  width
    0       alps        2  0.900000    2.0
    1      taiga        1  0.700000    2.0
    2  all sites        3  0.833333    2.0
    """

    _figsize = (6.6, 4.2)

    def __init__(self, coverage, *, unit=None):
        columns = ["site", "region", "level", "coverage"]
        need_columns(coverage, columns, "coverage")
        need_unique(coverage, ["site", "level"], "coverage")
        need_value(coverage, "coverage", "site has a coverage")
        for column in ("level", "coverage"):
            wrong = coverage[(coverage[column] < 0) | (coverage[column] > 1)]
            if len(wrong):
                raise ValueError(
                    f"`{column}` of site {wrong['site'].iloc[0]!r} is {wrong[column].iloc[0]:g}; "
                    "shares lie between 0 and 1."
                )
        columns += [name for name in ("width",) if name in coverage]
        self.coverage = coverage[columns].reset_index(drop=True)
        self.unit = unit

    @classmethod
    def from_report(cls, report, *, regions=None, unit=None):
        """Make a Display from a report of coverage per site.

        Parameters
        ----------
        report : DataFrame, or object whose ``frame()`` gives one
            Columns ``site``, ``region``, ``level``, ``coverage`` and where known ``width``, such
            as `stefaland_sk.judging.coverage_report` gives.
        regions : Series or dict, default=None
            Region of each site, in place of the column.
        unit : str, default=None
            Unit of the widths, that of the target, such as ``"mm/d"``.

        Returns
        -------
        CoverageDisplay
            The Display, not yet drawn. Without any regions all sites are one.

        Raises
        ------
        ValueError
            If a column is not there, or a site has no region.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import CoverageDisplay
        >>> table = pd.DataFrame({"site": ["a", "b"], "level": 0.9, "coverage": [0.9, 0.8]})
        >>> display = CoverageDisplay.from_report(table, regions={"a": "alps", "b": "taiga"})
        >>> display.frame()["region"].tolist()
        ['alps', 'taiga', 'all sites']
        """
        table = report if isinstance(report, pd.DataFrame) else report.frame()
        need_columns(table, ["site", "level", "coverage"], "report")
        if regions is not None:
            regions = pd.Series(regions)
            regions.index = regions.index.astype(str)
            table = table.assign(region=table["site"].astype(str).map(regions))
        elif "region" not in table:
            table = table.assign(region=_ALL)
        lost = table[table["region"].isna()]
        if len(lost):
            raise ValueError(
                f"Site {lost['site'].iloc[0]!r} has no region. Give `regions=`, from site to "
                "region, or leave the site out."
            )
        return cls(table, unit=unit)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            One row per region and level, and one for all sites together: ``region``, ``level``,
            ``n_sites`` with a coverage, ``coverage`` (mean over the sites), ``q25`` and ``q75`` of
            it over the sites, ``gap`` (coverage minus level) and, where known, ``width`` (mean).
        """
        seen = self.coverage.dropna(subset="coverage")
        regions = check_classes(self.coverage["region"], "region")
        parts = [(region, seen[seen["region"] == region]) for region in regions]
        if regions != [_ALL]:
            parts.append((_ALL, seen))
        return pd.concat([_summary(name, part) for name, part in parts], ignore_index=True)

    def plot(self, ax=None, *, quantity="coverage", colors=None):
        """Draw one curve per region over the levels; with one level, one row per region.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        quantity : {"coverage", "width"}, default="coverage"
            Whether the intervals hold what they should, or how wide they are.
        colors : dict, default=None
            Colours of some regions; the others take those of a colour-blind-safe palette.

        Returns
        -------
        CoverageDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `quantity` is unknown or not in the table, there are too many regions to tell
            apart, or `colors` names one that is not shown.
        """
        check_option("quantity", quantity, ["coverage", "width"])
        if quantity not in self.coverage:
            raise ValueError("The table has no column 'width', so there are no widths to draw.")
        table = self.frame()
        names = list(table["region"].unique())
        regions = [name for name in names if name != _ALL]
        looks = {
            name: {"color": colour, "ls": dash, "marker": mark}
            for (name, colour), dash, mark in zip(
                colours_of(regions, colors).items(),
                marks_of(regions, DASHES).values(),
                marks_of(regions).values(),
                strict=True,
            )
        }
        looks[_ALL] = {"color": OBSERVED, "ls": "-", "marker": "o", "zorder": 3}
        width = with_unit("mean width of intervals", self.unit or "unit of the target")
        label = "observations inside [%]" if quantity == "coverage" else width
        factor = 100.0 if quantity == "coverage" else 1.0
        levels = sorted(table["level"].unique())
        if len(levels) == 1:
            self._open(ax, (6.0, 1.4 + 0.28 * len(names)))
            self._draw_rows(table, names, looks, quantity, factor)
            self.ax_.set_xlabel(label)
            heading(self.ax_, f"intervals of {100 * levels[0]:.4g} %")
            return self
        self._open(ax)
        for name in names:
            part = table[table["region"] == name].sort_values("level")
            self.ax_.plot(
                100 * part["level"],
                factor * part[quantity],
                lw=2.2 if name == _ALL else 1.3,
                ms=4,
                label=f"{name} (n={part['n_sites'].max()})",
                **looks[name],
            )
        if quantity == "coverage":
            self.ax_.plot([0, 100], [0, 100], color="0.7", lw=0.8, zorder=0)
            self.ax_.set_ylim(0, 100)
        else:
            self.ax_.set_ylim(bottom=0)
        self.ax_.set_xlim(0, 100)
        self.ax_.set_xlabel("nominal level of the intervals [%]")
        self.ax_.set_ylabel(label)
        legend_beside(self.ax_, "region")
        return self

    def _draw_rows(self, table, names, looks, quantity, factor):
        """Draw one row per region, the first at the top; bars hold the middle half of the sites."""
        ax = self.ax_
        for place, (_, row) in enumerate(table.iterrows()):
            look = {**looks[row["region"]], "ls": "none"}
            if quantity == "coverage" and row["n_sites"] > 1:
                ax.plot(
                    [factor * row["q25"], factor * row["q75"]],
                    [place, place],
                    color=look["color"],
                    lw=1.4,
                    alpha=0.6,
                )
            ax.plot([factor * row[quantity]], [place], ms=6, **look)
        if quantity == "coverage":
            ax.axvline(100 * table["level"].iloc[0], color="0.6", lw=0.9, zorder=0)
            ax.set_xlim(min(50.0, ax.get_xlim()[0]), 100.5)
        else:
            ax.set_xlim(left=0.0)
        counts = table["n_sites"].to_list()
        ax.set_yticks(
            range(len(names)), [f"{name} (n={n})" for name, n in zip(names, counts, strict=True)]
        )
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.grid(True, axis="y", color="0.93", lw=0.6)
        ax.set_axisbelow(True)


def _summary(region, part):
    """Average over sites, level by level."""
    grouped = part.groupby("level")
    table = pd.DataFrame(
        {
            "n_sites": grouped.size(),
            "coverage": grouped["coverage"].mean(),
            "q25": grouped["coverage"].quantile(0.25),
            "q75": grouped["coverage"].quantile(0.75),
        }
    )
    table["gap"] = table["coverage"] - np.asarray(table.index, dtype=float)
    if "width" in part:
        table["width"] = grouped["width"].mean()
    table = table.reset_index()
    table.insert(0, "region", pd.Series([region] * len(table), dtype=object))
    return table
