"""Draw the README's figure from a results table: one curve per model over the sites.

Usage: python docs/draw_scores.py RESULTS.csv FIGURE.png [--metric nse] [--protocol NAME]
"""

import argparse

import matplotlib as mpl
import pandas as pd

from stefaland_sk.plotting import SiteScoreDisplay


def main():
    """Read the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", help="tidy CSV; see docs/results/README.md")
    parser.add_argument("figure", help="PNG or SVG to write")
    parser.add_argument("--metric", default="nse")
    parser.add_argument("--protocol", default=None, help="needed if the table has several")
    parser.add_argument("--models", nargs="+", default=None, help="which, and in which order")
    options = parser.parse_args()

    mpl.use("Agg")
    results = pd.read_csv(options.results, dtype={"site": "str"})
    display = SiteScoreDisplay.from_results(
        results, metric=options.metric, protocol=options.protocol, models=options.models
    )
    display.plot().figure_.savefig(options.figure, dpi=110)
    print(display.medians.round(3).to_string())


if __name__ == "__main__":
    main()
