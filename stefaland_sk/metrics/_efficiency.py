"""Correlations and efficiencies: skill without a unit, 1 for a perfect prediction."""

from dataclasses import replace

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option

from ._pairs import ratio, read_pairs


def pearson_r(y_true, y_pred):
    """Compute Pearson's linear correlation between observation and prediction.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions, finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Correlation [-] between -1 and 1. NaN with fewer than two observations, and where
        the observations or the predictions are constant.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    spearman_r : Correlation of the ranks.

    Notes
    -----
    At every site ``nse <= pearson_r ** 2``, and with it the median NSE over sites is at most
    the square of the median correlation if no correlation is negative. A table that breaks
    this has mixed sites, periods or means with medians.

    Examples
    --------
    >>> pearson_r([1.0, 2.0, 3.0], [20.0, 40.0, 60.0])
    1.0
    """
    pairs = read_pairs(y_true, y_pred)
    return pairs.result(_correlation(pairs))


def spearman_r(y_true, y_pred):
    """Compute Spearman's rank correlation between observation and prediction.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions, finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Correlation [-] of the ranks, of which equal values share the mean. NaN with fewer
        than two observations, and where observations or predictions are constant.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    pearson_r : Linear correlation.

    Examples
    --------
    >>> spearman_r([1.0, 2.0, 3.0], [1.0, 10.0, 1000.0])
    1.0
    """
    pairs = read_pairs(y_true, y_pred)
    observed, predicted = (
        # pandas ranks one column after the other, so sites go into its columns.
        np.nan_to_num(pd.DataFrame(np.where(pairs.valid, values, np.nan).T).rank().to_numpy().T)
        for values in (pairs.observed, pairs.predicted)
    )
    return pairs.result(_correlation(replace(pairs, observed=observed, predicted=predicted)))


def nse(y_true, y_pred):
    r"""Compute the Nash-Sutcliffe efficiency [1]_, the coefficient of determination of a site.

    .. math:: \mathrm{NSE} = 1 - \frac{\sum (p - o)^2}{\sum (o - \bar o)^2}

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions, finite on every observed day.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Efficiency [-]: 1 for a perfect prediction, 0 for one as good as the mean of the
        observations, unbounded below. NaN where the observations are constant.

    Raises
    ------
    ValueError
        If shapes or labels differ, or a prediction is missing on an observed day.

    See Also
    --------
    log_nse : The same on logarithms, which low flows weigh more in.
    kge : Correlation, variability and bias in one number.

    References
    ----------
    .. [1] Nash, J. E. and Sutcliffe, J. V. (1970). River flow forecasting through conceptual
       models part I: a discussion of principles. Journal of Hydrology, 10, 282-290.
       doi:10.1016/0022-1694(70)90255-6

    Examples
    --------
    >>> nse([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), nse([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    (1.0, 0.0)
    """
    pairs = read_pairs(y_true, y_pred)
    return pairs.result(_efficiency(pairs))


def log_nse(y_true, y_pred, *, epsilon=None):
    r"""Compute the Nash-Sutcliffe efficiency of logarithms, for low flows.

    The efficiency of :math:`\ln(p + \varepsilon)` with respect to :math:`\ln(o + \varepsilon)`.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations, not negative; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions, finite on every observed day. Negative ones are taken as zero.
    epsilon : float, default=None
        What is added before the logarithm [target unit], above 0. None takes one hundredth
        of the site's mean observation, as [1]_ advises.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Efficiency [-], 1 for a perfect prediction. NaN where the observations are constant.

    Raises
    ------
    ValueError
        If an observation is negative, shapes or labels differ, or a prediction is missing on
        an observed day.

    See Also
    --------
    nse : The same without logarithms.

    References
    ----------
    .. [1] Pushpalatha, R., Perrin, C., Le Moine, N. and Andreassian, V. (2012). A review of
       efficiency criteria suitable for evaluating low-flow simulations. Journal of
       Hydrology, 420-421, 171-182. doi:10.1016/j.jhydrol.2011.11.055

    Examples
    --------
    >>> log_nse([0.0, 1.0, 10.0], [0.0, 1.0, 10.0])
    1.0
    """
    check_number("epsilon", epsilon, low=0, open_low=True, none=True)
    pairs = read_pairs(y_true, y_pred)
    negative = pairs.observed < 0
    if negative.any():
        row, column = np.argwhere(negative)[0]
        raise ValueError(
            f"log_nse is for targets that are not negative; `y_true` is below zero on "
            f"{int(negative.sum())} days, first {pairs.observed[row, column]:.4g} at row {row}, "
            f"column {column}. Turn fill values such as -999 into NaN, or use nse."
        )
    small = (
        pairs.mean(pairs.observed) / 100 if epsilon is None else np.full(len(pairs.count), epsilon)
    )
    # Where all observations are zero (or none is there) the result is NaN whatever is added.
    small = np.where(small > 0, small, 1.0)[:, None]
    return pairs.result(
        _efficiency(
            replace(
                pairs,
                observed=np.log(pairs.observed + small),
                predicted=np.log(np.maximum(pairs.predicted, 0.0) + small),
            )
        )
    )


def kge(y_true, y_pred, *, variant="2009"):
    r"""Compute the Kling-Gupta efficiency.

    .. math:: \mathrm{KGE} = 1 - \sqrt{(r - 1)^2 + (\gamma - 1)^2 + (\mu_p / \mu_o - 1)^2}

    with the correlation :math:`r`, the means :math:`\mu` and the variability ratio
    :math:`\gamma`: of the standard deviations, :math:`\sigma_p / \sigma_o`, in [1]_, and of
    the coefficients of variation, :math:`(\sigma_p / \mu_p) / (\sigma_o / \mu_o)`, in [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_times,) or (n_sites, n_times)
        Observations; NaN where not observed.
    y_pred : array-like of the same shape
        Predictions, finite on every observed day.
    variant : {"2009", "2012"}, default="2009"
        Which variability ratio to use. "2012" keeps bias and variability apart.

    Returns
    -------
    float or ndarray of shape (n_sites,)
        Efficiency [-], 1 for a perfect prediction. NaN where the observations or the
        predictions are constant, for the correlation is undefined there, or a mean that is
        divided by is zero.

    Raises
    ------
    ValueError
        If `variant` is unknown, shapes or labels differ, or a prediction is missing on an
        observed day.

    See Also
    --------
    nse : The other usual efficiency.

    Notes
    -----
    Zero is no benchmark: predicting the mean of the observations corresponds to about
    -0.41 if its correlation is taken as zero [3]_. Of little meaning for targets whose
    mean is near zero.

    References
    ----------
    .. [1] Gupta, H. V., Kling, H., Yilmaz, K. K. and Martinez, G. F. (2009). Decomposition of
       the mean squared error and NSE performance criteria. Journal of Hydrology, 377,
       80-91. doi:10.1016/j.jhydrol.2009.08.003
    .. [2] Kling, H., Fuchs, M. and Paulin, M. (2012). Runoff conditions in the upper Danube
       basin under an ensemble of climate change scenarios. Journal of Hydrology, 424-425,
       264-277. doi:10.1016/j.jhydrol.2012.01.011
    .. [3] Knoben, W. J. M., Freer, J. E. and Woods, R. A. (2019). Inherent benchmark or not?
       Comparing Nash-Sutcliffe and Kling-Gupta efficiency scores. Hydrol. Earth Syst. Sci.,
       23, 4323-4331. doi:10.5194/hess-23-4323-2019

    Examples
    --------
    >>> kge([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    >>> kge([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], variant="2012")
    0.0
    """
    check_option("variant", variant, ["2009", "2012"])
    pairs = read_pairs(y_true, y_pred)
    observed, predicted = pairs.anomalies()
    bias_ratio = ratio(pairs.mean(pairs.predicted), pairs.mean(pairs.observed))
    spread_ratio = np.sqrt(ratio(pairs.mean(predicted**2), pairs.mean(observed**2)))
    if variant == "2012":
        spread_ratio = ratio(spread_ratio, bias_ratio)
    distance = (_correlation(pairs) - 1) ** 2 + (spread_ratio - 1) ** 2 + (bias_ratio - 1) ** 2
    return pairs.result(1 - np.sqrt(distance))


def _correlation(pairs):
    """Correlate the two series of each site; NaN where one is constant."""
    observed, predicted = pairs.anomalies()
    power = np.sqrt((observed**2).sum(axis=1) * (predicted**2).sum(axis=1))
    r = np.clip(ratio((observed * predicted).sum(axis=1), power), -1.0, 1.0)
    # The anomalies of a constant series are rounding errors, not always zeros.
    return np.where(
        pairs.is_constant(pairs.observed) | pairs.is_constant(pairs.predicted), np.nan, r
    )


def _efficiency(pairs):
    """Compare the squared errors of each site with the variance of its observations."""
    observed, _ = pairs.anomalies()
    error = np.where(pairs.valid, pairs.predicted - pairs.observed, 0.0)
    skill = 1 - ratio((error**2).sum(axis=1), (observed**2).sum(axis=1))
    return np.where(pairs.is_constant(pairs.observed), np.nan, skill)
