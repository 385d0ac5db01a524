"""A path is enough: the kind is found, and every reader keeps the same promises."""

import re

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk.data import concat_panels, normalise_unit, target_derived
from stefaland_sk.datasets import (
    PANEL_KINDS,
    find_kind,
    load_camels_us,
    load_corpus,
    load_panel,
    make_catchments,
)

pytestmark = pytest.mark.filterwarnings("ignore::stefaland_sk.DataWarning")


# ------------------------------------------------------------------ what all readers promise
def test_the_kind_is_found_and_read(kind_and_path):
    kind, path = kind_and_path
    assert find_kind(path) == kind
    X, y = load_panel(path)
    assert isinstance(X, Panel)
    assert y.index.equals(X.site_ids)
    if X.time is not None:
        assert y.columns.equals(X.time)
    assert {"lat", "lon"} <= set(X.sites) or kind == "mopex"  # whose files do not say them


def test_nothing_that_stands_for_a_target_is_an_input(kind_and_path):
    X, _ = load_panel(kind_and_path[1], attributes="all")
    assert target_derived([*X.forcing_names, *X.attribute_names]) == []


def test_forcing_has_units_in_their_normal_form(kind_and_path):
    X, y = load_panel(kind_and_path[1])
    for name in X.forcing_names:
        assert X.units[name] == normalise_unit(X.units[name])
    assert y.attrs["units"] in ("mm/d", "m3/m3", "%")


def test_sites_come_in_the_order_asked_for(kind_and_path):
    X, y = load_panel(kind_and_path[1])
    back = list(X.site_ids[::-1])
    Z, z = load_panel(kind_and_path[1], sites=back)
    assert list(Z.site_ids) == back
    np.testing.assert_array_equal(z, y.loc[back])
    np.testing.assert_array_equal(Z.attributes, X.attributes.loc[back])


def test_an_unknown_site_is_named(kind_and_path):
    with pytest.raises(ValueError, match=r"1 of 1 sites are not in .*'nowhere'"):
        load_panel(kind_and_path[1], sites=["nowhere"])


def test_attributes_keep_their_order_and_unknown_ones_are_named(kind_and_path):
    kind, path = kind_and_path
    names = ["lon", "lat"] if kind != "mopex" else []
    assert load_panel(path, attributes=names)[0].attribute_names == names
    with pytest.raises(ValueError, match=r"`attributes` names \['colour'\], which do not exist"):
        load_panel(path, attributes=["colour"])


def test_as_frame_holds_the_same(kind_and_path):
    kind, path = kind_and_path
    X, y = load_panel(path)
    frame, series = load_panel(path, as_frame=True)
    if kind == "soil_profiles":
        pd.testing.assert_frame_equal(frame, X.attributes)
    else:
        assert series.name == y.attrs["name"]
        values = (
            series.droplevel("region").unstack("time") if "region" in X.sites else series.unstack()
        )
        np.testing.assert_array_equal(values.loc[y.index], y)  # days without forcing have no row
        assert list(frame.columns) == [*X.forcing_names, *X.attribute_names]


def test_a_period_cuts_inputs_and_target(kind_and_path):
    kind, path = kind_and_path
    if kind == "soil_profiles":
        pytest.skip("has no time")
    X, y = load_panel(path)
    day = X.time[0]
    Z, z = load_panel(path, period=(day, day))
    assert Z.n_times == z.shape[1] == 1
    np.testing.assert_array_equal(Z.forcing, X.forcing[:, :1])
    with pytest.raises(ValueError, match="No day of the record lies in `period`"):
        load_panel(path, period=("1900-01-01", "1901-01-01"))


def test_the_report_takes_every_kind(kind_and_path):
    X, y = load_panel(kind_and_path[1])
    assert X.check(y).ok


def test_a_corpus_takes_every_kind(kind_and_path):
    [panel] = load_corpus(kind_and_path[1])
    X, _ = load_panel(kind_and_path[1])
    assert list(panel.site_ids) == list(X.site_ids)
    assert panel.forcing_names == X.forcing_names


# ------------------------------------------------------------------ other kinds
def test_a_saved_panel_and_a_table_have_no_target(tmp_path):
    X, _ = make_catchments(n_sites=3, n_years=1, n_regions=1, random_state=0)
    X.to_netcdf(tmp_path / "x.nc")
    panel, y = load_panel(tmp_path / "x.nc")
    assert (panel.is_lazy, y) == (True, None)
    (tmp_path / "t.csv").write_text("site,clay\n01,2\n02,3\n")
    table, y = load_panel(tmp_path / "t.csv")
    assert (list(table.site_ids), y) == (["01", "02"], None)
    assert [find_kind(tmp_path / name) for name in ("x.nc", "t.csv")] == ["panel", "table"]


def test_every_kind_is_listed():
    assert set(PANEL_KINDS) >= {"camels_us", "camels_gb", "caravan", "mopex", "ismn", "smap"}


# ------------------------------------------------------------------ what is refused
def test_an_unknown_folder_lists_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        find_kind(tmp_path)
    for kind in PANEL_KINDS:
        assert f"\n  {kind}: " in str(caught.value)
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_panel(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(FileNotFoundError, match=r"No data set of a known kind at .*notes.txt\. "):
        find_kind(tmp_path / "notes.txt")


def test_a_wrong_kind_or_option_is_named(tmp_path):
    with pytest.raises(ValueError, match="`kind` must be one of .*Got 'camels'"):
        load_panel(tmp_path, kind="camels")
    with pytest.raises(TypeError, match=r"'mopex' takes no option 'depth'; it takes \['forcings'"):
        load_panel(tmp_path, kind="mopex", depth=3)


@pytest.mark.parametrize("kind", ["camels_gb", "caravan", "mopex", "smap", "ismn", "soil_profiles"])
def test_a_reader_in_the_wrong_folder_says_what_it_looked_for(tmp_path, kind):
    (tmp_path / "other").mkdir()
    with pytest.raises(FileNotFoundError, match=r"(?s)^No .* at .*Looked for:\n  "):
        load_panel(tmp_path, kind)


def test_several_files_are_not_guessed_among(tmp_path):
    X, _ = make_catchments(n_sites=3, n_years=1, n_regions=1, random_state=0)
    for name in ("a.nc", "b.nc"):
        X.to_netcdf(tmp_path / name)
    with pytest.raises(ValueError, match=r"holds 2 netCDF files, \['a.nc', 'b.nc'\]"):
        find_kind(tmp_path)


# ------------------------------------------------------------------ real data
@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("camels_us/camels_us_daymet.nc", "camels_us"),
        ("demo/camels_us_demo.nc", "camels_us"),
        ("camels_gb/camels_gb.nc", "camels_gb"),
        ("mopex_us/mopex_us.nc", "mopex"),
    ],
)
def test_the_file_of_a_set_is_read_like_its_folder(shared_data, file, kind):
    path = shared_data / file
    assert find_kind(path) == kind
    period = ("1996-01-01", "1996-01-31")
    (X, y), (folder, target) = (load_panel(p, period=period) for p in (path, path.parent))
    pd.testing.assert_frame_equal(X.attributes, folder.attributes)
    pd.testing.assert_frame_equal(X.sites, folder.sites)
    pd.testing.assert_frame_equal(y, target)


@pytest.mark.parametrize(
    ("folder", "kind", "n_sites", "n_forcings"),
    [
        ("camels_us", "camels_us", 448, 6),
        ("camels_gb", "camels_gb", 406, 2),
        ("mopex_us", "mopex", 238, 4),
        ("smap_conus", "smap", 412, 7),
        ("soil_macedonia", "soil_profiles", 1853, 0),
        ("raw_samples/caravan", "caravan", 5, 10),
        ("raw_samples/hydrodl_csv", "smap", 30, 2),
        ("raw_samples/wosis", "soil_profiles", 159, 0),
        ("raw_samples/ismn/Data_header_values.zip", "ismn", 8, 0),
    ],
)
def test_shared_sets_are_found_and_read(shared_data, folder, kind, n_sites, n_forcings):
    path = shared_data / folder
    assert find_kind(path) == kind
    options = {"period": ("1995-01-01", "1996-12-31")} if n_sites in (448, 406, 238) else {}
    X, y = load_panel(path, **options)
    assert (X.n_sites, X.n_forcings) == (n_sites, n_forcings)
    assert y.notna().any(axis=None)
    assert X.check(y).ok


def test_basins_of_three_countries_and_sources_are_one_training_set(shared_data):
    """Names and units agree, so that panels can be joined; the report sees no mixed units."""
    period = ("1995-01-01", "1996-12-31")
    parts = [
        load_camels_us(shared_data / "camels_us", period=period, radiation="day"),
        load_panel(shared_data / "camels_gb", period=period),
        load_panel(shared_data / "mopex_us", period=period),
    ]
    X, y = concat_panels([X for X, _ in parts], [y for _, y in parts])
    assert X.n_sites == 448 + 406 + 238
    assert np.nanmean(X.variable("prcp")[:448]) == pytest.approx(4.0, abs=0.1)
    assert re.match("mm/d", X.units["prcp"])
    rainy = X.attributes["high_prec_freq"]  # days per year here, a share of the days there
    assert X.units["high_prec_freq"] == "d/yr"
    assert 10 < rainy[:448].median() < 30
    assert 5 < rainy[448:854].median() < 20
    assert X.check(y).ok
