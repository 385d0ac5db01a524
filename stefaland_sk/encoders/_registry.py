"""Published models and tables by name: where they come from, what they ask for, on what terms."""

from dataclasses import dataclass, replace

from stefaland_sk._core import check_option


@dataclass(frozen=True)
class WeightsEntry:
    """What is known of published weights, or of published embeddings.

    Parameters
    ----------
    name : str
        Its name here.
    source : str
        Where it comes from: the repository on the Hugging Face hub, or the address of a page.
    licence : str
        Terms of use.
    citation : str
        What to cite.
    bands : tuple of str
        Bands or variables that are read, in this order; of a table, its columns.
    resolution : str, default=""
        Size of a pixel or grid cell, such as "10 m".
    filename : str, default=""
        File of the weights in the repository.
    revision : str, default="main"
        Which version of the repository: a branch, a tag or a commit.
    sha256 : str, default=""
        Digest of the file, in hexadecimal digits; another file is refused. Empty where it is
        not known, as of the entries here.
    attribution : str, default=""
        Text that the licence asks for.
    period : str, default=""
        Years covered, for a table.
    limits : tuple of two float, default=None
        Smallest and largest value that can occur, for a table.

    Examples
    --------
    >>> from stefaland_sk.encoders import get_weights_entry
    >>> entry = get_weights_entry("alphaearth")
    >>> entry.licence, len(entry.bands), entry.resolution
    ('CC-BY-4.0', 64, '10 m')
    """

    name: str
    source: str
    licence: str
    citation: str
    bands: tuple[str, ...]
    resolution: str = ""
    filename: str = ""
    revision: str = "main"
    sha256: str = ""
    attribution: str = ""
    period: str = ""
    limits: tuple[float, float] | None = None

    def remarks(self):
        """Give what an encoder should carry in its `about`.

        Returns
        -------
        dict of str to str
            Source, licence, citation and attribution, as far as they are told.
        """
        names = ("source", "licence", "citation", "attribution")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


_TERRAMIND = WeightsEntry(
    name="terramind_v1_base",
    source="ibm-esa-geospatial/TerraMind-1.0-base",
    filename="TerraMind_v1_base.pt",
    licence="Apache-2.0",
    citation="Jakubik, J. et al. (2025). TerraMind: Large-scale generative multimodality for Earth "
    "observation. arXiv:2504.11171.",
    # Of Sentinel-2 L2A; TerraTorch has those of the other kinds of images.
    bands=(
        *("COASTAL_AEROSOL", "BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
        *("NIR_BROAD", "NIR_NARROW", "WATER_VAPOR", "SWIR_1", "SWIR_2"),
    ),
    resolution="10 m",
)
_PRITHVI_WXC = WeightsEntry(
    name="prithvi_wxc",
    source="ibm-nasa-geospatial/Prithvi-WxC-1.0-2300M",
    filename="prithvi.wxc.2300m.v1.pt",
    licence="CDLA-Permissive-2.0",
    citation="Schmude, J. et al. (2024). Prithvi WxC: Foundation model for weather and climate. "
    "arXiv:2409.13598.",
    # Of MERRA-2: variables at the surface, and those of 14 levels.
    bands=(
        *("EFLUX", "GWETROOT", "HFLUX", "LAI", "LWGAB", "LWGEM", "LWTUP", "PS", "QV2M", "SLP"),
        *("SWGNT", "SWTNT", "T2M", "TQI", "TQL", "TQV", "TS", "U10M", "V10M", "Z0M"),
        *("CLOUD", "H", "OMEGA", "PL", "QI", "QL", "QV", "T", "U", "V"),
    ),
    resolution="0.5 degrees by 0.625 degrees",
)
_ALPHAEARTH = WeightsEntry(
    name="alphaearth",
    source="https://developers.google.com/earth-engine/datasets/catalog/"
    "GOOGLE_SATELLITE_EMBEDDING_V1_ANNUAL",
    licence="CC-BY-4.0",
    citation="Brown, C. F. et al. (2025). AlphaEarth Foundations: An embedding field model for "
    "accurate and efficient global mapping from sparse label data. arXiv:2507.22291.",
    bands=tuple(f"A{number:02d}" for number in range(64)),
    resolution="10 m",
    attribution="The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and "
    "Google DeepMind.",
    period="2017 on, one embedding per year",
    limits=(-1.0, 1.0),
)
_TERRAMIND_SIZES = [
    replace(
        _TERRAMIND,
        name=f"terramind_v1_{size}",
        source=f"ibm-esa-geospatial/TerraMind-1.0-{size}",
        filename=f"TerraMind_v1_{size}.pt",
    )
    for size in ("tiny", "small", "base", "large")
]
_ENTRIES = {entry.name: entry for entry in (_ALPHAEARTH, *_TERRAMIND_SIZES, _PRITHVI_WXC)}


def get_weights_entry(name):
    """Look up published weights or embeddings.

    Parameters
    ----------
    name : str
        Such as "alphaearth".

    Returns
    -------
    WeightsEntry
        What is known of them.

    Raises
    ------
    ValueError
        If the name is not known.

    Examples
    --------
    >>> get_weights_entry("alphaearth").bands[-1]
    'A63'
    """
    check_option("name", name, list(_ENTRIES))
    return _ENTRIES[name]


def as_entry(entry):
    """Turn what a user gives for an entry into one.

    Parameters
    ----------
    entry : str, WeightsEntry or None
        A name, or the entry itself.

    Returns
    -------
    WeightsEntry or None
        The entry.

    Raises
    ------
    ValueError
        If the name is not known.
    """
    return entry if entry is None or isinstance(entry, WeightsEntry) else get_weights_entry(entry)
