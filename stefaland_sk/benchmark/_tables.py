"""Tables of a comparison, made from its scores per site and from nothing else."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.metrics import METRICS, bootstrap_median

from ._run import SCORE_COLUMNS

_TOLERANCE = 1e-3  # scores are kept to six digits
_LABELS = {"pearson_r": "r"}


def read_results(source):
    """Read the scores of one or more runs.

    Parameters
    ----------
    source : str, Path, DataFrame or list of them
        CSV files with the columns protocol, model, seed, fold, site, metric and value, or
        such tables.

    Returns
    -------
    DataFrame
        The scores; folds and sites are strings.

    Raises
    ------
    ValueError
        If a column is missing or a score stands there twice.

    See Also
    --------
    run : Makes such files.

    Examples
    --------
    >>> import pandas as pd
    >>> row = ("demo", "lstm", 0, 1, "01013500", "nse", 0.6)
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> read_results(pd.DataFrame([row], columns=columns))["fold"].tolist()
    ['1']
    """
    if isinstance(source, list | tuple):
        return _check(pd.concat([read_results(part) for part in source], ignore_index=True))
    if isinstance(source, str | os.PathLike):
        text = {"protocol": str, "model": str, "fold": str, "site": str, "metric": str}
        table = pd.read_csv(Path(source).expanduser(), dtype=text)
        name = f"{str(source)!r}"
    else:
        table, name = source.copy(), "the table"
    missing = [column for column in SCORE_COLUMNS if column not in table]
    if missing:
        raise ValueError(
            f"Results have the columns {SCORE_COLUMNS}, but {name} lacks {missing}; it has "
            f"{list(table.columns)[:10]}."
        )
    table = table[SCORE_COLUMNS]
    return _check(table.astype({"fold": str, "site": str, "value": float}))


def _check(table):
    """Raise if a score stands in a table twice."""
    twice = table.duplicated(SCORE_COLUMNS[:-1])
    if twice.any():
        row = table[twice].iloc[0]
        raise ValueError(
            f"{int(twice.sum())} scores stand in the results more than once, for example "
            f"{row['metric']!r} of {row['model']!r} at site {row['site']!r} with seed "
            f"{row['seed']}, under protocol {row['protocol']!r}."
        )
    return table


def overall_table(results, *, baseline="lstm", metrics=None):
    """Give the medians over all sites, one row per model.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol, as from `read_results`. With several seeds each site first
        gets the mean of its scores over the seeds.
    baseline : str, default="lstm"
        Model that the others are compared with, site by site. Not there: no win rate.
    metrics : sequence of str, default=None
        Metrics to show; None takes all.

    Returns
    -------
    DataFrame
        Indexed by model: ``n_seeds``, ``n_sites`` scored, ``n_left_out`` (too few
        observations), the median of each metric, ``low`` and ``high`` (90 % bootstrap
        interval over sites of the first metric's median), and ``win_rate`` against
        `baseline` by the first metric.

    Raises
    ------
    ValueError
        If `results` holds several protocols, or a metric is not there.

    See Also
    --------
    fold_table : The same per fold.
    win_rates : What the win rate is.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> values = [(seed, site) for seed in (0, 1) for site in (3, 5, 6)]
    >>> rows = [("demo", "lstm", a, "1", f"0{b}", "nse", 0.1 * b) for a, b in values]
    >>> overall_table(pd.DataFrame(rows, columns=columns))[["n_seeds", "n_sites", "nse"]]
           n_seeds  n_sites  nse
    model
    lstm         2        3  0.5
    """
    results = _one_protocol(results)
    metrics = _chosen(results, metrics)
    first = metrics[0]
    wins = win_rates(results, metric=first, baseline=baseline)
    rows = {}
    for model, part in results.groupby("model", sort=False):
        sites = site_means(part)
        scored = sites[first].notna()
        interval = bootstrap_median(sites[first])
        rows[model] = {
            "n_seeds": part["seed"].nunique(),
            "n_sites": int(scored.sum()),
            "n_left_out": int((~scored).sum()),
            **{metric: sites[metric].median() for metric in metrics},
            "low": interval.low,
            "high": interval.high,
            "win_rate": wins.get(model, np.nan),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="model")


def fold_table(results, metric="nse"):
    """Give the median over the sites of each fold, one row per model.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol. With several seeds each site first gets its mean over them.
    metric : str, default="nse"
        The metric.

    Returns
    -------
    DataFrame of shape (n_models, n_folds + 1)
        Medians per fold, and over the sites of all folds in ``all``. The number of
        sites scored, the greatest over the models, is in ``attrs["n_sites"]``.

    Raises
    ------
    ValueError
        If `results` holds several protocols, or the metric is not there.

    See Also
    --------
    overall_table : All metrics over all sites.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, f, f"0{f}", "nse", v) for f, v in [("1", 0.4), ("2", 0.6)]]
    >>> fold_table(pd.DataFrame(rows, columns=columns)).loc["lstm"].tolist()
    [0.4, 0.6, 0.5]
    """
    results = _one_protocol(results)
    (metric,) = _chosen(results, [metric])
    sites = site_means(results)[metric].reset_index()
    folds = _in_order(sites["fold"].unique())
    models = list(results["model"].unique())
    cells = sites.groupby(["model", "fold"])[metric]
    table = cells.median().unstack("fold").reindex(index=models, columns=folds)
    table["all"] = sites.groupby("model")[metric].median()
    counts = cells.count().groupby("fold").max().reindex(folds)
    whole = sites.groupby("model")[metric].count().max()
    table.attrs["n_sites"] = {**counts.astype(int).to_dict(), "all": int(whole)}
    return table.rename_axis(index="model", columns=None)


def win_rates(results, *, metric="nse", baseline="lstm"):
    """Tell at what share of the sites a model beats the baseline.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol. With several seeds each site first gets its mean over them.
    metric : str, default="nse"
        The metric compared.
    baseline : str, default="lstm"
        Model to beat.

    Returns
    -------
    Series
        One number per other model, over the sites that both have; a tie counts half. Empty
        if the baseline is not there.

    Raises
    ------
    ValueError
        If `results` holds several protocols, or the metric is not there.

    See Also
    --------
    overall_table : Shows it.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> lstm, mine = {"01": 0.4, "02": 0.4}, {"01": 0.5, "02": 0.3}
    >>> rows = [("demo", "lstm", 0, "1", site, "nse", value) for site, value in lstm.items()]
    >>> rows += [("demo", "mine", 0, "1", site, "nse", value) for site, value in mine.items()]
    >>> win_rates(pd.DataFrame(rows, columns=columns)).to_dict()
    {'mine': 0.5}
    """
    results = _one_protocol(results)
    (metric,) = _chosen(results, [metric])
    wide = site_means(results)[metric].unstack("model")
    if baseline not in wide:
        return pd.Series(dtype=float, name="win_rate")
    scores = wide.apply(lambda column: _goodness(metric, column.to_numpy()))
    rates = {}
    for model in results["model"].unique():
        both = scores[[model, baseline]].dropna() if model != baseline else []
        if len(both):
            ahead = both[model] - both[baseline]
            rates[model] = float((ahead > 0).mean() + (ahead == 0).mean() / 2)
    return pd.Series(rates, dtype=float, name="win_rate")


def find_problems(results):
    """Look for what cannot be, or should not be, in a table of results.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol.

    Returns
    -------
    list of str
        One sentence per problem: a median NSE above the median squared correlation, which
        no set of predictions can give (at each site NSE is at most the squared correlation
        [1]_); a model without some of the sites, folds or seeds that others have.

    References
    ----------
    .. [1] Murphy, A. H. (1988). Skill scores based on the mean square error and their
       relationships to the correlation coefficient. Mon. Weather Rev., 116, 2417-2424.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, "1", "01", m, v) for m, v in [("nse", 0.7), ("pearson_r", 0.8)]]
    >>> find_problems(pd.DataFrame(rows, columns=columns))
    ['lstm: the median NSE 0.700 is above the median squared correlation 0.640: impossible.']
    """
    results = _one_protocol(results)
    problems = []
    index = ["model", "seed", "fold", "site"]
    wide = results.pivot(index=index, columns="metric", values="value")
    if {"nse", "pearson_r"} <= set(wide):
        both = wide[["nse", "pearson_r"]].dropna()
        for model, part in both.groupby("model", sort=False):
            nse, squared = part["nse"].median(), (part["pearson_r"] ** 2).median()
            if nse > squared + _TOLERANCE:
                problems.append(
                    f"{model}: the median NSE {nse:.3f} is above the median squared correlation "
                    f"{squared:.3f}: impossible."
                )
    every = set(wide.index.droplevel("model"))
    for model in results["model"].unique():
        missing = every - set(wide.loc[model].index)
        if missing:
            seed, fold, site = min(missing)
            problems.append(
                f"{model}: {len(missing)} of {len(every)} combinations of seed and site are not "
                f"there, for example site {site!r} of fold {fold!r} with seed {seed}; its medians "
                "are over other sites than those of the other models."
            )
    return problems


def format_tables(results, *, baseline="lstm", markdown=False):
    """Write the tables of every protocol as text.

    Parameters
    ----------
    results : DataFrame
        Scores, as from `read_results`.
    baseline : str, default="lstm"
        Model that the others are compared with.
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
        blocks += _blocks(protocol, part, baseline, markdown)
    return "\n\n".join(blocks) + "\n"


def _blocks(protocol, results, baseline, markdown):
    """Write the tables of one protocol."""
    metrics = _chosen(results, None)
    overall = overall_table(results, baseline=baseline)
    heading = f"{protocol}: median over the sites held out"
    blocks = [f"## {heading}" if markdown else heading]
    shown = overall.drop(columns=["n_seeds", "low", "high", "win_rate"]).astype(object)
    place = list(shown.columns).index(metrics[0]) + 1
    interval = [f"{a:.3f} to {b:.3f}" for a, b in zip(overall["low"], overall["high"], strict=True)]
    shown.insert(place, "90 % interval", interval)
    if overall["win_rate"].notna().any():
        share = overall["win_rate"]
        shown[f"better than {baseline}"] = ["" if v != v else f"{100 * v:.0f} %" for v in share]
    blocks.append(_grid(shown, markdown))
    for metric in [m for m in ("nse", "kge", "rmse") if m in metrics] or metrics[:1]:
        table = fold_table(results, metric)
        counts = table.attrs["n_sites"]
        table = table.rename(columns={fold: f"{fold} (n={counts[fold]})" for fold in table})
        title = f"Median {_title(metric)} per fold, with the number of sites"
        blocks += [f"### {title}" if markdown else title, _grid(table, markdown)]
    blocks.append(" ".join(_remarks(results, overall, metrics[0])))
    problems = find_problems(results)
    if problems:
        blocks.append("\n".join(f"{'- ' if markdown else ''}PROBLEM: {p}" for p in problems))
    return blocks


def _remarks(results, overall, first):
    """Say how the numbers were made."""
    n_seeds = overall["n_seeds"].max()
    if n_seeds > 1:
        yield f"Scores of a site are means over {n_seeds} seeds; medians are over sites."
    else:
        yield f"One seed ({results['seed'].iloc[0]})."
    yield (
        f"The interval is of the median {_title(first)}, from a bootstrap over sites; it says "
        "nothing of the spread over seeds, and is too narrow where sites are neighbours."
    )
    if overall["n_left_out"].any():
        yield "Sites with too few observations are left out and counted."


def _grid(table, markdown):
    """Write a table as aligned text or as Markdown."""
    header = [table.index.name or "", *(_LABELS.get(name, str(name)) for name in table.columns)]
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


def site_means(results):
    """Mean over seeds: one row per (model, fold, site), one column per metric."""
    index = ["model", "fold", "site"]
    means = results.groupby([*index, "metric"], sort=False)["value"].mean()
    return means.unstack("metric")


def _goodness(metric, values):
    """Turn values into scores of which the greater is the better."""
    return METRICS[metric].to_score(values) if metric in METRICS else values


def _title(metric):
    """Name a metric in a heading."""
    return metric.upper() if len(metric) <= 4 else metric


def _chosen(results, metrics):
    """Give the metrics asked for; all, in their order, if none are."""
    there = list(results["metric"].unique())
    return there if metrics is None else [check_option("metric", m, there) for m in metrics]


def _one_protocol(results):
    """Raise unless all scores are of one protocol."""
    names = list(results["protocol"].unique())
    if len(names) != 1:
        raise ValueError(
            f"These results are of {len(names)} protocols: {names}. Take one: "
            "results[results['protocol'] == name]."
        )
    return results


def _in_order(folds):
    """Sort labels of folds, numbers by their value."""
    return sorted(folds, key=lambda f: (0, int(f), "") if f.isdigit() else (1, 0, f))
