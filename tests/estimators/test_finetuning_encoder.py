"""Encoders trained along, or not: what moves, when, how fast, and what predictions come of it."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from stefaland_sk import LSTMRegressor
from stefaland_sk._core import LeakageWarning
from stefaland_sk.encoders import Encoder
from stefaland_sk.estimators import _neural
from stefaland_sk.estimators._training import Unfreeze
from stefaland_sk.model_selection import SiteKFold


@pytest.fixture(scope="module")
def short(catchments):
    """Six sites, five months."""
    X, y = catchments
    return X.sel_time(None, "2001-02-15"), y.loc[:, :"2001-02-15"]


@pytest.fixture(scope="module")
def pretrained(short, make_transformer):
    """A fitted transformer of two layers."""
    return make_transformer(n_layers=2).fit(short[0])


@pytest.fixture
def make(pretrained, make_streamflow):
    """Function that gives an unfitted model on the pretrained encoder."""
    return lambda **params: make_streamflow(FrozenEstimator(pretrained), **params)


def moved(model, pretrained):
    """Names of the encoder's weights that are not those of the pretraining."""
    before = pretrained.encoder_.module.state_dict()
    after = model.encoder_.module.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def head_weights(model):
    """Copies of the head's weights by name."""
    return {k: v.clone() for k, v in model.net_.module_.head.named_parameters()}


# ---------------------------------------------------------------------- what moves
@pytest.mark.parametrize(
    ("trainable", "prefixes"),
    [
        ("head", ()),
        ("adapter", ()),
        ("all", ("embed_", "patches.", "backbone.", "encoder_to_decoder.")),
        (["head.*", "encoder.backbone.layers.1.*"], ("backbone.layers.1.",)),
    ],
    ids=["head", "adapter", "all", "patterns"],
)
def test_what_is_named_moves_and_nothing_else(short, pretrained, make, trainable, prefixes):
    untouched = copy.deepcopy(pretrained.encoder_.module.state_dict())
    start = head_weights(make(trainable=trainable, max_epochs=0).fit(*short))
    model = make(trainable=trainable, encoder_lr=1.0).fit(*short)
    of_encoder = moved(model, pretrained)
    assert all(name.startswith(prefixes) for name in of_encoder)
    wanted = [n for n in pretrained.encoder_.module.encoding_parameters if n.startswith(prefixes)]
    assert len(of_encoder) > 0.8 * len(wanted) if prefixes else not of_encoder
    after = head_weights(model)
    still = {name for name in start if torch.equal(start[name], after[name])}
    lstm = {name for name in start if name.startswith("recurrent.")}
    assert still == (lstm if trainable == "adapter" else set())
    # What was given is never changed, and what is trained is a copy.
    now = pretrained.encoder_.module.state_dict()
    assert all(torch.equal(now[name], value) for name, value in untouched.items())


def test_weights_thaw_epoch_by_epoch(short, make, monkeypatch):
    seen = []

    class Spy(Unfreeze):
        def on_epoch_begin(self, net, **kwargs):
            super().on_epoch_begin(net, **kwargs)
            self.keep(net)

        def on_epoch_end(self, net, **kwargs):
            self.keep(net)

        def keep(self, net):
            state = {k: v.detach().clone() for k, v in net.module_.named_parameters()}
            seen.append((state, net.module_.encoder.training))

    monkeypatch.setattr("stefaland_sk.estimators._training.Unfreeze", Spy)
    stages = {0: "adapter", 1: "head", 2: ["encoder.backbone.layers.1.*"], 3: "all"}
    make(trainable=stages, max_epochs=4, encoder_lr=1.0, lr_schedule="constant").fit(*short)
    parts = {
        "adapter": "head.output.",
        "recurrent": "head.recurrent.",
        "top": "encoder.backbone.layers.1.",
        "rest": "encoder.backbone.layers.0.",
    }
    changed = []
    for (before, _), (after, _) in zip(seen[::2], seen[1::2], strict=True):
        names = {k for k in before if not torch.equal(before[k], after[k])}
        changed.append({p for p, start in parts.items() if any(n.startswith(start) for n in names)})
    assert changed == [
        {"adapter"},
        {"adapter", "recurrent"},
        {"adapter", "recurrent", "top"},
        {"adapter", "recurrent", "top", "rest"},
    ]
    # As long as nothing of it is trained, the encoder is free of dropout.
    assert [training for _, training in seen[1::2]] == [False, False, True, True]


def test_encoder_lr_is_a_multiple_of_lr(short, pretrained, make):
    sizes = {}
    for encoder_lr in (1e-3, 1.0):
        model = make(trainable="all", encoder_lr=encoder_lr, max_epochs=1).fit(*short)
        before, after = (
            encoder.module.state_dict()["backbone.layers.0.qkv.weight"]
            for encoder in (pretrained.encoder_, model.encoder_)
        )
        sizes[encoder_lr] = float((after - before).abs().mean())
        rates = [group["lr"] for group in model.net_.optimizer_.param_groups]
        assert rates[0] == pytest.approx(encoder_lr * rates[-1])
        assert model.history_[-1]["lr"] == rates[-1]  # what is reported is the head's
    assert 0 < sizes[1e-3] < 0.05 * sizes[1.0]


def test_decoder_weights_are_those_of_the_pretraining(short, pretrained, make):
    names = moved(make(trainable="all", encoder_lr=1.0).fit(*short), pretrained)
    assert not any(name.startswith(("decoder", "forcing_heads", "attribute_")) for name in names)


# ---------------------------------------------------------------------- what comes of it
@pytest.mark.parametrize("n_seeds", [1, 2])
def test_predictions_are_the_head_on_features_of_the_trained_encoder(short, make, n_seeds):
    X, y = short
    model = make(trainable="all", encoder_lr=1.0, n_seeds=n_seeds, lower_bound=None).fit(X, y)
    expected = 0
    raw = model.scaler_.scale_forcing(X), model.scaler_.scale_attributes(X)
    for net, encoder in zip(model.nets_, model.encoders_, strict=True):
        assert net.module_.encoder is None  # kept once, as an encoder
        days, _ = encoder.encode(X)
        features = (days - model.feature_mean_) / model.feature_std_
        with torch.inference_mode():
            given = map(torch.as_tensor, (features, *raw))
            values = net.module_.head(*(part.float() for part in given)).numpy()
        expected = expected + values * model.target_std_ + model.target_mean_
    np.testing.assert_allclose(model.predict(X), expected / n_seeds, rtol=1e-4, atol=1e-4)
    assert model.encoder_ is model.encoders_[0]


def test_a_trained_network_gives_in_windows_what_its_encoder_gives(short, make, monkeypatch):
    """Training and prediction see the same features where the record is one window."""
    X, y = short
    X, y = X.sel_time(None, "2000-11-29"), y.loc[:, :"2000-11-29"]  # 60 days
    kept = []

    def train(module, dataset, valid, criterion, plan):
        net = train_network(module, dataset, valid, criterion, plan)
        inputs, _ = dataset.batch(torch.arange(6), torch.zeros(6, dtype=torch.int64))
        with torch.inference_mode():
            kept.append(net.module_(**inputs).numpy())
        return net

    train_network = _neural.train_network
    monkeypatch.setattr(_neural, "train_network", train)
    model = make(trainable="all", encoder_lr=1.0, lower_bound=None, attribute_noise=0.0).fit(X, y)
    expected = kept[0] * model.target_std_ + model.target_mean_
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-4)


def test_features_keep_the_scale_of_before_the_training(short, make):
    X, y = short
    frozen, live = (make(trainable=what).fit(X, y) for what in ("head", "all"))
    np.testing.assert_array_equal(frozen.feature_mean_, live.feature_mean_)
    np.testing.assert_array_equal(frozen.feature_std_, live.feature_std_)


@pytest.mark.parametrize("patch", [1, 7])
def test_short_and_broken_records_train_an_encoder(short, make_transformer, make_streamflow, patch):
    X, y = short
    forcing = X.forcing.copy()
    forcing[0, 50:] = np.nan  # shorter than a window
    forcing[1, 60] = np.nan  # two segments
    X = type(X)(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    model = make_streamflow(make_transformer(patch=patch), trainable="all", max_epochs=2).fit(X, y)
    assert np.isfinite(model.predict(X)[:, :50]).all()


def test_a_plain_table_trains_its_encoder(short, make_transformer, make_streamflow):
    X, y = short
    model = make_streamflow(make_transformer(), trainable="all", encoder_lr=1.0)
    model.fit(X.attributes, y.mean(axis=1))
    assert np.isfinite(model.predict(X.attributes)).all()
    assert model.encoders_ is not None


def test_bf16_trains_and_predicts_in_float32(short, make):
    model = make(trainable="all", precision="bf16").fit(*short)
    assert np.isfinite(model.history_[0]["train_loss"])
    weights = [*model.net_.module_.parameters(), *model.encoder_.module.parameters()]
    assert {weight.dtype for weight in weights} == {torch.float32}


@pytest.mark.parametrize("trainable", ["all", {0: "head", 1: "all"}], ids=str)
def test_a_model_with_a_trained_encoder_survives_pickle_and_clone(short, make, trainable):
    X, y = short
    model = make(trainable=trainable, max_epochs=2).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    again = clone(model)
    assert again.trainable == trainable
    np.testing.assert_array_equal(again.fit(X, y).predict(X), model.predict(X))


def test_variants_can_be_searched(short, make):
    X, y = short
    grid = [
        {"residual": [True, "cnn"], "adapter": ["auto"]},
        {"adapter": ["moe"], "trainable": ["all"]},
    ]
    search = GridSearchCV(make(), grid, cv=SiteKFold(2), error_score="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # the frozen encoder saw all sites
        assert len(search.fit(X, y).cv_results_["params"]) == 3


# ---------------------------------------------------------------------- whose weights
def test_pretrained_random_and_none_differ(short, pretrained, make):
    X, y = short
    models = {init: make(encoder_init=init).fit(X, y) for init in ("pretrained", "random", "none")}
    assert models["none"].encoder_ is None
    assert not moved(models["pretrained"], pretrained)
    random = models["random"].encoder_
    assert len(moved(models["random"], pretrained)) > 10
    assert random.module.config == pretrained.encoder_.module.config
    assert random.scaler is pretrained.encoder_.scaler
    predictions = [model.predict(X) for model in models.values()]
    assert not any(np.allclose(predictions[i], predictions[i - 1]) for i in range(3))


def test_an_encoder_of_random_weights_has_seen_nothing(short, pretrained, make, recwarn):
    X, y = short
    model = make(encoder_init="random").fit(X[:3], y.iloc[:3])
    model.predict(X)
    assert model.encoder_.sites == []
    assert not [w for w in recwarn if issubclass(w.category, LeakageWarning)]
    with pytest.warns(LeakageWarning, match="pretrained on 3 of the 6 sites"):
        make().fit(X[:3], y.iloc[:3]).predict(X)


def test_epochs_and_extra_data_of_a_random_encoder_are_not_used(
    short, make_transformer, make_streamflow
):
    X, y = short
    one, two = (
        make_streamflow(make_transformer(**options), encoder_init="random").fit(X[:3], y.iloc[:3])
        for options in ({"max_epochs": 50, "extra": [X[3:]]}, {"max_epochs": 0})
    )
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    assert not np.array_equal(
        one.predict(X), make_streamflow(make_transformer()).fit(X[:3], y.iloc[:3]).predict(X)
    )


def test_the_seed_draws_a_random_encoder(short, make):
    one, two, other = (
        make(encoder_init="random", random_state=seed, max_epochs=0).fit(*short).encoder_.digest
        for seed in (1, 1, 2)
    )
    assert one == two != other


def test_without_an_encoder_nothing_is_read_of_it_and_predictions_are_causal(short, make):
    X, y = short
    model = make(encoder_init="none").set_params(encoder="no/such/file").fit(X, y)
    assert model.causal
    assert not make().causal
    assert LSTMRegressor.causal
    whole = model.predict(X)
    part = model.predict(X.sel_time(None, "2001-01-15"))
    np.testing.assert_allclose(part, whole[:, : part.shape[1]], rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- errors
class Fixed(Encoder):
    """An encoder that is no network: two numbers for every site."""

    d_model = 2
    digest = "fixed"

    def encode(self, panel, **options):
        return None, np.arange(2 * len(panel), dtype=np.float32).reshape(-1, 2)

    def check_coverage(self, panel, min_coverage):
        pass

    def __repr__(self):
        return "Fixed()"


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"trainable": "some"}, ValueError, r"`trainable` must be one of \['head', 'adapter'"),
        ({"trainable": ["decoder.*"]}, ValueError, r"matches no weight. Their names begin with"),
        ({"encoder_lr": 0}, ValueError, r"`encoder_lr` must lie in \(0, inf\). Got 0"),
        ({"encoder_init": "zero"}, ValueError, r"`encoder_init` must be one of .* Got 'zero'"),
        ({"raw_inputs": "some"}, ValueError, r"`raw_inputs` must be one of .* Got 'some'"),
        ({"feature_noise": -1}, ValueError, r"`feature_noise` must lie in \[0, inf\)"),
        (
            {"trainable": "all", "window": 100},
            ValueError,
            r"`window`=100 is longer than the 60 steps that the encoder reads.*window=60",
        ),
        (
            {"encoder": Fixed(), "trainable": ["head.*", "encoder.*"]},
            TypeError,
            r"trains the encoder, but a Fixed gives its features as they are. Use",
        ),
        (
            {"encoder": Fixed(), "trainable": {0: "head", 4: "all"}},
            TypeError,
            r"`trainable`=\{0: 'head', 4: 'all'\} trains the encoder, but a Fixed gives",
        ),
        (
            {"encoder": Fixed(), "encoder_init": "random"},
            TypeError,
            r"`encoder_init`='random' needs a StefaLand encoder; Fixed has no random version",
        ),
        (
            {"encoder": FrozenEstimator(LSTMRegressor())},
            TypeError,
            r"a FrozenEstimator around a fitted one.* Got FrozenEstimator",
        ),
        ({"head": "decoder"}, ValueError, r"`head`='decoder' reads the features alone"),
        (
            {"encoder_init": "none", "residual": "cnn"},
            ValueError,
            r"residual='cnn' needs features, and with `d_encoder`=0 there are none",
        ),
    ],
)
def test_odd_variants_are_named(short, make, params, error, message):
    with pytest.raises(error, match=message):
        make().set_params(**params).fit(*short)


def test_an_encoder_that_is_no_network_gives_features_as_they_are(short, make):
    X, y = short
    model = make().set_params(encoder=Fixed()).fit(X, y)
    np.testing.assert_allclose(model.feature_mean_, [5.0, 6.0])  # over six sites
    assert np.isfinite(model.predict(X)).all()
