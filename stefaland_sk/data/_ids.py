"""Names of sites and variables."""

from numbers import Integral, Real

import pandas as pd


def as_site_ids(values, where):
    """Turn identifiers into a unique Index of str named "site".

    Parameters
    ----------
    values : sequence of str or int
        Identifiers. Whole numbers are turned into text if all are numbers.
    where : str
        Where they come from, for messages.

    Returns
    -------
    Index of str
        The identifiers.

    Raises
    ------
    TypeError
        If strings stand beside numbers.
    ValueError
        If an identifier is missing or occurs twice.

    Examples
    --------
    >>> list(as_site_ids(["01013500", "01022500"], "sites"))
    ['01013500', '01022500']
    """
    ids = pd.Index(site_strings(values, where), dtype="str", name="site")
    if not ids.is_unique:
        twice = list(ids[ids.duplicated()].unique()[:3])
        raise ValueError(
            f"Each site stands once in `{where}`; these occur more than once: {twice}."
        )
    return ids


def site_strings(values, where):
    """Turn identifiers, which may repeat, into a list of str; mixed types are an error."""
    if isinstance(values, pd.Index) and isinstance(values.dtype, pd.StringDtype):
        if values.hasnans:
            raise ValueError(f"A site identifier in `{where}` is missing.")
        return values
    values = list(values)
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) == len(values):
        return [str(v) for v in values]
    numbers = [v for v in values if isinstance(v, Integral) and not isinstance(v, bool)]
    if texts and numbers:
        raise TypeError(
            f"`{where}` mixes site identifiers of two types, for example {numbers[0]!r} and "
            f"{texts[0]!r}. Identifiers are strings: a number has lost its leading zeros, read "
            "them with dtype=str or repair them with `str(id).zfill(8)`."
        )
    if len(numbers) == len(values):
        return [str(int(v)) for v in values]
    odd = next(v for v in values if not isinstance(v, str | Integral) or isinstance(v, bool))
    if odd is None or odd != odd:
        raise ValueError(f"A site identifier in `{where}` is missing.")
    advice = ""
    if isinstance(odd, Real) and not isinstance(odd, bool):
        advice = " A column of whole numbers with a gap becomes one of floats: read it as text."
    raise TypeError(
        f"Site identifiers in `{where}` must be strings; got {odd!r} ({type(odd).__name__})."
        f"{advice}"
    )


def zeros_lost(wanted, found):
    """Say so, as the end of a message, where identifiers differ by their leading zeros only."""
    bare = {identifier.lstrip("0"): identifier for identifier in found}
    pairs = ((identifier, bare.get(identifier.lstrip("0"))) for identifier in wanted)
    pair = next((pair for pair in pairs if pair[1] is not None), None)
    if pair is None:
        return ""
    return (
        f": {pair[0]!r} and {pair[1]!r} differ. Read identifiers as text (`dtype=str`), or give "
        "numbers their zeros back with `.str.zfill(8)`"
    )


def as_variable_names(values, where):
    """Turn variable names into a list of plain str, each once."""
    # Names from an xarray coordinate are numpy.str_, which scikit-learn silently ignores.
    names = [str(value) for value in values]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Each variable stands once in `{where}`; these repeat: {twice}.")
    return names
