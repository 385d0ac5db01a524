"""The cache of features: keyed by content, bounded, safe against damage and other processes."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stefaland_sk import Panel
from stefaland_sk._core import DataWarning
from stefaland_sk.encoders import FeatureCache, StefaLandEncoder
from stefaland_sk.modules import MaskedAutoencoder


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    return FeatureCache(None if request.param == "memory" else tmp_path / "features")


@pytest.fixture
def runs(monkeypatch):
    """Counts how often the network runs."""
    seen = []
    encode = MaskedAutoencoder.encode

    def counted(self, *inputs):
        seen.append(len(inputs[1]))
        return encode(self, *inputs)

    monkeypatch.setattr(MaskedAutoencoder, "encode", counted)
    return seen


def same(one, two):
    """Whether two results of `encode` are equal to the bit."""
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------- what is found
def test_the_second_call_never_runs_the_network(catchments, encoder, cache, runs):
    expected = encoder.encode(catchments)
    runs.clear()
    same(encoder.encode(catchments, cache=cache), expected)
    assert runs
    runs.clear()
    same(encoder.encode(catchments, cache=cache), expected)
    same(encoder.encode(catchments[[3, 1]], cache=cache), [part[[3, 1]] for part in expected])
    assert encoder.encode(catchments, days=False, cache=cache)[0] is None
    assert runs == []
    assert (cache.misses, cache.hits, len(cache)) == (5, 12, 5)
    assert cache.nbytes > 5 * 365 * 8 * 4


def test_only_sites_that_are_not_there_are_computed(catchments, encoder, cache, runs):
    encoder.encode(catchments[:4], cache=cache)
    n_four = sum(runs)
    runs.clear()
    same(encoder.encode(catchments, cache=cache)[1:], encoder.encode(catchments)[1:])
    assert cache.misses == 5
    assert sum(runs) == n_four / 4 + n_four / 4 * 5  # one site, then all without a cache


def test_tables_and_sites_without_days_are_kept_too(catchments, encoder, cache, runs):
    table = Panel.from_table(catchments.attributes)
    expected = encoder.encode(table, cache=cache)[1]
    runs.clear()
    np.testing.assert_array_equal(encoder.encode(table, cache=cache)[1], expected)
    assert runs == []
    encoder.encode(catchments, days=False, cache=cache)
    same(encoder.encode(catchments, cache=cache), encoder.encode(catchments))
    assert cache.misses == 5 + 5 + 5  # features of days are not made from those without


def test_other_content_is_another_entry(catchments, encoder, cache):
    def misses(model, panel, **options):
        before = cache.misses
        model.encode(panel, cache=cache, **options)
        return cache.misses - before

    assert misses(encoder, catchments) == 5
    attributes, forcing = catchments.attributes, catchments.forcing.copy()
    attributes.iloc[0, 0] += 1
    forcing[1, 7, 2] = np.nan
    other = Panel(attributes, forcing, time=catchments.time, forcing_names=catchments.forcing_names)
    assert misses(encoder, other) == 2
    assert misses(encoder, catchments.sel_time(None, catchments.time[100])) == 5
    assert misses(encoder, catchments, precision="bf16") == 5
    shorter = StefaLandEncoder(encoder.module, encoder.scaler, 30)
    assert misses(shorter, catchments) == 5
    weight = next(iter(shorter.module.parameters()))
    weight += 1
    changed = StefaLandEncoder(shorter.module, encoder.scaler, 60)
    assert misses(changed, catchments) == 5
    assert misses(encoder.with_variable_map({"tmax": "tmin"}), catchments) == 5
    assert misses(encoder, catchments) == 0


def test_half_precision_is_half_as_large_and_rounds_the_first_time_too(catchments, encoder):
    single, half = FeatureCache(), FeatureCache(dtype="float16")
    encoder.encode(catchments, cache=single)
    first = encoder.encode(catchments, cache=half)
    same(encoder.encode(catchments, cache=half), first)
    assert first[0].dtype == np.float32
    assert half.nbytes < 0.6 * single.nbytes
    np.testing.assert_array_equal(first[0], encoder.encode(catchments, dtype="float16")[0])


# ---------------------------------------------------------------------- bounds
def test_the_oldest_entries_go_first(catchments, encoder, tmp_path):
    one = FeatureCache()
    encoder.encode(catchments[:1], cache=one)
    for location in (None, tmp_path):
        cache = FeatureCache(location, max_gib=2.5 * one.nbytes / 2**30)
        for i in range(5):
            encoder.encode(catchments[[i]], cache=cache)
            assert cache.nbytes <= 2.5 * one.nbytes
        assert len(cache) == 2
        encoder.encode(catchments[[4, 3]], cache=cache)
        assert cache.hits == 2


def test_what_is_larger_than_the_bound_is_not_kept(catchments, encoder, cache):
    cache.max_gib = 1e-9
    encoder.encode(catchments, cache=cache)
    assert (len(cache), cache.nbytes) == (0, 0)


def test_clearing_forgets_everything(catchments, encoder, cache):
    encoder.encode(catchments, cache=cache)
    cache.clear()
    assert (len(cache), cache.nbytes, cache.hits, cache.misses) == (0, 0, 0, 0)


# ---------------------------------------------------------------------- folders
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:-1] + b"?"])
def test_a_damaged_entry_is_computed_anew(catchments, encoder, tmp_path, damage):
    cache = FeatureCache(tmp_path)
    expected = encoder.encode(catchments, cache=cache)
    path = sorted(tmp_path.iterdir())[2]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(DataWarning, match=r"cached features in .* are damaged; .* computed anew"):
        same(encoder.encode(catchments, cache=cache), expected)
    assert cache.misses == 6
    same(encoder.encode(catchments, cache=cache), expected)
    assert cache.misses == 6


def test_processes_share_a_folder(catchments, encoder, tmp_path, runs):
    expected = encoder.encode(catchments, cache=tmp_path / "deep" / "folder")
    runs.clear()
    cache = FeatureCache(tmp_path / "deep" / "folder")
    same(encoder.encode(catchments, cache=cache), expected)
    assert runs == []
    for file in cache.location.iterdir():
        file.unlink()  # by another process
    same(encoder.encode(catchments, cache=cache), expected)


def test_threads_share_a_cache(catchments, encoder, cache):
    expected = encoder.encode(catchments)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: encoder.encode(catchments, cache=cache), range(8)))
    for result in results:
        same(result, expected)
    assert len(cache) == 5
    assert cache.hits + cache.misses == 40


def test_only_old_unfinished_files_are_swept(catchments, encoder, tmp_path):
    for name, age in (("a.unfinished", 1e5), ("b.unfinished", 0), ("mine.txt", 1e5)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (os.stat(tmp_path / name).st_mtime - age,) * 2)
    encoder.encode(catchments, cache=FeatureCache(tmp_path))
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".features"}
    assert left == {"b.unfinished", "mine.txt"}


# ---------------------------------------------------------------------- the object
def test_copies_share_a_cache_and_a_pickle_shares_its_folder(cache, catchments, encoder):
    encoder.encode(catchments, cache=cache)
    assert copy.deepcopy(cache) is copy.copy(cache) is cache
    there = pickle.loads(pickle.dumps(cache))
    assert repr(there) == repr(cache)
    assert len(there) == (5 if cache.location else 0)


def test_wrong_values_are_named(catchments, encoder):
    with pytest.raises(ValueError, match=r"`max_gib` must lie in \(0, inf\)"):
        FeatureCache(max_gib=0)
    with pytest.raises(ValueError, match=r"`dtype` must be one of \['float32', 'float16'\]"):
        FeatureCache(dtype="int8")
    with pytest.raises(TypeError, match=r"`cache` must be a FeatureCache, the path .* Got 3"):
        encoder.encode(catchments, cache=3)
