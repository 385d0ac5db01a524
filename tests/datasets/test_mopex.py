"""The MOPEX reader: fixed-width files, codes for missing values, gauges shared with CAMELS-US."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.datasets import load_camels_us, load_mopex

from .conftest import write_mopex


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_fixed_width_files(tmp_path, ending):
    X, y = load_mopex(write_mopex(tmp_path, ending=ending))
    assert list(X.site_ids) == ["mopex_01013500", "mopex_01329500"]
    assert X.forcing_names == ["prcp", "tmax", "tmin", "pet"]
    np.testing.assert_array_equal(X.forcing[0, 0], np.float32([2, 9, 5, 0.5]))
    assert [f"{day:%m-%d}" for day in X.time] == ["02-27", "02-28", "02-29", "03-01", "03-02"]
    # -99 and 99 degC on the second day
    np.testing.assert_array_equal(np.isnan(X.forcing[0, 1]), [True, True, False, False])
    np.testing.assert_array_equal(y.iloc[0].isna(), [False, True, False, False, False])


def test_gauges_of_camels_us_are_marked(tmp_path):
    X, _ = load_mopex(write_mopex(tmp_path))
    assert X.sites["same_id_as_camels_us"].tolist() == [True, False]
    assert X.sites["usgs_id"].tolist() == ["01013500", "01329500"]
    assert X.sites["region"].tolist() == ["01", "01"]


def test_mean_temperature_is_derived(tmp_path):
    X, _ = load_mopex(write_mopex(tmp_path), forcings=["tmean"])
    assert X.variable("tmean")[0, 0] == 7.0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text[:-30] + b"\n", "or others differ"),
        (lambda text: text.replace(b"20000227", b"20009927", 1), "20009927 is no date"),
        (lambda text: text.replace(b"    2.0000", b"    2.xxxx", 1), "could not convert"),
        (lambda text: b"a line\n" + text, "first line has 6 characters"),
        (lambda text: text.replace(b"\n", b"x", 1) + b"x" * 59, "or others differ"),
    ],
)
def test_files_of_another_layout_are_named(tmp_path, change, why):
    write_mopex(tmp_path, gauges=["01013500"])
    file = tmp_path / "01013500.dly"
    text = file.read_bytes().replace(b"2000 227", b"20000227")
    file.write_bytes(change(text))
    with pytest.raises(
        ValueError, match=rf"(?s)01013500.dly is not in the layout of MOPEX.*({why})"
    ):
        load_mopex(tmp_path)


def test_real_file_has_known_numbers(shared_data):
    X, y = load_mopex(shared_data / "raw_samples" / "mopex")
    assert (X.time[0], X.time[-1]) == (pd.Timestamp("1948-01-01"), pd.Timestamp("2003-12-31"))
    last = X.forcing[0, -1]
    np.testing.assert_allclose(last, [0.8, 7.3556, -1.0611, 0.087], rtol=1e-6)
    assert y.notna().sum(axis=1).iloc[0] == 9223  # from the file by another program
    assert np.nanmin(X.variable("prcp")) == 0


def test_compact_form_tells_the_shared_gauges_as_its_table_does(shared_data):
    X, y = load_mopex(shared_data / "mopex_us")
    table = pd.read_parquet(shared_data / "mopex_us" / "attributes.parquet")
    np.testing.assert_array_equal(
        X.sites["same_id_as_camels_us"], table["same_id_as_camels_us"].to_numpy()
    )
    assert X.n_attributes == 79
    assert X.units["pe_mon_01"] == "mm/month"
    # The water balance closes: runoff is a share of precipitation at nearly all basins.
    share = y.mean(axis=1) / np.nanmean(X.variable("prcp"), axis=1)
    assert share.between(0, 1.2).mean() > 0.95


def test_shared_gauges_have_the_streamflow_of_camels_us(shared_data):
    period = ("1985-01-01", "1994-12-31")
    X, y = load_mopex(shared_data / "mopex_us", period=period)
    same = X.sites.index[X.sites["same_id_as_camels_us"]]
    gauges = list(X.sites.loc[same, "usgs_id"])
    _, z = load_camels_us(shared_data / "camels_us", period=period, attributes=["elev_mean"])
    gauges = [g for g in gauges if g in z.index]
    assert len(gauges) > 20
    ratio = y.loc[[f"mopex_{g}" for g in gauges]].mean(axis=1).to_numpy() / z.loc[gauges].mean(
        axis=1
    )
    assert ratio.median() == pytest.approx(1.0, abs=0.02)
