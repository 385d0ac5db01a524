"""One label (a region, a fold) per site, from wherever the user keeps it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel, is_long

_COMPARED = (
    "Site identifiers are strings and compared as they are: '01013500' and '1013500' differ. Add "
    "the sites, or leave them out of X."
)


class PublishedLabels(dict):
    """Site to label, as published for the sites of one data set, with a short representation."""

    def __init__(self, labels, maker, other):
        super().__init__(labels)
        self.maker = maker  # the function that makes a splitter of them
        self.other = other  # the splitter for other data

    def __repr__(self):
        return f"<labels of {len(self)} gauges>"


def labels_per_site(X, samples, source, asker):
    """Look up the label of each site of X.

    Parameters
    ----------
    X : Panel, DataFrame or array
        The samples.
    samples : SampleSites
        Site of each sample.
    source : str, mapping or Series
        Column of the site table, level of the index, or a mapping from site to label.
    asker : tuple of two str
        Class and parameter that ask, for messages.

    Returns
    -------
    ndarray of object of shape (n_sites,)
        Labels in the order of ``samples.ids``, none missing.
    """
    if isinstance(source, str):
        found = _from_column(X, samples, source, asker)
    else:
        found = _from_mapping(samples.ids, source, asker)
    return check_complete(found, samples.ids, asker[1] if not isinstance(source, str) else source)


def labels_of_groups(groups, samples):
    """Turn one group per sample into one label per site; a site has one group."""
    return check_complete(
        _one_per_site(np.asarray(groups), samples, "groups"), samples.ids, "groups"
    )


def ordered(labels):
    """Give the distinct labels in order, also where they do not compare."""
    distinct = list(dict.fromkeys(_plain(label) for label in labels))
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=lambda label: (type(label).__name__, str(label)))


def check_complete(labels, ids, name):
    """Raise a ValueError that names the sites whose label is missing."""
    labels = np.array([_plain(label) for label in labels], dtype=object)
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"{name!r} is missing (NaN) for {len(missing)} of {len(ids)} sites, for example "
            f"{list(ids[missing[:3]])}. Fill it in, or leave these sites out with "
            "`X.select(...)` (Panel) or `X.loc[...]` (DataFrame)."
        )
    return labels


def as_lookup(mapping, name):
    """Turn a mapping or Series into a dict with str keys, each with one value."""
    if isinstance(mapping, pd.Series) and mapping.index.nlevels > 1:
        raise TypeError(
            f"`{name}` as a Series is indexed by site alone; its index has the levels "
            f"{list(mapping.index.names)}."
        )
    lookup = {}
    for site, label in mapping.items():
        known = lookup.setdefault(str(site), label)
        if known is not label and not _same(known, label):
            raise ValueError(
                f"`{name}` has two entries for site {site!r}: {known!r} and {label!r}."
            )
    return lookup


def _from_mapping(ids, mapping, asker):
    """Look the sites up in a mapping from site to label."""
    name = asker[1]
    lookup = as_lookup(mapping, name)
    missing = [site for site in ids if site not in lookup]
    if not missing:
        return [lookup[site] for site in ids]
    zeros = _lost_zeros(missing, mapping, name)
    these = f"{len(missing)} of {len(ids)} sites"
    if isinstance(mapping, PublishedLabels):
        raise ValueError(
            f"{mapping.maker}() is for the gauges of CAMELS-US, and {these} are none of them, for "
            f"example {missing[:3]}. {zeros or f'Other data take {mapping.other}.'}"
        )
    raise ValueError(
        f"`{name}` has no entry for {these}, for example {missing[:3]}. {zeros or _COMPARED}"
    )


def _lost_zeros(missing, mapping, name):
    """Say so if the missing sites are there under a name without leading zeros; None if not."""
    by_digits = {str(site).lstrip("0"): site for site, _ in mapping.items()}
    for site in missing:
        twin = by_digits.get(site.lstrip("0"))
        if twin is None:
            continue
        loser = f"`{name}`" if len(str(twin)) < len(site) else "X"
        width = max(len(site), len(str(twin)))
        return (
            f"It has an entry for {_plain(twin)!r} ({type(_plain(twin)).__name__}) though, and X "
            f"has {site!r} (str): the leading zeros were lost in {loser}. Repair the identifiers "
            f"with `str(site).zfill({width})`, or read them with dtype=str."
        )
    return None


def _from_column(X, samples, column, asker):
    """Read a column of the site table; for a long frame that is a level of its index."""
    if column in samples.table.columns:
        return samples.table[column].to_numpy(dtype=object)
    if isinstance(X, Panel):
        raise ValueError(_no_column(asker, column, "The site table (`X.sites`)", X.sites.columns))
    if not is_long(X):
        if column in getattr(X, "columns", ()):
            return _one_per_site(pd.Index(X[column]), samples, column)
        raise ValueError(
            f"{asker[0]} needs to know the {column!r} of each site, and this plain "
            f"{type(X).__name__} does not tell. {_ways_out(asker)}"
        )
    message = _no_column(asker, column, "The index of X", X.index.names)
    if column in X.columns:
        message += (
            f" X has a column {column!r}, which models would read as a variable: move it "
            f"to the index with `X.set_index({column!r}, append=True)`."
        )
    raise ValueError(message)


def _no_column(asker, column, place, names):
    """Word the error about a column that is not there."""
    names = [str(name) for name in names]
    has = f"has only {names}" if names else "is empty"
    return f"{asker[0]} looks for {column!r}. {place} {has}. {_ways_out(asker)}"


def _ways_out(asker):
    """List the other ways to say which site belongs where."""
    what = "region" if asker[1] == "regions" else "fold"
    return (
        f"Name another column as `{asker[1]}=`, give a mapping from site to {what}, or hold the "
        "data as a Panel with a site table, `Panel(..., sites=table)`."
    )


def _one_per_site(values, samples, name):
    """Take one value per site from one value per sample; two for a site are an error."""
    values = values if isinstance(values, pd.Index) else pd.Index(np.ravel(values))
    codes, labels = pd.factorize(values)
    first = np.full(len(samples.ids), -2)
    first[samples.codes[::-1]] = codes[::-1]  # the first row of a site is written last
    odd = np.flatnonzero(first[samples.codes] != codes)
    if len(odd):
        site = samples.codes[odd[0]]
        both = [
            "NaN" if code < 0 else repr(_plain(labels[code]))
            for code in (first[site], codes[odd[0]])
        ]
        raise ValueError(
            f"Site {samples.ids[site]!r} has two values of {name!r}: {both[0]} and {both[1]}. A "
            "site is trained on or tested as a whole; give it one."
        )
    found = np.full(len(first), None, dtype=object)
    found[first >= 0] = np.asarray(labels, dtype=object)[first[first >= 0]]
    return found


def is_mapping(value):
    """Tell whether `value` maps sites to labels."""
    return isinstance(value, Mapping | pd.Series)


def _plain(value):
    """Turn a numpy scalar into the Python number or str it stands for."""
    return value.item() if isinstance(value, np.generic) else value


def _same(left, right):
    """Tell whether two labels agree, NaN with NaN."""
    return bool(left == right) or (left != left and right != right)
