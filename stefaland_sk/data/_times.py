"""Times as users give them: stamps, or texts that can be read in one way only."""

import re

import pandas as pd


def as_times(values, where):
    """Turn times into a DatetimeIndex.

    Parameters
    ----------
    values : array-like
        Time stamps, or texts with the year first. "01/10/2000" is 10 January to some readers
        and 1 October to others, so it is refused, not guessed.
    where : str
        What holds them, for messages.

    Returns
    -------
    DatetimeIndex
        The times.

    Raises
    ------
    TypeError
        If they are numbers.
    ValueError
        If a text is no date, or its order of day and month is not certain.

    Examples
    --------
    >>> as_times(["2000-10-01", "2000-10-02"], "the columns of `y`").day.tolist()
    [1, 2]
    """
    values = values if isinstance(values, pd.Index) else pd.Index(values)
    if isinstance(values, pd.DatetimeIndex):
        return values
    if values.dtype.kind in "iufb":
        raise TypeError(
            f"{where} must hold time stamps; got numbers ({values.dtype}). Use `pd.to_datetime`."
        )
    try:
        return pd.DatetimeIndex(pd.to_datetime(values, format="ISO8601"))
    except (TypeError, ValueError) as error:
        odd = next((value for value in values if isinstance(value, str)), values[0])
        raise ValueError(
            f"{where} must hold dates with the year first, such as '2000-10-31'; got {odd!r}. Use "
            "`pd.to_datetime(..., dayfirst=True)`, or with `format=`: day and month are not "
            "guessed."
        ) from error


def steps_between(time, start, stop):
    """Find the steps from one time to another, both included.

    Parameters
    ----------
    time : DatetimeIndex
        All steps, in order.
    start, stop : str, Timestamp or None
        First and last time, or the year or month that they are in; None leaves a side open.

    Returns
    -------
    slice
        Positions in `time`.

    Raises
    ------
    ValueError
        If the order of day and month of a text is not certain, or it is no date.

    Examples
    --------
    >>> steps_between(pd.date_range("2000-01-30", periods=4), "2000-02", None)
    slice(2, 4, None)
    """
    for end in (start, stop):
        if isinstance(end, str) and re.match(r"\s*\d{1,2}[-/. ]\d{1,2}[-/. ]\d+", end):
            raise ValueError(
                f"Is {end!r} in the order day, month or month, day? Write dates with the year "
                "first, such as '2000-10-31'."
            )
    return time.slice_indexer(start, stop)
