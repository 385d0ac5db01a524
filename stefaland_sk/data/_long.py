"""Long tables, one row per site and time, to panels and back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk.data._ids import as_variable_names, site_strings
from stefaland_sk.data._panel import Panel


@dataclass(frozen=True)
class LongTable:
    """A panel made from a long table, and where each row of the table went.

    Parameters
    ----------
    panel : Panel
        The panel.
    site, time : ndarray of int of shape (n_rows,)
        Position of each row's site and time in the panel.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> table = read_long(X.to_long()[::-1])
    >>> rows = table.to_rows(table.panel.variable("prcp"))
    >>> bool((rows == X.to_long()["prcp"][::-1]).all())
    True
    """

    panel: Panel
    site: np.ndarray
    time: np.ndarray

    def to_rows(self, values):
        """Gather a (site, time) array into the caller's rows.

        Parameters
        ----------
        values : array-like of shape (n_sites, n_times)
            Aligned with the panel.

        Returns
        -------
        ndarray of shape (n_rows,)
            Aligned with the rows of the long table.
        """
        return np.asarray(values)[self.site, self.time]

    def from_rows(self, values):
        """Scatter one value per row over sites and times.

        Parameters
        ----------
        values : array-like of shape (n_rows,)
            Aligned with the rows of the long table.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times)
            Aligned with the panel, NaN where there is no row.
        """
        spread = np.full((self.panel.n_sites, self.panel.n_times), np.nan, dtype=np.float32)
        spread[self.site, self.time] = values
        return spread


def is_long(X):
    """Tell whether X is a long table.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    bool
        True for a DataFrame with the index levels ``site`` and ``time``.

    Raises
    ------
    TypeError
        If X has the rows of a long table, the same site several times, but not its index:
        ``site`` and ``time`` are columns, or a level of time stamps has another name. Taken
        for a plain table, each day would be a site.

    Examples
    --------
    >>> is_long(pd.DataFrame({"clay": [0.2]}, index=["01013500"]))
    False
    """
    if not isinstance(X, pd.DataFrame):
        return False
    if {"site", "time"} <= set(X.index.names):
        return True
    _refuse_other_index(X)
    return False


def _refuse_other_index(frame):
    """Raise if a frame is a long table but for its index: sites that come again, and times."""
    names = list(frame.index.names)
    if {"site", "time"} <= set(names).union(frame.columns):
        site = frame["site"] if "site" in frame else frame.index.get_level_values("site")
        if site.is_unique:  # one row per site, and a time of which something is told
            return
        columns = [name for name in ("site", "time", "region") if name in frame]
        way = f"frame.set_index({columns}{'' if names == [None] else ', append=True'})"
        raise TypeError(
            "X is a long table, one row per site and time, but 'site' and 'time' are not both in "
            f"its index: `{way}`."
        )
    levels = frame.index.levels if isinstance(frame.index, pd.MultiIndex) else []
    times = [i for i, level in enumerate(levels) if isinstance(level, pd.DatetimeIndex)]
    if not times:
        return
    wanted = list(names)
    wanted[times[0]] = "time"
    if "site" not in wanted:
        wanted[0 if times[0] else 1] = "site"
    if not frame.index.get_level_values(wanted.index("site")).is_unique:
        raise TypeError(
            f"X is a long table, one row per site and time, but the levels of its index are called "
            f"{names}: `frame.rename_axis(index={wanted})`."
        )


def read_long(frame, forcings=None, attributes=None, units=None, groups=None, step=None):
    """Turn a long table into a panel, and remember where its rows went.

    Parameters
    ----------
    frame : DataFrame with index levels ``site`` and ``time``
        Rows in any order; further index levels go to the site table.
    forcings, attributes : list of str, default=None
        Columns; by default one that is constant within every site is an attribute. If one
        list is given, all other columns belong to the other.
    units : dict of str to str, default=None
        Unit of each variable.
    groups : dict of str to list of str, default=None
        Named groups of attributes.
    step : Timedelta, default=None
        Time between two steps, where the rows may be some of the steps only. None takes the
        shortest time between two rows.

    Returns
    -------
    LongTable
        The panel and the position of each row in it.

    Raises
    ------
    TypeError
        If the index levels are missing, hold no time stamps or mix types of identifiers, or
        a column is not numeric.
    ValueError
        If a pair of site and time occurs twice, the time step is irregular, or an
        attribute varies in time.

    See Also
    --------
    Panel.from_long : The panel alone.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> read_long(X.to_long()).panel.shape
    (4, 365, 6)
    """
    if not is_long(frame):
        found = getattr(getattr(frame, "index", None), "names", None)
        raise TypeError(
            "A long table is a DataFrame whose index has the levels 'site' and 'time'; got "
            f"{type(frame).__name__}{f' with the levels {list(found)}' if found else ''}. Use "
            "`frame.set_index(['site', 'time'])`."
        )
    if len(frame) == 0:
        raise ValueError("The long table has no rows.")
    site_ids, site = _site_codes(frame.index)
    time_axis, time = _time_codes(frame.index, step)
    names = as_variable_names(frame.columns, "the columns")
    _check_unique(site, time, site_ids, time_axis)
    _check_requested(names, forcings, attributes)
    if forcings is not None and attributes is not None:
        frame = frame.loc[:, [name in forcings or name in attributes for name in names]]
        names = as_variable_names(frame.columns, "the columns")
    _refuse_texts(frame, names)

    shape = (len(site_ids), len(time_axis))
    in_order = len(frame) == shape[0] * shape[1] and _is_row_major(site, time, shape[1])
    planes, table = {}, {}
    for name, (_, column) in zip(names, frame.items(), strict=True):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        plane = _spread(values, site, time, shape, in_order)
        constant = _constant_rows(plane)
        if _is_attribute(name, constant, forcings, attributes):
            if not constant.all():
                raise ValueError(
                    f"The attribute {name!r} varies in time at site "
                    f"{site_ids[int(np.argmin(constant))]!r}. List it in `forcings=`, or make it "
                    "constant there."
                )
            table[name] = np.fmax.reduce(plane, axis=1)
        else:
            planes[name] = plane.astype(np.float32)
    forcing = np.stack(list(planes.values()), axis=2) if planes else np.empty((*shape, 0), "f4")
    panel = Panel(
        pd.DataFrame(table, index=site_ids),
        forcing,
        time=time_axis,
        forcing_names=list(planes),
        sites=_site_table(frame.index, site, site_ids),
        units=units,
        groups=groups,
    )
    return LongTable(panel, site, time)


def write_long(panel, target=None):
    """Turn a panel into a long table; see `Panel.to_long`."""
    if panel.time is None:
        raise ValueError("This panel has no time axis; take `panel.attributes` instead.")
    site, time = np.nonzero(panel.present())
    levels, codes, names = [panel.site_ids, panel.time], [site, time], ["site", "time"]
    if "region" in panel.sites:
        region_codes, regions = pd.factorize(panel.sites["region"])
        levels, codes = [*levels, regions], [*codes, region_codes[site]]
        names.append("region")
    index = pd.MultiIndex(levels=levels, codes=codes, names=names)
    columns = {name: np.empty(len(site), np.float32) for name in panel.forcing_names}
    first = 0
    for block in panel.blocks():
        stop = np.searchsorted(site, first + block.n_sites)
        rows = slice(np.searchsorted(site, first), stop)
        forcing = block.forcing
        for i, column in enumerate(columns.values()):
            column[rows] = forcing[site[rows] - first, time[rows], i]
        first += block.n_sites
    table = panel.attributes
    columns |= {name: table[name].to_numpy()[site] for name in panel.attribute_names}
    frame = pd.DataFrame(columns, index=index)
    if target is None:
        return frame
    from stefaland_sk.data._target import align_target

    name = getattr(target, "name", None) or "target"
    return frame, pd.Series(align_target(target, panel)[site, time], index=index, name=name)


# ---------------------------------------------------------------------- parts
def _level(index, name, missing="raise"):
    """Give the used values of an index level and each row's code among them (-1 = missing)."""
    position = index.names.index(name)
    if isinstance(index, pd.MultiIndex):
        codes, values = np.asarray(index.codes[position]), index.levels[position]
        if missing == "raise" and (codes < 0).any():
            raise ValueError(f"The index level {name!r} has missing values.")
        used = pd.unique(codes[codes >= 0])  # order of appearance
        lookup = np.full(len(values) + 1, -1, dtype=np.intp)  # the last serves code -1
        lookup[used] = np.arange(len(used))
        return values[used], lookup[codes]
    codes, values = pd.factorize(index)
    if missing == "raise" and (codes < 0).any():
        raise ValueError(f"The index level {name!r} has missing values.")
    return values, codes


def _site_codes(index):
    """Give the sites in their order of appearance and the site of each row."""
    values, codes = _level(index, "site")
    texts = site_strings(values, "the index level 'site'")
    ids = pd.Index(texts, dtype="str", name="site")
    if not ids.is_unique:  # two spellings of one identifier
        merged, ids = pd.factorize(ids)
        codes = merged[codes]
    return ids, codes


def _time_codes(index, step=None):
    """Give the regular axis that covers all times and the step of each row."""
    values, codes = _level(index, "time")
    if not isinstance(values, pd.DatetimeIndex):
        raise TypeError(
            f"The index level 'time' must hold time stamps; got dtype {values.dtype}. Use "
            "`pd.to_datetime`."
        )
    if values.tz is not None:
        raise ValueError("The index level 'time' must have no zone; use `tz_localize(None)`.")
    order = np.sort(values.asi8)
    if len(order) == 1:
        return values, codes
    steps = np.diff(order)
    known = 0 if step is None else int(pd.Timedelta(step) / pd.Timedelta(1, values.unit))
    step = known if known and not (steps % known).any() else steps.min()
    off = np.flatnonzero(steps % step)
    if len(off):
        at = pd.Timestamp(order[off[0] + 1], unit=values.unit)
        raise ValueError(
            f"The times are not on a regular axis: the shortest step is "
            f"{pd.Timedelta(int(step), unit=values.unit)}, and {at} does not fit to it. Resample "
            "each site to one step first."
        )
    # In the unit of the index: pandas keeps seconds, microseconds or nanoseconds.
    axis = np.arange(order[0], order[-1] + step, step).view(f"M8[{values.unit}]")
    return pd.DatetimeIndex(axis), ((values.asi8 - order[0]) // step)[codes]


def _check_unique(site, time, site_ids, time_axis):
    """Raise if a pair of site and time occurs twice."""
    flat = site * len(time_axis) + time
    counts = np.bincount(flat)
    if counts.max() > 1:
        first = int(np.argmax(counts > 1))
        raise ValueError(
            f"{int((counts > 1).sum())} pairs of site and time occur more than once, for example "
            f"site {site_ids[first // len(time_axis)]!r} at "
            f"{time_axis[first % len(time_axis)]:%Y-%m-%d}. Keep one row of each, for example "
            "with `frame[~frame.index.duplicated()]`."
        )


def _check_requested(names, forcings, attributes):
    """Raise if a requested column is not there or stands in both lists."""
    for label, wanted in (("forcings", forcings), ("attributes", attributes)):
        missing = [name for name in wanted or [] if name not in names]
        if missing:
            raise ValueError(f"`{label}` names the unknown columns {missing}; there are {names}.")
    both = sorted(set(forcings or []) & set(attributes or []))
    if both:
        raise ValueError(f"These columns stand in `forcings` and in `attributes`: {both}.")


def _is_attribute(name, constant, forcings, attributes):
    """Tell whether a column is an attribute."""
    if forcings is None and attributes is None:
        return bool(constant.all())
    if forcings is None:
        return name in attributes
    return name not in forcings


def _is_row_major(site, time, n_times):
    """Tell whether rows stand site by site, each in time order, with none missing."""
    flat = site * n_times + time
    return bool((flat == np.arange(len(flat))).all())


def _refuse_texts(frame, names):
    """Raise if columns hold no numbers, naming them."""
    texts = [
        name
        for name, dtype in zip(names, frame.dtypes, strict=True)
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype))
    ]
    if texts:
        raise TypeError(
            f"These columns of the long table are not numeric: {texts}. Turn numbers that came as "
            "text into numbers (`pd.to_numeric`), encode classes (`pd.get_dummies`), drop the rest "
            "or, for what only describes sites, such as a region, use "
            f"`frame.set_index({texts[:1]}, append=True)`."
        )


def _spread(values, site, time, shape, in_order):
    """Put row values on the (site, time) plane."""
    if in_order:
        return values.reshape(shape)
    plane = np.full(shape, np.nan)
    plane[site, time] = values
    return plane


def _constant_rows(plane):
    """Tell for each site whether its values are all equal (missing ones aside)."""
    low, high = np.fmin.reduce(plane, axis=1), np.fmax.reduce(plane, axis=1)
    return (low == high) | np.isnan(low)


def _site_table(index, site, site_ids):
    """Read further index levels, which must be constant at each site."""
    table = pd.DataFrame(index=site_ids)
    for name in index.names:
        if name in ("site", "time") or name is None:
            continue
        values, codes = _level(index, name, missing="keep")
        first = np.full(len(site_ids), -1)
        first[site[::-1]] = codes[::-1]
        odd = np.flatnonzero(first[site] != codes)
        if len(odd):
            raise ValueError(
                f"The index level {name!r} must be constant at each site; it varies at "
                f"{site_ids[site[odd[0]]]!r}."
            )
        known = first >= 0
        if known.all():  # `take` with a fill value refuses whole numbers in pandas 2.2
            table[str(name)] = values.take(first)
        elif known.any():
            taken = values.take(np.maximum(first, 0))
            table[str(name)] = pd.Series(taken, index=site_ids).where(known)
        else:
            table[str(name)] = np.nan
    return table
