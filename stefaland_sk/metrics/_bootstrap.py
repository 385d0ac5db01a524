"""How sure a median over sites is."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from stefaland_sk._core import check_number


class MedianInterval(NamedTuple):
    """A median over sites and its interval.

    Parameters
    ----------
    median : float
        Median of the scores.
    low, high : float
        Ends of the interval.

    See Also
    --------
    bootstrap_median : Makes one.

    Examples
    --------
    >>> MedianInterval(0.7, 0.65, 0.73).low
    0.65
    """

    median: float
    low: float
    high: float


def bootstrap_median(scores, n_resamples=1000, confidence=0.9, random_state=0):
    """Estimate the median over sites and a percentile bootstrap interval [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_sites,) or DataFrame
        One value per site; NaN is left out. For a table such as `site_scores` gives, each
        column but ``n_obs`` is taken on its own.
    n_resamples : int, default=1000
        How many times sites are drawn with replacement, at least 1.
    confidence : float, default=0.9
        Share of the resampled medians inside the interval, above 0 and below 1.
    random_state : int, RandomState or None, default=0
        Seed of the draws.

    Returns
    -------
    MedianInterval or DataFrame
        The named tuple ``(median, low, high)``; for a table one row per metric with these
        columns and ``n_sites``. All NaN if no site has a value.

    Raises
    ------
    ValueError
        If a parameter is out of range or `scores` has more than one dimension without being
        a DataFrame.

    See Also
    --------
    site_scores : Makes the table.

    Notes
    -----
    Sites are drawn as if they were independent. Neighbours are not, so the interval is too
    narrow where sites lie close together; and it says nothing of the spread over seeds or
    folds.

    References
    ----------
    .. [1] Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman
       and Hall, New York.

    Examples
    --------
    >>> import numpy as np
    >>> median, low, high = bootstrap_median(np.linspace(0.0, 1.0, 101))
    >>> low < median < high, median
    (True, 0.5)
    """
    check_number("n_resamples", n_resamples, low=1, integer=True)
    check_number("confidence", confidence, low=0, high=1, open_low=True)
    if confidence == 1:
        raise ValueError("`confidence` must be below 1: no interval is certain.")
    if isinstance(scores, pd.DataFrame):
        # Each metric starts from the same seed, so that a column does not depend on the others.
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        rows = {
            name: (
                *bootstrap_median(scores[name], n_resamples, confidence, seed),
                int(np.isfinite(scores[name]).sum()),
            )
            for name in scores.columns
            if name != "n_obs"
        }
        columns = ["median", "low", "high", "n_sites"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("metric")
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1:
        raise ValueError(
            f"`scores` must hold one value per site; got {values.ndim} dimensions. Pass a "
            "DataFrame for several metrics."
        )
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return MedianInterval(np.nan, np.nan, np.nan)
    random = check_random_state(random_state)
    # In parts, for a thousand draws of ten thousand sites would fill the memory.
    size = max(1, 2_000_000 // len(values))
    medians = [
        np.median(
            values[random.randint(len(values), size=(min(size, n_resamples - i), len(values)))],
            axis=1,
        )
        for i in range(0, n_resamples, size)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(medians), [tail, 1 - tail])
    return MedianInterval(float(np.median(values)), float(low), float(high))
