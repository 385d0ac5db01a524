"""Downloads: published archives into a folder of the user, whole or not at all."""

import os
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from stefaland_sk._core import check_option, import_optional

#: Environment variable that names the folder of downloads.
DATA_HOME = "STEFALAND_SK_DATA"


@dataclass(frozen=True)
class Archive:
    """One file of a data set on the network.

    Parameters
    ----------
    url : str
        Where it is.
    name : str
        What it is called on disk.
    hash : str, default=None
        ``"<algorithm>:<digest>"``, or None where the publisher gives none.
    unpack : bool, default=True
        Whether it is an archive.
    """

    url: str
    name: str
    hash: str | None = None
    unpack: bool = True


@dataclass(frozen=True)
class Download:
    """A data set on the network: what it is, whose, under which terms.

    Parameters
    ----------
    name : str
        Name of the folder on disk.
    title : str
        What it is called.
    version : str
        Which release.
    files : tuple of Archive
        What is fetched.
    page : str
        Where to get it by hand.
    doi : str
        Of the data.
    licence : str
        Terms of use, as the publisher names them.
    citation : str
        What to cite.
    size : str
        How much is transferred, in words.
    marker : str, default=None
        What lies in the folder that the reader wants; None if it is the whole.
    """

    name: str
    title: str
    version: str
    files: tuple
    page: str
    doi: str
    licence: str
    citation: str
    size: str
    marker: str | None = None


_ZENODO = "https://zenodo.org/records/15529996"
_ATTRIBUTES = ("name", "topo", "clim", "soil", "vege", "geol", "hydro")
# The notes of `fetch_dataset` say where the hashes come from; `known_hash=` overrides them.
DOWNLOADS = {
    "camels_us": Download(
        "camels_us",
        "CAMELS-US",
        "time series 1.2, attributes 2.0",
        (
            Archive(
                f"{_ZENODO}/files/basin_timeseries_v1p2_metForcing_obsFlow.zip?download=1",
                "basin_timeseries_v1p2_metForcing_obsFlow.zip",
                "md5:8e9a466710e8270b58f01d332a87184f",
            ),
            *(
                Archive(
                    f"{_ZENODO}/files/camels_{word}.txt?download=1",
                    f"camels_attributes_v2.0/camels_{word}.txt",
                    unpack=False,
                )
                for word in _ATTRIBUTES
            ),
        ),
        _ZENODO,
        "10.5065/D6MW2F4D",
        "CC BY 4.0",
        "Newman et al. (2015), doi:10.5194/hess-19-209-2015; "
        "Addor et al. (2017), doi:10.5194/hess-21-5293-2017",
        "3.4 GB",
        "basin_dataset_public_v1p2",
    ),
    "camels_gb": Download(
        "camels_gb",
        "CAMELS-GB",
        "1",
        (
            Archive(
                "https://data-package.ceh.ac.uk/data/8344e4f3-d2ea-44f5-8afa-86d2987543a9.zip",
                "8344e4f3-d2ea-44f5-8afa-86d2987543a9.zip",
            ),
        ),
        "https://catalogue.ceh.ac.uk/documents/8344e4f3-d2ea-44f5-8afa-86d2987543a9",
        "10.5285/8344e4f3-d2ea-44f5-8afa-86d2987543a9",
        "Open Government Licence v3",
        "Coxon et al. (2020), doi:10.5194/essd-12-2459-2020",
        "0.26 GB",
    ),
    "caravan": Download(
        "caravan",
        "Caravan",
        "1.6, netCDF",
        (
            Archive(
                "https://zenodo.org/records/15529786/files/Caravan-nc.tar.gz?download=1",
                "Caravan-nc.tar.gz",
                "md5:ad3a7767db059f218380e9cce5f72452",
            ),
        ),
        "https://zenodo.org/records/15529786",
        "10.5281/zenodo.15529786",
        "CC BY 4.0 (streamflow: terms of each sub-dataset, in the folder 'licenses')",
        "Kratzert et al. (2023), doi:10.1038/s41597-023-01975-w, and each sub-dataset's source",
        "25 GB",
        "timeseries",
    ),
    "wosis": Download(
        "wosis",
        "WoSIS snapshot",
        "December 2023",
        (
            Archive(
                "https://files.isric.org/public/wosis_snapshot/WoSIS_2023_December.zip",
                "WoSIS_2023_December.zip",
                "sha256:3115c6be84613dc960c600768a9999dd6d6ad5207017065196b7e356d3c50f3a",
            ),
        ),
        "https://www.isric.org/explore/wosis",
        "10.17027/isric-wdcsoils-20231130",
        "CC BY 4.0 (some profiles CC BY-NC: column 'licence')",
        "Batjes et al. (2024), doi:10.5194/essd-16-4735-2024",
        "0.45 GB",
        "wosis_*_clay.tsv",
    ),
}


def fetch_dataset(name, data_home=None, *, known_hash=None, keep_archive=False, verbose=1):
    """Download a published data set, unless it is there, for its reader.

    Parameters
    ----------
    name : {"camels_us", "camels_gb", "caravan", "wosis"}
        Which:

        - "camels_us": CAMELS-US, time series 1.2 and attributes 2.0 (3.4 GB, CC BY 4.0), for
          `load_camels_us`;
        - "camels_gb": CAMELS-GB version 1 (0.26 GB, Open Government Licence v3), for
          `load_camels_gb`, which reads version 2 as well: get that by hand;
        - "caravan": Caravan 1.6, netCDF (25 GB, more than twice that while it is unpacked; CC BY
          4.0, streamflow under the terms of its sources), for `load_caravan`;
        - "wosis": soil profiles of WoSIS, December 2023 (0.45 GB, CC BY 4.0, some profiles CC
          BY-NC), for `load_soil_profiles`.
    data_home : str or path-like, default=None
        Folder for all downloads. None takes the environment variable ``STEFALAND_SK_DATA``, or
        else the cache of the user.
    known_hash : str, default=None
        ``"<algorithm>:<digest>"`` of the archive, such as ``"md5:8e9a..."``, in place of the one
        that the library knows.
    keep_archive : bool, default=False
        Whether the archive stays beside what was unpacked from it.
    verbose : int, default=1
        1 prints what is fetched, its licence and what to cite.

    Returns
    -------
    Path
        The folder to give to the reader.

    Raises
    ------
    OSError
        If a file cannot be had; the message says where to get it by hand and where to put it.
    ValueError
        If there is no such data set, the hash does not match, or what came is no archive.
    ImportError
        If pooch is not installed (extra ``data``).

    See Also
    --------
    load_panel : Reads what was fetched.

    Notes
    -----
    Files appear when they are whole, folders when they are complete: a call that was interrupted is
    made again. Where the hashes come from: the archives of CAMELS-US and Caravan
    have those of their Zenodo records, as others report them; that of WoSIS was reported by a
    user, for the publisher gives none; CAMELS-GB has none, since its archive is made anew for
    each request; the tables of attributes of CAMELS-US are taken without.

    Examples
    --------
    >>> from stefaland_sk.datasets import fetch_dataset, load_camels_us
    >>> X, y = load_camels_us(fetch_dataset("camels_us"))  # doctest: +SKIP
    """
    check_option("name", name, list(DOWNLOADS))
    download = DOWNLOADS[name]
    folder = data_folder(data_home) / download.name
    wanted = [file for file in download.files if not _result(file, folder).exists()]
    if wanted:
        import_optional("pooch", "data", "Downloading data")
        if verbose:
            print(
                f"{download.title} {download.version} ({download.size}) to {folder}\n"
                f"licence: {download.licence}\n"
                f"cite: {download.citation}; data doi:{download.doi}",
                flush=True,
            )
    for file in wanted:
        is_first = file is download.files[0]
        given = file.hash if known_hash is None or not is_first else known_hash
        archive = _retrieve(file, given, folder, download)
        if file.unpack:
            _unpack(archive, _result(file, folder), download)
            if not keep_archive:
                archive.unlink()
    found = sorted(folder.glob(f"**/{download.marker}")) if download.marker else []
    return found[0].parent if found else folder


def data_folder(data_home=None):
    """Give the folder of downloads.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The caller's choice.

    Returns
    -------
    Path
        That; or what the environment variable says; or the cache of the user.
    """
    if data_home is None:
        data_home = os.environ.get(DATA_HOME)
    if data_home is None:
        data_home = import_optional("pooch", "data", "Downloading data").os_cache("stefaland-sk")
    return Path(data_home).expanduser()


def _result(file, folder):
    """Give the place of what comes of a file: of an archive, a folder named like it."""
    if not file.unpack:
        return folder / file.name
    stem = file.name
    for ending in (".zip", ".tar.gz", ".tgz", ".tar"):
        stem = stem.removesuffix(ending)
    return folder / stem


def _retrieve(file, known_hash, folder, download):
    """Download one file, or take the one that lies there; it appears when it is whole."""
    import pooch
    import requests

    place = folder / file.name
    there = place.is_file()
    try:
        pooch.retrieve(
            file.url, known_hash, fname=place.name, path=place.parent, downloader=_stream
        )
    except (requests.RequestException, OSError) as error:
        raise OSError(
            f"{file.url} could not be downloaded: {error}. Get {file.name} by hand from "
            f"{download.page} and put it into {place.parent}; the same call then goes on there."
        ) from error
    except ValueError as error:
        what = f"{place}, which was there before," if there else f"What came from {file.url}"
        raise ValueError(
            f"{what} is damaged or another version: the hash {known_hash!r} was expected. "
            f"{'Delete it and try again' if there else 'Try again'}, or give `known_hash=` if the "
            "publisher has changed the file."
        ) from error
    return place


def _stream(url, output, pooch):
    """Download in pieces, and raise if fewer bytes come than were announced."""
    import requests

    with requests.get(url, stream=True, timeout=60) as answer, open(output, "wb") as stream:
        answer.raise_for_status()
        n_bytes = 0
        for piece in answer.iter_content(1 << 20):
            n_bytes += stream.write(piece)
        # What is compressed on the way has another length than announced.
        plain = "content-encoding" not in answer.headers
        announced = int(answer.headers.get("content-length", n_bytes))
        if plain and n_bytes != announced:
            raise OSError(f"the connection broke after {n_bytes} of {announced} bytes")


def _unpack(archive, folder, download):
    """Unpack an archive; the folder appears when it is complete."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                content.extractall(part)  # which keeps all names inside the folder
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as content:
                content.extractall(part, filter="data")
        else:
            raise ValueError("it is neither a zip nor a tar archive, but perhaps a page to log in")
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        shutil.rmtree(part, ignore_errors=True)
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(
            f"{archive} cannot be unpacked: {error}. If it is damaged, delete it, get it by hand "
            f"from {download.page} and put it into {archive.parent}."
        ) from error
    part.rename(folder)
