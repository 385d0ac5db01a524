"""Flow of donors, lent to another site day by day."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.data import Panel, align_target, is_long, read_long

_CLOSEST = 1e-6  # distances below count alike: a twin does not drown the other donors


class Lenders:
    """Targets of donors, with what they are scaled by.

    Parameters
    ----------
    X, y : Panel and target, long table and rows, or table and values
        The donors.
    scale_by : list of str
        Attributes, or forcing whose mean over the record counts.
    """

    def __init__(self, X, y, scale_by):
        self.scale_by = scale_by
        if isinstance(X, Panel) and X.time is not None:
            panel, values = X, align_target(y, X)
        elif is_long(X):
            table = read_long(X)
            panel, values = table.panel, table.from_rows(np.asarray(y, dtype=np.float64).ravel())
        else:
            panel, values = None, np.asarray(y, dtype=np.float64).reshape(-1, 1)
        self.time = None if panel is None else panel.time
        self.values = np.asarray(values, dtype=np.float64)
        self.sizes = sizes(X if panel is None else panel, scale_by)
        if self.time is not None:
            self._day_means = _means_by_day(self.values, self.time)
        self._means = np.nanmean(self.values, axis=1)

    def lend(self, X, selection, uniform):
        """Give the weighted mean of the donors of each site, of shape (n_sites, n_times)."""
        panel = read_long(X).panel if is_long(X) else X
        here = sizes(panel, self.scale_by)
        time = panel.time if self.time is not None else None
        at = None if time is None else self.time.get_indexer(time)
        n_times = 1 if time is None else len(time)
        result = np.empty((len(selection.positions), n_times))
        for i, donors in enumerate(selection.positions):
            far = selection.distances[i]
            even = uniform or np.isnan(far).any()
            weights = np.ones(len(donors)) if even else 1.0 / np.maximum(far, _CLOSEST)
            factors = (here[i] / self.sizes[donors]).prod(axis=1)
            result[i] = self._mix(donors, weights, factors, at, time)
        return result

    def _mix(self, donors, weights, factors, at, time):
        """Average donors over those observed on a day; else by day of the year, else overall."""
        mean = np.average(factors * self._means[donors], weights=weights)
        if time is None:
            return np.array([mean])
        days = np.where(at >= 0, self.values[donors][:, np.maximum(at, 0)], np.nan)
        mixed = _average(factors[:, None] * days, weights)
        usual = _average(factors[:, None] * self._day_means[donors], weights)
        usual = usual[time.day_of_year.to_numpy() - 1]
        return np.where(np.isnan(mixed), np.where(np.isnan(usual), mean, usual), mixed)


def sizes(X, names):
    """Give the numbers that sites are scaled by, of shape (n_sites, n_names)."""
    if not names:
        return np.ones((len(X), 1))
    columns = []
    for name in names:
        if isinstance(X, Panel):
            check_option("scale_by", name, X.attribute_names + X.forcing_names)
            values = X.variable(name)
            values = np.nanmean(values, axis=1) if values.ndim == 2 else values
        else:
            there = list(map(str, getattr(X, "columns", [])))
            check_option("scale_by", name, there)
            values = np.asarray(X)[:, there.index(name)]
        values = np.asarray(values, dtype=np.float64)
        bad = ~(values > 0)
        if bad.any():
            site = int(np.argmax(bad))
            label = X.site_ids[site] if isinstance(X, Panel) else X.index[site]
            raise ValueError(
                f"`scale_by`: {name!r} must be positive at each site; it is {values[site]:g} at "
                f"site {label!r}."
            )
        columns.append(values)
    return np.stack(columns, axis=1)


def _average(values, weights):
    """Average over the first axis what is finite; NaN where nothing is."""
    good = np.isfinite(values)
    total = (np.where(good, values, 0.0) * weights[:, None]).sum(axis=0)
    share = (good * weights[:, None]).sum(axis=0)
    return np.divide(total, share, out=np.full(values.shape[1], np.nan), where=share > 0)


def _means_by_day(values, time):
    """Give the mean of each site on each day of the year, of shape (n_sites, 366)."""
    frame = pd.DataFrame(values.T).groupby(time.day_of_year.to_numpy()).mean()
    return frame.reindex(range(1, 367)).to_numpy().T
