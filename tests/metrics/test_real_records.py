"""The metrics on measured streamflow."""

import warnings

import numpy as np
import pytest

from stefaland_sk.metrics import METRICS, site_scores


@pytest.fixture(scope="module")
def persistence(shared_data):
    """Streamflow of 20 basins and, as its prediction, the flow observed last before each day."""
    xr = pytest.importorskip("xarray")
    pytest.importorskip("netCDF4", reason="needs netCDF4 to read the records")
    with xr.open_dataset(shared_data / "demo" / "camels_us_demo.nc") as dataset:
        flow = dataset["q_obs"].transpose(..., "time").to_pandas().astype(float)
    return flow, flow.shift(1, axis=1).ffill(axis=1).bfill(axis=1)


def test_all_metrics_are_finite_and_obey_their_laws(persistence):
    table = site_scores(*persistence, metrics=list(METRICS), warmup=365)
    assert np.isfinite(table.to_numpy()).all()
    np.testing.assert_allclose(table["rmse"] ** 2, table["ubrmse"] ** 2 + table["bias"] ** 2)
    assert (table["nse"] <= table["pearson_r"] ** 2 + 1e-12).all()
    # Yesterday's flow has the same duration curve but for a day.
    assert (table["fdc_rmse"] < table["rmse"]).all()


def test_metrics_agree_with_hydroerr(persistence):
    hydroerr = pytest.importorskip("HydroErr", reason="needs HydroErr as an independent reference")
    flow, before = persistence
    table = site_scores(flow, before, metrics=["nse", "kge", "kge_2012", "spearman_r"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, theirs in [("kge", "kge_2009"), ("nse", "nse"), ("kge_2012", "kge_2012"),
                             ("spearman_r", "spearman_r")]:  # fmt: skip
            expected = [
                getattr(hydroerr, theirs)(before.loc[site].to_numpy(), flow.loc[site].to_numpy())
                for site in flow.index
            ]
            np.testing.assert_allclose(table[name], expected, rtol=1e-9)
