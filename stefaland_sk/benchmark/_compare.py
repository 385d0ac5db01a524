"""Two results side by side, site by site."""

from typing import NamedTuple

import pandas as pd

from ._aggregate import aggregation_of, paired_interval, win_rate
from ._format import grid
from ._tables import in_order, one_protocol, read_results


class Comparison(NamedTuple):
    """Two results side by side.

    Parameters
    ----------
    folds : DataFrame
        Indexed by model and fold ("all" for all): ``n_sites`` that both have, ``a``, ``b``,
        ``difference`` (median over sites of the paired differences), ``low``, ``high`` (90 %
        bootstrap interval over sites) and ``win_rate``, the share of sites at which b is better.
    sites : DataFrame
        Indexed by model and site: ``fold``, ``a``, ``b`` and ``difference``, which is positive
        where b is better. The sites that lose most stand first.
    metric : str
        What is compared.

    See Also
    --------
    compare : Makes one.

    Examples
    --------
    >>> import pandas as pd
    >>> Comparison(pd.DataFrame(), pd.DataFrame(), "nse").metric
    'nse'
    """

    folds: pd.DataFrame
    sites: pd.DataFrame
    metric: str


def compare(results_a, results_b, *, metric=None):
    """Compare two results at each site: what b gains over a, and where it loses.

    Parameters
    ----------
    results_a, results_b : DataFrame, str, Path or list of them
        Scores of one protocol each, or their files, as for `read_results`: of two models under
        one protocol, or of the same models before and after a change. If each holds one model,
        these two are compared; otherwise models of the same name.
    metric : str, default=None
        The metric compared; None takes the first one. Of targets with one value per site the
        absolute errors are compared.

    Returns
    -------
    Comparison
        ``folds``, ``sites`` and ``metric``.

    Raises
    ------
    ValueError
        If a column is missing, the two have no model or no site in common, there is no such
        metric, or the kinds of target differ.

    See Also
    --------
    win_rates : All models of one result against one of them.
    format_comparison : The comparison as text.

    Notes
    -----
    Differences are of scores of which the greater is the better: of RMSE, a minus b. With several
    seeds, a site's score is the mean over them. Paired differences say more than two medians: sites
    differ more from each other than models do. Neighbouring sites are not independent, so the
    interval is too narrow where they lie close together.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> def scores(model, values):
    ...     rows = [("demo", model, 0, "1", site, "nse", v) for site, v in values.items()]
    ...     return pd.DataFrame(rows, columns=columns)
    >>> found = compare(scores("lstm", {"01": 0.4, "02": 0.5, "03": 0.6}),
    ...                 scores("mine", {"01": 0.6, "02": 0.6, "03": 0.5}))
    >>> found.folds.loc[("mine", "all"), ["difference", "win_rate"]].round(3).tolist()
    [0.1, 0.667]
    >>> found.sites.index[0]  # loses most
    ('mine', '03')
    """
    results_a, results_b = read_results(results_a), read_results(results_b)
    ways = [aggregation_of(one_protocol(part)) for part in (results_a, results_b)]
    if type(ways[0]) is not type(ways[1]):
        raise ValueError(
            "One of the results has scores of each site, the other values of targets without time; "
            "there is nothing to compare."
        )
    way = ways[0]
    (metric,) = way.metrics(results_a, None if metric is None else [metric])[:1]
    way.metrics(results_b, [metric])
    sites, folds = {}, {}
    for name, a, b in _pairs(results_a, results_b):
        paired = _paired(way, a, b, metric)
        if paired.empty:
            raise ValueError(f"The two results of {name!r} have no site in common.")
        sites[name] = paired.sort_values("difference", kind="stable").reset_index("fold")
        folds[name] = _summary(paired)
    return Comparison(
        pd.concat(folds, names=["model", "fold"]),
        pd.concat(sites, names=["model", "site"]),
        way.compared(metric),
    )


def _pairs(results_a, results_b):
    """Give the pairs of models that are compared, by the name of the second."""
    parts = [dict(tuple(part.groupby("model", sort=False))) for part in (results_a, results_b)]
    if all(len(part) == 1 for part in parts):
        (a,), ((name, b),) = parts[0].values(), parts[1].items()
        return [(name, a, b)]
    shared = [name for name in parts[0] if name in parts[1]]
    if not shared:
        raise ValueError(
            f"The two results have no model in common: {list(parts[0])} and {list(parts[1])}. Take "
            "one model of each: results[results['model'] == name]."
        )
    return [(name, parts[0][name], parts[1][name]) for name in shared]


def _paired(way, a, b, metric):
    """Give both scores of the sites that both have, and the difference of their worth."""
    index = ["fold", "site"]
    columns = {}
    for name, part in (("a", a), ("b", b)):
        columns[name] = way.per_site(part, metric).droplevel("model")
        columns[f"worth_{name}"] = way.goodness(part, metric).droplevel("model")
    table = pd.DataFrame(columns).dropna().rename_axis(index=index)
    table["difference"] = table.pop("worth_b") - table.pop("worth_a")
    return table


def _summary(paired):
    """Summarise paired differences, per fold and over all."""
    parts = dict(tuple(paired.groupby(level="fold")))
    parts = {fold: parts[fold] for fold in in_order(list(parts))} | {"all": paired}
    rows = {}
    for fold, part in parts.items():
        low, high = paired_interval(part["difference"])
        rows[fold] = {
            "n_sites": len(part),
            **part[["a", "b", "difference"]].median().to_dict(),
            "low": low,
            "high": high,
            "win_rate": win_rate(part["difference"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="fold")


def format_comparison(comparison, *, n_sites=5, markdown=False):
    """Write a comparison as text.

    Parameters
    ----------
    comparison : Comparison
        From `compare`.
    n_sites : int, default=5
        Number of sites shown that lose most.
    markdown : bool, default=False
        Whether to write Markdown; otherwise aligned text.

    Returns
    -------
    str
        Per model the table of folds and the sites that lose most.

    See Also
    --------
    compare : Compares.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "lstm", 0, "1", site, "nse", 0.4) for site in ("01", "02")]
    >>> table = pd.DataFrame(rows, columns=columns)
    >>> print(format_comparison(compare(table, table)).splitlines()[0])
    lstm: paired differences of nse, positive where b is better
    """
    blocks = []
    for model, folds in comparison.folds.groupby(level="model", sort=False):
        title = f"{model}: paired differences of {comparison.metric}, positive where b is better"
        blocks.append(f"### {title}" if markdown else title)
        blocks.append(grid(folds.droplevel("model").astype({"n_sites": object}), markdown))
        worst = comparison.sites.loc[model].head(n_sites)
        worst = worst[worst["difference"] < 0]
        if len(worst):
            title = "Sites that lose most"
            blocks += [f"#### {title}" if markdown else title, grid(worst, markdown)]
    return "\n\n".join(blocks) + "\n"
