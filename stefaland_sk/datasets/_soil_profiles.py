"""Soil profiles: sand, silt and clay of layers, averaged over a depth interval at each site."""

import re
import warnings
from numbers import Real

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel
from stefaland_sk.data._attribute_table import read_table
from stefaland_sk.datasets._base import check_depth, choose_names, choose_sites
from stefaland_sk.datasets._dataset import DataSet, choose_attributes
from stefaland_sk.datasets._paths import as_path, missing

FRACTIONS = ["sand_frac", "silt_frac", "clay_frac"]
_WORDS = {"sand_frac": "sand", "silt_frac": "silt", "clay_frac": "clay"}
_WOSIS = re.compile(r"wosis_\w+?_(sand|silt|clay)\.(csv|tsv|txt)", re.IGNORECASE)
_WOSIS_SKIPPED = ("value", "method_options", "layer_name")  # long texts
_SUM = 95.0, 105.0  # within which three fractions are taken for a whole [%]
# Columns of tables, in the spellings that occur: ours.
_SPELLINGS = {
    "site": ("site_id", "site", "profile_id", "ProfID"),
    "top": ("top_cm", "top", "upper_depth", "DepthFrom"),
    "bottom": ("bottom_cm", "bottom", "lower_depth", "DepthTo"),
    "sand_frac": ("sand_frac", "sand_pct", "Sand_perc"),
    "silt_frac": ("silt_frac", "silt_pct", "Silt_perc"),
    "clay_frac": ("clay_frac", "clay_pct", "Clay_perc"),
    "lat": ("lat", "latitude", "Y"),
    "lon": ("lon", "longitude", "X"),
}
# What describes a profile; all else in a table of layers belongs to a layer.
_DESCRIBES = (
    "source", "licence", "country", "country_name", "continent", "region", "dataset_id",
    "profile_code", "positional_uncertainty", "coord_uncertainty_m", "soiltype", "date",
)  # fmt: skip
_COVARIATE = "cov_"
# Identifiers that say the country: pattern, and the ISO 3166 code or where it stands.
_COUNTRIES = {
    r"afsp:([A-Z]{2}) .+": r"\1",  # AfSP; identifiers of other forms are not all in place
    r"isis:([A-Z]{2})\d+": r"\1",  # ISRIC Soil Information System
    r"febr:.+": "BR",  # data repository of Brazilian soil
    r"edgeroi:.+": "AU",  # Edgeroi, New South Wales
}
_FORMER_CODES = {"ZR": "CD"}  # Zaire


def load_soil_profiles(
    path,
    *,
    depth=(0, 30),
    min_covered=0.0,
    targets=None,
    attributes="default",
    sites=None,
    as_frame=False,
):
    """Load soil profiles: sand, silt and clay of a depth interval at each site.

    Fractions of the layers are averaged, weighted by the thickness of each layer inside the
    interval. Nothing is downloaded or interpolated.

    Parameters
    ----------
    path : str or path-like
        Any of

        - files of WoSIS [1]_, one per fraction (``wosis_latest_clay.csv``,
          ``wosis_202312_sand.tsv``, ...), or their folder;
        - folder with ``layers`` and ``sites`` (``.parquet`` or ``.csv``), or with
          ``horizons.csv`` and ``site-level.csv``;
        - table with one row per site (``.parquet`` or ``.csv``), with the fractions averaged
          already and covariates ``cov_*``, or its folder.
    depth : tuple of two float, default=(0, 30)
        Upper and lower end of the interval [cm]. Tables with one row per site keep theirs.
    min_covered : float, default=0.0
        Share of the interval that layers with all fractions must cover; sites with less, and
        with nothing, are left out.
    targets : list of str, default=None
        Fractions to predict, out of sand_frac, silt_frac and clay_frac. None takes those that there
        are.
    attributes : {"default", "all"} or list of str, default="default"
        "default" and "all" take all covariates: none where the files have none. "lat" and "lon"
        may be named, and other properties of the soil, which are near the target.
    sites : list of str, default=None
        Sites to read, in this order. None reads all.
    as_frame : bool, default=False
        Whether to give the attributes as a DataFrame instead of a panel.

    Returns
    -------
    X : Panel without time axis, or DataFrame of shape (n_sites, n_attributes) if `as_frame`
        Covariates. The site table has ``lat``, ``lon`` [degrees], ``depth_covered`` [cm], and as
        far as the files say it ``region``, ``country``, ``source``, ``licence``. Without a column
        of countries, identifiers of AfSP (``afsp:AO ...``), ISIS (``isis:CN35``), febr and Edgeroi
        tell them, as codes of two letters (ISO 3166); missing where they do not.
    y : DataFrame of shape (n_sites, n_targets)
        Fractions [%]. Where all three are there they sum to 100.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none of the layouts is found.
    ValueError
        If a column, fraction, site or attribute does not exist, `depth` is no interval, or no
        site is left.

    Warns
    -----
    DataWarning
        If layers are left out because a fraction is impossible or the three do not sum to 95 to
        105 %, or sites because they have no place.

    See Also
    --------
    stefaland_sk.StefaLandSoilComposition : Predicts fractions of a whole (``closure=True``).
    load_caravan : Attributes of basins.

    Notes
    -----
    The fractions, and other properties of the same layers such as organic carbon or pH, are never
    inputs unless named. With fewer than three fractions in the files, sums cannot be checked.
    Grids of covariates (GeoTIFF) are not read: sample them at ``lat`` and ``lon`` and use
    ``X.assign(attributes=...)``. Observe the licences: many profiles are for non-commercial use.

    References
    ----------
    .. [1] Batjes, N. H., Calisto, L. and de Sousa, L. M. (2024). Providing quality-assessed and
       standardised soil data to support global mapping and modelling (WoSIS snapshot 2023).
       Earth Syst. Sci. Data, 16, 4735-4765. doi:10.5194/essd-16-4735-2024

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from stefaland_sk.datasets import load_soil_profiles
    >>> layers = (
    ...     "site,top,bottom,sand_pct,silt_pct,clay_pct\\na,0,10,60,30,10\\na,10,40,30,30,40\\n"
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "layers.csv").write_text(layers)
    ...     _ = Path(folder, "sites.csv").write_text("site,lat,lon,country\\na,52.0,5.5,NL\\n")
    ...     X, y = load_soil_profiles(folder, depth=(0, 30), attributes=["lat", "lon"])
    >>> y.loc["a"].tolist()
    [40.0, 30.0, 30.0]
    """
    interval = check_depth(depth, "cm", (0, 30), thick=True)
    if not isinstance(min_covered, Real) or not 0 <= min_covered <= 1:
        raise ValueError(f"`min_covered` must be from 0 to 1. Got {min_covered!r} instead.")
    found, sites_of, more, name = _read(as_path(path), interval)
    here = [n for n in FRACTIONS if n in found]
    chosen = choose_names("targets", targets, here, empty=False)
    enough = found[chosen].notna().all(axis=1)
    covered = found["depth_covered"].fillna(np.inf) >= min_covered * (interval[1] - interval[0])
    found = found[enough & covered]
    if found.empty:
        raise ValueError(
            f"No site of {name} has {chosen} in at least {min_covered:.0%} of {depth} cm."
        )
    table = sites_of.reindex(found.index).assign(depth_covered=found["depth_covered"])
    placed = table[["lat", "lon"]].notna().all(axis=1)
    _warn_of(~placed, f"sites of {name} have no place (lat, lon) and are left out")
    table, more = table[placed], more.reindex(found.index)[placed]
    wanted = choose_sites(sites, list(table.index), name)
    data = _as_data_set(name, more, table)
    names = choose_attributes(attributes, data)
    index = pd.Index(wanted, dtype="str", name="site")
    table, more = (part.loc[wanted].set_axis(index, axis=0) for part in (table, more))
    columns = {n: more[n] if n in more else table[n] for n in names}
    X = Panel(
        pd.DataFrame(columns, index=index).astype(np.float64),
        sites=table,
        units={"lat": "deg", "lon": "deg", "depth_covered": "cm"} | dict.fromkeys(chosen, "%"),
    )
    y = found.loc[wanted, chosen].set_axis(index, axis=0)
    y.attrs["units"] = "%"
    return (X.attributes, y) if as_frame else (X, y)


def average_layers(layers, depth):
    """Average layers over a depth interval, weighted by thickness.

    Parameters
    ----------
    layers : DataFrame
        Columns ``site``, ``top`` and ``bottom`` [cm], and numbers to be averaged, of which none is
        missing in a layer that counts.
    depth : tuple of two float
        Upper and lower end [cm].

    Returns
    -------
    DataFrame
        By site: the averages and ``depth_covered`` [cm]. Sites without a layer in the
        interval are absent.
    """
    upper, lower = depth
    thickness = np.minimum(layers["bottom"], lower) - np.maximum(layers["top"], upper)
    values = layers.drop(columns=["site", "top", "bottom"])
    inside = ((thickness > 0) & values.notna().all(axis=1)).to_numpy()
    weight = thickness.to_numpy()[inside]
    code, ids = pd.factorize(layers["site"][inside], sort=False)
    total = np.bincount(code, weight, len(ids))
    means = {
        name: np.bincount(code, weight * values[name].to_numpy()[inside], len(ids)) / total
        for name in values
    }
    # Layers of a profile may overlap; they cover no more than the interval.
    return pd.DataFrame(means | {"depth_covered": np.minimum(total, lower - upper)}, index=ids)


def _as_data_set(name, more, table):
    """Describe covariates for the choice of attributes; the usual ones are the covariates."""
    usual = [n for n in more if n.startswith(_COVARIATE)]
    data = DataSet(name, None, {}, [], {}, more, table, default_attributes=usual)
    if usual or not len(more.columns):
        return data
    data.default_attributes = []
    return data


def _warn_of(bad, what, stacklevel=3):
    """Warn of what is left out."""
    if bad.any():
        ids = list(dict.fromkeys(bad.index[bad]))[:3]
        warnings.warn(
            f"{int(bad.sum())} of {len(bad)} {what}, for example of {ids}.",
            DataWarning,
            stacklevel=stacklevel,
        )


# ---------------------------------------------------------------------- layouts
def is_profiles(path):
    """Tell whether soil profiles lie at a path, and in which layout; None if not."""
    if path.is_file():
        if _WOSIS.fullmatch(path.name):
            return "wosis"
        return "table" if path.suffix in (".parquet", ".csv") and _has_fractions(path) else None
    if any(_WOSIS.fullmatch(file.name) for file in _files(path)):
        return "wosis"
    if _tables(path) is not None:
        return "layers"
    return "table" if _one_table(path) else None


def _read(path, depth):
    """Read averages, sites and covariates, all by site, and say what it was."""
    kind = is_profiles(path)
    if kind is None:
        raise missing(
            "soil profiles",
            path,
            [
                "wosis_*_sand, _silt, _clay (.csv or .tsv)",
                "layers and sites (.parquet or .csv), or horizons.csv and site-level.csv",
                "one table (.parquet or .csv) with site_id, lat, lon, sand_pct, silt_pct, clay_pct",
            ],
        )
    if kind == "table":
        return _read_averages(path if path.is_file() else _one_table(path))
    layers, sites = _read_wosis(path) if kind == "wosis" else _read_layers(path)
    layers = _usable(layers, path.name)
    return average_layers(layers, depth), sites, pd.DataFrame(index=sites.index), path.name


def _files(path):
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else []


def _tables(path):
    """Find the tables of layers and of sites in a folder."""
    for layers, sites in (("layers", "sites"), ("horizons", "site-level")):
        for ending in (".parquet", ".csv"):
            pair = path / f"{layers}{ending}", path / f"{sites}{ending}"
            if all(file.is_file() for file in pair):
                return pair
    return None


def _one_table(path):
    """Find the one table of a folder with averages; None if there is none."""
    found = [file for file in _files(path) if file.suffix in (".parquet", ".csv")]
    return found[0] if len(found) == 1 and _has_fractions(found[0]) else None


def _has_fractions(file):
    """Tell whether a table has a column of each fraction and places."""
    if file.suffix == ".csv":
        names = list(pd.read_csv(file, nrows=0))
    else:
        import pyarrow.parquet as pq

        names = pq.read_schema(file).names
    wanted = (*FRACTIONS, "lat", "lon", "site")
    return all(any(name in names for name in _SPELLINGS[want]) for want in wanted)


def _named(table, wanted, file):
    """Give a table whose columns are called as here; all of `wanted` must be there."""
    names = {}
    for ours, theirs in _SPELLINGS.items():
        found = next((name for name in theirs if name in table), None)
        if found is None and ours in wanted:
            raise ValueError(
                f"{file} has no column for {ours!r}, one of {list(theirs)}; it has "
                f"{list(table)[:20]}."
            )
        if found is not None:
            names[found] = ours
    return table.rename(columns=names)


def _read_averages(file):
    """Read a table with one row per site."""
    table, texts = read_table(file)
    table = _named(table, (*FRACTIONS, "lat", "lon", "site"), file)
    site = _named(texts, ("site",), file)["site"].astype(str)
    table = table.set_index(pd.Index(site, name="site")).drop(columns="site")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise ValueError(f"{file} has the site {twice!r} more than once.")
    fractions = table[FRACTIONS].where((table[FRACTIONS] >= 0) & (table[FRACTIONS] <= 100))
    described = [n for n in (*_DESCRIBES, "lat", "lon") if n in table]
    rest = table.drop(columns=[*FRACTIONS, *described, "depth_covered_cm"], errors="ignore")
    numbers = [n for n, kind in rest.dtypes.items() if pd.api.types.is_numeric_dtype(kind)]
    # Identifiers of other systems and coordinates twice are no properties of a place.
    numbers = [n for n in numbers if not re.fullmatch(r"[xy](_\w+)?|easting|northing", n.lower())]
    known = table["depth_covered_cm"].astype(np.float64) if "depth_covered_cm" in table else np.nan
    averages = fractions.assign(depth_covered=known)
    return averages, _whereabouts(table[described]), rest[numbers].astype(np.float64), file.name


def _read_layers(path):
    """Read a table of layers and one of sites."""
    layers, sites = _tables(path)
    table, texts = read_table(layers)
    table = _named(table, ("site", "top", "bottom", *FRACTIONS), layers)
    table["site"] = _named(texts, ("site",), layers)["site"].astype(str)
    table = table[["site", "top", "bottom", *FRACTIONS]]
    places, texts = read_table(sites)
    places = _named(places, ("site", "lat", "lon"), sites)
    places.index = pd.Index(_named(texts, ("site",), sites)["site"].astype(str), name="site")
    places = places[~places.index.duplicated()]
    return table, _whereabouts(places[[n for n in ("lat", "lon", *_DESCRIBES) if n in places]])


def _read_wosis(path):
    """Read the files of WoSIS that there are, one per fraction, and join them by layer."""
    found = {}
    for file in [path] if path.is_file() else _files(path):
        match = _WOSIS.fullmatch(file.name)
        if match:
            found[f"{match[1].lower()}_frac"] = file
    joined, places = None, []
    for name, file in found.items():
        separator = "," if file.suffix.lower() == ".csv" else "\t"
        table = pd.read_csv(
            file, sep=separator, usecols=lambda n: n not in _WOSIS_SKIPPED, low_memory=False
        )
        table = _named(table, ("site", "top", "bottom", "lat", "lon"), file)
        lost = [n for n in ("layer_id", "value_avg") if n not in table]
        if lost:
            raise ValueError(f"{file} has no column {lost[0]!r}; it has {list(table)}.")
        table["site"] = table["site"].astype("int64").astype(str)
        places.append(table[["site", "lat", "lon", *(n for n in _DESCRIBES if n in table)]])
        table = table.drop_duplicates("layer_id").set_index("layer_id")
        part = table[["site", "top", "bottom"]].assign(**{name: table["value_avg"]})
        # A layer without one of the fractions does not count.
        joined = part if joined is None else joined.join(part[name], how="inner")
    sites = pd.concat(places).drop_duplicates("site").set_index("site")
    sites = sites.rename(columns={"country_name": "country"})
    here = [n for n in FRACTIONS if n in joined]
    return joined.reset_index(drop=True)[["site", "top", "bottom", *here]], _whereabouts(sites)


def _whereabouts(sites):
    """Say in which region and country sites lie, where no column does.

    The region is the source then, which has one area each; the country stands in identifiers.
    """
    if "region" not in sites and "source" in sites:
        sites = sites.assign(region=sites["source"])
    if "country" not in sites:
        countries = _countries(sites.index.to_series())
        sites = sites.assign(country=countries) if countries.notna().any() else sites
    return sites


def _countries(ids):
    """Read countries off identifiers; NaN where they do not tell."""
    found = pd.Series(np.nan, index=ids.index, dtype="str")
    for pattern, code in _COUNTRIES.items():
        telling = ids.str.fullmatch(pattern)
        found[telling] = ids[telling].str.replace(pattern, code, regex=True)
    return found.replace(_FORMER_CODES)


def _usable(layers, name):
    """Leave out layers whose depths or fractions cannot be, and make three fractions a whole."""
    here = [n for n in FRACTIONS if n in layers]
    numbers = layers[["top", "bottom", *here]].apply(pd.to_numeric, errors="coerce")
    layers = layers[["site"]].join(numbers.astype(np.float64))
    known = layers[["top", "bottom", *here]].notna().all(axis=1)
    layers = layers[known & (layers["bottom"] > layers["top"])]
    bad = ((layers[here] < 0) | (layers[here] > 100)).any(axis=1)
    if len(here) == len(FRACTIONS):
        total = layers[here].sum(axis=1)
        bad |= ~total.between(*_SUM)
        layers = layers.assign(**layers[here].div(total.where(total > 0), axis=0).mul(100))
    _warn_of(
        bad.set_axis(layers["site"], axis=0),
        f"layers of {name} have fractions that cannot be, and are left out",
        stacklevel=5,
    )
    return layers[~bad]
