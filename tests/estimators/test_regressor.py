"""StefaLand finetuned: what is frozen, what is pretrained on which sites, what is warned of."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

from stefaland_sk import (
    Panel,
    StefaLandRegressor,
    StefaLandStreamflow,
    StefaLandTransformer,
)
from stefaland_sk._core import CheckpointError, DataWarning, LeakageWarning
from stefaland_sk.datasets import make_catchments
from stefaland_sk.encoders import FeatureCache, StefaLandEncoder
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold


@pytest.fixture(scope="module")
def pretrained(catchments, make_transformer):
    return make_transformer().fit(catchments[0])


@pytest.fixture(scope="module")
def elsewhere(make_transformer):
    """A transformer pretrained on other sites."""
    X, _ = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=9)
    ids = [f"9{site[1:]}" for site in X.site_ids]
    X = Panel(
        X.attributes.set_axis(ids, axis=0),
        X.forcing * 2 + 1,
        time=X.time,
        forcing_names=X.forcing_names,
        units=X.units,
    )
    return make_transformer().fit(X)


def weights(module):
    """Copies of all weights."""
    return {name: value.clone() for name, value in module.state_dict().items()}


# ---------------------------------------------------------------------- frozen
def test_the_encoder_is_frozen(catchments, elsewhere, make_streamflow):
    before = weights(elsewhere.encoder_.module)
    model = make_streamflow(FrozenEstimator(elsewhere), max_epochs=3, lr=0.1).fit(*catchments)
    module = model.encoder_.module
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_no_weight_of_the_encoder_is_in_the_trained_net(catchments, make_streamflow):
    model = make_streamflow().fit(*catchments)
    mine = {id(parameter) for parameter in model.net_.module_.parameters()}
    assert mine.isdisjoint({id(parameter) for parameter in model.encoder_.module.parameters()})


def test_features_are_computed_once_per_fit(catchments, make_streamflow, monkeypatch):
    calls = []
    encode = StefaLandEncoder.encode

    def counted(self, panel, **options):
        calls.append(len(panel))
        return encode(self, panel, **options)

    monkeypatch.setattr(StefaLandEncoder, "encode", counted)
    make_streamflow(max_epochs=4).fit(*catchments)
    assert calls == [6]


def test_the_encoder_keeps_its_own_scaler(catchments, elsewhere, make_streamflow):
    X, y = catchments
    model = make_streamflow(FrozenEstimator(elsewhere)).fit(X, y)
    assert model.encoder_.scaler is elsewhere.encoder_.scaler
    assert not np.allclose(model.encoder_.scaler.forcing_mean, model.scaler_.forcing_mean)
    series, _ = model._make_inputs(X)
    features = elsewhere.transform(X)
    standardised = (features - features.mean(axis=(0, 1))) / features.std(axis=(0, 1))
    np.testing.assert_allclose(series["features"], standardised, atol=1e-3)
    scaled = (X.forcing[:, :, 0] - X.forcing[:, :, 0].mean()) / X.forcing[:, :, 0].std()
    np.testing.assert_allclose(series["forcing"][:, :, 0], scaled, atol=1e-4)


def test_features_are_scaled_by_the_training_sites(catchments, elsewhere, make_streamflow):
    X, y = catchments
    model = make_streamflow(FrozenEstimator(elsewhere)).fit(X[:4], y.iloc[:4])
    features = elsewhere.transform(X[:4])
    np.testing.assert_allclose(model.feature_mean_, features.mean(axis=(0, 1)), atol=1e-4)
    np.testing.assert_allclose(model.feature_std_, features.std(axis=(0, 1)), rtol=1e-3)


def test_finetuning_does_not_change_the_transformer_given(catchments, make_transformer):
    given = make_transformer(random_state=None)
    StefaLandRegressor(given, d_hidden=4, window=60, warmup=20, max_epochs=1).fit(*catchments)
    assert not hasattr(given, "encoder_")
    assert given.random_state is None


# ---------------------------------------------------------------------- pretraining inside fit
def test_pretraining_uses_unlabelled_sites_and_no_held_out_ones(catchments, make_streamflow):
    X, y = catchments
    y = y.copy()
    y.iloc[[0, 3]] = np.nan  # one unlabelled site in each region
    cv = LeaveRegionOut()
    result = cross_validate(
        make_streamflow(), X, y, cv=cv, return_estimator=True, scoring=lambda model, X, y: 0.0
    )
    for model, held_out in zip(result["estimator"], (1, 2), strict=True):
        region = X.sites["region"]
        others = set(X.site_ids[region != str(held_out)])
        assert set(model.encoder_.sites) == others  # the unlabelled one included
        assert model.sites_ == others


def test_the_head_s_scaler_sees_the_sites_of_fit(catchments, make_streamflow):
    X, y = catchments
    model = make_streamflow().fit(X[:4], y.iloc[:4])
    np.testing.assert_allclose(
        model.scaler_.attribute_mean, X[:4].attributes.mean().to_numpy(), rtol=1e-6
    )


def test_the_seed_covers_the_pretraining(catchments, make_streamflow):
    X, y = catchments
    one, two = (make_streamflow(random_state=7).fit(X, y) for _ in range(2))
    first, second = weights(one.encoder_.module), weights(two.encoder_.module)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = weights(make_streamflow(random_state=8).fit(X, y).encoder_.module)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_parameters_of_the_encoder_can_be_searched(catchments, make_streamflow):
    X, y = catchments
    grid = {"encoder__d_model": [4, 8], "residual": [True, False]}
    search = GridSearchCV(make_streamflow(), grid, cv=SiteKFold(2), error_score="raise").fit(X, y)
    best = search.best_estimator_
    assert best.encoder_.d_model == search.best_params_["encoder__d_model"]


# ---------------------------------------------------------------------- other encoders
def test_a_checkpoint_is_the_transformer_that_wrote_it(
    catchments, elsewhere, make_streamflow, tmp_path
):
    X, y = catchments
    path = elsewhere.save(tmp_path / "encoder.safetensors")
    expected = make_streamflow(FrozenEstimator(elsewhere)).fit(X, y).predict(X)
    loaded = StefaLandTransformer.load(path)
    for encoder in (path, str(path), FrozenEstimator(loaded), loaded.encoder_):
        np.testing.assert_array_equal(
            make_streamflow(encoder).fit(X, y).predict(X), expected, err_msg=str(encoder)
        )


def test_a_frozen_encoder_survives_clone_as_it_is(elsewhere, make_streamflow):
    model = make_streamflow(FrozenEstimator(elsewhere))
    assert clone(model).encoder.estimator is elsewhere


def test_the_map_of_a_frozen_transformer_is_used(catchments, make_transformer, make_streamflow):
    X, y = catchments
    other = make_transformer().fit(
        X.assign(attributes=X.attributes.rename(columns={"aridity": "dry"}))
    )
    found = StefaLandTransformer.from_encoder(other.encoder_, variable_map={"dry": "aridity"})
    with pytest.warns(DataWarning, match="lacks 1 of the 32 variables"):
        make_streamflow(FrozenEstimator(other)).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        make_streamflow(FrozenEstimator(found)).fit(X, y)


def test_the_cache_of_a_transformer_serves_the_finetuning(
    catchments, elsewhere, make_transformer, make_streamflow
):
    X, y = catchments
    cached = StefaLandTransformer.from_encoder(elsewhere.encoder_, cache=FeatureCache())
    expected = make_streamflow(FrozenEstimator(elsewhere)).fit(X, y).predict(X)
    for n_hits in (6, 18):  # in predict; in fit and in predict
        model = make_streamflow(FrozenEstimator(cached)).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), expected)
        assert (cached.cache.hits, cached.cache.misses) == (n_hits, 6)
    cache = FeatureCache()
    make_streamflow(make_transformer(cache=cache)).fit(X, y).predict(X)
    assert (cache.hits, cache.misses) == (6, 6)


def test_test_sites_among_extra_data_warn(catchments, make_transformer, make_streamflow):
    X, y = catchments
    model = make_streamflow(make_transformer(extra=[X[3:]])).fit(X[:3], y.iloc[:3])
    with pytest.warns(LeakageWarning, match=r"pretrained on 3 of the 3 sites"):
        model.predict(X[3:])


def test_variables_named_for_the_regressor_are_meant_in_pretraining_too(
    catchments, make_streamflow
):
    X, y = catchments
    X = X.assign(attributes=X.attributes[["p_mean", "aridity"]].assign(q_mean=np.arange(6.0)))
    with pytest.warns(LeakageWarning, match=r"X holds \['q_mean'\]"):
        make_streamflow().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        model = make_streamflow(attributes=["p_mean", "q_mean"]).fit(X, y)
    assert model.encoder_.scaler.attribute_names == ["p_mean", "q_mean"]


def test_other_kinds_of_encoder_are_refused(catchments, make_streamflow):
    with pytest.raises(TypeError, match=r"a FrozenEstimator around a fitted one.* Got int"):
        make_streamflow(3).fit(*catchments)


def test_an_unfitted_frozen_encoder(catchments, make_transformer, make_streamflow):
    with pytest.raises(ValueError, match="not fitted yet"):
        make_streamflow(FrozenEstimator(make_transformer())).fit(*catchments)


def test_a_checkpoint_that_is_not_there(catchments, make_streamflow, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*StefaLandTransforme"):
        make_streamflow(tmp_path / "none.safetensors").fit(*catchments)


def test_too_few_of_the_encoder_s_variables(catchments, elsewhere, make_streamflow):
    X, y = catchments
    few = X.keep_variables(forcings=["prcp", "tmax"])
    with pytest.raises(
        CheckpointError,
        match=r"X has 2 of the 6 forcing variables of the encoder; `min_coverage`=0.5.*\['srad'",
    ):
        make_streamflow(FrozenEstimator(elsewhere)).fit(few, y)
    none = X.keep_variables(attributes=["p_mean"])
    with pytest.raises(CheckpointError, match="X has 1 of the 26 attribute variables"):
        make_streamflow(FrozenEstimator(elsewhere)).fit(none, y)


def test_mask_tokens_stand_in_for_lacking_variables(catchments, elsewhere, make_streamflow):
    X, y = catchments
    few = X.keep_variables(forcings=["prcp", "tmax", "tmin"])
    with pytest.warns(DataWarning, match=r"lacks 3 of the 32 variables of the encoder.*mask token"):
        model = make_streamflow(FrozenEstimator(elsewhere)).fit(few, y)
    assert np.isfinite(model.predict(few)).all()


def test_days_that_only_the_raw_inputs_know_are_predicted(
    catchments, make_transformer, make_streamflow
):
    X, y = catchments
    encoder = make_transformer().fit(X.keep_variables(forcings=["prcp", "tmax"]))
    forcing = X.forcing.copy()
    for name in ("prcp", "tmax"):
        forcing[1, 100:110, X.forcing_names.index(name)] = np.nan
    gappy = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    model = make_streamflow(FrozenEstimator(encoder)).fit(gappy, y)
    assert np.isfinite(model.history_[0]["train_loss"])
    assert np.isfinite(model.predict(gappy)).all()


def test_other_units_than_the_encoder_s(catchments, elsewhere, make_streamflow):
    X, y = catchments
    inches = X.assign(units={"prcp": "in/d"})
    with pytest.raises(
        CheckpointError, match=r"with 'prcp' in mm/d, but X has it in in/d. Convert it"
    ):
        make_streamflow(FrozenEstimator(elsewhere)).fit(inches, y)


def test_min_coverage_is_a_share(catchments, elsewhere, make_streamflow):
    with pytest.raises(ValueError, match=r"`min_coverage` must lie in \[0, 1\]. Got 2"):
        make_streamflow(FrozenEstimator(elsewhere), min_coverage=2).fit(*catchments)


# ---------------------------------------------------------------------- leaks
def test_predicting_sites_that_a_frozen_encoder_saw_warns(catchments, pretrained, make_streamflow):
    X, y = catchments
    model = make_streamflow(FrozenEstimator(pretrained))
    with pytest.warns(LeakageWarning, match=r"pretrained on 3 of the 3 sites.*Pretrain inside"):
        cross_val_predict(model, X, y, cv=LeaveRegionOut())


def test_predicting_the_sites_of_fit_does_not_warn(
    catchments, pretrained, make_streamflow, recwarn
):
    X, y = catchments
    make_streamflow(FrozenEstimator(pretrained)).fit(X, y).predict(X)
    assert not [w for w in recwarn if issubclass(w.category, LeakageWarning)]


def test_pretraining_inside_or_elsewhere_does_not_warn(
    catchments, elsewhere, make_streamflow, recwarn
):
    X, y = catchments
    for model in (make_streamflow(), make_streamflow(FrozenEstimator(elsewhere))):
        cross_val_predict(model, X, y, cv=LeaveRegionOut())
    assert not [w for w in recwarn if issubclass(w.category, LeakageWarning)]


def test_a_loaded_checkpoint_remembers_its_sites(catchments, pretrained, make_streamflow, tmp_path):
    X, y = catchments
    model = make_streamflow(pretrained.save(tmp_path / "encoder.safetensors")).fit(X[:3], y[:3])
    with pytest.warns(LeakageWarning, match=r"3 of the 6 sites.*'00000004'"):
        model.predict(X)


def test_a_place_that_the_encoder_saw_under_another_name_warns(
    catchments, pretrained, make_streamflow, recwarn
):
    X, y = catchments
    seen = pretrained.encoder_
    there = StefaLandEncoder(
        seen.module,
        seen.scaler,
        seen.window,
        sites=["gauge_a", "gauge_b", X.site_ids[0]],
        places=X.sites[["lat", "lon"]].iloc[[5, 4, 0]],
    )
    transformer = copy.copy(pretrained)
    transformer.encoder_ = there
    model = make_streamflow(FrozenEstimator(transformer)).fit(X[:5], y.iloc[:5])
    model.predict(X[:5])  # the head knows these places too
    assert not [w for w in recwarn if issubclass(w.category, LeakageWarning)]
    with pytest.warns(
        LeakageWarning,
        match=r"pretrained probably on 1 of the 6 sites .* '00000006' \(there 'gauge_a'",
    ):
        model.predict(X)


# ---------------------------------------------------------------------- variants
@pytest.mark.parametrize("residual", [True, False, "cnn"])
@pytest.mark.parametrize("adapter", ["auto", "none", "gated", "residual", "bottleneck"])
def test_each_variant_trains_and_predicts(catchments, pretrained, residual, adapter):
    model = StefaLandRegressor(
        FrozenEstimator(pretrained),
        residual=residual,
        adapter=adapter,
        d_hidden=8,
        window=60,
        warmup=20,
        max_epochs=1,
        random_state=0,
    )
    X, y = catchments
    assert np.isfinite(model.fit(X, y).predict(X)).all()


def test_raw_inputs_reach_the_head_only_with_residual(catchments, pretrained, make_streamflow):
    X, y = catchments
    with_raw = make_streamflow(FrozenEstimator(pretrained), residual=True).fit(X, y)
    without = make_streamflow(FrozenEstimator(pretrained), residual=False, adapter="none").fit(X, y)
    assert hasattr(with_raw.net_.module_.head, "pre")
    series, static = without._make_inputs(X)
    inputs = {**series, **static}
    changed = {**inputs, "forcing": inputs["forcing"] + 1}
    with torch.inference_mode():
        for model, same in ((with_raw, False), (without, True)):
            module = model.net_.module_
            assert torch.equal(module(**inputs), module(**changed)) == same


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"residual": "paper"}, r"`residual` must be one of \[True, False, 'cnn'\]. Got 'paper'"),
        ({"adapter": "lora"}, r"`adapter` must be one of .* Got 'lora'"),
    ],
)
def test_wrong_variants_are_named(catchments, make_streamflow, params, message):
    with pytest.raises(ValueError, match=message):
        make_streamflow(**params).fit(*catchments)


def test_streamflow_is_the_regressor_with_the_nse_loss(catchments, pretrained):
    X, y = catchments
    options = {"d_hidden": 8, "window": 60, "warmup": 20, "max_epochs": 1, "random_state": 0}
    frozen = FrozenEstimator(pretrained)
    flow = StefaLandStreamflow(frozen, **options).fit(X, y).predict(X)
    nse = StefaLandRegressor(frozen, loss="nse", **options).fit(X, y).predict(X)
    rmse = StefaLandRegressor(frozen, **options).fit(X, y).predict(X)
    np.testing.assert_array_equal(flow, nse)
    assert not np.allclose(flow, rmse)


def test_forcing_missing_at_a_site_warns_and_predicts(catchments, make_streamflow):
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[4, :, 0] = np.nan
    gappy = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    model = make_streamflow().fit(X, y)
    with pytest.warns(DataWarning, match=r"'prcp' is missing.*'00000005'.*mask tokens stand in"):
        assert np.isfinite(model.predict(gappy)).all()
    with pytest.warns(DataWarning, match=r"'prcp' is missing"):
        make_streamflow().fit(gappy, y)


def test_attributes_only_and_forcing_only(catchments, make_streamflow):
    X, y = catchments
    forced = X.keep_variables(attributes=[])
    assert np.isfinite(make_streamflow().fit(forced, y).predict(forced)).all()
    model = make_streamflow(max_epochs=2).fit(X.attributes, y.mean(axis=1))
    assert model.predict(X.attributes).shape == (6,)
