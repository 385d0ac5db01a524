"""Readers of netCDF files on sites or on a grid, and of SMAP in both of its layouts."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk import DataWarning, LeakageWarning
from stefaland_sk.datasets import load_gridded, load_panel, load_smap, make_catchments

from .conftest import DAYS, write_smap


@pytest.fixture
def smap(tmp_path):
    return write_smap(tmp_path)


@pytest.fixture
def grid(tmp_path):
    """Two by three cells; over one of them, the sea, there is never a value."""
    values = np.arange(30.0).reshape(5, 2, 3)
    values[:, 0, 0] = np.nan
    dims = ("time", "lat", "lon")
    data = xr.Dataset(
        {"soil_moisture": (dims, values / 100), "prcp": (dims, values, {"units": "mm/h"})},
        coords={"time": DAYS, "lat": [40.0, 40.5], "lon": [-90.0, -89.5, -89.0]},
    )
    data["slope"] = (("lat", "lon"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    data.to_netcdf(tmp_path / "grid.nc")
    return tmp_path / "grid.nc"


# ------------------------------------------------------------------ files on sites
def test_what_a_panel_writes_with_its_target_is_read_with_it(tmp_path):
    X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    y.iloc[1, 3:9] = np.nan
    X.to_netcdf(tmp_path / "both.nc", target=y)
    panel, target = load_panel(tmp_path / "both.nc")
    np.testing.assert_array_equal(target, y.astype("float32"))
    assert (target.attrs["name"], target.attrs["units"]) == ("runoff", "mm/d")
    assert panel.forcing_names == X.forcing_names
    np.testing.assert_array_equal(panel.forcing, X.forcing)
    assert panel.sites["region"].tolist() == X.sites["region"].tolist()
    nameless = y.to_numpy()  # is still no forcing
    X.to_netcdf(tmp_path / "nameless.nc", target=nameless)
    panel, target = load_panel(tmp_path / "nameless.nc")
    assert panel.forcing_names == X.forcing_names
    assert target.attrs["name"] == "target"
    with pytest.raises(ValueError, match="The target is called 'prcp', as a variable"):
        X.to_xarray(target=xr.DataArray(X.variable("prcp"), dims=["site", "time"], name="prcp"))


def test_smap_is_named_converted_and_joined_with_its_table(smap):
    X, y = load_smap(smap)
    assert X.forcing_names == ["prcp", "tmean"]
    np.testing.assert_allclose(X.variable("tmean"), 7.0, atol=1e-4)  # from K
    assert X.attributes["sand_frac"].tolist() == [50, 30]  # found by identifier, not by row
    assert X.attribute_names == ["sand_frac", "ndvi"]
    assert X.groups == {"soil": ["sand_frac"], "vegetation": ["ndvi"]}
    assert y.attrs == {"name": "soil_moisture", "units": "m3/m3"}
    assert y.iloc[0].isna().tolist() == [False, True, False, True, False]


def test_what_belongs_to_the_retrieval_is_left_out_with_the_class_codes(smap):
    X, _ = load_smap(smap, attributes="all")
    assert X.attribute_names == ["sand_frac", "ndvi", "landcover_igbp"]
    with pytest.warns(LeakageWarning, match="smap_albedo"):
        load_smap(smap, attributes=["smap_albedo"])


def test_a_site_that_the_table_lacks_is_reported(smap):
    table = pd.read_csv(smap / "attributes.csv")
    table[table["site"] != "c_2"].to_csv(smap / "attributes.csv", index=False)
    with pytest.warns(DataWarning, match=r"attributes.csv lacks 1 of 2 sites, .*\['c_2'\]"):
        X, _ = load_smap(smap)
    assert X.attributes.loc["c_2"].isna().all()


def test_a_table_without_identifiers_is_refused(smap):
    (smap / "other.csv").write_text("cell,ph\n1,5\n2,6\n")
    with pytest.raises(ValueError, match="No column of .*other.csv holds the identifiers"):
        load_gridded(smap / "cells.nc", table=smap / "other.csv")
    with pytest.raises(FileNotFoundError, match="There is no file or folder .*absent.csv"):
        load_gridded(smap / "cells.nc", table=smap / "absent.csv")


def test_the_target_must_be_clear(tmp_path, smap):
    data = xr.open_dataset(smap / "cells.nc").load()
    data = data.rename(sm_surface="sm_05cm").assign(sm_50cm=data["sm_surface"] * 2)
    data.to_netcdf(tmp_path / "depths.nc")
    with pytest.raises(ValueError, match=r"2 variables could be it: \['sm_05cm', 'sm_50cm'\]"):
        load_gridded(tmp_path / "depths.nc")
    X, y = load_gridded(tmp_path / "depths.nc", target="sm_05cm", table=smap / "attributes.csv")
    assert "sm_50cm" not in X.forcing_names  # another depth is near the target
    assert y.attrs["name"] == "sm_05cm"
    with pytest.warns(LeakageWarning, match="sm_50cm"):
        load_gridded(tmp_path / "depths.nc", target="sm_05cm", forcings=["sm_50cm"])
    with pytest.raises(ValueError, match="`target` is 'ph', which .* lacks"):
        load_gridded(tmp_path / "depths.nc", target="ph")
    data[["prcp", "tmean"]].to_netcdf(tmp_path / "weather.nc")
    with pytest.raises(ValueError, match=r"what is to be predicted .* of \['prcp', 'tmean'\]"):
        load_gridded(tmp_path / "weather.nc")


def test_regions_come_from_a_column(smap):
    X, _ = load_gridded(smap, region="landcover_igbp")
    assert X.sites["region"].tolist() == ["1", "4"]
    with pytest.raises(ValueError, match=r"`region` names the column 'hue'; the sites of"):
        load_gridded(smap, region="hue")


def test_names_and_units_can_be_corrected(smap):
    X, _ = load_gridded(smap, rename={"tmean": "tmax"}, units={"tmax": "degC"})
    np.testing.assert_allclose(X.variable("tmax"), 280.15, rtol=1e-6)
    with pytest.raises(ValueError, match="tmean is in 'K', which cannot be made 'mm/d' of pet"):
        load_gridded(smap, rename={"tmean": "pet"})


def test_a_file_without_sites_or_dates_is_refused(tmp_path):
    data = xr.Dataset({"q": (("row", "time"), np.ones((2, 5)))}, {"time": DAYS})
    data.to_netcdf(tmp_path / "rows.nc")
    with pytest.raises(
        ValueError, match=r"no dimension of sites with identifiers: .*\['row', 'time'\]"
    ):
        load_gridded(tmp_path / "rows.nc")
    data = xr.Dataset({"q": (("site", "step"), np.ones((2, 5)))}, {"site": ["a", "b"]})
    data.to_netcdf(tmp_path / "steps.nc")
    with pytest.raises(ValueError, match="no dimension of dates"):
        load_gridded(tmp_path / "steps.nc")


def test_packed_zero_is_zero(tmp_path):
    dry = xr.Dataset(
        {
            "prcp": (("site", "time"), np.zeros((1, 5))),
            "q_obs": (("site", "time"), np.ones((1, 5))),
        },
        {"site": ["a"], "time": DAYS},
    )
    packing = {"dtype": "int16", "scale_factor": 0.0123, "add_offset": 400.0, "_FillValue": -32768}
    dry.to_netcdf(tmp_path / "dry.nc", encoding={"prcp": packing})
    X, _ = load_gridded(tmp_path / "dry.nc")
    assert (X.variable("prcp") >= 0).all()


# ------------------------------------------------------------------ grids
def test_cells_of_a_grid_are_sites(grid):
    X, y = load_gridded(grid)
    assert X.n_sites == 5  # not the sea
    assert X.site_ids[0] == "40.000_-89.500"
    assert X.sites.loc["40.500_-90.000", ["lat", "lon"]].tolist() == [40.5, -90.0]
    np.testing.assert_allclose(X.variable("prcp")[0], 24 * np.array([1, 7, 13, 19, 25]), rtol=1e-6)
    np.testing.assert_allclose(
        y.loc["40.500_-89.000"], np.array([5, 11, 17, 23, 29]) / 100, rtol=1e-6
    )
    assert X.attributes["slope"].tolist() == [2, 3, 4, 5, 6]


def test_a_box_chooses_cells(grid):
    X, _ = load_gridded(grid, bbox=(-89.6, -88, 40.4, 41))
    assert list(X.site_ids) == ["40.500_-89.500", "40.500_-89.000"]
    with pytest.raises(ValueError, match="No cell of .* lies in `bbox`"):
        load_gridded(grid, bbox=(0, 1, 0, 1))


def test_a_box_needs_a_grid(smap):
    with pytest.raises(ValueError, match="`bbox` chooses cells of a grid"):
        load_gridded(smap, bbox=(0, 1, 0, 1))


# ------------------------------------------------------------------ hydroDL's database
def write_database(folder):
    for year, days in (("2015", DAYS[:3]), ("2016", DAYS[3:])):
        (folder / year).mkdir(parents=True)
        (folder / year / "timeStr.csv").write_text("\n".join(f"{d:%Y-%m-%d}" for d in days) + "\n")
        row = ",".join(["0.2"] * (len(days) - 1) + ["-9999"])
        (folder / year / "SMAP_AM.csv").write_text(f"{row}\n{row}\n")
        rain = ",".join(["0.5"] * len(days))
        (folder / year / "APCP_FORA.csv").write_text(f"{rain}\n{rain}\n")
    (folder / "const").mkdir()
    (folder / "const" / "Sand.csv").write_text("30\n-9999\n")
    (folder / "crd.csv").write_text("40,-90\n41,-91\n")
    return folder


def test_database_of_rows_and_years(tmp_path):
    X, y = load_smap(write_database(tmp_path))
    assert list(X.site_ids) == ["cell_0000", "cell_0001"]
    assert X.n_times == 5
    np.testing.assert_array_equal(X.variable("prcp"), 12.0)  # a mean hourly depth, times 24
    assert y.isna().iloc[0].tolist() == [False, False, True, False, True]
    assert X.attributes["sand_frac"].isna().tolist() == [False, True]


def test_files_of_a_database_must_agree(tmp_path):
    write_database(tmp_path)
    (tmp_path / "const" / "Clay.csv").write_text("30\n")
    with pytest.raises(ValueError, match="Clay.csv has 1 rows, but crd.csv has 2 cells"):
        load_smap(tmp_path)
    (tmp_path / "const" / "Clay.csv").write_text("30,1\n2,3\n")
    with pytest.raises(ValueError, match="Clay.csv must have one column. It has 2"):
        load_smap(tmp_path)
    (tmp_path / "const" / "Clay.csv").unlink()
    (tmp_path / "2016" / "SMAP_AM.csv").write_text("1\n2\n")
    with pytest.raises(
        ValueError, match="SMAP_AM.csv has 1 columns, but timeStr.csv .* has 2 days"
    ):
        load_smap(tmp_path)
    for file in tmp_path.glob("*/SMAP_AM.csv"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match="(?s)No SMAP data.*SMAP_AM.csv"):
        load_smap(tmp_path)


# ------------------------------------------------------------------ real data
def test_both_layouts_of_smap_hold_the_same(shared_data):
    X, y = load_smap(shared_data / "raw_samples" / "hydrodl_csv")
    Z, z = load_smap(shared_data / "smap_conus", period=(X.time[0], X.time[-1]))
    Z, z = Z[:30], z.iloc[:30]
    np.testing.assert_allclose(X.sites[["lat", "lon"]], Z.sites[["lat", "lon"]], atol=1e-5)
    np.testing.assert_array_equal(y, z)
    for name in ("prcp", "tmean"):  # packed to 0.01
        np.testing.assert_allclose(X.variable(name), Z.variable(name), atol=0.006)
    np.testing.assert_allclose(X.attributes["clay_frac"], Z.attributes["clay_frac"], rtol=1e-5)


@pytest.mark.parametrize(
    ("file", "target"), [("cookfarm", "sm_030cm"), ("scan_hawaii", "sm_005cm")]
)
def test_in_situ_networks(shared_data, file, target):
    X, y = load_gridded(shared_data / "insitu_soil_moisture" / f"{file}.nc", target=target)
    assert not [name for name in X.forcing_names if name.startswith("sm_")]
    assert {"lat", "lon"} <= set(X.sites)
    assert 0.05 < y.mean(axis=None) < 0.6
