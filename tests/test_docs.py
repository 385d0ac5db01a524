"""What scripts write into the docs is what they would write now, and the code there runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PRETRAINING = (REPO / "docs" / "pretraining.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["list_modules.py", "write_physics.py", "write_results.py"])
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
    names = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", PRETRAINING, re.DOTALL), 1):
        exec(compile(block, f"pretraining.md, block {number}", "exec"), names)
    assert names["filled"].variable("vp").shape == (3, 730)


@pytest.mark.slow
def test_code_of_the_page_on_physics_runs():
    page = (REPO / "docs" / "physics.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(compile(block, "physics.md", "exec"), names)
    assert names["series"]["swe"].shape == names["flow"].shape


def test_code_from_real_data_is_that_of_the_script():
    script = (REPO / "benchmarks" / "transfer_to_camels_gb.py").read_text(encoding="utf-8")
    section = PRETRAINING.split("## From CAMELS-US to CAMELS-GB")[1].split("\n## ")[0]
    blocks = re.findall(r"```py\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 4
    assert [block for block in blocks if block not in script] == []
