"""Tables come from the scores per site and from nothing else."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.benchmark import (
    find_problems,
    fold_scores,
    fold_table,
    format_tables,
    overall_table,
    read_results,
    run,
    win_rates,
)
from stefaland_sk.metrics import bootstrap_median

COLUMNS = ["protocol", "model", "seed", "fold", "site", "metric", "value"]


@pytest.fixture
def results():
    """Three models, two seeds, two folds of three sites; one site left out."""
    rng = np.random.default_rng(0)
    rows = []
    for model in ("linear", "lstm", "mine"):
        for seed in (0, 1):
            for i in range(6):
                r = rng.uniform(0.6, 0.9)
                values = {"nse": r**2 - rng.uniform(0, 0.2), "rmse": rng.uniform(1, 2)}
                values |= {"pearson_r": r}
                for metric, value in values.items():
                    value = np.nan if i == 5 else value
                    rows.append(("demo", model, seed, f"{1 + i // 3}", f"0{i}", metric, value))
    return pd.DataFrame(rows, columns=COLUMNS)


def test_tables_are_medians_over_sites_of_means_over_seeds(results):
    means = (
        results[(results["model"] == "mine") & (results["metric"] == "nse")]
        .groupby("site")["value"]
        .mean()
        .dropna()
    )
    row = overall_table(results).loc["mine"]
    assert row["nse"] == pytest.approx(means.median())
    assert (row["n_seeds"], row["n_sites"], row["n_left_out"]) == (2, 5, 1)
    interval = bootstrap_median(means)
    assert (row["low"], row["high"]) == (interval.low, interval.high)
    table = fold_table(results)
    assert table.loc["mine", "1"] == pytest.approx(means.iloc[:3].median())
    assert table.loc["mine", "2"] == pytest.approx(means.iloc[3:].median())
    assert table.loc["mine", "all"] == row["nse"]
    assert table.attrs["n_sites"] == {"1": 3, "2": 2, "all": 5}
    assert list(table.index) == ["linear", "lstm", "mine"]
    every = fold_scores(results).set_index(["metric", "model", "fold"])
    assert every.loc[("nse", "mine", "2"), "value"] == table.loc["mine", "2"]
    assert every.loc[("rmse", "mine", "all"), "n_sites"] == 5
    assert len(every) == 3 * 3 * 3


def test_tables_of_the_file_are_those_of_the_run(catchments, protocol, rows, tmp_path):
    scores = run(protocol, *catchments, rows, out=tmp_path).scores
    stored = read_results(tmp_path / "results.csv")
    for make in (overall_table, fold_table, lambda table: fold_table(table, "kge")):
        pd.testing.assert_frame_equal(make(scores), make(stored), atol=1e-5)


def test_win_rate_follows_the_direction_of_the_metric(results):
    wide = (
        results.groupby(["model", "site", "metric"])["value"].mean().unstack(["model", "metric"])
    ).dropna()
    nse = (wide["mine"]["nse"] > wide["lstm"]["nse"]).mean()
    rmse = (wide["mine"]["rmse"] < wide["lstm"]["rmse"]).mean()
    assert win_rates(results)["mine"] == nse
    assert win_rates(results, metric="rmse")["mine"] == rmse
    assert "lstm" not in win_rates(results)


def test_a_tie_counts_half_and_a_missing_baseline_gives_none(results):
    same = results[results["model"] == "lstm"].assign(model="copy")
    both = pd.concat([results, same])
    assert win_rates(both)["copy"] == 0.5
    assert win_rates(results, baseline="unknown").empty
    assert overall_table(results, baseline="unknown")["win_rate"].isna().all()


def test_a_mean_over_seeds_is_not_compared_with_its_own_seeds(results):
    mean = results[(results["model"] == "lstm") & (results["seed"] == 0)]
    both = pd.concat([results, mean.assign(model="lstm, mean of 2")])
    assert set(win_rates(both).index) == {"linear", "mine"}
    assert "lstm, mean of 2" in win_rates(both, baseline="mine").index


def test_a_possible_table_has_no_problems(results):
    assert find_problems(results) == []


def test_an_impossible_table_is_flagged(results):
    wrong = results.copy()
    chosen = (wrong["model"] == "mine") & (wrong["metric"] == "nse")
    wrong.loc[chosen, "value"] += 0.5
    (problem,) = find_problems(wrong)
    assert problem.startswith("mine: the median NSE")
    assert problem.endswith("impossible.")
    assert "PROBLEM: mine: the median NSE" in format_tables(wrong)


def test_missing_sites_are_flagged(results):
    lost = results[~((results["model"] == "mine") & (results["site"] == "03"))]
    (problem,) = find_problems(lost)
    assert "mine: 2 of 12 combinations of seed and site" in problem
    assert "site '03' of fold '2' with seed 0" in problem


def test_text_says_how_the_numbers_were_made(results):
    text = format_tables(results)
    assert "means over 2 seeds; medians are over sites" in text
    assert "One seed (0)" in format_tables(results[results["seed"] == 0])
    assert "left out and counted" in text
    assert "1 (n=3)" in text
    assert "all (n=5)" in text


def test_markdown_tables_have_the_same_cells(results):
    lines = format_tables(results, markdown=True).splitlines()
    assert lines[0] == "## demo: median over the sites held out"
    grid = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in grid[:5]}) == 1
    cells = [cell.strip() for cell in grid[4].strip("|").split("|")]
    plain = next(line for line in format_tables(results).splitlines() if line.startswith("mine"))
    assert [c for cell in cells for c in cell.split()] == plain.split()


def test_folds_are_in_the_order_of_numbers(results):
    renamed = results.replace({"fold": {"1": "10"}})
    assert list(fold_table(renamed)) == ["2", "10", "all"]


def test_many_folds_stand_below_each_other(results):
    many = [results.assign(fold="f" + results["fold"] + f"{i:02d}") for i in range(9)]
    text = format_tables(pd.concat(many, ignore_index=True).assign(site=lambda t: t.fold + t.site))
    lines = text.splitlines()
    start = lines.index("Median NSE per fold, with the number of sites") + 2
    assert lines[start].split() == ["fold", "n_sites", "linear", "lstm", "mine"]
    assert lines[start + 1].split()[:2] == ["f100", "3"]
    assert lines[start + 19].split()[:2] == ["all", "45"]
    beside = fold_table(results).loc["lstm", "1"]
    assert lines[start + 1].split()[3] == f"{beside:.3f}"


def test_several_protocols_have_a_table_each(results):
    both = read_results([results, results.assign(protocol="other")])
    text = format_tables(both)
    assert "demo: median" in text
    assert "other: median" in text
    with pytest.raises(ValueError, match="are of 2 protocols"):
        overall_table(both)


def test_identifiers_keep_their_leading_zeros(results, tmp_path):
    results.to_csv(tmp_path / "r.csv", index=False)
    assert read_results(tmp_path / "r.csv")["site"].iloc[0] == "00"


def test_namibia_is_not_missing(results, tmp_path):
    results.replace({"fold": {"1": "NA"}}).to_csv(tmp_path / "r.csv", index=False)
    stored = read_results(tmp_path / "r.csv")
    assert set(stored["fold"]) == {"NA", "2"}
    assert stored["value"].isna().sum() == results["value"].isna().sum()


def test_malformed_results_are_refused(results, tmp_path):
    with pytest.raises(ValueError, match=r"lacks \['value'\]"):
        read_results(results.drop(columns="value"))
    with pytest.raises(ValueError, match=r"\d+ scores stand in the results more than once"):
        read_results([results[results["seed"] == 0]] * 2 + [results[results["seed"] == 1]])
    with pytest.raises(ValueError, match="hold no score"):
        format_tables(results[:0])
    with pytest.raises(ValueError, match="`metric` must be one of"):
        fold_table(results, "kge")


def test_seeds_are_counted_and_their_spread_is_shown(results):
    once = results[(results["model"] != "linear") | (results["seed"] == 0)]
    assert find_problems(once) == []  # fewer seeds, but the same sites
    table = overall_table(once)
    medians = [
        overall_table(results[results["seed"] == seed]).loc["mine", "nse"] for seed in (0, 1)
    ]
    assert table.loc["mine", ["seed_low", "seed_high"]].tolist() == sorted(medians)
    assert table["n_seeds"].to_dict() == {"linear": 1, "lstm": 2, "mine": 2}
    lines = format_tables(once).splitlines()
    head, linear, mine = (next(a for a in lines if a.startswith(b)) for b in ("model", "lin", "mi"))
    assert "n_seeds" in head
    assert "single seeds" in head
    assert f"{min(medians):.3f} to {max(medians):.3f}" in mine
    assert linear.count(" to ") == 1  # the interval alone
    assert "n_seeds" not in format_tables(results)
    assert "single seeds" not in format_tables(results[results["seed"] == 0])
