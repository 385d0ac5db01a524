"""Tables of a comparison as text."""

import numpy as np
import pandas as pd

from ._aggregate import aggregation_of
from ._protocols import PROTOCOLS
from ._tables import find_problems, fold_table, overall_table, protocol_table

_MOST_FOLDS = 15  # that stand beside each other
_MOST_ROWS = 50  # of folds below each other


def format_tables(results, *, baseline=None, markdown=False):
    """Write the tables of every protocol as text.

    Parameters
    ----------
    results : DataFrame
        Scores, as from `read_results`.
    baseline : str, default=None
        Model that the others are compared with; None takes that of each protocol of the library,
        and "lstm" for others.
    markdown : bool, default=False
        Whether to write Markdown; otherwise aligned text.

    Returns
    -------
    str
        Medians over all sites with interval and win rate, and NSE, KGE and RMSE (those
        that are there) per fold, with remarks on how to read them.

    Raises
    ------
    ValueError
        If there is nothing in the results.

    See Also
    --------
    overall_table, fold_table : The tables as data.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, f, f"0{f}", "nse", v) for f, v in [("1", 0.4), ("2", 0.6)]]
    >>> text = format_tables(pd.DataFrame(rows, columns=columns))
    >>> text.splitlines()[0]
    'demo: median over the sites held out'
    """
    if results.empty:
        raise ValueError("The results hold no score.")
    blocks = []
    for protocol, part in results.groupby("protocol", sort=False):
        blocks += _blocks(protocol, part, baseline or baseline_of(protocol), markdown)
    return "\n\n".join(blocks) + "\n"


def baseline_of(protocol):
    """Give the baseline of a protocol of the library, or of a variant with a longer name."""
    name = protocol.removeprefix("synthetic-")
    found = [n for n in PROTOCOLS if name == n or name.startswith(f"{n}-")]
    return PROTOCOLS[max(found, key=len)].baseline if found else "lstm"


def format_protocols(results, *, markdown=False):
    """Write the first metric of each protocol and model as text.

    Parameters
    ----------
    results : DataFrame
        Scores of several protocols.
    markdown : bool, default=False
        Whether to write Markdown; otherwise aligned text.

    Returns
    -------
    str
        A table with one row per protocol.

    See Also
    --------
    protocol_table : The table as data.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [(p, "lstm", 0, "1", "01", "nse", v) for p, v in [("k100", 0.4), ("k200", 0.6)]]
    >>> print(format_protocols(pd.DataFrame(rows, columns=columns)))
    All protocols: the first metric over all sites
    <BLANKLINE>
    protocol  metric   lstm
    k100         nse  0.400
    k200         nse  0.600
    <BLANKLINE>
    """
    table = protocol_table(results)
    shown = table.astype(object)
    shown.insert(0, "metric", pd.Series(table.attrs["metric"]))
    title = "All protocols: the first metric over all sites"
    return "\n\n".join([f"## {title}" if markdown else title, grid(shown, markdown)]) + "\n"


def _blocks(protocol, results, baseline, markdown):
    """Write the tables of one protocol."""
    way = aggregation_of(results)
    metrics = way.metrics(results)
    overall = overall_table(results, baseline=baseline)
    heading = f"{protocol}: {way.heading}"
    blocks = [f"## {heading}" if markdown else heading]
    hidden = ["n_seeds", "low", "high", "seed_low", "seed_high", "win_rate"]
    shown = overall.drop(columns=hidden).astype(object)
    place = list(shown.columns).index(metrics[0]) + 1
    shown.insert(place, "90 % interval", _ranges(overall["low"], overall["high"]))
    if overall["n_seeds"].nunique() > 1:
        shown.insert(0, "n_seeds", overall["n_seeds"])
        place += 1
    if overall["n_seeds"].max() > 1:
        ranges = _ranges(overall["seed_low"], overall["seed_high"])
        several = overall["n_seeds"] > 1
        shown.insert(place + 1, "single seeds", pd.Series(ranges, overall.index).where(several, ""))
    if overall["win_rate"].notna().any():
        share = overall["win_rate"]
        shown[f"better than {baseline}"] = ["" if v != v else f"{100 * v:.0f} %" for v in share]
    blocks.append(grid(shown.rename(columns=way.labels), markdown))
    n_folds = results["fold"].nunique()
    if n_folds <= _MOST_ROWS:
        for metric in [m for m in ("nse", "kge", "rmse") if m in metrics] or metrics[:1]:
            table = fold_table(results, metric)
            table = _with_counts(table) if n_folds <= _MOST_FOLDS else _below_each_other(table)
            title = f"{way.summary} {_title(metric, way)} per fold, with the number of sites"
            blocks += [f"### {title}" if markdown else title, grid(table, markdown)]
    blocks.append(" ".join(_remarks(results, overall, metrics[0], way)))
    problems = find_problems(results)
    if problems:
        blocks.append("\n".join(f"{'- ' if markdown else ''}PROBLEM: {p}" for p in problems))
    return blocks


def _ranges(low, high):
    """Write ranges of numbers."""
    return [f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]


def _with_counts(table):
    """Write the number of sites beside the name of each fold."""
    counts = table.attrs["n_sites"]
    return table.rename(columns={fold: f"{fold} (n={counts[fold]})" for fold in table})


def _below_each_other(table):
    """Give a table with a row per fold and a column per model."""
    turned = table.T.rename_axis(index="fold").astype(object)
    turned.insert(0, "n_sites", pd.Series(table.attrs["n_sites"]))
    return turned


def _remarks(results, overall, first, way):
    """Say how the numbers were made."""
    counts = sorted(overall["n_seeds"].unique())
    if counts[-1] > 1:
        yield way.of_seeds.format(n=counts[-1] if len(counts) == 1 else "`n_seeds`")
    else:
        yield f"One seed ({results['seed'].iloc[0]})."
    yield (
        f"The interval is of the {way.summary.lower()} {_title(first, way)}, from a bootstrap over "
        "sites; it says nothing of the spread over seeds, and is too narrow where sites are "
        "neighbours."
    )
    if overall["n_left_out"].any():
        yield "Sites with too few observations are left out and counted."


def grid(table, markdown):
    """Write a table as aligned text or as Markdown."""
    header = [table.index.name or "", *map(str, table.columns)]
    rows = [[str(name), *map(_cell, row)] for name, row in zip(table.index, table.values)]  # noqa: B905
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        for row in [header, *rows]
    ]
    if not markdown:
        return "\n".join("  ".join(cells).rstrip() for cells in lines)
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [lines[0], rule, *lines[1:]])


def _cell(value):
    """Write one cell; whole numbers are counts."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return str(value)
    return "-" if value != value else f"{value:.3f}"


def _title(metric, way):
    """Name a metric in a heading."""
    name = way.labels.get(metric, metric)
    return name.upper() if 1 < len(name) <= 4 else name
