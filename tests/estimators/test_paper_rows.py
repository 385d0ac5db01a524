"""The rows of the paper: each is made, trains, and is what its name says."""

import numpy as np
import pandas as pd
import pytest
import torch

import stefaland_sk.estimators as estimators
from stefaland_sk.encoders import SiteEmbeddingEncoder
from stefaland_sk.estimators import PAPER_ROWS, paper_row

TINY = {"d_hidden": 8, "window": 60, "warmup": 20, "max_epochs": 1, "random_state": 0}


def embeddings():
    """A table of embeddings as an encoder: three numbers for each of six sites."""
    sites = [f"{number:08d}" for number in range(1, 7)]
    values = np.random.default_rng(0).normal(size=(6, 3))
    return SiteEmbeddingEncoder(pd.DataFrame(values, index=sites).add_prefix("A"))


def make(name, make_transformer, **changes):
    """An unfitted estimator of a row, tiny."""
    row = PAPER_ROWS[name]
    given = {}
    if row.estimator != "LSTMRegressor":
        given["encoder"] = embeddings() if row.needs_encoder else make_transformer()
    if row.estimator == "HBVStreamflow":
        given["n_members"] = 2
    parameters = paper_row(name) | TINY | changes | given
    return getattr(estimators, row.estimator)(**parameters)


@pytest.fixture(scope="module")
def fitted(catchments, make_transformer):
    """All rows, fitted on the same data from the same seed."""
    X, y = catchments
    X, y = X.sel_time(None, "2001-02-15"), y.loc[:, :"2001-02-15"]
    return X, {name: make(name, make_transformer).fit(X, y) for name in PAPER_ROWS}


def test_each_row_trains_and_predicts_and_no_two_are_the_same(fitted):
    X, models = fitted
    predictions = {name: model.predict(X) for name, model in models.items()}
    assert all(np.isfinite(values).all() for values in predictions.values())
    # With the same encoder two rows have the same parameters: what differs is the encoder.
    same = {"terramind_resconn", "prithvi_resconn"}
    different = [values.tobytes() for name, values in predictions.items() if name not in same]
    assert len(set(different)) == len(different)


def test_what_each_row_is_made_of(fitted):
    _, models = fitted
    trained = {name for name in models if getattr(models[name], "encoders_", None) is not None}
    assert trained == {"ablation_scratch", "transformer", "transformer_reconstruct"}
    linear = {"probe", "transformer"}
    for name, model in models.items():
        module = model.net_.module_
        if PAPER_ROWS[name].estimator == "HBVStreamflow":
            assert (model.encoder_ is None) == (name == "lstm_hbv")
            assert model.physics == "hbv_1.1p"
            continue
        if name == "lstm":
            continue
        head = module.head
        assert (head.recurrent is None) == (name in linear)
        assert (model.encoder_ is None) == (name == "lstm_matched")
        rejoins = {True: "post", "cnn": "convolve"}.get(model.residual)
        assert rejoins is None or hasattr(head, rejoins)
    # A linear probe has one linear layer on the features and nothing else.
    probe = models["probe"].net_.module_.head
    assert {name for name, _ in probe.named_parameters()} == {"output.weight", "output.bias"}


def test_an_encoder_of_random_weights_is_frozen_or_not_as_the_version_says(
    fitted, make_transformer
):
    X, models = fitted
    seed = int(np.random.RandomState(0).randint(2**31 - 1))  # the first draw is the encoder's
    start = make_transformer(max_epochs=0, random_state=seed).fit(X).encoder_.module
    for name, stays in (("ablation_frozen", True), ("ablation_scratch", False)):
        state = models[name].encoder_.module.state_dict()
        same = [torch.equal(state[key], start.state_dict()[key]) for key in state]
        assert all(same) == stays


def test_settings_of_the_paper_are_those_of_its_appendix():
    flow = paper_row("resconn", settings="paper")
    assert (flow["optimizer"], flow["lr"], flow["lr_schedule"]) == ("adadelta", 1.0, "constant")
    assert (flow["batch_size"], flow["max_epochs"], flow["d_hidden"]) == (64, 25, 512)
    assert (flow["dropout"], flow["loss"], flow["early_stopping"]) == (0.2, "rmse", False)
    assert flow["residual"] is True
    soil = paper_row("resconn", "soil_moisture", settings="paper")
    assert (soil["lr"], soil["d_hidden"], soil["batch_size"]) == (1.2, 128, 128)
    lstm = paper_row("lstm", settings="paper")
    assert (lstm["d_hidden"], lstm["max_epochs"], lstm["n_seeds"]) == (256, 300, 6)
    assert paper_row("lstm", "soil_moisture", settings="paper")["d_hidden"] == 128


@pytest.mark.parametrize("name", PAPER_ROWS)
@pytest.mark.parametrize("task", ["streamflow", "streamflow_global", "soil_moisture"])
def test_the_estimator_knows_every_parameter_of_a_row(name, task):
    row = PAPER_ROWS[name]
    known = getattr(estimators, row.estimator)._get_param_names()
    for settings in ("ours", "paper"):
        assert set(paper_row(name, task, settings=settings)) <= set(known)
    assert row.source
    assert row.reading


def test_settings_of_the_paper_train(catchments, make_transformer):
    X, y = catchments
    for name in ("lstm", "resconn"):
        paper = paper_row(name, settings="paper")
        small = TINY | {"batch_size": paper["batch_size"], "n_seeds": 1}
        model = make(name, make_transformer, **(paper | small)).fit(X, y)
        assert np.isfinite(model.predict(X)).all()
        assert model.history_[0]["lr"] == 1.0


def test_the_listing_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        PAPER_ROWS["resconn"] = None
    with pytest.raises(TypeError, match="does not support item assignment"):
        PAPER_ROWS["resconn"].parameters["residual"] = False
    paper_row("resconn")["residual"] = False
    assert paper_row("resconn") == {"residual": True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resConn"}, r"`name` must be one of \['lstm'.* Got 'resConn'"),
        ({"name": "lstm", "task": "snow"}, r"`task` must be one of \['streamflow'.* Got 'snow'"),
        ({"name": "lstm", "settings": "best"}, r"`settings` must be one of .* Got 'best'"),
    ],
)
def test_odd_rows_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        paper_row(**arguments)
