"""Runoff [mm/d] and discharge [m3/s]: the same water, over the area or through a section."""

import itertools

import numpy as np
import pandas as pd

from stefaland_sk.data._ids import zeros_lost
from stefaland_sk.data._panel import Panel
from stefaland_sk.data._schema import known_variable
from stefaland_sk.data._units import unit_change

_AREAS = ("area", "area_gages2")
_PER_KM2 = 1e3 / 86400  # m3/s from 1 mm/d on 1 km2
_LARGEST = known_variable("area").high


def site_areas(panel):
    """Give the drainage area of each site, from its attributes or the site table.

    Parameters
    ----------
    panel : Panel
        Sites with ``area``, or else ``area_gages2`` [km2, or as ``panel.units`` says].

    Returns
    -------
    ndarray of float64 of shape (n_sites,)
        Areas [km2].

    Raises
    ------
    ValueError
        If there is none, it is in a unit that is no area, or at a site missing or not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> X = Panel.from_table(pd.DataFrame({"area": [250.0]}, index=["a"]), units={"area": "ha"})
    >>> site_areas(X).tolist()
    [2.5]
    """
    tables = (panel.attributes, panel.units), (panel.sites, {})
    for name, (table, units) in itertools.product(_AREAS, tables):
        if name not in table.columns:
            continue
        change = unit_change(units.get(name) or "km2", "km2")
        if change is None:
            raise ValueError(
                f"{name!r} must be in km2, or in another unit of area. Got {units[name]!r}."
            )
        areas = table[name].to_numpy(dtype=np.float64) * change[0]
        wrong = ~(areas > 0)
        if wrong.any():
            site = int(np.argmax(wrong))
            raise ValueError(
                f"{name!r} must be a positive number at each site, to get from runoff to "
                f"discharge. At site {panel.site_ids[site]!r} it is {areas[site]}."
            )
        return areas
    raise ValueError(
        "Discharge follows from runoff by the drainage area, but X has no 'area' among its "
        f"attributes ({panel.attribute_names[:5]}, ...) or in its site table "
        f"({list(panel.sites.columns)}). Add it [km2], by `panel.assign(sites=...)`."
    )


def discharge_from_runoff(runoff, area):
    """Turn runoff, a depth of water on the whole area, into discharge.

    Parameters
    ----------
    runoff : DataFrame, ndarray or DataArray of shape (n_sites, n_times), or Series
        Runoff [mm/d]; a Series is indexed by site and time.
    area : Panel, Series or array-like of shape (n_sites,)
        Drainage area [km2], or a panel that has it as ``area``. A Series is lined up with the
        sites of a DataFrame or Series.

    Returns
    -------
    DataFrame, ndarray or DataArray of shape (n_sites, n_times), or Series
        Discharge [m3/s], in the form that `runoff` came in.

    Raises
    ------
    ValueError
        If there is not one positive area for each site.

    See Also
    --------
    runoff_from_discharge : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> discharge_from_runoff(np.array([[8.64, 0.0]]), [500.0]).tolist()
    [[50.0, 0.0]]
    """
    return _scale(runoff, area, "discharge", lambda area: area * _PER_KM2)


def runoff_from_discharge(discharge, area):
    """Turn discharge into runoff, a depth of water on the whole area.

    Parameters
    ----------
    discharge : DataFrame, ndarray or DataArray of shape (n_sites, n_times), or Series
        Discharge [m3/s]; a Series is indexed by site and time.
    area : Panel, Series or array-like of shape (n_sites,)
        Drainage area [km2], or a panel that has it as ``area``. A Series is lined up with the
        sites of a DataFrame or Series.

    Returns
    -------
    DataFrame, ndarray or DataArray of shape (n_sites, n_times), or Series
        Runoff [mm/d], in the form that `discharge` came in.

    Raises
    ------
    ValueError
        If there is not one positive area for each site.

    See Also
    --------
    discharge_from_runoff : The way back.

    Examples
    --------
    >>> import pandas as pd
    >>> discharge = pd.DataFrame([[50.0, 0.0]], index=["a"])
    >>> runoff_from_discharge(discharge, pd.Series({"a": 500.0})).loc["a"].tolist()
    [8.64, 0.0]
    """
    return _scale(discharge, area, "runoff", lambda area: 1 / (area * _PER_KM2))


def _scale(values, area, name, factor):
    """Multiply the values of each site, and name the result."""
    labels = _sites_of(values)
    if isinstance(area, Panel):
        area = pd.Series(site_areas(area), area.site_ids)
    if isinstance(area, pd.Series) and labels is not None:
        area = _lined_up(area, labels)
    area = np.asarray(area, dtype=np.float64)
    if area.shape != np.shape(values)[:1]:
        raise ValueError(
            f"`area` must have one value for each of the {np.shape(values)[0]} sites. Got an array "
            f"of shape {area.shape}."
        )
    if not (area > 0).all():
        row = int(np.argmin(area > 0))
        where = f"position {row}" if labels is None else f"site {labels[row]!r}"
        raise ValueError(f"`area` must be positive [km2]. Got {area[row]} at {where}.")
    if area.max() > _LARGEST:
        row = int(np.argmax(area))
        raise ValueError(
            f"`area` must be in km2, of which no river drains more than 7 million. Got "
            f"{area[row]:.4g}; if it is in m2, divide by 1e6."
        )
    scaled = values * (factor(area) if np.ndim(values) == 1 else factor(area)[:, None])
    if hasattr(scaled, "attrs"):
        scaled.attrs.update(name=name, units=known_variable(name).unit)
    has_name = isinstance(scaled, pd.Series) or hasattr(scaled, "dims")
    return scaled.rename(name) if has_name else scaled


def _sites_of(values):
    """Give the site of each row, where there are labels."""
    if isinstance(values, pd.DataFrame):
        return values.index.map(str)
    if isinstance(values, pd.Series):
        if "site" not in values.index.names:
            raise ValueError(
                "A Series must be indexed by site and time, such as a column of "
                f"`frame.set_index(['site', 'time'])`. Got the levels {list(values.index.names)}."
            )
        return values.index.get_level_values("site").map(str)
    return None


def _lined_up(area, labels):
    """Bring areas to the order of the rows."""
    area = area.set_axis(area.index.map(str))
    lost = labels.unique().difference(area.index)
    if len(lost):
        raise ValueError(
            f"`area` lacks {len(lost)} of {labels.nunique()} sites, for example {list(lost[:3])}; "
            f"its own are like {list(area.index[:3])}. Identifiers are compared as text"
            f"{zeros_lost(lost, area.index)}."
        )
    return area.reindex(labels)
