"""Losses that skip what was not observed.

Each has the signature ``loss(y_pred, y_true, target_std=None)``. Where the
target is NaN, neither the value nor the gradient sees anything; a batch
without any target has the loss 0 and the gradient 0.
"""

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
    if target_std is None or target_std.shape not in (y_true.shape[:1], (*y_true.shape[:1], 1)):
        raise ValueError(
            f"`target_std` must have shape ({len(y_true)},), one value per site; "
            f"got {None if target_std is None else tuple(target_std.shape)}."
        )
    y_pred, y_true, observed, count = _observed(y_pred, y_true)
    spread = target_std.reshape(-1, *[1] * (y_true.ndim - 1)) + eps
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
    mse = mse_loss(y_pred, y_true)
    # The root's slope is infinite at 0: there the loss and its gradient are 0.
    return torch.where(mse > 0, mse.clamp(min=torch.finfo(mse.dtype).tiny).sqrt(), mse)


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


_LOSSES = {"nse": nse_loss, "rmse": rmse_loss, "mse": mse_loss, "bce": bce_loss}


def get_loss(name):
    """Return the loss of a name.

    Parameters
    ----------
    name : {"nse", "rmse", "mse", "bce"}
        Which loss.

    Returns
    -------
    callable
        ``loss(y_pred, y_true, target_std=None)``.

    Raises
    ------
    ValueError
        If there is no loss of this name.

    Examples
    --------
    >>> get_loss("nse").__name__
    'nse_loss'
    """
    return _LOSSES[check_option("loss", name, list(_LOSSES))]
