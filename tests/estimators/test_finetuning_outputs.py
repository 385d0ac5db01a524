"""What is learned and given: quantiles, losses, scales of the target, seeds, going on."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from stefaland_sk import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.estimators import paper_row
from stefaland_sk.modules import QuantileDistribution

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.fixture(scope="module")
def short(catchments):
    """Six sites, five months."""
    X, y = catchments
    return X.sel_time(None, "2001-02-15"), y.loc[:, :"2001-02-15"]


@pytest.fixture(scope="module")
def make(short, make_transformer, make_streamflow):
    """Function that gives an unfitted model on an encoder pretrained once."""
    encoder = FrozenEstimator(make_transformer().fit(short[0]))
    return lambda **params: make_streamflow(encoder, **params)


# ---------------------------------------------------------------------- distributions
@pytest.mark.parametrize("distribution", ["quantiles", "cmal"])
@pytest.mark.parametrize("of", ["make", "make_lstm"])
def test_quantiles_are_ordered_and_aligned_in_every_form(short, request, distribution, of):
    X, y = short
    make = request.getfixturevalue(of)
    model = make(distribution=distribution).fit(X, y)
    values = model.predict_quantiles(X)
    assert values.shape == (*y.shape, len(LEVELS))
    assert (np.diff(values, axis=-1) >= 0).all()
    assert values.min() >= 0  # the lower bound holds for quantiles too
    frame, _ = X.to_long(y)
    frame = frame.sample(frac=1.0, random_state=0)  # the caller's order
    rows = model.predict_quantiles(frame, [0.25, 0.75])
    assert rows.shape == (len(frame), 2)
    expected = pd.DataFrame(values[:, :, 1], y.index, y.columns).stack()
    np.testing.assert_allclose(rows[:, 0], expected.loc[frame.index].to_numpy(), rtol=1e-3)
    if distribution == "quantiles":
        np.testing.assert_allclose(model.predict(X), values[:, :, 2], rtol=1e-5)


def test_quantiles_of_a_plain_table(short, make_lstm):
    X, y = short
    model = make_lstm(distribution="quantiles").fit(X.attributes, y.mean(axis=1))
    assert model.predict_quantiles(X.attributes).shape == (6, 5)
    assert model.predict_quantiles(X.attributes, (0.5,)).shape == (6, 1)


@pytest.mark.parametrize("distribution", ["quantiles", "cmal"])
def test_quantiles_cover_what_they_say(distribution, make_lstm):
    """A target of noise alone: a tenth of it lies outside of 5 and 95 %, at new sites too."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2000-01-01", periods=300)
    sites = [f"s{i}" for i in range(24)]
    table = pd.DataFrame({"a": rng.normal(size=24)}, index=sites)
    X = Panel(table, rng.normal(size=(24, 300, 1)), time=time, forcing_names=["prcp"])
    y = rng.gamma(2.0, 1.0, size=(24, 300)) - 1.0  # skew, and partly negative
    model = make_lstm(
        distribution=distribution, max_epochs=12, d_hidden=4, dropout=0.0, lr=2e-2
    ).fit(X[:16], y[:16])
    low, middle, high = np.moveaxis(model.predict_quantiles(X[16:], [0.05, 0.5, 0.95]), -1, 0)
    test = y[16:]
    assert np.mean(test < low) == pytest.approx(0.05, abs=0.03)
    assert np.mean(test < middle) == pytest.approx(0.5, abs=0.06)
    assert np.mean(test > high) == pytest.approx(0.05, abs=0.03)


def test_quantiles_of_a_transformed_target_are_those_of_the_target(short, make):
    X, y = short
    model = make(
        distribution="quantiles", target_transform="sqrt", target_scale="p_mean", n_seeds=2
    ).fit(X, y)
    values = model.predict_quantiles(X)
    assert (np.diff(values, axis=-1) >= 0).all()
    assert 0.1 < np.median(values) / np.median(y) < 10


def test_a_distribution_of_one_s_own(short, make):
    X, y = short
    model = make(distribution=QuantileDistribution((0.1, 0.5))).fit(X, y)
    assert model.predict_quantiles(X, [0.1, 0.3]).shape == (*y.shape, 2)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"distribution": "normal"}, ValueError, r"`distribution` must be one of \['quantiles', "),
        ({"distribution": "bernoulli"}, ValueError, r"must be one of \['quantiles', 'cmal'\]"),
        ({"distribution": 3}, TypeError, r"`distribution` must be None, .* Got int"),
        (
            {"distribution": "quantiles", "quantiles": (0.6, 0.9)},
            ValueError,
            r"`quantiles` must increase, lie between 0 and 1 and enclose 0\.5",
        ),
        ({"n_seeds": 0}, ValueError, r"`n_seeds` must lie in \[1, inf\). Got 0"),
        ({"warm_start": "yes"}, ValueError, r"`warm_start` must be one of \[True, False\]"),
        ({"attribute_noise": -1}, ValueError, r"`attribute_noise` must lie in \[0, inf\)"),
        ({"attribute_dropout": 2}, ValueError, r"`attribute_dropout` must lie in \[0, 1\]"),
        ({"optimizer": "sgd"}, ValueError, r"`optimizer` must be one of .* Got 'sgd'"),
        ({"lr_schedule": "step"}, ValueError, r"`lr_schedule` must be one of .* Got 'step'"),
        ({"validation_split": "days"}, ValueError, r"`validation_split` must be one of .*'days'"),
        ({"target_transform": "cube"}, ValueError, r"`target_transform` must be one of .*'cube'"),
        ({"target_scale": "area"}, ValueError, r"`target_scale` must be one of .* Got 'area'"),
    ],
)
def test_odd_parameters_are_named(short, make_lstm, params, error, message):
    with pytest.raises(error, match=message):
        make_lstm(**params).fit(*short)


def test_levels_that_are_not_to_be_had(short, make_lstm):
    X, y = short
    with pytest.raises(AttributeError, match="predicts values only. Fit it with distribution="):
        make_lstm(max_epochs=0).fit(X, y).predict_quantiles(X)
    model = make_lstm(max_epochs=0, distribution="quantiles").fit(X, y)
    with pytest.raises(ValueError, match=r"must be numbers in \[0\.05, 0\.95\], the range that"):
        model.predict_quantiles(X, [0.01])


# ---------------------------------------------------------------------- losses and scales
@pytest.mark.parametrize("loss", ["nse", "sqrt_nse", "rmse", "mse", "rmse_comb", "kge"])
def test_each_loss_trains_on_targets_that_are_partly_negative(short, make_lstm, loss):
    X, y = short
    y = (y - y.to_numpy().mean()).mask(np.random.default_rng(0).random(y.shape) < 0.3)
    model = make_lstm(loss=loss, max_epochs=3).fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert np.isfinite(losses).all()
    assert np.isfinite(model.predict(X)).all()
    assert model.lower_bound_ is None


def test_losses_in_natural_units_see_the_target_as_it_is(short, make_lstm, monkeypatch):
    """Of a site divided by its rainfall and transformed, the loss gets mm per day again."""
    X, y = short
    seen = []

    def spy(name):
        def loss(predicted, target, target_std=None):
            seen.append(target)
            return (predicted**2).mean()

        return loss

    monkeypatch.setattr("stefaland_sk.estimators._neural.get_loss", spy)
    make_lstm(loss="kge", target_transform="log_sqrt", target_scale="p_mean").fit(X, y)
    target = seen[0][torch.isfinite(seen[0])].numpy()
    observed = y.to_numpy().ravel()
    nearest = np.sort(observed)[np.searchsorted(np.sort(observed), target).clip(max=y.size - 1)]
    np.testing.assert_allclose(target, nearest, atol=0.05 * observed.max())
    seen.clear()
    make_lstm(loss="rmse", target_transform="log_sqrt").fit(X, y)
    assert abs(float(seen[0].nanmean())) < 0.8  # standardised


@pytest.mark.parametrize("transform", ["sqrt", "log1p", "log_sqrt"])
def test_predictions_are_in_the_unit_of_the_target(short, make_lstm, transform):
    X, y = short
    model = make_lstm(target_transform=transform, target_scale="prcp", max_epochs=15, lr=1e-2)
    predicted = model.fit(X, y).predict(X)
    assert predicted.min() >= 0
    assert 0.5 < np.median(predicted) / np.median(y) < 2


def test_predictions_scale_with_the_mean_of_the_site(short, make_lstm):
    X, y = short
    model = make_lstm(target_scale="size", lower_bound=None)
    X = X.assign(attributes=X.attributes.assign(size=np.arange(1.0, 7.0)))
    model.fit(X, y)
    scale = model.target_scale_
    raw = scale.scale(model.predict(X), X)
    assert np.isfinite(raw).all()
    with pytest.raises(ValueError, match=r"must be positive at every site.*'00000002' is 0"):
        model.predict(X.assign(attributes=X.attributes.assign(size=[1, 0, 1, 1, 1, 1.0])))


# ---------------------------------------------------------------------- sites set apart
def test_regions_set_apart_are_whole(make_lstm, monkeypatch):
    X, y = make_catchments(n_sites=12, n_years=1, n_regions=4, random_state=1)
    X, y = X.sel_time(None, "2001-01-15"), y.loc[:, :"2001-01-15"]
    from stefaland_sk.estimators import _neural

    parts, train = [], _neural.train_network

    def spy(module, dataset, valid, criterion, plan):
        parts.extend([dataset, valid])
        return train(module, dataset, valid, criterion, plan)

    monkeypatch.setattr(_neural, "train_network", spy)
    options = {"early_stopping": True, "validation_fraction": 0.2, "max_epochs": 1}
    make_lstm(validation_split="regions", **options).fit(X, y)
    regions = X.sites["region"].to_numpy()
    trained, aside = (set(regions[np.unique(part.site)]) for part in parts)
    assert trained.isdisjoint(aside)
    assert trained | aside == set(regions)
    make_lstm(validation_split="sites", **options).fit(X, y)
    assert len(set(parts[3].site.tolist())) == 2
    one = X.assign(sites=X.sites.assign(region="alps"))
    with pytest.raises(ValueError, match=r"two regions or more, but all 12 are in 'alps'"):
        make_lstm(validation_split="regions", **options).fit(one, y)
    none = X.assign(sites=X.sites.drop(columns="region"))
    with pytest.raises(ValueError, match=r"needs a column 'region' in the site table of X"):
        make_lstm(validation_split="regions", **options).fit(none, y)
    # Without early stopping no region is asked for.
    make_lstm(validation_split="regions", max_epochs=0).fit(none, y)


# ---------------------------------------------------------------------- seeds
def test_predictions_of_several_seeds_are_their_mean(short, make):
    X, y = short
    model = make(n_seeds=3, lower_bound=None).fit(X, y)
    nets, single = model.nets_, []
    for net in nets:
        model.nets_ = [net]
        single.append(model.predict(X))
    model.nets_ = nets
    assert not np.allclose(single[0], single[1])
    np.testing.assert_allclose(model.predict(X), np.mean(single, axis=0), rtol=1e-4, atol=1e-5)
    assert {row["net"] for row in model.history_} == {0, 1, 2}
    # The first network is that of a single seed, and all follow from it.
    np.testing.assert_array_equal(make(lower_bound=None).fit(X, y).predict(X), single[0])
    np.testing.assert_array_equal(make(n_seeds=3, lower_bound=None).fit(X, y).predict(X),
                                  model.predict(X))  # fmt: skip
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_quantiles_of_several_seeds_are_the_mean_of_each(short, make_lstm):
    X, y = short
    model = make_lstm(n_seeds=2, distribution="cmal", lower_bound=None).fit(X, y)
    nets, single = model.nets_, []
    for net in nets:
        model.nets_ = [net]
        single.append(model.predict_quantiles(X))
    model.nets_ = nets
    expected = np.mean(single, axis=0)
    np.testing.assert_allclose(model.predict_quantiles(X), expected, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------------- going on
@pytest.mark.filterwarnings("ignore:The encoder was pretrained on")  # which does not matter here
@pytest.mark.parametrize("trainable", ["head", "all"])
def test_a_warm_start_goes_on_with_scalers_encoder_and_weights(short, make, trainable):
    X, y = short
    model = make(warm_start=True, trainable=trainable, n_seeds=2).fit(X[:4], y.iloc[:4])
    scaler, scale, bound = model.scaler_, model.target_scale_, model.lower_bound_
    before = model.predict(X[4:])
    digest = model.encoder_.digest
    model.set_params(max_epochs=0).fit(X[4:], y.iloc[4:])
    np.testing.assert_allclose(model.predict(X[4:]), before, rtol=1e-5)
    model.set_params(max_epochs=2).fit(X[4:], y.iloc[4:])
    assert (model.scaler_, model.target_scale_, model.lower_bound_) == (scaler, scale, bound)
    assert not np.allclose(model.predict(X[4:]), before)
    assert (model.encoder_.digest == digest) == (trainable == "head")
    assert model.sites_ == set(X.site_ids)
    cold = make(warm_start=False, trainable=trainable, n_seeds=2).fit(X[4:], y.iloc[4:])
    assert not np.array_equal(cold.scaler_.attribute_mean, scaler.attribute_mean)


def test_a_warm_start_trains_weights_that_were_frozen_before(short, make):
    X, y = short
    model = make(warm_start=True, trainable="adapter").fit(X, y)
    before = model.net_.module_.head.recurrent.lstm.weight_hh_l0.clone()
    model.set_params(trainable="head").fit(X, y)
    assert not torch.equal(model.net_.module_.head.recurrent.lstm.weight_hh_l0, before)
    encoder = model.encoder_.digest
    model.set_params(trainable="all").fit(X, y)
    trained = model.encoder_.digest
    assert trained != encoder
    model.set_params(trainable="head").fit(X, y)
    assert model.encoder_.digest == trained  # what was trained stays, and is frozen now


def test_a_warm_start_wants_the_same_variables_and_as_many_networks(short, make_lstm):
    X, y = short
    model = make_lstm(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"X lacks 25 of the 26 attributes that this LSTMRegres"):
        model.fit(X.keep_variables(attributes=["p_mean"]), y)
    with pytest.raises(ValueError, match=r"`n_seeds`=3 differs from the 1 networks that `warm_st"):
        model.set_params(n_seeds=3).fit(X, y)
    rooted = make_lstm(warm_start=True, target_transform="sqrt").fit(X, y)
    with pytest.raises(ValueError, match="takes no negative target"):
        rooted.fit(X, y - 100)


def test_a_fit_that_fails_leaves_the_networks_of_before(short, make_lstm):
    X, y = short
    model = make_lstm(warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(FloatingPointError, match="has diverged"):
        model.set_params(lr=1e30, lr_schedule="constant").fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


# ---------------------------------------------------------------------- noise
def test_noise_on_features_is_for_training_only(short, make):
    X, y = short
    plain, noisy = (make(feature_noise=noise).fit(X, y) for noise in (0.0, 1.0))
    assert not np.array_equal(plain.predict(X), noisy.predict(X))
    np.testing.assert_array_equal(noisy.predict(X), noisy.predict(X))


@pytest.mark.parametrize(
    ("params", "same_as"),
    [
        ({}, 1.0),
        (paper_row("resconn_cnn"), 1.0),
        ({"raw_inputs": "forcing"}, 0.0),
        (paper_row("noresconn"), 0.0),  # attributes are there, but its adapter does not read them
        (paper_row("probe"), 0.0),
        ({"residual": False, "adapter": "residual"}, 1.0),
    ],
)
def test_features_are_noisy_where_attributes_tell_of_the_site(short, make, params, same_as):
    X, y = short
    automatic, given = (
        make(**params, feature_noise=noise).fit(X, y) for noise in ("auto", same_as)
    )
    np.testing.assert_array_equal(automatic.predict(X), given.predict(X))


def test_codes_of_classes_reach_a_trained_encoder_unharmed(
    short, make_transformer, make_streamflow, monkeypatch
):
    X, y = short
    X = X.assign(attributes=X.attributes.assign(rock=[0.0, 1.0, 2.0, 0.0, 1.0, 2.0]))
    seen = []
    from stefaland_sk.modules import FinetunedNetwork

    forward = FinetunedNetwork.forward

    def spy(self, **inputs):
        if self.training:
            seen.append(inputs["encoder_attributes"])
        return forward(self, **inputs)

    monkeypatch.setattr(FinetunedNetwork, "forward", spy)
    encoder = make_transformer(categorical=["rock"])
    make_streamflow(encoder, trainable="all", attribute_noise=0.5).fit(X, y)
    values = torch.cat(seen)
    assert set(values[:, -1].tolist()) == {0.0, 1.0, 2.0}
    assert len(values[:, 0].unique()) == len(values)
