"""Panels whose forcing stays in its file: views, blocks, files, pickling, errors."""

import pickle
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.benchmark._fingerprint import panel_digest
from stefaland_sk.data import Panel, PanelScaler
from stefaland_sk.data._lazy import LazyForcing, split_sites
from stefaland_sk.estimators._inputs import _refuse_infinite, missing_forcing

N_SITES, N_DAYS = 10, 40
FORMATS = ["netcdf", "zarr"]
PACKAGES = {"netcdf": "netCDF4", "zarr": "zarr"}


@pytest.fixture
def many():
    """A panel of ten sites in memory, with gaps and texts."""
    rng = np.random.default_rng(0)
    forcing = rng.normal(size=(N_SITES, N_DAYS, 3)).astype(np.float32)
    forcing[3, 5:9] = np.nan
    forcing[6, :, 1] = np.nan
    ids = [f"{i:08d}" for i in range(N_SITES)]
    attributes = pd.DataFrame(rng.normal(size=(N_SITES, 2)), index=ids, columns=["z", "area"])
    sites = pd.DataFrame({"region": ["a", None] * 5, "lat": np.arange(10.0)}, index=ids)
    return Panel(
        attributes,
        forcing,
        time=pd.date_range("2000-10-01", periods=N_DAYS),
        sites=sites,
        forcing_names=["prcp", "tmin", "pet"],
        units={"prcp": "mm/d", "z": "m", "lat": "deg"},
        groups={"topography": ["z", "area"]},
    )


class WatchedForcing(LazyForcing):
    """Forcing in chunks of four sites, in memory, that writes down what is read of it."""

    def __init__(self, panel, chunk=4):
        encoding = {"preferred_chunks": {"site": chunk}}
        dims, planes = ("site", "time"), np.moveaxis(panel.forcing, 2, 0).copy()
        variables = [
            xr.Variable(dims, plane, {"number": i}, encoding) for i, plane in enumerate(planes)
        ]
        super().__init__(variables, dims)
        self.sizes, self.slabs = [], []

    def read(self):
        values = super().read()
        self.sizes.append(values.shape[0])
        return values

    def _slab(self, variable, rows):
        self.slabs.append((variable.attrs["number"], rows.start, rows.stop))
        return super()._slab(variable, rows)


@pytest.fixture
def watch():
    """Give a panel with watched forcing, and that forcing."""

    def make(panel, chunk=4):
        forcing = WatchedForcing(panel, chunk)
        lazy = Panel(
            panel.attributes,
            forcing,
            time=panel.time,
            sites=panel.sites,
            forcing_names=panel.forcing_names,
            units=panel.units,
            groups=panel.groups,
        )
        return lazy, forcing

    return make


@pytest.fixture
def on_disk(many, tmp_path):
    """Write a panel in a format, and give the path."""

    def write(form, panel=many):
        pytest.importorskip(PACKAGES[form])
        path = tmp_path / f"panel.{form}"
        getattr(panel, f"to_{form}")(path)
        return path

    return write


def read(form, path, **kwargs):
    """Make a panel from a file of a format."""
    return getattr(Panel, f"from_{form}")(path, **kwargs)


def same_but_texts(left, right, same_panel):
    """Compare panels of which one comes from a file, where a missing text is None."""
    assert left.sites["region"].fillna("").tolist() == right.sites["region"].fillna("").tolist()
    same_panel(
        left.assign(sites=left.sites.drop(columns="region")),
        right.assign(sites=right.sites.drop(columns="region")),
    )


# ---------------------------------------------------------------------- files
@pytest.mark.parametrize("form", FORMATS)
def test_the_round_trip_is_exact_and_lazy(form, many, on_disk, same_panel):
    path = on_disk(form)
    lazy, eager = read(form, path), read(form, path, lazy=False)
    assert (lazy.is_lazy, eager.is_lazy, many.is_lazy) == (True, False, False)
    for panel in (lazy, eager, lazy.load()):
        same_but_texts(panel, many, same_panel)
    assert not lazy.load().is_lazy
    assert lazy.nbytes == eager.nbytes


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("lacking", ["forcing", "time", "attributes"])
def test_the_round_trip_of_a_panel_that_lacks_a_part(form, lacking, many, on_disk, same_panel):
    part = {
        "forcing": Panel(many.attributes, time=many.time),
        "time": Panel(many.attributes, sites=many.sites[["lat"]]),
        "attributes": Panel(forcing=many.forcing, time=many.time),
    }[lacking]
    back = read(form, on_disk(form, part))
    same_panel(back, part)
    assert back.is_lazy == (lacking == "attributes")


@pytest.mark.parametrize("form", FORMATS)
def test_a_lazy_part_is_written_like_any_other(form, many, on_disk, tmp_path, same_panel):
    part = read(form, on_disk(form))[[7, 2, 3]].sel_time("2000-10-05")
    path = tmp_path / "part"
    getattr(part, f"to_{form}")(path)
    same_but_texts(read(form, path), many[[7, 2, 3]].sel_time("2000-10-05"), same_panel)


@pytest.mark.parametrize("form", FORMATS)
def test_chunks_hold_whole_records_of_some_sites(form, many, on_disk, monkeypatch):
    monkeypatch.setattr("stefaland_sk.data._storage.sites_per_block", lambda *sizes: 3)
    lazy = read(form, on_disk(form))
    assert lazy._store.forcing.site_chunk == 3
    assert [block.n_sites for block in lazy.blocks(7)] == [6, 4]
    np.testing.assert_array_equal(lazy.forcing, many.forcing)


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_left_of_a_broken_write_does_not_matter(form, many, on_disk, tmp_path):
    part = tmp_path / f"panel.{form}.part"
    part.mkdir()
    (part / "rest").write_text("half a panel")
    assert read(form, on_disk(form)).shape == many.shape
    assert not part.exists()


def test_packed_values_are_decoded_as_they_are_read(tmp_path):
    pytest.importorskip("netCDF4")
    path = tmp_path / "packed.nc"
    packing = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768, "chunksizes": (3, 20)}
    prcp = np.round(np.random.default_rng(0).gamma(1, 3, (5, 20)), 2)
    prcp[2, 3] = np.nan
    dataset = xr.Dataset(
        {"prcp": (("basin", "date"), prcp), "dayl": (("basin", "date"), np.full((5, 20), 36000.0))},
        {"basin": list("abcde"), "date": pd.date_range("2000", periods=20)},
    )
    dataset["dayl"].attrs["units"] = "s"  # measured in a unit of time, and a number all the same
    dataset.to_netcdf(path, encoding={"prcp": packing})
    lazy = Panel.from_netcdf(path, site_dim="basin", time_dim="date")
    with xr.open_dataset(path) as decoded:
        expected = decoded["prcp"].values.astype(np.float32)
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.variable("prcp"), expected)
    np.testing.assert_array_equal(lazy[[4, 2]].variable("prcp"), expected[[4, 2]])
    np.testing.assert_allclose(expected, prcp, atol=1e-6)
    assert (lazy.variable("dayl") == 36000).all()


def test_opening_a_file_leaves_the_settings_of_netcdf_alone(on_disk):
    netcdf4 = pytest.importorskip("netCDF4")
    before = netcdf4.get_chunk_cache()
    Panel.from_netcdf(on_disk("netcdf"))
    assert netcdf4.get_chunk_cache() == before


def test_what_dask_holds_stays_lazy(many, same_panel):
    pytest.importorskip("dask")
    dataset = many.to_xarray()
    lazy = Panel.from_xarray(dataset.chunk({"site": 4, "time": 15}).transpose("time", "site"))
    assert lazy.is_lazy
    assert lazy._store.forcing.site_chunk == 4
    same_panel(lazy[[8, 1]], many[[8, 1]])
    assert not Panel.from_xarray(dataset.chunk({"site": 4}), lazy=False).is_lazy
    assert not Panel.from_xarray(dataset).is_lazy
    assert Panel.from_xarray(dataset, lazy=True).is_lazy


def test_real_files(shared_data):
    pytest.importorskip("netCDF4")
    pytest.importorskip("pyarrow")
    folder = shared_data / "camels_us"
    kwargs = {"site_dim": "basin", "forcings": ["prcp", "vp"]}
    lazy = Panel.from_netcdf(
        folder / "camels_us_daymet.nc", attributes=folder / "attributes.parquet", **kwargs
    )
    with xr.open_dataset(folder / "camels_us_daymet.nc") as dataset:
        some = dataset.isel(basin=[400, 3]).load()
    expected = Panel.from_xarray(some, attributes=[], **kwargs)
    assert (lazy.is_lazy, lazy.shape) == (True, (448, 12784, 2))
    np.testing.assert_array_equal(lazy[[400, 3]].forcing, expected.forcing)
    assert lazy.attributes.loc["01013500", "slope_mean"] > 0
    assert {"lat", "lon", "gauge_name"} <= set(lazy.sites.columns)


# ---------------------------------------------------------------------- views
VIEWS = {
    "sites": lambda p: p[[7, 1, 1, 9]],
    "mask": lambda p: p[p.attributes["z"] > 0],
    "period": lambda p: p.sel_time("2000-10-05", "2000-10-20"),
    "variables": lambda p: p.keep_variables(forcings=["pet", "prcp"], attributes=["area"]),
    "no variable": lambda p: p.keep_variables(forcings=[]),
    "renamed": lambda p: p.rename_variables({"prcp": "P", "area": "size"}),
    "attributes": lambda p: p[[5, 2]].assign(attributes=p.attributes[["area"]].iloc[[5, 2]]),
    "all": lambda p: p[::-2].sel_time("2000-10-05").keep_variables(["pet"])[[3, 0]].assign(),
    "no site": lambda p: p[[]],
    "selected": lambda p: p.select(["00000009", "00000003"]),
    "pickled": lambda p: pickle.loads(pickle.dumps(p[[5, 2]].sel_time("2000-10-30"))),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_part_of_a_lazy_panel_is_lazy_and_equals_that_of_one_in_memory(
    view, many, watch, same_panel
):
    lazy, forcing = watch(many)
    part = VIEWS[view](lazy)
    assert part.is_lazy
    assert forcing.sizes == []
    same_panel(part, VIEWS[view](many))
    same_panel(part.load(), VIEWS[view](many))


def test_a_variable_is_read_without_the_others(many, watch):
    lazy, forcing = watch(many)
    np.testing.assert_array_equal(lazy.variable("tmin"), many.variable("tmin"))
    assert {slab[0] for slab in forcing.slabs} == {1}


@pytest.mark.parametrize("size", [1, 200, 2000, 10**6])
def test_the_values_do_not_depend_on_how_they_are_read(size, many, watch, monkeypatch):
    monkeypatch.setattr("stefaland_sk.data._lazy._SLAB_BYTES", size)
    monkeypatch.setattr("stefaland_sk.data._lazy._LARGEST_SLAB", 10 * size)
    rows = [9, 0, 4, 4, 3, 1]
    np.testing.assert_array_equal(watch(many)[0][rows].forcing, many[rows].forcing)


# ---------------------------------------------------------------------- blocks
@pytest.mark.parametrize("n_sites", [1, 3, 4, 6, 8, 100])
def test_blocks_hold_the_sites_in_order_and_end_with_chunks(n_sites, many, watch):
    lazy, forcing = watch(many)
    blocks = list(lazy.blocks(n_sites))
    assert forcing.sizes == []
    assert max(len(block) for block in blocks) <= n_sites
    assert [site for block in blocks for site in block.site_ids] == list(many.site_ids)
    ends = np.cumsum([len(block) for block in blocks])
    # Every chunk either lies in one block, or blocks part it and nothing else.
    assert set(range(4, 10, 4)) <= set(ends) or n_sites > 4
    assert all(end % 4 == 0 for end in ends[:-1]) or n_sites < 4


def test_a_chunk_larger_than_a_block_is_dealt_evenly():
    parts = split_sites(np.arange(20), size=8, chunk=10)
    assert [part.stop - part.start for part in parts] == [5, 5, 5, 5]
    assert split_sites(np.array([3, 17, 4, 18]), size=3, chunk=10) == [slice(0, 3), slice(3, 4)]


def test_blocks_of_a_panel_in_memory(many, same_panel):
    blocks = list(many[::-1].blocks(4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    same_panel(blocks[1], many[[5, 4, 3, 2]])
    assert list(many[[]].blocks()) == []
    assert len(list(many.blocks())) == 1


def test_a_block_has_at_least_one_site(many):
    with pytest.raises(ValueError, match="`n_sites` must lie in .1, inf.*Got 0"):
        list(many.blocks(0))


@pytest.mark.parametrize("rows", [slice(None), slice(None, None, 3), [6, 2, 9, 0, 5, 1, 4]])
@pytest.mark.parametrize("n_sites", [None, 1, 5])
def test_walking_gives_every_site_once(rows, n_sites, many, watch):
    for panel in (many[rows], watch(many)[0][rows], many, watch(many)[0]):
        forcing = np.full(panel.shape, -9.0, dtype=np.float32)
        for positions, values in panel.walk_forcing(n_sites):
            forcing[positions] = values
        np.testing.assert_array_equal(forcing, panel.forcing)


def test_a_walk_over_sites_in_random_order_decodes_each_chunk_once(many, watch):
    lazy, forcing = watch(many)
    for _ in lazy[np.random.default_rng(0).permutation(N_SITES)].walk_forcing(4):
        pass
    chunks = [(0, 4), (4, 8), (8, 10)]
    assert sorted(forcing.slabs) == [(i, *chunk) for i in range(3) for chunk in chunks]


def test_chunks_between_the_wanted_sites_are_not_read(many, watch):
    lazy, forcing = watch(many, chunk=2)
    _ = lazy[[9, 0, 1]].forcing
    assert {slab[1:] for slab in forcing.slabs} == {(0, 2), (9, 10)}


def test_a_chunk_that_nobody_keeps_is_read_whole(many, watch, monkeypatch):
    def sites_per_block(n_times, n_forcings, n_bytes=1):
        return 1 if n_bytes == 1 else largest

    monkeypatch.setattr("stefaland_sk.data._lazy.sites_per_block", sites_per_block)
    _, forcing = watch(many)
    cases = {(False, 100): 4, (False, 3): 3, (True, 100): 1}
    for (forcing.keeps_chunks, largest), size in cases.items():  # noqa: B007
        assert forcing.block_size == size


WALKS = {
    "present": lambda p, path: p.present(),
    "check": lambda p, path: p.check(),
    "long": lambda p, path: p.to_long(),
    "scaler": lambda p, path: PanelScaler.fit(p).scale_forcing(p),
    "missing": lambda p, path: missing_forcing(p),
    "infinite": lambda p, path: _refuse_infinite(p),
    "digest": lambda p, path: panel_digest(p),
    "zarr": lambda p, path: p.to_zarr(path) if pytest.importorskip("zarr") else None,
    "netcdf": lambda p, path: p.to_netcdf(path) if pytest.importorskip("netCDF4") else None,
}


@pytest.mark.parametrize("walk", WALKS)
def test_what_needs_all_forcing_reads_a_few_sites_at_a_time(
    walk, many, watch, tmp_path, monkeypatch
):
    monkeypatch.setattr("stefaland_sk.data._lazy.sites_per_block", lambda *sizes: 2)
    lazy, forcing = watch(many)
    WALKS[walk](lazy, tmp_path / "panel")
    assert sum(forcing.sizes) >= N_SITES
    assert max(forcing.sizes) <= 2


@pytest.mark.parametrize("rows", [slice(None), [6, 2, 9, 0, 5]])
def test_what_is_computed_does_not_depend_on_where_the_forcing_is(rows, many, watch, monkeypatch):
    monkeypatch.setattr("stefaland_sk.data._lazy.sites_per_block", lambda *sizes: 2)
    lazy, memory = watch(many)[0][rows], many[rows]
    np.testing.assert_array_equal(lazy.present(), memory.present())
    np.testing.assert_array_equal(missing_forcing(lazy), missing_forcing(memory))
    pd.testing.assert_frame_equal(lazy.to_long(), memory.to_long())
    target = many.variable("pet")[rows]
    assert str(lazy.check(target)) == str(memory.check(target))
    assert panel_digest(lazy) == panel_digest(memory)


def test_an_infinite_value_is_named_wherever_it_stands(many, watch):
    forcing = many.forcing.copy()
    forcing[8, 3, 1] = np.inf
    odd = Panel(many.attributes, forcing, time=many.time, forcing_names=many.forcing_names)
    with pytest.raises(ValueError, match="'tmin' is infinite at site '00000008' on 2000-10-04"):
        _refuse_infinite(watch(odd)[0][[9, 8, 0]])


# ---------------------------------------------------------------------- pickling
@pytest.mark.parametrize("form", FORMATS)
def test_a_pickle_carries_the_name_of_the_file_and_not_its_values(form, many, on_disk, same_panel):
    lazy = read(form, on_disk(form))
    text = pickle.dumps(lazy)
    assert many.variable("prcp")[0].tobytes() not in text
    again = pickle.loads(text)
    assert again.is_lazy
    same_but_texts(again, many, same_panel)
    same_but_texts(pickle.loads(pickle.dumps(lazy[[4, 2]])), many[[4, 2]], same_panel)


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_not_there(form, tmp_path):
    pytest.importorskip(PACKAGES[form])
    kind = {"netcdf": "netCDF file", "zarr": "zarr store"}[form]
    with pytest.raises(FileNotFoundError, match=f"There is no {kind} '.*nothing'"):
        read(form, tmp_path / "nothing")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_kind(form, tmp_path):
    pytest.importorskip(PACKAGES[form])
    path = tmp_path / "notes.txt"
    path.write_text("not a panel")
    with pytest.raises(OSError, match=r"notes.txt' is no (netCDF file|zarr store), is damaged, or"):
        read(form, path)


def test_a_file_that_was_cut_short(on_disk):
    path = on_disk("netcdf")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(OSError, match="is no netCDF file, is damaged, or was cut short"):
        Panel.from_netcdf(path)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_damaged_in_its_middle(form, on_disk, many):
    path = on_disk(form)
    lazy = read(form, path)
    if form == "zarr":
        (path / "tmin" / "0.0").write_bytes(b"no chunk")
    else:
        content = bytearray(path.read_bytes())
        middle = content.find(b"x\x01", 5000)  # where the first compressed chunk begins
        content[middle : middle + 500] = bytes(500)
        path.write_bytes(content)
        lazy = Panel.from_netcdf(path)
    with pytest.raises(OSError, match=r"could not be read from .*panel\..*damaged, was cut short"):
        _ = lazy.forcing


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_gone_when_a_worker_looks_for_it(form, on_disk):
    path = on_disk(form)
    lazy = read(form, path)
    text = pickle.dumps(lazy)
    del lazy
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FileNotFoundError, match=r"panel\.\w+' is not there any more. Open it anew"):
        _ = pickle.loads(text).forcing


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_never_written_over(form, many, on_disk):
    path = on_disk(form)
    with pytest.raises(FileExistsError, match=r"panel\.\w+' exists already.*choose another name"):
        getattr(many, f"to_{form}")(path)
    with pytest.raises(FileNotFoundError, match="There is no folder '.*nowhere' to write into"):
        getattr(many, f"to_{form}")(path.parent / "nowhere" / "panel")


@pytest.mark.parametrize(
    ("form", "module", "extra"),
    [("netcdf", "netCDF4", "data"), ("zarr", "zarr", "zarr"), ("zarr", "dask.array", "zarr")],
)
def test_a_package_that_is_not_installed(form, module, extra, many, tmp_path, monkeypatch):
    if module == "dask.array":
        pytest.importorskip("zarr")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"`Panel.to_{form}` needs the package.*\[{extra}\]"):
        getattr(many, f"to_{form}")(tmp_path / "panel")
    if module != "dask.array":
        with pytest.raises(ImportError, match=rf"`Panel.from_{form}` needs.*\[{extra}\]"):
            read(form, tmp_path / "panel")


@pytest.mark.parametrize("form", FORMATS)
def test_dimensions_of_other_names_must_be_told(form, many, tmp_path):
    pytest.importorskip(PACKAGES[form])
    path, dataset = tmp_path / "panel", many[:2].keep_variables(attributes=[]).to_xarray()
    dataset = dataset.drop_vars("region").rename(site="basin")
    dataset.to_netcdf(path) if form == "netcdf" else dataset.to_zarr(path, zarr_format=2)
    with pytest.raises(ValueError, match="no dimension 'site'.*Name the one.*`site_dim=`"):
        read(form, path)
    assert read(form, path, site_dim="basin").shape == (2, N_DAYS, 3)


def test_another_calendar_is_refused(many, tmp_path):
    pytest.importorskip("cftime")
    dataset = many[:2].to_xarray().drop_vars("region")
    dates = xr.date_range("2000-01-01", periods=N_DAYS, calendar="noleap", use_cftime=True)
    dataset.assign_coords(time=dates).to_netcdf(tmp_path / "panel.nc")
    with pytest.raises(TypeError, match="calendar 'noleap'.*convert_calendar"):
        Panel.from_netcdf(tmp_path / "panel.nc")
