"""The variables that catchment datasets share: their names, units and groups."""

FORCINGS = {
    "prcp": "mm/d",
    "srad": "W/m2",  # mean over the daylight hours: the daily energy is srad * dayl
    "tmax": "degC",
    "tmin": "degC",
    "vp": "Pa",
    "dayl": "s",
}
DERIVED_FORCINGS = {"tmean": "degC", "pet": "mm/d"}

# The 26 attributes of the usual CAMELS experiments, by group. Both the reader and the
# generator keep to this list, so that a pipeline made for one runs on the other.
ATTRIBUTES = {
    "topography": {
        "elev_mean": "m",
        "slope_mean": "m/km",
        "area_gages2": "km2",
    },
    "vegetation": {
        "frac_forest": "1",
        "lai_max": "1",
        "lai_diff": "1",
        "gvf_max": "1",
        "gvf_diff": "1",
    },
    "soil": {
        "soil_depth_pelletier": "m",
        "soil_depth_statsgo": "m",
        "soil_porosity": "1",
        "soil_conductivity": "cm/h",
        "max_water_content": "m",
        "sand_frac": "%",
        "silt_frac": "%",
        "clay_frac": "%",
    },
    "geology": {
        "carbonate_rocks_frac": "1",
        "geol_permeability": "log10(m2)",
    },
    "climate": {
        "p_mean": "mm/d",
        "pet_mean": "mm/d",
        "aridity": "1",
        "frac_snow": "1",
        "high_prec_freq": "d/yr",
        "high_prec_dur": "d",
        "low_prec_freq": "d/yr",
        "low_prec_dur": "d",
    },
}


def units_of(*tables):
    """Merge tables of units into one dict."""
    return {name: unit for table in tables for name, unit in table.items()}


ATTRIBUTE_UNITS = units_of(*ATTRIBUTES.values())
ATTRIBUTE_GROUPS = {group: list(table) for group, table in ATTRIBUTES.items()}
