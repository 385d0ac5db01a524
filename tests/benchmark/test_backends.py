"""Folds at the same time: by threads, processes or a cluster, with the same results."""

import threading
import warnings
from dataclasses import replace

import joblib
import pandas as pd
import pytest

from stefaland_sk import DataWarning, LinearComparator
from stefaland_sk.benchmark import run
from stefaland_sk.benchmark._warnings import recorded_warnings


class Complaining(LinearComparator):
    """Warn of the number of sites trained on."""

    def fit(self, X, y):
        warnings.warn(f"there are {len(X)} sites", DataWarning, stacklevel=2)
        return super().fit(X, y)


@pytest.fixture
def alone(catchments, protocol, tmp_path):
    """The scores of folds that run one after the other, in this process."""
    with pytest.warns(DataWarning, match="there are"):
        return _scores(catchments, protocol, tmp_path / "alone", n_jobs=1)


def _scores(catchments, protocol, out, n_jobs):
    protocol = replace(protocol, seeds=(0,))
    return run(protocol, *catchments, {"mine": Complaining()}, out=out, n_jobs=n_jobs).scores


def test_threads_keep_results_and_warnings_apart(catchments, protocol, alone, tmp_path):
    with joblib.parallel_config("threading"), pytest.warns(DataWarning) as caught:
        scores = _scores(catchments, protocol, tmp_path, n_jobs=3)
    pd.testing.assert_frame_equal(scores, alone)
    (text,) = {str(w.message) for w in caught}
    assert text == "mine: there are 6 sites (2 more like this in other folds)"


def test_a_dask_cluster_gives_the_same(catchments, protocol, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        worker_dashboard_address=None,
        silence_logs=50,
    )
    with (
        cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
        pytest.warns(DataWarning, match=r"mine: there are 6 sites \(2 more like this"),
    ):
        scores = _scores(catchments, protocol, tmp_path, n_jobs=2)
    pd.testing.assert_frame_equal(scores, alone)


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
