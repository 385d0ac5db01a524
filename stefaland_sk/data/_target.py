"""Targets: what is to be predicted, aligned with the samples."""

import numpy as np
import pandas as pd

from stefaland_sk.data._ids import site_strings, zeros_lost
from stefaland_sk.data._times import as_times, steps_between


def align_target(y, panel, name="y"):
    """Bring a target to a float array that is aligned with a panel.

    Parameters
    ----------
    y : DataFrame, DataArray or array-like of shape (n_sites, n_times), or (n_sites,)
        Target; NaN = not observed. Labels, where there are any, are compared with the
        panel's. One value per site for a panel without time axis.
    panel : Panel
        The inputs.
    name : str, default="y"
        What to call the target in messages.

    Returns
    -------
    ndarray of float32 of shape (n_sites, n_times), or float64 of shape (n_sites,)
        The target. Times that a labelled `y` lacks are NaN.

    Raises
    ------
    ValueError
        If sites or times disagree, or a value is infinite.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> align_target(y, X).shape
    (4, 365)
    """
    if y is None:
        raise ValueError(f"This estimator needs the target `{name}`; got None.")
    if hasattr(y, "dims") and hasattr(y, "to_pandas"):
        y = _from_dataarray(y, name)
    if panel.time is None:
        return _one_per_site(y, panel, name)
    if isinstance(y, pd.DataFrame):
        _refuse_swapped(y, name)
        _compare_sites(y.index, panel, name)
        y = _reindex_times(y, panel, name)
    elif isinstance(getattr(y, "index", None), pd.MultiIndex):
        _compare_sites(y.index, panel, name)
    values = np.asarray(y, dtype=np.float32)
    if values.shape != (panel.n_sites, panel.n_times):
        raise ValueError(
            f"`{name}` must have the shape (n_sites, n_times) = "
            f"{(panel.n_sites, panel.n_times)}; got {values.shape}."
        )
    bad = np.isinf(values)
    if bad.any():
        site, time = np.argwhere(bad)[0]
        raise ValueError(
            f"`{name}` is infinite at site {panel.site_ids[site]!r} on "
            f"{panel.time[time]:%Y-%m-%d}. Use NaN for days without observation."
        )
    return values


def name_of_target(target, panel):
    """Give the target's name and unit, as far as it says."""
    name = getattr(target, "name", None)
    attrs = getattr(target, "attrs", None) or {}
    name = str(name) if isinstance(name, str) else str(attrs.get("name", "target"))
    unit = attrs.get("units", panel.units.get(name))
    return name, unit if isinstance(unit, str | None) else None


def align_site_target(y, panel, name="y"):
    """Bring a target that sites have, and not their days, into the order of a panel.

    Parameters
    ----------
    y : Series, DataFrame, DataArray or array-like of shape (n_sites,) or (n_sites, n_outputs)
        Numbers or classes; labels of sites, where there are any, are compared with the panel's.
    panel : Panel
        The inputs.
    name : str, default="y"
        What to call the target in messages.

    Returns
    -------
    ndarray of shape (n_sites,) or (n_sites, n_outputs)
        The target, in the type that it came in.

    Raises
    ------
    ValueError
        If sites disagree, or there is not one row per site.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.data import Panel
    >>> X = Panel.from_table(pd.DataFrame({"slope": [3.0, 9.0]}, index=["a", "b"]))
    >>> align_site_target(pd.Series([0, 1], index=["a", "b"]), X).tolist()
    [0, 1]
    """
    if hasattr(y, "dims") and hasattr(y, "to_pandas"):
        y = y.to_pandas() if set(y.dims) & set(y.coords) else y.to_numpy()
    if isinstance(y, pd.Series | pd.DataFrame) and not _is_numbering(y.index, panel):
        _compare_sites(y.index, panel, name)
    days = isinstance(y, pd.DataFrame) and isinstance(y.columns, pd.DatetimeIndex)
    values = np.asarray(y)
    if days or values.ndim not in (1, 2) or len(values) != panel.n_sites:
        came = f"one column per day ({values.shape[1]})" if days else f"the shape {values.shape}"
        raise ValueError(
            f"`{name}` must have one value, or one row of values, for each of the "
            f"{panel.n_sites} sites; it has {came}. Reduce a series to what is to be predicted of "
            f"a site, such as `{name}.mean(axis=1)`."
        )
    return values


def _from_dataarray(y, name):
    """Turn an xarray DataArray into a labelled frame or series."""
    if y.ndim == 2 and {"site", "time"} <= set(y.dims):
        y = y.transpose("site", "time")
    elif y.ndim > 1:
        raise ValueError(f"`{name}` must have the dimensions (site, time); got {y.dims}.")
    if not set(y.dims) & set(y.coords):
        return y.to_numpy()  # no labels to compare; `to_pandas` would number the sites
    return y.to_pandas()


def _one_per_site(y, panel, name):
    """Check a target with one value per site."""
    if isinstance(y, pd.Series) and not _is_numbering(y.index, panel):
        _compare_sites(y.index, panel, name)
    values = np.asarray(y, dtype=np.float64)
    if values.shape not in ((panel.n_sites,), (panel.n_sites, 1)):
        raise ValueError(
            f"`{name}` must have one value for each of the {panel.n_sites} sites; got an array "
            f"of shape {values.shape}."
        )
    if np.isinf(values).any():
        site = panel.site_ids[int(np.argwhere(np.isinf(values))[0][0])]
        raise ValueError(f"`{name}` is infinite at site {site!r}. Use NaN where nothing is known.")
    return values.reshape(-1)


def _is_numbering(index, panel):
    """Tell whether an index only counts rows, as that of a plain Series does."""
    if isinstance(index, pd.RangeIndex):
        return True
    # A fold of such a Series keeps its numbers, while the sites of a plain array are counted anew.
    counted = list(panel.site_ids) == list(map(str, range(panel.n_sites)))
    return counted and pd.api.types.is_integer_dtype(index.dtype)


def _refuse_swapped(y, name):
    """Raise if the rows are times."""
    if isinstance(y.index, pd.DatetimeIndex):
        raise ValueError(
            f"The rows of `{name}` are times; they must be the sites of X, and the columns the "
            f"times. Use `{name}.T`."
        )


def _compare_sites(index, panel, name):
    """Raise unless the target's sites are the panel's, in the same order."""
    if isinstance(index, pd.MultiIndex):
        raise ValueError(
            f"`{name}` is a long table, but X is a Panel. Give "
            f"`{name}.unstack('time').loc[X.site_ids]`, or X as a long table too."
        )
    ids = pd.Index(site_strings(index, name), dtype="str")
    if ids.equals(pd.Index(panel.site_ids, name=None)):
        return
    missing, extra = panel.site_ids.difference(ids), ids.difference(panel.site_ids)
    if len(extra) and not len(missing):
        raise ValueError(
            f"`{name}` and X hold different sites: {len(extra)} of `{name}` are not in X (for "
            f"example {list(extra[:3])}). Use `{name}.loc[X.site_ids]`."
        )
    if len(missing):
        raise ValueError(
            f"`{name}` and X hold different sites: {len(missing)} of X are not in `{name}` "
            f"(for example {list(missing[:3])}), {len(extra)} of `{name}` are not in X (for "
            f"example {list(extra[:3])}). Site identifiers are strings and compared as they are"
            f"{zeros_lost(missing, extra)}."
        )
    raise ValueError(f"`{name}` has the sites of X in another order. Use `{name}.loc[X.site_ids]`.")


def _reindex_times(y, panel, name):
    """Take the panel's times from a labelled target."""
    if isinstance(y.columns, pd.RangeIndex):
        return y
    columns = as_times(y.columns, f"The columns of `{name}`")
    if columns.tz is not None:
        raise ValueError(
            f"The times of `{name}` have a zone ({columns.tz}), those of X have none. Use "
            f"`{name}.tz_localize(None, axis=1)`, after a `tz_convert` to the days of the forcing."
        )
    if columns.equals(panel.time):
        return y
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise ValueError(
            f"`{name}` has the time {twice:{_clock(columns)}} more than once. Keep one column of "
            f"each, for example with `{name}.loc[:, ~{name}.columns.duplicated()]`."
        )
    shared = columns.intersection(panel.time)
    if len(shared) == 0:
        raise ValueError(_no_common_time(columns, panel.time, name))
    return y.set_axis(columns, axis=1).reindex(columns=panel.time)


def _clock(*times):
    """Give the format of times: with the time of day where there is one."""
    whole_days = all((index == index.normalize()).all() for index in times)
    return "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M"


def _no_common_time(columns, time, name):
    """Say why no time of a target is one of X."""
    clock = _clock(columns, time)
    message = (
        f"`{name}` and X share no time: `{name}` covers {columns.min():{clock}} to "
        f"{columns.max():{clock}}, X {time[0]:{clock}} to {time[-1]:{clock}}."
    )
    if len(columns.normalize().intersection(time.normalize())):
        message += (
            " They share days, but not the time of day: bring both to the start of the step, for "
            f"example with `{name}.columns.normalize()`."
        )
    return message


def keep_period(y, time, period, name="fit_period"):
    """Set a target to NaN outside a period.

    Parameters
    ----------
    y : ndarray of shape (n_sites, n_times)
        Target.
    time : DatetimeIndex of length n_times
        Its times.
    period : tuple of two (str, Timestamp or None), or None
        First and last time kept; None keeps all.
    name : str, default="fit_period"
        The parameter's name, for messages.

    Returns
    -------
    ndarray of shape (n_sites, n_times)
        The target inside the period; `y` itself if the period is None.

    Raises
    ------
    ValueError
        If the period is malformed or holds no step.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> time = pd.date_range("2000-01-01", periods=4)
    >>> keep_period(np.ones((1, 4)), time, ("2000-01-02", "2000-01-03")).tolist()
    [[nan, 1.0, 1.0, nan]]
    """
    if period is None:
        return y
    inside = period_mask(time, period, name)
    return np.where(inside, y, np.nan).astype(y.dtype)


def period_mask(time, period, name):
    """Mark the times inside a period (both ends included).

    Parameters
    ----------
    time : DatetimeIndex of length n_times
        Times.
    period : tuple of two (str, Timestamp or None)
        First and last time; None leaves a side open.
    name : str
        The parameter's name, for messages.

    Returns
    -------
    ndarray of bool of shape (n_times,)
        True inside.

    Raises
    ------
    ValueError
        If the period is malformed, holds no step, or there are no times.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2000-01-30", periods=4)
    >>> period_mask(time, ("2000-02", None), "period").tolist()
    [False, False, True, True]
    """
    if time is None:
        raise ValueError(f"`{name}` was given, but X has no time axis. Use `{name}=None`.")
    try:
        start, stop = period
        where = steps_between(time, start, stop)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a pair of dates such as ('1999-10-01', '2008-09-30'). Got "
            f"{period!r} instead."
        ) from error
    inside = np.zeros(len(time), dtype=bool)
    inside[where] = True
    if not inside.any():
        if start is not None and stop is not None and pd.Timestamp(start) > pd.Timestamp(stop):
            raise ValueError(f"`{name}`={period!r} ends before it begins.")
        raise ValueError(
            f"`{name}`={period!r} holds no step of X, whose record runs from "
            f"{time[0]:%Y-%m-%d} to {time[-1]:%Y-%m-%d}."
        )
    return inside
