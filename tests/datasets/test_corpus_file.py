"""Data sets of any form, and descriptions of them, become the panels that they say."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk._core import LeakageWarning
from stefaland_sk.data import get_variable_set
from stefaland_sk.datasets import load_camels_us, load_corpus, make_catchments
from stefaland_sk.datasets._corpus_file import read_corpus, read_site_list


@pytest.fixture
def catchments():
    """Six sites in three regions, with a year of forcing."""
    X, _ = make_catchments(n_sites=6, n_years=1, n_regions=3, random_state=0)
    return X.keep_variables(["prcp", "tmax", "tmin"], ["area_gages2", "elev_mean", "clay_frac"])


@pytest.fixture
def soils():
    """A table of attributes whose identifiers have lost nothing, in a column of their own."""
    return pd.DataFrame(
        {
            "station_id": ["01", "02", "03"],
            "country": ["FR", "DE", "DE"],
            "lat": [45.0, 50.0, 51.0],
            "clay": [10.0, 20.0, np.nan],
            "q_mean": [1.0, 2.0, 3.0],
        }
    )


@pytest.fixture
def describe(tmp_path):
    """Write a description and load the one panel that it describes."""

    def load(text):
        path = tmp_path / "corpus.toml"
        path.write_text(f"[[panel]]\n{text}", encoding="utf-8")
        [panel] = load_corpus(path)
        return panel

    return load


def write_csv(table, path):
    table.to_csv(path, index=False)


# ------------------------------------------------------------------ data sets as they are
@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_a_file_of_a_panel_is_a_lazy_panel(tmp_path, catchments, form):
    path = tmp_path / f"panel.{form}"
    {"nc": catchments.to_netcdf, "zarr": catchments.to_zarr}[form](path)
    [panel] = load_corpus([path])
    assert panel.is_lazy
    np.testing.assert_array_equal(panel.forcing, catchments.forcing)
    pd.testing.assert_frame_equal(panel.attributes, catchments.attributes)
    assert (panel.units, panel.groups) == (catchments.units, catchments.groups)
    assert list(panel.sites["region"]) == list(catchments.sites["region"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_is_a_panel_of_attributes(tmp_path, soils, form):
    """Identifiers keep their zeros; places and texts describe sites; no target is an input."""
    path = tmp_path / f"soils.{form}"
    {"csv": write_csv, "parquet": pd.DataFrame.to_parquet}[form](soils, path)
    with pytest.warns(LeakageWarning, match=r"Left out of the attributes of soils.*\['q_mean'\]"):
        [panel] = load_corpus(path)
    assert list(panel.site_ids) == ["01", "02", "03"]
    assert panel.attribute_names == ["clay"]
    assert list(panel.sites) == ["country", "lat", "q_mean"]
    assert panel.n_forcings == 0


def test_the_index_of_a_parquet_table_holds_the_identifiers(tmp_path, soils):
    soils[["station_id", "clay"]].set_index("station_id").to_parquet(tmp_path / "soils.parquet")
    [panel] = load_corpus([tmp_path / "soils.parquet"])
    assert list(panel.site_ids) == ["01", "02", "03"]


def test_numbers_serve_as_identifiers_if_the_column_says_so(tmp_path):
    table = pd.DataFrame({"name": ["a", "b"], "gauge_id": [7, 12], "clay": [1.0, 2.0]})
    write_csv(table, tmp_path / "t.csv")
    [panel] = load_corpus([tmp_path / "t.csv"])
    assert list(panel.site_ids) == ["7", "12"]


def test_a_folder_of_camels_us_is_its_inputs(shared_data):
    [panel] = load_corpus(shared_data / "demo")
    X, _ = load_camels_us(shared_data / "demo")
    np.testing.assert_array_equal(panel.forcing, X.forcing)
    pd.testing.assert_frame_equal(panel.attributes, X.attributes)


def test_a_file_without_a_list_gives_up_what_stands_for_a_target(tmp_path, catchments):
    forcing = np.concatenate([catchments.forcing, catchments.forcing[:, :, :1]], axis=2)
    names = [*catchments.forcing_names, "q_obs"]
    Panel(forcing=forcing, time=catchments.time, forcing_names=names).to_netcdf(tmp_path / "q.nc")
    with pytest.warns(LeakageWarning, match=r"Left out of the forcings of q.nc: \['q_obs'\]"):
        [panel] = load_corpus(tmp_path / "q.nc")
    assert panel.forcing_names == catchments.forcing_names


# ------------------------------------------------------------------ descriptions
def test_a_description_says_what_is_taken_and_how_it_is_called(tmp_path, catchments, describe):
    catchments.to_netcdf(tmp_path / "panel.nc")
    panel = describe(
        """
        path = "panel.nc"
        rename = { tmax = "Tmax", elev_mean = "height" }
        forcings = ["Tmax", "prcp"]
        attributes = ["height", "clay_frac", "lon"]
        units = { height = "km", lon = "deg" }
        groups = { land = ["height", "clay_frac"] }
        period = [2001-01-01, "2001-01-31"]
        """
    )
    assert panel.is_lazy
    assert panel.forcing_names == ["Tmax", "prcp"]
    assert panel.attribute_names == ["height", "clay_frac", "lon"]
    assert panel.groups == {"land": ["height", "clay_frac"]}
    assert {panel.units[name] for name in ("height", "lon", "Tmax")} == {"km", "deg", "degC"}
    expected = catchments.sel_time("2001-01-01", "2001-01-31")
    np.testing.assert_array_equal(panel.variable("Tmax"), expected.variable("tmax"))
    np.testing.assert_array_equal(panel.variable("lon"), expected.sites["lon"])
    # What is no input describes the sites.
    assert {"area_gages2", "region", "lat"} <= set(panel.sites)


def test_dimensions_of_other_names(tmp_path, catchments, describe):
    dataset = catchments.to_xarray().rename(site="basin", time="day")
    dataset["cycle"] = ("basin", "month"), np.ones((6, 12))
    dataset.to_netcdf(tmp_path / "basins.nc")
    lists = 'forcings = ["prcp"]\nattributes = ["clay_frac"]'
    panel = describe(f'path = "basins.nc"\nsite_dim = "basin"\ntime_dim = "day"\n{lists}')
    assert panel.shape == (6, 365, 1)


def test_sites_are_taken_and_left_out(tmp_path, catchments, describe):
    ids = list(catchments.site_ids)
    catchments.to_netcdf(tmp_path / "panel.nc")
    (tmp_path / "some.txt").write_text(f"{ids[4]} # a remark\n\n# nothing\n{ids[1]}\n{ids[0]}\n")
    panel = describe(f'path = "panel.nc"\nsites = "some.txt"\nexclude = ["{ids[1]}", "other"]')
    assert list(panel.site_ids) == [ids[4], ids[0]]


def test_regions_are_left_out_by_any_column(tmp_path, catchments, describe):
    regions = [1, 2, 2, 3, 1, 3]
    sites = catchments.sites.drop(columns="region").assign(zone=regions)
    catchments.assign(sites=sites).to_zarr(tmp_path / "panel.zarr")
    panel = describe('path = "panel.zarr"\nregion = "zone"\nexclude_regions = [2, "3"]')
    assert list(panel.site_ids) == list(catchments.site_ids[[0, 4]])
    assert list(panel.sites["region"]) == ["1", "1"]


def test_a_table_adds_attributes_by_identifier(tmp_path, catchments, describe):
    """Another order, a prefix, one site too few, a column that both have, a flag."""
    ids = list(catchments.site_ids)
    Panel(
        catchments.attributes.set_axis([f"us_{i}" for i in ids], axis=0),
        catchments.forcing,
        time=catchments.time,
        forcing_names=catchments.forcing_names,
        groups=catchments.groups,
    ).to_netcdf(tmp_path / "panel.nc")
    table = pd.DataFrame(
        {
            "gauge": ids[:0:-1],
            "clay_frac": [5.0, 4.0, 3.0, 2.0, 1.0],
            "ksat": [50.0, 40.0, 30.0, 20.0, 10.0],
            "river": list("edcba"),
            "double": [True, False, False, False, False],
        }
    )
    write_csv(table, tmp_path / "more.csv")
    panel = describe(
        """
        path = "panel.nc"
        table = { path = "more.csv", id = "gauge", prefix = "us_" }
        attributes = ["ksat", "elev_mean", "clay_frac"]
        exclude_where = "double"
        """
    )
    assert list(panel.site_ids) == [f"us_{i}" for i in ids[:5]]
    np.testing.assert_array_equal(panel.variable("clay_frac"), [np.nan, 1, 2, 3, 4])
    np.testing.assert_array_equal(panel.variable("ksat"), [np.nan, 10, 20, 30, 40])
    np.testing.assert_array_equal(
        panel.variable("elev_mean"), catchments.attributes["elev_mean"][:5]
    )
    assert panel.sites["river"].tolist()[1:] == list("abcd")


def test_identifiers_of_a_joined_table_are_found(tmp_path, catchments, describe):
    catchments.to_netcdf(tmp_path / "panel.nc")
    table = pd.DataFrame({"rank": range(6), "code": catchments.site_ids, "ksat": np.arange(6.0)})
    table.to_parquet(tmp_path / "more.parquet")
    panel = describe('path = "panel.nc"\ntable = "more.parquet"\nattributes = ["ksat"]')
    np.testing.assert_array_equal(panel.variable("ksat"), np.arange(6))


def test_of_several_joined_tables_the_first_goes_before_the_others(tmp_path, catchments, describe):
    catchments.to_netcdf(tmp_path / "panel.nc")
    ids = list(catchments.site_ids)
    for name, columns in (("one", ["ksat", "rock"]), ("two", ["rock", "soil"])):
        table = pd.DataFrame({"site": ids, **{c: [float(len(name + c))] * 6 for c in columns}})
        write_csv(table.assign(rock=1.0 if name == "one" else 2.0), tmp_path / f"{name}.csv")
    panel = describe(
        'path = "panel.nc"\ntable = ["one.csv", { path = "two.csv", id = "site" }]\n'
        'attributes = ["ksat", "rock", "soil"]'
    )
    assert panel.attributes.iloc[0].tolist() == [7, 1, 7]


def test_a_variable_set_gives_names_units_and_groups(tmp_path, describe):
    """Of the set those that are there, in its order, and none that stands for a target."""
    names = ["snd_pc_sav", "dis_m3_pyr", "cly_pc_sav", "unheard_of"]
    table = pd.DataFrame({"site": ["a", "b"]} | {name: [1.0, 2.0] for name in names})
    write_csv(table, tmp_path / "atlas.csv")
    panel = describe('path = "atlas.csv"\nattributes = "caravan"')
    chosen = get_variable_set("caravan")
    assert panel.attribute_names == [n for n in chosen.attribute_names if n in names[::2]]
    assert panel.units == {name: chosen.units[name] for name in panel.attribute_names}
    assert panel.groups == chosen.groups_in(panel.attribute_names)


def test_groups_come_from_a_variable_set_by_name(tmp_path, catchments, describe):
    catchments.to_netcdf(tmp_path / "panel.nc")
    panel = describe('path = "panel.nc"\ngroups = "camels_paper"\nforcings = "camels"')
    assert panel.forcing_names == ["prcp", "tmax", "tmin"]
    assert panel.groups == get_variable_set("camels_paper").groups_in(panel.attribute_names)


def test_a_target_asked_for_by_name_is_taken_with_a_warning(tmp_path, soils, describe):
    write_csv(soils, tmp_path / "soils.csv")
    with pytest.warns(LeakageWarning, match=r"attributes \['q_mean'\] of soils.csv stand for"):
        panel = describe('path = "soils.csv"\nattributes = ["clay", "q_mean"]')
    assert panel.attribute_names == ["clay", "q_mean"]


def test_several_paths_give_their_panels_in_order(tmp_path, catchments, soils):
    catchments.to_netcdf(tmp_path / "panel.nc")
    write_csv(soils.drop(columns="q_mean"), tmp_path / "soils.csv")
    entries = 'path = "soils.csv"\nid = "station_id"', 'path = "panel.nc"\nname = "us"'
    (tmp_path / "both.toml").write_text("".join(f"[[panel]]\n{entry}\n" for entry in entries))
    found = read_corpus([tmp_path / "panel.nc", tmp_path / "both.toml"])
    assert [(name, panel.n_sites) for name, panel in found] == [
        ("panel", 6),
        ("soils", 3),
        ("us", 6),
    ]


# ------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ('forcing = ["prcp"]', ValueError, r"`key` must be one of .*'forcings'.*'forcing'"),
        ('name = "x"', ValueError, "The key `path` is missing"),
        ('path = "no.nc"', FileNotFoundError, "There is no netCDF file '.*no.nc'"),
        ('path = "no"', FileNotFoundError, "There is no file or folder '.*no'"),
        ('path = "a.txt"', ValueError, "is none of what a corpus is made of"),
        ('path = "p.nc"\nforcings = 3', ValueError, "`forcings` must be a list of names or"),
        ('path = "p.nc"\nforcings = ["rain"]', ValueError, r"`forcings` names the unknown.*rain"),
        ('path = "p.nc"\nforcings = "rain"', ValueError, "must be one of.*'rain'"),
        ('path = "p.nc"\nforcings = "soil_moisture"', ValueError, "no variable of the set"),
        ('path = "p.nc"\nattributes = ["clay"]', ValueError, "`attributes` must be one of.*'clay'"),
        ('path = "p.nc"\nsite_dim = "basin"', ValueError, "no dimension 'basin'"),
        ('path = "p.nc"\nunits = { clay = "%" }', ValueError, "`units` must be one of.*'clay'"),
        ('path = "p.nc"\nunits = { clay_frac = 1 }', ValueError, "`units` must be a table such as"),
        ('path = "p.nc"\nrename = { clay = "x" }', ValueError, "`rename`: .*'clay'"),
        ('path = "p.nc"\ngroups = { soil = ["clay"] }', ValueError, "`groups`: .*'clay'"),
        ('path = "p.nc"\ngroups = "soils"', ValueError, "must be one of.*'soils'"),
        ('path = "p.nc"\nregion = "zone"', ValueError, "`region` must be one of.*'zone'"),
        ('path = "p.nc"\nsites = ["x"]', ValueError, "`sites`: 1 of 1 sites are not in the panel"),
        ('path = "p.nc"\nsites = "x.txt"', FileNotFoundError, "`sites`: There is no list of sites"),
        ('path = "p.nc"\nsites = [1013500]', ValueError, "`sites` must be a list of texts or"),
        ('path = "p.nc"\nexclude = ["x"]', ValueError, "`exclude` names 1 sites, such as .*none"),
        ('path = "p.nc"\nexclude_regions = ["x"]', ValueError, "`exclude_regions` must be one of"),
        ('path = "p.nc"\nexclude_regions = "1"', ValueError, "must be a list of regions"),
        ('path = "t.csv"\nexclude_regions = ["x"]', ValueError, "`exclude_regions` needs `region`"),
        ('path = "t.csv"\nexclude = ["01", "02"]', ValueError, "No site is left"),
        ('path = "t.csv"\nperiod = ["2001-01-01"]', ValueError, "`period` must be a pair"),
        ('path = "t.csv"\nperiod = ["2001", "2002"]', ValueError, "`period`: .*no time axis"),
        ('path = "p.nc"\nperiod = ["1901", "1902"]', ValueError, "`period`: No step of the panel"),
        ('path = "t.csv"\nid = "gauge"', ValueError, "`id` names the column 'gauge', which t.csv"),
        ('path = "p.nc"\ntable = { id = "x" }', ValueError, "`table` must be a path, {path"),
        ('path = "p.nc"\ntable = "no.csv"', FileNotFoundError, "`table`: There is no table"),
        ('path = "p.nc"\ntable = "t.csv"', ValueError, "`table`: t.csv holds none of the sites"),
        (
            'path = "p.nc"\ntable = { path = "t.csv", id = "x" }',
            ValueError,
            "`table`: `id` names the column 'x', which t.csv does not have",
        ),
    ],
)
def test_a_mistake_names_file_entry_and_key(tmp_path, catchments, describe, text, kind, message):
    catchments.to_netcdf(tmp_path / "p.nc")
    (tmp_path / "t.csv").write_text("site,clay\n01,2\n02,3\n")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(kind, match=rf"^corpus.toml, panel 1( \('x'\))?: .*({message})"):
        describe(text)


def test_a_table_that_holds_a_site_twice_is_refused(tmp_path, catchments, describe):
    catchments.to_netcdf(tmp_path / "p.nc")
    site = catchments.site_ids[0]
    (tmp_path / "t.csv").write_text(f"site,clay\n{site},2\n{site},3\n")
    with pytest.raises(ValueError, match=f"t.csv holds these sites more than once: .*{site}"):
        describe('path = "p.nc"\ntable = "t.csv"')


def test_a_table_without_identifiers_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("clay,sand\n1,2\n1,3\n")
    with pytest.raises(ValueError, match="No column of t.csv looks like the identifiers"):
        load_corpus(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[panel]\n", "is not a TOML file: "),
        ('path = "p.nc"\n', r"must consist of tables `\[\[panel\]\]`.*it has \['path'\]"),
        ("", r"must consist of tables `\[\[panel\]\]`, one for each data set\."),
    ],
)
def test_a_description_of_another_form_is_refused(tmp_path, text, message):
    (tmp_path / "corpus.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_corpus(tmp_path / "corpus.toml")


def test_a_description_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no description of a corpus '.*no.toml'"):
        load_corpus(tmp_path / "no.toml")


def test_no_path_is_no_corpus():
    with pytest.raises(ValueError, match="`paths` names no data set"):
        load_corpus([])


def test_a_list_of_sites_is_text_and_names_some(tmp_path):
    path = tmp_path / "sites.txt"
    path.write_text("# only a remark\n")
    with pytest.raises(ValueError, match="The list of sites '.*sites.txt' is empty"):
        read_site_list(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is a text file with one per line; '.*' is none"):
        read_site_list(path)
