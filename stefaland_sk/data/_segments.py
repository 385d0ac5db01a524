"""Unbroken runs of steps."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segments:
    """Unbroken runs of steps: run i covers steps ``start[i]:stop[i]`` of site ``site[i]``."""

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


def dealt_at_random(present, *, share=0.1):
    """Find sites whose record has holes as a row-wise splitter deals them.

    A measured record has few, long gaps. A splitter that deals rows leaves many
    isolated ones: a site counts when more than `share` of the steps between its first
    and last are absent and the mean gap is shorter than three steps.

    Parameters
    ----------
    present : ndarray of bool of shape (n_sites, n_times)
        Which steps each site has.
    share : float, default=0.1
        Share of absent steps above which a site counts.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True where the holes look dealt.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> dealt_at_random(np.stack([rng.random(200) < 0.7, np.arange(200) > 60])).tolist()
    [True, False]
    """
    runs = find_segments(present)
    n_runs = np.bincount(runs.site, minlength=len(present))
    first, last = np.full(len(present), present.shape[1]), np.zeros(len(present), dtype=int)
    np.minimum.at(first, runs.site, runs.start)
    np.maximum.at(last, runs.site, runs.stop)
    span = np.maximum(last - first, 1)
    n_absent = span - present.sum(axis=1)
    n_gaps = n_runs - 1
    return (n_gaps >= 3) & (n_absent > share * span) & (n_absent < 3 * n_gaps)
