"""Unbroken runs of steps."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segments:
    """Unbroken runs of steps: run i covers steps ``start[i]:stop[i]`` of site ``site[i]``.

    Parameters
    ----------
    site : ndarray of int of shape (n_segments,)
        Position of each run's site.
    start, stop : ndarray of int of shape (n_segments,)
        First step of each run, and the step behind its last.

    Examples
    --------
    >>> import numpy as np
    >>> find_segments(np.array([[True, True, False, True]])).length.tolist()
    [2, 1]
    """

    site: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def __len__(self):
        return len(self.site)

    @property
    def length(self):
        """Number of steps of each run."""
        return self.stop - self.start


def find_segments(present):
    """Find the unbroken runs of True at each site.

    Parameters
    ----------
    present : ndarray of bool of shape (n_sites, n_times)
        Which steps each site has.

    Returns
    -------
    Segments
        The runs, site by site, in time order.

    Examples
    --------
    >>> import numpy as np
    >>> runs = find_segments(np.array([[True, True, False, True], [False, True, True, True]]))
    >>> list(zip(runs.site.tolist(), runs.start.tolist(), runs.stop.tolist()))
    [(0, 0, 2), (0, 3, 4), (1, 1, 4)]
    """
    edge = np.zeros((present.shape[0], 1), dtype=np.int8)
    change = np.diff(present.astype(np.int8), axis=1, prepend=edge, append=edge)
    site, start = np.nonzero(change == 1)
    _, stop = np.nonzero(change == -1)
    return Segments(site, start, stop)


def steps_into_segment(present):
    """Count, at each present step, how many steps of its run came before it.

    Parameters
    ----------
    present : ndarray of bool of shape (n_sites, n_times)
        Which steps each site has.

    Returns
    -------
    ndarray of int of shape (n_sites, n_times)
        0 at the first step of a run; -1 where there is no step.

    Examples
    --------
    >>> import numpy as np
    >>> steps_into_segment(np.array([[True, True, False, True]])).tolist()
    [[0, 1, -1, 0]]
    """
    steps = np.broadcast_to(np.arange(present.shape[1]), present.shape)
    last_gap = np.maximum.accumulate(np.where(present, -1, steps), axis=1)
    return np.where(present, steps - last_gap - 1, -1)


def dealt_at_random(present, *, share=0.04):
    """Find sites whose record has holes as a row-wise splitter deals them.

    If days are dealt out independently, the day after a present one is absent as often as
    any day: with probability q. A gap then ends at once with probability 1 - q,
    so that the share of days that open a gap and the share of gaps of a single step add
    up to one. Measured records, whose gaps are few and long (the sum is far below
    one), and satellites' regular revisits (far above) do not.

    Parameters
    ----------
    present : ndarray of bool of shape (n_sites, n_times)
        Which steps each site has.
    share : float, default=0.04
        Share of present steps that open a gap, above which a site can count. Dealing
        into k folds opens one after 1/k (training part) or 1 - 1/k (test part) of them.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True where the holes look dealt. At least eight gaps are needed to tell.

    Notes
    -----
    Samples that are really taken on random days look the same.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> days = np.arange(400)
    >>> dealt, broken, revisit = rng.random(400) < 0.8, abs(days - 200) > 60, days % 3 == 0
    >>> dealt_at_random(np.stack([dealt, broken, revisit])).tolist()
    [True, False, False]
    """
    n_sites = len(present)
    runs = find_segments(present)
    inner = runs.site[1:] == runs.site[:-1]  # gaps between two runs of one site
    site, length = runs.site[1:][inner], (runs.start[1:] - runs.stop[:-1])[inner]
    n_gaps = np.bincount(site, minlength=n_sites)
    n_single = np.bincount(site, weights=length == 1, minlength=n_sites)
    n_present = np.maximum(present.sum(axis=1) - 1, 1)
    opening, single = n_gaps / n_present, n_single / np.maximum(n_gaps, 1)
    noise = np.sqrt(
        opening * (1 - opening) / n_present + single * (1 - single) / np.maximum(n_gaps, 1)
    )
    like_dealt = np.abs(opening + single - 1) < 0.04 + 2 * noise
    return (n_gaps >= 8) & (opening > share) & (opening < 0.96) & like_dealt
