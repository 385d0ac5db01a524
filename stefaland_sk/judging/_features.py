"""What tells sites apart: attributes, a table of embeddings, or what an encoder makes of them."""

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk.data import Panel, find_places, is_long, read_long, site_of_samples
from stefaland_sk.data._globe import EARTH_RADIUS
from stefaland_sk.data._places import check_places


def site_features(X, features, asker):
    """Give the features of each site.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        The samples.
    features : None, list of str, DataFrame, encoder, transformer or callable
        None takes the attributes, a list some of them, a DataFrame the rows of the sites. What
        has ``encode(panel)`` or ``transform(X)``, or can be called with X, must give one row of
        numbers per site.
    asker : str
        Class that asks, for messages.

    Returns
    -------
    DataFrame of float64 of shape (n_sites, n_features)
        Indexed by site, NaN where missing.
    """
    ids = site_of_samples(X).ids
    if isinstance(features, pd.DataFrame):
        return _look_up(features, ids)
    if features is None or isinstance(features, list | tuple):
        table = _attributes(X, ids, asker)
        if features is None:
            return table
        missing = [name for name in features if name not in table]
        if missing:
            raise ValueError(
                f"`features` names {missing[:5]}, which X has not among its attributes "
                f"{list(table.columns)}."
            )
        return table[[*map(str, features)]]
    if hasattr(features, "encode"):
        panel = X if isinstance(X, Panel) else _as_panel(X)
        values = features.encode(panel, days=False)[1]
    elif hasattr(features, "transform"):
        values = features.transform(X)
    elif callable(features):
        values = features(X)
    else:
        raise TypeError(
            "`features` must be None, a list of attributes, a DataFrame indexed by site, an "
            f"encoder, a fitted transformer or a function of X. Got {type(features).__name__}."
        )
    names = getattr(values, "columns", None)
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(ids):
        raise ValueError(
            f"`features` must give one row of numbers for each of the {len(ids)} sites; "
            f"{type(features).__name__} gave an array of shape {values.shape}. For a "
            "StefaLandTransformer set `pool`, such as pool='mean'."
        )
    names = [f"feature_{i}" for i in range(values.shape[1])] if names is None else map(str, names)
    return pd.DataFrame(values, index=ids, columns=list(names))


def _attributes(X, ids, asker):
    """Give the attributes of each site."""
    if isinstance(X, Panel) or is_long(X):
        table = X.attributes if isinstance(X, Panel) else read_long(X).panel.attributes
    else:
        table = pd.DataFrame(X)
        names = table.columns if isinstance(X, pd.DataFrame) else [f"x{i}" for i in table.columns]
        try:
            table = table.astype(np.float64).set_axis(ids, axis=0).set_axis(list(names), axis=1)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The attributes must be numbers ({error}).") from error
    if not table.shape[1]:
        raise ValueError(
            f"{asker} compares sites by their attributes, and X has none. Give `features`, such as "
            "a table of embeddings or an encoder."
        )
    infinite = np.isinf(table.to_numpy(dtype=np.float64))
    if infinite.any():
        site, column = np.argwhere(infinite)[0]
        raise ValueError(
            f"The attribute {table.columns[column]!r} is infinite at site {ids[site]!r}. Use NaN "
            "where a value is missing."
        )
    return table.rename(columns=str).astype(np.float64)


def _as_panel(X):
    """Make a panel of a table, for encoders."""
    return read_long(X).panel if is_long(X) else Panel.from_table(X)


def _look_up(table, ids):
    """Take the rows of some sites from a table indexed by site."""
    table = table.set_axis(pd.Index([str(site) for site in table.index]), axis=0)
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise ValueError(f"`features` has several rows for site {twice!r}. Keep one of each.")
    missing = ids.difference(table.index)
    if len(missing):
        raise ValueError(
            f"`features` has no row for {len(missing)} of {len(ids)} sites, for example "
            f"{list(missing[:3])}. Site identifiers are strings and compared as they are."
        )
    return table.loc[ids].rename(columns=str).astype(np.float64).set_axis(ids, axis=0)


def site_scaling():
    """Make columns comparable; a value that is missing counts as average.

    Returns
    -------
    Pipeline
        To be fitted on the sites that are known.
    """
    return make_pipeline(StandardScaler(), SimpleImputer(keep_empty_features=True))


def places(X, asker):
    """Give latitude and longitude of each site in radians."""
    return np.deg2rad(check_places(find_places(X), asker).to_numpy())


def kilometres(radians):
    """Turn an angle at the centre of the Earth into a distance on its surface."""
    return radians * EARTH_RADIUS
