"""Fingerprints: which code a stored result belongs to."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from stefaland_sk.benchmark._fingerprint import _WORKING_PARTS, code_digest, digest_of_code

PACKAGE = Path(str(files("stefaland_sk")))
# Data are compared by value, and figures are drawn from scores.
NO_SCORES = {"benchmark", "datasets", "plotting"}


@pytest.fixture
def package(tmp_path):
    """A copy of the library."""
    ignored = shutil.ignore_patterns("__pycache__", "_published")
    return Path(shutil.copytree(PACKAGE, tmp_path / "stefaland_sk", ignore=ignored))


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("physics/_hbv.py", True),
        ("judging/_donors.py", True),
        ("_core/_config.py", True),
        ("modules/_losses.py", True),
        ("benchmark/_protocol.py", True),
        ("benchmark/_tables.py", False),
        ("plotting/_hydrograph.py", False),
    ],
)
def test_a_change_of_code_that_makes_scores_is_noticed(package, file, matters):
    assert digest_of_code(package) == code_digest()
    with (package / file).open("a") as stream:
        stream.write("\n_ANOTHER = 1\n")
    assert (digest_of_code(package) != code_digest()) is matters


def test_no_package_is_forgotten():
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    working = {part for part in _WORKING_PARTS if "/" not in part}
    assert packages == working | NO_SCORES
