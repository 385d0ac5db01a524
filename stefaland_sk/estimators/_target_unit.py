"""The unit in which a target is given, where a physical model has a unit of its own."""

import warnings

import numpy as np

from stefaland_sk._core import DataWarning
from stefaland_sk.data import discharge_from_runoff, known_variable, site_areas
from stefaland_sk.data._units import unit_change

# No climate lets this share of its precipitation run off; a single site may have a wrong area.
_RUNOFF_RATIO, _FEW = 1.5, 0.1


def to_model_unit(values, panel, unit, target):
    """Bring a target to the unit of the model.

    Parameters
    ----------
    values : ndarray of shape (n_sites, n_times)
        In the unit given.
    panel : Panel
        The sites; read for their area if `unit` is one of discharge.
    unit : str or None
        The unit given; None is that of the model.
    target : tuple of two str
        Name and unit of what the model predicts.

    Returns
    -------
    ndarray of float32 of shape (n_sites, n_times)
        In the unit of the model.
    """
    factor = _factors(panel, unit, target)
    return values if factor is None else np.float32(factor) * values


def from_model_unit(values, panel, unit, target):
    """Bring predictions from the unit of the model to the one given; see `to_model_unit`."""
    factor = _factors(panel, unit, target)
    return values if factor is None else values / np.float32(factor)


def check_target_unit(unit, target):
    """Raise unless a unit can be converted to that of the model."""
    if unit is None or unit_change(unit, target[1]) is not None:
        return
    if target[1] == "mm/d" and unit_change(unit, "m3/s") is not None:
        return
    flows = ", or one of discharge, such as 'm3/s'" * (target[1] == "mm/d")
    raise ValueError(
        f"`target_unit` must be {target[1]!r}, a unit that can be converted to it{flows}. "
        f"Got {unit!r}."
    )


def _factors(panel, unit, target):
    """Give what to multiply the rows of sites with, or None."""
    check_target_unit(unit, target)
    if unit is None:
        return None
    change = unit_change(unit, target[1])
    if change is not None:
        return None if change[0] == 1 else np.full((panel.n_sites, 1), change[0])
    of_one_mm = discharge_from_runoff(np.ones((panel.n_sites, 1)), site_areas(panel))
    return unit_change(unit, "m3/s")[0] / of_one_mm


def warn_of_odd_runoff(runoff, prcp):
    """Warn if more water leaves some sites than falls on them: the target is in another unit.

    Parameters
    ----------
    runoff : ndarray of shape (n_sites, n_times)
        Target [mm/d]; NaN where not observed.
    prcp : ndarray of shape (n_sites, n_times)
        Precipitation [mm/d].
    """
    observed = np.isfinite(runoff)
    some = observed.any(axis=1)
    flow = np.where(observed, runoff, 0.0).sum(axis=1)[some] / observed.sum(axis=1)[some]
    ratio = flow / np.maximum(prcp.mean(axis=1)[some], 1e-6)
    odd = ratio > _RUNOFF_RATIO
    if odd.mean() > _FEW:
        warnings.warn(
            f"At {int(odd.sum())} of {len(odd)} sites more than {_RUNOFF_RATIO} times as much "
            "water runs off as falls as precipitation, at the typical one of them "
            f"{np.median(ratio[odd]):.3g} times as much: the target does not look like runoff in "
            "mm/d. Give its unit, such as "
            "target_unit='m3/s' (X must know the 'area' [km2]), or check both.",
            DataWarning,
            stacklevel=5,
        )


def warn_of_impossible(values, target):
    """Warn if most of a target lies outside its limits: it is in another unit.

    Parameters
    ----------
    values : ndarray of shape (n_sites, n_times)
        Target, taken to be in the unit of the model; NaN where not observed.
    target : tuple of two str
        Name and unit of what the model predicts.
    """
    known = known_variable(target[0])
    if known is None or known.unit != target[1]:
        return
    seen = values[np.isfinite(values)]
    if np.mean((seen < known.low) | (seen > known.high)) > 0.5:
        warnings.warn(
            f"The target is {np.median(seen):.3g} at the typical step, but {known.meaning} lies "
            f"between {known.low:g} and {known.high:g} {known.unit}. Give its unit, such as "
            "target_unit='%'.",
            DataWarning,
            stacklevel=5,
        )
