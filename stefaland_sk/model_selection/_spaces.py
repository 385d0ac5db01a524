"""What is known of sites to tell near from far: their places, and a space of attributes."""

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from stefaland_sk.data import Panel, find_places, is_long
from stefaland_sk.data._globe import nearest_by_tree
from stefaland_sk.data._places import PLACE_NAMES, check_places

_COORDINATES = {name for names in PLACE_NAMES.values() for name in names}


_MOST_FOR_TREES = 10  # dimensions; beyond them a tree looks at almost every point


def nearest_points(points, others, k=1):
    """Find the `k` nearest of `others` for each point, as `nearest_by_tree` in any dimension."""
    if points.shape[1] <= _MOST_FOR_TREES:
        return nearest_by_tree(points, others, k)
    index = NearestNeighbors(n_neighbors=min(k, len(others)), algorithm="brute").fit(others)
    return index.kneighbors(points)


class AttributeSpace:
    """Distances between sites by standardised attributes.

    The unit is one standard deviation of an attribute, averaged (root mean square) over the
    attributes. A missing value stands at the mean.

    Parameters
    ----------
    table : DataFrame of shape (n_sites, n_attributes)
        Attributes of the sites whose mean and spread set the scale. Columns that do not vary are
        left out.
    """

    unit = "sd"

    def __init__(self, table):
        values = table.to_numpy(dtype=np.float64)
        with np.errstate(invalid="ignore"):
            lowest, highest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
            keep = np.isfinite(lowest) & (highest > lowest)
        values = values[:, keep]
        self.names = [name for name, kept in zip(table.columns, keep, strict=True) if kept]
        self.mean, self.scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)

    def points(self, table):
        """Standardise a table with the same columns."""
        values = table[self.names].to_numpy(dtype=np.float64)
        points = np.nan_to_num((values - self.mean) / self.scale, nan=0.0)
        return np.ascontiguousarray(points / np.sqrt(max(len(self.names), 1)))

    def known(self, table):
        """Tell of which sites at least half of the attributes are known."""
        if not self.names:
            return np.zeros(len(table), dtype=bool)
        return (table[self.names].notna().mean(axis=1) >= 0.5).to_numpy()

    def nearest(self, points, others):
        """Give the distance to the nearest of `others`, and its position, for each point."""
        distance, position = nearest_points(points, others)
        return distance[:, 0], position[:, 0]


# ---------------------------------------------------------------------- what is known of sites
def places_of(X, samples, asker):
    """Give latitude and longitude of each site of `samples`; raise where one is unknown."""
    return check_places(one_row_per_site(find_places(X), samples), asker)


def attributes_of(X, samples, asker, names=None):
    """Give the numeric attributes of each site of `samples`, without coordinates.

    Parameters
    ----------
    X : Panel, DataFrame or array
        The samples.
    samples : SampleSites
        Their sites, each once.
    asker : tuple of two str
        Class and parameter that ask, for messages.
    names : list of str, default=None
        Which; None takes all that are numeric, but coordinates.

    Returns
    -------
    DataFrame of shape (n_sites, n_attributes)
        Indexed by site.
    """
    table = find_attributes(X, samples)
    if names is not None:
        names = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in names if name not in table]
        if unknown or not names:
            raise ValueError(
                f"`{asker[1]}` of {asker[0]} names {unknown}, which are no numeric attributes of "
                f"X. It has {list(table.columns)}."
            )
        table = table[names]
    else:
        table = without_coordinates(table)
    if not table.notna().any(axis=None):
        raise ValueError(
            f"{asker[0]} needs numeric attributes of the sites, and X has none (coordinates do "
            "not count). Give X as a Panel with attributes, or a table of another kind by "
            f"`{asker[1]}=`."
        )
    return table


def without_coordinates(table):
    """Leave latitude and longitude out of a table of attributes."""
    return table.drop(columns=[name for name in table if name in _COORDINATES])


def find_attributes(X, samples):
    """Give all numeric attributes of each site of `samples`, as far as X has any."""
    if isinstance(X, Panel):
        table = X.attributes
    elif is_long(X):
        table = _constant_columns(X, samples)
    elif isinstance(X, pd.DataFrame):
        table = samples.table.select_dtypes(["number", "bool"])
    else:
        table = pd.DataFrame(np.asarray(X)).set_axis(samples.ids, axis=0)
        table = table.set_axis([f"x{i}" for i in range(table.shape[1])], axis=1)
    return one_row_per_site(table, samples).astype(np.float64)


def one_row_per_site(table, samples):
    """Take the rows of `samples`, in which copies of a site are one."""
    return table if len(table) == len(samples.ids) else table[~table.index.duplicated()]


def _constant_columns(X, samples):
    """Give the numeric columns of a long table that are constant within every site."""
    table = {}
    for name, column in X.items():
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            continue
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        low, high = (np.full(len(samples.ids), np.nan) for _ in range(2))
        np.fmin.at(low, samples.codes, values)
        np.fmax.at(high, samples.codes, values)
        if ((low == high) | np.isnan(low)).all():
            table[str(name)] = low
    return pd.DataFrame(table, index=samples.ids)
