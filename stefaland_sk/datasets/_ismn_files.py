"""Files of the International Soil Moisture Network: both formats, in folders or in an archive."""

import io
import re
import zipfile
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Network_Network_Station_variable_from_to_sensor_first_last.stm
_NAME = re.compile(
    r"(?P<group>[^_]+)_(?P<network>[^_]+)_(?P<station>.+)_(?P<variable>[a-z]+)_(?P<top>-?\d+\.\d+)"
    r"_(?P<bottom>-?\d+\.\d+)_(?P<sensor>.+)_\d{8}_\d{8}\.stm"
)
_DATE = re.compile(rb"\d{4}/\d{2}/\d{2}\b")
# Position of value and flag behind date and time in the two formats; the widths of the lines.
_CEOP = {"n": 15, "value": 12, "flag": 13}
_HEADED = {"n": 5, "value": 2, "flag": 3}


@dataclass(frozen=True)
class Sensor:
    """One file: what it measured, where and how deep."""

    site: str
    network: str
    station: str
    variable: str
    top: float
    bottom: float
    place: str  # path of the file, in the archive or in the folder


class Archive:
    """The files below a folder or in a zip archive, listed and opened alike."""

    def __init__(self, path):
        self.path = path
        self._zip = None
        if path.is_dir():
            self.names = sorted(str(file) for file in path.rglob("*") if file.is_file())
        else:
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise OSError(f"{path} is no zip archive, or a damaged one: {error}.") from error
            self.names = sorted(self._zip.namelist())

    def read(self, name):
        """Give the bytes of a file."""
        if self._zip is None:
            with open(name, "rb") as stream:
                return stream.read()
        return self._zip.read(name)

    def start(self, name):
        """Give the first bytes of a file."""
        with open(name, "rb") if self._zip is None else self._zip.open(name) as stream:
            return stream.read(1000)

    def close(self):
        """Let go of the archive."""
        if self._zip is not None:
            self._zip.close()


def list_sensors(archive):
    """Find the files of series and say what they hold, from their names alone."""
    found = []
    for name in archive.names:
        match = _NAME.fullmatch(re.split(r"[/\\]", name)[-1])
        if match:
            site = f"{match['network']}:{match['station']}"
            depths = float(match["top"]), float(match["bottom"])
            found.append(
                Sensor(site, match["network"], match["station"], match["variable"], *depths, name)
            )
    return found


def read_place(archive, sensor):
    """Read latitude, longitude [degrees] and elevation [m] of a station from a file."""
    words = archive.start(sensor.place).partition(b"\n")[0].split()
    first = 7 if words and _DATE.match(words[0]) else 3
    if len(words) < first + 3:
        raise _not_ismn(archive, sensor, "its first line does not say where the station is")
    try:
        return tuple(float(word) for word in words[first : first + 3])
    except ValueError as error:
        raise _not_ismn(archive, sensor, error) from error


def read_series(archive, sensor):
    """Read values, flags and UTC times of a sensor.

    Returns
    -------
    DataFrame
        Columns ``value`` and ``flag``, indexed by time.
    """
    text = archive.read(sensor.place)
    form = _CEOP if _DATE.match(text) else _HEADED
    try:
        table = pd.read_csv(
            io.BytesIO(text),
            sep=r"\s+",
            header=None,
            skiprows=0 if form is _CEOP else 1,
            names=range(form["n"]),
            usecols=[0, 1, form["value"], form["flag"]],
            dtype={form["flag"]: "str"},
            encoding="latin-1",
        )
        time = pd.to_datetime(table[0] + " " + table[1], format="%Y/%m/%d %H:%M")
        values = table[form["value"]].astype(np.float64)
    except (ValueError, TypeError, KeyError) as error:
        raise _not_ismn(archive, sensor, error) from error
    flags = table[form["flag"]]
    return pd.DataFrame({"value": values.to_numpy(), "flag": flags.to_numpy()}, index=time)


def read_static(archive, name):
    """Read the table of soil, land cover and climate of a station.

    Returns
    -------
    dict
        ``sand_frac``, ``silt_frac``, ``clay_frac``, ``organic_carbon`` [%] and ``porosity`` of
        0-30 cm, the same with ``_subsoil`` for 30-100 cm, ``land_cover`` and ``climate``.
    """
    table = pd.read_csv(
        io.BytesIO(archive.read(name)), sep=";", encoding="latin-1", dtype=str, index_col=False
    )
    found = {}
    for row in table.to_dict("records"):
        quantity, source = row["quantity_name"], str(row["quantity_source_name"])
        if quantity in _QUANTITIES and source.startswith("HWSD"):
            ending = _LAYERS.get(row["depth_from[m]"])
            if ending is not None:
                found.setdefault(_QUANTITIES[quantity] + ending, float(row["value"]))
        elif quantity in _LABELS:  # products of several years: the last stands
            found[_LABELS[quantity]] = row["value"]
    return found


_QUANTITIES = {
    "sand fraction": "sand_frac",
    "silt fraction": "silt_frac",
    "clay fraction": "clay_frac",
    "organic carbon": "organic_carbon",
    "saturation": "porosity",
}
_LAYERS = {"0.00": "", "0.30": "_subsoil"}
_LABELS = {"land cover classification": "land_cover", "climate classification": "climate"}


def _not_ismn(archive, sensor, why):
    """Give the error for a file of another layout."""
    where = sensor.place if archive.path.is_dir() else f"{archive.path}, {sensor.place}"
    return ValueError(f"{where} is in neither format of the ISMN: {why}.")
