"""One finding of the report about a panel, and how numbers and sites are worded in it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    """One thing found in a panel.

    Parameters
    ----------
    severity : {"error", "warning", "note"}
        An error spoils results; a warning deserves a look; a note informs.
    kind : str
        What sort of thing, such as "gap", "unit" or "leak".
    message : str
        What was found and what to do, in words.
    variable : str, default=""
        The variable concerned.
    site : str, default=""
        The first (or worst) site concerned.
    n : int, default=0
        How many values, or sites, or steps are concerned; the message says which.

    Examples
    --------
    >>> Finding("note", "gap", "3 steps are absent.", site="01013500", n=3).severity
    'note'
    """

    severity: str
    kind: str
    message: str
    variable: str = ""
    site: str = ""
    n: int = 0


def count(n, word):
    """Write a number and its noun."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def some(panel, where, most=3):
    """Name the first sites of a mask or an index array."""
    ids = list(panel.site_ids[where])
    names = ", ".join(repr(site) for site in ids[:most])
    return names if len(ids) <= most else f"{names} and {len(ids) - most} more"


def at_sites(panel, where):
    """Write how many sites a mask holds, and the first of them."""
    return f"at {count(int(np.count_nonzero(where)), 'site')} ({some(panel, where)})"


def first_of(panel, where):
    """Give the first site of a mask."""
    return str(panel.site_ids[int(np.argmax(where))])


def number(value):
    """Write a float32 without its rounding noise."""
    return f"{float(value):.6g}"
