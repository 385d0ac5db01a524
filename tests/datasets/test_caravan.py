"""The Caravan reader: CSV and netCDF files, several sub-datasets, names and units."""

import numpy as np
import pytest

from stefaland_sk import LeakageWarning
from stefaland_sk.datasets import load_camels_gb, load_caravan

from .conftest import write_caravan


@pytest.fixture(params=["csv", "netcdf"])
def caravan(request, tmp_path):
    return write_caravan(tmp_path, request.param)


def test_both_forms_give_names_units_and_the_common_days(caravan):
    X, y = load_caravan(caravan)
    assert list(X.site_ids) == ["camelsxx_7", "hyyy_7"]
    assert X.forcing_names == ["prcp", "pet", "tmean", "tmax", "tmin", "srad_net", "psurf"]
    np.testing.assert_array_equal(X.forcing[0, 0], [2.0, 1.5, 7.0, 9.0, 5.0, 90.0, 98000.0])
    assert X.units["psurf"] == "Pa"  # from kPa
    assert np.isnan(X.forcing[1, 0]).all()  # this record begins a day later
    np.testing.assert_array_equal(y.iloc[1], [np.nan, 0, 1, 2, 3])


def test_sub_datasets_are_chosen(caravan):
    X, _ = load_caravan(caravan, subsets=["hyyy"])
    assert X.sites["subset"].tolist() == ["hyyy"]
    assert X.n_times == 4
    with pytest.raises(ValueError, match=r"`subsets` names \['zz'\], .*\['camelsxx', 'hyyy'\]"):
        load_caravan(caravan, subsets=["zz"])
    with pytest.raises(TypeError, match="`subsets` must be a list of names. Got the string 'hyyy'"):
        load_caravan(caravan, subsets="hyyy")


def test_regions_are_countries(caravan):
    X, _ = load_caravan(caravan)
    assert X.sites["region"].tolist() == ["Land of camelsxx", "Land of hyyy"]
    assert X.sites["area"].tolist() == [120, 120]


def test_attributes_leave_discharge_of_a_model_and_classes_out(caravan):
    X, _ = load_caravan(caravan)
    assert set(X.attribute_names) == {"p_mean", "frac_snow", "ele_mt_sav", "area"}
    assert X.groups["physiography"] == ["ele_mt_sav"]
    assert X.units["area"] == "km2"
    Z, _ = load_caravan(caravan, attributes="all")
    assert {"clz_cl_smj", "extra"} <= set(Z.attribute_names)
    assert Z.units["clz_cl_smj"] == "class"
    with pytest.warns(LeakageWarning, match=r"\['dis_m3_pyr'\] stand for a target"):
        load_caravan(caravan, attributes=["dis_m3_pyr"])


def test_other_variables_go_by_the_name_of_the_provider(caravan):
    X, _ = load_caravan(caravan, forcings=["snow_depth_water_equivalent_mean", "prcp"])
    assert X.units["snow_depth_water_equivalent_mean"] == "mm"
    with pytest.warns(LeakageWarning, match="volumetric_soil_water_layer_1_mean"):
        load_caravan(caravan, forcings=["volumetric_soil_water_layer_1_mean"])
    with pytest.raises(ValueError, match=r"names \['rain'\], which do not exist"):
        load_caravan(caravan, forcings=["rain"])


def test_evapotranspiration_of_old_versions_is_that_of_era5_land(tmp_path):
    write_caravan(tmp_path)
    for file in tmp_path.rglob("*_7.csv"):
        text = file.read_text().replace("_FAO_PENMAN_MONTEITH", "_OTHER")
        file.write_text(text)
    X, _ = load_caravan(tmp_path)
    assert X.variable("pet")[0, 0] == 9.0


def test_missing_tables_and_series_are_named(tmp_path):
    write_caravan(tmp_path)
    (tmp_path / "attributes" / "hyyy" / "attributes_other_hyyy.csv").unlink()
    with pytest.raises(FileNotFoundError, match="attributes of the sub-dataset 'hyyy'"):
        load_caravan(tmp_path)
    (tmp_path / "timeseries" / "csv" / "camelsxx" / "camelsxx_7.csv").unlink()
    with pytest.raises(FileNotFoundError, match="No series of Caravan"):
        load_caravan(tmp_path, subsets=["camelsxx"])


def test_empty_file_is_named(tmp_path):
    write_caravan(tmp_path)
    (tmp_path / "timeseries" / "csv" / "hyyy" / "hyyy_7.csv").write_text("date,streamflow\n")
    with pytest.raises(ValueError, match="hyyy_7.csv is empty, or '' is no date"):
        load_caravan(tmp_path)


def test_damaged_netcdf_is_named(tmp_path):
    write_caravan(tmp_path, "netcdf")
    (tmp_path / "timeseries" / "netcdf" / "hyyy" / "hyyy_7.nc").write_bytes(b"nothing")
    with pytest.raises(OSError, match="hyyy_7.nc cannot be read as netCDF; is it damaged"):
        load_caravan(tmp_path)


def test_real_excerpts_agree_with_camels_gb(shared_data):
    X, y = load_caravan(shared_data / "raw_samples" / "caravan")
    assert X.sites["region"].value_counts().to_dict() == {"Australia": 3, "Scotland": 2}
    period = (X.time[0], X.time[-1])
    Z, z = load_camels_gb(shared_data / "camels_gb", sites=["camelsgb_10002"], period=period)
    # Version 2 of CAMELS-GB takes the area of another outline: the flows differ by a factor.
    ratio = (y.loc["camelsgb_10002"] / z.loc["camelsgb_10002"]).median()
    assert ratio == pytest.approx(1.0, abs=0.1)
    assert (X.variable("tmin") <= X.variable("tmax")).all()
    shared = [n for n in X.attribute_names if n in Z.attribute_names]
    assert len(shared) > 180
    np.testing.assert_allclose(
        X.attributes.loc["camelsgb_10002", shared],
        Z.attributes.loc["camelsgb_10002", shared],
        rtol=1e-6,
    )
