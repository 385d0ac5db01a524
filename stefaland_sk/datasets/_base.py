"""What the readers and generators share."""

from stefaland_sk.datasets._variables import DERIVED_FORCINGS, FORCINGS


def choose_forcings(forcings):
    """Check the forcing variables asked for; None gives the provider's six."""
    if forcings is None:
        return list(FORCINGS)
    known = [*FORCINGS, *DERIVED_FORCINGS]
    return choose_names("forcings", forcings, known)


def choose_names(parameter, wanted, known):
    """Give `wanted` as a list, or say which names are not known."""
    if isinstance(wanted, str):
        raise TypeError(f"`{parameter}` must be a list of names. Got the string {wanted!r}.")
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"`{parameter}` names {unknown}, which do not exist; there are {known}.")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"`{parameter}` names a variable twice: {wanted}.")
    return wanted
