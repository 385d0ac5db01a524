"""One copy of the weights for clones, pickles and worker processes."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone

from stefaland_sk.encoders import StefaLandEncoder


class Holder(BaseEstimator):
    """An estimator that has an encoder as its parameter."""

    def __init__(self, encoder=None):
        self.encoder = encoder


def is_view(module, array):
    """Whether all weights of a module lie inside one array."""
    first = array.__array_interface__["data"][0]
    return all(
        first <= weight.data_ptr() < first + array.nbytes or weight.numel() == 0
        for weight in module.state_dict().values()
    )


def work(encoder, panel):
    """What a worker process does: encode, and tell where the weights lie."""
    torch.set_num_threads(1)
    mapped = isinstance(encoder._weights, np.memmap)
    return encoder.encode(panel), mapped and is_view(encoder.module, encoder._weights)


def test_copies_and_clones_are_the_object_itself(encoder):
    assert copy.copy(encoder) is encoder
    assert copy.deepcopy({"a": encoder})["a"] is encoder
    assert clone(Holder(encoder)).encoder is encoder


def test_weights_are_views_on_one_array(encoder, tmp_path):
    loaded = StefaLandEncoder.load(encoder.save(tmp_path / "x.safetensors"))
    for model in (encoder, loaded, pickle.loads(pickle.dumps(encoder))):
        assert is_view(model.module, model._weights)


def test_a_pickle_holds_the_weights_once(encoder):
    content = pickle.dumps(encoder)
    arrays = []
    out_of_band = pickle.dumps(encoder, protocol=5, buffer_callback=arrays.append)
    assert max(len(part.raw()) for part in arrays) == encoder._weights.nbytes
    assert len(content) < 2 * encoder._weights.nbytes
    assert len(out_of_band) < encoder._weights.nbytes


def test_a_pickle_gives_everything_back(catchments, encoder):
    again = pickle.loads(pickle.dumps(encoder.with_variable_map({"tmax": "tmin"})))
    expected = encoder.with_variable_map({"tmax": "tmin"}).encode(catchments)
    for one, two in zip(again.encode(catchments), expected, strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.digest == encoder.digest
    assert again.describe() == encoder.describe()
    assert not any(weight.requires_grad for weight in again.module.parameters())


def test_read_only_memory_neither_raises_nor_warns(catchments, encoder, tmp_path):
    joblib.dump(encoder, tmp_path / "encoder.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = joblib.load(tmp_path / "encoder.joblib", mmap_mode="r")
        assert isinstance(mapped._weights, np.memmap)
        assert not mapped._weights.flags.writeable
        result = mapped.encode(catchments)
        assert mapped.digest == encoder.digest
        mapped.save(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(result[0], encoder.encode(catchments)[0])


def test_worker_processes_map_the_weights_and_give_identical_features(catchments, encoder):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        expected = encoder.encode(catchments)
        parallel = joblib.Parallel(n_jobs=2, max_nbytes=1000)
        results = parallel(joblib.delayed(work)(encoder, catchments[[i]]) for i in range(2))
    finally:
        torch.set_num_threads(threads)
    for i, ((days, site), shared) in enumerate(results):
        assert shared
        np.testing.assert_array_equal(days[0], expected[0][i])
        np.testing.assert_array_equal(site[0], expected[1][i])


def test_another_device_gets_a_copy_that_is_kept(encoder):
    assert encoder.network_on("cpu") is encoder.module
    there = encoder.network_on("meta")
    assert there is encoder.network_on(torch.device("meta"))
    assert next(there.parameters()).is_meta
    assert not next(encoder.module.parameters()).is_meta
    assert pickle.loads(pickle.dumps(encoder))._copies == {}
    del encoder._copies[torch.device("meta")]


@pytest.mark.parametrize("protocol", [2, 5])
def test_shared_weights_of_another_size_are_refused(encoder, protocol):
    state = encoder.__getstate__()
    state["_weights"] = state["_weights"][:-64]
    with pytest.raises(ValueError, match=r"The array has \d+ bytes; the network needs \d+"):
        object.__new__(StefaLandEncoder).__setstate__(state)
