"""What the readers and generators share: choices of the caller, derived forcing, the result."""

from numbers import Real

import numpy as np
import pandas as pd

from stefaland_sk.data import hargreaves_pet
from stefaland_sk.data._times import steps_between
from stefaland_sk.datasets._variables import DERIVED_FORCINGS, FORCINGS


def choose_names(parameter, wanted, known, *, empty=True):
    """Give `wanted` as a list, or say which names are not known; None gives all.

    Parameters
    ----------
    parameter : str
        Name of the parameter, for messages.
    wanted : sequence of str or None
        What the caller asks for.
    known : sequence of str
        What there is.
    empty : bool, default=True
        Whether the caller may ask for nothing.

    Returns
    -------
    list of str
        The names, each once, in the order asked for.
    """
    if wanted is None:
        return list(known)
    if isinstance(wanted, str):
        raise TypeError(f"`{parameter}` must be a list of names. Got the string {wanted!r}.")
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(
            f"`{parameter}` names {unknown}, which do not exist; there are {list(known)}."
        )
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"`{parameter}` names something twice: {wanted}.")
    if not (wanted or empty):
        raise ValueError(f"`{parameter}` is empty; None takes all.")
    return wanted


def check_depth(depth, unit, example, *, thick):
    """Give the ends of an interval of depths; `thick` asks for more than one depth."""
    try:
        upper, lower = map(float, depth)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`depth` must be a pair of depths [{unit}], such as {example}. Got {depth!r} instead."
        ) from error
    if not 0 <= upper <= lower or (thick and upper == lower):
        raise ValueError(f"`depth` must increase and not be negative. Got {depth!r} instead.")
    return upper, lower


def choose_forcings(forcings):
    """Check the forcing variables asked for; None gives those that providers share."""
    if forcings is None:
        return list(FORCINGS)
    return choose_names("forcings", forcings, [*FORCINGS, *DERIVED_FORCINGS])


def derive_forcing(name, tmin, tmax, lat, time):
    """Compute a derived variable [degC or mm/d] on (site, time)."""
    if name == "tmean":
        return (tmin + tmax) / 2
    return hargreaves_pet(np.asarray(lat)[:, None], time.day_of_year.to_numpy(), tmin, tmax)


def choose_sites(sites, known, where):
    """Give the identifiers asked for, in that order; None gives all."""
    if sites is None:
        return list(known)
    if isinstance(sites, str):
        raise TypeError(
            f"`sites` must be a list of site identifiers. Got the string {sites!r}; "
            f"use `sites=[{sites!r}]`."
        )
    sites = list(sites)
    for odd in (site for site in sites if not isinstance(site, str)):
        fix = _repair(odd, known)
        raise TypeError(
            f"Site identifiers in `sites` must be strings. Got {odd!r} ({type(odd).__name__}).{fix}"
        )
    known_set = set(known)
    unknown = [site for site in sites if site not in known_set]
    if unknown:
        hint = "" if unknown[0].zfill(8) not in known_set else f" ({unknown[0].zfill(8)!r} is)"
        raise ValueError(
            f"{len(unknown)} of {len(sites)} sites are not in {where}, for example "
            f"{unknown[:3]}{hint}. It holds {len(known)} sites, for example {list(known)[:3]}."
        )
    if len(set(sites)) < len(sites):
        raise ValueError("`sites` names a site twice.")
    if not sites:
        raise ValueError("`sites` is empty; None takes all sites.")
    return [str(site) for site in sites]


def _repair(odd, known):
    """Say how to write an identifier that came as a number."""
    if not isinstance(odd, Real) or isinstance(odd, bool) or odd != odd:
        return ""
    text = str(int(odd))
    endings = (site for site in known if site.endswith(text) and not site[: -len(text)].isdigit())
    likely = next(endings, None)
    if likely is not None and not any(site.isdigit() for site in known):
        return f" Use {likely!r}."
    return (
        f" A number has lost its leading zeros: use `{text.zfill(8)!r}`, that is "
        "`str(site).zfill(8)`, or read identifiers with `dtype=str`."
    )


def choose_period(period, time):
    """Give the slice of `time` inside `period`, both ends included."""
    if period is None:
        return slice(0, len(time))
    if isinstance(period, str) or len(period) != 2:
        raise ValueError(
            "`period` must be a pair (first day, last day), such as "
            f"('1995-10-01', '2005-09-30'). Got {period!r} instead."
        )
    found = steps_between(time, *period)
    start, stop = int(found.start or 0), int(len(time) if found.stop is None else found.stop)
    if stop <= start:
        raise ValueError(
            f"No day of the record lies in `period` {tuple(map(str, period))}; the record runs "
            f"from {time[0]:%Y-%m-%d} to {time[-1]:%Y-%m-%d}."
        )
    return slice(start, stop)


def give(X, y, name, as_frame):
    """Give panel and target, or the same as a long table and a Series."""
    if not as_frame:
        return X, y
    frame, series = X.to_long(y)
    return frame, pd.Series(series, name=name)
