"""What scripts write into the docs is what they would write now, and the code there runs."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import plotting
from stefaland_sk.data import known_variable
from stefaland_sk.datasets import PANEL_KINDS, load_panel
from stefaland_sk.datasets._fetch import DOWNLOADS
from stefaland_sk.encoders import get_weights_entry, load_encoder

REPO = Path(__file__).resolve().parents[1]
PRETRAINING = (REPO / "docs" / "pretraining.md").read_text(encoding="utf-8")
ENCODERS = (REPO / "docs" / "encoders.md").read_text(encoding="utf-8")


def run_blocks(text, page, monkeypatch):
    """Run the blocks of a page one after the other, as a module; give the names that they leave."""
    module = ModuleType(f"page_{page.removesuffix('.md')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # its classes can be pickled
    names = vars(module)
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
        exec(compile(block, f"{page}, block {number}", "exec"), names)
    return names


@pytest.mark.parametrize(
    "script", ["list_modules.py", "write_physics.py", "write_results.py", "draw_snow.py"]
)
def test_generated_parts_of_the_docs_are_up_to_date(script):
    done = subprocess.run(
        [sys.executable, REPO / "docs" / script, "--check"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `python docs/{script}`: {done.stderr}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:X lacks")
def test_code_of_the_guide_to_pretraining_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_blocks(PRETRAINING, "pretraining.md", monkeypatch)
    assert names["filled"].variable("vp").shape == (3, 730)


def test_code_of_the_page_on_own_data_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (REPO / "docs" / "own_data.md").read_text(encoding="utf-8")
    names = run_blocks(text, "own_data.md", monkeypatch)
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert names["X"].forcing_names == ["prcp", "tmin", "tmax"]
    assert names["later"].notna().all(axis=None)
    assert (names["lower"] <= names["upper"]).all()
    assert (tmp_path / "hydrograph.png").stat().st_size > 1000
    table = text.split("| | known names")[1].split("\n\n")[0]
    told = re.findall(r"((?:`\w+`,? ?)+) \[([^]]+)\]", table)
    told = {name: unit for names, unit in told for name in re.findall(r"\w+", names)}
    assert len(told) > 15
    assert told == {name: known_variable(name).unit for name in told}
    panel, target = load_panel(tmp_path / "own.nc")
    np.testing.assert_allclose(target, names["y"], rtol=1e-6)
    joined = panel.attributes.join(pd.get_dummies(panel.sites["cover"]))
    assert panel.assign(attributes=joined).n_attributes == panel.n_attributes + 1


@pytest.mark.slow
def test_code_of_the_guide_to_finetuning_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (REPO / "docs" / "finetuning.md").read_text(encoding="utf-8")
    names = run_blocks(text, "finetuning.md", monkeypatch)
    assert names["search"].best_params_["attribute_noise"] in (0.0, 0.5)
    # The rows named in its tables are those of the library.
    named = set(re.findall(r'`"(\w+)"`', text.split("## The rows")[1].split("Ours, where")[0]))
    assert named <= set(names["PAPER_ROWS"])


def test_code_of_the_page_on_encoders_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_blocks(ENCODERS, "encoders.md", monkeypatch)
    loaded = load_encoder("features.safetensors")
    assert loaded.d_model == names["site"].shape[1] == 16
    assert names["encoder"].cache.misses == 6


def test_code_of_the_page_on_data_sets_runs_and_it_names_all_kinds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (REPO / "docs" / "datasets.md").read_text(encoding="utf-8")
    names = run_blocks(text, "datasets.md", monkeypatch)
    assert names["everything"].n_sites == names["panel"].n_sites == 4
    assert re.findall(r"^\| `(\w+)`(?:, `load_\w+`)? \|.*\|.*\|.*\|.*\|$", text, re.MULTILINE)[
        : len(PANEL_KINDS)
    ] == list(PANEL_KINDS)
    for name, download in DOWNLOADS.items():  # the table says what the library would fetch
        row = re.search(rf"^\| `{name}` \|.*$", text.split("## Downloads")[1], re.MULTILINE)[0]
        assert download.doi in row
        assert download.size in row


def test_licences_on_the_page_on_encoders_are_those_of_the_entries():
    rows = re.findall(
        r"^\| `(\w+)`.* \| ([\w.-]+),? ?.* \| (arXiv:[\d.]+) \|$", ENCODERS, re.MULTILINE
    )
    assert len(rows) == 3
    for name, licence, paper in rows:
        entry = get_weights_entry(name)
        assert entry.licence == licence
        assert paper in entry.citation


def test_code_of_the_page_on_splits_runs_from_top_to_bottom(monkeypatch):
    text = (REPO / "docs" / "choosing_a_split.md").read_text(encoding="utf-8")
    names = run_blocks(text, "choosing_a_split.md", monkeypatch)
    assert list(names["costs"]) == ["years", "sites", "both"]
    assert names["costs"]["years"] > names["costs"]["both"]
    assert names["w"][names["matched"]] < names["w"][names["random"]]
    assert names["report"].ok


@pytest.mark.slow
def test_code_of_the_page_on_physics_runs(monkeypatch):
    text = (REPO / "docs" / "physics.md").read_text(encoding="utf-8")
    names = run_blocks(text, "physics.md", monkeypatch)
    assert names["series"]["swe"].shape == names["flow"].shape


def test_code_of_the_page_on_the_benchmark_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (REPO / "docs" / "benchmark.md").read_text(encoding="utf-8")
    names = run_blocks(text, "benchmark.md", monkeypatch)
    assert set(names["results"].scores["model"]) == {"rain", "linear"}
    assert set(names["later"].scores["protocol"]) == {"mine-other-years"}
    assert (names["worst"]["difference"].diff().dropna() >= 0).all()
    assert set(names["clay"].scores["metric"]) == {"observed", "predicted"}


def test_code_from_real_data_is_that_of_the_script():
    script = (REPO / "benchmarks" / "transfer_to_camels_gb.py").read_text(encoding="utf-8")
    section = PRETRAINING.split("## From CAMELS-US to CAMELS-GB")[1].split("\n## ")[0]
    blocks = re.findall(r"```py\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 4
    assert [block for block in blocks if block not in script] == []


def test_code_of_the_page_of_displays_runs_and_its_table_names_them_all(monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    text = (REPO / "docs" / "displays.md").read_text(encoding="utf-8")
    names = run_blocks(text, "displays.md", monkeypatch)
    pyplot.close("all")
    rows = re.findall(r"^\| .*\? \| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(plotting.__all__)
    for name, makers in rows:
        display = getattr(plotting, name)
        assert all(hasattr(display, maker) for maker in re.findall(r"`(\w+)`", makers))
    assert names["hidden"].variables[0] == "vp"


@pytest.mark.slow
def test_code_of_the_page_of_tasks_runs_from_top_to_bottom():
    page, names = (REPO / "docs" / "tasks.md").read_text(encoding="utf-8"), {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL), 1):
        exec(compile(block, f"tasks.md, block {number}", "exec"), names)
    assert names["sums"].round(3).tolist() == [100.0] * 30
    assert len(names["auc"]) == 3


@pytest.mark.slow
def test_code_of_the_page_on_judging_runs_from_top_to_bottom(monkeypatch):
    text = (REPO / "docs" / "judging.md").read_text(encoding="utf-8")
    names = run_blocks(text, "judging.md", monkeypatch)
    assert names["lower"].shape == names["upper"].shape == (10, 730, 2)
    assert names["found"].names == ["weather", "land"]
