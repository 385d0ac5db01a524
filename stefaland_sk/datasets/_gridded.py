"""Gridded and per-site netCDF: any file with a target, weather and a table of properties."""

import numpy as np
import pandas as pd

from stefaland_sk.datasets._dataset import build
from stefaland_sk.datasets._netcdf_set import open_set, set_region
from stefaland_sk.datasets._paths import as_path, missing
from stefaland_sk.datasets._series import open_netcdf

_LAT, _LON = ("lat", "latitude", "y"), ("lon", "longitude", "x")


def load_gridded(
    path,
    *,
    target=None,
    table=None,
    rename=None,
    units=None,
    region=None,
    bbox=None,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    as_frame=False,
):
    """Load a netCDF file on (site, time) or on (time, lat, lon), with a table of properties.

    Serves in-situ networks, satellite products and anything else that is one file. Names that the
    library knows under others (``q_obs``, ``sm_surface``, ``sand_pct``) are changed, and units of
    known variables converted.

    Parameters
    ----------
    path : str or path-like
        The file (``.nc``), or a folder with one.
    target : str, default=None
        What is to be predicted, by the name in the file or ours. None takes the one variable
        that is known as a target, such as ``sm_surface``; where there are several (depths of
        soil moisture), the message names them.
    table : str or path-like, default=None
        Properties of the sites, a ``.parquet`` or ``.csv`` file. None takes
        ``<name>_attributes`` or ``attributes`` beside the file, where there is one.
    rename : dict of str to str, default=None
        Names in the files -> ours.
    units : dict of str to str, default=None
        Units by our names, where the file has none or a wrong one.
    region : str, default=None
        Column of file or table that says in which region a site lies.
    bbox : tuple of four float, default=None
        (west, east, south, north) [degrees]: cells of a grid to read. None reads all.
    forcings : list of str, default=None
        Variables to give. None gives those that the library knows as forcing, and all that do not
        stand for a target if it knows none. tmean and pet (Hargreaves) can be derived
        from tmin and tmax.
    attributes : {"default", "all"} or list of str, default="default"
        "default" leaves out class codes, "all" takes them; neither takes what stands for a target.
    sites : list of str, default=None
        Sites to read, in this order. None reads all. Cells of a grid are called
        ``"<lat>_<lon>"`` with three digits, as in ``"47.125_-98.375"``.
    period : pair of str or Timestamp, default=None
        First and last time, both included. None takes the whole record.
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing and attributes; the site table has ``lat``, ``lon``, texts, and `region`.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        The target, NaN where it was not observed. Cells of a grid without any are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no table of that name.
    ValueError
        If no target, dimension or identifiers are found, a unit cannot be converted, or a site,
        variable or day does not exist.
    ImportError
        If netCDF4 is not installed (extra ``data``).

    Warns
    -----
    LeakageWarning
        If `forcings` or `attributes` names something that stands for a target.
    DataWarning
        If the table lacks sites.

    See Also
    --------
    load_smap : The same for soil moisture of SMAP, with its usual names.
    stefaland_sk.Panel.from_netcdf : A panel larger than memory, without target.

    Notes
    -----
    Soil moisture at other depths than the target's is taken for a target as well, so it is an input
    only if it is named.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from stefaland_sk.datasets import load_gridded
    >>> ones = (("station", "time"), np.ones((2, 3)))
    >>> data = xr.Dataset(
    ...     {"sm_05cm": ones, "tair": (ones[0], 280 * ones[1], {"units": "K"})},
    ...     coords={"station": ["a", "b"], "time": pd.date_range("2020-01-01", periods=3)},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data.to_netcdf(Path(folder, "farm.nc"))
    ...     X, y = load_gridded(Path(folder, "farm.nc"), rename={"tair": "tmean"})
    >>> round(float(X.variable("tmean")[0, 0]), 2), y.attrs["name"]
    (6.85, 'sm_05cm')
    """
    file = find_file(path)
    found = open_any(
        file, find_table(file, table), target=target, rename=rename, units=units, bbox=bbox
    )
    if region is not None:
        set_region(found, region, file)
    return build(
        found,
        forcings=forcings,
        attributes=attributes,
        sites=sites,
        period=period,
        as_frame=as_frame,
    )


def find_file(path):
    """Find the netCDF file at a path."""
    path = as_path(path)
    if path.is_file():
        return path
    files = sorted(path.glob("*.nc"))
    if len(files) == 1:
        return files[0]
    if files:
        raise ValueError(
            f"{path} holds {len(files)} netCDF files, {[file.name for file in files[:5]]}. Give "
            "the path of one of them."
        )
    raise missing("netCDF data", path, [path / "*.nc"])


def find_table(file, table=None):
    """Find the table of properties that belongs to a netCDF file; None if there is none."""
    if table is not None:
        return as_path(table)
    for stem in (f"{file.stem}_attributes", "attributes", "attributes_caravan_hydroatlas"):
        for ending in (".parquet", ".csv"):
            if (file.parent / f"{stem}{ending}").is_file():
                return file.parent / f"{stem}{ending}"
    return None


def open_any(file, table=None, *, bbox=None, **options):
    """Describe a netCDF file, on sites or on a grid, as a data set."""
    data = open_netcdf(file)
    lat, lon = (next((n for n in some if n in data.sizes), None) for some in (_LAT, _LON))
    if lat and lon:
        return open_set(file, table, data=_as_sites(data, lat, lon, bbox, file), **options)
    if bbox is not None:
        raise ValueError(f"`bbox` chooses cells of a grid; {file} has {list(data.sizes)}.")
    return open_set(file, table, data=data, **options)


def _as_sites(data, lat, lon, bbox, file):
    """Make each cell of a grid a site; cells where nothing was ever observed are left out."""
    if bbox is not None:
        west, east, south, north = bbox
        inside = (
            (data[lat] >= south) & (data[lat] <= north),
            (data[lon] >= west) & (data[lon] <= east),
        )
        data = data.isel({lat: inside[0].to_numpy(), lon: inside[1].to_numpy()})
        if not data.sizes[lat] or not data.sizes[lon]:
            raise ValueError(f"No cell of {file} lies in `bbox` {tuple(bbox)}.")
    places = pd.MultiIndex.from_product([data[lat].to_numpy(), data[lon].to_numpy()])
    stacked = data.stack(site=(lat, lon)).reset_index("site", drop=True).reset_coords(drop=True)
    stacked = stacked.assign_coords({n: data[n] for n in data.indexes if n not in (lat, lon)})
    stacked = stacked.assign_coords(site=[f"{a:.3f}_{b:.3f}" for a, b in places])
    lats, lons = (np.asarray(places.get_level_values(level), dtype=float) for level in (0, 1))
    stacked = stacked.assign(lat=("site", lats), lon=("site", lons))
    some = [v for v in stacked.data_vars.values() if "site" in v.dims and v.ndim > 1]
    seen = np.ones(len(places), dtype=bool)
    for variable in some:  # a sea cell has no value of some variable on any day
        seen &= variable.notnull().any([n for n in variable.dims if n != "site"]).to_numpy()
    if not seen.any():
        raise ValueError(f"No cell of {file} has values of all its variables.")
    return stacked.isel(site=seen)
