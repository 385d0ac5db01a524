"""Write the tables and figures of the results into the docs, from the CSV files only.

A page holds a pair of comments, ``<!-- results: FILE.csv -->`` and ``<!-- results: end -->``;
what stands between them is written anew from ``docs/results/FILE.csv``. In place of ``results``:
``printed`` puts scores beside what the papers print, ``costs`` tells what the models of a
``FILE_runs.csv`` took, ``protocols`` gives one line per protocol.

Usage: python docs/write_results.py [--check]
"""

import re
import sys
from pathlib import Path

import pandas as pd

from stefaland_sk.benchmark import (
    format_beside,
    format_costs,
    format_protocols,
    format_tables,
    read_results,
)

REPO = Path(__file__).resolve().parents[1]
RESULTS = REPO / "docs" / "results"
GUIDES = [REPO / "docs" / f"{name}.md" for name in ("pretraining", "finetuning", "judging")]
PAGES = [REPO / "README.md", *GUIDES, RESULTS / "README.md"]
BLOCK = re.compile(
    r"(<!-- (results|printed|costs|protocols): (\S+\.csv) -->\n).*?(<!-- \2: end -->)", re.DOTALL
)


def in_bold(text):
    """Text whose headings are lines in bold: those of the page are the page's own."""
    return re.sub(r"^#+ (.*)$", r"**\1**", text.strip(), flags=re.M)


def block_of(kind, file):
    """Markdown of one block."""
    if kind == "results":
        return tables_of(file)
    if kind == "costs":
        return in_bold(format_costs(pd.read_csv(RESULTS / file), markdown=True))
    scores = read_results(RESULTS / file)
    if kind == "protocols":
        return in_bold(format_protocols(scores, markdown=True))
    parts = (part for _, part in scores.groupby("protocol", sort=False))
    return in_bold("\n\n".join(format_beside(part, markdown=True) for part in parts))


def tables_of(file):
    """Markdown of one file: scores as tables of medians, anything else as it is."""
    path = RESULTS / file
    columns = pd.read_csv(path, comment="#", nrows=0).columns
    if {"protocol", "site", "metric"} <= set(columns):
        return in_bold(format_tables(read_results(path), markdown=True))
    if {"protocol", "variable", "metric"} <= set(columns):
        table = by_variable(pd.read_csv(path, comment="#"))
    elif {"protocol", "fold", "metric", "n_sites"} <= set(columns):
        return by_fold(pd.read_csv(path, keep_default_na=False))
    elif {"conformity", "level", "coverage"} <= set(columns):
        table = by_conformity(pd.read_csv(path, comment="#", dtype={"region": str}))
    else:
        table = pd.read_csv(path, comment="#", dtype=str).fillna("")
    return as_lines(table.set_index(table.columns[0]))


def as_lines(table):
    """Markdown of a table of texts, the index first."""
    names = [table.index.name, *table.columns]
    lines = [names, ["---"] * len(names), *table.itertuples()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_fold(scores):
    """Scores of folds: all metrics over the sites of all folds together, and R2 of each fold."""
    blocks = []
    for protocol, part in scores.groupby("protocol", sort=False):
        every, folds = part[part["fold"] == "all"], part[part["fold"] != "all"]
        models, (n_sites,) = every["model"].unique(), every["n_sites"].unique()
        table = every.pivot(index="model", columns="metric", values="value")
        table = table.loc[models, every["metric"].unique()]
        table = table.rename(columns={"pearson_r": "r", "nse": "R2"}).map("{:.3f}".format)
        r2 = folds[folds["metric"] == "nse"]
        r2 = r2.pivot(index=["fold", "n_sites"], columns="model", values="value")[models]
        table["median R2 of folds"] = r2.median().map("{:.3f}".format)
        table["folds with R2 above 0"] = [f"{n} of {len(r2)}" for n in (r2 > 0).sum()]
        blocks += [f"**{protocol}: over the {n_sites} sites held out**", as_lines(table)]
        r2.index = pd.Index([f"{fold} (n={n})" for fold, n in r2.index], name="fold")
        blocks += ["**R2 per fold, with the number of sites**", as_lines(r2.map("{:.3f}".format))]
    return "\n\n".join(blocks)


def by_variable(scores):
    """Scores per variable, as medians over the folds with the range of the folds."""
    keys, models = ["role", "variable"], list(dict.fromkeys(scores["model"]))
    found = scores.groupby([*keys, "model"], sort=False)["value"]
    table = found.agg(["median", "min", "max"]).unstack("model")
    lines = pd.DataFrame(index=table.index)
    for model in models:
        parts = (table[part, model].map("{:.2f}".format) for part in ("median", "min", "max"))
        lines[model] = [f"{mid} ({low} to {high})" for mid, low, high in zip(*parts, strict=True)]
    return lines.reset_index()


def by_conformity(coverage):
    """Coverage of intervals as means over sites, then over regions, with the range of regions."""
    seen = coverage[coverage["n_obs"] > 0]
    keys, numbers = ["model", "conformity", "level"], ["coverage", "relative_width"]
    regions = seen.groupby([*keys, "region"], sort=False)[
        [*numbers, "interval_score_inside"]
    ].mean()
    found = regions.groupby(keys, sort=False)
    away = (regions["coverage"] - regions.index.get_level_values("level")).abs()
    mean, low, high = found.mean(), found["coverage"].min(), found["coverage"].max()
    table = pd.DataFrame(index=mean.index)
    ranges = zip(mean["coverage"], low, high, strict=True)
    table["coverage (regions)"] = [f"{m:.3f} ({a:.3f} to {b:.3f})" for m, a, b in ranges]
    table["worst region"] = [key[-1] for key in away.groupby(keys, sort=False).idxmax()]
    table["relative width"] = mean["relative_width"].map("{:.2f}".format)
    table["interval score inside"] = mean["interval_score_inside"].map("{:.2f}".format)
    return table.reset_index().astype(str)


def renewed(page):
    """Text of a page with its blocks written anew."""
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{block_of(found[2], found[3])}\n\n{found[4]}",
        page.read_text(encoding="utf-8"),
    )


def main():
    """Write the pages, or with --check tell whether they are up to date."""
    stale = [page for page in PAGES if renewed(page) != page.read_text(encoding="utf-8")]
    if "--check" in sys.argv:
        sys.exit(
            f"not up to date: {[str(page.relative_to(REPO)) for page in stale]}" if stale else 0
        )
    for page in stale:
        page.write_text(renewed(page), encoding="utf-8")
        print("wrote", page.relative_to(REPO))


if __name__ == "__main__":
    main()
