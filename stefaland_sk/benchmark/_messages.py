"""What the command line says of a mistake or a warning: one line, and no place in our code."""

import sys

#: What a function of the library raises where the caller is at fault.
USER_MISTAKES = (OSError, ValueError, TypeError, ImportError)


class UsageError(Exception):
    """A mistake in how the command was called; shown in one line."""


def one_line(error):
    """Give the message of an error in one line; indented lines are a list.

    Parameters
    ----------
    error : object
        An error, a warning or a text.

    Returns
    -------
    str
        One line.
    """
    text = str(error).replace(":\n  ", ": ").replace("\n  ", ", ").replace("\n", ". ")
    return " ".join(text.split())


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Show a warning as one line; for ``warnings.showwarning``."""
    print(f"{category.__name__}: {one_line(message)}", file=sys.stderr)
