"""Faults of earlier programs that finetune such models, each repaired; names say how it is here.

They are those that can be seen from the estimator; losses and heads have more in the tests of
their layer. B and a number: the fault in the list of the specification.
"""

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from stefaland_sk import StefaLandRegressor
from stefaland_sk._core import CheckpointError
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint
from stefaland_sk.estimators import PAPER_ROWS, paper_row
from stefaland_sk.estimators._neural import SiteCriterion
from stefaland_sk.modules import get_loss, make_distribution

LOSSES = ["nse", "sqrt_nse", "rmse", "mse", "rmse_comb", "kge"]
ADAPTERS = ["gated", "bottleneck", "residual", "feedforward", "conv", "attention", "moe", None]
# Each adapter, each way to rejoin, each head; frozen and trained.
VARIANTS = [
    *({"adapter": adapter, "residual": False} for adapter in ADAPTERS),
    {"residual": True},
    {"residual": "cnn"},
    {"head": "linear"},
    {"head": "decoder", "residual": False},
    {"raw_inputs": "forcing"},
    {"raw_inputs": "none", "residual": False},
    {"encoder_init": "none"},
    {"trainable": "all"},
    {"distribution": "cmal", "n_seeds": 2},
]


@pytest.fixture(scope="module")
def short(catchments):
    """Six sites, five months."""
    X, y = catchments
    return X.sel_time(None, "2001-02-15"), y.loc[:, :"2001-02-15"]


@pytest.fixture(scope="module")
def pretrained(short, make_transformer):
    """A fitted transformer whose training drops activations."""
    return make_transformer(dropout=0.5).fit(short[0])


@pytest.fixture(scope="module")
def make(pretrained, make_streamflow):
    """Function that gives an unfitted model on the pretrained encoder."""
    return lambda **params: make_streamflow(FrozenEstimator(pretrained), **params)


# ---------------------------------------------------------------------- B1: weights in part
def test_weights_are_taken_whole_or_not_at_all(short, pretrained, make_streamflow, tmp_path):
    X, y = short
    path = pretrained.save(tmp_path / "whole.safetensors")
    tensors, header = read_checkpoint(path)
    header = {k: v for k, v in header.items() if k not in ("format", "versions", "tensors_sha256")}
    name = next(name for name in tensors if "backbone" in name)
    for change, message in (
        ({name: None}, "missing"),
        ({name: tensors[name][..., :-1]}, "where the configuration asks for"),
        ({"more": torch.zeros(2)}, "unexpected"),
    ):
        changed = {k: v for k, v in {**tensors, **change}.items() if v is not None}
        write_checkpoint(tmp_path / "part.safetensors", changed, header)
        with pytest.raises(CheckpointError, match=message):
            make_streamflow(tmp_path / "part.safetensors").fit(X, y)
    model = make_streamflow(path).fit(X, y)
    state = model.encoder_.module.state_dict()
    assert all(torch.equal(state[k], v) for k, v in pretrained.encoder_.module.state_dict().items())


# ---------------------------------------------------------------------- B2: basins of a batch
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_site_s_prediction_does_not_depend_on_other_sites(short, make, variant):
    X, y = short
    model = make(**variant).fit(X, y)
    together = model.predict(X)
    assert np.isfinite(together).all()
    for order in ([3], [5, 3, 0]):
        np.testing.assert_allclose(model.predict(X[order]), together[order], rtol=1e-3, atol=1e-4)


def test_time_and_sites_cannot_be_mixed_up(short, make):
    """Tensors with time first are refused, where they would be read as sites."""
    X, y = short
    model = make(max_epochs=0).fit(X, y)
    series, static = model._make_inputs(X)
    turned = {name: values.transpose(0, 1) for name, values in series.items()}
    with pytest.raises(ValueError, match=r"`attributes` must have shape \(138, 26\); got \(6, 26"):
        model.net_.module_(**turned, **static)


# ---------------------------------------------------------------------- B4: noise in features
def test_a_frozen_encoder_gives_the_same_features_twice(short, pretrained, make, monkeypatch):
    X, y = short
    modes = []
    encode = type(pretrained.encoder_.module).encode

    def spy(self, *args, **options):
        modes.append(self.training)
        return encode(self, *args, **options)

    monkeypatch.setattr(type(pretrained.encoder_.module), "encode", spy)
    model = make().fit(X, y)
    first, second = (model._make_inputs(X)[0]["features"] for _ in range(2))
    assert torch.equal(first, second)
    assert not model.encoder_.module.training
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    assert modes
    assert not any(modes)
    # One that is trained drops activations in training, and not after it.
    modes.clear()
    live = make(trainable="all").fit(X, y)
    assert any(modes)
    modes.clear()
    np.testing.assert_array_equal(live.predict(X), live.predict(X))
    assert not any(modes)


# ---------------------------------------------------------------------- B5: widths
@pytest.mark.parametrize("residual", [True, False, "cnn"])
@pytest.mark.parametrize("d_hidden", [3, 8, 20])
def test_the_head_is_as_wide_as_one_likes(short, make, residual, d_hidden):
    X, y = short
    model = make(residual=residual, d_hidden=d_hidden, max_epochs=0).fit(X, y)
    assert model.encoder_.d_model == 8
    assert np.isfinite(model.predict(X)).all()


# ---------------------------------------------------------------------- B7, B8: scalers
def test_what_is_held_out_is_in_no_scale_of_the_model(short, make_streamflow):
    X, y = short
    forcing, table, target = X.forcing.copy(), X.attributes.copy(), y.copy()
    forcing[4:] = forcing[4:] * 3 - 50
    table.iloc[4:] *= 5
    target.iloc[4:] *= 100
    other = type(X)(table, forcing, time=X.time, forcing_names=X.forcing_names)
    same = type(X)(X.attributes, X.forcing, time=X.time, forcing_names=X.forcing_names)
    one = make_streamflow().fit(same[:4], y.iloc[:4])
    two = make_streamflow().fit(other[:4], target.iloc[:4])
    assert one.scaler_.to_dict() == two.scaler_.to_dict()
    assert one.target_scale_ == two.target_scale_
    np.testing.assert_array_equal(one.feature_mean_, two.feature_mean_)
    assert one.encoder_.digest == two.encoder_.digest
    np.testing.assert_array_equal(one.predict(same[:4]), two.predict(same[:4]))


def test_the_encoder_reads_by_the_scale_of_its_pretraining(short, pretrained, make):
    """Its features of a site are the same, whatever sites finetune the head."""
    X, y = short
    expected = pretrained.transform(X)
    for sites in (slice(0, 3), slice(3, 6)):
        model = make(max_epochs=0).fit(X[sites], y.iloc[sites])
        assert model.encoder_.scaler is pretrained.encoder_.scaler
        np.testing.assert_allclose(model.encoder_.encode(X)[0], expected, atol=1e-5)
    # Also the inputs of an encoder that is trained: not by the scaler of the head.
    live = make(max_epochs=0, trainable="all").fit(X[:3], y.iloc[:3])
    assert live.encoder_.scaler is pretrained.encoder_.scaler
    assert not np.allclose(live.scaler_.forcing_mean, live.encoder_.scaler.forcing_mean)


# ---------------------------------------------------------------------- B11: cold restarts
@pytest.mark.parametrize("params", [{}, {"encoder_init": "none"}, {"trainable": "all"}], ids=str)
def test_the_memory_of_a_long_record_is_never_cleared(catchments, make, params):
    """The head runs once over the record, not once per window of 60 days."""
    X, y = catchments
    model = make(**params).fit(X, y)
    lengths = []
    handle = model.net_.module_.head.register_forward_hook(
        lambda module, inputs, output: lengths.append(output.shape[1])
    )
    model.predict(X)
    handle.remove()
    assert lengths == [365]


# ---------------------------------------------------------------------- B12: losses without value
@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_targets_moves_no_weight(name):
    criterion = SiteCriterion(get_loss(name), torch.ones(2))
    truth = {"target": torch.full((2, 5), torch.nan), "site": torch.arange(2)}
    predicted = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = criterion(predicted, truth)
    loss.backward()
    assert torch.isfinite(loss)
    assert (predicted.grad == 0).all()


@pytest.mark.parametrize("name", ["quantiles", "cmal"])
def test_a_batch_without_targets_moves_no_weight_of_a_distribution(name):
    distribution = make_distribution(name)
    raw = torch.randn(2, 5, distribution.n_outputs).requires_grad_()
    truth = {"target": torch.full((2, 5), torch.nan), "site": torch.arange(2)}
    SiteCriterion(distribution.loss, torch.ones(2))(raw, truth).backward()
    assert (raw.grad == 0).all()


def test_sites_without_any_target_among_others(short, make):
    X, y = short
    y = y.copy()
    y.iloc[[0, 4]] = np.nan
    y.iloc[1, 40:] = np.nan
    model = make(max_epochs=3).fit(X, y)
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("params", [{}, {"trainable": "all"}, {"encoder_init": "none"}], ids=str)
def test_a_training_that_diverges_says_so(short, make, params):
    with pytest.raises(
        FloatingPointError,
        match=r"has diverged: in epoch \d+ the loss or a weight is no finite number. Lower `lr` "
        r"\(now 1e\+30\).*`X\.check\(y\)`",
    ):
        make(**params, lr=1e30, lr_schedule="constant", max_epochs=3).fit(*short)


def test_weights_spoilt_by_the_last_update_are_noticed(short, make_lstm, monkeypatch):
    """No loss comes after it."""

    def poison(self, predicted, truth):
        # A finite loss with a gradient that is none.
        return (predicted * 0).sum().abs().sqrt() + 1.0

    monkeypatch.setattr(SiteCriterion, "forward", poison)
    with pytest.raises(FloatingPointError, match="in epoch 1 the loss or a weight"):
        make_lstm(batch_size=1000, max_epochs=1).fit(short[0][:1], short[1].iloc[:1])


# ---------------------------------------------------------------------- B19: looking ahead
@pytest.mark.parametrize("residual", [True, "cnn"])
def test_whether_a_model_looks_ahead_is_told_and_documented(short, make, make_lstm, residual):
    X, y = short
    later = X.forcing.copy()
    later[:, 100:] += 500
    changed = type(X)(X.attributes, later, time=X.time, forcing_names=X.forcing_names)
    for model in (make_lstm(), make(encoder_init="none"), make(residual=residual)):
        model.fit(X, y)
        same = np.allclose(model.predict(changed)[:, :100], model.predict(X)[:, :100], atol=1e-4)
        assert same == model.causal
    assert "later days" in StefaLandRegressor.__doc__
    assert "hindcasts" in StefaLandRegressor.__doc__


# ---------------------------------------------------------------------- B21: what a head reads
def test_the_head_has_what_the_parameters_say(short, make):
    model = make(d_hidden=12, dropout=0.25, max_epochs=0).fit(*short)
    head = model.net_.module_.head
    assert head.recurrent.lstm.hidden_size == 12
    assert head.output.in_features == 12


# ---------------------------------------------------------------------- B22: roots of negatives
def test_the_loss_for_low_flows_survives_negative_predictions(short, make_lstm):
    X, y = short
    model = make_lstm(loss="rmse_comb", max_epochs=4, lr=0.05, lower_bound=None).fit(X, y)
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    predicted = torch.linspace(-5, 5, 11)[None].requires_grad_()
    get_loss("rmse_comb")(predicted, torch.ones(1, 11)).backward()
    assert torch.isfinite(predicted.grad).all()


# ---------------------------------------------------------------------- B24, B25: names of rows
def test_rows_that_versions_of_the_paper_mix_up_are_told_apart():
    rows = [
        (row.estimator, dict(row.parameters))
        for row in PAPER_ROWS.values()
        if row.needs_encoder is None
    ]
    assert all(rows.count(row) == 1 for row in rows)
    assert paper_row("resconn") != paper_row("resconn_cnn")  # programs and figure
    frozen, scratch = paper_row("ablation_frozen"), paper_row("ablation_scratch")
    assert "trainable" not in frozen
    assert scratch["trainable"] == "all"
    assert paper_row("transformer")["head"] == "linear"
    assert paper_row("transformer_reconstruct")["head"] == "decoder"
