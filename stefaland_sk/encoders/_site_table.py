"""Tables of embeddings, one or several rows per site, read and brought into one form."""

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from stefaland_sk._core import import_optional
from stefaland_sk.data._ids import as_site_ids, site_strings

_SITE, _YEAR = "site", "year"


def read_site_table(table, *, site=None, columns=None, year=None, years=None):
    """Read a table of embeddings, averaged over the years.

    Parameters
    ----------
    table : DataFrame, str or Path
        The table, or a CSV or parquet file.
    site, columns, year, years
        As for `SiteEmbeddingEncoder`.

    Returns
    -------
    vectors : DataFrame of shape (n_sites, n_columns)
        Float64, by site, in the order in which the sites first occur.
    years : list of int
        The years averaged; empty where the table tells none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the table is of another kind or form than the arguments say.
    """
    frame = table if isinstance(table, pd.DataFrame) else _read_file(table, site)
    frame = frame.rename(columns=str)
    ids, site = _find_sites(frame, site)
    year = _YEAR if year is None and _YEAR in frame else year
    if year is not None and year not in frame:
        raise ValueError(f"The table has no column {year!r} of years. It has {_some(frame)}.")
    names = _find_columns(frame, columns, {site, year})
    try:
        values = frame[names].astype(np.float64).set_axis(ids, axis=0)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The embeddings must be numbers ({error}). Name their columns by `columns`."
        ) from error
    if year is None:
        return _one_row_per_site(values, years), []
    return _average(values, frame[year].to_numpy(), years)


def _read_file(path, site):
    """Read a file, with its identifiers as text."""
    if not isinstance(path, str | Path):
        raise TypeError(
            "`table` must be a DataFrame or the path of a CSV or parquet file. Got "
            f"{type(path).__name__}."
        )
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table of embeddings at {str(path)!r}.")
    if path.suffix == ".parquet":
        import_optional("pyarrow", "data", "Reading embeddings from a parquet file")
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={_SITE if site is None else site: str})
    raise ValueError(
        f"A table of embeddings is a .parquet or a .csv file; got {str(path)!r}. Read it yourself "
        "and give the DataFrame."
    )


def _find_sites(frame, site):
    """Give the identifiers of the rows, and the name of their column (None: the index)."""
    site = _SITE if site is None and _SITE in frame else site
    if site is not None:
        if site in frame:
            return site_strings(frame[site], f"the column {site!r} of the table"), site
        if site != frame.index.name:
            raise ValueError(
                f"The table has no column {site!r} of site identifiers. It has {_some(frame)}."
            )
    elif isinstance(frame.index, pd.RangeIndex):
        raise ValueError(
            "The table does not tell its sites: it has no column 'site', and its index is a mere "
            f"count of rows. Name the column by `site`; the table has {_some(frame)}."
        )
    return site_strings(frame.index, "the index of the table"), None


def _find_columns(frame, columns, others):
    """List the columns of the embeddings."""
    if columns is None:
        kinds = frame.dtypes.items()
        names = [name for name, kind in kinds if pd.api.types.is_numeric_dtype(kind)]
        names = [name for name in names if name not in others]
    elif isinstance(columns, str):
        names = [name for name in frame if fnmatchcase(name, columns) and name not in others]
    else:
        names = [str(name) for name in columns]
        missing = [name for name in names if name not in frame]
        if missing:
            raise ValueError(
                f"The table lacks {len(missing)} of the {len(names)} columns asked for, for "
                f"example {missing[:3]}. It has {_some(frame)}."
            )
    if not names:
        raise ValueError(
            f"The table has no column of embeddings (`columns`={columns!r}). It has {_some(frame)}."
        )
    return names


def _one_row_per_site(values, years):
    """Check that a table without years has each site once."""
    if years is not None:
        raise ValueError("`years` needs a column of years in the table; name it by `year`.")
    if values.index.duplicated().any():
        twice = list(values.index[values.index.duplicated()].unique())
        raise ValueError(
            f"The table has several rows of {len(twice)} sites, for example {twice[:3]}. If they "
            "are years, name their column by `year`, and their mean is taken."
        )
    return values.set_axis(as_site_ids(values.index, "the table"), axis=0)


def _average(values, year, years):
    """Average the rows of each site over its years; rows with NaN do not count."""
    year = np.asarray(pd.to_numeric(pd.Series(year), errors="coerce"), dtype=np.float64)
    if not np.isfinite(year).all() or (year != np.round(year)).any():
        raise ValueError("The column of years must hold whole numbers, such as 2017, in each row.")
    year = year.astype(int)
    repeats = pd.MultiIndex.from_arrays([values.index, year]).duplicated()
    if repeats.any():
        first = int(np.flatnonzero(repeats)[0])
        raise ValueError(
            f"The table has several rows of one site and year; the first is site "
            f"{values.index[first]!r}, {year[first]}."
        )
    sites = as_site_ids(values.index.unique(), "the table")
    if years is not None:
        first, last = years
        kept = (year >= first) & (year <= last)
        if not kept.any():
            raise ValueError(
                f"The table has no row from {first} to {last}; its years are {year.min()} to "
                f"{year.max()}."
            )
        values, year = values[kept], year[kept]
    whole = np.isfinite(values.to_numpy()).all(axis=1)
    means = values[whole].groupby(level=0, sort=False).mean()
    return means.reindex(sites), np.unique(year[whole]).tolist()


def _some(frame):
    """List the first columns of a table."""
    names = list(frame.columns)
    return f"the columns {names}" if len(names) <= 6 else f"{len(names)} columns: {names[:6]} ..."
