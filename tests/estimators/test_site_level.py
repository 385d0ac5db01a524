"""Estimators of sites: what the regressor and the classifier share."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_validate

from stefaland_sk import (
    LeakageWarning,
    Panel,
    StefaLandLandslide,
    StefaLandSoilComposition,
)
from stefaland_sk.estimators._site_level import site_table
from stefaland_sk.model_selection import LeaveRegionOut

SMALL = {"d_hidden": 8, "max_epochs": 2, "n_seeds": 1, "random_state": 0, "device": "cpu"}


@pytest.fixture
def wetness(catchments):
    """One number per site."""
    X, y = catchments
    return y.mean(axis=1).rename("wetness")


@pytest.fixture
def make_model(make_transformer):
    """Function that gives an unfitted small regressor of sites."""

    def make(kind=StefaLandSoilComposition, **params):
        return kind(**{**SMALL, "encoder": make_transformer(), **params})

    return make


# ---------------------------------------------------------------------- what it reads
def test_raw_inputs_are_attributes_and_means_of_forcing(catchments):
    X, _ = catchments
    table = site_table(X)
    assert table.time is None
    assert table.attribute_names[: X.n_attributes] == X.attribute_names
    np.testing.assert_allclose(
        table.attributes["mean of prcp"], X.variable("prcp").mean(axis=1), rtol=1e-5
    )
    assert table.units["mean of prcp"] == X.units["prcp"] == "mm/d"


def test_a_panel_gives_features_of_days_and_of_sites(catchments, wetness, make_model):
    X, _ = catchments
    model = make_model().fit(X, wetness)
    assert model.net_.module_.d_features == 2 * model.encoder_.d_model
    table = make_model().fit(X.attributes, wetness)
    assert table.net_.module_.d_features == table.encoder_.d_model


def test_inputs_beyond_those_of_fit_count_as_its_ends(catchments, wetness, make_model):
    X = catchments[0].attributes
    model = make_model(encoder_init="none").fit(X, wetness)
    far = X.assign(slope_mean=X["slope_mean"].max())
    further = far.assign(slope_mean=1e6)
    np.testing.assert_array_equal(model.predict(far), model.predict(further))
    assert not np.array_equal(model.predict(far), model.predict(X))


def test_an_attribute_that_did_not_vary_in_fit_does_not_count(catchments, wetness, make_model):
    X = catchments[0].attributes.assign(constant=1.0)
    model = make_model(encoder_init="none").fit(X, wetness)
    np.testing.assert_array_equal(model.predict(X.assign(constant=1e6)), model.predict(X))


@pytest.mark.parametrize("encoder_init", ["random", "none"])
def test_without_a_pretrained_encoder(catchments, wetness, make_model, encoder_init):
    X, _ = catchments
    model = make_model(encoder_init=encoder_init).fit(X, wetness)
    assert np.isfinite(model.predict(X)).all()
    assert (model.encoder_ is None) == (encoder_init == "none")


def test_features_alone(catchments, wetness, make_model):
    model = make_model(raw_inputs="none", d_hidden=()).fit(catchments[0], wetness)
    assert model.net_.module_.n_attributes == 0
    with pytest.raises(ValueError, match="There is nothing to learn from"):
        make_model(raw_inputs="none", encoder_init="none").fit(catchments[0], wetness)


def test_sites_that_the_encoder_has_seen_draw_a_warning(
    catchments, wetness, make_model, make_transformer
):
    X, _ = catchments
    encoder = FrozenEstimator(make_transformer().fit(X))
    model = make_model(encoder=encoder).fit(X[:4], wetness[:4])
    with pytest.warns(LeakageWarning, match="pretrained on 2 of the 6 sites"):
        model.predict(X)


# ---------------------------------------------------------------------- what it learns
def test_sites_without_target_serve_pretraining_only(catchments, wetness, make_model):
    X, _ = catchments
    y = wetness.where(np.arange(6) != 2)
    model = make_model().fit(X, y)
    assert X.site_ids[2] in model.encoder_.sites
    assert np.isfinite(model.predict(X)).all()
    labelled = [0, 1, 3, 4, 5]
    assert model.target_mean_ == pytest.approx(wetness.iloc[labelled].mean(), rel=1e-5)


def test_an_ensemble_gives_the_mean_of_its_networks(catchments, wetness, make_model):
    X, _ = catchments
    model = make_model(n_seeds=2).fit(X, wetness)
    assert {row["net"] for row in model.history_} == {0, 1}
    together = model.predict(X)
    alone = []
    for net in model.nets_:
        model_of_one = pickle.loads(pickle.dumps(model))
        model_of_one.nets_ = [net]
        alone.append(model_of_one.predict(X))
    np.testing.assert_allclose(np.mean(alone, axis=0), together)


def test_sites_are_set_apart_to_stop_early_by(make_model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    model = make_model(encoder_init="none", max_epochs=4).fit(X, X[:, 0])
    assert "valid_loss" in model.history_[0]
    sites = pd.DataFrame({"region": list("abcd") * 10})
    panel = Panel.from_table(pd.DataFrame(X), sites=sites)
    regional = make_model(encoder_init="none", validation_split="regions", max_epochs=4)
    assert "valid_loss" in regional.fit(panel, X[:, 0]).history_[0]
    with pytest.raises(ValueError, match="needs a column 'region'"):
        clone(regional).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_seeds": 0}, "`n_seeds`"),
        ({"raw_inputs": "some"}, "`raw_inputs`"),
        ({"attribute_noise": -1}, "`attribute_noise`"),
        ({"validation_split": "days"}, "`validation_split`"),
        ({"d_hidden": (0,)}, "`d_hidden`"),
    ],
)
@pytest.mark.parametrize("kind", [StefaLandSoilComposition, StefaLandLandslide])
def test_parameters_are_checked(make_model, kind, params, words):
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
    with pytest.raises(ValueError, match=words):
        make_model(kind, encoder_init="none", **params).fit(X, y)


def test_widths_are_numbers(make_model):
    with pytest.raises(TypeError, match="`d_hidden` must be the width of one.*Got 'wide'"):
        make_model(encoder_init="none", d_hidden="wide").fit(np.ones((6, 2)), np.arange(6))


# ---------------------------------------------------------------------- forms of X and y
def test_a_long_table_has_the_same_target_on_all_rows_of_a_site(catchments, wetness, make_model):
    X, _ = catchments
    frame = X.to_long()
    site = frame.index.get_level_values("site")
    rows = wetness.reindex(site).set_axis(frame.index)
    model = make_model().fit(frame, rows)
    np.testing.assert_array_equal(
        model.predict(frame), model.predict(X)[X.site_ids.get_indexer(site)]
    )
    assert model.score(frame, rows) == pytest.approx(model.score(X, wetness))
    rows.iloc[5] += 1
    with pytest.raises(ValueError, match=f"same on all rows of a site.*{site[5]}"):
        make_model().fit(frame, rows)


def test_a_target_of_days_is_refused(catchments, make_model):
    X, y = catchments
    with pytest.raises(ValueError, match="one column per day"):
        make_model().fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_model().fit(X.attributes, np.ones(5))


def test_a_missing_forcing_is_told_of(catchments, wetness, make_model):
    X, _ = catchments
    forcing = X.forcing.copy()
    forcing[1, :, 0] = np.nan
    gappy = Panel(X.attributes, forcing, time=X.time, sites=X.sites, forcing_names=X.forcing_names)
    model = make_model().fit(X, wetness)
    with pytest.warns(UserWarning, match=r"'prcp' is missing.*mask tokens"):
        assert np.isfinite(model.predict(gappy)).all()


def test_it_is_cross_validated_on_panels_by_region(catchments, wetness, make_model):
    X, _ = catchments
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        scores = cross_validate(
            make_model(), X, wetness, cv=LeaveRegionOut(), scoring=["r2"], error_score="raise"
        )
    assert len(scores["test_r2"]) == 2
