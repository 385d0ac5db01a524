"""How a long record is read: overlapping windows, grouped into lots of a bounded size."""

import numpy as np

# Steps that a network reads at once: what bounds its memory.
STEPS_AT_ONCE = 64 * 365


def cut_windows(segments, window, patch=1, *, overlap=True):
    """Cut unbroken runs into windows.

    Windows move on by half their length, or a little less, so that they start a whole
    number of patches after the run does. The last one is the last that starts so and
    reaches the end of the run. Each step is new in one window only, the first to hold it, which
    (but for the first of a run) holds at least half a window before it.

    Parameters
    ----------
    segments : Segments
        Unbroken runs of steps.
    window : int
        Steps of the longest window.
    patch : int, default=1
        Steps per token.
    overlap : bool, default=True
        False lays one window behind the other; only the last of a run may overlap the one before.

    Returns
    -------
    ndarray of int of shape (n_windows, 4)
        Site, first step, number of steps, first step that is new.

    Examples
    --------
    >>> import numpy as np
    >>> from stefaland_sk.data import find_segments
    >>> cut_windows(find_segments(np.ones((1, 9), dtype=bool)), 4).tolist()
    [[0, 0, 4, 0], [0, 2, 4, 4], [0, 4, 4, 6], [0, 5, 4, 8]]
    """
    rows = []
    patch = min(patch, max(window, 1))
    stride = max((window // 2 if overlap else window) // patch, 1) * patch
    for site, begin, end in zip(segments.site, segments.start, segments.stop, strict=True):
        last = begin + -(-max(end - begin - window, 0) // patch) * patch
        fresh = begin
        for start in (*range(begin, last, stride), last):
            length = min(window, end - start)
            rows.append((site, start, length, fresh))
            fresh = start + length
    return np.array(rows, dtype=np.intp).reshape(-1, 4)


def make_lots(windows, alone):
    """Group windows of one length into lots that a network reads at once.

    Parameters
    ----------
    windows : ndarray of int of shape (n_windows, 4)
        Made by `cut_windows`.
    alone : bool
        Whether a lot holds windows of one site only. The order in which a processor adds
        depends on the size of a lot: alone, what a site gets is the same to the bit,
        whatever other sites there are.

    Yields
    ------
    ndarray of int of shape (n, 4)
        Windows of a lot.
    """
    site, length = windows[:, 0], windows[:, 2]
    order = np.lexsort((length, site)) if alone else np.argsort(length, kind="stable")
    windows, site, length = windows[order], site[order], length[order]
    new = np.diff(length) != 0
    if alone:
        new |= np.diff(site) != 0
    for part in np.split(windows, np.flatnonzero(new) + 1):
        if len(part):
            at_once = max(STEPS_AT_ONCE // max(int(part[0, 2]), 1), 1)
            yield from np.array_split(part, -(-len(part) // at_once))
