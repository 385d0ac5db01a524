"""Packages that only some users need are imported where they are used."""

from importlib import import_module


def import_optional(module, extra, purpose):
    """Import `module`, or say which extra of the library brings it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of this library that installs it.
    purpose : str
        What needs the module, as the beginning of the sentence "... needs".

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the module is not installed.

    Examples
    --------
    >>> import_optional("json", "test", "This example").dumps([1])
    '[1]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs the package {module.partition('.')[0]!r}, which is not installed. "
            f"Install it with `pip install 'stefaland-sk[{extra}]'`."
        ) from error
