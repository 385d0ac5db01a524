"""Losses that skip what was not observed.

Each has the signature ``loss(y_pred, y_true, target_std=None)``. Where the
target is NaN, neither the value nor the gradient sees anything; a batch
without any target has the loss 0 and the gradient 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option


def _observed(y_pred, y_true):
    """Return predictions and targets with 0 where unobserved, the mask and the count."""
    if y_pred.shape != y_true.shape:
        raise ValueError(
            f"`y_pred` and `y_true` must have one shape; got {tuple(y_pred.shape)} and "
            f"{tuple(y_true.shape)}."
        )
    missing = torch.isnan(y_true)
    observed = ~missing
    count = observed.sum().clamp(min=1)
    return y_pred.masked_fill(missing, 0.0), y_true.masked_fill(missing, 0.0), observed, count


def _site_spread(y_true, target_std, eps):
    """Return the spread of each site's target plus `eps`, to be broadcast over its days."""
    if target_std is None or target_std.shape not in (y_true.shape[:1], (*y_true.shape[:1], 1)):
        raise ValueError(
            f"`target_std` must have shape ({len(y_true)},), one value per site; "
            f"got {None if target_std is None else tuple(target_std.shape)}."
        )
    return target_std.reshape(-1, *[1] * (y_true.ndim - 1)) + eps


def _root(values):
    """Return the square root, with the gradient 0 at 0, where its slope is infinite."""
    tiny = torch.finfo(values.dtype).tiny
    return torch.where(values > 0, values.clamp(min=tiny).sqrt(), values)


def nse_loss(y_pred, y_true, target_std, eps=0.1):
    """Squared errors relative to the variability of each site [1]_.

    Without it, wet sites with large errors would rule the training; with it,
    the loss is close to one minus the mean Nash-Sutcliffe efficiency.

    Parameters
    ----------
    y_pred : Tensor of shape (n_sites, n_times)
        Predictions.
    y_true : Tensor of shape (n_sites, n_times)
        Observations, NaN = not observed.
    target_std : Tensor of shape (n_sites,) or (n_sites, 1)
        Standard deviation of each site's target over the training period, in
        the units of `y_true`. May be NaN for sites without observations.
    eps : float, default=0.1
        Added to `target_std`, in the units of `y_true`, so that nearly constant
        sites do not dominate.

    Returns
    -------
    Tensor of shape ()
        Mean over observed entries of ``(y_pred - y_true)^2 / (target_std + eps)^2``.

    Raises
    ------
    ValueError
        If shapes do not fit, or `target_std` is None.

    References
    ----------
    .. [1] Kratzert, F. et al. (2019). Towards learning universal, regional, and
       local hydrological behaviors via machine learning applied to large-sample
       datasets. Hydrol. Earth Syst. Sci., 23, 5089-5110.
       doi:10.5194/hess-23-5089-2019

    Examples
    --------
    >>> import torch
    >>> y_true = torch.tensor([[1.0, float("nan")], [3.0, 5.0]])
    >>> nse_loss(torch.full((2, 2), 2.0), y_true, torch.tensor([0.9, 1.9]))
    tensor(1.1667)
    """
    spread = _site_spread(y_true, target_std, eps)
    y_pred, y_true, observed, count = _observed(y_pred, y_true)
    # A site without observations may have no spread: keep its NaN out of the sum.
    weight = torch.where(observed, 1.0 / spread, 0.0)
    return (((y_pred - y_true) * weight) ** 2).sum() / count


def mse_loss(y_pred, y_true, target_std=None):
    """Mean squared error over observed entries.

    Parameters
    ----------
    y_pred, y_true : Tensors of one shape
        Predictions, and observations with NaN = not observed.
    target_std : object, default=None
        Ignored; for the common signature.

    Returns
    -------
    Tensor of shape ()
        The loss.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> import torch
    >>> mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, float("nan")]))
    tensor(4.)
    """
    y_pred, y_true, _, count = _observed(y_pred, y_true)
    return ((y_pred - y_true) ** 2).sum() / count


def rmse_loss(y_pred, y_true, target_std=None):
    """Root mean squared error over all observed entries of the batch.

    Parameters
    ----------
    y_pred, y_true : Tensors of one shape
        Predictions, and observations with NaN = not observed.
    target_std : object, default=None
        Ignored; for the common signature.

    Returns
    -------
    Tensor of shape ()
        The loss, in the units of the target.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    The root is taken over the batch and not per site: sites with large errors
    weigh most.

    Examples
    --------
    >>> import torch
    >>> rmse_loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, float("nan")]))
    tensor(2.)
    """
    return _root(mse_loss(y_pred, y_true))


def bce_loss(y_pred, y_true, target_std=None):
    """Binary cross-entropy of logits over observed entries.

    Parameters
    ----------
    y_pred : Tensor
        Logits.
    y_true : Tensor of the same shape
        0 or 1, NaN = not observed.
    target_std : object, default=None
        Ignored; for the common signature.

    Returns
    -------
    Tensor of shape ()
        The loss.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> import torch
    >>> bce_loss(torch.tensor([0.0, 2.0]), torch.tensor([1.0, float("nan")]))
    tensor(0.6931)
    """
    y_pred, y_true, observed, count = _observed(y_pred, y_true)
    return F.binary_cross_entropy_with_logits(y_pred, y_true, observed, reduction="sum") / count


def sqrt_nse_loss(y_pred, y_true, target_std, eps=0.1, smooth=1e-6):
    """Absolute errors, rounded off at 0, relative to the variability of each site.

    Floods weigh less than in `nse_loss`, since errors are not squared.

    Parameters
    ----------
    y_pred : Tensor of shape (n_sites, n_times)
        Predictions.
    y_true : Tensor of shape (n_sites, n_times)
        Observations, NaN = not observed.
    target_std : Tensor of shape (n_sites,) or (n_sites, 1)
        Standard deviation of each site's target over the training period, in
        the units of `y_true`. May be NaN for sites without observations.
    eps : float, default=0.1
        Added to `target_std`, in the units of `y_true`.
    smooth : float, default=1e-6
        Added to the squared error under the root.

    Returns
    -------
    Tensor of shape ()
        Mean over observed entries of
        ``sqrt((y_pred - y_true)^2 + smooth) / (target_std + eps)``.

    Raises
    ------
    ValueError
        If shapes do not fit, or `target_std` is None.

    See Also
    --------
    nse_loss : The same with squares.

    Examples
    --------
    >>> import torch
    >>> y_true = torch.tensor([[1.0, float("nan")], [3.0, 5.0]])
    >>> sqrt_nse_loss(torch.full((2, 2), 2.0), y_true, torch.tensor([0.9, 1.9]))
    tensor(1.0000)
    """
    spread = _site_spread(y_true, target_std, eps)
    y_pred, y_true, observed, count = _observed(y_pred, y_true)
    weight = torch.where(observed, 1.0 / spread, 0.0)
    return (((y_pred - y_true) ** 2 + smooth).sqrt() * weight).sum() / count


def rmse_comb_loss(y_pred, y_true, target_std=None, alpha=0.25):
    """Root mean squared error of the target, and of its logarithm.

    The second part lets low flows count. It is meant for values in their natural
    unit, such as mm/d, that cannot be negative; negative ones count as 0 in it.

    Parameters
    ----------
    y_pred, y_true : Tensors of one shape
        Predictions, and observations with NaN = not observed.
    target_std : object, default=None
        Ignored; for the common signature.
    alpha : float, default=0.25
        Weight of the second part.

    Returns
    -------
    Tensor of shape ()
        ``(1 - alpha) RMSE(y) + alpha RMSE(log10(sqrt(max(y, 0) + 1e-6) + 0.1))``.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> import torch
    >>> rmse_comb_loss(torch.tensor([-1.0, 2.0]), torch.tensor([0.0, float("nan")]))
    tensor(0.7500)
    """
    y_pred, y_true, _, count = _observed(y_pred, y_true)

    def low(values):  # 1e-6 bounds the slope of the root at 0
        return torch.log10((values.clamp(min=0) + 1e-6).sqrt() + 0.1)

    plain = _root(((y_pred - y_true) ** 2).sum() / count)
    return (1 - alpha) * plain + alpha * _root(((low(y_pred) - low(y_true)) ** 2).sum() / count)


def kge_loss(y_pred, y_true, target_std=None, eps=1e-3):
    """One minus the Kling-Gupta efficiency [1]_ of all observed entries of the batch.

    It is meant for values in their natural unit, such as mm/d: relative to a
    scaled mean, which is 0, a bias means nothing.

    Parameters
    ----------
    y_pred, y_true : Tensors of one shape
        Predictions, and observations with NaN = not observed.
    target_std : object, default=None
        Ignored; for the common signature.
    eps : float, default=1e-3
        Least spread and least mean by which is divided, in the units of
        `y_true`: where predictions or observations are constant, the correlation
        counts as 0, and all stays finite.

    Returns
    -------
    Tensor of shape ()
        ``sqrt((r - 1)^2 + (a - 1)^2 + (b - 1)^2)`` with the correlation r, the ratio
        a of the standard deviations and the ratio b of the means.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    .. [1] Gupta, H. V., Kling, H., Yilmaz, K. K. and Martinez, G. F. (2009).
       Decomposition of the mean squared error and NSE performance criteria:
       Implications for improving hydrological modelling. J. Hydrol., 377, 80-91.
       doi:10.1016/j.jhydrol.2009.08.003

    Examples
    --------
    >>> import torch
    >>> y_true = torch.tensor([1.0, 2.0, 3.0, float("nan")])
    >>> kge_loss(2 * y_true, y_true)  # spread and mean are twice as large
    tensor(1.4142)
    """
    y_pred, y_true, observed, count = _observed(y_pred, y_true)
    means = [part.sum() / count for part in (y_pred, y_true)]
    about = [
        (part - mean).masked_fill(~observed, 0.0)
        for part, mean in zip((y_pred, y_true), means, strict=True)
    ]
    spread_pred, spread_true = (((part**2).sum() / count + eps**2).sqrt() for part in about)
    correlation = (about[0] * about[1]).sum() / count / (spread_pred * spread_true)
    spread = spread_pred / spread_true - 1
    bias = (means[0] - means[1]) / means[1].abs().clamp(min=eps)
    distance = _root((correlation - 1) ** 2 + spread**2 + bias**2)
    return torch.where(observed.any(), distance, torch.zeros_like(distance))


@dataclass(frozen=True)
class LossSpec:
    """What is known of a loss.

    Parameters
    ----------
    compute : callable
        The loss, ``compute(y_pred, y_true, target_std=None)``.
    natural_units : bool, default=False
        Whether predictions and targets must come in their natural unit, such as mm/d, not scaled.

    Examples
    --------
    >>> LossSpec(mse_loss).natural_units
    False
    """

    compute: Callable
    natural_units: bool = False


_LOSSES = {
    "nse": LossSpec(nse_loss),
    "rmse": LossSpec(rmse_loss),
    "mse": LossSpec(mse_loss),
    "bce": LossSpec(bce_loss),
    "sqrt_nse": LossSpec(sqrt_nse_loss),
    "rmse_comb": LossSpec(rmse_comb_loss, natural_units=True),
    "kge": LossSpec(kge_loss, natural_units=True),
}


def loss_info(name):
    """Return what is known of a loss.

    Parameters
    ----------
    name : {"nse", "rmse", "mse", "bce", "sqrt_nse", "rmse_comb", "kge"}
        Which loss.

    Returns
    -------
    LossSpec
        The callable, and whether it needs natural units.

    Raises
    ------
    ValueError
        If there is no loss of this name.

    Examples
    --------
    >>> loss_info("kge").natural_units
    True
    """
    return _LOSSES[check_option("loss", name, list(_LOSSES))]


def get_loss(name):
    """Return the loss of a name.

    Parameters
    ----------
    name : {"nse", "rmse", "mse", "bce", "sqrt_nse", "rmse_comb", "kge"}
        Which loss.

    Returns
    -------
    callable
        ``loss(y_pred, y_true, target_std=None)``.

    Raises
    ------
    ValueError
        If there is no loss of this name.

    See Also
    --------
    loss_info : Also tells the units that the loss needs.

    Examples
    --------
    >>> get_loss("nse").__name__
    'nse_loss'
    """
    return loss_info(name).compute
