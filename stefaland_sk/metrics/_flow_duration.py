"""Signatures of the flow-duration curve: how well high, middle and low flows are met.

Observations and predictions are sorted each on its own, so these numbers say whether the
right flows occur, not whether they occur on the right days.
"""

import numpy as np

from stefaland_sk._core import check_number, check_option

from ._pairs import ratio, read_pairs


def fhv(y_true, y_pred, *, percent=2.0):
    r"""Compute the bias of the high-flow volume: %BiasFHV of [1]_.

    .. math:: 100 \; \frac{\sum_{h=1}^{H} (p_{(h)} - o_{(h)})}{\sum_{h=1}^{H} o_{(h)}}

    with both series sorted from high to low and :math:`H` the number of days in the upper
    `percent` of the observed days, at least one.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observed flow; NaN where not observed.
    y_pred : array-like of the same shape
        Predicted flow, finite on every observed day.
    percent : float, default=2.0
        Share of the days that count as high flow [%], above 0 and up to 100.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Bias [%]; 0 is best, negative means that peaks are too low. NaN where the observed
        high flows sum to zero.

    Raises
    ------
    ValueError
        If `percent` is out of range, shapes or labels differ, or a prediction is missing on
        an observed day.

    See Also
    --------
    flv : The same for low flows.
    pbias : The same for all flows.

    Notes
    -----
    The StefaLand paper's definition is the same, but for a difference of one day where the
    number of days does not divide evenly (it rounds the number of the other days).

    References
    ----------
    .. [1] Yilmaz, K. K., Gupta, H. V. and Wagener, T. (2008). A process-based diagnostic
       approach to model evaluation: application to the NWS distributed hydrologic model.
       Water Resources Research, 44, W09417. doi:10.1029/2007WR006716

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.arange(1.0, 101.0)
    >>> round(fhv(flow, 0.9 * flow), 6)
    -10.0
    """
    _check_percent("percent", percent)
    pairs = read_pairs(y_true, y_pred)
    is_high = _first_ranks(pairs, percent)
    observed, predicted = (np.where(is_high, s, 0.0).sum(axis=1) for s in pairs.descending())
    return pairs.result(100.0 * ratio(predicted - observed, _or_nan(observed, pairs)))


def flv(y_true, y_pred, *, percent=30.0, space="log", min_flow=1e-6):
    r"""Compute the bias of the low-flow volume: %BiasFLV of [1]_.

    .. math:: -100 \; \frac{\sum_{l=1}^{L} (\ln p_{(l)} - \ln p_{(L)})
        - \sum_{l=1}^{L} (\ln o_{(l)} - \ln o_{(L)})}{\sum_{l=1}^{L} (\ln o_{(l)} - \ln o_{(L)})}

    over the :math:`L` lowest values of each series, in falling order, so that the index
    :math:`L` is the smallest.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observed flow; NaN where not observed.
    y_pred : array-like of the same shape
        Predicted flow, finite on every observed day.
    percent : float, default=30.0
        Share of the days that count as low flow [%], above 0 and up to 100; at least one day.
    space : {"log", "linear"}, default="log"
        "log" is the definition above. "linear" is the plain volume error of the low flows,
        ``100 * sum(p - o) / sum(o)``, which the StefaLand paper calls FLV.
    min_flow : float, default=1e-6
        With "log", smaller flows, zero and negative ones included, are raised to this value
        [target unit], for they have no finite logarithm.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Bias [%]; 0 is best. NaN where the divisor is zero: with "log" if all low flows are
        equal, with "linear" if they sum to zero.

    Raises
    ------
    ValueError
        If a parameter is out of range, shapes or labels differ, or a prediction is missing
        on an observed day.

    See Also
    --------
    log_nse : Low flows day by day.

    Notes
    -----
    With "log" the value measures how far the low flows rise above the smallest one, and it
    hangs on that smallest one: a single predicted zero decides it. With "linear" the paper's
    code adds 1e-4 to the divisor, which this function does not.

    References
    ----------
    .. [1] Yilmaz, K. K., Gupta, H. V. and Wagener, T. (2008). A process-based diagnostic
       approach to model evaluation: application to the NWS distributed hydrologic model.
       Water Resources Research, 44, W09417. doi:10.1029/2007WR006716

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.arange(1.0, 101.0)
    >>> round(flv(flow, 2 * flow, space="linear"), 6)
    100.0
    >>> round(flv(flow, flow**2), 6)  # rises twice as far above its smallest value
    -100.0
    """
    _check_percent("percent", percent)
    check_option("space", space, ["log", "linear"])
    check_number("min_flow", min_flow, low=0, open_low=True)
    pairs = read_pairs(y_true, y_pred)
    is_low = _first_ranks(pairs, percent)
    volumes = []
    for values in (pairs.observed, pairs.predicted):
        rising = np.sort(np.where(pairs.valid, values, np.nan), axis=1)
        if space == "log":
            rising = np.log(np.maximum(rising, min_flow))
            rising = rising - rising[:, :1]
        volumes.append(np.where(is_low, rising, 0.0).sum(axis=1))
    observed, predicted = volumes
    sign = -100.0 if space == "log" else 100.0
    return pairs.result(sign * ratio(predicted - observed, _or_nan(observed, pairs)))


def fms(y_true, y_pred, *, low=20.0, high=70.0, min_flow=1e-6):
    r"""Compute the bias of the slope of the middle of the flow-duration curve: %BiasFMS of [1]_.

    .. math:: 100 \; \frac{(\ln p_{a} - \ln p_{b}) - (\ln o_{a} - \ln o_{b})}{\ln o_{a} - \ln o_{b}}

    with the flows :math:`a` and :math:`b` that are exceeded on `low` and `high` percent of
    the observed days.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observed flow; NaN where not observed.
    y_pred : array-like of the same shape
        Predicted flow, finite on every observed day.
    low, high : float, default=20.0, 70.0
        Ends of the middle segment, as exceedance probabilities [%], between 0 and 100.
    min_flow : float, default=1e-6
        Smaller flows, zero and negative ones included, are raised to this value [target unit].

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Bias [%]; 0 is best, negative means that the predicted curve is too flat. NaN where
        the observed curve is level.

    Raises
    ------
    ValueError
        If a parameter is out of range or `low` is not below `high`, shapes or labels differ,
        or a prediction is missing on an observed day.

    See Also
    --------
    fdc_rmse : Error of the whole curve.

    Notes
    -----
    The StefaLand paper has no slope; its "mid" is the volume error between low and high flows.

    References
    ----------
    .. [1] Yilmaz, K. K., Gupta, H. V. and Wagener, T. (2008). A process-based diagnostic
       approach to model evaluation: application to the NWS distributed hydrologic model.
       Water Resources Research, 44, W09417. doi:10.1029/2007WR006716

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.arange(1.0, 101.0)
    >>> round(fms(flow, flow**2), 6)
    100.0
    """
    check_number("low", low, low=0, high=100)
    check_number("high", high, low=0, high=100)
    if low >= high:
        raise ValueError(f"`low` must be below `high`; got low={low} and high={high}.")
    check_number("min_flow", min_flow, low=0, open_low=True)
    pairs = read_pairs(y_true, y_pred)
    slopes = []
    for falling in pairs.descending():
        upper, lower = (_at_share(falling, pairs, share / 100) for share in (low, high))
        slopes.append(np.log(np.maximum(upper, min_flow)) - np.log(np.maximum(lower, min_flow)))
    observed, predicted = slopes
    return pairs.result(100.0 * ratio(predicted - observed, observed))


def fdc_rmse(y_true, y_pred, *, n_points=100):
    r"""Compute the root mean squared error between two flow-duration curves.

    Both curves are read at `n_points` exceedance probabilities, :math:`j / n` for
    :math:`j = 0, 1, \dots, n - 1`.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observed flow; NaN where not observed.
    y_pred : array-like of the same shape
        Predicted flow, finite on every observed day.
    n_points : int, default=100
        Number of points to read the curves at, at least 1.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Error [target unit], 0 where the two curves agree.

    Raises
    ------
    ValueError
        If `n_points` is below 1, shapes or labels differ, or a prediction is missing on an
        observed day.

    See Also
    --------
    fhv : High flows only.
    flv : Low flows only.

    Notes
    -----
    The StefaLand paper's code takes the predicted curve from all days, observed or not. Here
    both curves are of the observed days, so that a gap in the record is no error of the model.

    Examples
    --------
    >>> fdc_rmse([1.0, 2.0, 3.0], [4.0, 3.0, 2.0])
    1.0
    """
    check_number("n_points", n_points, low=1, integer=True)
    pairs = read_pairs(y_true, y_pred)
    shares = np.arange(n_points) / n_points
    observed, predicted = (
        np.take_along_axis(
            falling, np.floor(shares * _days(pairs)[:, None] + 1e-9).astype(int), axis=1
        )
        for falling in (_padded(s) for s in pairs.descending())
    )
    return pairs.result(np.sqrt(((predicted - observed) ** 2).mean(axis=1)))


def _check_percent(name, value):
    """Raise unless a share of days is above 0 and up to 100 percent."""
    check_number(name, value, low=0, high=100, open_low=True)


def _days(pairs):
    """Count the observed days; 0 where there are none."""
    return np.nan_to_num(pairs.count)


def _padded(values):
    """Give sorted values a column to read from even where a record has no step at all."""
    return values if values.shape[1] else np.full((len(values), 1), np.nan)


def _first_ranks(pairs, percent):
    """Mark the first `percent` of the observed days of sorted series, at least one."""
    n_first = np.maximum(np.round(percent / 100 * _days(pairs)), 1)
    n_first = np.minimum(n_first, _days(pairs))
    return np.arange(pairs.valid.shape[1]) < n_first[:, None]


def _at_share(falling, pairs, share):
    """Read the value that is exceeded on a share of the days."""
    falling, last = _padded(falling), np.maximum(_days(pairs) - 1, 0)
    position = np.minimum(np.round(share * _days(pairs)), last).astype(int)
    return np.take_along_axis(falling, position[:, None], axis=1)[:, 0]


def _or_nan(values, pairs):
    """Turn the sums of sites without observation, which are zeros, into NaN."""
    return np.where(_days(pairs) > 0, values, np.nan)
