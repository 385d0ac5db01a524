"""What readers say where a path leads to nothing that they know."""

from pathlib import Path


def as_path(path):
    """Give the path of what exists, or say that it does not."""
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    return path


def folder_of(path, names):
    """Give the folder of a data set whose main file was named in its place.

    Parameters
    ----------
    path : Path
        What the caller gave.
    names : collection of str
        Names of main files, whose tables lie beside them.

    Returns
    -------
    Path
        The folder, or `path` itself where it is no such file.
    """
    return path.parent if path.name in names and path.is_file() else path


def missing(what, path, looked, advice="", or_file=False):
    """Give the error of a reader that did not find its files.

    Parameters
    ----------
    what : str
        The data set.
    path : Path
        What the caller gave.
    looked : list of (str or Path)
        What was looked for.
    advice : str, default=""
        What to do.
    or_file : bool, default=False
        Whether the path might as well be that of a file.

    Returns
    -------
    FileNotFoundError
        To be raised.
    """
    kind = "" if path.is_dir() or or_file else ", which is not a folder"
    lines = "\n  ".join(map(str, looked))
    return FileNotFoundError(
        f"No {what} at {path}{kind}. Looked for:\n  {lines}\n{advice}".rstrip()
    )
