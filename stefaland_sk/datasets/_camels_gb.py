"""CAMELS-GB: the official CSV files of both versions, and the compact form."""

import re

import pandas as pd

from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._gridded import open_any
from stefaland_sk.datasets._paths import as_path, folder_of, missing
from stefaland_sk.datasets._series import Columns, CsvFiles, files_by_site

COMPACT = "camels_gb.nc", "attributes_caravan_hydroatlas.parquet"
# Our variables -> units. The provider's columns of both versions follow, the better one first:
# those of HadUK-Grid and Hydro-PE span the whole record of version 2.
FORCINGS = {
    "prcp": "mm/d",
    "tmean": "degC",
    "pet": "mm/d",
    "srad": "W/m2",  # mean over 24 hours
    "lrad": "W/m2",
    "spfh": "kg/kg",
    "wind": "m/s",
    "pet_interception": "mm/d",
    "prcp_cehgear": "mm/d",
    "pet_chess": "mm/d",
    "pet_interception_chess": "mm/d",
    "tmean_chess": "degC",
}
TARGETS = {"runoff": "mm/d", "discharge": "m3/s"}
_COLUMNS = {
    "prcp": ("precipitation_haduk", "precipitation"),
    "tmean": ("temperature_haduk", "temperature"),
    "pet": ("pet_hydrope", "pet"),
    "srad": ("shortwave_rad",),
    "lrad": ("longwave_rad",),
    "spfh": ("humidity",),
    "wind": ("windspeed",),
    "pet_interception": ("peti_hydrope", "peti"),
    "prcp_cehgear": ("precipitation_cehgear",),
    "pet_chess": ("pet_chess",),
    "pet_interception_chess": ("peti_chess",),
    "tmean_chess": ("temperature_chess",),
    "runoff": ("discharge_spec",),
    "discharge": ("discharge_vol",),
}
_FACTORS = {"spfh": 1e-3}  # g/kg
# Not input by default: products of the same thing twice, of which one set ends in 2019.
_EXTRA = ("pet_interception", "prcp_cehgear", "pet_chess", "pet_interception_chess", "tmean_chess")
_FILE = re.compile(
    r"camels_gb(?:_v2)?_hydromet(?:_daily)?_timeseries_(\d+)_\d{8}-\d{8}\.csv", re.IGNORECASE
)
_TABLES = {  # group: file; the tables of gauging and of catchment outlines are not read
    "topography": "topographic",
    "climate": "climatic",
    "land cover": "landcover",
    "soil": "soil",
    "geology": "hydrogeology",
    "human influence": "humaninfluence",
    "hydrology": "hydrologic",
}
_PLACES = {
    "gauge_lat": "lat",
    "gauge_lon": "lon",
    "gauge_name": "name",
    "gauge_easting": "easting",
    "gauge_northing": "northing",
}
_UNITS = {
    "gauge_elev": "m",
    "area": "km2",
    "dpsbar": "m/km",
    "p_mean": "mm/d",
    "pet_mean": "mm/d",
    "aridity": "-",
    "p_seasonality": "-",
    "frac_snow": "-",
    "high_prec_freq": "d/yr",
    "high_prec_dur": "d",
    "low_prec_freq": "d/yr",
    "low_prec_dur": "d",
    "q_mean": "mm/d",
    "soil_depth_pelletier": "m",
    "num_reservoir": "-",
    "reservoir_cap": "ML",
}
_UNIT_RULES = [  # by what a name begins or ends with
    (r"elev_.+", "m"),
    (r".+_perc(_missing)?|.+_missing", "%"),
    (r"bulkdens.*", "g/cm3"),
    (r"tawc.*", "mm"),
    (r"porosity_.+", "-"),
    (r"conductivity_.+", "cm/h"),
    (r"root_depth.*|soil_depth_pelletier.*", "m"),
]
# Seven stretches of the hydrometric areas, which are numbered clockwise along the coast: our own
# regions, contiguous, for tests on unseen regions. Isle of Wight (101) to Scottish islands (105+).
_REGIONS = [
    ("Scotland", [*range(1, 22), *range(77, 98), *range(104, 109)]),
    ("North East", range(22, 29)),
    ("Anglian", range(29, 38)),
    ("South East", [38, 39, 40, 41, 42, 101]),
    ("South West", range(43, 54)),
    ("Wales and Severn", [*range(54, 68), 102]),
    ("North West", [*range(68, 77), 103]),
]
_REGION_OF = {area: name for name, areas in _REGIONS for area in areas}


def load_camels_gb(
    path,
    *,
    forcings=None,
    attributes="default",
    signatures=(),
    sites=None,
    period=None,
    target="runoff",
    as_frame=False,
):
    """Load CAMELS-GB: forcing, attributes and streamflow of basins in Great Britain.

    Reads the files as they are distributed, version 1 [1]_ or 2 [2]_, or the compact form with
    one netCDF file. Nothing is downloaded, scaled or filled.

    Parameters
    ----------
    path : str or path-like
        Folder below which the official files lie: daily series
        (``CAMELS_GB_hydromet_timeseries_*.csv``, ``camels_gb_v2_hydromet_daily_timeseries_*.csv``)
        and tables of attributes (``CAMELS_GB_topographic_attributes.csv``, ...). Or folder with
        ``camels_gb.nc`` and ``attributes_caravan_hydroatlas.parquet``, or that first file.
    forcings : list of str, default=None
        Variables to give. None gives those that there are of prcp, tmean, pet, srad, lrad, spfh and
        wind. Others: pet_interception (with correction for interception) and, in
        version 2, prcp_cehgear, pet_chess, pet_interception_chess, tmean_chess, which end in 2019.
        There are no daily extremes of temperature.
    attributes : {"default", "all"} or list of str, default="default"
        All numbers but signatures of runoff; of the compact form, those of the variable set
        "caravan" (`load_caravan`), "all" with class codes.
    signatures : list of str, default=()
        Signatures of observed runoff (q_mean, baseflow_index_ceh, Q95, ...) to put into the *site
        table*, where models do not see them.
    sites : list of str, default=None
        Basins to read, in this order, such as ``"camelsgb_39001"``: the number of the National
        River Flow Archive with the prefix that Caravan gives it. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    target : {"runoff", "discharge"}, default="runoff"
        Runoff [mm/d], or discharge [m3/s] (official files only).
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing, attributes with units and groups, and the site table: ``region``, ``lat``,
        ``lon`` [degrees], ``area`` [km2], ``name``, ``gauge_id``, ``hydrometric_area``.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        The target, NaN where there is no record.

    Raises
    ------
    FileNotFoundError
        If none of the layouts is found; the message lists what was looked for.
    ValueError
        If a site, attribute or variable does not exist, an attribute is a category, or no day
        lies in `period`.

    Warns
    -----
    LeakageWarning
        If `attributes` names a signature of runoff.

    See Also
    --------
    load_camels_us, load_caravan : Other basins, in the same form.

    Notes
    -----
    ``srad`` is the mean over 24 hours, unlike in CAMELS-US. ``region`` is our grouping of
    the hydrometric areas into seven contiguous stretches of land. Precipitation and temperature of
    version 2 are those of HadUK-Grid, potential evapotranspiration is Hydro-PE. The
    official files were not at hand when this was written: their layout is that of the
    documentation [1]_ [2]_.

    References
    ----------
    .. [1] Coxon, G. et al. (2020). CAMELS-GB: hydrometeorological time series and landscape
       attributes for 671 catchments in Great Britain. Earth Syst. Sci. Data, 12, 2459-2483.
       doi:10.5194/essd-12-2459-2020
    .. [2] Coxon, G. et al. (2025). CAMELS-GB v2. NERC EDS Environmental Information Data
       Centre. doi:10.5285/9a46d428-958f-4ac1-86eb-94eee70c0955

    Examples
    --------
    >>> from stefaland_sk.datasets import load_camels_gb
    >>> X, y = load_camels_gb("path/to/camels_gb", sites=["camelsgb_39001"])  # doctest: +SKIP
    >>> X.sites["region"].iloc[0]  # doctest: +SKIP
    'South East'
    """
    return build(
        open_camels_gb(path),
        forcings=forcings,
        attributes=attributes,
        signatures=signatures,
        sites=sites,
        period=period,
        target=target,
        as_frame=as_frame,
    )


def open_camels_gb(path):
    """Find out which layout lies at `path`, and describe it."""
    path = folder_of(as_path(path), COMPACT[:1])
    if (path / COMPACT[0]).is_file():
        return _open_compact(path)
    files = files_by_site(path, _FILE, lambda match: f"camelsgb_{match[1]}")
    if not files:
        raise missing(
            "CAMELS-GB data",
            path,
            [
                f"CAMELS_GB_hydromet_timeseries_*.csv anywhere below {path}",
                f"camels_gb_v2_hydromet_daily_timeseries_*.csv anywhere below {path}",
                f"{path / COMPACT[0]} with {COMPACT[1]}",
            ],
            "Give the folder that holds the unpacked data.",
        )
    series = CsvFiles(files, Columns())
    header = series.header(next(iter(files.values())))
    for name, theirs in _COLUMNS.items():
        column = next((c for c in theirs if c in header), None)
        if column:
            series.columns[name] = (column, _FACTORS.get(name, 1.0), 0.0)
    if "pet_chess" in header:  # version 2 has what version 1 calls pet under this name
        series.columns.setdefault("pet", ("pet_chess", 1.0, 0.0))
    table, groups = _read_tables(path)
    sites = _sites(table)
    return DataSet(
        name="CAMELS-GB",
        series=series,
        forcings={n: unit for n, unit in FORCINGS.items() if n in series.columns},
        default_forcings=[n for n in FORCINGS if n in series.columns and n not in _EXTRA],
        targets={n: unit for n, unit in TARGETS.items() if n in series.columns},
        table=table.drop(columns=[n for n in _PLACES if n in table]),
        sites=sites,
        units={"lat": "deg", "lon": "deg"} | {n: u for n in table if (u := _unit(n))},
        groups=groups,
    )


def _read_tables(path):
    """Join the tables of attributes by basin; tell which belong together."""
    found = {}
    for file in sorted(path.rglob("*_attributes.csv")):
        match = re.fullmatch(r"camels_gb(?:_v2)?_(\w+)_attributes", file.stem, re.IGNORECASE)
        if match:
            found[match[1].lower()] = file
    if "topographic" not in found:
        raise missing(
            "attributes of CAMELS-GB",
            path,
            [f"CAMELS_GB_topographic_attributes.csv anywhere below {path}"],
            "Places and areas of the basins stand in it.",
        )
    tables, groups = [], {}
    for group, word in _TABLES.items():
        if word in found:
            table = pd.read_csv(found[word], dtype={"gauge_id": str}).set_index("gauge_id")
            groups[group] = [n for n in table if n not in _PLACES]
            tables.append(table)
    table = pd.concat(tables, axis=1, join="outer")
    return table.set_axis("camelsgb_" + table.index.astype(str), axis=0), groups


def _sites(table):
    """Describe the basins."""
    sites = table[[n for n in _PLACES if n in table]].rename(columns=_PLACES)
    if "area" in table:
        sites["area"] = table["area"]
    return _with_regions(sites)


def _with_regions(sites):
    """Say gauge number, hydrometric area and region of each basin."""
    number = sites.index.str.removeprefix("camelsgb_")
    area = pd.Index([int(n) // 1000 for n in number])
    sites = sites.assign(
        gauge_id=number, hydrometric_area=area, region=[_REGION_OF.get(a) for a in area]
    )
    first = [n for n in ("region", "lat", "lon", "area", "name") if n in sites]
    return sites[[*first, *sites.columns.difference(first, sort=False)]]


def _unit(name):
    """Give the unit of an attribute."""
    rules = (unit for pattern, unit in _UNIT_RULES if re.fullmatch(pattern, name))
    return _UNITS.get(name) or next(rules, None)


def _open_compact(path):
    """Describe the compact form, which has the attributes of Caravan."""
    from stefaland_sk.datasets._caravan import describe_attributes

    table = path / COMPACT[1]
    found = open_any(path / COMPACT[0], table if table.is_file() else None, name="CAMELS-GB")
    sites = found.sites.drop(columns=[n for n in ("camels_gb_id",) if n in found.sites])
    found.sites = _with_regions(sites.rename(columns={"gauge_name": "name"}))
    found.table = found.table.drop(columns=[n for n in ("camels_gb_id",) if n in found.table])
    return describe_attributes(found)
