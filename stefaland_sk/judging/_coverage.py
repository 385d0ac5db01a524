"""How many observations intervals hold, and how wide they are for it: per site and region."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number
from stefaland_sk.data import Panel
from stefaland_sk.judging._samples import read_regions, read_samples, read_target, scored_steps

_COLUMNS = ["coverage", "width", "relative_width", "interval_score"]


class CoverageReport:
    """Coverage and width of prediction intervals, per site, per region and overall.

    Made by `coverage_report` or by `ConformalBySite.coverage_report`. Printed, it says in words
    how far coverage is from its level, and where it is worst.

    Parameters
    ----------
    table : DataFrame
        One row per site and level, as from `frame`.

    See Also
    --------
    coverage_report : Makes one.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"site": ["1", "2"], "region": ["a", "b"], "level": 0.9, "n_obs": 100,
    ...      "coverage": [0.95, 0.81], "width": [1.0, 2.0], "relative_width": [1.5, 1.0],
    ...      "interval_score": [1.2, 3.0]}
    ... )
    >>> print(CoverageReport(table))
    Intervals at 90 %: 88.0 % of the observations inside at 2 sites on average, 2.0 points
    below the level; per region 81.0 to 95.0 %, worst in 'b' (1 site). 50 % of the sites lie
    within 5 points of the level. Mean width 1.50.
    """

    def __init__(self, table):
        self._table = table

    def frame(self):
        """Give the numbers of each site.

        Returns
        -------
        DataFrame
            Columns ``site``, ``region`` (where known), ``level``, ``n_obs`` (observations that
            count), ``coverage`` (their share inside), ``width`` (mean, in the unit of the
            target), ``relative_width`` (over the mean absolute observation) and
            ``interval_score`` (width plus 2 / (1 - level) times how far observations lie
            outside; the less the better). Sites without observations have NaN.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"site": ["1"], "level": [0.9], "coverage": [0.88]})
        >>> CoverageReport(table).frame()["coverage"].tolist()
        [0.88]
        """
        return self._table.copy()

    def regions(self):
        """Average over the sites of each region, which count alike.

        Returns
        -------
        DataFrame
            Columns ``region``, ``level``, ``n_sites``, ``coverage``, ``gap`` (coverage minus
            level), ``width``, ``relative_width``, ``interval_score``; the lowest coverage of a
            level first.

        Raises
        ------
        ValueError
            If no regions are known.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"site": list("12"), "region": list("ab"), "level": 0.9,
        ...     "n_obs": 9, "coverage": [0.9, 0.8], "width": 1.0, "relative_width": 1.0,
        ...     "interval_score": 1.0})
        >>> CoverageReport(table).regions()["region"].tolist()
        ['b', 'a']
        """
        if "region" not in self._table:
            raise ValueError(
                "The report knows no regions: X tells none. Give `regions=`, a mapping from site "
                "to region."
            )
        seen = self._table[self._table["n_obs"] > 0]
        grouped = seen.groupby(["level", "region"], sort=False)
        table = grouped[_COLUMNS].mean()
        table.insert(0, "n_sites", grouped.size())
        table.insert(2, "gap", table["coverage"] - table.index.get_level_values("level"))
        table = table.reset_index().sort_values(["level", "coverage"], kind="stable")
        names = ["region", "level"]
        return table[[*names, *table.columns.drop(names)]].reset_index(drop=True)

    def overall(self):
        """Average over sites, and over regions where they are known.

        Returns
        -------
        DataFrame indexed by level
            ``n_sites``, ``coverage`` (mean over sites), ``gap``, ``near`` (share of sites within
            5 points of the level), ``width``, ``relative_width``, ``interval_score``; with
            regions also ``coverage_regions`` (mean over regions), ``worst_region`` and
            ``worst_coverage``, the region with the lowest coverage.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"site": list("12"), "level": 0.9, "n_obs": 9,
        ...     "coverage": [0.9, 0.8], "width": 1.0, "relative_width": 1.0,
        ...     "interval_score": 1.0})
        >>> CoverageReport(table).overall()["near"].tolist()
        [0.5]
        """
        seen = self._table[self._table["n_obs"] > 0].copy()
        seen["near"] = (seen["coverage"] - seen["level"]).abs() <= 0.05 + 1e-9
        grouped = seen.groupby("level")
        table = grouped[["coverage", "near", *_COLUMNS[1:]]].mean()
        table.insert(0, "n_sites", grouped.size())
        table.insert(2, "gap", table["coverage"] - table.index)
        if "region" in seen and len(seen):
            regions = self.regions()
            table["coverage_regions"] = regions.groupby("level")["coverage"].mean()
            worst = regions.groupby("level").first()
            table["worst_region"] = worst["region"]
            table["worst_coverage"] = worst["coverage"]
        return table

    def __str__(self):
        lines = []
        for level, row in self.overall().iterrows():
            side = "below" if row["gap"] < 0 else "above"
            text = (
                f"Intervals at {100 * level:.4g} %: {100 * row['coverage']:.1f} % of the "
                f"observations inside at {row['n_sites']} sites on average, "
                f"{abs(100 * row['gap']):.1f} points {side} the level"
            )
            if "worst_region" in row:
                regions = self.regions()
                regions = regions[regions["level"] == level]
                n_sites = regions["n_sites"].iloc[0]
                text += (
                    f"; per region {100 * regions['coverage'].min():.1f} to "
                    f"{100 * regions['coverage'].max():.1f} %, worst in {row['worst_region']!r} "
                    f"({n_sites} site{'' if n_sites == 1 else 's'})"
                )
            lines.append(
                f"{text}. {100 * row['near']:.0f} % of the sites lie within 5 points of the "
                f"level. Mean width {row['width']:.2f}."
            )
        return "\n".join(lines) or "No site has an observation: there is no coverage to report."

    def __repr__(self):
        n_sites = self._table["site"].nunique()
        levels = sorted(map(float, self._table["level"].unique()))
        return f"CoverageReport({n_sites} sites, levels {levels})"


def coverage_report(X, y, lower, upper, *, confidence_level, regions=None, warmup=0, period=None):
    """Tell how many observations intervals hold at each site, whoever made them.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        The samples: a panel, a long table or a plain table.
    y : array-like
        Observed target, aligned with the samples; NaN = not observed.
    lower, upper : array-like
        Ends of the intervals, aligned as `y`; with several levels one more axis at the end.
        Labels of sites, rows and times, where there are any, are followed.
    confidence_level : float or sequence of float
        The level of the intervals, or of each.
    regions : str, mapping or Series, default=None
        Where the region of a site stands, as for `LeaveRegionOut`. None takes "region", if X
        tells it.
    warmup : int, default=0
        Steps at the beginning of each record that do not count.
    period : tuple of two dates, default=None
        First and last day that counts; None takes all.

    Returns
    -------
    CoverageReport
        Per site (``frame()``), per region (``regions()``), ``overall()``, in words (``str``).

    Raises
    ------
    ValueError
        If shapes disagree, an end is missing where there is an observation, or most lower
        ends lie above the upper ones.

    Examples
    --------
    >>> import numpy as np
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import coverage_report
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> report = coverage_report(X, y, 0.5 * y, 0.9 * y, confidence_level=0.9)
    >>> report.overall()["coverage"].tolist()
    [0.0]
    """
    several = np.ndim(confidence_level) > 0
    levels = check_levels(confidence_level)
    samples = read_samples(X)
    observed = read_target(X, y, samples)
    lower, upper = _in_order(lower, X, "lower"), _in_order(upper, X, "upper")
    lower = samples.rows(lower, "lower", n_more=int(several))
    upper = samples.rows(upper, "upper", n_more=int(several))
    lower, upper = (end if several else end[..., None] for end in (lower, upper))
    for name, end in (("lower", lower), ("upper", upper)):
        if end.shape[-1] != len(levels):
            raise ValueError(
                f"`{name}` has {end.shape[-1]} levels on its last axis, but `confidence_level` "
                f"has {len(levels)}."
            )
    counted = np.isfinite(observed) & scored_steps(X, samples, warmup=warmup, period=period)
    lacking = counted[..., None] & (np.isnan(lower) | np.isnan(upper))
    if lacking.any():
        site = samples.ids[samples.codes[np.argwhere(lacking)[0][0]]]
        raise ValueError(
            f"`lower` or `upper` is missing (NaN) on {int(lacking.any(axis=-1).sum())} steps with "
            f"an observation, the first at site {site!r}. Leave these steps out of `y`."
        )
    _check_order(lower, upper, counted)
    labels = read_regions(X, regions, "coverage_report", needed=False)
    observed = np.where(counted, observed, np.nan)
    parts = []
    for i, level in enumerate(levels):
        low, high = lower[..., i], upper[..., i]
        inside = np.where(counted, (observed >= low) & (observed <= high), np.nan)
        table = pd.DataFrame({"site": samples.ids, "level": level})
        if labels is not None:
            table.insert(1, "region", labels)
        table["n_obs"] = samples.site_count(counted)
        table["coverage"] = samples.site_mean(inside)
        table["width"] = samples.site_mean(np.where(counted, high - low, np.nan))
        size = samples.site_mean(np.abs(observed))
        table["relative_width"] = table["width"] / np.where(size > 0, size, np.nan)
        table["interval_score"] = samples.site_mean(interval_score(observed, low, high, level))
        parts.append(table)
    return CoverageReport(pd.concat(parts, ignore_index=True))


def check_levels(levels):
    """Check confidence levels; give them as a tuple."""
    levels = np.atleast_1d(np.asarray(levels, dtype=object)).tolist()
    if not levels:
        raise ValueError("`confidence_level` must hold at least one level; it is empty.")
    for level in levels:
        check_number("confidence_level", level)
        if not 0 < level < 1:
            raise ValueError(f"`confidence_level` must lie in (0, 1). Got {level!r} instead.")
    return tuple(map(float, levels))


def _in_order(end, X, name):
    """Bring ends that carry labels into the order of the samples; give others as they are."""
    labels = X.site_ids if isinstance(X, Panel) else getattr(X, "index", None)
    labelled = isinstance(end, pd.Series | pd.DataFrame) and not isinstance(
        end.index, pd.RangeIndex
    )
    if labels is None or not labelled:
        return end
    for axis, wanted in ((0, labels), (1, getattr(X, "time", None))):
        there = end.axes[axis] if axis < end.ndim else None
        if axis and not (isinstance(X, Panel) and isinstance(there, pd.DatetimeIndex)):
            continue
        if there.equals(pd.Index(wanted, name=there.name)):
            continue
        lacking = wanted.difference(there)
        if len(lacking) or not (there.is_unique and wanted.is_unique):
            what = f"lacks {list(lacking[:3])}" if len(lacking) else "has them more than once"
            raise ValueError(f"`{name}` must have the labels of X; it {what}.")
        end = end.reindex(wanted, axis=axis)
    return end


def _check_order(lower, upper, counted):
    """Raise if most bounds are the wrong way round; a few are quantiles that cross."""
    turned = (lower > upper)[counted].mean() if counted.any() else 0.0
    if turned > 0.5:
        raise ValueError(
            f"`lower` lies above `upper` at {100 * turned:.0f} % of the steps with an observation. "
            "Have they changed places?"
        )


def interval_score(observed, lower, upper, level):
    """Width plus a fine for what lies outside: smallest for the interval of true quantiles.

    Gneiting and Raftery (2007), eq. 43, doi:10.1198/016214506000001437.
    """
    outside = np.maximum(lower - observed, 0.0) + np.maximum(observed - upper, 0.0)
    return upper - lower + 2.0 / (1.0 - level) * outside
