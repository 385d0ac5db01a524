"""ISMN: in-situ soil moisture of many networks, as daily means of good hours."""

import warnings

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning
from stefaland_sk.datasets._base import check_depth, choose_names
from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._ismn_files import (
    Archive,
    list_sensors,
    read_place,
    read_series,
    read_static,
)
from stefaland_sk.datasets._paths import as_path, missing
from stefaland_sk.datasets._series import place

_FORCINGS = {"prcp": ("p", "mm/d", 24.0), "tmean": ("ta", "degC", 1.0)}  # code of the ISMN
_UNITS = {
    "elev_mean": "m",
    "sand_frac": "%",
    "silt_frac": "%",
    "clay_frac": "%",
    "organic_carbon": "%",
    "porosity": "m3/m3",
}


def load_ismn(
    path,
    *,
    depth=(0.0, 0.1),
    flags=("G", "U"),
    min_hours=18,
    networks=None,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    as_frame=False,
):
    """Load in-situ soil moisture of the International Soil Moisture Network [1]_.

    Reads downloads as they are, unpacked or as the zip archive, in both formats: "CEOP" (a line has
    everything) and "header + values". Nothing is downloaded, scaled or filled.

    Parameters
    ----------
    path : str or path-like
        The archive (``.zip``), or a folder below which the ``.stm`` files lie.
    depth : tuple of two float, default=(0.0, 0.1)
        Sensors whose depths lie in this interval [m] are averaged. Stations without one are left
        out, with a warning.
    flags : list of str, default=("G", "U")
        Quality flags of the values to take: good, and not determined (older downloads know no
        "G"). A value with several flags is taken if all of them are in the list.
    min_hours : int, default=18
        Hours with such a value that a day needs; other days are missing.
    networks : list of str, default=None
        Networks to read. None reads all.
    forcings : list of str, default=None
        Out of prcp and tmean, as measured at the stations. None gives those that there are; often
        none.
    attributes : {"default", "all"} or list of str, default="default"
        "default" takes elevation, soil texture, organic carbon and porosity of two layers; "all"
        the class of land cover as well.
    sites : list of str, default=None
        Stations to read, in this order, such as ``"SCAN:PuaAkala"``. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing, if any, attributes, and the site table: ``region`` (the network), ``lat``, ``lon``
        [degrees], ``station``, ``climate`` (class of Koeppen and Geiger), ``n_sensors``.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        Daily mean soil moisture [m3/m3], NaN where there is none. Days are those of UTC.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    OSError
        If the archive is damaged.
    ValueError
        If a file has another format, no sensor lies in `depth`, or a network, station or day does
        not exist.

    Warns
    -----
    DataWarning
        If stations have no sensor in `depth`.

    See Also
    --------
    load_gridded : In-situ networks that come as one netCDF file.
    load_smap : Soil moisture from space.

    Notes
    -----
    Sensors are averaged first, then hours. Precipitation is the mean rate of the hours observed,
    times 24. Texture and porosity are those of the Harmonized World Soil Database that comes with
    the download, 0-30 cm and (``_subsoil``) 30-100 cm: a gridded product. Soil temperature,
    suction and snow are not read. The network asks that its data are not passed on.

    References
    ----------
    .. [1] Dorigo, W. et al. (2021). The International Soil Moisture Network: serving Earth system
       science for over a decade. Hydrol. Earth Syst. Sci., 25, 5749-5804.
       doi:10.5194/hess-25-5749-2021

    Examples
    --------
    >>> from stefaland_sk.datasets import load_ismn
    >>> X, y = load_ismn("Data_separate_files.zip", depth=(0, 0.05))  # doctest: +SKIP
    >>> X.sites["region"].unique()  # doctest: +SKIP
    array(['COSMOS', 'SCAN'], dtype=object)
    """
    found = open_ismn(
        path, depth=depth, flags=flags, min_hours=min_hours, networks=networks, sites=sites
    )
    return build(
        found,
        forcings=forcings,
        attributes=attributes,
        sites=sites,
        period=period,
        as_frame=as_frame,
    )


def open_ismn(path, depth=(0.0, 0.1), flags=("G", "U"), min_hours=18, networks=None, sites=None):
    """Describe a download."""
    path = as_path(path)
    top, bottom = check_depth(depth, "m", (0, 0.1), thick=False)
    if isinstance(flags, str):
        raise TypeError(f"`flags` must be a list of flags. Got the string {flags!r}.")
    archive = Archive(path)
    sensors = list_sensors(archive)
    if not any(sensor.variable == "sm" for sensor in sensors):
        archive.close()
        raise missing(
            "data of the ISMN",
            path,
            [
                f"*_sm_*.stm anywhere below {path}"
                if path.is_dir()
                else f"*_sm_*.stm in {path.name}"
            ],
            "Give the folder or the .zip archive that was downloaded.",
        )
    known = sorted({sensor.network for sensor in sensors})
    networks = choose_names("networks", networks, known, empty=False)
    sensors = [sensor for sensor in sensors if sensor.network in networks]
    moisture = [s for s in sensors if s.variable == "sm"]
    chosen = [s for s in moisture if s.top >= top - 1e-9 and s.bottom <= bottom + 1e-9]
    if not chosen:
        depths = sorted({(s.top, s.bottom) for s in moisture})
        raise ValueError(
            f"No sensor lies in `depth` {tuple(depth)} m; {path.name} has sensors at "
            f"{depths[:8]}{' ...' if len(depths) > 8 else ''}."
        )
    here = {s.site for s in chosen}
    lost = sorted({s.site for s in moisture} - here)
    if lost and sites is None:
        warnings.warn(
            f"{len(lost)} of {len(lost) + len(here)} stations have no sensor in `depth` "
            f"{tuple(depth)} m and are left out, for example {lost[:3]}.",
            DataWarning,
            stacklevel=3,
        )
    weather = [s for s in sensors if s.site in here and s.variable != "sm"]
    series = DailyMeans(archive, chosen + weather, set(flags), min_hours)
    table, described = _describe(archive, chosen)
    forcings = {n: unit for n, (_, unit, _) in _FORCINGS.items() if n in series.variables}
    known = _UNITS | {f"{n}_subsoil": unit for n, unit in _UNITS.items()}
    return DataSet(
        name="the ISMN download",
        series=series,
        forcings=forcings,
        default_forcings=list(forcings),
        targets={"soil_moisture": "m3/m3"},
        table=table,
        sites=described,
        units={"lat": "deg", "lon": "deg", "land_cover": "class"} | known,
        groups={
            "soil": [n for n in table if n not in ("elev_mean", "land_cover")],
            "topography": [n for n in ("elev_mean",) if n in table],
            "land cover": [n for n in ("land_cover",) if n in table],
        },
    )


class DailyMeans:
    """Sensors in files, averaged over sensors and hours to daily values."""

    def __init__(self, archive, sensors, flags, min_hours):
        self._archive, self._flags, self._min_hours = archive, flags, min_hours
        codes = {"soil_moisture": ("sm", 1.0)}
        codes |= {name: (code, factor) for name, (code, _, factor) in _FORCINGS.items()}
        self._sensors = {}
        for name, (code, factor) in codes.items():
            for sensor in sensors:
                if sensor.variable == code:
                    own = self._sensors.setdefault((sensor.site, name), (factor, []))
                    own[1].append(sensor)
        self.site_ids = sorted({site for site, name in self._sensors if name == "soil_moisture"})
        self.variables = {name for _, name in self._sensors}
        self._daily = {}

    def span(self, sites):
        """Give all days from the first to the last good one of any of these stations."""
        series = [self._read(site, "soil_moisture") for site in sites]
        days = [day for one in series if len(one) for day in (one.index[0], one.index[-1])]
        if not days:
            raise ValueError(
                f"No day of {len(sites)} stations, such as {sites[0]!r}, has {self._min_hours} "
                f"hours with the flags {sorted(self._flags)}. Give other `flags`, or fewer "
                "`min_hours`, if that will do."
            )
        return pd.date_range(min(days), max(days), freq="D", name="time")

    def read(self, names, sites, time):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        planes = {n: np.full((len(sites), len(time)), np.nan, dtype=np.float32) for n in names}
        for row, site in enumerate(sites):
            for name in names:
                place(planes[name][row], self._read(site, name), time)
        return planes

    def _read(self, site, name):
        """Give the daily values of a station; they are kept."""
        if (site, name) not in self._daily:
            factor, sensors = self._sensors.get((site, name), (1.0, []))
            hours = [self._hourly(sensor) for sensor in sensors]
            self._daily[site, name] = self._daily_mean(hours) * factor
        return self._daily[site, name]

    def _hourly(self, sensor):
        """Read the good values of a sensor, one per hour."""
        table = read_series(self._archive, sensor)
        good = {
            flag: all(f in self._flags for f in str(flag).split(",")) for flag in set(table["flag"])
        }
        values = table["value"][table["flag"].map(good).to_numpy(dtype=bool)]
        return values.groupby(values.index.floor("h")).mean()

    def _daily_mean(self, hours):
        """Average sensors, then the hours of days that have enough of them."""
        if not hours:
            return pd.Series(dtype=np.float64, index=pd.DatetimeIndex([]))
        hourly = hours[0] if len(hours) == 1 else pd.concat(hours, axis=1).mean(axis=1)
        hourly = hourly.dropna()
        days = hourly.groupby(hourly.index.normalize())
        return days.mean()[days.size() >= self._min_hours]

    def close(self):
        """Let go of the archive."""
        self._archive.close()


def _describe(archive, sensors):
    """Make the table of attributes and the site table."""
    static = {}
    for name in archive.names:
        if name.endswith("_static_variables.csv"):
            folder = name.replace("\\", "/").rpartition("/")[0]
            static[folder] = name
    attributes, sites = {}, {}
    for sensor in sensors:
        if sensor.site in sites:
            sites[sensor.site]["n_sensors"] += 1
            continue
        lat, lon, elevation = read_place(archive, sensor)
        folder = sensor.place.replace("\\", "/").rpartition("/")[0]
        known = read_static(archive, static[folder]) if folder in static else {}
        climate = known.pop("climate", None)
        sites[sensor.site] = {
            "region": sensor.network,
            "lat": lat,
            "lon": lon,
            "station": sensor.station,
            "climate": climate,
            "n_sensors": 1,
        }
        attributes[sensor.site] = {"elev_mean": elevation} | known
    table = pd.DataFrame.from_dict(attributes, orient="index")
    return table.apply(pd.to_numeric, errors="coerce"), pd.DataFrame.from_dict(
        sites, orient="index"
    )
