"""The forcing of HBV from a panel: found by name, in its units, without gaps."""

import numpy as np

from stefaland_sk.data import hargreaves_pet
from stefaland_sk.data._units import unit_change
from stefaland_sk.estimators._inputs import refuse_empty_forcing

_UNITS = {"prcp": "mm/d", "pet": "mm/d", "tmean": "degC", "tmin": "degC", "tmax": "degC"}
_KELVIN = 100.0  # no daily mean on earth is that warm [degC], none that cold [K]


def needed_forcings(panel, estimator):
    """Choose the forcing variables that a panel offers HBV.

    Parameters
    ----------
    panel : Panel
        Sites.
    estimator : estimator
        For messages.

    Returns
    -------
    list of str
        ``prcp``, ``tmean`` or ``tmin`` and ``tmax``, and ``pet`` if it is there.
    """
    name, there = type(estimator).__name__, panel.forcing_names
    if panel.time is None or not there:
        raise ValueError(
            f"{name} needs daily forcing: 'prcp' [mm/d], 'tmean' or 'tmin' and 'tmax' [degC], and "
            "'pet' [mm/d] or a latitude. X has attributes only. Give a Panel, or a DataFrame with "
            "the index levels 'site' and 'time'."
        )
    if "prcp" not in there:
        raise ValueError(f"{name} needs the forcing 'prcp' [mm/d]. X has {there}.")
    has_range = {"tmin", "tmax"} <= set(there)
    if "tmean" not in there and not has_range:
        raise ValueError(
            f"{name} needs the forcing 'tmean', or 'tmin' and 'tmax' [degC]. X has {there}."
        )
    if "pet" not in there and not has_range:
        raise ValueError(
            f"{name} needs the forcing 'pet' [mm/d], or 'tmin', 'tmax' [degC] and a latitude to "
            f"compute it from. X has {there}."
        )
    names = ["prcp", *(["tmean"] if "tmean" in there else ["tmin", "tmax"])]
    return [*names, "pet"] if "pet" in there else list(dict.fromkeys([*names, "tmin", "tmax"]))


def read_forcing(panel, estimator):
    """Give precipitation, temperature and potential evapotranspiration.

    Parameters
    ----------
    panel : Panel
        Sites, in memory.
    estimator : estimator
        For messages.

    Returns
    -------
    ndarray of float32 of shape (3, n_times, n_sites)
        Without gaps: a day without known precipitation counts as dry, other variables keep
        their last value.
    """
    names = needed_forcings(panel, estimator)
    refuse_empty_forcing(
        panel.keep_variables(names), estimator, "Leave the site out, or fill in the variable."
    )
    found = {name: _checked(panel, name) for name in names}
    prcp = np.nan_to_num(found.pop("prcp"))
    found = {name: _last_known(values) for name, values in found.items()}
    if "tmean" not in found:
        found["tmean"] = (found["tmin"] + found["tmax"]) / 2
    if "pet" not in found:
        lat, day = _latitude(panel, estimator), panel.time.day_of_year.to_numpy()
        found["pet"] = hargreaves_pet(lat[:, None], day, found["tmin"], found["tmax"])
    stacked = np.stack([prcp, found["tmean"], found["pet"]])
    # Physics steps in time, so time comes first.
    return np.ascontiguousarray(stacked.transpose(0, 2, 1), dtype=np.float32)


def _checked(panel, name):
    """Give one variable of shape (n_sites, n_times) in its unit, if its values can be true."""
    values = panel.forcing[:, :, panel.forcing_names.index(name)]
    wanted, unit = _UNITS[name], panel.units.get(name)
    if unit is not None:
        change = unit_change(unit, wanted)
        if change is None:
            raise ValueError(
                f"The forcing {name!r} must be in {wanted}, or in a unit that can be converted. "
                f"Got {unit!r}."
            )
        if change != (1.0, 0.0):
            values = values * change[0] + change[1]
    lowest = np.nanmin(values) if values.size else 0.0
    if wanted == "mm/d" and lowest < 0:
        advice = "Turn fill values into NaN"
        _tell(panel, name, values, values < 0, "must not be negative [mm/d]", advice)
    if wanted == "degC" and np.nanmax(values, initial=-np.inf) > _KELVIN:
        _tell(
            panel, name, values, values > _KELVIN, "looks like Kelvin", "Subtract 273.15, or give"
        )
    return values


def _tell(panel, name, values, is_wrong, what, advice):
    """Raise for values that cannot be true, naming one."""
    site, time = np.argwhere(is_wrong)[0]
    raise ValueError(
        f"The forcing {name!r} {what}: {values[site, time]:.4g} at site "
        f"{panel.site_ids[site]!r} on {panel.time[time]:%Y-%m-%d}. {advice}."
    )


def _last_known(values):
    """Fill gaps with the value before, those at the beginning with the first one."""
    known = np.isfinite(values)
    if known.all():
        return values
    day = np.where(known, np.arange(values.shape[1]), 0)
    day = np.maximum.accumulate(day, axis=1)
    day = np.maximum(day, known.argmax(axis=1)[:, None])
    return np.take_along_axis(values, day, axis=1)


def _latitude(panel, estimator):
    """Give the latitude of each site, from the attributes or the site table."""
    for table in (panel.attributes, panel.sites):
        if "lat" in table.columns:
            lat = table["lat"].to_numpy(dtype=np.float64)
            if np.isfinite(lat).all():
                return lat
            site = panel.site_ids[int(np.argmin(np.isfinite(lat)))]
            raise ValueError(
                f"The latitude 'lat' is missing at site {site!r}; {type(estimator).__name__} "
                "computes 'pet' from it. Fill it in, or give the forcing 'pet' [mm/d]."
            )
    raise ValueError(
        f"{type(estimator).__name__} computes 'pet' from the latitude, but X has no 'lat' among "
        "its attributes or in its site table. Give it [degrees north], or the forcing 'pet' [mm/d]."
    )
