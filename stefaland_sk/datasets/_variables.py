"""The variables that catchment datasets share: their names, units and groups."""

from stefaland_sk.data import get_variable_set

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
ATTRIBUTES = get_variable_set("camels").groups


def units_of(*tables):
    """Merge tables of units into one dict."""
    return {name: unit for table in tables for name, unit in table.items()}


ATTRIBUTE_UNITS = units_of(*ATTRIBUTES.values())
ATTRIBUTE_GROUPS = {group: list(table) for group, table in ATTRIBUTES.items()}
