"""Draw how the cost of HBV grows with days, sites and members, from the benchmark's CSV.

Usage: python docs/draw_hbv.py [docs/results/hbv.csv] [docs/figures/hbv_scaling.png]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

REPO = Path(__file__).resolve().parents[1]
BASE = {"days": 730, "sites": 64, "members": 16}
LABELS = {True: "flow and gradients", False: "flow only"}


def draw(table):
    """Draw one panel for each size that grows, the others at their base."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for ax, size in zip(axes, BASE, strict=True):
        others = [name for name in BASE if name != size]
        same = (table[others] == pd.Series(BASE)[others]).all(axis=1)
        for gradient, label in LABELS.items():
            rows = table[same & (table["gradient"] == gradient) & (table["measure"] == "seconds")]
            ours = rows[rows["part"] == "scaling"].sort_values(size)
            theirs = rows[(rows["part"] == "speed") & (rows["name"] == "hydrodl2")]
            line = ax.plot(ours[size], ours["value"], "o-", label=label)[0]
            ax.plot(
                theirs[size],
                theirs["value"],
                "x--",
                color=line.get_color(),
                label=f"{label}, hydrodl2",
            )
        ax.set(xscale="log", yscale="log", xlabel=size)
    axes[0].set_ylabel("CPU time [s]")
    axes[0].legend(fontsize="x-small")
    return figure


if __name__ == "__main__":
    source, target = [*map(Path, sys.argv[1:]), None, None][:2]
    source = source or REPO / "docs" / "results" / "hbv.csv"
    target = target or REPO / "docs" / "figures" / "hbv_scaling.png"
    draw(pd.read_csv(source, comment="#")).savefig(target, dpi=120)
