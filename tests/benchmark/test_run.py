"""Runs: what they write, how they go on, and what they never take."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from stefaland_sk import LinearComparator, StefaLandStreamflow
from stefaland_sk._core import DataWarning
from stefaland_sk.benchmark import find_problems, make_models, read_results, run
from stefaland_sk.benchmark._parts import PartStore
from stefaland_sk.benchmark._pretrained import CachedTransformer
from stefaland_sk.metrics import site_scores

COLUMNS = ["protocol", "model", "seed", "fold", "site", "metric", "value"]


class Constant(RegressorMixin, BaseEstimator):
    """Predict a number; count the fits in a file, so that other processes are seen too."""

    def __init__(self, value=1.0, log=None, random_state=None):
        self.value = value
        self.log = log
        self.random_state = random_state

    def fit(self, X, y):
        self.target_ = y
        if self.log is not None:
            with open(self.log, "a") as stream:
                stream.write(f"{self.random_state}\n")
        return self

    def predict(self, X):
        wave = np.sin(np.arange(X.n_times))
        return np.tile(self.value + 0.1 * wave, (len(X), 1))


def n_fits(log):
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_results_are_tidy_and_complete(catchments, protocol, rows, tmp_path):
    X, y = catchments
    results = run(protocol, X, y, rows, out=tmp_path)
    assert list(results.scores) == COLUMNS
    assert not results.scores.duplicated(COLUMNS[:-1]).any()
    # 8 labelled sites, 2 models, 2 seeds, 4 metrics; the unlabelled site is not tested.
    assert len(results.scores) == 8 * 2 * 2 * 4
    assert results.scores["value"].notna().all()
    assert len(results.runs) == 3 * 2 * 2
    assert (results.runs.groupby(["model", "seed"])["n_sites"].sum() == 8).all()
    stored = read_results(tmp_path / "results.csv")
    assert stored["site"].str.len().eq(8).all()
    np.testing.assert_allclose(stored["value"], results.scores["value"], rtol=1e-5)


def test_scores_are_those_of_fitting_by_hand(catchments, protocol, tmp_path):
    X, y = catchments
    protocol = replace(
        protocol, fit_period=("2001-06-01", "2002-09-30"), score_period=("2001-05-01", "2002-04-30")
    )
    scores = run(protocol, X, y, {"mine": LinearComparator()}, out=tmp_path, seeds=[0]).scores
    for fold in protocol.folds(X, y):
        model = LinearComparator(fit_period=protocol.fit_period, random_state=0)
        model.fit(X[fold.train], y.iloc[fold.train])
        test = X[fold.test]
        expected = site_scores(
            y.iloc[fold.test],
            test.label(model.predict(test)),
            protocol.metrics,
            warmup=protocol.warmup,
            period=protocol.score_period,
            min_obs=protocol.min_obs,
        )
        found = scores[scores["fold"] == fold.label].pivot(
            index="site", columns="metric", values="value"
        )
        pd.testing.assert_frame_equal(
            found.loc[expected.index, expected.columns[:-1]],
            expected.drop(columns="n_obs"),
            check_names=False,
        )


def test_finished_folds_are_not_run_again(catchments, protocol, tmp_path):
    X, y = catchments
    log = tmp_path / "log"
    models = {"constant": Constant(log=str(log))}
    first = run(protocol, X, y, models, out=tmp_path / "out")
    assert n_fits(log) == 6
    written = (tmp_path / "out/results.csv").read_bytes()
    again = run(protocol, X, y, models, out=tmp_path / "out")
    assert n_fits(log) == 6
    pd.testing.assert_frame_equal(first.scores, again.scores)
    run(protocol, X, y, models, out=tmp_path / "out", resume=False)
    assert n_fits(log) == 12
    assert (tmp_path / "out/results.csv").read_bytes() == written


@pytest.mark.parametrize("damage", ["lost", "cut", "no text"])
def test_a_lost_or_damaged_part_is_made_anew(catchments, protocol, tmp_path, damage):
    X, y = catchments
    log = tmp_path / "log"
    models = {"constant": Constant(log=str(log))}
    run(protocol, X, y, models, out=tmp_path)
    written = (tmp_path / "results.csv").read_bytes()
    part = sorted(tmp_path.glob("parts/constant-1-2-*.json"))[0]
    if damage == "lost":
        part.unlink()
    elif damage == "no text":
        part.write_bytes(b"\xff\xfe\x00\x81" * 20)
    else:
        part.write_text(part.read_text()[:50])
    run(protocol, X, y, models, out=tmp_path)
    assert n_fits(log) == 7
    assert (tmp_path / "results.csv").read_bytes() == written


@pytest.mark.parametrize("what", ["model", "protocol", "data", "name"])
def test_a_stale_part_is_never_taken(catchments, protocol, tmp_path, what):
    X, y = catchments
    log = tmp_path / "log"
    model = Constant(log=str(log))
    run(protocol, X, y, {"constant": model}, out=tmp_path)
    if what == "model":
        model = Constant(value=2.0, log=str(log))
    elif what == "protocol":
        protocol = replace(protocol, warmup=100)
    elif what == "data":
        y = y.copy()
        y.loc[y.notna().any(axis=1).idxmax(), X.time[400]] += 1
    else:  # but a new name alone does not make the work void
        protocol = replace(protocol, name="another")
    scores = run(protocol, X, y, {"constant": model}, out=tmp_path).scores
    assert n_fits(log) == (6 if what == "name" else 12)
    assert set(scores["protocol"]) == {protocol.name}


def test_folds_made_by_other_code_are_taken_with_a_warning(catchments, protocol, tmp_path):
    X, y = catchments
    run(protocol, X, y, {"constant": Constant()}, out=tmp_path, seeds=[0])
    part = sorted(tmp_path.glob("parts/*.json"))[0]
    part.write_text(json.dumps(json.loads(part.read_text()) | {"code": "0" * 12}))
    with pytest.warns(DataWarning, match="constant: 1 of 3 folds were made before the code"):
        run(protocol, X, y, {"constant": Constant()}, out=tmp_path, seeds=[0])


def test_two_workers_give_the_same_file(catchments, protocol, tmp_path):
    X, y = catchments
    models = {"linear": LinearComparator()}
    run(protocol, X, y, models, out=tmp_path / "one", seeds=[0])
    run(protocol, X, y, models, out=tmp_path / "two", seeds=[0], n_jobs=2)
    one, two = ((tmp_path / name / "results.csv").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore:.*before the code of this library:UserWarning")
def test_a_killed_run_goes_on_to_the_same_file(catchments, protocol, tmp_path):
    X, y = catchments
    code = f"""
        import time
        from dataclasses import replace
        from stefaland_sk import LinearComparator
        from stefaland_sk.benchmark import PROTOCOLS, run
        from stefaland_sk.datasets import make_catchments

        class Slow(LinearComparator):
            def fit(self, X, y):
                time.sleep(0.3)
                return super().fit(X, y)

        X, y = make_catchments(
            n_sites=9, n_years=2, n_regions=3, unlabelled=0.12, random_state=0
        )
        protocol = replace(PROTOCOLS["synthetic-pur"], name="tiny", seeds=(0, 1), warmup=180)
        Slow.__module__, Slow.__qualname__ = LinearComparator.__module__, "LinearComparator"
        run(protocol, X, y, {{"linear": Slow()}}, out={str(tmp_path / "killed")!r})
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    parts = tmp_path / "killed/parts"
    while not list(parts.glob("*.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_done = len(list(parts.glob("*.json")))
    assert 1 <= n_done < 6
    models = {"linear": LinearComparator()}
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("*.json")}
    run(protocol, X, y, models, out=tmp_path / "killed")
    run(protocol, X, y, models, out=tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    killed, whole = ((tmp_path / n / "results.csv").read_bytes() for n in ("killed", "whole"))
    assert killed == whole


def test_the_seed_reaches_every_random_state(catchments, protocol, tmp_path):
    X, y = catchments
    log = tmp_path / "log"
    run(protocol, X, y, {"constant": Constant(log=str(log))}, out=tmp_path, seeds=[7])
    assert log.read_text().split() == ["7"] * 3


def test_warnings_of_the_folds_are_shown_once(catchments, protocol, tmp_path):
    class Warner(Constant):
        def fit(self, X, y):
            import warnings

            warnings.warn("one day is odd", DataWarning, stacklevel=1)
            return super().fit(X, y)

    X, y = catchments
    with pytest.warns(DataWarning) as caught:
        run(protocol, X, y, {"odd": Warner()}, out=tmp_path, seeds=[0])
    texts = [str(w.message) for w in caught]
    assert texts == ["odd: one day is odd (2 more like this in other folds)"]


def test_sites_with_few_observations_are_counted(catchments, protocol, tmp_path):
    X, y = catchments
    y = y.copy()
    labelled = np.flatnonzero(y.notna().any(axis=1))
    y.iloc[labelled[0], 300:] = np.nan
    results = run(protocol, X, y, {"constant": Constant()}, out=tmp_path, seeds=[0])
    assert results.runs["n_left_out"].sum() == 0  # 120 days are left after the warm-up
    protocol = replace(protocol, min_obs=200)
    results = run(protocol, X, y, {"constant": Constant()}, out=tmp_path, seeds=[0])
    assert results.runs["n_left_out"].sum() == 1
    left_out = results.scores[results.scores["value"].isna()]
    assert set(left_out["site"]) == {X.site_ids[labelled[0]]}


def test_the_folder_of_the_results_is_that_of_the_caller(
    catchments, protocol, tmp_path, monkeypatch
):
    class Elsewhere(Constant):
        def fit(self, X, y):
            os.chdir(tmp_path / "worker")
            return super().fit(X, y)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "worker").mkdir()
    run(protocol, *catchments, {"constant": Elsewhere()}, out="here", seeds=[0])
    assert (tmp_path / "here/results.csv").exists()
    assert len(list((tmp_path / "here/parts").glob("*.json"))) == 3


def test_workers_that_do_not_see_the_folder_are_told_of(
    catchments, protocol, tmp_path, monkeypatch
):
    monkeypatch.setattr(PartStore, "write", lambda store, path, part: None)
    with pytest.raises(
        FileNotFoundError, match=r"The fold '1' of 'mine' is finished, but its file"
    ):
        run(protocol, *catchments, {"mine": Constant()}, out=tmp_path, seeds=[0])


def test_nothing_to_compare_is_an_error(catchments, protocol, tmp_path):
    with pytest.raises(ValueError, match="`models` is empty"):
        run(protocol, *catchments, {}, out=tmp_path)


def test_mistakes_in_the_call_are_told(catchments, protocol, rows, tmp_path):
    X, y = catchments
    with pytest.raises(TypeError, match=r"`protocol` must be a Protocol.*Got 'synthetic-pur'"):
        run("synthetic-pur", X, y, rows, out=tmp_path)
    with pytest.raises(TypeError, match=r"`models` must be a dict.*Got list"):
        run(protocol, X, y, list(rows.values()), out=tmp_path)
    with pytest.raises(TypeError, match=r"`mine` must be an estimator. Got the class Constant"):
        run(protocol, X, y, {"mine": Constant}, out=tmp_path)
    with pytest.raises(TypeError, match="X must hold samples. Got the path 'data/camels'"):
        run(protocol, "data/camels", y, rows, out=tmp_path)


# ---------------------------------------------------------------------- pretraining once
@pytest.fixture
def small_encoder():
    return {"d_model": 8, "n_layers": 1, "max_epochs": 1, "window": 180}


def test_both_stefaland_rows_share_the_encoder_of_a_fold(catchments, protocol, tmp_path):
    models = make_models(["noresconn", "resconn"], budget="quick", epochs=1, cache=tmp_path / "enc")
    for model in models.values():
        model.set_params(d_hidden=8, encoder__d_model=8, encoder__n_layers=1)
    results = run(protocol, *catchments, models, out=tmp_path, seeds=[0])
    assert len(list((tmp_path / "enc").glob("*.safetensors"))) == 3
    assert not list((tmp_path / "enc").glob("*.part.*"))
    # The run table tells what pretraining took for both rows, and how large both are.
    assert (results.runs["pretrain_seconds"] > 0).all()
    assert (results.runs["n_parameters"] > 0).all()
    by_fold = results.runs.groupby("fold")["pretrain_seconds"].nunique()
    assert (by_fold == 1).all()


def test_a_kept_encoder_gives_the_same_predictions(catchments, small_encoder, tmp_path):
    X, y = catchments
    predictions = []
    for cache in (None, tmp_path, tmp_path):
        encoder = CachedTransformer(cache, **small_encoder)
        model = StefaLandStreamflow(encoder, d_hidden=8, max_epochs=1, random_state=3)
        predictions.append(model.fit(X[:6], y[:6]).predict(X[6:]))
    np.testing.assert_array_equal(predictions[0], predictions[1])
    np.testing.assert_array_equal(predictions[1], predictions[2])


def test_a_kept_encoder_is_never_taken_for_other_sites(catchments, small_encoder, tmp_path):
    X, _ = catchments
    for sites in (slice(0, 6), slice(3, 9)):
        encoder = CachedTransformer(tmp_path, **small_encoder, random_state=0).fit(X[sites])
        assert encoder.encoder_.sites == list(X.site_ids[sites])
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    CachedTransformer(tmp_path, **small_encoder, random_state=1).fit(X[:6])
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_a_damaged_encoder_is_made_anew(catchments, small_encoder, tmp_path):
    X, _ = catchments
    CachedTransformer(tmp_path, **small_encoder, random_state=0).fit(X)
    (file,) = tmp_path.glob("*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    again = CachedTransformer(tmp_path, **small_encoder, random_state=0).fit(X)
    assert "from_cache" not in again.encoder_.about
    assert len(file.read_bytes()) > len(whole) // 2


class Seeded(Constant):
    """Predict the seed."""

    def predict(self, X):
        return super().predict(X) - self.value + self.random_state


def test_the_mean_over_seeds_is_scored_by_its_predictions(catchments, protocol, tmp_path):
    X, y = catchments
    models = {"mine": Seeded(log=str(tmp_path / "fits"))}
    for _ in range(2):  # the second time from what is kept
        results = run(
            protocol, X, y, models, out=tmp_path / "a", seeds=[1, 3], keep_predictions=True
        )
    assert n_fits(tmp_path / "fits") == 2 * 3
    mean = results.scores[results.scores["model"] == "mine, mean of 2"]
    two = run(protocol, X, y, {"two": Constant(2.0)}, out=tmp_path / "b", seeds=[0]).scores
    merged = mean.merge(two, on=["site", "metric"], suffixes=("", "_two"))
    assert len(merged) == len(mean) == len(two)
    np.testing.assert_allclose(merged["value"], merged["value_two"], rtol=1e-5, atol=1e-6)
    assert find_problems(results.scores) == []
    costs = results.runs.groupby("model")["fit_seconds"].sum()
    assert costs["mine, mean of 2"] == pytest.approx(costs["mine"])


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_folds_without_their_predictions_are_run_again(catchments, protocol, tmp_path, damage):
    X, y = catchments
    models, log = {"mine": Constant(log=str(tmp_path / "fits"))}, tmp_path / "fits"
    run(protocol, X, y, models, out=tmp_path, seeds=[0], keep_predictions=True)
    path = next((tmp_path / "parts").glob("*.npz"))
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:100])
    run(protocol, X, y, models, out=tmp_path, seeds=[0])  # scores alone are there
    assert n_fits(log) == 3
    run(protocol, X, y, models, out=tmp_path, seeds=[0], keep_predictions=True)
    assert n_fits(log) == 4
