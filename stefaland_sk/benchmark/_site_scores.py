"""Scores of other studies, site by site, under the protocol of one's own."""

import os
from pathlib import Path

import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.data._ids import as_site_ids

from ._tables import one_protocol, read_results


def add_site_scores(results, table, *, site="site", model="model", metrics=None):
    """Put scores that others publish for single sites beside one's own, at the same sites.

    Medians of two studies are over the sites of each; a comparison is fair where the sites are the
    same. What comes out is read by all that reads results: `overall_table`, `format_tables`,
    `compare`.

    Parameters
    ----------
    results : DataFrame, str or Path
        Scores of one protocol, as for `read_results`.
    table : DataFrame, str or Path
        Scores of others: one row per model and site, one column per metric, or the CSV file of
        such a table. Sites that `results` does not have are left out.
    site : str, default="site"
        Column of the identifiers. They are text: leading zeros count.
    model : str, default="model"
        Column of the models' names; if there is no such column, the name of the only model.
    metrics : dict of str to str, default=None
        Column of each metric, by the metric's name in `results`, such as ``{"nse": "NSE"}``. None
        takes the columns that have the name of a metric of the results, in capitals or not.

    Returns
    -------
    DataFrame
        The results, then the scores of the others: seed 0, and in the folds of `results`. A site
        of `results` that the others have not has NaN.

    Raises
    ------
    ValueError
        If `results` holds several protocols, a column is missing, a site stands twice for a model,
        no site is shared, or a model has the name of one in `results`.

    See Also
    --------
    published_values : Medians that the papers print.
    compare : Pairs two models at each site.

    Notes
    -----
    Studies differ in forcing, years and in what they define KGE's terms by: say so beside
    the table.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
    >>> rows = [("demo", "mine", 0, "1", f"0{i}", "nse", 0.1 * i) for i in (3, 5, 6)]
    >>> others = pd.DataFrame({"gauge": ["03", "05", "77"], "NSE": [0.2, 0.4, 0.9]})
    >>> both = add_site_scores(
    ...     pd.DataFrame(rows, columns=columns), others, site="gauge", model="theirs"
    ... )
    >>> from stefaland_sk.benchmark import overall_table
    >>> overall_table(both, baseline="mine")[["n_sites", "nse", "win_rate"]].round(2)
            n_sites  nse  win_rate
    model
    mine          3  0.5       NaN
    theirs        2  0.3       0.0
    """
    results = one_protocol(read_results(results))
    if isinstance(table, str | os.PathLike):
        table = pd.read_csv(Path(table).expanduser(), dtype={site: str}, comment="#")
    check_option("site", site, list(table.columns))
    found = _columns(table, results, metrics)
    names = table[model] if model in table else pd.Series(str(model), index=table.index)
    taken = sorted(set(names.unique()) & set(results["model"].unique()))
    if taken:
        raise ValueError(
            f"`table` and `results` both have a model named {taken[0]!r}. Rename one of them."
        )
    folds = results.drop_duplicates(["fold", "site"])[["fold", "site"]]
    parts = []
    for name, rows in table.groupby(names.to_numpy(), sort=False):
        scores = rows[list(found.values())].set_axis(list(found), axis=1)
        scores.index = as_site_ids(rows[site], f"table of {name!r}")
        shared = scores.index.intersection(folds["site"])
        if shared.empty:
            raise ValueError(
                f"`table` has no site of `results` for {name!r}. It has, for example, "
                f"{scores.index[0]!r}; `results` has {folds['site'].iloc[0]!r}. Read identifiers "
                "as text (dtype=str), since numbers lose leading zeros."
            )
        wide = folds.join(scores, on="site").melt(
            ["fold", "site"], var_name="metric", value_name="value"
        )
        parts.append(wide.assign(protocol=results["protocol"].iloc[0], model=str(name), seed=0))
    return read_results([results, *parts])


def _columns(table, results, metrics):
    """Give the column of each metric."""
    known = list(results["metric"].unique())
    if metrics is None:
        metrics = {c.lower(): c for c in map(str, table.columns) if c.lower() in known}
        if not metrics:
            raise ValueError(
                f"`table` has no column with the name of a metric of `results`, {known}; it has "
                f"{list(table.columns)}. Say which is which: metrics={{{known[0]!r}: COLUMN}}."
            )
    for metric, column in metrics.items():
        check_option("metrics", metric, known)
        check_option(f"metrics[{metric!r}]", column, list(table.columns))
    return dict(metrics)
