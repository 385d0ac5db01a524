"""What the papers print, and our numbers beside it."""

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option

from ._aggregate import aggregation_of
from ._format import grid
from ._protocols import PROTOCOLS
from ._tables import one_protocol

_TITLES = {"pearson_r": "r", "r_squared": "r squared"}
_ROUNDING = {"nse": 0.0005, "pearson_r": 0.0005}  # the papers print three digits


def published_values(protocol=None):
    """Give the numbers that the papers print, with their tables.

    Parameters
    ----------
    protocol : str, default=None
        Name of a protocol; None gives all.

    Returns
    -------
    DataFrame
        One row per printed number: ``protocol``, ``model`` (the row here; empty where
        there is none), ``name`` (the row there), ``metric``, ``value``, ``standard_error`` (over
        folds, of version 3), ``source``, ``table``. "r_squared" is what the papers call R2 of soil
        composition: it equals their squared correlation.

    Raises
    ------
    ValueError
        If the papers print nothing for this protocol.

    See Also
    --------
    beside_published : Our numbers beside these.

    Examples
    --------
    >>> table = published_values("camels-us-pur")
    >>> row = table[(table["model"] == "resconn") & (table["metric"] == "nse")]
    >>> row["value"].unique().tolist()
    [0.635]
    """
    table = _read().copy()
    if protocol is None:
        return table
    check_option("protocol", protocol, list(table["protocol"].unique()))
    return table[table["protocol"] == protocol].reset_index(drop=True)


@cache
def _read():
    """Read the file that ships with the library."""
    source = files("stefaland_sk.benchmark").joinpath("_published/papers.csv")
    with source.open(encoding="utf-8") as stream:
        return pd.read_csv(
            stream,
            dtype={"model": "str"},
            keep_default_na=False,
            na_values={"value": [""], "standard_error": [""]},
        )


def beside_published(results):
    """Put our numbers beside those that the papers print.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol, as from `read_results`. It may be a variant of a protocol of
        the library, with a longer name.

    Returns
    -------
    DataFrame
        One row per model and metric: ``name`` (the row in the papers), ``ours``, ``published``,
        ``standard_error``, ``difference`` (ours minus theirs), ``source`` and ``impossible``:
        whether the printed NSE is above the printed squared correlation, which at no site can be.
        Models that stand on one side only have NaN on the other. Empty if the papers print nothing
        of this split.
        Where versions differ the later one counts.

    Raises
    ------
    ValueError
        If `results` holds several protocols.

    See Also
    --------
    published_values : The printed numbers alone.

    Notes
    -----
    The papers' sites and data are theirs: what is run on other sites, or fewer, is no
    reproduction. Medians of NSE and of correlation are over the same sites, and at each site
    NSE is at most the squared correlation.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> row = ("camels-us-pur", "lstm", 0, "1", "01013500", "nse", 0.5)
    >>> table = beside_published(pd.DataFrame([row], columns=columns))
    >>> table.loc[("lstm", "nse"), ["ours", "published"]].tolist()
    [0.5, 0.554]
    """
    results = one_protocol(results)
    printed = _printed_for(str(results["protocol"].iloc[0]))
    if printed.empty:
        return printed
    metrics = printed.index.unique("metric")
    table = printed.join(_ours(results, metrics).rename("ours"), how="outer")
    models = dict.fromkeys([*results["model"], *printed.index.unique("model")])
    order = [(m, metric) for m in models for metric in metrics if (m, metric) in table.index]
    table = table.loc[order]
    table["difference"] = table["ours"] - table["published"]
    table["impossible"] = table["impossible"].eq(True)
    columns = ["name", "ours", "published", "standard_error", "difference", "source", "impossible"]
    return table[columns]


def _printed_for(name):
    """Give the numbers printed for a protocol or a variant of it, by model and metric."""
    table = _read()
    found = _longest(name, table["protocol"].unique())
    empty = pd.DataFrame(
        columns=["name", "published", "standard_error", "source", "impossible"],
        index=pd.MultiIndex.from_arrays([[], []], names=["model", "metric"]),
    )
    own = _longest(name, PROTOCOLS)
    if found is None or (own is not None and PROTOCOLS[own].cv is not PROTOCOLS[found].cv):
        return empty.assign(ours=[], difference=[])
    table = table[table["protocol"] == found]
    table = table.assign(
        model=table["model"].where(table["model"] != "", table["name"]),
        source=table["source"] + ", " + table["table"],
    )
    table = table.drop_duplicates(["model", "metric"], keep="last")  # the later version
    if own is not None and own != found:  # a table of some of the rows
        table = table[table["model"].isin(PROTOCOLS[own].models)]
    table = table.rename(columns={"value": "published"}).set_index(["model", "metric"])
    return table.assign(impossible=_impossible(table["published"]))


def _in_words(sources):
    """Name the tables of each source: "T1, T9 of StefaLand v3"."""
    tables = {}
    for source in sorted(sources):
        name, table = source.rsplit(", ", 1)
        tables.setdefault(name, []).append(table)
    return "; ".join(f"{', '.join(found)} of {name}" for name, found in tables.items())


def _longest(name, names):
    """Give the longest of some names that this one is, or begins with."""
    found = [n for n in names if name == n or name.startswith(f"{n}-")]
    return max(found, key=len, default=None)


def _impossible(printed):
    """Mark models whose printed NSE is above their printed squared correlation."""
    wide = printed.unstack("metric")
    if not {"nse", "pearson_r"} <= set(wide):
        return pd.Series(False, index=printed.index)
    most = (wide["pearson_r"].abs() + _ROUNDING["pearson_r"]) ** 2 + _ROUNDING["nse"]
    wrong = wide["nse"] > most
    models, metrics = (printed.index.get_level_values(name) for name in ("model", "metric"))
    return pd.Series(wrong.loc[models].to_numpy() & (metrics == "nse"), index=printed.index)


def _ours(results, metrics):
    """Give our numbers by model and metric, of the metrics that are printed."""
    way = aggregation_of(results)
    known = way.metrics(results)
    numbers = {}
    for model, part in results.groupby("model", sort=False):
        for metric in metrics:
            if metric in known:
                numbers[model, metric] = way.overall(part, metric)
            elif metric == "r_squared" and "pearson_r" in known:
                numbers[model, metric] = way.overall(part, "pearson_r") ** 2
    index = pd.MultiIndex.from_tuples(numbers, names=["model", "metric"])
    return pd.Series(list(numbers.values()), index=index, dtype=float)


def format_beside(results, markdown=False):
    """Write the comparison with the printed numbers as text.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol.
    markdown : bool, default=False
        Whether to write Markdown.

    Returns
    -------
    str
        "" if the papers print nothing.

    See Also
    --------
    beside_published : The comparison as data.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> row = ("camels-us-pur", "lstm", 0, "1", "01013500", "nse", 0.5)
    >>> text = format_beside(pd.DataFrame([row], columns=columns))
    >>> text.splitlines()[3].split()[:4]  # the printed NSE is above the printed correlation squared
    ['lstm', 'LSTM', '0.500', '0.554*']
    """
    table = beside_published(results)
    if table.empty:
        return ""
    metrics = list(dict.fromkeys(table.index.get_level_values("metric")))
    rows = {}
    for model, part in table.groupby(level="model", sort=False):
        part = part.droplevel("model")
        cells = {"in the papers": next((n for n in part["name"] if isinstance(n, str)), "-")}
        for metric in metrics:
            title = _TITLES.get(metric, metric)
            row = part.loc[metric] if metric in part.index else None
            cells[title] = np.nan if row is None else row["ours"]
            star = "*" if row is not None and row["impossible"] else ""
            value = np.nan if row is None else row["published"]
            cells[f"{title}, printed"] = "-" if value != value else f"{value:.3f}{star}"
        rows[model] = cells
    wide = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="model")
    sources = _in_words(table["source"].dropna().unique())
    title = "Beside what the papers print"
    text = [f"### {title}" if markdown else title, grid(wide, markdown)]
    remark = f"Printed in {sources}, for the papers' own sites and data."
    if table["impossible"].any():
        remark += (
            " * above the squared correlation printed beside it, which medians over the same sites "
            "cannot be."
        )
    return "\n\n".join([*text, remark])
