"""The command line: what it prints, writes and answers."""

import subprocess
import sys

import pandas as pd
import pytest

from stefaland_sk.benchmark import DEMO_MODELS, PROTOCOLS, _cli, _demo, _options, read_results

SMALL = {"n_sites": 6, "n_years": 2, "n_regions": 2, "unlabelled": 0.1, "random_state": 0}


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command on small catchments; give its exit code, output and errors."""
    monkeypatch.setattr(_demo, "SYNTHETIC", SMALL)
    monkeypatch.setattr("warnings.showwarning", None)  # put back after the test

    def call(*arguments):
        code = _cli.main(list(arguments))
        return code, *capsys.readouterr()

    return call


def test_demo_compares_all_models(command, tmp_path):
    code, out, _ = command("demo", "--out", str(tmp_path), "--epochs", "1", "--jobs", "1")
    assert code == 0
    results = read_results(tmp_path / "results.csv")
    assert list(results["model"].unique()) == list(DEMO_MODELS)
    # One line per fold, then the tables, which are those of the file.
    assert sum(line.startswith("resconn") and "fold 2" in line for line in out.splitlines()) == 1
    assert "median over the sites held out" in out
    assert str(tmp_path / "results.csv") in out
    assert "## synthetic-pur-quick" in (tmp_path / "tables.md").read_text()
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs["command"].str.startswith("python -m stefaland_sk demo").all()
    assert (runs["threads"] >= 1).all()


def test_demo_goes_on_and_starts_afresh(command, tmp_path):
    call = ("demo", "--out", str(tmp_path), "--models", "linear", "--jobs", "1")
    _, first, _ = command(*call)
    _, again, _ = command(*call)
    _, fresh, _ = command(*call, "--fresh")
    assert ["fit" in text for text in (first, again, fresh)] == [True, False, True]


def test_demo_on_real_data(command, tmp_path, shared_data):
    code, out, _ = command(
        *("demo", "--data", str(shared_data / "demo"), "--out", str(tmp_path), "--jobs", "1"),
        *("--models", "linear", "--fit-period", "2000-10-01", "2005-09-30"),
        *("--score-period", "1996-10-01", "1999-09-30", "--seeds", "0", "1"),
    )
    assert code == 0
    results = read_results(tmp_path / "results.csv")
    # The name tells results apart that were made under other rules.
    assert set(results["protocol"]) == {
        "short-pur-quick-fit2000-10-01to2005-09-30-score1996-10-01to1999-09-30"
    }
    assert set(results["fold"]) == {"1", "2", "4", "5", "7"}
    assert results["site"].nunique() == 20
    assert "means over 2 seeds" in out


def test_demo_takes_a_list_of_sites(command, tmp_path, shared_data):
    from stefaland_sk.datasets import load_camels_us

    X, _ = load_camels_us(shared_data / "demo")
    sites = X.sites.groupby("region").head(2).index
    listed = tmp_path / "sites.txt"
    listed.write_text("# two of each region\n" + "\n".join(sites) + "\n\n")
    call = ("demo", "--data", str(shared_data / "demo"), "--models", "linear", "--jobs", "1")
    code, _, _ = command(*call, "--out", str(tmp_path), "--sites", str(listed))
    assert code == 0
    assert set(read_results(tmp_path / "results.csv")["site"]) == set(sites)


def test_other_years_bring_their_own_warm_up():
    words = ["demo", "--fit-period", "1981-10-01", "1995-09-30", "--sites", "all"]
    options = _cli.make_parser().parse_args(words)
    protocol = _options.adapt(PROTOCOLS["camels-us-pur"], options, ["quick"])
    assert protocol.period == ("1980-10-01", "1999-09-30")
    assert protocol.name == "camels-us-pur-quick-all-fit1981-10-01to1995-09-30"


def test_check_reports_in_words(command, shared_data):
    code, out, _ = command("check", str(shared_data / "demo"))
    assert code == 0
    assert out.startswith("kind: camels_us\nPanel(20 sites")
    assert "0 errors" in out


def test_table_prints_what_the_demo_printed(command, tmp_path):
    _, demo, _ = command("demo", "--out", str(tmp_path), "--models", "linear", "--jobs", "1")
    code, text, _ = command("table", str(tmp_path / "results.csv"))
    assert code == 0
    assert text.strip() in demo
    command("table", str(tmp_path), "--by-fold", str(tmp_path / "folds.csv"))
    folds = pd.read_csv(tmp_path / "folds.csv")
    assert list(folds) == ["protocol", "model", "fold", "n_sites", "metric", "value"]
    assert (folds["fold"] == "all").any()
    code, text, _ = command("table", "--markdown", str(tmp_path / "results.csv"))
    assert text == (tmp_path / "tables.md").read_text()


def test_check_reads_own_files_and_descriptions(command, tmp_path):
    days = pd.date_range("2000-01-01", periods=40)
    for gauge, rain in (("a", 1.0), ("b", -1.0)):
        frame = pd.DataFrame({"day": days, "Rain": [rain * (i % 7) for i in range(40)]})
        frame.to_csv(tmp_path / f"{gauge}.csv", index=False)
    code, out, _ = command("check", str(tmp_path))
    assert (code, out.splitlines()[0]) == (0, "kind: site_files")
    one = tmp_path / "own.toml"
    one.write_text('[[panel]]\npath = "b.csv"\nrename = { Rain = "prcp" }\n')
    code, out, _ = command("check", str(one))
    assert code == 1
    assert "values of prcp lie below 0 mm/d" in out
    assert "Panel(1 site, 40 times" in out  # and not forty sites that are called by a date


def test_check_takes_any_kind_of_data(command, tmp_path):
    day = [f"200001{d:02d}    2.0000    0.5000    1.0000    9.0000    5.0000" for d in range(1, 32)]
    (tmp_path / "01329500.dly").write_text("\n".join(day) + "\n")
    code, out, _ = command("check", str(tmp_path))
    assert code == 0
    assert out.startswith("kind: mopex\nPanel(1 site, 31 times")
    soils = (
        "site_id,lat,lon,sand_pct,silt_pct,clay_pct,cov_dem\na,50,5,40,40,20,7\nb,51,6,20,50,30,9\n"
    )
    (tmp_path / "soils.csv").write_text(soils)
    code, out, _ = command("check", str(tmp_path / "soils.csv"), "--kind", "soil_profiles")
    assert code == 0
    assert out.startswith("kind: soil_profiles\nPanel(2 sites, 0 forcings, 1 attribute)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--data", "no/such/folder"], "There is no file or folder 'no/such/folder'."),
        (
            ["demo", "--data", "{tmp}/other.csv"],
            "of the kind 'table', lacks daily series and a target and a column",
        ),
        (["demo", "--sites", "531"], "give --data as well"),
        (["demo", "--jobs", "0"], "--jobs must be at least 1; got 0."),
        (["demo", "--epochs", "0"], "--epochs must be at least 1; got 0."),
        (["demo", "--seeds", "1", "1"], "`seeds` must hold distinct numbers"),
        (["demo", "--fit-period", "1990-01-01", "1991-01-01"], "holds no step of X"),
        (["demo", "--fit-period", "next", "year"], "next"),
        (["demo", "--data", "{tmp}", "--sites", "{tmp}"], "a text file with one site per line"),
        (["demo", "--data", "{tmp}", "--sites", "{tmp}/empty.txt"], "is empty"),
        (["demo", "--out", "{tmp}/empty.txt"], "cannot be made a folder"),
        (["check", "no/such/folder"], "There is no file or folder 'no/such/folder'."),
        (["check", "{tmp}/empty.txt"], "No data set of a known kind at {tmp}/empty.txt"),
        (["check", "{tmp}/other.csv", "--target", "q"], "takes no option 'target'"),
        (["table", "no.csv"], "there is no file 'no.csv'."),
        (["table", "{tmp}"], "there is no file '{tmp}/results.csv'."),
        (["table", "{tmp}/other.csv"], "lacks ['protocol'"),
        (["table", "{tmp}/empty.txt"], "cannot be read as CSV"),
    ],
)
def test_a_mistake_is_one_line(command, tmp_path, arguments, message):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "other.csv").write_text("site,b\nx,2\n")
    arguments = [word.format(tmp=tmp_path) for word in arguments]
    if "--out" not in arguments and arguments[0] == "demo":
        arguments += ["--out", str(tmp_path / "out")]
    code, _, errors = command(*arguments)
    assert code == 2
    assert errors.count("\n") == 1
    assert errors.startswith(f"stefaland_sk {arguments[0]}: error: ")
    assert message.format(tmp=tmp_path) in errors


def test_an_interrupted_demo_says_where_its_work_is(command, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_options, "run", interrupt)
    code, _, errors = command("demo", "--out", str(tmp_path), "--jobs", "1")
    assert code == 130
    assert errors == f"stopped; finished folds stay in {tmp_path}\n"


def test_help_and_tables_do_not_load_torch():
    code = (
        "import sys\n"
        "from stefaland_sk.benchmark import _cli\n"
        "_cli.make_parser().format_help()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_python_m_works():
    done = subprocess.run(
        [sys.executable, "-m", "stefaland_sk", "--version"], capture_output=True, text=True
    )
    assert done.stdout.startswith("stefaland-sk ")
