"""The CAMELS-GB reader: both versions of the official files, and the compact form."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk import LeakageWarning
from stefaland_sk.datasets import load_camels_gb

from .conftest import write_camels_gb


@pytest.fixture
def official(tmp_path):
    return write_camels_gb(tmp_path / "gb")


def test_version_1_has_names_units_and_gaps(official):
    X, y = load_camels_gb(official)
    assert list(X.site_ids) == ["camelsgb_2001", "camelsgb_39001"]
    assert X.forcing_names == ["prcp", "tmean", "pet", "srad", "lrad", "spfh", "wind"]
    np.testing.assert_allclose(X.forcing[0, 0], [2.0, 7.0, 0.5, 90.0, 300.0, 0.005, 4.0])
    assert X.units["spfh"] == "kg/kg"  # from g/kg
    np.testing.assert_array_equal(y.iloc[0], [1.0, np.nan, 3.0, 4.0, 5.0])


def test_version_2_prefers_the_products_that_span_its_record(tmp_path):
    X, _ = load_camels_gb(write_camels_gb(tmp_path, version=2))
    assert X.forcing_names == ["prcp", "tmean", "pet"]
    np.testing.assert_allclose(X.forcing[0, 0], [2.0, 7.0, 0.5])
    Z, _ = load_camels_gb(tmp_path, forcings=["prcp_cehgear", "pet_chess", "pet_interception"])
    np.testing.assert_allclose(Z.forcing[0, 0], [2.2, 0.4, 0.6])


def test_site_table_and_attributes(official):
    X, _ = load_camels_gb(official)
    assert X.sites["region"].tolist() == ["Scotland", "South East"]
    assert X.sites["gauge_id"].tolist() == ["2001", "39001"]
    assert X.sites["name"].tolist() == ["Helmsdale", "Thames"]
    assert X.attribute_names == [
        "area", "dpsbar", "elev_mean", "p_mean", "aridity", "sand_perc", "root_depth"
    ]  # fmt: skip
    assert X.units["dpsbar"] == "m/km"
    assert X.units["sand_perc"] == "%"
    assert X.groups["soil"] == ["sand_perc", "root_depth"]


def test_every_hydrometric_area_lies_in_one_region():
    from stefaland_sk.datasets._camels_gb import _REGION_OF, _REGIONS

    assert sum(len(list(areas)) for _, areas in _REGIONS) == len(_REGION_OF)
    assert set(range(1, 98)) <= set(_REGION_OF)


def test_signatures_are_left_out_and_may_describe_sites(official):
    X, _ = load_camels_gb(official, signatures=["baseflow_index_ceh", "Q95"])
    assert X.sites["Q95"].tolist() == [9, 3]
    assert not {"q_mean", "Q95", "baseflow_index_ceh"} & set(X.attribute_names)
    with pytest.warns(LeakageWarning, match=r"\['baseflow_index_ceh'\] stand for a target"):
        load_camels_gb(official, attributes=["baseflow_index_ceh"])


def test_discharge_is_the_volume(official):
    _, y = load_camels_gb(official, target="discharge")
    assert y.iloc[1].tolist() == [0, 1, 2, 3, 4]
    assert y.attrs["units"] == "m3/s"


def test_category_as_an_attribute_is_refused(official):
    with pytest.raises(ValueError, match="'high_prec_timing' is a category"):
        load_camels_gb(official, attributes=["high_prec_timing"])


def test_number_as_a_site_is_answered_with_the_identifier(official):
    with pytest.raises(TypeError, match="must be strings. Got 39001 .* Use 'camelsgb_39001'"):
        load_camels_gb(official, sites=[39001])


def test_missing_attributes_are_named(official):
    for file in official.rglob("*topographic*"):
        file.unlink()
    with pytest.raises(
        FileNotFoundError, match="(?s)No attributes of CAMELS-GB at .*Places and areas"
    ):
        load_camels_gb(official)


def test_damaged_series_are_named(official):
    file = next(official.rglob("*_39001_*.csv"))
    text = file.read_text()
    file.write_text(text.replace("2.0", "much", 1))
    with pytest.raises(ValueError, match="_39001_.*holds something that is no number or date"):
        load_camels_gb(official)
    file.write_text(text.replace("temperature", "warmth", 1))
    with pytest.raises(ValueError, match="_39001_.*has no column 'temperature'; it has .*warmth"):
        load_camels_gb(official)
    last = text.splitlines()[-1]
    file.write_text(f"{text}{last}\n")
    with pytest.raises(ValueError, match="_39001_.*has the day 2000-03-02 more than once"):
        load_camels_gb(official)


def test_official_layout_of_a_real_record_has_known_numbers(shared_data, tmp_path):
    """The Thames, from files for another program, written into the official layout."""
    folder = shared_data / "raw_samples" / "camels_gb_hbvlight"
    parts = [pd.read_csv(file, sep="\t") for file in sorted(folder.glob("*/data/ptq.txt"))]
    record = pd.concat(parts).drop_duplicates("date").sort_values("date")
    days = pd.to_datetime(record["date"].astype(str)).dt.strftime("%Y-%m-%d")
    record = record.assign(date=days, pet=1.0, discharge_vol=1.0)
    write_camels_gb(tmp_path)
    record.to_csv(next(tmp_path.rglob("*_39001_*.csv")), index=False)
    X, y = load_camels_gb(tmp_path, sites=["camelsgb_39001"], forcings=["prcp", "tmean"])
    assert X.n_times == 18993  # 1970-10-01 to 2022-09-30
    np.testing.assert_allclose(X.forcing[0, 0], [0.02, 14.2], rtol=1e-6)
    assert y.iloc[0, 0] == pytest.approx(0.09)
    ratio = y.mean(axis=1).iloc[0] / X.variable("prcp").mean()
    assert 0.25 < ratio < 0.4  # a dry basin on chalk and clay


def test_compact_basins_have_the_water_balance_of_their_attributes(shared_data):
    X, y = load_camels_gb(shared_data / "camels_gb")
    ratio = np.nanmean(X.variable("prcp"), axis=1) / X.attributes["p_mean"]
    assert 0.9 < ratio.median() < 1.2  # p_mean is that of ERA5-Land
    assert X.sites["region"].nunique() == 7
    assert X.units["tmp_dc_syr"] == "0.1 degC"


def test_frequencies_of_the_compact_form_are_shares_of_days(tmp_path):
    sites = ["camelsgb_2001", "camelsgb_39001"]
    days = pd.date_range("2000-01-01", periods=3)
    series = {name: (("basin", "time"), np.ones((2, 3))) for name in ("prcp", "q_obs")}
    coords = {"basin": sites, "time": days}
    xr.Dataset(series, coords).to_netcdf(tmp_path / "camels_gb.nc")
    table = pd.DataFrame({"gauge_id": ["2001", "39001"], "camels_gb_id": sites})
    table = table.assign(high_prec_freq=0.03, low_prec_freq=0.5, low_prec_dur=4.0, p_mean=2.5)
    table.to_parquet(tmp_path / "attributes_caravan_hydroatlas.parquet")
    X, _ = load_camels_gb(tmp_path)
    assert {n: X.units[n] for n in X.attribute_names} == {
        "high_prec_freq": "-",
        "low_prec_freq": "-",
        "low_prec_dur": "d",
        "p_mean": "mm/d",
    }
