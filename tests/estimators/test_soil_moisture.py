"""Soil moisture: other defaults, other products as inputs, real satellite records."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from stefaland_sk import LeakageWarning, Panel, StefaLandRegressor, StefaLandSoilMoisture
from stefaland_sk.estimators._soil_moisture import with_defaults
from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import LeaveRegionOut

SHORT = {"d_hidden": 8, "window": 60, "warmup": 20, "max_epochs": 1, "random_state": 0}


def test_parameters_are_those_of_the_regressor():
    ours, its = (
        inspect.signature(kind).parameters for kind in (StefaLandSoilMoisture, StefaLandRegressor)
    )
    assert list(ours) == list(its)
    changed = {name for name in ours if ours[name].default != its[name].default}
    assert changed == {"warmup", "max_epochs"}
    model = clone(StefaLandSoilMoisture(d_hidden=8))
    assert model.get_params()["warmup"] == 60
    assert model.d_hidden == 8
    assert StefaLandRegressor().warmup == 90


def test_only_parameters_that_there_are_get_other_defaults():
    with pytest.raises(TypeError, match=r"no parameters \['warm_up'\]"):
        with_defaults(StefaLandRegressor.__init__, warm_up=60)


@pytest.fixture
def with_smap(catchments):
    """A panel with a soil-moisture product among its forcing."""
    X, y = catchments
    forcing = np.concatenate([X.forcing, y.to_numpy()[:, :, None] / 10], axis=2)
    names = [*X.forcing_names, "SMAP_9km_AM"]
    return Panel(X.attributes, forcing, time=X.time, sites=X.sites, forcing_names=names), y


@pytest.mark.parametrize("encoder_init", ["pretrained", "none"])
def test_another_product_as_input_draws_one_warning(with_smap, make_transformer, encoder_init):
    X, y = with_smap
    model = StefaLandSoilMoisture(make_transformer(), encoder_init=encoder_init, **SHORT)
    with pytest.warns(LeakageWarning, match="SMAP_9km_AM") as caught:
        model.fit(X, y)
    assert sum(issubclass(w.category, LeakageWarning) for w in caught) == 1


@pytest.mark.parametrize("encoder_init", ["pretrained", "none"])
def test_a_product_that_is_named_is_meant(with_smap, make_transformer, encoder_init):
    X, y = with_smap
    model = StefaLandSoilMoisture(
        make_transformer(), encoder_init=encoder_init, forcings=X.forcing_names, **SHORT
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        model.fit(X, y)


def test_smap_is_learned_at_cells_of_other_regions(shared_data, make_transformer):
    """One cell in sixteen, four bands of longitude: better than guessing, in m3/m3."""
    folder = shared_data / "smap_conus"
    data = xr.open_dataset(folder / "smap_conus.nc").isel(site=slice(None, None, 16))
    data = data.sel(time=slice("2015-04-01", "2017-03-31"))
    forcings = ["prcp", "tmean", "srad", "spfh"]
    table = pd.read_parquet(folder / "attributes.parquet").set_index("site")
    table = table.loc[data["site"].to_numpy()].select_dtypes("number")
    sites = table[["lat", "lon"]].assign(region=pd.qcut(table["lon"], 4, labels=list("abcd")))
    X = Panel.from_arrays(
        np.stack([data[name].to_numpy() for name in forcings], axis=2),
        pd.DatetimeIndex(data["time"]),
        forcings,
        site_ids=list(table.index),
        attributes=table.drop(columns=["lat", "lon"]).filter(regex="^(?!smap_)"),
        sites=sites.astype({"region": str}),
    )
    y = X.label(data["sm_surface"].to_numpy())
    model = StefaLandSoilMoisture(
        make_transformer(window=120), d_hidden=16, lr=1e-2, max_epochs=4, random_state=0
    )
    scores = cross_validate(
        model,
        X,
        y,
        cv=LeaveRegionOut(only=["b"]),
        scoring=site_scorers("pearson_r", "ubrmse", warmup=60),
        error_score="raise",
    )
    assert scores["test_pearson_r"][0] > 0.2
    assert 0 < -scores["test_neg_ubrmse"][0] < 0.1
