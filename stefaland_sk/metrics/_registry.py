"""What is known about each metric: its best value, its unit, which direction is better."""

from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from stefaland_sk._core import check_option

from . import _efficiency, _error, _flow_duration


@dataclass(frozen=True)
class Metric:
    """A metric with what scorers, tables and messages need to know about it.

    Make one to score with a function of your own.

    Parameters
    ----------
    name : str
        Short name, a column of tables.
    function : callable
        ``function(y_true, y_pred)`` that takes arrays of shape (n_sites, n_times), NaN in
        `y_true` where not observed, and gives one value per site.
    greater_is_better : bool or None
        None for a metric whose best value lies in the middle, such as a bias: both
        directions are worse.
    optimum : float
        Value of a perfect prediction.
    unit : {"-", "target", "%"}
        None at all, the unit of the target, or percent.
    title : str, default=""
        The name in words, for axes and tables.

    See Also
    --------
    get_metric : Looks up one that is there.

    Examples
    --------
    >>> import numpy as np
    >>> def largest_miss(y_true, y_pred):
    ...     return np.nanmax(np.abs(y_true - y_pred), axis=1)
    >>> metric = Metric("largest_miss", largest_miss, False, 0.0, "target")
    >>> metric.scorer_name
    'neg_largest_miss'
    """

    name: str
    function: callable = field(repr=False, compare=False)
    greater_is_better: bool | None
    optimum: float
    unit: str
    title: str = ""

    def __call__(self, y_true, y_pred):
        """Compute the metric; see its function."""
        return self.function(y_true, y_pred)

    @property
    def scorer_name(self):
        """Name of the score that grows as the model gets better, as scikit-learn wants it."""
        if self.greater_is_better is None:
            return f"neg_abs_{self.name}"
        return self.name if self.greater_is_better else f"neg_{self.name}"

    @property
    def formula(self):
        """How the score is made from the metric, with ``{}`` where the value of sites goes."""
        if self.greater_is_better is None:
            return f"-{{}}(abs({self.name}))"
        return f"{'' if self.greater_is_better else '-'}{{}}({self.name})"

    def to_score(self, values):
        """Turn values of the metric into scores, of which the greater is the better.

        Parameters
        ----------
        values : ndarray of shape (n_sites,)
            Values of the metric.

        Returns
        -------
        ndarray of shape (n_sites,)
            The values, negated for errors, negated and without sign for biases.
        """
        if self.greater_is_better is None:
            return -np.abs(values)
        return values if self.greater_is_better else -values


_kge_2012 = partial(_efficiency.kge, variant="2012")

METRICS = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("nse", _efficiency.nse, True, 1.0, "-", "Nash-Sutcliffe efficiency"),
            Metric("log_nse", _efficiency.log_nse, True, 1.0, "-", "NSE of logarithms"),
            Metric("kge", _efficiency.kge, True, 1.0, "-", "Kling-Gupta efficiency"),
            Metric("kge_2012", _kge_2012, True, 1.0, "-", "Kling-Gupta efficiency (2012)"),
            Metric("pearson_r", _efficiency.pearson_r, True, 1.0, "-", "Pearson correlation"),
            Metric("spearman_r", _efficiency.spearman_r, True, 1.0, "-", "Spearman correlation"),
            Metric("rmse", _error.rmse, False, 0.0, "target", "Root mean squared error"),
            Metric("ubrmse", _error.ubrmse, False, 0.0, "target", "Unbiased RMSE"),
            Metric("mae", _error.mae, False, 0.0, "target", "Mean absolute error"),
            Metric("bias", _error.bias, None, 0.0, "target", "Mean error"),
            Metric("pbias", _error.pbias, None, 0.0, "%", "Percent bias"),
            Metric("fhv", _flow_duration.fhv, None, 0.0, "%", "Bias of high flows"),
            Metric("flv", _flow_duration.flv, None, 0.0, "%", "Bias of low flows"),
            Metric("fms", _flow_duration.fms, None, 0.0, "%", "Bias of the mid slope"),
            Metric("fdc_rmse", _flow_duration.fdc_rmse, False, 0.0, "target", "RMSE of the FDC"),
        )
    }
)


def get_metric(name):
    """Look up a metric by its name.

    Parameters
    ----------
    name : str or Metric
        A key of `METRICS`, the name of its score ("neg_rmse" for "rmse"), or a `Metric`,
        which is given back as it is.

    Returns
    -------
    Metric
        The metric.

    Raises
    ------
    ValueError
        If there is no such metric.
    TypeError
        If `name` is something else, such as a bare function.

    See Also
    --------
    Metric : Makes one of a function of your own.

    Examples
    --------
    >>> get_metric("rmse").optimum, get_metric("rmse").greater_is_better
    (0.0, False)
    """
    if isinstance(name, Metric):
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"A metric is given by its name or as a Metric; got {name!r}. Wrap a function of "
            "your own: Metric(name, function, greater_is_better, optimum, unit)."
        )
    if name in METRICS:
        return METRICS[name]
    for metric in METRICS.values():
        if name == metric.scorer_name:
            return metric
    return METRICS[check_option("metric", name, list(METRICS))]
