"""The data of a protocol: read from disk, with what its split and its rows need to know."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from stefaland_sk._core import DataWarning, check_option
from stefaland_sk.data import concat_panels, get_variable_set
from stefaland_sk.datasets import PANEL_KINDS, find_kind, load_panel
from stefaland_sk.datasets._camels_us import CATEGORIES, open_camels_us
from stefaland_sk.model_selection import LeaveRegionOut

from ._models import DESCRIPTIONS

# What the data of a protocol have to hold: series, and values of sites.
_SERIES = ("camels_us", "camels_gb", "caravan", "mopex", "ismn", "smap", "gridded")
_VALUES = ("soil_profiles",)
_N_REGIONS = 6
_FEWEST_SHARED = 3
_HYDROATLAS = "attributes_caravan_hydroatlas.parquet"
# By boxes of degrees (west, east, south, north), in this order: coarse, but nobody lives between.
_CONTINENTS = {
    "North America": (-170, -50, 13, 85),
    "South America": (-93, -30, -60, 13),
    "Europe": (-25, 45, 36, 72),
    "Africa": (-20, 52, -36, 36),
    "Australia": (110, 180, -50, -8),
    "Asia": (25, 180, -10, 82),
}


def load_data(protocol, paths, *, kind=None, sites=None, which=None):
    """Read the data that a protocol is to be run on.

    Parameters
    ----------
    protocol : Protocol
        It tells the kind of data, the years, and what split and rows need to know.
    paths : list of str
        Folder or file; two for a transfer between data sets.
    kind : str, default=None
        Kind of the data, out of `PANEL_KINDS`; None sees it from the files.
    sites : list of str, default=None
        Sites to read; None reads all.
    which : {None, "531", "all"}, default=None
        Of CAMELS-US: the usual list, or all; None leaves it to the protocol.

    Returns
    -------
    protocol : Protocol
        Changed where `which` or `sites` ask for other sites than its own.
    X : Panel
        Sites.
    y : DataFrame
        Target.

    Raises
    ------
    OSError, ValueError, TypeError
        If nothing, or something else, lies at the paths.

    Warns
    -----
    DataWarning
        If profiles have no covariates, and models see coordinates alone; if sites are left out
        because the data do not say where they lie.
    """
    if kind is not None:
        check_option("kind", kind, list(PANEL_KINDS))
    if protocol.data == "camels_us_gb":
        X, y = _two_countries(protocol, paths, sites)
    elif len(paths) > 1:
        raise ValueError(f"{protocol.name} takes one data set, but --data names {len(paths)}.")
    else:
        X, y, kind = _read(paths[0], kind, protocol, sites)
        if kind == "camels_us" and set(protocol.models) & set(DESCRIPTIONS):
            X = _with_classes(X, paths[0])
    if which in ("531", "all"):
        protocol = replace(protocol, sites="in_531" if which == "531" else None)
    elif sites is not None:
        protocol = replace(protocol, sites=None)
    X, y = _of_known_place(protocol, _with_places(protocol, X), y)
    return protocol, X, y


def _read(path, kind, protocol, sites):
    """Read a data set and say of which kind it is."""
    kind = find_kind(path) if kind is None else kind
    fitting = _VALUES if protocol.target_per_site else _SERIES
    if kind not in fitting:
        raise ValueError(
            f"{protocol.name} needs data of the kinds {list(fitting)}, but {str(path)!r} is of the "
            f"kind {kind!r}. Should that be wrong, --kind says what it is."
        )
    options = {"sites": sites}
    if not protocol.target_per_site:
        options["period"] = protocol.period
    if kind == "camels_us" and set(protocol.models) & set(DESCRIPTIONS):
        options["attributes"] = "all"
    X, y = load_panel(path, kind, **options)
    if protocol.target_per_site and not X.n_attributes:
        X = _with_coordinates(X, path)
    return X, y, kind


def _with_coordinates(X, path):
    """Let coordinates be the attributes of sites that have no others."""
    names = ["lat", "lon"]
    warnings.warn(
        f"{str(path)!r} has no covariates: models see latitude and longitude alone, and can only "
        "tell how far a place is from others.",
        DataWarning,
        stacklevel=4,
    )
    return X.assign(attributes=X.sites[names], units=dict.fromkeys(names, "deg"))


def _two_countries(protocol, paths, sites):
    """Join CAMELS-US and CAMELS-GB by the variables that both have."""
    if len(paths) != 2:
        raise ValueError(
            f"{protocol.name} needs two data sets: --data FOLDER_OF_CAMELS_US FOLDER_OF_CAMELS_GB."
        )
    us, gb = (Path(path).expanduser() for path in paths)
    there, flow_there = load_panel(gb, "camels_gb", period=protocol.period)
    weather = [name for name in ("prcp", "tmean", "srad", "pet") if name in there.forcing_names]
    here, flow_here = load_panel(
        us, "camels_us", forcings=weather, period=protocol.period, radiation="day"
    )
    if (us / _HYDROATLAS).is_file():
        here, flow_here = _with_hydroatlas(here, flow_here, us / _HYDROATLAS)
    panels, targets = [], []
    shared = [name for name in here.attribute_names if name in set(there.attribute_names)]
    if len(shared) < _FEWEST_SHARED:
        raise ValueError(
            f"The two data sets share the attributes {shared} only. Put the attributes of Caravan "
            f"for CAMELS-US beside its files, as {_HYDROATLAS!r}."
        )
    for name, X, y in (("camels_us", here, flow_here), ("camels_gb", there, flow_there)):
        X = X.keep_variables(forcings=weather, attributes=shared)
        X = X.assign(sites=X.sites.assign(dataset=name))
        if sites is not None:
            chosen = X.site_ids.isin(sites)
            X, y = X[chosen], y[chosen]
        panels.append(X)
        targets.append(y)
    return concat_panels(panels, targets)


def _with_hydroatlas(X, y, file):
    """Take the attributes of Caravan for CAMELS-US; basins that it lacks are left out."""
    table = pd.read_parquet(file)
    if "camels_us_id" in table:
        table = table.set_index("camels_us_id")
    table.index = table.index.astype(str).str.removeprefix("camels_")
    known = X.site_ids.isin(table.index)
    X, y = X[known], y[known]
    caravan = get_variable_set("caravan")
    names = [name for name in caravan.attribute_names if name in table]
    units = {name: caravan.units[name] for name in names}
    rows = table.loc[X.site_ids, names].astype(float).set_axis(X.site_ids, axis=0)
    return X.assign(attributes=rows, units=units), y


def _with_classes(X, path):
    """Add the classes of CAMELS-US as numbers, in the order of their names."""
    source = open_camels_us(Path(path).expanduser())
    source.series.close()
    table = source.table.loc[X.site_ids]
    names = [name for name in CATEGORIES if name in table and not name.endswith("_timing")]
    codes = {name: pd.factorize(table[name], sort=True)[0].astype(float) for name in names}
    codes = pd.DataFrame(codes, index=X.site_ids).where(lambda values: values >= 0)
    return X.assign(attributes=X.attributes.join(codes))


def _with_places(protocol, X):
    """Add regions or continents that the split asks for and the data do not name."""
    cv = protocol.cv
    if not isinstance(cv, LeaveRegionOut):
        return X
    wanted = "region" if cv.regions is None else cv.regions
    if wanted not in ("region", "continent") or wanted in X.sites:
        return X
    if not {"lat", "lon"} <= set(X.sites):
        return X  # the splitter says what is missing
    make = _regions if wanted == "region" else _continents
    return X.assign(sites=X.sites.assign(**{wanted: make(X.sites["lat"], X.sites["lon"])}))


def _of_known_place(protocol, X, y):
    """Leave out sites of which the data do not say in which part of the split they lie."""
    cv = protocol.cv
    column = getattr(cv, "regions", None)
    if not isinstance(cv, LeaveRegionOut) or column not in X.sites:
        return X, y
    known = X.sites[column].notna().to_numpy()
    if known.all():
        return X, y
    warnings.warn(
        f"{int((~known).sum())} of {len(known)} sites, for example "
        f"{list(X.site_ids[~known][:3])}, have no {column!r} and are left out: they might lie in "
        "the one held out.",
        DataWarning,
        stacklevel=3,
    )
    return X[known], y[known]


def _regions(lat, lon):
    """Group places into regions of neighbours, numbered from the west."""
    phi, lam = np.radians(lat.to_numpy(float)), np.radians(lon.to_numpy(float))
    points = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
    n_regions = min(_N_REGIONS, len(np.unique(points, axis=0)))
    found = KMeans(n_regions, n_init=10, random_state=0).fit_predict(points)
    order = pd.Series(lon.to_numpy()).groupby(found).median().rank().astype(int)
    return [str(order[label]) for label in found]


def _continents(lat, lon):
    """Tell the continent of places, coarsely."""
    found = np.full(len(lat), "elsewhere", dtype=object)
    for name, (west, east, south, north) in reversed(_CONTINENTS.items()):
        found[(lon.between(west, east) & lat.between(south, north)).to_numpy()] = name
    return found
