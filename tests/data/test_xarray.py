"""xarray datasets to panels and back."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel


@pytest.fixture
def dataset(panel):
    """The panel as a dataset."""
    return panel.to_xarray()


def test_the_dataset_is_laid_out_as_promised(panel, dataset):
    assert list(dataset.data_vars) == ["prcp", "pet", "clay", "area"]
    assert dataset["prcp"].dims == ("site", "time")
    assert dataset["clay"].dims == dataset["region"].dims == ("site",)
    assert set(dataset.coords) == {"site", "time", "region", "lat"}
    assert dataset["prcp"].attrs == {"units": "mm/d"}
    assert dataset["clay"].attrs == {"group": "soil"}
    assert dataset["area"].attrs == {"units": "km2", "group": "topography"}
    assert dataset["lat"].attrs == {"units": "deg"}
    assert dataset["prcp"].sel(site="01022500", time="2000-10-03") == panel.forcing[1, 2, 0]
    assert dataset.attrs == {}


def test_the_round_trip_is_exact(panel, same_panel):
    same_panel(Panel.from_xarray(panel.to_xarray()), panel)
    part = panel[[3, 0]].sel_time("2000-10-02")
    same_panel(Panel.from_xarray(part.to_xarray()), part)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_round_trip_keeps_the_resolution_of_time(panel, unit, same_panel):
    fine = Panel(forcing=panel.forcing, time=panel.time.as_unit(unit))
    back = Panel.from_xarray(fine.to_xarray())
    same_panel(back, fine)
    keeps = xr.Variable("x", np.zeros(1, "M8[s]")).dtype == "M8[s]"  # xarray before 2025 does not
    assert back.time.unit == (unit if keeps else "ns")


def test_the_round_trip_of_what_one_name_cannot_hold(panel, same_panel):
    """A column named like an attribute, units of others, an order of groups, an empty group."""
    odd = panel.assign(
        sites=panel.sites.assign(area=[1, 2, 3, 4], time=panel.time[:4], outlet=[True, False] * 2),
        groups={"none": [], "all": ["area", "clay"]},
        units={"runoff": "mm/d", "outlet": "-"},
    )
    dataset = odd.to_xarray()
    assert dataset["site_area"].attrs["column"] == "area"
    same_panel(Panel.from_xarray(dataset), odd)


def test_groups_of_variables_that_were_dropped_are_forgotten(panel):
    grouped = panel.assign(groups={"all": ["area", "clay"]})
    assert Panel.from_xarray(grouped.to_xarray().drop_vars("area")).groups == {"all": ["clay"]}
    assert Panel.from_xarray(grouped.to_xarray()[["prcp"]]).groups == {}
    own = Panel.from_xarray(grouped.to_xarray(), groups={"mine": ["area"]})
    assert own.groups == {"mine": ["area"]}


def test_the_round_trip_without_forcing_or_attributes(panel, same_panel):
    for part in (
        Panel(panel.attributes, sites=panel.sites),
        Panel(panel.attributes, time=panel.time),
        Panel(forcing=panel.forcing, time=panel.time),
        Panel(sites=panel.sites),
    ):
        same_panel(Panel.from_xarray(part.to_xarray()), part)


def test_the_round_trip_through_a_file(panel, tmp_path, same_panel):
    pytest.importorskip("netCDF4")
    lost = panel.assign(sites=panel.sites.assign(region=["a", None, "b", "b"]))
    lost.to_xarray().to_netcdf(tmp_path / "panel.nc")
    with xr.open_dataset(tmp_path / "panel.nc") as dataset:
        back = Panel.from_xarray(dataset)
    assert back.sites["region"].isna().tolist() == [False, True, False, False]
    assert back.time.equals(panel.time)
    np.testing.assert_array_equal(back.forcing, panel.forcing)
    assert (back.units, back.groups) == (panel.units, panel.groups)


def test_nullable_and_categorical_columns_become_plain(panel):
    sites = panel.sites.assign(
        n=pd.array([1, 2, 3, 4], dtype="Int64"),
        some=pd.array([1, None, 3, 4], dtype="Int64"),
        kind=pd.Categorical(list("uvuv")),
    )
    back = Panel.from_xarray(panel.assign(sites=sites).to_xarray()).sites
    assert back["n"].tolist() == [1, 2, 3, 4]
    assert back["n"].dtype == np.int64
    np.testing.assert_array_equal(back["some"], [1, np.nan, 3, 4])
    assert back["kind"].tolist() == list("uvuv")


# ---------------------------------------------------------------------- other people's files
def test_other_names_of_dimensions_and_another_order(panel, dataset):
    other = dataset.rename(site="basin", time="date").transpose("date", "basin")
    back = Panel.from_xarray(other, site_dim="basin", time_dim="date")
    np.testing.assert_array_equal(back.forcing, panel.forcing)
    assert back.site_ids.equals(panel.site_ids)


def test_the_named_variables_are_taken_in_their_order(dataset):
    back = Panel.from_xarray(dataset, forcings=["pet"], attributes=["lat", "clay"])
    assert (back.forcing_names, back.attribute_names) == (["pet"], ["lat", "clay"])
    assert back.units == {"pet": "mm/d", "lat": "deg"}
    assert back.groups == {"soil": ["clay"]}
    assert Panel.from_xarray(dataset, forcings=[]).shape == (4, 6, 0)


def test_bytes_from_files_are_decoded(panel, dataset):
    ids = np.array([site.encode() for site in panel.site_ids])
    region = np.array([b"alps ", b"alps", "jura é".encode(), b""], dtype=object)
    coded = dataset.assign_coords(site=ids, region=("site", region))
    back = Panel.from_xarray(coded)
    assert list(back.site_ids) == list(panel.site_ids)
    assert back.sites["region"].tolist()[:3] == ["alps", "alps", "jura é"]
    assert back.sites["region"].isna().tolist() == [False, False, False, True]


def test_integer_identifiers_become_text(dataset):
    assert list(Panel.from_xarray(dataset.assign_coords(site=[1, 2, 3, 4])).site_ids) == list(
        "1234"
    )


def test_texts_on_site_go_to_the_site_table(dataset):
    named = dataset.assign(name=("site", ["A", "B", "C", "D"]))
    back = Panel.from_xarray(named)
    assert back.sites["name"].tolist() == ["A", "B", "C", "D"]
    assert "name" not in back.attribute_names


def test_integers_and_booleans_are_numbers(dataset):
    back = Panel.from_xarray(
        dataset.assign(dams=("site", [1, 2, 3, 4]), wet=(("site", "time"), np.ones((4, 6), bool)))
    )
    assert back.variable("dams").tolist() == [1.0, 2.0, 3.0, 4.0]
    assert back.variable("wet").all()


def test_durations_are_read_in_the_unit_of_their_file(dataset):
    """Older xarray decodes every variable measured in days or seconds."""
    spell = np.array([1, 2, "NaT", 4], dtype="m8[D]").astype("m8[ns]")
    dayl = np.full((4, 6), np.timedelta64(36000, "s")).astype("m8[ns]")
    dataset["spell"] = ("site", spell)
    dataset["spell"].encoding["units"] = "days"
    dataset["dayl"] = (("site", "time"), dayl)
    back = Panel.from_xarray(dataset)
    np.testing.assert_array_equal(back.variable("spell"), [1, 2, np.nan, 4])
    assert (back.variable("dayl") == 36000).all()
    assert (back.units["spell"], back.units["dayl"]) == ("d", "s")


def test_other_variables_are_left_out_with_a_warning(dataset):
    more = dataset.assign(pet_clim=(("site", "doy"), np.ones((4, 365))), crs=0)
    with pytest.warns(DataWarning, match=r"Left out.*pet_clim \('site', 'doy'\).*drop_vars|Drop"):
        back = Panel.from_xarray(more)
    assert back.forcing_names == ["prcp", "pet"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Panel.from_xarray(more, forcings=["prcp"], attributes=["clay"])
        Panel.from_xarray(dataset.assign(crs=0))


def test_the_callers_dataset_is_not_changed(dataset):
    before = dataset.copy(deep=True)
    Panel.from_xarray(dataset, site_dim="site").attributes.iloc[:, 0]
    xr.testing.assert_identical(dataset, before)


def test_real_files(shared_data):
    with xr.open_dataset(shared_data / "demo" / "camels_us_demo.nc") as dataset:
        panel = Panel.from_xarray(
            dataset.set_coords(["lat", "lon"]), site_dim="basin", forcings=["prcp", "tmax", "tmin"]
        )
        prcp = dataset["prcp"].sel(basin="01139800").to_numpy()
    assert panel.shape == (20, 3653, 3)
    assert panel.units["prcp"] == "mm d-1"
    assert {"lat", "lon"} == set(panel.sites.columns)
    np.testing.assert_array_equal(panel.select(["01139800"]).variable("prcp")[0], prcp)


# ---------------------------------------------------------------------- tables of attributes
@pytest.fixture
def table(panel):
    """More sites than the dataset has, in another order, with numbers and texts."""
    ids = [*panel.site_ids[::-1], "99999999"]
    return pd.DataFrame(
        {"slope": np.arange(5.0), "wet": [True, False] * 2 + [True], "rock": list("abcde")},
        index=pd.Index(ids, name="gauge"),
    )


@pytest.mark.parametrize("form", ["index", "column", "csv", "parquet"])
def test_a_table_of_attributes_is_joined_by_identifier(form, panel, dataset, table, tmp_path):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    source = table if form == "index" else table.reset_index()
    if form in ("csv", "parquet"):
        source = tmp_path / f"attributes.{form}"
        if form == "csv":
            table.to_csv(source)
        else:
            table.reset_index().to_parquet(source)
    back = Panel.from_xarray(dataset, attributes=source)
    assert back.attribute_names == ["slope", "wet"]
    assert back.attributes["slope"].tolist() == [3, 2, 1, 0]
    assert back.attributes["wet"].tolist() == [0, 1, 0, 1]
    # Texts of the table, and numbers of the dataset, are known of the sites all the same.
    assert list(back.sites.columns) == ["clay", "area", "region", "lat", "rock"]
    assert back.sites["rock"].tolist() == ["d", "c", "b", "a"]
    assert back.sites["area"].tolist() == panel.variable("area").tolist()
    assert back.forcing_names == panel.forcing_names


def test_a_column_named_like_the_dimension_holds_the_identifiers(dataset):
    numbered = dataset.assign_coords(site=[1, 2, 3, 4]).rename(site="basin")
    table = pd.DataFrame({"order": [1, 2, 3, 4], "basin": [4, 3, 2, 1]})
    back = Panel.from_xarray(numbered, site_dim="basin", attributes=table)
    assert back.attributes["order"].tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.drop(index=["02011400"]),
            r"lacks 1 of 4 sites, as far as the index tells; for example \['02011400'\]",
        ),
        (
            lambda t: t.rename(index=lambda site: site.lstrip("0")).reset_index(),
            "lacks 4 of 4 sites, for no column has an identifier.*index has them",
        ),
        (
            lambda t: t.rename(index={"99999999": "01013500"}).reset_index(),
            r"the column 'gauge' of the table`; these occur more than once: \['01013500'\]",
        ),
    ],
)
def test_a_table_that_does_not_have_each_site_once(change, message, dataset, table):
    with pytest.raises(ValueError, match=message):
        Panel.from_xarray(dataset, attributes=change(table))


def test_files_that_are_no_table_of_attributes(dataset, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no table of attributes '.*table.csv'"):
        Panel.from_xarray(dataset, attributes=tmp_path / "table.csv")
    for suffix in ("xlsx", "parquet"):
        (tmp_path / f"table.{suffix}").write_text("no table")
    with pytest.raises(ValueError, match="a .parquet or a .csv file; got '.*table.xlsx'"):
        Panel.from_xarray(dataset, attributes=str(tmp_path / "table.xlsx"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"parquet file needs the package 'pyarrow'.*\[data\]"):
        Panel.from_xarray(dataset, attributes=tmp_path / "table.parquet")


# ---------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d["prcp"], TypeError, r"got a DataArray.*to_dataset\(name='prcp'\)"),
        (
            lambda d: d[["prcp", "pet"]].to_dataarray().transpose("site", "time", "variable"),
            TypeError,
            r"to_dataset\(dim='variable'\)",
        ),
        (lambda d: d.to_dataframe(), TypeError, "xarray Dataset; got DataFrame"),
        (
            lambda d: d.rename(site="gauge"),
            ValueError,
            r"no dimension 'site'; its dimensions are \['gauge', 'time'\].*site_dim=",
        ),
        (
            lambda d: d.rename(time="date"),
            ValueError,
            "no dimension 'time'.*perhaps `time_dim='date'`",
        ),
        (lambda d: d.drop_vars("site"), ValueError, "'site' has no coordinate.*assign_coords"),
        (lambda d: d.drop_vars("time"), ValueError, "'time' has no coordinate.*assign_coords"),
        (
            lambda d: d.assign_coords(time=np.arange(6)),
            TypeError,
            "must hold time stamps.*got dtype int64.*decode_cf",
        ),
        (
            lambda d: d.assign_coords(
                time=xr.date_range("2000-01-01", periods=6, calendar="360_day", use_cftime=True)
            ),
            TypeError,
            "the calendar '360_day'.*convert_calendar",
        ),
        (lambda d: d.isel(time=[0, 1, 3]), ValueError, "must increase in equal steps"),
        (lambda d: d.isel(site=[0, 0]), ValueError, "'site'`; these occur more than once"),
        (lambda d: d.assign_coords(site=[1.5, 2, 3, 4]), TypeError, "must be strings; got"),
    ],
)
def test_datasets_that_are_no_panel(dataset, change, error, message):
    if "360" in message:
        pytest.importorskip("cftime")
    with pytest.raises(error, match=message):
        Panel.from_xarray(change(dataset))


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"forcings": ["snow"]}, ValueError, r"`forcings` names the unknown variables \['snow'\]"),
        ({"forcings": ["clay"]}, ValueError, r"'clay', which has the dimensions \('site',\)"),
        ({"attributes": ["prcp"]}, ValueError, r"dimensions \('site', 'time'\); expected \('site'"),
        ({"attributes": ["region"]}, TypeError, "'region' in `attributes` is not numeric"),
    ],
)
def test_variables_that_cannot_be_taken(dataset, asked, error, message):
    with pytest.raises(error, match=message):
        Panel.from_xarray(dataset, **asked)


@pytest.mark.parametrize("name", ["site", "time"])
def test_a_variable_named_like_a_dimension(panel, name):
    odd = panel.assign(attributes=panel.attributes.rename(columns={"clay": name}))
    with pytest.raises(ValueError, match=f"named '{name}', which in a dataset is a dimension"):
        odd.to_xarray()
