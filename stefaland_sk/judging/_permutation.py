"""X with some of its variables dealt anew: among sites, or among parts of the record."""

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel, is_long, read_long


def shuffled(X):
    """Give something that can make copies of X with permuted variables.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        The samples.

    Returns
    -------
    ShuffledPanel, ShuffledRows or ShuffledTable
        With ``names``, ``forcing_names`` and ``permute(names, rng, block)``.
    """
    if isinstance(X, Panel):
        return ShuffledPanel(X)
    return ShuffledRows(X) if is_long(X) else ShuffledTable(X)


class _Shuffled:
    """What all forms share: one deal for the variables of a group."""

    forcing_names = ()

    def permute(self, names, rng, block):
        """Give X with these variables dealt anew, all by the same deal.

        Parameters
        ----------
        names : list of str
            Variables.
        rng : Generator
            Random numbers.
        block : int or None
            Steps of the parts of the record that forcing is dealt in; None swaps whole series
            between sites.
        """
        sites = rng.permutation(self.n_sites)
        times = _deal_blocks(self.n_times, block, rng) if block else None
        return self._permute(names, sites, times)


class ShuffledPanel(_Shuffled):
    """A panel, in memory."""

    def __init__(self, X):
        # A panel of its own, so that changed attributes share its forcing.
        self.X = X.load().assign()
        self.forcing_names, self.names = X.forcing_names, X.forcing_names + X.attribute_names
        self.n_sites, self.n_times = X.n_sites, X.n_times

    def _permute(self, names, sites, times):
        X, series = self.X, [name for name in names if name in self.forcing_names]
        table = X.attributes
        for name in set(names) - set(series):
            table[name] = table[name].to_numpy()[sites]
        if not series:
            return X.assign(attributes=table)
        forcing = np.array(X.forcing)
        for name in series:
            column = self.forcing_names.index(name)
            forcing[:, :, column] = _swap(forcing[:, :, column], sites, times)
        return Panel(
            table,
            forcing,
            time=X.time,
            sites=X.sites,
            forcing_names=X.forcing_names,
            units=X.units,
            groups=X.groups,
        )


class ShuffledRows(_Shuffled):
    """A long table."""

    def __init__(self, X):
        self.X, self.table = X, read_long(X)
        panel = self.table.panel
        self.forcing_names = panel.forcing_names
        self.names = panel.forcing_names + panel.attribute_names
        self.n_sites, self.n_times = panel.n_sites, panel.n_times

    def _permute(self, names, sites, times):
        changed = {}
        for name in names:
            values = self.table.panel.variable(name)
            if name in self.forcing_names:
                changed[name] = self.table.to_rows(_swap(values, sites, times))
            else:
                changed[name] = values[sites][self.table.site]
        return _set(self.X, {c: changed[str(c)] for c in self.X.columns if str(c) in changed})


class ShuffledTable(_Shuffled):
    """A plain table or an array."""

    n_times = 0

    def __init__(self, X):
        self.X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
        named = isinstance(X, pd.DataFrame)
        columns = X.columns if named else [f"x{i}" for i in range(self.X.shape[1])]
        self.names = list(map(str, columns))
        self.n_sites = len(self.X)

    def _permute(self, names, sites, times):
        copy, columns = self.X.copy(), [self.names.index(name) for name in names]
        if isinstance(copy, pd.DataFrame):
            labels = copy.columns[columns]
            return _set(copy, {label: copy[label].to_numpy()[sites] for label in labels})
        copy[:, columns] = copy[sites][:, columns]
        return copy


def _set(frame, columns):
    """Give a copy of a frame with some columns changed."""
    frame = frame.copy()
    for name, values in columns.items():
        frame[name] = values
    return frame


def _swap(plane, sites, times):
    """Deal the series of sites, or the parts of the record; a gap is not dealt."""
    dealt = plane[sites] if times is None else plane[:, times]
    return np.where(np.isnan(dealt), plane, dealt)


def _deal_blocks(n_times, block, rng):
    """Give the steps in another order: blocks dealt, steps of a block together."""
    starts = np.arange(0, n_times, block)
    return np.concatenate([np.arange(s, min(s + block, n_times)) for s in rng.permutation(starts)])
