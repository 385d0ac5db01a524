"""Checks of parameter values, with one wording for all messages."""

import os
from difflib import get_close_matches
from numbers import Integral, Real


def check_option(name, value, options):
    """Raise a ValueError unless `value` is one of `options`.

    Parameters
    ----------
    name : str
        The parameter's name, for the message.
    value : object
        What the user passed.
    options : sequence
        The legal values.

    Returns
    -------
    object
        `value` itself.

    Raises
    ------
    ValueError
        If `value` is not legal.

    Examples
    --------
    >>> check_option("loss", "nse", ["nse", "rmse"])
    'nse'
    """
    # Identity and type first: True must not pass for 1, nor an array be compared.
    for option in options:
        if value is option or (type(value) is type(option) and value == option):
            return value
    raise ValueError(
        f"`{name}` must be one of {list(options)}. Got {value!r} instead.{_nearest(value, options)}"
    )


def _nearest(value, options):
    """Name the option that was probably meant, if there is one."""
    words = [option for option in options if isinstance(option, str)]
    near = get_close_matches(value, words, n=1, cutoff=0.7) if isinstance(value, str) else []
    return f" Did you mean {near[0]!r}?" if near else ""


def check_number(name, value, *, low=None, high=None, integer=False, none=False, open_low=False):
    """Raise unless `value` is a number inside a range.

    Parameters
    ----------
    name : str
        The parameter's name, for the message.
    value : object
        What the user passed.
    low, high : float, default=None
        Inclusive bounds; None leaves a side open.
    integer : bool, default=False
        Whether only whole numbers are legal.
    none : bool, default=False
        Whether None is legal as well.
    open_low : bool, default=False
        Whether `low` itself is excluded.

    Returns
    -------
    number or None
        `value` itself.

    Raises
    ------
    TypeError
        If `value` is not a number of the right kind.
    ValueError
        If `value` is out of range.

    Examples
    --------
    >>> check_number("batch_size", 64, low=1, integer=True)
    64
    """
    if value is None and none:
        return None
    kind = Integral if integer else Real
    if isinstance(value, bool) or not isinstance(value, kind):
        wanted = "a whole number" if integer else "a number"
        raise TypeError(f"`{name}` must be {wanted}{' or None' if none else ''}. Got {value!r}.")
    too_low = low is not None and (value <= low if open_low else value < low)
    if too_low or (high is not None and value > high) or value != value:
        left = "-inf" if low is None else low
        right = "inf" if high is None else high
        bracket = "(" if open_low or low is None else "["
        close = ")" if high is None else "]"
        raise ValueError(
            f"`{name}` must lie in {bracket}{left}, {right}{close}. Got {value!r} instead."
        )
    return value


def check_instance(name, estimator):
    """Raise a TypeError unless `estimator` is an estimator, and not the class of one.

    Parameters
    ----------
    name : str
        The parameter's name, for the message.
    estimator : object
        What the user passed.

    Returns
    -------
    estimator
        `estimator` itself.

    Raises
    ------
    TypeError
        If it is a class, or has no ``fit``.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> check_instance("estimator", Ridge())
    Ridge()
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"`{name}` must be an estimator. Got the class {estimator.__name__}; an instance of it "
            f"is {estimator.__name__}()."
        )
    if not hasattr(estimator, "fit"):
        raise TypeError(f"`{name}` must be an estimator. Got {estimator!r}, which has no `fit`.")
    return estimator


def refuse_path(X):
    """Raise a TypeError if `X` is the path of data that were not read.

    Parameters
    ----------
    X : object
        What the user passed as samples.

    Raises
    ------
    TypeError
        If it is a str or a path.

    Examples
    --------
    >>> refuse_path([[1.0]])
    """
    if isinstance(X, str | os.PathLike):
        raise TypeError(
            f"X must hold samples. Got the path {str(X)!r}; `load_panel` of stefaland_sk.datasets "
            "reads data sets: X, y = load_panel(path)."
        )
