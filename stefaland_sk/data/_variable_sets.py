"""Variable sets by name: the inputs of published pretraining runs, and their groups."""

import copy
from dataclasses import dataclass

from stefaland_sk._core import check_option
from stefaland_sk.data._conversions import daily_mean_radiation, relative_humidity
from stefaland_sk.data._schema import target_derived


@dataclass(frozen=True)
class VariableSet:
    """Forcing and attributes that belong together, and which are hidden together.

    Parameters
    ----------
    name : str
        Name of the set.
    forcings : dict of str to (str or None)
        Forcing variables and their units; None where the source states none for sure.
    groups : dict of str to dict
        Group -> its attributes and their units. A group is hidden as a whole in pretraining.
    ungrouped : dict of str to (str or None)
        Attributes in no group and their units; each is hidden for itself.
    never_hidden : tuple of str, default=()
        Attributes that pretraining always shows.
    source : str, default=""
        Where the set comes from.

    Examples
    --------
    >>> camels = get_variable_set("camels")
    >>> list(camels.groups)
    ['topography', 'vegetation', 'soil', 'geology', 'climate']
    >>> camels.groups_in(["elev_mean", "sand_frac", "clay_frac"])
    {'topography': ['elev_mean'], 'soil': ['sand_frac', 'clay_frac']}
    """

    name: str
    forcings: dict
    groups: dict
    ungrouped: dict
    never_hidden: tuple = ()
    source: str = ""

    @property
    def forcing_names(self):
        """Names of the forcing variables."""
        return list(self.forcings)

    @property
    def attribute_names(self):
        """Names of the attributes, group by group."""
        return [name for table in (*self.groups.values(), self.ungrouped) for name in table]

    @property
    def units(self):
        """Units of the variables that have a known one; that of class codes is ``"class"``."""
        tables = (self.forcings, *self.groups.values(), self.ungrouped)
        return {name: unit for table in tables for name, unit in table.items() if unit}

    @property
    def categorical(self):
        """Names of the attributes that are class codes."""
        units = self.units
        return [name for name in self.attribute_names if units.get(name) == "class"]

    @property
    def target_derived(self):
        """Names in the set that stand for a target; leave them out of a hold-out test."""
        return target_derived([*self.forcings, *self.attribute_names])

    def groups_in(self, names):
        """Restrict the groups to the attributes at hand.

        Parameters
        ----------
        names : iterable of str
            Attributes at hand.

        Returns
        -------
        dict of str to list of str
            Group -> its attributes, in the order of the set. Groups without any are left out.
        """
        names = set(names)
        found = {group: [n for n in table if n in names] for group, table in self.groups.items()}
        return {group: members for group, members in found.items() if members}

    def never_hidden_in(self, names):
        """Restrict the attributes that are never hidden to those at hand.

        Parameters
        ----------
        names : iterable of str
            Attributes at hand.

        Returns
        -------
        list of str
            Those that pretraining always shows.
        """
        names = set(names)
        return [name for name in self.never_hidden if name in names]


def get_variable_set(name):
    """Give a variable set by its name.

    Parameters
    ----------
    name : {"camels", "camels_paper", "caravan", "global", "global_26", "global_48", \
"soil_moisture"}
        Which set:

        - ``"camels"``: the 26 attributes of the usual CAMELS-US experiments, all of them in five
          groups by subject;
        - ``"camels_paper"``: the same variables in the three groups of the paper's configuration,
          which leaves 16 attributes in no group;
        - ``"caravan"``: meteorology of ERA5-Land, the climate indices of Caravan [1]_ and the
          attributes of HydroATLAS [2]_, grouped by the six categories of its catalogue (integers
          scaled as there: temperatures are in 0.1 degC) and with the land-model states left out;
        - ``"global"``: the 5 forcing variables and 22 attributes of the global runs;
        - ``"global_26"``: the 26 attributes of the paper's tables, with streamflow as forcing;
        - ``"global_48"``: the variables of the distributed checkpoint; its groups are ours;
        - ``"soil_moisture"``: satellite and reanalysis inputs at soil-moisture stations.

    Returns
    -------
    VariableSet
        The set, a copy of your own.

    Raises
    ------
    ValueError
        If there is no set of that name.

    Notes
    -----
    Four sets ("caravan", "global_26", "global_48" and "soil_moisture") hold variables that stand
    for a target or are computed from one (`VariableSet.target_derived`), because their source
    has them. Leave these out where sites or regions are held out.

    References
    ----------
    .. [1] Kratzert, F. et al. (2023). Caravan - A global community dataset for large-sample
       hydrology. Scientific Data 10, 61. doi:10.1038/s41597-023-01975-w
    .. [2] Linke, S. et al. (2019). Global hydro-environmental sub-basin and river reach
       characteristics at high spatial resolution. Scientific Data 6, 283.
       doi:10.1038/s41597-019-0300-6

    Examples
    --------
    >>> get_variable_set("global").forcings
    {'P': 'mm/d', 'SWd': 'W/m2', 'RelHum': '%', 'Tmax': 'degC', 'Tmin': 'degC'}
    >>> get_variable_set("global_48").target_derived
    ['soil_moisture']
    """
    check_option("name", name, list(_SETS))
    return copy.deepcopy(_SETS[name])


def _unknown(names):
    """Give names without a unit that the source states for sure."""
    return dict.fromkeys(names.split())


def _all_in(unit, names):
    """Give names that share a unit."""
    return dict.fromkeys(names.split(), unit)


_CAMELS_FORCINGS = {"prcp": "mm/d", "srad": "W/m2", "tmax": "degC", "tmin": "degC", "vp": "Pa"}
_CAMELS_GROUPS = {
    "topography": {"elev_mean": "m", "slope_mean": "m/km", "area_gages2": "km2"},
    "vegetation": _all_in("1", "frac_forest lai_max lai_diff gvf_max gvf_diff"),
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
    "geology": {"carbonate_rocks_frac": "1", "geol_permeability": "log10(m2)"},
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


def _camels_paper():
    """The CAMELS variables in the groups of the paper's configuration."""
    units = {name: unit for table in _CAMELS_GROUPS.values() for name, unit in table.items()}
    groups = {
        "topography": "elev_mean slope_mean",
        "soil": "sand_frac silt_frac clay_frac soil_depth_pelletier",
        "geology": "geol_permeability soil_porosity soil_conductivity",
    }
    groups = {group: {n: units.pop(n) for n in names.split()} for group, names in groups.items()}
    return VariableSet(
        name="camels_paper",
        forcings=_CAMELS_FORCINGS,
        groups=groups,
        ungrouped=units,
        never_hidden=("area_gages2",),
        source="StefaLand, configuration for CAMELS-US",
    )


# HydroATLAS: name = variable _ unit code _ extent and statistic. Per variable: the unit of its
# (scaled) integers, after the BasinATLAS catalogue 1.0, and the endings that Caravan keeps.
_MONTHS = " ".join(f"s{month:02d}" for month in range(1, 13))
_HYDROATLAS = {
    "hydrology": [
        ("dis_m3", "m3/s", "pyr pmn pmx"),
        ("run_mm", "mm/yr", "syr"),
        ("inu_pc", "%", "smn smx slt"),
        ("lka_pc", "0.1 %", "sse"),
        ("lkv_mc", "1e6 m3", "usu"),
        ("rev_mc", "1e6 m3", "usu"),
        ("dor_pc", "0.1 %", "pva"),
        ("ria_ha", "ha", "usu"),
        ("riv_tc", "1e3 m3", "usu"),
        ("gwt_cm", "cm", "sav"),
    ],
    "physiography": [
        ("ele_mt", "m", "sav smn smx"),
        ("slp_dg", "0.1 deg", "sav"),
        ("sgr_dk", "dm/km", "sav"),
    ],
    "climate": [
        ("clz_cl", "class", "smj"),
        ("cls_cl", "class", "smj"),
        ("tmp_dc", "0.1 degC", f"syr smn smx {_MONTHS}"),
        *[
            (f"{name}_mm", unit, ending)
            for name in ("pre", "pet", "aet")
            for unit, ending in (("mm/yr", "syr"), ("mm/month", _MONTHS))
        ],
        ("ari_ix", "0.01", "sav"),
        ("cmi_ix", "0.01", f"syr {_MONTHS}"),
        ("snw_pc", "%", f"syr smx {_MONTHS}"),
    ],
    "land cover": [
        ("glc_cl", "class", "smj"),
        ("glc_pc", "%", " ".join(f"s{i:02d}" for i in range(1, 23))),
        ("pnv_cl", "class", "smj"),
        ("pnv_pc", "%", " ".join(f"s{i:02d}" for i in range(1, 16))),
        ("wet_cl", "class", "smj"),
        ("wet_pc", "%", "sg1 sg2 " + " ".join(f"s{i:02d}" for i in range(1, 10))),
        *[(f"{name}_pc", "%", "sse") for name in ("for", "crp", "pst", "ire", "gla", "prm", "pac")],
        *[(f"{name}_cl", "class", "smj") for name in ("tbi", "tec", "fmh", "fec")],
    ],
    "soils and geology": [
        *[(f"{name}_pc", "%", "sav") for name in ("cly", "slt", "snd")],
        ("soc_th", "t/ha", "sav"),
        ("swc_pc", "%", f"syr {_MONTHS}"),
        ("lit_cl", "class", "smj"),
        ("kar_pc", "%", "sse"),
        ("ero_kh", "kg/ha/yr", "sav"),
    ],
    "anthropogenic": [
        ("pop_ct", "1e3", "usu"),
        ("ppd_pk", "1/km2", "sav"),
        ("urb_pc", "%", "sse"),
        ("nli_ix", "0.01", "sav"),
        ("rdd_mk", "m/km2", "sav"),
        ("hft_ix", "0.1", "s93 s09"),
        ("gdp_ud", "USD", "sav ssu"),
        ("hdi_ix", "0.001", "sav"),
    ],
}
# Frequencies are shares of the days here, not days per year as in CAMELS. Newer versions have
# two kinds of potential evapotranspiration, told apart by the ending.
_CARAVAN_INDICES = {
    "p_mean": "mm/d",
    "frac_snow": "-",
    "high_prec_freq": "-",
    "high_prec_dur": "d",
    "low_prec_freq": "-",
    "low_prec_dur": "d",
} | {
    name + kind: unit
    for kind in ("", "_ERA5_LAND", "_FAO_PM")
    for name, unit in (
        ("pet_mean", "mm/d"),
        ("aridity", "-"),
        ("moisture_index", "-"),
        ("seasonality", "-"),
    )
}


def _caravan():
    """Caravan with HydroATLAS."""
    groups = {
        group: {
            f"{stem}_{ending}": unit for stem, unit, endings in rows for ending in endings.split()
        }
        for group, rows in _HYDROATLAS.items()
    }
    groups["climate"] = _CARAVAN_INDICES | groups["climate"]
    return VariableSet(
        name="caravan",
        forcings={
            "total_precipitation_sum": "mm/d",
            "potential_evaporation_sum": "mm/d",
            **_all_in("degC", "temperature_2m_mean temperature_2m_max temperature_2m_min"),
            "surface_net_solar_radiation_mean": "W/m2",
            "surface_net_thermal_radiation_mean": "W/m2",
            "surface_pressure_mean": "kPa",
            "u_component_of_wind_10m_mean": "m/s",
            "v_component_of_wind_10m_mean": "m/s",
        },
        groups=groups,
        ungrouped={"area": "km2"},
        never_hidden=("area",),
        source="Caravan (doi:10.1038/s41597-023-01975-w), HydroATLAS 1.0 (CC BY 4.0)",
    )


_GLOBAL_FORCINGS = {"P": "mm/d", "SWd": "W/m2", "RelHum": "%", "Tmax": "degC", "Tmin": "degC"}
_SHOWN = ("catchsize", "population_density_2000_buffer", "gdp_2000_buffer", "intact_forest")
_SHOWN_UNITS = _unknown(" ".join(_SHOWN)) | {"catchsize": "km2"}

_SETS = {
    entry.name: entry
    for entry in (
        VariableSet(
            name="camels",
            forcings=_CAMELS_FORCINGS,
            groups=_CAMELS_GROUPS,
            ungrouped={},
            source="CAMELS-US (doi:10.5194/hess-21-5293-2017), groups by subject",
        ),
        _camels_paper(),
        _caravan(),
        VariableSet(
            name="global",
            forcings=_GLOBAL_FORCINGS,
            groups={
                "climate": _unknown("MSWEP_P MSWX_PET MSWX_Tmean MSWX_SWd"),
                "topography": {
                    "GMTED_elevation": "m",
                    **_unknown("GMTED_slope GMTED_aspectcosine soil_depth"),
                },
                "soil": _all_in("%", "HWSD_clay HWSD_sand HWSD_silt"),
                "geology": _unknown(
                    "Permeability_no_permafrost carbonate_sedimentary_rocks_frac porosity"
                ),
                "vegetation": _unknown(
                    "MODIS_NDVI grassland_fraction_2018 forest_fraction_1992 forest_fraction_2018"
                ),
            },
            ungrouped=_SHOWN_UNITS,
            never_hidden=_SHOWN,
            source="StefaLand, configuration of the global runs (subset A without runoff)",
        ),
        VariableSet(
            name="global_26",
            forcings={"P": "mm/d", "Temp": "degC", "PET": "mm/d", "streamflow": "mm/d"},
            groups={
                "topography": {"meanelevation": "m", "meanslope": None},
                "soil": {
                    **_all_in("%", "HWSD_clay HWSD_sand HWSD_silt HWSD_gravel"),
                    **_unknown("SoilGrids1km_sand SoilGrids1km_clay SoilGrids1km_silt"),
                },
                "geology": _unknown("permeability Porosity glaciers permafrost"),
                "vegetation": _unknown("NDVI FW"),
                "climate": _unknown(
                    "aridity meanP ETPOT_Hargr meanTa seasonality_P seasonality_PET "
                    "snow_fraction snowfall_fraction"
                ),
            },
            ungrouped={"lat": "deg", "lon": "deg", "catchsize": "km2"},
            never_hidden=("catchsize",),
            source="StefaLand, tables 15 and 16 and the configuration for 6,738 basins",
        ),
        VariableSet(
            name="global_48",
            forcings={name: _GLOBAL_FORCINGS[name] for name in sorted(_GLOBAL_FORCINGS)},
            groups={
                "climate": _unknown(
                    "ETPOT_Hargr MSWEP_P MSWX_LWd MSWX_PET MSWX_RH MSWX_SWd MSWX_SpecHum "
                    "MSWX_Tmax MSWX_Tmean MSWX_Tmin MSWX_Wind meanP meanTa seasonality_P "
                    "seasonality_PET snow_fraction snowfall_fraction"
                ),
                "topography": {
                    "GMTED_elevation": "m",
                    **_unknown("GMTED_slope GMTED_aspectcosine"),
                },
                "soil": {
                    **_all_in("%", "HWSD_clay HWSD_gravel HWSD_sand HWSD_silt"),
                    **_unknown(
                        "SoilGrid2_bulk_density SoilGrid2_clay SoilGrid2_organic_carbon_stock "
                        "SoilGrid2_sand SoilGrid2_silt soil_depth soil_erosion soil_moisture"
                    ),
                },
                "geology": _unknown(
                    "Permeability_no_permafrost carbonate_sedimentary_rocks_frac porosity"
                ),
                "land cover": _unknown(
                    "MODIS_NDVI agriculture_fraction_2000 agriculture_fraction_2018 "
                    "forest_fraction_2000 forest_fraction_2018 grassland_fraction_2000 "
                    "grassland_fraction_2018 urban_fraction_2000 urban_fraction_2018"
                ),
            },
            ungrouped=_SHOWN_UNITS,
            never_hidden=_SHOWN,
            source="StefaLand, variables of the distributed checkpoint; groups by subject",
        ),
        VariableSet(
            name="soil_moisture",
            forcings=_unknown(
                "Albedo_BSA Albedo_WSA GPM LST_Day LST_Night MSWEP SMAP_9km_AM forecast_albedo "
                "leaf_area_index_high_vegetation leaf_area_index_low_vegetation "
                "soil_temperature_level_1 surface_pressure surface_solar_radiation_downwards "
                "temperature_2m total_evaporation total_precipitation u_component_of_wind_10m "
                "v_component_of_wind_10m volumetric_soil_water_layer_1"
            ),
            groups={
                "topography": _unknown("slope pcurv aspectcosine roughness elevation"),
                "soil": {
                    **_unknown("T_SAND T_CLAY T_SILT T_BULK_DEN"),
                    "T_TEXTURE": "class",
                },
                "land cover": {
                    **_unknown("Urban Open_Water Snow_Ice"),
                    "landcover_ESA_2018": "class",
                },
                "remote sensing": _unknown(
                    "AVERAGE_LST_10km_LST_Day AVERAGE_LST_10km_LST_Night AVERAGE_NDVI_p05 "
                    "AVERAGE_Albedo_10km_Albedo_WSA AVERAGE_Albedo_10km_Albedo_BSA "
                    "AVERAGE_SMAP_9km_AM"
                ),
            },
            ungrouped={"lat": "deg", "lon": "deg"},
            source="StefaLand, configuration for 1,316 stations of the ISMN",
        ),
    )
}

# How to read one set's forcing from a panel of another, for `variable_map=` of an encoder: its
# name -> the panel's name, or a function and the names of its arguments. Vapour pressure becomes
# relative humidity, and radiation averaged over daylight an average over the day.
VARIABLE_MAPS = {
    "camels->global": {
        "P": "prcp",
        "SWd": (daily_mean_radiation, ["srad", "dayl"]),
        "RelHum": (relative_humidity, ["vp", "tmin", "tmax"]),
        "Tmax": "tmax",
        "Tmin": "tmin",
    },
}
