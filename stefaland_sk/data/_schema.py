"""What is known of common variables: their unit and what values they can have."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A variable that the library knows by name.

    Parameters
    ----------
    name : str
        Its name in a panel.
    unit : str
        The library's unit for it, as `normalise_unit` spells it.
    low, high : float
        Physical limits in that unit: a value outside is impossible.
    role : {"forcing", "target", "attribute"}
        Where it usually stands.
    typical : tuple of two float, default=None
        Where the mean of a site's record lies for most sites; tells units apart.
    meaning : str, default=""
        What it is.

    Examples
    --------
    >>> known_variable("prcp").unit
    'mm/d'
    """

    name: str
    unit: str
    low: float
    high: float
    role: str
    typical: tuple[float, float] | None = None
    meaning: str = ""


# Limits are a little wider than the records kept by the World Meteorological Organization
# (World Weather & Climate Extremes Archive, wmo.asu.edu): 1825 mm of rain in a day, -89.2 and
# 56.7 degC. Radiation is bounded by the solar constant, since some products average over
# daylight only.
_ROWS = [
    ("prcp", "mm/d", 0, 2000, "forcing", (0.02, 30), "precipitation"),
    ("tmin", "degC", -95, 60, "forcing", (-45, 40), "daily minimum of air temperature"),
    ("tmax", "degC", -95, 65, "forcing", (-40, 50), "daily maximum of air temperature"),
    ("tmean", "degC", -95, 60, "forcing", (-45, 45), "daily mean of air temperature"),
    ("srad", "W/m2", 0, 1400, "forcing", (30, 700), "downward short-wave radiation"),
    ("lrad", "W/m2", 20, 800, "forcing", (100, 600), "downward long-wave radiation"),
    ("vp", "Pa", 0, 8000, "forcing", (40, 4500), "vapour pressure"),
    ("pet", "mm/d", -5, 60, "forcing", (0.1, 20), "potential evapotranspiration"),
    ("dayl", "s", 0, 86400, "forcing", (28800, 57600), "length of daylight"),
    ("rh", "%", 0, 110, "forcing", (8, 110), "relative humidity"),
    ("spfh", "kg/kg", 0, 0.06, "forcing", (0.0002, 0.03), "specific humidity"),
    ("wind", "m/s", 0, 110, "forcing", (0.1, 25), "wind speed"),
    ("wind_u", "m/s", -110, 110, "forcing", None, "wind towards the east"),
    ("wind_v", "m/s", -110, 110, "forcing", None, "wind towards the north"),
    ("srad_net", "W/m2", -200, 1400, "forcing", None, "net short-wave radiation"),
    ("lrad_net", "W/m2", -500, 300, "forcing", None, "net long-wave radiation"),
    ("psurf", "Pa", 30000, 110000, "forcing", (45000, 108000), "air pressure at the surface"),
    ("swe", "mm", 0, 30000, "forcing", None, "snow water equivalent"),
    ("runoff", "mm/d", 0, 2000, "target", None, "runoff depth"),
    ("discharge", "m3/s", 0, 400000, "target", None, "discharge"),
    ("soil_moisture", "m3/m3", 0, 1, "target", (0.005, 0.9), "volumetric soil moisture"),
    ("lat", "deg", -90, 90, "attribute", None, "latitude"),
    ("lon", "deg", -180, 360, "attribute", None, "longitude"),
    ("area", "km2", 0, 7.5e6, "attribute", None, "drainage area"),
    ("area_gages2", "km2", 0, 7.5e6, "attribute", None, "drainage area"),
    ("elev_mean", "m", -450, 8900, "attribute", None, "mean elevation"),
    ("slope_mean", "m/km", 0, 3000, "attribute", None, "mean slope"),
    ("p_mean", "mm/d", 0, 50, "attribute", (0.02, 30), "mean precipitation"),
    ("pet_mean", "mm/d", 0, 20, "attribute", (0.1, 20), "mean potential evapotranspiration"),
    ("p_seasonality", "-", -2, 2, "attribute", None, "seasonality of precipitation"),
    ("aridity", "-", 0, 500, "attribute", None, "potential evapotranspiration / precipitation"),
    ("frac_snow", "-", 0, 1, "attribute", None, "share of precipitation falling as snow"),
    ("frac_forest", "-", 0, 1, "attribute", None, "share of forest"),
    ("lai_max", "-", 0, 15, "attribute", None, "largest monthly leaf area index"),
    ("lai_diff", "-", 0, 15, "attribute", None, "range of the monthly leaf area index"),
    ("gvf_max", "-", 0, 1, "attribute", None, "largest monthly green vegetation fraction"),
    ("gvf_diff", "-", 0, 1, "attribute", None, "range of the green vegetation fraction"),
    ("sand_frac", "%", 0, 100, "attribute", (1.5, 100), "sand in the soil"),
    ("silt_frac", "%", 0, 100, "attribute", (1.5, 100), "silt in the soil"),
    ("clay_frac", "%", 0, 100, "attribute", (1.5, 100), "clay in the soil"),
    ("soil_porosity", "-", 0, 1, "attribute", None, "volumetric porosity"),
    ("soil_depth_pelletier", "m", 0, 60, "attribute", None, "depth to bedrock"),
    ("soil_depth_statsgo", "m", 0, 10, "attribute", None, "soil depth"),
    ("soil_conductivity", "cm/h", 0, 1000, "attribute", None, "saturated conductivity"),
    ("max_water_content", "m", 0, 10, "attribute", None, "largest water content"),
    ("root_depth_50", "m", 0, 20, "attribute", None, "depth above which half of the roots lie"),
    ("root_depth_99", "m", 0, 70, "attribute", None, "depth above which 99 % of the roots lie"),
    ("carbonate_rocks_frac", "-", 0, 1, "attribute", None, "share of carbonate rocks"),
    ("geol_permeability", "log10(m2)", -25, -5, "attribute", None, "subsurface permeability"),
    ("high_prec_dur", "d", 0, 366, "attribute", None, "length of spells of heavy precipitation"),
    ("low_prec_dur", "d", 0, 1e4, "attribute", None, "length of dry spells"),
    ("high_prec_freq", "d/yr", 0, 366, "attribute", None, "days of heavy precipitation"),
    ("low_prec_freq", "d/yr", 0, 366, "attribute", None, "dry days"),
]
VARIABLES = {row[0]: Variable(*row[:2], float(row[2]), float(row[3]), *row[4:]) for row in _ROWS}

# Statistics of observed streamflow that attribute files carry beside real properties
# (Addor et al. 2017, doi:10.5194/hess-21-5293-2017, table 3): the target in disguise.
SIGNATURES = frozenset(
    {
        "q_mean",
        "runoff_ratio",
        "slope_fdc",
        "baseflow_index",
        "baseflow_index_ceh",
        "stream_elas",
        "q5",
        "q95",
        "high_q_freq",
        "high_q_dur",
        "low_q_freq",
        "low_q_dur",
        "zero_q_freq",
        "hfd_mean",
        "bfi",
        "runoff_mean",
        "q_sd",
        "q_std",
        "q_median",
    }
)
# Names under which files carry what is to be predicted.
TARGET_NAMES = frozenset(
    {
        "runoff",
        "discharge",
        "streamflow",
        "soil_moisture",
        "q",
        "qobs",
        "q_obs",
        "q_mm",
        "sm_surface",
        "discharge_vol",
        "discharge_spec",
        "target",
    }
)
# Families of names, in lower case. HydroATLAS derives five variables from the discharge of a
# global model that is calibrated on gauges: discharge, land surface runoff, river area, river
# volume, degree of regulation (Linke et al. 2019, doi:10.1038/s41597-019-0300-6).
_TARGET_FAMILIES = re.compile(
    r"(dis|run|ria|riv|dor)_[a-z0-9]{2}_[a-z0-9]{3}"
    r"|(streamflow|discharge|runoff|q_?obs)_.+"
    r"|((river|stream|observed|obs|gauged)_?)?flow(_(observed|obs|daily|mean|\w*m3_?s|cms|cfs|mm\w*))?"
    r"|q_?(m3_?s|cms|cfs|mm_?(d|day))"
    r"|(average_)?smap(_.+)?"  # satellite soil moisture
    r"|(sm|soil_moisture)_.+"  # of some depth
    r"|volumetric_soil_water_layer_\d(_.+)?|swvl\d"  # soil water of ERA5 and ERA5-Land
)


def known_variable(name):
    """Give what is known of a variable.

    Parameters
    ----------
    name : str
        Name in a panel.

    Returns
    -------
    Variable or None
        Its unit and limits; None for a name that is not known.

    Examples
    --------
    >>> known_variable("soil_moisture").high, known_variable("x17")
    (1.0, None)
    """
    return VARIABLES.get(name)


def target_derived(names):
    """Pick the names that stand for a target or for something computed from one.

    Such a variable must not be an input, not even of pretraining: at an ungauged site it is
    unknown, and a model that reads it has seen what it is judged on.

    Parameters
    ----------
    names : iterable of str
        Names of variables.

    Returns
    -------
    list of str
        Those named like streamflow or soil moisture (``runoff``, ``QObs``), like signatures of
        streamflow (``baseflow_index``), like the variables that HydroATLAS takes from modelled
        discharge (``dis_*``, ``run_*``, ``ria_*``, ``riv_*``, ``dor_*``), or like soil moisture
        of a satellite, a land-surface model or some depth (``SMAP_*``,
        ``volumetric_soil_water_layer_*``, ``sm_*``).
        Upper and lower case are not told apart.

    Examples
    --------
    >>> target_derived(["prcp", "elev_mean", "q_mean", "Runoff", "dis_m3_pyr"])
    ['q_mean', 'Runoff', 'dis_m3_pyr']
    """
    known = SIGNATURES | TARGET_NAMES
    return [n for n in names if n.lower() in known or _TARGET_FAMILIES.fullmatch(n.lower())]
