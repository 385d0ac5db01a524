"""What scripts write into the docs is what they would write now."""

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("script", ["list_modules.py", "write_results.py"])
def test_generated_parts_of_the_docs_are_up_to_date(script):
    done = subprocess.run(
        [sys.executable, REPO / "docs" / script, "--check"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `python docs/{script}`: {done.stderr}"
