"""The design matrix of row-wise regressors: one row per site and step."""

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from stefaland_sk.data import steps_into_segment


@dataclass(frozen=True)
class RowFeatures:
    """What a row holds: lagged forcing, means over past windows, attributes.

    Parameters
    ----------
    lags : tuple of int
        Steps back at which each forcing variable is taken; 0 is the same step.
    rolling : tuple of int
        Lengths of the windows, up to and including the same step, that it is averaged over.
    forcing_names, attribute_names : tuple of str
        Variables in the order of the columns.
    """

    lags: tuple
    rolling: tuple
    forcing_names: tuple
    attribute_names: tuple

    @property
    def names(self):
        """Names of the columns, such as "prcp", "prcp lag 3", "prcp mean 30", "p_mean"."""
        names = []
        for forcing in self.forcing_names:
            names += [f"{forcing} lag {lag}" if lag else forcing for lag in self.lags]
            names += [f"{forcing} mean {window}" for window in self.rolling]
        return names + list(self.attribute_names)

    @property
    def variables(self):
        """Number of the variable that each column is made from, in the order of `names`."""
        n_forcings, n_each = len(self.forcing_names), len(self.lags) + len(self.rolling)
        series = np.repeat(np.arange(n_forcings), n_each)
        return np.append(series, n_forcings + np.arange(len(self.attribute_names)))

    def build(self, panel, chosen, dtype):
        """Make the rows of the chosen steps.

        Nothing reaches over a gap or back before a record: a lag is missing there, a mean
        covers the steps that there are.

        Parameters
        ----------
        panel : Panel
            A batch of sites; all their features are in memory at once.
        chosen : ndarray of bool of shape (n_sites, n_times)
            The steps that become rows.
        dtype : dtype
            Precision of the result.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Site by site, in time order; NaN = missing. Stored column by column.
        """
        site, time = np.nonzero(chosen)
        columns = np.empty((len(self.names), len(site)), dtype=dtype)
        n_series = len(self.forcing_names) * (len(self.lags) + len(self.rolling))
        if n_series:
            # Steps of the same unbroken run that lie before each row.
            age = steps_into_segment(panel.present())[site, time]
            self._fill_series(columns[:n_series], panel, site, time, age)
        if self.attribute_names:
            table = panel.attributes[list(self.attribute_names)].to_numpy()
            columns[n_series:] = table.T[:, site]
        return columns.T

    def _fill_series(self, columns, panel, site, time, age):
        """Fill the columns made from forcing."""
        forcing, there = panel.forcing, panel.forcing_names
        position = iter(columns)
        for name in self.forcing_names:
            plane = forcing[:, :, there.index(name)]
            for lag in self.lags:
                next(position)[:] = _lagged(plane, site, time, age, lag)
            if self.rolling:
                total, count = _cumulated(plane)
                for window in self.rolling:
                    # The window, cut where the run begins.
                    last, first = time + 1, time - np.minimum(window - 1, age)
                    n = count[site, last] - count[site, first]
                    mean = (total[site, last] - total[site, first]) / np.maximum(n, 1)
                    next(position)[:] = np.where(n > 0, mean, np.nan)


def read_steps(name, value, low):
    """Check a parameter that holds counts of steps; give them as a tuple.

    A single number stands for all from 0 to itself if `low` is 0, for itself otherwise.
    """
    if value is None:
        return ()
    single = isinstance(value, Integral) and not isinstance(value, bool) and value >= low
    if single:
        steps = tuple(range(value + 1)) if low == 0 else (value,)
    else:
        steps = tuple(value) if isinstance(value, Iterable) else (value,)
    whole = all(isinstance(step, Integral) and not isinstance(step, bool) for step in steps)
    if not whole or any(step < low for step in steps) or len(set(steps)) < len(steps):
        advice = " (or one number for all up to it)" if low == 0 else ""
        raise ValueError(
            f"`{name}` must be a sequence of different whole numbers of steps, {low} or "
            f"more{advice}. Got {value!r} instead."
        )
    return tuple(map(int, steps))


def balanced_rows(site, max_rows, rng):
    """Draw rows without replacement, about as many of each site as the shortest allow.

    Parameters
    ----------
    site : ndarray of int of shape (n_rows,)
        Site of each row.
    max_rows : int
        Number of rows to draw, fewer than there are.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int of shape (max_rows,)
        Positions of the rows drawn, in increasing order.
    """
    n_rows = len(site)
    mixed = np.lexsort((rng.random(n_rows), site))  # site by site, at random within
    counts = np.bincount(site)
    turn = np.empty(n_rows, dtype=np.intp)
    turn[mixed] = np.arange(n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    # One row of each site, then a second of each, ...: sites that run out make room.
    return np.sort(np.lexsort((rng.random(n_rows), turn))[:max_rows])


def _lagged(plane, site, time, age, lag):
    """Take the values some steps back; NaN where the run has not lasted that long."""
    values = plane[site, np.maximum(time - lag, 0)]
    return np.where(age >= lag, values, np.float32(np.nan))


def _cumulated(plane):
    """Sum and count of the observed values before each step, with one step more."""
    known = ~np.isnan(plane)
    shape = (plane.shape[0], plane.shape[1] + 1)
    total, count = np.zeros(shape), np.zeros(shape, dtype=np.int32)
    np.cumsum(np.where(known, plane, 0), axis=1, dtype=np.float64, out=total[:, 1:])
    np.cumsum(known, axis=1, out=count[:, 1:])
    return total, count
