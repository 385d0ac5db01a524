"""One vector per site from the features of its days."""

import numpy as np

from stefaland_sk._core import check_option


def pool_days(days, site, how):
    """Reduce the features of the days to one vector per site.

    Parameters
    ----------
    days : ndarray of shape (n_sites, n_times, d_model), or None
        Features of the days, NaN where a site has no forcing.
    site : ndarray of shape (n_sites, d_model)
        Features of the static token. They stand in for a site without any day.
    how : {"static", "mean", "last", "attention"}
        "static" the static token, "mean" the mean of the days, "last" the last day that
        has features, "attention" the mean of the days with weights that follow from
        how much each resembles the static token.

    Returns
    -------
    ndarray of float32 of shape (n_sites, d_model)
        The pooled features. What a site gets does not depend on the others.

    Notes
    -----
    The weights of "attention" are the softmax over days of ``days @ site / sqrt(d_model)``,
    the scaled dot product [1]_ with the static token as query and the days as keys and
    values; nothing is learned.

    References
    ----------
    .. [1] Vaswani, A. et al. (2017). Attention is all you need.
       arXiv:1706.03762.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array([[[1.0, 0.0], [3.0, 0.0], [np.nan, np.nan]]])
    >>> site = np.zeros((1, 2))
    >>> pool_days(days, site, "mean").tolist(), pool_days(days, site, "last").tolist()
    ([[2.0, 0.0]], [[3.0, 0.0]])
    """
    check_option("how", how, ["static", *_POOLS])
    pooled = np.array(site, dtype=np.float32)
    if days is None or how == "static":
        return pooled
    for i, (record, token) in enumerate(zip(days, pooled, strict=True)):
        seen = record[np.isfinite(record[:, 0])].astype(np.float32, copy=False)
        if len(seen):
            pooled[i] = _POOLS[how](seen, token)
    return pooled


def _mean(days, token):
    """Mean of the days; float64 sums, since records have thousands of them."""
    return days.mean(axis=0, dtype=np.float64)


def _last(days, token):
    """Last of the days."""
    return days[-1]


def _attention(days, token):
    """Mean of the days, weighted by their resemblance to the static token."""
    scores = (days @ token).astype(np.float64) / np.sqrt(len(token))
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum()) @ days


_POOLS = {"mean": _mean, "last": _last, "attention": _attention}
