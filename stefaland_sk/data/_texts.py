"""Tables in which some columns hold words."""

import pandas as pd


def refuse_texts(X):
    """Raise a ValueError that names the columns of a table that hold no numbers.

    Parameters
    ----------
    X : DataFrame or array-like
        A plain table with one row per site; of others than DataFrames nothing is said.

    Raises
    ------
    ValueError
        If a column cannot be read as numbers.

    Examples
    --------
    >>> refuse_texts(pd.DataFrame({"slope": [3.0], "digits": ["7"]}))
    """
    if not isinstance(X, pd.DataFrame):
        return
    texts = [name for name, column in X.items() if not _is_numeric(column)]
    if texts:
        raise ValueError(
            f"These columns of X are no numbers: {texts}. Leave them out, or encode classes as "
            "numbers, by `pandas.get_dummies(X)` or, in a pipeline, by "
            "sklearn.preprocessing.OneHotEncoder."
        )


def _is_numeric(column):
    """Tell whether a column holds numbers, or objects that can be read as such."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.api.types.is_numeric_dtype(column.dtype.categories)
    return not pd.to_numeric(column.dropna(), errors="coerce").isna().any()
