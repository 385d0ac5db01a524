"""The forcing of physical models from a panel: found by name, in its units, without gaps."""

import numpy as np

from stefaland_sk.data import hargreaves_pet, known_variable, oudin_pet
from stefaland_sk.data._units import unit_change
from stefaland_sk.estimators._inputs import refuse_empty_forcing

_KELVIN = 100.0  # no daily mean on earth is that warm [degC], none that cold [K]
# What can be computed from other variables, best first, and how to say so.
_SOURCES = {"tmean": [("tmin", "tmax")], "pet": [("tmin", "tmax"), ("tmean",)]}
_ADVICE = {
    "tmean": "'tmean', or 'tmin' and 'tmax' [degC]",
    "pet": "'pet' [mm/d], or a temperature and a latitude to compute it from",
}


def needed_forcings(panel, estimator, wanted):
    """Choose the forcing variables that a panel offers a physical model.

    Parameters
    ----------
    panel : Panel
        Sites.
    estimator : estimator
        For messages.
    wanted : sequence of str
        What the model reads, such as ``HBV_1_1P.forcings``.

    Returns
    -------
    list of str
        Variables of the panel: those wanted, or for ``tmean`` and ``pet`` those from which
        they are computed.
    """
    name, there = type(estimator).__name__, panel.forcing_names
    if panel.time is None or not there:
        raise ValueError(
            f"{name} needs daily forcing: {_in_words(wanted)}. X has attributes only. Give a "
            "Panel, or a DataFrame with the index levels 'site' and 'time'."
        )
    if panel.step is not None and panel.step != np.timedelta64(1, "D"):
        raise ValueError(
            f"{name} counts in days, but X has steps of {panel.step}. Bring it to days first."
        )
    names = []
    for variable in wanted:
        ways = [(variable,), *_SOURCES.get(variable, [])]
        sources = next((way for way in ways if set(way) <= set(there)), None)
        if sources is None:
            raise ValueError(
                f"{name} needs the forcing {_in_words([variable])}. X has {there}. If it is there "
                f"under another name: `X.rename_variables({{'its name': {variable!r}}})`."
            )
        names += sources
    return list(dict.fromkeys(names))


def _in_words(variables):
    """List variables with their units, and what they can be computed from."""
    return "; ".join(_ADVICE.get(v, f"{v!r} [{_unit(v) or 'any unit'}]") for v in variables)


def _unit(name):
    """Give the library's unit of a variable; None if it is not known."""
    known = known_variable(name)
    return None if known is None else known.unit


def read_forcing(panel, estimator, wanted):
    """Give the forcing of a physical model.

    Parameters
    ----------
    panel : Panel
        Sites, in memory.
    estimator : estimator
        For messages.
    wanted : sequence of str
        What the model reads, in order.

    Returns
    -------
    ndarray of float32 of shape (len(wanted), n_times, n_sites)
        Without gaps: a day without known precipitation counts as dry, other variables keep
        their last value.
    """
    names = needed_forcings(panel, estimator, wanted)
    refuse_empty_forcing(
        panel.keep_variables(names), estimator, "Leave the site out, or fill in the variable."
    )
    found = {name: _filled(name, _checked(panel, name)) for name in names}
    if "tmean" in wanted and "tmean" not in found:
        found["tmean"] = (found["tmin"] + found["tmax"]) / 2
    if "pet" in wanted and "pet" not in found:
        lat, day = _latitude(panel, estimator), panel.time.day_of_year.to_numpy()
        if "tmin" in found:
            found["pet"] = hargreaves_pet(lat[:, None], day, found["tmin"], found["tmax"])
        else:
            found["pet"] = oudin_pet(lat[:, None], day, found["tmean"])
    stacked = np.stack([found[name] for name in wanted])
    # Physics steps in time, so time comes first.
    return np.ascontiguousarray(stacked.transpose(0, 2, 1), dtype=np.float32)


def _checked(panel, name):
    """Give one variable of shape (n_sites, n_times) in its unit, if its values can be true."""
    values = panel.forcing[:, :, panel.forcing_names.index(name)]
    wanted, unit = _unit(name), panel.units.get(name)
    if unit is not None and wanted is not None:
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
        advice = f"Declare it, by `panel.assign(units={{{name!r}: 'K'}})`, or subtract 273.15"
        _tell(panel, name, values, values > _KELVIN, "looks like Kelvin", advice)
    return values


def _tell(panel, name, values, is_wrong, what, advice):
    """Raise for values that cannot be true, naming one."""
    site, time = np.argwhere(is_wrong)[0]
    raise ValueError(
        f"The forcing {name!r} {what}: {values[site, time]:.4g} at site "
        f"{panel.site_ids[site]!r} on {panel.time[time]:%Y-%m-%d}. {advice}."
    )


def _filled(name, values):
    """Fill gaps: no rain, else the value before, at the beginning the first one."""
    if name == "prcp":
        return np.nan_to_num(values)
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
