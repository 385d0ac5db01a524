"""MOPEX: fixed-width files of daily series, and the compact form."""

import numpy as np
import pandas as pd

from stefaland_sk.data import camels_gauges
from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._gridded import open_any
from stefaland_sk.datasets._paths import as_path, folder_of, missing
from stefaland_sk.datasets._series import Columns, SiteFiles, files_by_site

COMPACT = "mopex_us.nc", "attributes.parquet"
# Columns of the files: a date of eight characters, then five numbers of ten.
_FIELDS = ("prcp", "pet", "runoff", "tmax", "tmin")
_UNITS = {"prcp": "mm/d", "tmax": "degC", "tmin": "degC", "pet": "mm/d"}
_WATER = ("prcp", "pet", "runoff")
_COLDEST_HOTTEST = -55, 55  # what lies outside is an error of the source [degC]
_GROUPS = {
    "soil texture": "tex",
    "land cover": "igbp_",
    "soil": ("porosity", "field_capacity", "wilting_point", "b_slope", "ksat"),
    "vegetation": "greenness_",
    "climate": "pe_mon_",
}
_ATTRIBUTE_UNITS = {"tex": "-", "igbp_": "-", "greenness_": "%", "pe_mon_": "mm/month"}


def load_mopex(
    path,
    *,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    target="runoff",
    as_frame=False,
):
    """Load MOPEX: forcing and streamflow of basins in the United States [1]_.

    Reads the fixed-width files (``.dly``), or the compact form with one netCDF file and a table
    of attributes. Nothing is downloaded, scaled or filled.

    Parameters
    ----------
    path : str or path-like
        Folder with ``<gauge>.dly`` files, or with ``mopex_us.nc`` and ``attributes.parquet``; or
        that netCDF file.
    forcings : list of str, default=None
        Variables to give, out of prcp, tmax, tmin, pet (the climatic one of the files, which
        is the same in each year) and tmean, which is derived. None gives the first four.
    attributes : {"default", "all"} or list of str, default="default"
        "default" and "all" take all there are: of the compact form soil texture, land cover,
        soil hydraulics, greenness and potential evaporation by month; of the
        files none.
    sites : list of str, default=None
        Basins to read, in this order, such as ``"mopex_01048000"``. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    target : {"runoff"}, default="runoff"
        Runoff [mm/d].
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing, attributes, and the site table: ``usgs_id``, ``same_id_as_camels_us`` (whether
        CAMELS-US has the gauge too), ``region``, and of the compact form ``lat``, ``lon``
        [degrees] and ``area`` [km2].
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        The target, NaN where there is no record.

    Raises
    ------
    FileNotFoundError
        If none of the layouts is found.
    ValueError
        If a file has another layout, or a site, variable or day does not exist.

    See Also
    --------
    load_camels_us : Basins of the same country. Some are the same: leave those out of one of both.

    Notes
    -----
    The code for missing values is -99. Negative water fluxes and temperatures outside -55
    to 55 degC are taken for missing as well. ``region`` is, of the compact form, the region of
    CAMELS-US that most of the nearest gauges lie in, and of the files the first two digits
    of the gauge number, which are large river systems.

    References
    ----------
    .. [1] Duan, Q. et al. (2006). Model Parameter Estimation Experiment (MOPEX): An overview of
       science strategy and major results from the second and third workshops. J. Hydrol.,
       320, 3-17. doi:10.1016/j.jhydrol.2005.07.031

    Examples
    --------
    >>> from stefaland_sk.datasets import load_mopex
    >>> X, y = load_mopex("path/to/mopex", period=("1960-01-01", "1999-12-31"))  # doctest: +SKIP
    >>> new = ~X.sites["same_id_as_camels_us"].to_numpy()  # doctest: +SKIP
    >>> X, y = X[new], y[new]  # doctest: +SKIP
    """
    return build(
        open_mopex(path),
        forcings=forcings,
        attributes=attributes,
        sites=sites,
        period=period,
        target=target,
        as_frame=as_frame,
    )


def open_mopex(path):
    """Find out which layout lies at `path`, and describe it."""
    path = folder_of(as_path(path), COMPACT[:1])
    if (path / COMPACT[0]).is_file():
        return _open_compact(path)
    files = (
        files_by_site(path, r"(\d{8})\.dly", lambda match: f"mopex_{match[1]}")
        if path.is_dir()
        else {}
    )
    if not files:
        raise missing(
            "MOPEX data",
            path,
            [f"<gauge>.dly anywhere below {path}", f"{path / COMPACT[0]} with {COMPACT[1]}"],
            "Give the folder that holds the files.",
        )
    sites = pd.DataFrame(index=pd.Index(list(files)))
    return DataSet(
        name="MOPEX",
        series=DlyFiles(files, Columns(**{name: name for name in _FIELDS})),
        forcings=dict(_UNITS),
        default_forcings=list(_UNITS),
        targets={"runoff": "mm/d"},
        table=pd.DataFrame(index=sites.index),
        sites=_describe(sites, None),
    )


class DlyFiles(SiteFiles):
    """Fixed-width files: the date, then precipitation, evaporation, runoff, temperatures."""

    def ends(self, file):
        """Read the first and last date."""
        dates, _ = _split(file)
        return list(_as_dates(dates[[0, -1]], file))

    def frame(self, file, columns):
        """Read columns; what cannot be is missing."""
        dates, numbers = _split(file)
        frame = {}
        for name in columns:
            text = np.ascontiguousarray(numbers[:, _FIELDS.index(name)])
            try:
                values = text.view("S10")[:, 0].astype(np.float64)
            except ValueError as error:
                raise _not_dly(file, error) from error
            low, high = (0, np.inf) if name in _WATER else _COLDEST_HOTTEST
            frame[name] = np.where((values >= low) & (values <= high), values, np.nan)
        return pd.DataFrame(frame, index=pd.DatetimeIndex(_as_dates(dates, file), name="time"))


def _split(file):
    """Cut a file, whose lines are all of one length, into dates and numbers."""
    text = file.read_bytes().replace(b"\r\n", b"\n").rstrip() + b"\n"
    width = text.index(b"\n") + 1
    if width != 59 or len(text) % width:
        raise _not_dly(file, f"its first line has {width - 1} characters, not 58, or others differ")
    table = np.frombuffer(text, dtype="S1").reshape(-1, width)
    if (table[:, -1] != b"\n").any() or (table[:, :-1] == b"\n").any():
        raise _not_dly(file, "its lines are of unlike length")
    return table[:, :8], table[:, 8:58].reshape(-1, 5, 10)


def _as_dates(digits, file):
    """Make dates of eight characters, in which blanks may stand for zeros."""
    digits = np.where(digits == b" ", b"0", digits)
    text = np.ascontiguousarray(digits).view("S8")[:, 0].astype("U8")
    dates = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
    if dates.hasnans:
        raise _not_dly(file, f"{text[dates.isna()][0]!s} is no date")
    return dates


def _not_dly(file, why):
    """Give the error for a file of another layout."""
    return ValueError(
        f"{file} is not in the layout of MOPEX (YYYYMMDD, then five numbers of ten characters): "
        f"{why}."
    )


def _describe(sites, region):
    """Say gauge number, region, and whether CAMELS-US has the gauge."""
    number = sites.index.str.removeprefix("mopex_")
    sites = sites.assign(
        region=number.str[:2] if region is None else region,
        usgs_id=number,
        same_id_as_camels_us=number.isin(camels_gauges().index),
    )
    first = [n for n in ("region", "lat", "lon", "area") if n in sites]
    return sites[[*first, *sites.columns.difference(first, sort=False)]]


def _open_compact(path):
    """Describe the compact form."""
    table = pd.read_parquet(path / COMPACT[1]) if (path / COMPACT[1]).is_file() else None
    found = open_any(path / COMPACT[0], rename={"pe_clim": "pet"}, name="MOPEX")
    region = None
    if table is not None:
        table = table.set_index("mopex_" + table["usgs_id"].astype(str)).reindex(found.sites.index)
        region = (
            table["pur_region_guess"]
            .astype("Int64")
            .astype("str")
            .where(table["pur_region_guess"].notna())
            if "pur_region_guess" in table
            else None
        )
        places = {
            "usgs_id",
            "lat",
            "lon",
            "area_mi2",
            "area_km2",
            "pur_region_guess",
            "same_id_as_camels_us",
        }
        found.table = found.table.join(table.drop(columns=[n for n in places if n in table]))
    found.sites = _describe(found.sites, region)
    found.default_forcings = list(_UNITS)
    for name in found.table:
        for start, unit in _ATTRIBUTE_UNITS.items():
            if name.startswith(start):
                found.units[name] = unit
    found.groups = {
        group: [n for n in found.table if n.startswith(start)] for group, start in _GROUPS.items()
    }
    return found
