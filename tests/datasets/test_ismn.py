"""The ISMN reader: two formats, folders and archives, flags, depths and daily means."""

import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk import DataWarning
from stefaland_sk.datasets import load_ismn

from .conftest import write_ismn


@pytest.fixture(params=["headed", "ceop"])
def download(request, tmp_path):
    return write_ismn(tmp_path / "download", request.param)


def test_both_formats_give_daily_means_of_the_sensors_in_the_interval(download):
    X, y = load_ismn(download)
    assert list(X.site_ids) == ["NET:One", "NET:Two_B"]
    assert X.sites["n_sensors"].tolist() == [2, 2]
    # Two sensors, 0.2 and 0.3; on the second day of the first station too few hours are good.
    np.testing.assert_allclose(y.loc["NET:One"], [0.25, np.nan], rtol=1e-6)
    expected = 0.25 + np.array([np.arange(24).mean(), np.arange(24, 48).mean()]) / 1000
    np.testing.assert_allclose(y.loc["NET:Two_B"], expected, rtol=1e-6)
    assert X.time.equals(pd.DatetimeIndex(["2020-05-01", "2020-05-02"]))


def test_the_interval_chooses_sensors(download):
    _, y = load_ismn(download, depth=(0.4, 0.6))
    assert y.loc["NET:One"].iloc[0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"No sensor lies in `depth` \(2, 3\) m; .*\(0.05, 0.05\)"):
        load_ismn(download, depth=(2, 3))
    with pytest.raises(ValueError, match="`depth` must increase"):
        load_ismn(download, depth=(0.1, 0))
    with pytest.raises(ValueError, match="`depth` must be a pair of depths"):
        load_ismn(download, depth=5)


def test_flags_and_hours_decide_on_days(download):
    _, y = load_ismn(download, flags=["G", "D01", "D02"])
    assert y.notna().all(axis=None)
    _, y = load_ismn(download, min_hours=10)
    assert y.notna().all(axis=None)
    with pytest.raises(
        ValueError, match=r"No day of 2 stations.*18 hours with the flags \['C01'\]"
    ):
        load_ismn(download, flags=["C01"])
    with pytest.raises(TypeError, match="`flags` must be a list of flags. Got the string 'G'"):
        load_ismn(download, flags="G")


def test_attributes_are_those_of_the_download(download):
    X, _ = load_ismn(download, attributes="all")
    assert X.attributes.loc["NET:One"].to_dict() == {
        "elev_mean": 120, "clay_frac": 20, "clay_frac_subsoil": 30, "land_cover": 130
    }  # fmt: skip
    assert X.units["clay_frac_subsoil"] == "%"
    assert X.sites["climate"].tolist() == ["Cfb", "Cfb"]
    assert X.sites["region"].tolist() == ["NET", "NET"]
    assert "land_cover" not in load_ismn(download)[0].attribute_names  # a class code


def test_weather_of_a_station_is_forcing_where_there_is_any(download):
    for file in (download / "NET" / "One").glob("*_sm_0.500000_*.stm"):
        file.rename(file.with_name(file.name.replace("_sm_", "_p_")))
    X, _ = load_ismn(download)
    assert X.forcing_names == ["prcp"]
    assert X.variable("prcp")[0, 0] == pytest.approx(24 * 0.5)  # mm/h
    assert np.isnan(X.variable("prcp")[1]).all()


def test_an_archive_is_read_as_it_is(download, tmp_path):
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        for file in download.rglob("*.*"):
            archive.write(file, file.relative_to(download))
    X, y = load_ismn(tmp_path / "net.zip")
    Z, z = load_ismn(download)
    pd.testing.assert_frame_equal(y, z)
    pd.testing.assert_frame_equal(X.attributes, Z.attributes)


def test_networks_are_chosen(download):
    assert load_ismn(download, networks=["NET"])[0].n_sites == 2
    with pytest.raises(
        ValueError, match=r"`networks` names \['X'\], which do not exist; .*\['NET'\]"
    ):
        load_ismn(download, networks=["X"])
    with pytest.raises(TypeError, match="`networks` must be a list of names"):
        load_ismn(download, networks="NET")


def test_stations_without_a_sensor_in_the_interval_are_reported(download):
    for file in (download / "NET" / "One").glob("*_sm_0.[01]*.stm"):
        file.unlink()
    with pytest.warns(DataWarning, match=r"1 of 2 stations have no sensor .*\['NET:One'\]"):
        X, _ = load_ismn(download)
    assert list(X.site_ids) == ["NET:Two_B"]


def test_damaged_files_are_named(download, tmp_path):
    file = next((download / "NET" / "One").glob("*_sm_0.05*.stm"))
    file.write_text(file.read_text().replace("0.2 G", "wet G"))
    with pytest.raises(ValueError, match=r"0.050000.*stm is in neither format of the ISMN"):
        load_ismn(download)
    file.write_text("hello\n")
    with pytest.raises(ValueError, match=r"0.050000.*stm is in neither format of the ISMN"):
        load_ismn(download)
    (tmp_path / "bad.zip").write_bytes(b"PK no archive")
    with pytest.raises(OSError, match=r"bad.zip is no zip archive, or a damaged one"):
        load_ismn(tmp_path / "bad.zip")


# ------------------------------------------------------------------ real data
def test_daily_means_are_those_of_an_independent_program(shared_data):
    folder = shared_data / "raw_samples" / "ismn" / "header_values_dir"
    X, y = load_ismn(folder, depth=(0, 0.06), flags=["G"])
    assert X.attributes["clay_frac"].tolist() == [20]
    with xr.open_dataset(shared_data / "insitu_soil_moisture" / "scan_hawaii.nc") as data:
        known = data["sm_005cm"].sel(site="SCAN:PuaAkala").to_series().dropna()
    ours = y.iloc[0].dropna()
    assert ours.index.equals(known.index)
    np.testing.assert_allclose(ours, known, atol=1e-4)


def test_real_archives_of_both_formats(shared_data):
    folder = shared_data / "raw_samples" / "ismn"
    X, y = load_ismn(folder / "Data_header_values.zip")
    assert X.sites["region"].value_counts().to_dict() == {"MAQU": 2, "SCAN": 3, "SOILSCAPE": 3}
    assert y.stack().dropna().between(0, 0.6).all()
    X, y = load_ismn(folder / "Data_seperate_files_20170810_20180809.zip", depth=(0, 0.25))
    assert set(X.site_ids) == {"COSMOS:ARM-1", "COSMOS:Barrow-ARM", "FR-Aqui:fraye"}
    assert X.attributes.loc["COSMOS:ARM-1", "clay_frac"] == 23
