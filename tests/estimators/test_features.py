"""Features of sites: pooled, and condensed to a few components."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from stefaland_sk import StefaLandTransformer
from stefaland_sk.data import Panel
from stefaland_sk.encoders import pool_days
from stefaland_sk.estimators._features import Condenser

POOLS = ["static", "mean", "last", "attention"]


@pytest.fixture
def features():
    """Forty correlated vectors of five features, of very unlike scales."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))
    return (mixed * [1e-2, 1, 10, 100, 1e3] + 5).astype(np.float32)


# ---------------------------------------------------------------------- pooling
@pytest.mark.parametrize("pool", POOLS)
def test_pooling_gives_one_vector_per_site(catchments, make_transformer, pool):
    X, _ = catchments
    model = make_transformer(pool=pool).fit(X)
    pooled = model.transform(X)
    assert pooled.shape == (6, 8)
    assert pooled.dtype == np.float32
    np.testing.assert_array_equal(pooled, pool_days(*model.encoder_.encode(X), pool))


def test_the_pool_may_be_changed_after_the_fit(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(max_epochs=3, lr=1e-2).fit(X)
    results = [model.set_params(pool=pool).transform(X) for pool in POOLS]
    assert all(
        not np.allclose(one, two) for i, one in enumerate(results) for two in results[i + 1 :]
    )


def test_pooling_skips_days_without_forcing(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="last").fit(X)
    forcing = X.forcing.copy()
    forcing[1, 300:] = np.nan
    cut = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    days, _ = model.encoder_.encode(cut)
    assert np.isnan(days[1, 300:]).all()
    np.testing.assert_array_equal(model.transform(cut)[1], days[1, 299])
    model.set_params(pool="mean")
    np.testing.assert_allclose(model.transform(cut)[1], days[1, :300].mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("pool", [None, *POOLS])
def test_a_site_without_forcing_gives_the_static_token(catchments, make_transformer, pool):
    X, _ = catchments
    model = make_transformer(pool=pool).fit(X)
    np.testing.assert_array_equal(
        model.transform(X.attributes), model.encoder_.encode(Panel.from_table(X.attributes))[1]
    )


def test_pooled_rows_of_a_long_table_repeat_their_site(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="mean").fit(X)
    rows = model.transform(X.to_long())
    np.testing.assert_array_equal(rows, np.repeat(model.transform(X), X.n_times, axis=0))


# ---------------------------------------------------------------------- components
def test_components_are_those_of_standardised_features(features):
    condenser = Condenser.fit([features], 3, "mean")
    expected = PCA(3).fit_transform(StandardScaler().fit_transform(features))
    found = condenser.apply(features, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-3)


def test_components_do_not_depend_on_how_features_come(features):
    whole = Condenser.fit([features], 2, "days")
    parts = [features[:7].reshape(7, 1, 5), features[7:7], np.full((3, 5), np.nan), features[7:]]
    dealt = Condenser.fit(parts, 2, "days")
    np.testing.assert_allclose(dealt.components, whole.components, atol=1e-8)
    np.testing.assert_allclose(dealt.mean, whole.mean)


def test_the_sign_of_a_component_is_that_of_its_largest_weight(features):
    for part in (features, -features, features[::-1] * 3):
        components = Condenser.fit([part], 5, "mean").components
        largest = np.abs(components).argmax(axis=1)
        assert (components[np.arange(5), largest] > 0).all()


def test_a_feature_without_spread_does_no_harm(features):
    features[:, 2] = 4.0
    assert np.isfinite(Condenser.fit([features], 4, "mean").apply(features, 4)).all()


def test_fewer_components_are_the_first_of_more(features):
    condenser = Condenser.fit([features], 4, "mean")
    first = condenser.apply(features, 2)
    np.testing.assert_allclose(condenser.apply(features, 4)[:, :2], first, rtol=1e-5, atol=1e-5)


def test_more_components_than_vectors_are_refused(features):
    with pytest.raises(ValueError, match="`n_components`=4 asks for more than the 3 vectors"):
        Condenser.fit([features[:3]], 4, "mean")


def test_the_transformer_condenses_what_it_gives(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="mean", n_components=3).fit(X)
    assert model.transform(X).shape == (6, 3)
    assert model.get_feature_names_out().tolist() == [f"stefalandtransformer{i}" for i in range(3)]
    assert model.set_output(transform="pandas").transform(X).shape == (6, 3)
    days = make_transformer(n_components=2).fit(X)
    assert days.transform(X).shape == (*X.shape[:2], 2)
    assert days.transform(X.to_long()).shape == (6 * 365, 2)
    table = make_transformer(n_components=2).fit(X.attributes)
    assert table.transform(X.attributes).shape == (6, 2)


def test_components_come_from_the_sites_of_x_only(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="static", n_components=2, extra=[X[4:]]).fit(X[:4])
    _, site = model.encoder_.encode(X[:4])
    expected = Condenser.fit([site], 2, "static")
    np.testing.assert_allclose(model.condenser_.components, expected.components, atol=1e-6)
    before = model.condenser_.components.copy()
    model.transform(X)
    np.testing.assert_array_equal(model.condenser_.components, before)


def test_components_of_a_corpus_are_of_one_kind(catchments, make_transformer):
    X, _ = catchments
    table = X.attributes.set_axis(list("abcdef"))
    model = make_transformer(pool="mean", n_components=5).fit([table, X])
    assert model.condenser_.kind == "mean"
    only = make_transformer(pool="mean", n_components=5).fit(table)
    assert only.condenser_.kind == "static"


def test_components_are_kept_in_the_file(catchments, make_transformer, tmp_path):
    X, _ = catchments
    model = make_transformer(pool="mean", n_components=3).fit(X)
    path = model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(StefaLandTransformer.load(path).transform(X), model.transform(X))
    fewer = StefaLandTransformer.load(path, n_components=2).transform(X)
    np.testing.assert_allclose(fewer, model.transform(X)[:, :2], rtol=1e-5, atol=1e-6)
    assert StefaLandTransformer.load(path, n_components=None).transform(X).shape == (6, 8)


def test_components_that_were_not_fitted_are_refused(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="mean", n_components=2).fit(X)
    with pytest.raises(ValueError, match="`n_components`=3 was set after `fit`, which has kept 2"):
        model.set_params(n_components=3).transform(X)
    model.set_params(n_components=2)
    with pytest.raises(ValueError, match="fitted on features of the kind 'mean', but .* 'last'"):
        model.set_params(pool="last").transform(X)
    with pytest.raises(ValueError, match="of the kind 'mean', but these are of the kind 'static'"):
        model.set_params(pool="mean").transform(X.attributes)
    unfitted = make_transformer().fit(X).set_params(n_components=1)
    with pytest.raises(ValueError, match="which has kept 0 components"):
        unfitted.transform(X)
