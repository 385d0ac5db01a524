"""The command that reruns the tables of the papers."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import DataWarning
from stefaland_sk.benchmark import PROTOCOLS, _cli, read_results
from stefaland_sk.benchmark._data import load_data
from stefaland_sk.benchmark._synthetic import make_synthetic


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run `benchmark` into a folder of its own; give its exit code, output and errors."""
    monkeypatch.setattr("warnings.showwarning", None)  # put back after the test

    def call(*arguments):
        out = () if "--out" in arguments else ("--out", str(tmp_path))
        code = _cli.main(["benchmark", *arguments, *out])
        return code, *capsys.readouterr()

    return call


CHEAP = ("--data", "synthetic", "--budget", "tiny", "--jobs", "1")


def test_the_list_names_every_protocol_and_group(command):
    code, out, _ = command("--list")
    assert code == 0
    for name in PROTOCOLS:
        assert name in out or name.startswith("donors-")
    assert "soil-composition " in out
    assert "all-synthetic" in out


def test_a_group_has_a_table_for_each_protocol_and_one_over_all(command, tmp_path):
    code, out, _ = command("soil-composition", *CHEAP, "--models", "linear", "random_forest")
    assert code == 0
    results = read_results(tmp_path / "results.csv")
    names = [f"synthetic-soil-{fraction}-tiny" for fraction in ("clay", "sand", "silt")]
    assert list(results["protocol"].unique()) == names
    assert all(f"{name}: over the sites held out" in out for name in names)
    assert "All protocols: the first metric over all sites" in out
    assert "What it costs" in out
    tables = (tmp_path / "tables.md").read_text()
    assert all(f"## {name}" in tables for name in names)
    assert pd.read_csv(tmp_path / "runs.csv")["protocol"].nunique() == 3


def test_some_folds_now_and_the_others_later(command, tmp_path):
    call = ("soil-clay", *CHEAP, "--models", "linear")
    _, first, _ = command(*call, "--only", "0", "2")
    assert set(read_results(tmp_path / "results.csv")["fold"]) == {"0", "2"}
    _, second, _ = command(*call)
    assert set(read_results(tmp_path / "results.csv")["fold"]) == set("01234")
    fitted = [
        sum("fit" in line and "seed" in line for line in t.splitlines()) for t in (first, second)
    ]
    assert fitted == [2, 3]
    code, _, errors = command(*call, "--only", "9")
    assert (code, errors.count("\n")) == (2, 1)
    assert "`only` must be one of ['0', '1', '2', '3', '4']. Got '9'" in errors


def test_real_profiles_are_read_and_put_beside_the_printed_numbers(command, tmp_path, shared_data):
    code, out, _ = command(
        *("soil-clay", "--data", str(shared_data / "soil_macedonia"), "--models", "linear"),
        *("--jobs", "1", "--only", "0", "--out", str(tmp_path)),
    )
    assert code == 0
    assert "Beside what the papers print" in out
    assert "AlphaEarth-RandomForest" in out
    results = read_results(tmp_path / "results.csv")
    assert set(results["protocol"]) == {"soil-clay-full"}
    assert results["site"].nunique() == 371


def test_satellite_cells_get_regions_of_neighbours(shared_data):
    protocol = PROTOCOLS["soil-moisture-regions"]
    protocol, X, y = load_data(protocol, [str(shared_data / "smap_conus")])
    X, y = protocol.take(X, y)
    folds = protocol.folds(X, y)
    assert [fold.label for fold in folds] == list("123456")
    west = [X.sites["lon"].iloc[fold.test].median() for fold in folds]
    assert west == sorted(west)
    europe, X, y = load_data(PROTOCOLS["soil-moisture-europe"], [str(shared_data / "smap_conus")])
    assert set(X.sites["continent"]) == {"North America"}
    with pytest.raises(ValueError, match="412 sites are in region 'North America'"):
        europe.folds(*europe.take(X, y))


def test_profiles_without_covariates_are_known_by_their_coordinates(shared_data):
    protocol = PROTOCOLS["soil-clay-countries"]
    with pytest.warns(DataWarning) as caught:
        protocol, X, y = load_data(protocol, [str(shared_data / "soil_profiles")])
    texts = [str(warning.message) for warning in caught]
    assert "has no covariates: models see latitude and longitude alone" in texts[0]
    assert texts[1].startswith("73 of 21202 sites, for example ['afsp:MA-SEFR-10'")
    assert "have no 'country' and are left out" in texts[1]
    X, y = protocol.take(X, y)
    assert X.attribute_names == ["lat", "lon"]
    assert len(X) == len(y) == 21129
    folds = protocol.folds(X, y)
    assert {"AO", "BR", "KE"} <= {fold.label for fold in folds}
    assert min(len(fold.test) for fold in folds) >= 100
    assert all(len(fold.train) + len(fold.test) == 21129 for fold in folds)  # small ones train
    for fold in folds:
        assert set(X.sites["country"].iloc[fold.test]) == {fold.label}


def test_a_country_is_held_out_by_the_command(command, tmp_path, shared_data):
    code, out, errors = command(
        *("soil-sand-countries", "--data", str(shared_data / "soil_profiles"), "--jobs", "1"),
        *("--models", "linear", "--only", "SD", "--out", str(tmp_path)),
    )
    assert code == 0
    assert errors.count("DataWarning") == 2
    results = read_results(tmp_path / "results.csv")
    assert set(results["fold"]) == {"SD"}
    assert results["site"].nunique() == 197


def test_two_countries_share_variables_and_units(shared_data):
    paths = [str(shared_data / name) for name in ("camels_us", "camels_gb")]
    protocol, X, y = load_data(PROTOCOLS["transfer-us-to-gb"], paths)
    assert X.sites["dataset"].value_counts().to_dict() == {"camels_gb": 406, "camels_us": 318}
    assert X.forcing_names == ["prcp", "tmean"]
    assert X.n_attributes > 100
    (fold,) = protocol.folds(*protocol.take(X, y))
    assert fold.label == "camels_gb"


def test_classes_of_camels_become_numbers_for_the_rows_that_read_them(shared_data):
    from stefaland_sk.benchmark._models import SEVENTEEN

    _, X, _ = load_data(PROTOCOLS["alphaearth-in-sample"], [str(shared_data / "demo")])
    assert set(SEVENTEEN) <= set(X.attribute_names)
    codes = X.attributes["geol_1st_class"].dropna()
    assert (codes == codes.round()).all()


@pytest.mark.parametrize("name", ["soil-moisture-random", "camels-us-pub", "donors-random-100"])
def test_synthetic_data_are_those_of_the_task(name):
    protocol, X, y, encoders = make_synthetic(PROTOCOLS[name], n_sites=12)
    X, y = protocol.take(X, y)
    assert protocol.name == f"synthetic-{name}"
    assert set(encoders) >= {"alphaearth", "terramind", "prithvi"}
    assert len(protocol.folds(X, y)) >= 3
    if protocol.task == "soil_moisture":
        assert 0 <= np.nanmin(y) < np.nanmax(y) <= 0.45


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a protocol; --list shows them."),
        (["camels"], "`protocol` must be one of"),
        (["camels-us-pur"], "--data says where the data are"),
        (["camels-us-pur", "--data", "no/such"], "There is no file or folder 'no/such'."),
        (["soil-clay", "--data", "{tmp}"], "soil-clay: No data set of a known kind"),
        (["soil-moisture-random", "--data", "{tmp}"], "No data set of a known kind"),
        (["soil-clay", "--data", "{tmp}", "{tmp}"], "takes one data set, but --data names 2"),
        (["transfer-us-to-gb", "--data", "{tmp}"], "needs two data sets"),
        (["soil-clay", "--data", "{tmp}", "--kind", "maps"], "`kind` must be one of"),
        (["soil-clay", *CHEAP, "--models", "lstm"], "`models` must be one of"),
        (["soil-clay", *CHEAP, "--sites", "531"], "--sites chooses sites of real data."),
        (["soil-clay", *CHEAP, "--settings", "paper"], "use budget='full' with settings='paper'"),
        (["soil-clay", *CHEAP, "--embeddings", "no.csv"], "no.csv"),
        (["soil-clay", *CHEAP, "--encoder", "no.safetensors"], "no.safetensors"),
    ],
)
def test_a_mistake_is_one_line(command, tmp_path, arguments, message):
    code, _, errors = command(*(word.format(tmp=tmp_path) for word in arguments))
    assert code == 2
    assert errors.count("\n") == 1
    assert errors.startswith("stefaland_sk benchmark: error: ")
    assert message in errors


def test_data_of_another_kind_are_refused(command, shared_data):
    code, _, errors = command("soil-clay", "--data", str(shared_data / "smap_conus"))
    assert code == 2
    assert "needs data of the kinds ['soil_profiles']" in errors
    assert "is of the kind 'smap'" in errors


def test_donors_by_an_encoder_need_one(command, tmp_path, shared_data):
    data = str(shared_data / "camels_us")
    code, _, errors = command("donors-alphaearth-100", "--data", data)
    assert code == 2
    assert "donors are compared by an encoder: give it by --embeddings FILE." in errors


def test_a_group_runs_what_can_be_run(command, tmp_path, shared_data):
    years = ["--fit-period", "1995-01-01", "1999-12-31", "--score-period"]
    few = ["--data", str(shared_data / "demo"), *years, "2001-01-01", "2005-12-31", "--targets"]
    out_of = ["--models", "linear", "--out", str(tmp_path), "--jobs", "1"]
    code, out, errors = command("donors-random", *few, "2", *out_of)
    assert code == 0, errors
    assert out.count("skipped   donors-random-") == 6
    assert "there are 19 other sites, fewer than 100." in out
    results = read_results(tmp_path / "results.csv")
    (name,) = results["protocol"].unique()
    assert name.startswith("donors-random-all-full-")
    assert name.endswith("-2targets")
    assert results["site"].nunique() == 2
    code, _, errors = command("donors-alphaearth", *few, "2", *out_of)
    assert (code, "no protocol of the group can be run" in errors) == (2, True)
    code, _, errors = command("short-pur", *few, "2", *out_of)
    assert (code, "--targets is for protocols of donors" in errors) == (2, True)


# One cheap row of each kind of protocol: what the whole benchmark is on synthetic catchments.
@pytest.mark.parametrize(
    ("protocol", "model"),
    [
        ("camels-us-pub-adapters", "adapter_moe"),
        ("camels-us-pur-hybrids", "lstm_hbv"),
        ("camels-us-pub-encoders", "terramind_resconn"),
        ("global-continents", "linear"),
        ("soil-moisture-europe", "lstm"),
        ("soil-silt-regions", "stefaland"),
        ("soil-sand-countries", "linear"),
        ("alphaearth-in-sample", "lstm_17"),
        ("alphaearth-clusters", "linear"),
        ("donors-stefaland-100", "linear"),
        ("transfer-gb-to-us", "linear"),
    ],
)
def test_protocols_of_all_kinds_run_on_synthetic_data(command, tmp_path, protocol, model):
    code, out, errors = command(protocol, *CHEAP, "--models", model)
    assert code == 0, errors
    results = read_results(tmp_path / "results.csv")
    assert results["value"].notna().any()
    assert f"synthetic-{protocol}-tiny" in out
