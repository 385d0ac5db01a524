"""Scores of other studies stand beside one's own, at the same sites."""

import pandas as pd
import pytest

from stefaland_sk.benchmark import add_site_scores, compare, find_problems, overall_table
from stefaland_sk.benchmark._cli import main

COLUMNS = ["protocol", "model", "seed", "fold", "site", "metric", "value"]


@pytest.fixture
def results():
    """A model at four sites in two folds, with two metrics."""
    rows = [
        ("demo", "mine", 0, f"{1 + i // 2}", f"0{i}", metric, 0.1 * i + more)
        for i in range(4)
        for metric, more in (("nse", 0.2), ("kge", 0.1))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def others():
    """Two models of a study that has one of the sites less, and one more."""
    return pd.DataFrame(
        {
            "gauge_id": ["00", "01", "02", "99"] * 2,
            "model": ["sacsma"] * 4 + ["theirs"] * 4,
            "NSE": [0.1, 0.4, 0.5, 0.9, 0.2, 0.2, 0.2, 0.2],
            "bias": 0.0,
        }
    )


def test_medians_are_over_the_shared_sites(results, others):
    both = add_site_scores(results, others, site="gauge_id")
    table = overall_table(both, baseline="mine")
    assert list(table.index) == ["mine", "sacsma", "theirs"]
    assert table.loc["sacsma", ["n_sites", "n_left_out"]].tolist() == [3, 1]
    assert table.loc["sacsma", "nse"] == 0.4
    assert table.loc["sacsma", "win_rate"] == pytest.approx(2 / 3)  # of the three that both have
    assert table["kge"].notna().tolist() == [True, False, False]
    folds = both.drop_duplicates(["model", "site"]).set_index(["model", "site"])["fold"]
    assert (folds["mine"] == folds["sacsma"]).all()
    assert find_problems(both) == []


def test_the_pair_is_read_by_compare(results, others):
    both = add_site_scores(results, others, site="gauge_id", metrics={"nse": "NSE"})
    of = dict(tuple(both.groupby("model")))
    found = compare(of["theirs"], of["mine"], metric="nse")
    assert found.folds.loc[("mine", "all"), "n_sites"] == 3
    assert found.folds.loc[("mine", "all"), "difference"] == pytest.approx(0.1)


def test_one_model_needs_no_column(results, others):
    alone = others[others["model"] == "sacsma"].drop(columns="model")
    both = add_site_scores(results, alone, site="gauge_id", model="SAC-SMA")
    assert list(both["model"].unique()) == ["mine", "SAC-SMA"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {}, "`site` must be one of"),
        ({"gauge_id": [0, 1, 2, 9] * 2}, {"site": "gauge_id"}, r"no site .* 'sacsma'.*leading zer"),
        ({"model": "mine"}, {"site": "gauge_id"}, "both have a model named 'mine'"),
        ({"gauge_id": "01"}, {"site": "gauge_id"}, "more than once"),
        ({}, {"site": "gauge_id", "metrics": {"rmse": "bias"}}, "`metrics` must be one of"),
        ({}, {"site": "gauge_id", "metrics": {"nse": "nse"}}, "Did you mean|must be one of"),
    ],
)
def test_errors_name_what_is_wrong(results, others, change, options, message):
    with pytest.raises(ValueError, match=message):
        add_site_scores(results, others.assign(**change), **options)


def test_the_command_reads_both_files(results, others, tmp_path, capsys):
    results.to_csv(tmp_path / "results.csv", index=False)
    others.to_csv(tmp_path / "others.csv", index=False)
    words = ["--others", str(tmp_path / "others.csv"), "--baseline", "mine"]
    assert main(["table", str(tmp_path), *words, "--site", "gauge_id"]) == 0
    assert "sacsma" in capsys.readouterr().out
    assert main(["table", str(tmp_path), *words]) == 2
    assert "`site` must be one of" in capsys.readouterr().err
