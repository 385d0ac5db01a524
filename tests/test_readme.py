"""The README's lines run as printed, and its links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_validate

from stefaland_sk.datasets import make_catchments
from stefaland_sk.metrics import median_per_site, site_scorers
from stefaland_sk.model_selection import LeaveRegionOut

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_code_of_the_readme_runs(number, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], f"README.md, block {number + 1}", "exec"), {})
    assert capsys.readouterr().out, "a block of the README ends by printing its result"


@pytest.mark.slow
def test_own_gauges_as_in_the_readme(capsys, tmp_path, monkeypatch):
    """The block runs on files called as it says, with a model that is small."""
    monkeypatch.chdir(tmp_path)
    X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, unlabelled=0.2, random_state=0)
    (tmp_path / "gauges").mkdir()
    names = {"prcp": "Rain", "tmax": "Tmax", "tmin": "Tmin"}
    for i, site in enumerate(X.site_ids):
        days = pd.DataFrame(X.forcing[i], index=X.time.rename("Date"), columns=X.forcing_names)
        days = days[list(names)].rename(columns=names).assign(Flow=10 * y.loc[site] / 8.64)
        days.to_csv(tmp_path / "gauges" / f"{site}.csv")
    table = X.attributes[["slope_mean"]].assign(km2=100.0, Y=X.sites["lat"])
    table.assign(Basin=X.sites["region"]).to_csv(tmp_path / "sites.csv", index_label="Gauge")
    block = next(b for b in re.findall(r"```py\n(.*?)```", README, re.DOTALL) if "load_site" in b)
    small = "random_state=0, d_hidden=4, n_members=1, max_epochs=1)"
    names = {}
    exec(BLOCKS[0].split("X, y =")[0], names)
    scoring = site_scorers("nse", warmup=365)
    exec(block.replace("random_state=0)", small), names | {"scoring": scoring}, names)
    assert "0 errors" in capsys.readouterr().out
    assert names["runoff"].notna().all(axis=None)
    assert (tmp_path / "model.joblib").is_file()


def test_the_estimator_in_the_docs_cross_validates():
    page = (REPO / "docs" / "extending.md").read_text(encoding="utf-8")
    names = {}
    exec(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0], names)
    X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    scorer = median_per_site("nse")
    scores = cross_validate(names["Climatology"](), X, y, cv=LeaveRegionOut(), scoring=scorer)
    assert np.isfinite(scores["test_score"]).all()


def test_the_first_result_takes_about_ten_lines():
    code = [line for line in BLOCKS[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 10


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(path.relative_to(REPO).as_posix() for path in (REPO / "docs").glob("*.md")),
    ],
)
def test_links_between_pages_lead_somewhere(page):
    text = (REPO / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)\)", text)
    local = [target for target in targets if "://" not in target]
    home = (REPO / page).parent
    absent = [
        t
        for t in local
        if not ((home / t).exists() or (home / f"{t}.md").exists() or (REPO / f"{t}.md").exists())
    ]
    assert not absent, f"{page} links to {absent}"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_exist(target):
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
