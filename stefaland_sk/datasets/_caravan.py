"""Caravan: a CSV or netCDF file per basin, tables of attributes, any number of sub-datasets."""

import pandas as pd

from stefaland_sk.data import get_variable_set, target_derived
from stefaland_sk.datasets._base import choose_names
from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._paths import as_path, missing
from stefaland_sk.datasets._series import Columns, CsvFiles, NetcdfFiles

# The provider's daily variables: ours, unit, and what makes ours of theirs. Potential
# evapotranspiration changed with version 1.4; the first that the files have is taken.
_OURS = {
    "prcp": ("mm/d", ("total_precipitation_sum",), 1.0),
    "pet": (
        "mm/d",
        (
            "potential_evaporation_sum_FAO_PENMAN_MONTEITH",
            "potential_evaporation_sum_ERA5_LAND",
            "potential_evaporation_sum",
        ),
        1.0,
    ),
    "tmean": ("degC", ("temperature_2m_mean",), 1.0),
    "tmax": ("degC", ("temperature_2m_max",), 1.0),
    "tmin": ("degC", ("temperature_2m_min",), 1.0),
    "srad_net": ("W/m2", ("surface_net_solar_radiation_mean",), 1.0),
    "lrad_net": ("W/m2", ("surface_net_thermal_radiation_mean",), 1.0),
    "psurf": ("Pa", ("surface_pressure_mean",), 1000.0),
    "wind_u": ("m/s", ("u_component_of_wind_10m_mean",), 1.0),
    "wind_v": ("m/s", ("v_component_of_wind_10m_mean",), 1.0),
}
_STEMS = {  # units of all other variables, by what their names begin with
    "snow_depth_water_equivalent": "mm",
    "surface_net_solar_radiation": "W/m2",
    "surface_net_thermal_radiation": "W/m2",
    "surface_pressure": "kPa",
    "temperature_2m": "degC",
    "dewpoint_temperature_2m": "degC",
    "u_component_of_wind": "m/s",
    "v_component_of_wind": "m/s",
    "volumetric_soil_water_layer": "m3/m3",
    "total_precipitation": "mm/d",
    "potential_evaporation": "mm/d",
}
_PLACES = {"gauge_lat": "lat", "gauge_lon": "lon", "gauge_name": "name"}


def load_caravan(
    path,
    *,
    subsets=None,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    target="runoff",
    as_frame=False,
):
    """Load Caravan: forcing, attributes and streamflow of basins around the world [1]_.

    Reads the files as they are distributed, extensions of the community included: one CSV or
    netCDF file per basin, tables of attributes per sub-dataset. Nothing is downloaded, scaled or
    filled.

    Parameters
    ----------
    path : str or path-like
        Folder with ``timeseries`` and ``attributes``. Where there are netCDF files as well as CSV
        files, the former are read, since that is faster.
    subsets : list of str, default=None
        Sub-datasets to read, such as ``["camelsgb", "lamah"]``. None reads all.
    forcings : list of str, default=None
        Variables to give: prcp, pet, tmean, tmax, tmin, srad_net, lrad_net, psurf, wind_u, wind_v
        (None gives these), or any other variable by the provider's name. Those of the
        soil's water draw a warning.
    attributes : {"default", "all"} or list of str, default="default"
        "default" takes climate indices, HydroATLAS [2]_ and the area, as the variable set
        "caravan" lists them, without class codes; "all" every number. Neither takes the
        variables that HydroATLAS derives from modelled discharge, see Notes.
    sites : list of str, default=None
        Basins to read, in this order, such as ``"camelsgb_39001"``. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    target : {"runoff"}, default="runoff"
        Streamflow [mm/d].
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing, attributes with units and groups, and the site table: ``region`` (the country),
        ``subset``, ``lat``, ``lon`` [degrees], ``area`` [km2], ``name``.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        The target, NaN where there is no record.

    Raises
    ------
    FileNotFoundError
        If there are no such folders, or a sub-dataset lacks its tables.
    ValueError
        If a sub-dataset, site, attribute, variable or day does not exist.
    ImportError
        If netCDF4 is not installed (extra ``data``) and the files are netCDF.

    Warns
    -----
    LeakageWarning
        If `forcings` or `attributes` names something that stands for a target.

    See Also
    --------
    load_camels_us, load_camels_gb : Two of its members as their providers give them.
    stefaland_sk.data.get_variable_set : The set "caravan", with units and groups.

    Notes
    -----
    Left out unless named: discharge, land surface runoff, river area, river volume and degree of
    regulation of HydroATLAS (``dis_*``, ``run_*``, ``ria_*``, ``riv_*``, ``dor_*``), for they come
    from a model that is calibrated on gauges; and soil water of ERA5-Land.

    ``pet`` is that of FAO Penman-Monteith where the files have it (version 1.4 and later),
    otherwise that of ERA5-Land, which is far too high in many places. Radiation is *net*
    radiation over 24 hours, hence its name. Pressure is converted from kPa to Pa. Days are
    those of the local time zone.

    References
    ----------
    .. [1] Kratzert, F. et al. (2023). Caravan - A global community dataset for large-sample
       hydrology. Scientific Data 10, 61. doi:10.1038/s41597-023-01975-w
    .. [2] Linke, S. et al. (2019). Global hydro-environmental sub-basin and river reach
       characteristics at high spatial resolution. Scientific Data 6, 283.
       doi:10.1038/s41597-019-0300-6

    Examples
    --------
    >>> from stefaland_sk.datasets import load_caravan
    >>> X, y = load_caravan(
    ...     "path/to/Caravan", subsets=["camelscl", "camelsbr"], period=("1990-10-01", "2010-09-30")
    ... )  # doctest: +SKIP
    >>> sorted(X.sites["region"].unique())  # doctest: +SKIP
    ['Brazil', 'Chile']
    """
    return build(
        open_caravan(path, subsets, sites),
        forcings=forcings,
        attributes=attributes,
        sites=sites,
        period=period,
        target=target,
        as_frame=as_frame,
    )


def open_caravan(path, subsets=None, sites=None):
    """Describe a folder of Caravan; only the sub-datasets that are needed are looked into."""
    path = as_path(path)
    kinds = {"netcdf": (NetcdfFiles, "nc"), "csv": (CsvFiles, "csv")}
    folders = {kind: path / "timeseries" / kind for kind in kinds}
    kind = next((k for k, folder in folders.items() if folder.is_dir()), None)
    if kind is None or not (path / "attributes").is_dir():
        raise missing(
            "Caravan data",
            path,
            [path / "attributes", f"{folders['netcdf']} or {folders['csv']}"],
            "Give the folder that holds 'attributes' and 'timeseries'.",
        )
    present = sorted(folder.name for folder in folders[kind].iterdir() if folder.is_dir())
    chosen = choose_names("subsets", subsets, present, empty=False)
    reader, ending = kinds[kind]
    files = {}
    for subset in chosen:
        files |= {file.stem: file for file in sorted((folders[kind] / subset).glob(f"*.{ending}"))}
    if not files:
        raise missing(
            "series of Caravan", path, [folders[kind] / s / f"*.{ending}" for s in chosen]
        )
    series = reader(files, Columns())
    header = series.header(next(iter(files.values())))
    units = {}
    for name, (unit, theirs, factor) in _OURS.items():
        column = next((c for c in theirs if c in header), None)
        if column:
            series.columns[name], units[name] = (column, factor, 0.0), unit
    default = list(units)
    for column in header:
        if column not in ("date", "streamflow"):
            series.columns[column], units[column] = (column, 1.0, 0.0), _unit(column)
    series.columns["runoff"] = ("streamflow", 1.0, 0.0)
    table = _read_tables(path / "attributes", chosen)
    found = DataSet(
        name="Caravan",
        series=series,
        forcings=units,
        default_forcings=default,
        targets={"runoff": "mm/d"},
        table=table.drop(columns=[n for n in (*_PLACES, "country", "subset") if n in table]),
        sites=_sites(table),
        units={"lat": "deg", "lon": "deg"},
    )
    return describe_attributes(found)


def describe_attributes(found):
    """Say units, groups and the usual choice of attributes that are those of Caravan."""
    known = get_variable_set("caravan")
    here = [n for n in known.attribute_names if n in found.table]
    leaks = set(target_derived(here))
    # Caravan's units come last: of the same name, other data sets count days of the year.
    found.units = found.units | known.units
    found.groups = known.groups_in(here)
    found.default_attributes = [n for n in here if n not in leaks and known.units.get(n) != "class"]
    return found


def _read_tables(folder, subsets):
    """Join the tables of attributes of each sub-dataset, and put these below each other."""
    joined = []
    for subset in subsets:
        files = sorted((folder / subset).glob(f"attributes_*_{subset}.csv"))
        if not any(file.name.startswith("attributes_other") for file in files):
            raise missing(
                f"attributes of the sub-dataset {subset!r}",
                folder.parent,
                [folder / subset / f"attributes_other_{subset}.csv"],
                "Places and areas of the basins stand in it.",
            )
        tables = [
            pd.read_csv(file, dtype={"gauge_id": str}).set_index("gauge_id") for file in files
        ]
        named = pd.Series(subset, index=tables[0].index, name="subset")
        table = pd.concat([*tables, named], axis=1, join="outer")
        joined.append(table.loc[:, ~table.columns.duplicated()])
    return pd.concat(joined)


def _sites(table):
    """Describe the basins."""
    sites = table[[n for n in (*_PLACES, "area", "country", "subset") if n in table]]
    sites = sites.rename(columns=_PLACES)
    sites["region"] = sites["country"] if "country" in sites else sites["subset"]
    first = [n for n in ("region", "subset", "lat", "lon", "area", "name") if n in sites]
    return sites[first]


def _unit(column):
    """Give the unit of a daily variable by the provider's name."""
    return next((unit for stem, unit in _STEMS.items() if column.startswith(stem)), "")
