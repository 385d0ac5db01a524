"""Attributes from a table of their own, joined to the sites by identifier."""

from pathlib import Path

import pandas as pd

from stefaland_sk._core import import_optional
from stefaland_sk.data._ids import as_site_ids

# Columns that are called like this, in any case, hold identifiers.
SITE_NAMES = ("site", "gauge", "gage", "station", "basin", "catchment", "id", "code", "site_no")


def join_attributes(table, site_ids, site_dim):
    """Read a table of attributes and bring it to the order of the sites.

    Parameters
    ----------
    table : DataFrame, str or PathLike
        The table, or the path of a parquet or CSV file. Its identifiers are in its index, or in
        the first column that holds those of all sites. Sites that are not asked for may
        be there too.
    site_ids : Index of str
        The sites.
    site_dim : str
        What the identifiers are called in the dataset; a column of this name comes first.

    Returns
    -------
    attributes, sites : DataFrame
        Columns of numbers, and all others, by site.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is of another kind, or a site is missing or stands there twice.
    """
    # In `texts` an identifier of a CSV file keeps its leading zeros.
    table, texts = (table, table) if isinstance(table, pd.DataFrame) else read_table(table)
    column, ids = find_identifiers(texts, site_ids, site_dim)
    wanted = ids.isin(site_ids)
    missing = site_ids[~site_ids.isin(ids)]
    where = "the index" if column is None else f"the column {column!r}"
    if len(missing):
        looks = f"as far as {where} tells" if wanted.any() else "for no column has an identifier"
        raise ValueError(
            f"The table of attributes lacks {len(missing)} of {len(site_ids)} sites, {looks}; for "
            f"example {list(missing[:3])}. Identifiers are strings and compared as they are: "
            "'01013500' and '1013500' differ. Give a DataFrame whose index has them."
        )
    table = table[wanted].set_axis(as_site_ids(ids[wanted], f"{where} of the table"), axis=0)
    table = table.drop(columns=[] if column is None else column).loc[site_ids]
    is_number = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    return table.loc[:, is_number], table.loc[:, [not number for number in is_number]]


def read_table(path):
    """Read a table of attributes, as it is and with texts as far as it holds texts only.

    Parameters
    ----------
    path : str or PathLike
        A parquet or CSV file.

    Returns
    -------
    table, texts : DataFrame
        The same table twice; in `texts`, what stands in a CSV file is not made a number.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table of attributes {str(path)!r}.")
    if path.suffix == ".parquet":
        import_optional("pyarrow", "data", "Reading attributes from a parquet file")
        table = pd.read_parquet(path)
        return table, table
    if path.suffix == ".csv":
        return pd.read_csv(path), pd.read_csv(path, dtype=str)
    raise ValueError(
        f"A table of attributes is a .parquet or a .csv file; got {str(path)!r}. Read it yourself "
        "and give the DataFrame."
    )


def find_identifiers(table, site_ids, site_dim):
    """Find where the identifiers stand: the name of the column (None: the index), and them."""
    names = sorted(table.columns, key=lambda name: name != site_dim)  # stable: the rest as it was
    columns = {None: table.index} | {name: table[name] for name in names}
    most, best = -1, None
    for name, values in columns.items():
        if not (pd.api.types.is_integer_dtype(values) or pd.api.types.is_string_dtype(values)):
            continue
        ids = pd.Index(values).map(str)
        found = int(site_ids.isin(ids).sum())
        if found > most:
            most, best = found, (name, ids)
    return best
