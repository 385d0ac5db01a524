"""Surface soil moisture of SMAP with weather of NLDAS: a netCDF file, or CSV files of hydroDL."""

import numpy as np
import pandas as pd

from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._gridded import find_file, find_table, open_any
from stefaland_sk.datasets._paths import as_path, missing

# Files of hydroDL's CSV database: our name, unit, factor, offset.
_SERIES = {
    "SMAP_AM": ("soil_moisture", "m3/m3", 1.0, 0.0),
    "APCP_FORA": ("prcp", "mm/d", 24.0, 0.0),  # mean hourly depth
    "TMP_2_FORA": ("tmean", "degC", 1.0, -273.15),
    "DSWRF_FORA": ("srad", "W/m2", 1.0, 0.0),
    "DLWRF_FORA": ("lrad", "W/m2", 1.0, 0.0),
    "SPFH_2_FORA": ("spfh", "kg/kg", 1.0, 0.0),
    "UGRD_10_FORA": ("wind_u", "m/s", 1.0, 0.0),
    "VGRD_10_FORA": ("wind_v", "m/s", 1.0, 0.0),
    "PRES_FORA": ("psurf", "Pa", 1.0, 0.0),
}
_CONSTANTS = {
    "Sand": ("sand_frac", "%"),
    "Silt": ("silt_frac", "%"),
    "Clay": ("clay_frac", "%"),
    "Bulk": ("bulk_density", "g/cm3"),
    "Capa": ("water_capacity", ""),
    "NDVI": ("ndvi", "-"),
}
_FILL = -9999
_UNITS = {"bulk_density": "g/cm3", "landcover_igbp": "class", "ndvi": "-"}
_GROUPS = {
    "soil": ["sand_frac", "silt_frac", "clay_frac", "bulk_density", "water_capacity"],
    "vegetation": ["ndvi", "landcover_igbp"],
}


def load_smap(
    path,
    *,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    as_frame=False,
):
    """Load surface soil moisture of SMAP with weather of NLDAS-2 and soil properties [1]_.

    Reads one netCDF file on (site, time) or on a grid, with a table of properties beside it; or
    the CSV database that hydroDL [2]_ works on. Nothing is downloaded, scaled or filled.

    Parameters
    ----------
    path : str or path-like
        The netCDF file, or a folder with one (``smap_conus.nc`` with ``attributes.parquet``); or
        folder with ``crd.csv``, ``<year>/SMAP_AM.csv``, ``<year>/timeStr.csv`` and
        ``const/*.csv``.
    forcings : list of str, default=None
        Variables to give, out of prcp, tmean, srad, lrad, spfh, wind_u, wind_v (and psurf of
        the CSV database). None gives those that there are.
    attributes : {"default", "all"} or list of str, default="default"
        "default" takes soil texture, bulk density, water capacity and vegetation; "all" the class
        of land cover as well. Neither takes what belongs to the retrieval of SMAP.
    sites : list of str, default=None
        Cells to read, in this order. None reads all. Those of the CSV database are called
        ``"cell_0000"``, by their row.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing [mm/d, degC, W/m2, kg/kg, m/s], attributes and the site table with ``lat`` and
        ``lon`` [degrees].
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        Soil moisture of the uppermost centimetres [m3/m3], NaN on days without retrieval.

    Raises
    ------
    FileNotFoundError
        If none of the layouts is found.
    ValueError
        If files disagree in shape, or a site, attribute, variable or day does not exist.

    Warns
    -----
    LeakageWarning
        If `attributes` names something of the retrieval, such as ``smap_albedo``.

    See Also
    --------
    load_ismn : Soil moisture measured in the ground.
    load_gridded : Other files of this kind.

    Notes
    -----
    Soil texture is a gridded product here, not an observation, and the retrieval of SMAP used one
    like it: it is an input for soil moisture, and no target for soil composition. ``srad``
    is the mean over 24 hours, unlike in CAMELS-US.

    References
    ----------
    .. [1] Entekhabi, D. et al. (2010). The Soil Moisture Active Passive (SMAP) mission. Proc.
       IEEE, 98, 704-716. doi:10.1109/JPROC.2010.2043918
    .. [2] Fang, K., Shen, C., Kifer, D. and Yang, X. (2017). Prolongation of SMAP to
       spatiotemporally seamless coverage of continental U.S. using a deep learning neural
       network. Geophys. Res. Lett., 44, 11030-11039. doi:10.1002/2017GL075619

    Examples
    --------
    >>> from stefaland_sk.datasets import load_smap
    >>> X, y = load_smap("path/to/smap", period=("2015-04-01", "2017-03-31"))  # doctest: +SKIP
    >>> y.attrs["units"]  # doctest: +SKIP
    'm3/m3'
    """
    return build(
        open_smap(path),
        forcings=forcings,
        attributes=attributes,
        sites=sites,
        period=period,
        as_frame=as_frame,
    )


def is_database(path):
    """Tell whether a folder is hydroDL's CSV database."""
    return (path / "crd.csv").is_file() and any(path.glob("*/timeStr.csv"))


def open_smap(path):
    """Find out which layout lies at `path`, and describe it."""
    path = as_path(path)
    if path.is_dir() and is_database(path):
        found = _open_database(path)
    elif path.is_file() or any(path.glob("*.nc")):
        file = find_file(path)
        found = open_any(file, find_table(file), target="soil_moisture")
    else:
        looked = [
            path / "*.nc",
            f"{path / 'crd.csv'} with <year>/SMAP_AM.csv and <year>/timeStr.csv",
        ]
        raise missing("SMAP data", path, looked)
    found.units = _UNITS | found.units
    found.groups = {g: [n for n in names if n in found.table] for g, names in _GROUPS.items()}
    return found


def _open_database(path):
    """Describe hydroDL's CSV database: rows are cells, columns are days."""
    places = pd.read_csv(path / "crd.csv", header=None, names=["lat", "lon"])
    cells = [f"cell_{row:04d}" for row in range(len(places))]
    series = CellFiles(path, cells)
    table = pd.DataFrame(index=cells)
    for word, (name, _) in _CONSTANTS.items():
        file = path / "const" / f"{word}.csv"
        if file.is_file():
            values = _numbers(file, len(cells))
            if values.shape[1] != 1:
                raise ValueError(f"{file} must have one column. It has {values.shape[1]}.")
            table[name] = values[:, 0]
    units = {name: unit for name, unit, _, _ in _SERIES.values() if name in series.files}
    target = {"soil_moisture": units.pop("soil_moisture")}
    return DataSet(
        name="the database of hydroDL",
        series=series,
        forcings=units,
        default_forcings=list(units),
        targets=target,
        table=table,
        sites=places.set_axis(cells, axis=0),
        units={"lat": "deg", "lon": "deg"} | {n: u for n, u in _CONSTANTS.values() if u},
    )


class CellFiles:
    """A folder per year, in it a file per variable, rows are cells and columns are days."""

    def __init__(self, path, cells):
        self.site_ids = cells
        years = sorted(file.parent for file in path.glob("*/timeStr.csv"))
        self.years = {
            year: pd.DatetimeIndex(pd.read_csv(year / "timeStr.csv", header=None)[0])
            for year in years
        }
        self.files = {
            ours[0]: word
            for word, ours in _SERIES.items()
            if any((year / f"{word}.csv").is_file() for year in years)
        }
        if "soil_moisture" not in self.files:
            raise missing("SMAP data", path, [year / "SMAP_AM.csv" for year in years])

    def span(self, sites):
        """Give all days from the first to the last of the files."""
        first = min(days[0] for days in self.years.values())
        last = max(days[-1] for days in self.years.values())
        return pd.date_range(first, last, freq="D", name="time")

    def read(self, names, sites, time):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        rows = pd.Index(self.site_ids).get_indexer(sites)
        planes = {n: np.full((len(sites), len(time)), np.nan, dtype=np.float32) for n in names}
        for name in names:
            word = self.files[name]
            _, _, factor, offset = _SERIES[word]
            for year, days in self.years.items():
                position = time.get_indexer(days)
                inside = position >= 0
                file = year / f"{word}.csv"
                if not inside.any() or not file.is_file():
                    continue
                values = _numbers(file, len(self.site_ids))
                if values.shape[1] != len(days):
                    raise ValueError(
                        f"{file} has {values.shape[1]} columns, but timeStr.csv beside it has "
                        f"{len(days)} days."
                    )
                planes[name][:, position[inside]] = values[rows][:, inside] * factor + offset
        return planes

    def close(self):
        """Do nothing: no file stays open."""


def _numbers(file, n_rows):
    """Read a file of numbers without header; the fill value is missing."""
    values = pd.read_csv(file, header=None).to_numpy(dtype=np.float64)
    if len(values) != n_rows:
        raise ValueError(f"{file} has {len(values)} rows, but crd.csv has {n_rows} cells.")
    return np.where(values == _FILL, np.nan, values)
