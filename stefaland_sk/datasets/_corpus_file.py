"""A corpus as files: data sets in usual formats, or described in a TOML file, as panels."""

import tomllib
from datetime import date
from os import PathLike
from pathlib import Path

from stefaland_sk._core import check_option
from stefaland_sk.datasets._corpus_panel import read_panel, said_of


def load_corpus(paths):
    """Load data sets for pretraining, each as a panel, in whatever form they lie on disk.

    Nothing is scaled or filled, and what a target could be read from is left out unless it is
    asked for by name. The forcing of netCDF files and zarr stores stays where it is until
    training asks for it.

    Parameters
    ----------
    paths : str, path-like, or list of them
        Any of

        - a folder with CAMELS-US, Caravan or any other that `load_panel` knows;
        - a netCDF file (``.nc``) or zarr store (``.zarr``) with the dimensions site and time;
        - a table of attributes (``.parquet``, ``.csv``) with one row per site;
        - a description of one or several of these (``.toml``), see Notes.

    Returns
    -------
    list of Panel
        One per data set, in the order given.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If a file is damaged.
    TypeError, ValueError
        If a file, or an entry of a description, is not what it should be; the message names the
        file, the entry and the key.
    ImportError
        If the package that reads a format is not installed (extras ``data``, ``zarr``).

    Warns
    -----
    LeakageWarning
        If a description asks for a variable that stands for a target, or one was left out.

    See Also
    --------
    load_panel : One data set, with its target.
    stefaland_sk.StefaLandTransformer : Pretrains on a list of panels.

    Notes
    -----
    A description has one table ``[[panel]]`` for each data set, with the keys

    path
        The data set, relative to the description. All other keys are optional.
    name
        What it is called in messages.
    site_dim, time_dim
        Dimensions of a netCDF file or zarr store; "site" and "time" if absent.
    id
        Column of a table that holds the identifiers. If absent: the index, or else the first
        column named like an identifier, or else the first with another text in each row.
    table
        More attributes, from a table: its path, or ``{path = ..., id = ..., prefix = ...}``
        with the column of the identifiers and what they lack at their front; or a list of
        these. It goes before attributes of the same name, and the first of a list before
        the others; sites that it lacks have missing values.
    rename
        ``{name there = "name here"}``. All other keys take the names here.
    forcings, attributes
        List of names, in the order wanted, or name of a variable set (`get_variable_set`), of which
        those are taken that exist and stand for no target. If absent: all but those that
        stand for a target, and but the places of the sites.
    units
        ``{name = "unit"}``, where the file has none or a wrong one.
    groups
        ``{group = ["attribute", ...]}``, or name of a variable set. If absent: those of the set
        named as `attributes`, or else of the file.
    region
        Column of the file or table that says in which region a site lies.
    sites, exclude
        Sites to take, and to leave out: a list, or the path of a text file with one per line, in
        which a number sign begins a remark.
    exclude_where
        Column of the file or table that is true for sites to leave out.
    exclude_regions
        List of regions to leave out.
    period
        First and last day, both included.

    Attributes that are not taken are in the site table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> description = '''
    ... [[panel]]
    ... path = "soils.csv"
    ... rename = { silt_pct = "silt_frac" }
    ... units = { silt_frac = "%" }
    ... exclude = ["b"]
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "soils.csv").write_text("site,silt_pct\\na,20\\nb,30\\nc,25\\n")
    ...     _ = Path(folder, "corpus.toml").write_text(description)
    ...     [panel] = load_corpus(Path(folder, "corpus.toml"))
    >>> panel
    Panel(2 sites, 0 forcings, 1 attribute)
    >>> panel.units
    {'silt_frac': '%'}
    """
    return [panel for _, panel in read_corpus(paths)]


def read_corpus(paths):
    """Load data sets as `load_corpus` does, each with a name for messages.

    Parameters
    ----------
    paths : str, path-like, or list of them
        As for `load_corpus`.

    Returns
    -------
    list of tuple (str, Panel)
        Name and panel of each data set.
    """
    paths = [paths] if isinstance(paths, str | PathLike) else list(paths)
    found = []
    for path in (Path(path).expanduser() for path in paths):
        if path.suffix == ".toml":
            found += _read_description(path)
        else:
            found.append((path.stem, read_panel(path, {})))
    if not found:
        raise ValueError("`paths` names no data set.")
    return found


def read_site_list(path):
    """Read a text file with one site per line; a number sign begins a remark.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    list of str
        Identifiers, as they stand there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no text, or names no site.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no list of sites {str(path)!r}.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"A list of sites is a text file with one per line; {str(path)!r} is none."
        ) from error
    sites = [line.partition("#")[0].strip() for line in lines]
    sites = [site for site in sites if site]
    if not sites:
        raise ValueError(f"The list of sites {str(path)!r} is empty.")
    return sites


# ---------------------------------------------------------------------- descriptions
def _read_description(path):
    """Read a description and the data sets that it describes."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no description of a corpus {str(path)!r}.")
    try:
        described = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} is not a TOML file: {error}.") from error
    entries = described.pop("panel", None)
    if described or not isinstance(entries, list) or not entries:
        odd = f"; it has {sorted(described)}" if described else ""
        raise ValueError(
            f"The description {str(path)!r} must consist of tables `[[panel]]`, one for each data "
            f"set{odd}."
        )
    found = []
    for number, entry in enumerate(entries, 1):
        where = f"{path.name}, panel {number}"
        if isinstance(entry.get("name"), str):
            where += f" ({entry['name']!r})"
        with said_of(where):
            options = _check_entry(entry)
            source = path.parent / Path(options.pop("path")).expanduser()
            name = options.pop("name", source.stem)
            for key in ("sites", "exclude"):
                if isinstance(options.get(key), str):
                    with said_of(f"`{key}`"):
                        options[key] = read_site_list(path.parent / options[key])
            if "table" in options:
                given = options["table"]
                tables = [{"path": t} if isinstance(t, str) else t for t in _as_list(given)]
                options["table"] = [t | {"path": path.parent / t["path"]} for t in tables]
            found.append((name, read_panel(source, options)))
    return found


def _is_text(value):
    return isinstance(value, str)


def _is_list(value):
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _is_labels(value):
    return isinstance(value, list) and all(isinstance(v, str | int) for v in value)


def _is_texts(value):
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _is_groups(value):
    return isinstance(value, dict) and all(_is_list(v) for v in value.values())


def _is_table(value):
    if isinstance(value, str):
        return True
    return _is_texts(value) and "path" in value and set(value) <= {"path", "id", "prefix"}


def _is_tables(value):
    return all(map(_is_table, _as_list(value)))


def _as_list(value):
    return value if isinstance(value, list) else [value]


def _is_period(value):
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, str | date) for v in value)
    )


_TEXT = ("a text", (_is_text,))
_NAMES = ("a list of names or the name of a variable set", (_is_text, _is_list))
_SITES = ("a list of texts or the path of a file", (_is_text, _is_list))
_MAPPING = ('a table such as {prcp = "..."}', (_is_texts,))
# What may stand in an entry: in words, and what accepts it.
_KEYS = {
    "path": _TEXT,
    "name": _TEXT,
    "site_dim": _TEXT,
    "time_dim": _TEXT,
    "id": _TEXT,
    "table": ("a path, {path = ..., id = ..., prefix = ...} or a list of these", (_is_tables,)),
    "rename": _MAPPING,
    "forcings": _NAMES,
    "attributes": _NAMES,
    "units": _MAPPING,
    "groups": ("{group = [names]} or the name of a variable set", (_is_text, _is_groups)),
    "region": _TEXT,
    "sites": _SITES,
    "exclude": _SITES,
    "exclude_where": _TEXT,
    "exclude_regions": ("a list of regions", (_is_labels,)),
    "period": ("a pair [first day, last day]", (_is_period,)),
}


def _check_entry(entry):
    """Check keys and kinds of values; give a copy."""
    for key in entry:
        check_option("key", key, list(_KEYS))
    for key, value in entry.items():
        words, tests = _KEYS[key]
        if not any(test(value) for test in tests):
            raise ValueError(f"`{key}` must be {words}. Got {value!r} instead.")
    if "path" not in entry:
        raise ValueError("The key `path` is missing: it says where the data are.")
    return dict(entry)
