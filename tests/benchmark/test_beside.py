"""Printed numbers, costs, and two results side by side."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.benchmark import (
    PROTOCOLS,
    beside_published,
    compare,
    cost_table,
    format_beside,
    format_comparison,
    format_protocols,
    published_values,
)
from stefaland_sk.benchmark._models import models_of
from stefaland_sk.metrics import bootstrap_median

COLUMNS = ["protocol", "model", "seed", "fold", "site", "metric", "value"]


def scores(protocol, model, **metrics):
    """Scores of six sites in two folds, around the values given."""
    rows = [
        (protocol, model, 0, f"{1 + i // 3}", f"0{i}", metric, value + 0.01 * (i - 2.5))
        for metric, value in metrics.items()
        for i in range(6)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_printed_numbers_belong_to_protocols_and_rows_of_the_library():
    table = published_values()
    assert set(table["protocol"]) <= set(PROTOCOLS)
    for protocol, part in table.groupby("protocol"):
        known = models_of(PROTOCOLS[protocol].task)
        assert set(part["model"]) - {""} <= set(known)
    assert table["value"].notna().all()
    with pytest.raises(ValueError, match="`protocol` must be one of"):
        published_values("synthetic-pur")


def test_printed_numbers_that_cannot_be_are_marked():
    results = scores("camels-us-pub", "lstm", nse=0.6, pearson_r=0.8)
    table = beside_published(results)
    impossible = table[table["impossible"]].index.get_level_values("model")
    assert {"lstm", "noresconn", "ablation_scratch", "probe", "transformer"} <= set(impossible)
    assert "resconn" not in impossible
    row = table.loc[("lstm", "nse")]
    assert row["difference"] == pytest.approx(0.6 - 0.636)
    text = format_beside(results)
    assert "0.636*" in text
    assert "T1" in text
    assert "cannot be" in text


def test_a_variant_shows_its_own_rows_and_an_unknown_protocol_none():
    table = beside_published(scores("camels-us-pur-hybrids-quick", "lstm_hbv", nse=0.5))
    assert set(table.index.unique("model")) == set(PROTOCOLS["camels-us-pur-hybrids"].models)
    assert beside_published(scores("mine", "lstm", nse=0.5)).empty
    assert format_beside(scores("mine", "lstm", nse=0.5)) == ""
    # What is printed is of random folds, and not of regions or countries held out.
    for split in ("regions", "countries-quick"):
        assert beside_published(scores(f"soil-clay-{split}", "linear", nse=0.5)).empty


def test_what_the_paper_calls_r2_of_soils_is_compared_with_the_squared_correlation():
    observed = scores("soil-clay", "stefaland", observed=0.0)
    predicted = observed.assign(metric="predicted", value=-observed["value"])
    table = beside_published(pd.concat([observed, predicted]))
    assert table.loc[("stefaland", "pearson_r"), "ours"] == pytest.approx(-1)
    assert table.loc[("stefaland", "r_squared"), "ours"] == pytest.approx(1)
    assert table.loc[("stefaland", "r_squared"), "published"] == 0.259


def test_paired_differences_follow_the_direction_of_the_metric():
    a, b = scores("p", "lstm", nse=0.5, rmse=1.0), scores("p", "mine", nse=0.6, rmse=0.8)
    b.loc[b["site"] == "04", "value"] = [0.1, 3.0]
    found = compare(a, b)
    assert found.metric == "nse"
    assert found.sites.index[0] == ("mine", "04")
    row = found.folds.loc[("mine", "all")]
    differences = found.sites["difference"]
    interval = bootstrap_median(differences)
    assert (row["low"], row["high"]) == (interval.low, interval.high)
    assert row["win_rate"] == pytest.approx(5 / 6)
    assert found.folds.loc[("mine", "2"), "n_sites"] == 3
    by_rmse = compare(a, b, metric="rmse")
    assert by_rmse.folds.loc[("mine", "all"), "difference"] == pytest.approx(0.2)
    np.testing.assert_allclose(by_rmse.sites["difference"], by_rmse.sites["a"] - by_rmse.sites["b"])
    text = format_comparison(found)
    assert "Sites that lose most" in text
    assert text.count("04 ") == 1


def test_models_of_the_same_name_are_compared_before_and_after():
    before = pd.concat([scores("p", "lstm", nse=0.5), scores("p", "linear", nse=0.3)])
    after = pd.concat([scores("q", "lstm", nse=0.4), scores("q", "new", nse=0.9)])
    after = after[after["site"] != "05"]
    found = compare(before, after)
    assert list(found.folds.index.unique("model")) == ["lstm"]
    assert found.folds.loc[("lstm", "all"), "n_sites"] == 5
    assert found.folds.loc[("lstm", "all"), "win_rate"] == 0


def test_results_that_cannot_be_compared_are_refused():
    a = scores("p", "lstm", nse=0.5)
    two = pd.concat([scores("p", "mine", nse=0.5), scores("p", "yours", nse=0.5)])
    with pytest.raises(ValueError, match="have no model in common"):
        compare(pd.concat([a, scores("p", "linear", nse=0.1)]), two)
    with pytest.raises(ValueError, match="of 'lstm' have no site in common"):
        compare(a, a.assign(site=a["site"] + "x"))
    with pytest.raises(ValueError, match="are of 2 protocols"):
        compare(a, pd.concat([a, a.assign(protocol="q")]))
    with pytest.raises(ValueError, match="`metric` must be one of"):
        compare(a, a, metric="kge")
    with pytest.raises(ValueError, match=r"the table lacks \['protocol', 'seed'\]"):
        compare(a.drop(columns=["protocol", "seed"]), a)
    values = pd.concat([a.assign(metric="observed"), a.assign(metric="predicted")])
    with pytest.raises(ValueError, match="the other values of targets without time"):
        compare(a, values)


def test_costs_are_relative_to_the_baseline():
    runs = pd.DataFrame(
        {
            "model": ["lstm", "lstm", "forest"],
            "pretrain_cpu_seconds": 0.0,
            "fit_cpu_seconds": [10.0, 30.0, 40.0],
            "predict_seconds": 1.0,
            "n_epochs": pd.array([10, 10, None], dtype="Int64"),
            "n_parameters": pd.array([100, 100, None], dtype="Int64"),
            "peak_memory_mib": [100.0, 100.0, 300.0],
        }
    )
    table = cost_table(runs)
    assert table.loc["lstm", "seconds_per_epoch"] == 2
    assert table.loc["forest", "seconds"] == 2  # without epochs: of the whole fit
    assert table.loc["forest", "memory"] == 3
    assert np.isnan(table.loc["forest", "parameters"])
    assert "seconds" not in cost_table(runs, baseline="none")
    with pytest.raises(ValueError, match=r"lacks \['n_epochs'\]"):
        cost_table(runs.drop(columns="n_epochs"))


def test_one_table_over_protocols_leaves_gaps_where_nothing_ran():
    both = pd.concat([scores("p", "lstm", nse=0.5), scores("q", "mine", rmse=1.0)])
    lines = format_protocols(both).splitlines()
    assert lines[3].split() == ["p", "nse", "0.500", "-"]
    assert lines[4].split() == ["q", "rmse", "-", "1.000"]


def test_results_are_compared_by_their_files(tmp_path):
    a, b = scores("p", "lstm", nse=0.5), scores("p", "mine", nse=0.6)
    for name, part in (("a", a), ("b", b)):
        part.to_csv(tmp_path / name, index=False)
    found = compare(tmp_path / "a", str(tmp_path / "b"))
    pd.testing.assert_frame_equal(found.sites, compare(a, b).sites)
