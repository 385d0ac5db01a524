"""Several data sets as one: sites below each other, or years one after the other."""

import numpy as np
import pandas as pd

from stefaland_sk.data._panel import Panel
from stefaland_sk.data._target import align_target
from stefaland_sk.data._units import unit_change


def concat_panels(panels, targets=None):
    """Join panels of several data sets into one, or years of the same sites.

    Parameters
    ----------
    panels : sequence of Panel
        Data sets with the same step, and with other sites each; or all with the same sites, and
        with other times each. Variables are joined by name and converted to the
        units in which they first come; what a data set lacks is missing there, and so are
        days that it does not span.
    targets : sequence of (array-like or None), default=None
        One target per panel, of shape (n_sites, n_times); all in one unit. None is one that
        was not observed.

    Returns
    -------
    panel : Panel
        All sites, on a time axis that spans all records, in memory.
    target : DataFrame of shape (n_sites, n_times)
        Only with `targets`: NaN where a data set has no day.

    Raises
    ------
    TypeError
        If something else than a Panel is given.
    ValueError
        If there is no panel, some have a time axis and some not, steps or their phase differ, a
        unit cannot be converted, a variable is forcing here and an attribute there, or a
        site stands in two data sets that are not years of the same sites.

    See Also
    --------
    stefaland_sk.StefaLandTransformer : Pretrains on a list of panels without joining them.

    Examples
    --------
    >>> from stefaland_sk.data import concat_panels
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> elsewhere = X[2:].keep_variables(forcings=["prcp", "tmax"])
    >>> both, target = concat_panels([X[:2], elsewhere], [y[:2], y[2:]])
    >>> both
    Panel(4 sites, 365 times from 2000-10-01 to 2001-09-30, 6 forcings, 26 attributes)
    >>> target.shape
    (4, 365)

    New years of the same sites follow those that there are, so that a model that predicts them
    has their past:

    >>> old, new = X.sel_time(None, "2001-03-31"), X.sel_time("2001-04-01", None)
    >>> concat_panels([old, new]).n_times
    365
    """
    panels = list(panels)
    for panel in panels:
        if not isinstance(panel, Panel):
            raise TypeError(f"`panels` must hold Panels. Got {type(panel).__name__}.")
    if not panels:
        raise ValueError("`panels` is empty; there is nothing to join.")
    if targets is not None and len(targets) != len(panels):
        raise ValueError(f"`targets` holds {len(targets)} targets for {len(panels)} panels.")
    _check_sites(panels)
    ids = pd.Index(np.concatenate([panel.site_ids for panel in panels])).unique()
    rows = [ids.get_indexer(panel.site_ids) for panel in panels]
    units = _first_units(panels)
    time = _common_time(panels)
    forcing_names = _union(panel.forcing_names for panel in panels)
    tables = [_converted_table(panel, units) for panel in panels]
    forcing = None
    if time is not None:
        forcing = _joined_forcing(panels, rows, len(ids), time, forcing_names, units)
    joined = Panel(
        _joined_tables(tables)[_union(panel.attribute_names for panel in panels)],
        forcing,
        time=time,
        sites=_joined_tables([panel.sites for panel in panels]),
        forcing_names=forcing_names if time is not None else None,
        units=units,
        groups=_joined_groups(panels),
    )
    if targets is None:
        return joined
    result = np.full((joined.n_sites, max(joined.n_times, 1)), np.nan, dtype=np.float32)
    for panel, target, row in zip(panels, targets, rows, strict=True):
        if target is None:
            continue
        values = align_target(target, panel)
        values = values if values.ndim == 2 else values[:, None]
        first = 0 if time is None else int(time.get_indexer(panel.time[:1])[0])
        result[row, first : first + values.shape[1]] = values
    return joined, joined.label(result if time is not None else result[:, 0])


def _check_sites(panels):
    """Raise if a site stands in two panels, unless all are other years of the same sites."""
    ids = pd.Index(np.concatenate([panel.site_ids for panel in panels]))
    if ids.is_unique:
        return
    twice = ids[ids.duplicated()].unique()
    if len(twice) < ids.nunique() or any(panel.n_sites != len(twice) for panel in panels):
        raise ValueError(
            f"{len(twice)} sites stand in more than one panel, for example {twice[0]!r}. Leave "
            "them out of all but one; the same place may have several names. To join years, "
            "give panels with the same sites."
        )
    times = pd.Index([]).append([panel.time for panel in panels if panel.time is not None])
    if times.empty or not times.is_unique:
        when = "there are no times" if times.empty else f"both hold {times[times.duplicated()][0]}"
        raise ValueError(
            f"The panels hold the same sites, such as {twice[0]!r}; to join years of them, their "
            f"times must differ, but {when}. Cut one of them with `sel_time`."
        )


def _joined_tables(tables):
    """Join tables by site; what two of them say of a site must be the same."""
    joined = pd.concat(tables)
    if joined.index.is_unique:
        return joined
    groups = joined.groupby(level=0, sort=False)
    several = groups.nunique() > 1
    if several.to_numpy().any():
        site, name = several.stack().idxmax()
        raise ValueError(
            f"{name!r} of the site {site!r} is not the same in all panels. Give them one table, by "
            "`panel.assign(...)`."
        )
    return groups.first()


def _union(lists):
    """Join lists of names, each name once, in the order in which they first come."""
    return list(dict.fromkeys(name for names in lists for name in names))


def _first_units(panels):
    """Give the unit in which each variable first comes."""
    units = {}
    for panel in panels:
        for name, unit in panel.units.items():
            units.setdefault(name, unit)
    return units


def _way(panel, name, units):
    """Give (factor, offset) from a panel's unit of a variable to the common one."""
    unit = panel.units.get(name)
    if unit is None or unit == units[name]:
        return 1.0, 0.0
    way = unit_change(unit, units[name])
    if way is None:
        raise ValueError(
            f"{name!r} is in {units[name]} in one panel and in {unit} in another (that of the site "
            f"{panel.site_ids[0]!r}), and there is no way from one to the other. Convert it, or "
            "rename it if it is something else."
        )
    return way


def _converted_table(panel, units):
    """Give the attributes of a panel in the common units."""
    table = panel.attributes.copy()
    for name in table:
        factor, offset = _way(panel, name, units)
        if (factor, offset) != (1.0, 0.0):
            table[name] = factor * table[name] + offset
    return table


def _joined_forcing(panels, rows, n_sites, time, names, units):
    """Lay the forcing of all panels on the common axes, in the common units."""
    forcing = np.full((n_sites, len(time), len(names)), np.nan, dtype=np.float32)
    for panel, row in zip(panels, rows, strict=True):
        columns = [names.index(name) for name in panel.forcing_names]
        ways = np.array([_way(panel, name, units) for name in panel.forcing_names])
        start = int(time.get_indexer(panel.time[:1])[0])
        for positions, values in panel.walk_forcing():
            for place, column in enumerate(columns):
                factor, offset = ways[place]
                plane = np.float32(factor) * values[:, :, place] + np.float32(offset)
                forcing[row[positions], start : start + panel.n_times, column] = plane
    return forcing


def _common_time(panels):
    """Give the axis that spans all records; None for panels of attributes only."""
    without = [panel.time is None for panel in panels]
    if all(without):
        return None
    if any(without):
        raise ValueError(
            "Some panels have series and others attributes only. Sites without series serve "
            "pretraining: StefaLandTransformer(extra=[...])."
        )
    steps = {panel.step for panel in panels if panel.step is not None}
    if len(steps) > 1:
        raise ValueError(f"The panels have different steps: {sorted(map(str, steps))}.")
    if not steps:
        return panels[0].time
    first = min(panel.time[0] for panel in panels)
    last = max(panel.time[-1] for panel in panels)
    time = pd.date_range(first, last, freq=steps.pop(), name="time")
    for panel in panels:
        if panel.time[0] not in time:
            raise ValueError(
                f"The steps of the panel with the site {panel.site_ids[0]!r} begin at "
                f"{panel.time[0]}, between those of another, which begin at {first}."
            )
    return time


def _joined_groups(panels):
    """Join groups of attributes; an attribute stays in the group in which it first comes."""
    groups, placed = {}, set()
    for panel in panels:
        for group, members in panel.groups.items():
            new = [member for member in members if member not in placed]
            placed.update(new)
            groups.setdefault(group, []).extend(new)
    return {group: members for group, members in groups.items() if members}
