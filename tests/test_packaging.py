"""The project file, the code and the papers agree with one another."""

import ast
import tomllib
from pathlib import Path

import pytest

import stefaland_sk

REPO = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def extras_named_in_the_code():
    """Yield (file:line, extra) for each call of `import_optional` in the library."""
    for file in sorted((REPO / "stefaland_sk").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_optional":
                named = {word.arg: word.value for word in node.keywords}
                extra = named.get("extra") or node.args[1]
                yield f"{file.relative_to(REPO)}:{node.lineno}", ast.literal_eval(extra)


@pytest.mark.parametrize(("where", "extra"), list(extras_named_in_the_code()))
def test_an_extra_named_in_an_error_message_exists(where, extra):
    assert extra in PROJECT["optional-dependencies"], f"{where} advises an extra that is not there"


def test_the_version_stands_in_one_place_and_is_cited():
    assert PROJECT["dynamic"] == ["version"]
    citation = (REPO / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {stefaland_sk.__version__}\n" in citation


def test_the_changelog_knows_what_comes_next_or_this_version():
    text = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text or f"## [{stefaland_sk.__version__}]" in text


def test_the_promised_floors_are_declared():
    floors = dict(line.split(">=") for line in PROJECT["dependencies"])
    promised = {"scikit-learn": "1.6", "skorch": "1.3.1", "torch": "2.4", "xarray": "2024.7"}
    assert promised.items() <= floors.items()
    assert PROJECT["requires-python"] == ">=3.11"


def test_types_are_announced():
    assert (REPO / "stefaland_sk" / "py.typed").is_file()
