"""Errors in the unit of the target: how far off, and in which direction."""

import numpy as np

from ._pairs import ratio, read_pairs


def rmse(y_true, y_pred):
    r"""Compute the root mean squared error.

    .. math:: \mathrm{RMSE} = \sqrt{\overline{(p - o)^2}}

    with observations :math:`o` and predictions :math:`p` of one site, averaged over its
    observed days.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations [target unit]; NaN where not observed. An ndarray, a Series, a
        DataFrame (one row per site) or a DataArray (dimensions site and time).
    y_pred : array-like of the same shape
        Predictions [target unit], finite on every observed day. Two DataFrames are
        matched by their labels, everything else by position.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Error [target unit], 0 for a perfect prediction; NaN for a site without observation.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    ubrmse : The part of it that does not come from the bias.
    site_scores : Several metrics at once, as a table with one row per site.

    Examples
    --------
    >>> import numpy as np
    >>> rmse([1.0, 2.0, np.nan, 4.0], [1.0, 2.0, 3.0, 7.0])
    1.7320508075688772
    >>> rmse(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 2.0], [4.0, 6.0]]))
    array([0., 1.])
    """
    pairs = read_pairs(y_true, y_pred)
    return pairs.result(np.sqrt(pairs.mean((pairs.predicted - pairs.observed) ** 2)))


def ubrmse(y_true, y_pred):
    r"""Compute the unbiased root mean squared error [1]_.

    .. math:: \mathrm{ubRMSE} = \sqrt{\overline{((p - \bar p) - (o - \bar o))^2}}

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations [target unit]; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions [target unit], finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Error [target unit], 0 for a prediction that is right up to a constant.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    rmse : Bias included.

    Notes
    -----
    Both means are taken over the observed days, so that
    ``rmse ** 2 == ubrmse ** 2 + bias ** 2`` at every site, and ``ubrmse <= rmse``. Code that
    averages the prediction over all days, observed or not, breaks both where a record has
    gaps; published values may stem from it.

    References
    ----------
    .. [1] Entekhabi, D., Reichle, R. H., Koster, R. D. and Crow, W. T. (2010). Performance
       metrics for soil moisture retrievals and application requirements. Journal of
       Hydrometeorology, 11, 832-840. doi:10.1175/2010JHM1223.1

    Examples
    --------
    >>> ubrmse([1.0, 2.0, 3.0], [11.0, 12.0, 13.0])
    0.0
    """
    pairs = read_pairs(y_true, y_pred)
    observed, predicted = pairs.anomalies()
    return pairs.result(np.sqrt(pairs.mean((predicted - observed) ** 2)))


def mae(y_true, y_pred):
    r"""Compute the mean absolute error, :math:`\overline{|p - o|}`.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations [target unit]; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions [target unit], finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Error [target unit], 0 for a perfect prediction.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    rmse : The same with squares, which large errors weigh more in.

    Examples
    --------
    >>> mae([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 7.0])
    0.75
    """
    pairs = read_pairs(y_true, y_pred)
    return pairs.result(pairs.mean(np.abs(pairs.predicted - pairs.observed)))


def bias(y_true, y_pred):
    r"""Compute the mean error, :math:`\overline{p - o}`; positive for too much.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations [target unit]; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions [target unit], finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Mean error [target unit]; 0 is best, either sign is worse.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    pbias : The same, in percent of the observed sum.

    Examples
    --------
    >>> bias([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    1.0
    """
    pairs = read_pairs(y_true, y_pred)
    return pairs.result(pairs.mean(pairs.predicted - pairs.observed))


def pbias(y_true, y_pred):
    r"""Compute the percent bias, :math:`100 \sum (p - o) / \sum o` [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations [target unit]; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions [target unit], finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Bias [%]; 0 is best, either sign is worse. NaN where the observations sum to zero.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    bias : The same in the unit of the target.
    fhv : The same for high flows only.

    Notes
    -----
    Positive means that the model gives too much, as in [1]_. Part of the literature uses
    the opposite sign. Of little meaning for targets that change sign, such as temperature.

    References
    ----------
    .. [1] Yilmaz, K. K., Gupta, H. V. and Wagener, T. (2008). A process-based diagnostic
       approach to model evaluation: application to the NWS distributed hydrologic model.
       Water Resources Research, 44, W09417. doi:10.1029/2007WR006716

    Examples
    --------
    >>> pbias([1.0, 2.0, 1.0], [2.0, 2.0, 1.0])
    25.0
    """
    pairs = read_pairs(y_true, y_pred)
    error = (pairs.predicted - pairs.observed).sum(axis=1)
    return pairs.result(100.0 * ratio(error, pairs.observed.sum(axis=1)))
