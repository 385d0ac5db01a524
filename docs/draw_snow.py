"""Draw what HBV, trained on flow alone, says of evaporation, snow and baseflow.

Usage: python docs/draw_snow.py [--check]

Reads docs/results/snow_and_evaporation.csv, draws docs/figures/snow.png and writes the rank
correlations into docs/physics.md.
"""

import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "physics.md"
RESULTS = REPO / "docs" / "results" / "snow_and_evaporation.csv"
FIGURE = REPO / "docs" / "figures" / "snow.png"
START, END = "<!-- snow: start -->", "<!-- snow: end -->"
# Simulated, known from elsewhere, what the latter is.
PAIRS = [
    ("et_over_p", "rest_over_p", "1 - observed runoff / precipitation"),
    ("et_over_p", "aridity", "aridity"),
    ("snowfall_over_p", "frac_snow", "snow fraction of CAMELS"),
    ("bfi", "baseflow_index", "baseflow index of CAMELS"),
]
WORDS = {
    "et_over_p": "evaporation / precipitation",
    "snowfall_over_p": "snowfall / precipitation",
    "bfi": "baseflow / runoff",
}
MONTHS = [f"swe_{month:02d}" for month in range(1, 13)]


def correlate(table):
    """Give rank correlation, mean difference and number of basins of each pair."""
    rows = []
    for simulated, known, words in PAIRS:
        both = table[[simulated, known]].dropna()
        rank = both[simulated].rank().corr(both[known].rank())
        gap = np.nan if known == "aridity" else (both[simulated] - both[known]).mean()
        rows.append((WORDS[simulated], words, rank, gap, len(both)))
    return pd.DataFrame(rows, columns=["simulated", "known", "rank", "gap", "n"])


def draw(table):
    """Draw three scatter plots, the last with its line of equality, and the year of the snow."""
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    pairs = [PAIRS[0], PAIRS[1], PAIRS[2]]
    for ax, (simulated, known, words) in zip(axes, pairs, strict=False):
        points = ax.scatter(table[known], table[simulated], s=8, c=table["frac_snow"])
        ax.set(xlabel=words, ylabel=f"simulated {WORDS[simulated]}")
        if known == "aridity":
            aridity = np.linspace(0.05, table["aridity"].max(), 200)
            budyko = np.sqrt(aridity * np.tanh(1 / aridity) * (1 - np.exp(-aridity)))
            ax.plot(aridity, budyko, "k--", lw=1, label="Budyko (1974)")
            ax.legend(fontsize="x-small")
        else:
            ax.axline((0, 0), slope=1, color="k", lw=1, ls="--")
    figure.colorbar(points, ax=axes[2], label="snow fraction of CAMELS")
    cuts = pd.cut(table["frac_snow"], [-0.01, 0.1, 0.3, 0.5, 1.0])
    labels = ["< 0.1", "0.1 to 0.3", "0.3 to 0.5", "> 0.5"]
    order = [9, 10, 11, *range(9)]  # water years begin in October
    for (_, basins), label in zip(table.groupby(cuts, observed=False), labels, strict=True):
        cycle = basins[MONTHS].median().to_numpy()[order]
        axes[3].plot(range(12), cycle, "o-", ms=3, label=f"{label} (n={len(basins)})")
    axes[3].set_xticks(range(12), list("ONDJFMAMJJAS"))
    axes[3].set(xlabel="month", ylabel="simulated SWE [mm]")
    axes[3].set_ylim(0, 1.35 * axes[3].get_ylim()[1])  # room for the legend
    axes[3].legend(title="snow fraction", fontsize="x-small", title_fontsize="x-small", ncols=2)
    return figure


def lines_of(table):
    """Give the correlations as a table for the page."""
    yield "| simulated | beside | rank correlation | mean difference | basins |"
    yield "|---|---|---|---|---|"
    for row in correlate(table).itertuples():
        gap = "" if np.isnan(row.gap) else f"{row.gap:+.2f}"
        yield f"| {row.simulated} | {row.known} | {row.rank:.2f} | {gap} | {row.n} |"


def main():
    """Draw the figure and write the correlations into the page, or compare them with it."""
    table = pd.read_csv(RESULTS, comment="#", dtype={"site": "str"})
    text = f"{START}\n\n{chr(10).join(lines_of(table))}\n\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    block = re.compile(re.escape(START) + ".*?" + re.escape(END), re.S)
    written = block.sub(lambda _: text, page)
    if "--check" in sys.argv:
        sys.exit(written != page and f"{PAGE.name} is not what {RESULTS.name} says")
    draw(table).savefig(FIGURE, dpi=110)
    PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
