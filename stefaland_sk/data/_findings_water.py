"""The rules behind `Panel.check` that hold flow against rain: amounts, areas and days."""

import numpy as np

from stefaland_sk.data._discharge import site_areas
from stefaland_sk.data._finding import Finding, at_sites, count
from stefaland_sk.data._units import normalise_unit

# Runoff over precipitation. Of 1062 basins in the USA and Great Britain the largest is 1.4, and the
# middle one of each of three data sets lies between 0.35 and 0.55.
_TOO_MUCH, _TOO_MUCH_IN_THE_MIDDLE, _TOO_LITTLE_IN_THE_MIDDLE = 1.5, 1.2, 0.03
_LEAST_SITES = 10  # fewer sites may be correlated by chance
_LEAST_DAYS = 300
_LAGS = range(-3, 4)  # days from the rain to the rise
_CLEARLY = 0.05  # by so much one correlation must exceed another
_WAY = (
    "If it is discharge in m3/s, use `runoff_from_discharge(y, area)` of stefaland_sk.data, with "
    "areas in km2; if prcp is per hour or in inches, convert it or declare its unit."
)


def water_balance(panel, facts, records, name, unit):
    """Find flow that cannot be a depth of water: another unit, or another area."""
    rain = _rain(panel, facts)
    declared = normalise_unit(unit)
    if rain is None or declared not in (None, "mm/d") or not (_is_flow(name) or name == "target"):
        return
    seen = np.isfinite(facts.target)
    n = np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    flow = np.where(seen, facts.target, 0).sum(axis=1, dtype=np.float64) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(rain > 0, flow / rain, np.nan)
    if not np.isfinite(ratio).any():
        return
    middle, worst = np.nanmedian(ratio), int(np.nanargmax(ratio))
    much = ratio > _TOO_MUCH
    finding = {"severity": "warning", "kind": "unit", "variable": name}
    if middle > _TOO_MUCH_IN_THE_MIDDLE:
        message = (
            f"More water leaves than falls: the mean target is {middle:.3g} times the mean prcp at "
            f"the median site. {_WAY}"
        )
    elif much.any():
        message = (
            f"More water leaves than falls {at_sites(panel, much)}; at "
            f"{panel.site_ids[worst]!r} the mean target is {ratio[worst]:.3g} times the mean prcp. "
            + (_WAY if much.sum() > 1 else "Is its drainage area right [km2]?")
        )
    elif _grows_with_area(panel, ratio):
        much = np.isfinite(ratio)
        message = f"The target grows with the drainage area, as discharge does. {_WAY}"
    elif middle < _TOO_LITTLE_IN_THE_MIDDLE and (_is_flow(name) or _is_no_water_content(facts)):
        much = ratio < _TOO_LITTLE_IN_THE_MIDDLE
        message = (
            f"Hardly any water leaves: the mean target is {middle:.2g} times the mean prcp at the "
            "median site. Is the target per hour or in metres, or was the area in m2? It should "
            "be in mm/d, and areas in km2."
        )
    else:
        return
    yield Finding(message=message, site=str(panel.site_ids[worst]), n=int(much.sum()), **finding)


def shifted_days(panel, facts, records, name, unit):
    """Find targets that rise before it rains: the days of the two series are not the same."""
    rain = _rain(panel, facts)
    if rain is None or not panel.n_times or panel.step != np.timedelta64(1, "D"):
        return
    enough = np.flatnonzero((np.isfinite(facts.target) & facts.present).sum(axis=1) > _LEAST_DAYS)
    rows = enough[:: max(1, len(enough) // 32)]  # a sample of sites is enough to tell
    best = []
    for row in rows:
        rises = np.diff(facts.target[row], prepend=np.nan)
        prcp = panel[[row]].variable("prcp")[0]
        r = np.array([_lagged_correlation(prcp, rises, lag) for lag in _LAGS])
        lag = int(np.argmax(r))
        clear = r[lag] > 0.1 and r[lag] > _CLEARLY + r[_LAGS.index(0) :].max(initial=-1)
        best.append(_LAGS[lag] if clear else 0)
    early = np.array(best) < 0
    if early.sum() >= 2 and early.mean() > 0.5:
        days = int(-np.median(np.array(best)[early]))
        yield Finding(
            severity="warning",
            kind="shifted days",
            variable=name,
            site=str(panel.site_ids[rows[early][0]]),
            n=int(early.sum()),
            message=f"The target rises {count(days, 'day')} before it rains, at {early.sum()} of "
            f"{count(len(rows), 'site')} looked at. Are its times those of the end of the step, or "
            "of another zone? Both series should say when a step begins.",
        )


# ---------------------------------------------------------------------- parts
def _rain(panel, facts):
    """Give the mean precipitation of each site [mm/d], or None."""
    known = normalise_unit(panel.units.get("prcp")) in (None, "mm/d")
    if "prcp" not in panel.forcing_names or not known:
        return None
    return facts.mean[:, panel.forcing_names.index("prcp")]


def _is_flow(name):
    """Tell whether a target is named like a depth of flow."""
    return name in ("runoff", "q", "qobs", "q_obs", "streamflow")


def _is_no_water_content(facts):
    """Tell whether a target of unknown name cannot be a share of the soil."""
    return np.nanmax(facts.target) > 1 or np.nanmean(facts.target) < 0.005


def _grows_with_area(panel, ratio):
    """Tell whether flow over rain is nearly proportional to the drainage area."""
    try:
        area = np.log(site_areas(panel))
    except ValueError:  # there is none
        return False
    known = np.isfinite(ratio) & (ratio > 0)
    if known.sum() < _LEAST_SITES or np.ptp(area[known]) < np.log(4):
        return False
    x, y = area[known], np.log(ratio[known])
    slope, r = np.polyfit(x, y, 1)[0], np.corrcoef(x, y)[0, 1]
    return slope > 0.6 and r > 0.5


def _lagged_correlation(prcp, rises, lag):
    """Correlate the rain of each day with the rise `lag` days later."""
    rain = prcp[: len(prcp) - lag] if lag >= 0 else prcp[-lag:]
    rise = rises[lag:] if lag >= 0 else rises[:lag]
    both = np.isfinite(rain) & np.isfinite(rise)
    if both.sum() < _LEAST_DAYS or np.ptp(rain[both]) == 0 or np.ptp(rise[both]) == 0:
        return 0.0
    return np.corrcoef(rain[both], rise[both])[0, 1]
