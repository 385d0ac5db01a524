"""Minima and powers whose gradients stay finite."""

import torch


def limit_to_store(rate, store):
    """Give the smaller of a rate and the store that feeds it.

    Where both are equal the gradient goes to the rate. The choice matters: on most days an empty
    snow pack refreezes nothing, and a gradient that then went to the store would grow
    from day to day and overflow after some years without snow.

    Parameters
    ----------
    rate, store : Tensor
        Wanted flux [mm/d] and what there is [mm].

    Returns
    -------
    Tensor
        The flux [mm/d].

    Examples
    --------
    >>> import torch
    >>> limit_to_store(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 3.0]))
    tensor([1., 3.])
    """
    return torch.where(rate <= store, rate, store)


def power_to_one(ratio, exponent):
    """Give ``min(ratio ** exponent, 1)``, which neither overflows nor has infinite gradients.

    Parameters
    ----------
    ratio, exponent : Tensor
        A positive base, and a positive exponent.

    Returns
    -------
    Tensor
        Values between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> power_to_one(torch.tensor([0.5, 1e9]), torch.tensor([2.0, 9.0]))
    tensor([0.2500, 1.0000])
    """
    return torch.exp(torch.clamp(exponent * torch.log(ratio), max=0.0))
