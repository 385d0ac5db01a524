"""Tables of a comparison, made from its scores per site and from nothing else."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from ._aggregate import aggregation_of, win_rate
from ._run import MEAN_OF, SCORE_COLUMNS

FOLD_COLUMNS = ["protocol", "model", "fold", "n_sites", "metric", "value"]
_TOLERANCE = 1e-3  # scores are kept to six digits


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
        # Only numbers can be missing: NA is Namibia.
        table = pd.read_csv(
            Path(source).expanduser(),
            dtype=text,
            keep_default_na=False,
            na_values={"value": ["", "nan", "NaN", "NA"]},
        )
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

    Of a target with one value per site, such as soil texture, metrics are taken over the sites
    instead, and the win rate is by the absolute error.

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
        interval over sites of the first metric's median), ``seed_low`` and ``seed_high`` (lowest
        and highest median of a single seed), and ``win_rate`` against `baseline` by the first
        metric.

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
    results = one_protocol(results)
    way = aggregation_of(results)
    metrics = way.metrics(results, metrics)
    first = metrics[0]
    wins = win_rates(results, metric=first, baseline=baseline)
    rows = {}
    for model, part in results.groupby("model", sort=False):
        n_scored, n_sites = way.n_scored(part, first)
        low, high = way.interval(part, first)
        of_seeds = [way.overall(own, first) for _, own in part.groupby("seed")]
        rows[model] = {
            "n_seeds": part["seed"].nunique(),
            "n_sites": n_scored,
            "n_left_out": n_sites - n_scored,
            **{metric: way.overall(part, metric) for metric in metrics},
            **{"low": low, "high": high},
            **{"seed_low": min(of_seeds), "seed_high": max(of_seeds)},
            "win_rate": wins.get(model, np.nan),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="model")


def fold_table(results, metric=None):
    """Give the median over the sites of each fold, one row per model.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol. With several seeds each site first gets its mean over them.
    metric : str, default=None
        The metric; None takes the first one.

    Returns
    -------
    DataFrame of shape (n_models, n_folds + 1)
        Medians per fold, and over the sites of all folds in ``all``; of targets with one value
        per site, the metric over the sites. The number of
        sites scored, the greatest over the models, is in ``attrs["n_sites"]``.

    Raises
    ------
    ValueError
        If `results` holds several protocols, or the metric is not there.

    See Also
    --------
    overall_table : All metrics over all sites.
    fold_scores : All metrics and protocols, one number per row.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, f, f"0{f}", "nse", v) for f, v in [("1", 0.4), ("2", 0.6)]]
    >>> fold_table(pd.DataFrame(rows, columns=columns)).loc["lstm"].tolist()
    [0.4, 0.6, 0.5]
    """
    results = one_protocol(results)
    way = aggregation_of(results)
    (metric,) = way.metrics(results, None if metric is None else [metric])[:1]
    folds = in_order(results["fold"].unique())
    rows, counts = {}, dict.fromkeys([*folds, "all"], 0)
    for model, part in results.groupby("model", sort=False):
        parts = {**dict(tuple(part.groupby("fold"))), "all": part}
        rows[model] = {fold: way.overall(of_fold, metric) for fold, of_fold in parts.items()}
        for fold, of_fold in parts.items():
            counts[fold] = max(counts[fold], way.n_scored(of_fold, metric)[0])
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(counts))
    table.attrs["n_sites"] = counts
    return table.rename_axis(index="model")


def fold_scores(results):
    """Give all metrics of each fold: results without sites, where those must not be passed on.

    Parameters
    ----------
    results : DataFrame
        Scores of any number of protocols, as from `read_results`.

    Returns
    -------
    DataFrame
        One row per protocol, metric, model and fold, and for all folds together ("all"), with
        ``n_sites`` and ``value``, as in `fold_table`.

    See Also
    --------
    fold_table : One metric of one protocol, folds beside each other.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, f, f"0{f}", "nse", v) for f, v in [("1", 0.4), ("2", 0.6)]]
    >>> print(fold_scores(pd.DataFrame(rows, columns=columns)).to_string(index=False))
    protocol model fold  n_sites metric  value
        demo  lstm    1        1    nse    0.4
        demo  lstm    2        1    nse    0.6
        demo  lstm  all        2    nse    0.5
    """
    rows = []
    for protocol, part in results.groupby("protocol", sort=False):
        for metric in aggregation_of(part).metrics(part):
            table = fold_table(part, metric)
            counts = table.attrs["n_sites"]
            for model, values in table.iterrows():
                rows += [(protocol, model, f, counts[f], metric, v) for f, v in values.items()]
    return pd.DataFrame(rows, columns=FOLD_COLUMNS)


def protocol_table(results):
    """Give one number per protocol and model: the first metric over all sites.

    Parameters
    ----------
    results : DataFrame
        Scores of any number of protocols.

    Returns
    -------
    DataFrame of shape (n_protocols, n_models)
        NaN where a model was not run under a protocol. The metrics, by protocol, are in
        ``attrs["metric"]``.

    See Also
    --------
    overall_table : All numbers of one protocol.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [(p, "lstm", 0, "1", "01", "nse", v) for p, v in [("k100", 0.4), ("k200", 0.6)]]
    >>> protocol_table(pd.DataFrame(rows, columns=columns))["lstm"].to_dict()
    {'k100': 0.4, 'k200': 0.6}
    """
    rows, metrics = {}, {}
    for protocol, part in results.groupby("protocol", sort=False):
        way = aggregation_of(part)
        metrics[protocol] = way.metrics(part)[0]
        models = part.groupby("model", sort=False)
        rows[protocol] = {name: way.overall(own, metrics[protocol]) for name, own in models}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="protocol")
    table.attrs["metric"] = metrics
    return table


def win_rates(results, *, metric=None, baseline="lstm"):
    """Tell at what share of the sites a model beats the baseline.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol. With several seeds each site first gets its mean over them.
    metric : str, default=None
        The metric compared; None takes the first one. Of targets with one value per site, the
        absolute errors are compared.
    baseline : str, default="lstm"
        Model to beat.

    Returns
    -------
    Series
        One number per other model, over the sites that both have; a tie counts half. Empty
        if the baseline is not there. The baseline's own mean over seeds is not compared with it.

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
    results = one_protocol(results)
    way = aggregation_of(results)
    (metric,) = way.metrics(results, None if metric is None else [metric])[:1]
    scores = way.goodness(results, metric).unstack("model")
    # A mean over seeds is at no site worse than its own seeds are on average.
    own = (baseline, *(m for m in results["model"].unique() if m.startswith(baseline + MEAN_OF)))
    models = [model for model in results["model"].unique() if model not in own]
    if baseline not in scores:
        models = []
    rates = {model: win_rate(scores[model] - scores[baseline]) for model in models}
    return pd.Series(rates, dtype=float, name="win_rate").dropna()


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
        [1]_); a model that lacks, with one of its seeds, sites or folds that others have.

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
    results = one_protocol(results)
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
    every = set(wide.index.droplevel(["model", "seed"]))
    for model in results["model"].unique():
        there = wide.loc[model].index
        wanted = {(seed, *of_site) for seed in there.unique("seed") for of_site in every}
        missing = wanted - set(there)
        if missing:
            seed, fold, site = min(missing)
            problems.append(
                f"{model}: {len(missing)} of {len(wanted)} combinations of seed and site are not "
                f"there, for example site {site!r} of fold {fold!r} with seed {seed}; its medians "
                "are over other sites than those of the other models."
            )
    return problems


def one_protocol(results):
    """Raise unless all scores are of one protocol."""
    names = list(results["protocol"].unique())
    if len(names) != 1:
        raise ValueError(
            f"These results are of {len(names)} protocols: {names}. Take one: "
            "results[results['protocol'] == name]."
        )
    return results


def in_order(folds):
    """Sort labels of folds, numbers by their value."""
    return sorted(folds, key=lambda f: (0, int(f), "") if f.isdigit() else (1, 0, f))
