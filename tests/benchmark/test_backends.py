"""Folds at the same time: by threads, processes or a cluster, with the same results."""

import contextlib
import os
import signal
import sys
import threading
import time
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from stefaland_sk import DataWarning, LinearComparator, LSTMRegressor, Panel
from stefaland_sk.benchmark import run
from stefaland_sk.benchmark._warnings import recorded_warnings

N_BALLAST = 200  # MiB
SECONDS = 1.0
needs_signals = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL, which Windows lacks")


class Complaining(LinearComparator):
    """Warn of the number of sites trained on."""

    def fit(self, X, y):
        warnings.warn(f"there are {len(X)} sites", DataWarning, stacklevel=2)
        return super().fit(X, y)


class Wave(RegressorMixin, BaseEstimator):
    """Predict a wave; do something else where a site is held out."""

    def __init__(self, site=None, file=None):
        self.site = site
        self.file = file

    def fit(self, X, y):
        if self.site not in X.site_ids:
            self._act()
        self.fitted_ = True
        return self

    def _act(self):
        pass

    def predict(self, X):
        return np.tile(np.sin(np.arange(X.n_times)), (len(X), 1))


class Failing(Wave):
    """Raise an error."""

    def _act(self):
        raise ValueError("the weather is bad")


class Mortal(Wave):
    """Take a file away and kill the process, if the file is there."""

    def _act(self):
        if os.path.exists(self.file):
            os.unlink(self.file)
            os.kill(os.getpid(), signal.SIGKILL)


class Greedy(Wave):
    """Take memory and the processor for a while."""

    def _act(self):
        begin = time.process_time()
        ballast = np.ones((N_BALLAST, 2**17))
        while time.process_time() - begin < SECONDS:
            ballast[0] += 1


class Nesting(Wave):
    """Warn of the processes that what is done in parallel inside a fold runs in."""

    def fit(self, X, y):
        found = joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(4))
        inside = set(found) == {os.getpid()}
        jobs = joblib.effective_n_jobs(None)
        warnings.warn(f"{inside}, {jobs} job", UserWarning, stacklevel=2)
        return super().fit(X, y)


class Counting(LSTMRegressor):
    """Warn of the threads of torch."""

    def fit(self, X, y):
        import torch

        warnings.warn(f"{torch.get_num_threads()} threads", UserWarning, stacklevel=2)
        return super().fit(X, y)


@pytest.fixture
def alone(catchments, protocol, tmp_path):
    """The scores of folds that run one after the other, in this process."""
    with pytest.warns(DataWarning, match="there are"):
        return _run(Complaining(), catchments, protocol, tmp_path / "alone").scores


@pytest.fixture(scope="module")
def two_processes():
    """A Dask cluster of two processes that is patient with a busy machine."""
    dask = pytest.importorskip("dask", reason="needs dask and distributed: extra 'cluster'")
    distributed = pytest.importorskip("distributed", reason="needs distributed: extra 'cluster'")
    patience = {
        "distributed.comm.timeouts.connect": "120s",
        "distributed.scheduler.worker-ttl": None,
        "distributed.worker.profile.enabled": False,
    }
    with (
        dask.config.set(patience),
        _cluster(distributed, processes=True) as cluster,
        distributed.Client(cluster),
    ):
        yield


def _cluster(distributed, processes):
    return distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=processes,
        dashboard_address=None,
        worker_dashboard_address=None,
        silence_logs=50,
    )


@contextlib.contextmanager
def _backend(name, request):
    """Choose a backend; give the number of jobs to ask for."""
    if name == "alone":
        yield 1
        return
    if name == "dask":
        request.getfixturevalue("two_processes")
    with joblib.parallel_config(name):
        yield 2


def _run(model, catchments, protocol, out, n_jobs=1, **options):
    protocol = replace(protocol, seeds=(0,))
    return run(protocol, *catchments, {"mine": model}, out=out, n_jobs=n_jobs, **options)


def _site_of(catchments, protocol, label):
    """Give a site that is held out in a fold."""
    X, y = protocol.take(*catchments)
    (fold,) = (fold for fold in protocol.folds(X, y) if fold.label == label)
    return X.site_ids[fold.test[0]]


# ---------------------------------------------------------------------- the same results
def test_threads_keep_results_and_warnings_apart(catchments, protocol, alone, tmp_path):
    with joblib.parallel_config("threading"), pytest.warns(DataWarning) as caught:
        scores = _run(Complaining(), catchments, protocol, tmp_path, n_jobs=3).scores
    pd.testing.assert_frame_equal(scores, alone)
    (text,) = {str(w.message) for w in caught}
    assert text == "mine: there are 6 sites (2 more like this in other folds)"


def test_a_dask_cluster_in_one_process_gives_the_same(catchments, protocol, alone, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs distributed: extra 'cluster'")
    with (
        _cluster(distributed, processes=False) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
        pytest.warns(DataWarning, match=r"mine: there are 6 sites \(2 more like this"),
    ):
        scores = _run(Complaining(), catchments, protocol, tmp_path, n_jobs=2).scores
    pd.testing.assert_frame_equal(scores, alone)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loky", "dask"])
def test_processes_give_the_same(name, catchments, protocol, alone, tmp_path, request):
    with (
        _backend(name, request) as n_jobs,
        pytest.warns(DataWarning, match=r"mine: there are 6 sites \(2 more like this"),
    ):
        results = _run(Complaining(), catchments, protocol, tmp_path, n_jobs=n_jobs)
    pd.testing.assert_frame_equal(results.scores, alone)
    assert set(results.runs["n_jobs"]) == {2}
    assert set(results.runs["threads"]) == {1}


# ---------------------------------------------------------------------- what folds cost
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a peak of memory begin anew")
@pytest.mark.parametrize("name", ["alone", "loky", "dask"])
def test_seconds_and_memory_are_those_of_the_fold(name, catchments, protocol, tmp_path, request):
    site = _site_of(catchments, protocol, "1")
    with _backend(name, request) as n_jobs:
        runs = _run(Greedy(site), catchments, protocol, tmp_path, n_jobs=n_jobs).runs
    runs = runs.set_index("fold")
    others = runs.drop(index="1")
    assert runs.loc["1", "fit_cpu_seconds"] >= SECONDS > 2 * others["fit_cpu_seconds"].max()
    more = runs.loc["1", "peak_memory_mib"] - others["peak_memory_mib"].max()
    assert more > 0.5 * N_BALLAST


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alone", "threading", "loky", "dask"])
def test_a_fold_stays_in_its_process(name, catchments, protocol, tmp_path, request):
    with _backend(name, request) as n_jobs, pytest.warns(UserWarning, match="True, 1 job"):
        _run(Nesting(), catchments, protocol, tmp_path, n_jobs=n_jobs)


@pytest.mark.slow
def test_networks_in_processes_keep_to_their_threads(catchments, protocol, tmp_path):
    model = Counting(d_hidden=4, max_epochs=1, window=180)
    # The processes begin with two threads each, whatever the environment says.
    with joblib.parallel_config("loky", inner_max_num_threads=2):
        for threads, expected in ((3, "3 threads"), (None, "1 threads")):
            out = tmp_path / expected
            with pytest.warns(UserWarning, match=expected):
                _run(model, catchments, protocol, out, n_jobs=2, threads=threads)


@pytest.mark.slow
def test_dask_gets_the_panel_once_for_all_folds(
    catchments, protocol, tmp_path, two_processes, monkeypatch
):
    pickled, reduce = [], Panel.__reduce__

    def count(panel):
        pickled.append(panel)
        return reduce(panel)

    monkeypatch.setattr(Panel, "__reduce__", count)
    with joblib.parallel_config("dask"):
        _run(Wave(), catchments, protocol, tmp_path, n_jobs=2)
    assert len(pickled) == 1


# ---------------------------------------------------------------------- what goes wrong
@pytest.mark.slow
@pytest.mark.parametrize("name", ["alone", "loky", "dask"])
def test_an_error_names_model_and_fold(name, catchments, protocol, tmp_path, request):
    site = _site_of(catchments, protocol, "2")
    with (
        _backend(name, request) as n_jobs,
        pytest.raises(ValueError, match="the weather is bad") as caught,
    ):
        _run(Failing(site), catchments, protocol, tmp_path, n_jobs=n_jobs)
    where, left = caught.value.__notes__
    assert where == "In fold '2' of 'mine', seed 0."
    assert left.startswith("Not finished of 'mine', seed 0: the folds [")
    assert "'2'" in left
    assert str(tmp_path / "parts") in left


@pytest.mark.slow
@needs_signals
@pytest.mark.parametrize("name", ["loky", "dask"])
def test_a_run_goes_on_after_a_worker_was_killed(name, catchments, protocol, tmp_path, request):
    """Loky gives up; Dask finishes the run, unless the only copy of the data is lost."""
    site, file, out = _site_of(catchments, protocol, "2"), tmp_path / "alive", tmp_path / "out"
    model = Mortal(site, str(file))
    _run(model, catchments, protocol, out, only=["1"])
    kept = {path: path.stat().st_mtime_ns for path in out.glob("parts/*.json")}
    file.touch()
    with _backend(name, request) as n_jobs:
        try:
            _run(model, catchments, protocol, out, n_jobs=n_jobs)
            failure = None
        except Exception as error:
            failure = error
        assert not file.exists()
        if name == "loky" or failure is not None:
            assert type(failure).__name__ in ("TerminatedWorkerError", "FutureCancelledError")
            assert "Not finished of 'mine', seed 0: the folds ['2'" in failure.__notes__[-1]
        scores = _run(model, catchments, protocol, out, n_jobs=n_jobs).scores
    assert len(kept) == 1
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    expected = _run(Wave(), catchments, protocol, tmp_path / "alone").scores
    pd.testing.assert_frame_equal(scores, expected)


# ---------------------------------------------------------------------- warnings of threads
def test_each_thread_keeps_its_own_warnings():
    heard, barrier = {}, threading.Barrier(2)

    def work(name):
        with recorded_warnings() as caught:
            barrier.wait()
            warnings.warn(name, UserWarning, stacklevel=1)
            barrier.wait()
        heard[name] = caught

    show = warnings.showwarning
    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {name: [(UserWarning, name)] for name in "ab"}
    assert warnings.showwarning is show


def test_warnings_inside_warnings_go_to_the_inner_list_and_then_to_the_outer_one():
    with recorded_warnings() as outer:
        with recorded_warnings() as inner:
            warnings.warn("first", UserWarning, stacklevel=1)
        warnings.warn("second", UserWarning, stacklevel=1)
    assert ([text for _, text in inner], [text for _, text in outer]) == (["first"], ["second"])


def test_threads_that_do_not_listen_are_heard_as_before():
    def warn_elsewhere():
        with recorded_warnings() as caught:
            thread = threading.Thread(target=warnings.warn, args=("elsewhere", UserWarning))
            thread.start()
            thread.join()
        assert caught == []

    with pytest.warns(UserWarning, match="elsewhere"):
        warn_elsewhere()
