"""The corpus: what is in it, and how its samples are laid, shuffled, read and dealt."""

import gc
import itertools
import threading
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from stefaland_sk import Panel
from stefaland_sk.data import PanelScaler
from stefaland_sk.data._lazy import LazyForcing
from stefaland_sk.datasets import make_catchments
from stefaland_sk.estimators._corpus import Corpus
from stefaland_sk.estimators._corpus_batches import CorpusDataset, Hider
from stefaland_sk.modules import KeyedRandom, MaskConfig, VariableGroup

GIB = 2**30
LITTLE = 40e-6  # GiB: room for a dozen records of 200 steps and two variables, twice


class CountingForcing(LazyForcing):
    """Forcing in a pretended file that counts what is read of it."""

    reads = ()

    def read(self):
        values = super().read()
        self.reads.extend(self.rows.tolist())
        return values


def make_panel(n_sites=4, n_times=100, *, lazy=False, gaps=(), first_site=0, start="2000-10-01"):
    """A panel whose forcing tells the site and the step, with some steps missing."""
    sites = np.arange(first_site, first_site + n_sites, dtype=np.float32)
    forcing = np.empty((n_sites, n_times, 2), dtype=np.float32)
    forcing[:, :, 0], forcing[:, :, 1] = sites[:, None], np.arange(n_times)
    for site, first, last in gaps:
        forcing[site, first:last] = np.nan
    if lazy:
        planes = [xr.Variable(("site", "time"), forcing[:, :, i]) for i in range(2)]
        forcing = CountingForcing(planes, ("site", "time"))
        forcing.reads = []
    ids = [f"s{int(site)}" for site in sites]
    return Panel(
        pd.DataFrame({"number": sites, "spread": sites % 3}, index=ids),
        forcing,
        time=pd.date_range(start, periods=n_times),
        forcing_names=["where", "step"],
        units={"where": "mm/d", "step": "W/m2"},
        groups={"some": ["number"]},
    )


def note_keys(inputs, keys):
    """A stand-in for masks: numbers that follow from the keys."""
    hidden = KeyedRandom(keys).uniform(*inputs["forcing"].shape[1:]) < 0.5
    return {**inputs, "forcing_hidden": hidden}


def make_dataset(panels, window=10, *, memory=2.0, chosen=None, random=True, **options):
    """The dataset of a corpus."""
    corpus = Corpus(panels, window=window, memory=memory, **options)
    return CorpusDataset(corpus, hide=note_keys, chosen=chosen, random=random)


def same(one, other):
    """Whether two lists of batches are alike to the bit."""
    if len(one) != len(other):
        return False
    return all(
        torch.equal(a[half][name].nan_to_num(-7), b[half][name].nan_to_num(-7))
        for a, b in zip(one, other, strict=True)
        for half in (0, 1)
        for name in a[half]
    )


def places_of(dataset, batches):
    """List (site, step) of all observed values in the batches, window by window."""
    scaler, found = dataset.corpus.scaler, []
    for inputs, _ in batches:
        raw = inputs["forcing"].numpy() * scaler.forcing_std + scaler.forcing_mean
        for window in raw.round():
            found.append([(int(s), int(t)) for s, t in window.tolist() if s == s])
    return found


# ---------------------------------------------------------------------- what is in it
def test_variables_are_joined_by_name_and_unit():
    one, _ = make_catchments(n_sites=3, n_years=1, n_regions=1, random_state=0)
    kelvin = one.keep_variables(forcings=["tmax"], attributes=one.attribute_names[:2])
    values = kelvin.forcing + np.float32(273.15)
    other = Panel(
        kelvin.attributes.assign(extra=[1.0, 2.0, 3.0]),
        values,
        time=kelvin.time,
        forcing_names=["tmax"],
        units={**kelvin.units, "tmax": "K"},
    )
    corpus = Corpus([one, other], window=300)
    assert corpus.forcing_names == one.forcing_names
    assert corpus.attribute_names == [*one.attribute_names, "extra"]
    assert corpus.units["tmax"] == "degC"
    assert corpus.n_sites == 6
    assert corpus.site_ids == [*one.site_ids, *one.site_ids]  # twice: the windows of both
    column = corpus.forcing_names.index("tmax")
    np.testing.assert_allclose(corpus.site_std[:3, column], corpus.site_std[3:, column], rtol=1e-4)
    assert np.isnan(corpus.attributes[:3, -1]).all()
    assert np.isnan(corpus.attributes[3:, 2:-1]).all()


def test_units_that_do_not_fit_are_named_with_their_panel():
    panels = [make_panel(), make_panel(first_site=4), make_panel(first_site=8)]
    panels[1] = panels[1].assign(units={"where": "K"})
    with pytest.raises(
        ValueError, match=r"Panel 2 of 3 of the corpus: where is in 'K' here and in 'mm/d'"
    ):
        Corpus(panels, window=10)


def test_an_absent_forcing_is_missing_in_the_windows_of_that_panel():
    one, other = make_panel(), make_panel(first_site=4).keep_variables(forcings=["step"])
    (batch,) = make_dataset([one, other]).batches(1000)
    column = batch[0]["forcing"][:, :, 0]
    lacking = batch[0]["attributes"][:, 0] > batch[0]["attributes"][:, 0].median()
    assert torch.isnan(column[lacking]).all()
    assert torch.isfinite(column[~lacking]).all()


def test_site_std_is_the_spread_of_each_sites_scaled_forcing():
    X, _ = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    corpus = Corpus([X], window=300)
    wanted = corpus.scaler.scale_forcing(X).std(axis=1)
    np.testing.assert_allclose(corpus.site_std, wanted, rtol=1e-4)


def test_site_std_is_one_where_nothing_is_observed():
    one, other = make_panel(), make_panel(first_site=4).keep_variables(forcings=["step"])
    assert (Corpus([one, other], window=10).site_std[4:, 0] == 1).all()


def test_groups_places_and_period_come_from_all_panels():
    ids = ["a", "b"]
    sites = pd.DataFrame({"lat": [1.0, 2.0], "lon": [3.0, 4.0]}, index=ids)
    table = pd.DataFrame({"number": [1.0, 2.0], "clay": [0.1, 0.2]}, index=ids)
    soils = Panel.from_table(table, sites=sites, groups={"soil": ["clay", "number"]})
    late = make_panel(first_site=4, start="2010-01-01")
    corpus = Corpus([make_panel(), soils, late], window=10)
    assert corpus.groups == {"some": ["number"], "soil": ["clay"]}
    assert corpus.places["lat"][4:6].tolist() == [1.0, 2.0]
    assert corpus.places["lon"].isna().sum() == 8
    assert corpus.period == ["2000-10-01", "2010-04-10"]


def test_a_categorical_attribute_comes_as_codes():
    corpus = Corpus([make_panel(6)], window=10, categorical=["spread"])
    assert corpus.attributes[:, 1].tolist() == [0, 1, 2, 0, 1, 2]


def test_gaps_shorter_than_a_window_are_bridged_and_longer_ones_are_not():
    corpus = Corpus([make_panel(2, gaps=[(0, 20, 29), (0, 50, 60)])], window=10)
    runs = corpus.records
    found = list(zip(runs.site.tolist(), runs.start.tolist(), runs.stop.tolist(), strict=True))
    assert found == [(0, 0, 50), (0, 60, 100), (1, 0, 100)]


def test_the_fingerprint_tells_one_corpus_from_another():
    def digest(panels=None, **options):
        return Corpus(panels or [make_panel()], **{"window": 10, **options}).fingerprint

    others = [
        digest(window=11),
        digest([make_panel(5)]),
        digest([make_panel(first_site=1)]),
        digest([make_panel(gaps=[(0, 3, 20)])]),
        digest([make_panel(start="2001-10-01")]),
        digest([make_panel().assign(units={"step": "mm/d"})]),
        digest([make_panel().assign(attributes=make_panel().attributes[["number"]])]),
    ]
    assert digest() == digest()
    assert digest() == digest(memory=1.0)
    assert len({digest(), *others}) == 8


def test_repr_says_how_much_there_is():
    assert repr(Corpus([make_panel()], window=10)).startswith("Corpus(1 panels, 4 sites, 2 forc")


# ---------------------------------------------------------------------- checks
def test_an_infinite_value_is_named():
    panel = make_panel()
    forcing = panel.forcing.copy()
    forcing[2, 5, 1] = np.inf
    bad = Panel(panel.attributes, forcing, time=panel.time, forcing_names=panel.forcing_names)
    with pytest.raises(ValueError, match=r"'step' of site 's2' is infinite at 2000-10-06"):
        Corpus([bad], window=10)
    with pytest.raises(ValueError, match=r"site 's2' in panel 2 of 2 is infinite"):
        Corpus([make_panel(first_site=4), bad], window=10)


def test_variables_missing_everywhere_are_named():
    panel = make_panel()
    forcing = panel.forcing.copy()
    forcing[:, :, 1] = np.nan
    table = panel.attributes.assign(number=np.nan)
    bad = Panel(table, forcing, time=panel.time, forcing_names=panel.forcing_names)
    with pytest.raises(ValueError, match=r"missing at all sites of the corpus: \['step', 'number"):
        Corpus([bad], window=10)
    assert Corpus([bad, make_panel(first_site=4)], window=10).n_sites == 8


def test_no_forcing_at_all_is_an_error():
    nothing = make_panel(gaps=[(slice(None), 0, 100)])
    with pytest.raises(ValueError, match=r"No site of the corpus has any forcing observed"):
        Corpus([nothing], window=10)
    empty = Panel.from_table(pd.DataFrame({"clay": [np.nan]}, index=["a"]))
    with pytest.raises(ValueError, match=r"No site of the corpus has any attribute observed"):
        Corpus([empty], window=10)


def test_a_window_longer_than_every_record_is_an_error():
    panel = make_panel(2, gaps=[(0, 0, 3), (1, 0, 40)])
    with pytest.raises(ValueError, match=r"`window`=98 .* of site 's0', has 97 steps"):
        Corpus([panel], window=98)
    assert Corpus([panel], window=97).n_sites == 2


def test_unequal_time_steps_are_an_error():
    hourly = make_panel(first_site=4)
    time = pd.date_range("2000-10-01", periods=100, freq="h")
    hourly = Panel(hourly.attributes, hourly.forcing, time=time, forcing_names=["where", "step"])
    with pytest.raises(ValueError, match=r"panel 1 has a step of 1 days .* panel 2 one of 0 days"):
        Corpus([make_panel(), hourly], window=10)


def test_too_little_memory_is_an_error_that_says_how_much_is_enough():
    panel = make_panel(200, 2000)
    with pytest.raises(ValueError, match=r"does not hold two blocks of sites .*Use memory=0\.001"):
        Corpus([panel], window=10, memory=1e-5)
    assert not Corpus([panel], window=10, memory=0.001).is_resident


@pytest.mark.parametrize("options", [{"window": 0}, {"window": 10, "memory": 0}])
def test_sizes_must_be_positive(options):
    with pytest.raises(ValueError, match="must lie in"):
        Corpus([make_panel()], **options)


def test_a_given_scaler_decides_the_variables_and_nothing_need_be_learnable():
    scaler = PanelScaler.fit(make_panel().keep_variables(forcings=["step"]))
    panel = make_panel(gaps=[(slice(None), 0, 50)])
    corpus = Corpus([panel], window=80, scaler=scaler)
    assert corpus.scaler is scaler
    assert corpus.forcing_names == ["step"]
    dataset = CorpusDataset(corpus, hide=note_keys, random=False)
    ((inputs, _),) = dataset.batches(10)
    assert torch.isfinite(inputs["forcing"][:, :50]).all()
    assert torch.isnan(inputs["forcing"][:, 50:]).all()  # the record is short: padded


# ---------------------------------------------------------------------- windows
GAPS = [(1, 30, 60), (2, 0, 95), (3, 0, 100)]


def test_regular_windows_cover_every_step_of_every_record():
    dataset = make_dataset([make_panel(5, gaps=GAPS)], random=False)
    found = places_of(dataset, dataset.batches(7))
    steps = {(s, t) for s in range(5) for t in range(100)}
    gone = {(s, t) for s, first, last in GAPS for t in range(first, last)}
    assert {pair for window in found for pair in window} == steps - gone
    assert len(found) == len(dataset)
    assert found.count([]) == 1  # the site without forcing has attributes


def test_random_windows_are_as_many_and_cover_the_record_in_the_long_run():
    dataset = make_dataset([make_panel(5, gaps=GAPS)])
    batches, seen = dataset.batches(7), set()
    for _ in range(30):
        found = places_of(dataset, batches)
        assert len(found) == len(dataset)
        seen |= {pair for window in found for pair in window}
        # Windows of one record keep their distance, so that most of it is in each epoch.
        assert len({t for window in found for s, t in window if s == 0}) >= 90
    assert {t for s, t in seen if s == 0} == set(range(100))


def test_each_sample_comes_once_per_epoch():
    dataset = make_dataset([make_panel(5, gaps=GAPS)])
    batches = dataset.batches(7)
    for _ in range(3):
        samples = torch.cat([truth["sample"] for _, truth in batches])
        assert samples.sort().values.tolist() == list(range(len(dataset)))


def test_truth_holds_the_inputs_and_the_spread_of_the_site():
    dataset = make_dataset([make_panel(5)])
    for inputs, truth in dataset.batches(7):
        assert {*inputs, "sample", "site_std"} == set(truth)
        site = (inputs["attributes"][:, 0] * dataset.corpus.scaler.attribute_std[0] + 2).round()
        assert torch.equal(truth["site_std"], dataset.site_std[site.long()])


def test_a_short_record_is_padded_with_missing_values():
    dataset = make_dataset([make_panel(2, gaps=[(0, 0, 93)])], random=False)
    short = next(f for f in places_of(dataset, dataset.batches(100)) if f[0][0] == 0)
    assert short == [(0, t) for t in range(93, 100)]


# ---------------------------------------------------------------------- randomness
def test_epochs_differ_and_the_same_seed_repeats_them():
    dataset = make_dataset([make_panel(5)])
    one, other = dataset.batches(7, seed=3), dataset.batches(7, seed=3)
    first, second = list(one), list(one)
    assert same(first, list(other))
    assert not same(first, second)
    assert not same(first, list(dataset.batches(7, seed=4)))


def test_a_sample_draws_new_masks_and_another_place_in_every_epoch():
    dataset = make_dataset([make_panel(5)])
    batches, passes = dataset.batches(7), []
    for _ in range(3):
        rows = [
            (int(sample), inputs["forcing"][i], inputs["forcing_hidden"][i])
            for inputs, truth in batches
            for i, sample in enumerate(truth["sample"])
        ]
        passes.append({sample: rest for sample, *rest in rows})
    for before, now in itertools.pairwise(passes):
        assert not any(torch.equal(before[s][1], now[s][1]) for s in before)
        moved = [not torch.equal(before[s][0], now[s][0]) for s in before]
        assert sum(moved) > 0.8 * len(moved)  # by chance, a window may lie where it lay


def test_validation_repeats_the_same_pass_masks_included():
    batches = make_dataset([make_panel(5)], random=False).batches(7)
    assert same(list(batches), list(batches))


def test_a_sample_is_the_same_in_any_batch_and_beside_any_other_site():
    panel = make_panel(5)
    few = np.array([True, False, True, False, False])
    all_of_it, part = make_dataset([panel]), make_dataset([panel], chosen=few)
    whole = {
        int(truth["sample"][i]): (inputs["forcing"][i], inputs["forcing_hidden"][i])
        for inputs, truth in all_of_it.batches(7)
        for i in range(len(truth["sample"]))
    }
    n = 0
    for inputs, truth in part.batches(4):
        for i, sample in enumerate(truth["sample"].tolist()):
            assert torch.equal(inputs["forcing"][i], whole[sample][0])
            assert torch.equal(inputs["forcing_hidden"][i], whole[sample][1])
            n += 1
    assert n == len(part) == 20


def test_the_state_of_torch_is_left_alone():
    dataset = make_dataset([make_panel(5)])
    before = torch.get_rng_state()
    list(dataset.batches(7))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("memory", [2.0, LITTLE])
def test_a_pass_that_begins_later_gives_the_rest_of_the_unbroken_one(memory):
    panels = [make_panel(40, 200), tables(7)]
    unbroken = make_dataset(panels, memory=memory).batches(16)
    whole = [list(unbroken) for _ in range(3)]
    for first in (0, 1, len(unbroken) // 2, len(unbroken) - 1, len(unbroken)):
        resumed = make_dataset(panels, memory=memory).batches(16)
        resumed.epoch, resumed.first_batch = 1, first
        assert same(list(resumed), whole[1][first:])
        assert same(list(resumed), whole[2])


@pytest.mark.parametrize("memory", [2.0, LITTLE])
def test_the_parts_of_two_processes_make_up_the_batches_of_one(memory):
    dataset = make_dataset([make_panel(40, 200), tables(7)], memory=memory)
    ranks = [dataset.batches(15, rank=rank, world=2) for rank in range(2)]
    for _ in range(2):
        halves = zip(*map(list, ranks), strict=True)
        joined = [
            tuple({name: torch.cat([a[i][name], b[i][name]]) for name in a[i]} for i in (0, 1))
            for a, b in halves
        ]
        alone = dataset.batches(15)
        alone.epoch = ranks[0].epoch - 1
        assert same(joined, list(alone))


def test_batches_too_small_to_be_shared_are_an_error():
    with pytest.raises(ValueError, match=r"Batches of 3 samples cannot be shared by 4 processes"):
        make_dataset([make_panel(5), tables(3)]).batches(20, world=4)


# ---------------------------------------------------------------------- kinds of sites
def tables(n_sites, first_site=100):
    """Sites with attributes only."""
    ids = [f"t{i}" for i in range(n_sites)]
    numbers = np.arange(first_site, first_site + n_sites, dtype=float)
    return Panel.from_table(pd.DataFrame({"number": numbers}, index=ids))


def test_sites_with_attributes_only_make_batches_of_their_own_among_the_others():
    batches = make_dataset([make_panel(10), tables(30)]).batches(8)
    orders = []
    for _ in range(4):
        pairs = [(inputs["forcing"].shape[1], len(truth["sample"])) for inputs, truth in batches]
        assert len(pairs) == len(batches) == 13 + 4
        assert sorted(n for steps, n in pairs if steps == 0) == [7, 7, 8, 8]
        assert sorted({n for steps, n in pairs if steps == 10}) == [7, 8]
        orders.append([steps for steps, _ in pairs])
    assert len(set(map(tuple, orders))) > 1


def test_a_corpus_of_tables_gives_windows_of_no_step():
    dataset = make_dataset([tables(30)])
    shapes = {tuple(inputs["forcing"].shape[1:]) for inputs, _ in dataset.batches(8)}
    assert shapes == {(0, 0)}
    assert len(dataset) == 30


def test_panels_of_different_periods_keep_their_own_time():
    early, late = make_panel(3), make_panel(3, 250, first_site=3, start="1990-01-01")
    dataset = make_dataset([early, late], random=False)
    steps = [{t for window in found for _, t in window} for found in by_site(dataset)]
    assert steps == [set(range(100))] * 3 + [set(range(250))] * 3


def by_site(dataset):
    """Windows of each site."""
    found = {}
    for window in places_of(dataset, dataset.batches(9)):
        found.setdefault(window[0][0], []).append(window)
    return [found[site] for site in sorted(found)]


def test_chosen_sites_are_the_only_ones_read():
    panel = make_panel(30, lazy=True)
    chosen = np.arange(30) % 10 == 3
    dataset = make_dataset([panel], chosen=chosen)
    panel._store.forcing.reads.clear()
    found = places_of(dataset, dataset.batches(8))
    assert {s for window in found for s, _ in window} == {3, 13, 23}
    assert panel._store.forcing.reads == [3, 13, 23]


# ---------------------------------------------------------------------- shards
def test_a_lazy_panel_gives_the_batches_of_the_one_in_memory():
    for memory in (2.0, LITTLE):
        here, there = (make_panel(40, 200, lazy=lazy, gaps=GAPS) for lazy in (False, True))
        datasets = [make_dataset([panel], memory=memory) for panel in (here, there)]
        assert datasets[0].corpus.fingerprint == datasets[1].corpus.fingerprint
        assert same(*(list(dataset.batches(16)) for dataset in datasets))


@pytest.mark.parametrize(("kind", "package"), [("netcdf", "netCDF4"), ("zarr", "zarr")])
def test_a_panel_in_a_file_gives_the_batches_of_the_one_in_memory(tmp_path, kind, package):
    pytest.importorskip(package)
    here = make_panel(40, 200, gaps=GAPS)
    getattr(here, f"to_{kind}")(tmp_path / "panel")
    there = getattr(Panel, f"from_{kind}")(tmp_path / "panel")
    assert there.is_lazy
    datasets = [make_dataset([panel], memory=LITTLE) for panel in (here, there)]
    assert same(*(list(dataset.batches(16)) for dataset in datasets))


def test_what_fits_is_read_once():
    panel = make_panel(30, lazy=True)
    dataset = make_dataset([panel])
    panel._store.forcing.reads.clear()
    batches = dataset.batches(8)
    for _ in range(3):
        list(batches)
    assert panel._store.forcing.reads == list(range(30))


def test_what_does_not_fit_is_read_once_per_epoch_in_a_new_order():
    panel = make_panel(60, 200, lazy=True)
    dataset = make_dataset([panel], memory=LITTLE)
    batches, orders = dataset.batches(16), []
    for _ in range(2):
        panel._store.forcing.reads.clear()
        list(batches)
        orders.append(list(panel._store.forcing.reads))
        assert sorted(orders[-1]) == list(range(60))
    assert orders[0] != orders[1]


def test_windows_of_far_sites_meet_in_a_batch():
    dataset = make_dataset([make_panel(60, 200)], memory=LITTLE)
    assert len(dataset.plan(0, 0)) > 2
    spans = [len({w[0][0] for w in places_of(dataset, [batch])}) for batch in dataset.batches(16)]
    assert np.mean(spans) > 8


def test_shards_that_are_skipped_are_not_read():
    panel = make_panel(60, 200, lazy=True)
    dataset = make_dataset([panel], memory=LITTLE)
    batches = dataset.batches(16)
    batches.first_batch = len(batches) - 1
    panel._store.forcing.reads.clear()
    assert len(list(batches)) == 1
    assert 0 < len(panel._store.forcing.reads) < 30


def test_a_corpus_four_times_the_bound_stays_within_it():
    memory = 0.002
    panel = make_panel(110, 10_000, lazy=True)  # 8.8 MB
    corpus = Corpus([panel], window=500, memory=memory)
    assert corpus.n_bytes > 4 * memory * GIB
    dataset = CorpusDataset(corpus, hide=lambda inputs, keys: inputs)
    live, most, load = [0], [0], dataset.load

    def counted(records, stop):
        shard = load(records, stop)
        live[0] += shard.steps.nbytes
        most[0] = max(most[0], live[0])
        weakref.finalize(
            shard.steps, lambda n: live.__setitem__(0, live[0] - n), shard.steps.nbytes
        )
        return shard

    dataset.load = counted
    gc.collect()
    tracemalloc.start()
    n_windows = sum(len(truth["sample"]) for _, truth in dataset.batches(64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_windows == len(dataset) == 2200
    # Two shards where the reader keeps up, one on a machine that is busy with other work.
    assert 0.3 * memory * GIB < most[0] < memory * GIB
    assert peak < memory * GIB


def test_an_error_while_reading_ahead_reaches_the_caller():
    panel = make_panel(60, 200, lazy=True)
    dataset = make_dataset([panel], memory=LITTLE)
    panel._store.forcing.reads = None  # what is read can no longer be noted
    with pytest.raises(AttributeError, match="extend"):
        list(dataset.batches(16))
    assert readers() == []


def test_the_reader_ends_with_the_pass_and_with_one_that_is_given_up():
    dataset = make_dataset([make_panel(60, 200)], memory=LITTLE)
    list(dataset.batches(16))
    assert readers() == []
    one_pass = iter(dataset.batches(16))
    next(one_pass)
    one_pass.close()
    assert readers() == []


def readers():
    """Threads that read ahead."""
    return [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


# ---------------------------------------------------------------------- masks
def test_the_hider_adds_masks_that_follow_from_the_keys():
    groups = [VariableGroup(attributes=[0, 1]), VariableGroup(attributes=[2])]
    hide = Hider(MaskConfig(span=(3, 9)), groups, never_hidden=[2])
    inputs = {"forcing": torch.zeros(5, 20, 3), "attributes": torch.zeros(5, 4)}
    keys = torch.arange(5)
    hidden, again = hide(inputs, keys), hide(inputs, keys)
    assert hidden["forcing"] is inputs["forcing"]
    assert hidden["forcing_hidden"].shape == (5, 20, 3)
    assert (hidden["forcing_hidden"].sum(dim=1) == 10).all()
    assert not hidden["attributes_hidden"][:, 2].any()
    assert torch.equal(hidden["attributes_hidden"][:, 0], hidden["attributes_hidden"][:, 1])
    for name in ("forcing_hidden", "attributes_hidden"):
        assert torch.equal(hidden[name], again[name])


def test_the_hider_takes_windows_of_no_step():
    hide = Hider(MaskConfig(), [VariableGroup(attributes=[0, 1])])
    inputs = {"forcing": torch.zeros(5, 0, 3), "attributes": torch.zeros(5, 4)}
    hidden = hide(inputs, torch.arange(5))
    assert hidden["forcing_hidden"].shape == (5, 0, 3)
    assert hidden["attributes_hidden"].any(dim=1).all()
