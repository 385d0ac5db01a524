"""Our rows beside published scores of the same basins.

    python benchmarks/published_basins.py

Reads the scores of `value_of_pretraining.py pub` and the table of published scores per basin, which
stays where it is; writes medians over the basins that both have, and at what share of them the
published model is better than ours.
"""

import argparse
from pathlib import Path

import pandas as pd
from _results import RESULTS, write_results

from stefaland_sk.benchmark import add_site_scores, overall_table, read_results, win_rates

PUBLISHED = Path("../shared/data/camels_us/benchmarks/published_per_basin_metrics.csv")
OURS = ("lstm", "lstm_hbv")
FACTS = ["study", "setting", "forcing", "train_period", "test_period"]


def compare_with(scores, published):
    """Give a row per model: medians, and who is better at how many basins."""
    both = add_site_scores(scores, published, site="gauge_id", metrics={"nse": "NSE"})
    both = both[both["metric"] == "nse"]
    facts = published.drop_duplicates("model").set_index("model")[FACTS]
    table = overall_table(both)[["n_seeds", "n_sites", "nse", "low", "high"]].round(3).join(facts)
    for name in OURS:
        table[f"better than {name}"] = win_rates(both, baseline=name).round(2)
    return table.fillna(dict.fromkeys(FACTS[:1], "here")).reset_index()


def main():
    """Parse the command line, compare, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=Path, default=RESULTS / "camels_us_pub.csv")
    parser.add_argument("--published", type=Path, default=PUBLISHED)
    parser.add_argument("--output", type=Path, default=RESULTS / "published_basins.csv")
    options = parser.parse_args()
    scores = read_results(options.scores)
    published = pd.read_csv(options.published, dtype={"gauge_id": str})
    write_results(
        options.output,
        compare_with(scores, published),
        "NSE of our rows, groups of basins held out, beside published NSE of the same basins",
        command="benchmarks/published_basins.py",
        packages=["numpy", "pandas"],
        seed="see n_seeds",
        machine="1 thread",
    )


if __name__ == "__main__":
    main()
