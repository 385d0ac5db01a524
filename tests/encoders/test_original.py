"""Checkpoints of the original release: names and shapes as there, weights made up."""

import copy
import json
import math
import pickle
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core import CheckpointError
from stefaland_sk.data import VARIABLE_MAPS, Panel, PanelScaler, get_variable_set
from stefaland_sk.datasets import make_catchments
from stefaland_sk.encoders import StefaLandEncoder

FORCINGS = ["P", "RelHum", "Tmax"]
ATTRIBUTES = ["elevation", "clay", "sand", "area"]
STATISTICS = {name: (float(i), 1.0 + i) for i, name in enumerate([*FORCINGS, *ATTRIBUTES])}


class Plain(nn.Module):
    """The original's model written out plainly, so that its state has the original's names."""

    def __init__(self, forcings, attributes, d=16, layers=2, inner=24, decoder="lstm", rows=1000):
        super().__init__()
        self.d, self.forcings, self.attributes = d, forcings, attributes
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.time_series_embedding = nn.Module()
        self.time_series_embedding.masked_values = nn.Parameter(torch.randn(len(forcings), d))
        self.static_embedding = nn.Module()
        self.static_embedding.masked_values = nn.Parameter(torch.randn(1000, len(attributes)))
        self.positional_encoding = nn.Module()
        self.positional_encoding.position_embedding = nn.Parameter(torch.randn(rows, d) / 9)
        self.enc_2_dec_embedding = nn.Linear(d, d)
        self.encoder = nn.Module()
        self.encoder.transformer_encoder = self.transformer(layers, inner)
        if decoder == "lstm":
            self.decoder = nn.LSTM(d, d, batch_first=True)
        else:
            self.decoder = nn.Module()
            self.decoder.transformer_encoder = self.transformer(2, inner)
        self.time_series_projection, self.static_projection = nn.Module(), nn.Module()
        for part, kind, names, sizes in (
            (self.time_series_embedding, "", forcings, (1, 64, d)),
            (self.static_embedding, "numerical_", attributes, (1, 64, d)),
            (self.time_series_projection, "", forcings, (d, 64, 1)),
            (self.static_projection, "numerical_", attributes, (d, 64, 1)),
        ):
            for i in (0, 1):
                nets = nn.ModuleDict({name: nn.Linear(*sizes[i : i + 2]) for name in names})
                setattr(part, f"{kind}embeddings{i + 1}", nets)

    def transformer(self, layers, inner):
        layer = nn.TransformerEncoderLayer(self.d, 4, inner, 0.1, batch_first=True)
        return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x, c, x_hidden, c_hidden):
        days = x.new_zeros(*x.shape[:2], self.d)
        for i, name in enumerate(self.forcings):
            part = self.time_series_embedding
            inner = F.gelu(part.embeddings1[name](x[..., i : i + 1]))
            embedded = part.embeddings2[name](inner)
            days += torch.where(x_hidden[..., i : i + 1], part.masked_values[i], embedded)
        site = c.new_zeros(len(c), self.d)
        for i, name in enumerate(self.attributes):
            part = self.static_embedding
            value = torch.where(c_hidden[:, i], part.masked_values.mean(0)[i], c[:, i])
            inner = F.gelu(part.numerical_embeddings1[name](value[:, None]))
            site += part.numerical_embeddings2[name](inner)
        tokens = torch.cat([days, site[:, None]], dim=1)
        tokens = tokens + self.positional_encoding.position_embedding[: tokens.shape[1]]
        tokens = self.encoder.transformer_encoder(tokens * math.sqrt(self.d))
        features = self.enc_2_dec_embedding(self.encoder_norm(tokens))
        if isinstance(self.decoder, nn.LSTM):
            decoded, _ = self.decoder(features)
        else:
            decoded = self.decoder.transformer_encoder(features * math.sqrt(self.d))
        decoded = self.decoder_norm(decoded)
        forcing, attributes = [], []
        for name in self.forcings:
            part = self.time_series_projection
            forcing.append(part.embeddings2[name](F.gelu(part.embeddings1[name](decoded[:, :-1]))))
        for name in self.attributes:
            part = self.static_projection
            inner = F.gelu(part.numerical_embeddings1[name](decoded[:, -1]))
            attributes.append(part.numerical_embeddings2[name](inner))
        return features, torch.cat(forcing, dim=-1), torch.cat(attributes, dim=-1)


def make_plain(*args, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Plain(*args, **kwargs).eval().requires_grad_(False)


@pytest.fixture
def plain():
    return make_plain(FORCINGS, ATTRIBUTES)


@pytest.fixture
def write(tmp_path):
    """Write a state as the original's trainer does: with epoch and losses as numpy numbers."""

    def write(state):
        path = tmp_path / "checkpoint_epoch_9.pt"
        losses = [np.float64(0.5), np.float32(0.4), 0.3]
        torch.save(
            {
                "epoch": np.int64(9),
                "model_state_dict": state,
                "optim_state_dict": {"state": {0: {"step": torch.tensor(3.0)}}},
                "epoch_train_loss_list": losses,
                "epoch_val_loss_list": None,
            },
            path,
        )
        return path

    return write


def read(path, **changes):
    options = {"forcings": FORCINGS, "attributes": ATTRIBUTES, "scaler": STATISTICS, "window": 30}
    return StefaLandEncoder.from_original(path, **(options | changes))


def test_the_distributed_checkpoint_has_these_tensors(write):
    """485 tensors with 4,770,741 values, all of which find their place."""
    chosen = get_variable_set("global_48")
    forcings, attributes = sorted(chosen.forcings), sorted(chosen.attribute_names)
    plain = make_plain(forcings, attributes, d=256, layers=4, inner=512)
    state = plain.state_dict()
    assert len(state) == 485
    assert sum(value.numel() for value in state.values()) == 4_770_741
    statistics = dict.fromkeys([*forcings, *attributes], (0.0, 1.0))
    encoder = read(
        write(state),
        forcings="global_48",
        attributes="global_48",
        scaler=statistics,
        window=365,
    )
    ours = sum(value.numel() for value in encoder.module.parameters())
    assert ours == 4_770_741 - 999 * 48  # one row in place of the table of 1000
    assert encoder.scaler.attribute_names == attributes
    assert encoder.units["SWd"] == "W/m2"
    assert encoder.groups == chosen.groups_in(attributes)
    assert encoder.module.config.static_row == 365
    x, c = torch.randn(1, 365, 5), torch.randn(1, 48)
    # In double precision: made-up weights this large make rounding visible in single.
    module, x, c = copy.deepcopy(encoder.module).double(), x.double(), c.double()
    hidden = torch.zeros_like(x) > 0, torch.zeros_like(c) > 0
    compare(module, plain.double(), x, c, *hidden, atol=1e-9)


def compare(module, plain, x, c, x_hidden, c_hidden, atol=1e-5):
    """Features of days and site and both reconstructions; a missing value is like a hidden one."""
    absent = x_hidden | torch.isnan(x), c_hidden | torch.isnan(c)
    features, *expected = plain(x.nan_to_num(), c.nan_to_num(), *absent)
    with torch.no_grad():
        days, site = module.encode(x, c, x_hidden, c_hidden)
        restored = module(x, c, x_hidden, c_hidden)
    torch.testing.assert_close(days, features[:, :-1], atol=atol, rtol=0)
    torch.testing.assert_close(site, features[:, -1], atol=atol, rtol=0)
    for ours, theirs in zip(restored, expected, strict=False):
        torch.testing.assert_close(ours, theirs, atol=atol, rtol=0)


@pytest.mark.parametrize("decoder", ["lstm", "transformer"])
def test_features_and_reconstruction_are_those_of_the_original(write, decoder):
    """Also under masks, for missing values, and with either decoder."""
    plain = make_plain(FORCINGS, ATTRIBUTES, decoder=decoder)
    module = read(write(plain.state_dict())).module
    assert module.config.decoder == decoder
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 30, 3, generator=generator)
    c = torch.randn(5, 4, generator=generator)
    x_hidden = torch.rand(x.shape, generator=generator) < 0.4
    c_hidden = torch.rand(c.shape, generator=generator) < 0.4
    x[0, 3, 1], c[1, 2] = torch.nan, torch.nan
    x_hidden[0, 3, 1] = c_hidden[1, 2] = False
    compare(module, plain, x, c, x_hidden, c_hidden)


def make_panel():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(3, 4)), columns=ATTRIBUTES, index=["a", "b", "c"])
    time = pd.date_range("2001-01-01", periods=30)
    forcing = rng.normal(size=(3, 30, 3)).astype(np.float32)
    return Panel(table, forcing, time=time, forcing_names=FORCINGS)


def test_panels_are_scaled_as_the_original_does(plain, write):
    """By the standard deviation plus 1e-5."""
    panel = make_panel()
    mean, std = np.array(list(STATISTICS.values())).T
    std = std + 1e-5
    x = torch.as_tensor((panel.forcing - mean[:3]) / std[:3], dtype=torch.float32)
    c = torch.as_tensor((panel.attributes.to_numpy() - mean[3:]) / std[3:], dtype=torch.float32)
    features, *_ = plain(x, c, torch.zeros_like(x) > 0, torch.zeros_like(c) > 0)
    days, site = read(write(plain.state_dict())).encode(panel)
    np.testing.assert_allclose(days, features[:, :-1], atol=1e-5)
    np.testing.assert_allclose(site, features[:, -1], atol=1e-5)


def test_an_imported_encoder_is_saved_and_loaded_like_any(plain, write, tmp_path):
    encoder = read(write(plain.state_dict()), units={"P": "mm/d"}, sites=["a"], about={"by": "me"})
    encoder.save(tmp_path / "ours.safetensors")
    again = StefaLandEncoder.load(tmp_path / "ours.safetensors")
    panel = make_panel()
    np.testing.assert_array_equal(again.encode(panel)[0], encoder.encode(panel)[0])
    assert again.units["P"] == "mm/d"
    assert again.sites == ["a"]
    assert again.about["by"] == "me"
    assert again.about["unused"] == [
        "epoch", "epoch_train_loss_list", "epoch_val_loss_list", "optim_state_dict"
    ]  # fmt: skip


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", "pretrained_model."])
def test_wrappers_are_taken_off(plain, tmp_path, prefix):
    bare, wrapped = tmp_path / "bare.pt", tmp_path / "wrapped.pt"
    torch.save(plain.state_dict(), bare)
    torch.save({prefix + name: value for name, value in plain.state_dict().items()}, wrapped)
    expected = read(bare).module.state_dict()
    found = read(wrapped).module.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_reading_draws_no_random_number_and_leaves_the_allowed_globals(plain, write):
    path = write(plain.state_dict())
    allowed, state = set(torch.serialization.get_safe_globals()), torch.get_rng_state()
    read(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert set(torch.serialization.get_safe_globals()) == allowed


def test_a_panel_of_camels_is_read_by_the_global_map(write):
    chosen = get_variable_set("global")
    names = chosen.forcing_names, chosen.attribute_names
    encoder = read(
        write(make_plain(*names).state_dict()),
        forcings="global",
        attributes="global",
        scaler=dict.fromkeys(names[0] + names[1], (10.0, 10.0)),
        variable_map=VARIABLE_MAPS["camels->global"],
    )
    X, _ = make_catchments(n_sites=2, n_years=1, n_regions=1, random_state=0)
    table = encoder.coverage(X).set_index("variable")
    assert table.loc[names[0], "found"].all()
    assert not table.loc[names[1], "found"].any()
    rh = list(names[0]).index("RelHum")
    humidity = encoder.scale(X).forcing[:, :, rh] * 10 + 10
    assert humidity.min() > 0
    assert humidity.max() < 100.1
    days, site = encoder.encode(X)
    assert np.isfinite(days).all()
    assert np.isfinite(site).all()


# --- files that must not be read -------------------------------------------------------------


class Malicious:
    """A pickle of this creates a file when it is opened."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", ["pickle", "new pickle", "torch", "torch_old"])
def test_a_pickle_is_not_executed(plain, tmp_path, how):
    target, path = tmp_path / "created", tmp_path / "model.pt"
    content = {"model_state_dict": plain.state_dict(), "epoch": Malicious(target)}
    if "pickle" in how:
        path.write_bytes(pickle.dumps(content, protocol=2 if how == "pickle" else 4))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(
        CheckpointError, match=r"cannot be read as weights only \((it|In).*was executed"
    ) as caught:
        read(path)
    # torch's own message tells how to read the file in spite of all.
    assert "weights_only" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_refused(plain, write, damage):
    path = write(plain.state_dict())
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(CheckpointError, match="It is damaged, no file of `torch.save`"):
        read(path)


def test_no_file():
    with pytest.raises(FileNotFoundError, match="There is no checkpoint at 'nowhere.pt'"):
        read("nowhere.pt")


@pytest.mark.parametrize("content", [{}, {"weight": torch.zeros(2)}, [torch.zeros(1)], 3])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="is no checkpoint of the original StefaLand"):
        read(tmp_path / "other.pt")


def altered(plain, change):
    state = OrderedDict(plain.state_dict())
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("decoder_norm.bias"), "Missing: decoder_norm.bias"),
        (lambda s: s.update(adapter=torch.zeros(2)), "Left over: adapter"),
        (
            lambda s: s.update({"decoder_norm.bias": torch.zeros(3)}),
            r"decoder_norm.bias has shape \(3,\) in place of \(16,\)",
        ),
        (
            lambda s: s.update(
                {"static_projection.numerical_embeddings2.clay.bias": torch.zeros(2)}
            ),
            r"clay.bias has shape \(2,\) in place of \(1,\)",
        ),
        (
            lambda s: s.update({"encoder_norm.bias": torch.full((16,), torch.nan)}),
            "encoder_norm.bias holds values that are not finite",
        ),
        (lambda s: s.update({"encoder_norm.bias": 3}), "encoder_norm.bias is no tensor of real"),
        (
            lambda s: s.update({"static_embedding.categorical_embeddings1.soil.weight": 0}),
            "has categorical attributes",
        ),
        (
            lambda s: s.pop("encoder.transformer_encoder.layers.0.linear1.weight"),
            "has no matrix 'encoder.transformer_encoder.layers.0.linear1.weight'",
        ),
    ],
)
def test_every_tensor_must_be_there_fit_and_be_used(plain, write, change, message):
    with pytest.raises(CheckpointError, match=message):
        read(write(altered(plain, change)))


# --- names, sizes, statistics ----------------------------------------------------------------


def test_names_must_be_those_of_the_file(plain, write):
    path = write(plain.state_dict())
    with pytest.raises(CheckpointError, match=r"`forcings`.*Not in the file: rain; .*only: P\."):
        read(path, forcings=["rain", "RelHum", "Tmax"])
    with pytest.raises(CheckpointError, match=r"`attributes`.*Not in the file: none; .*: area\."):
        read(path, attributes=["elevation", "clay", "sand"])
    with pytest.raises(
        CheckpointError, match=r"`forcings`.*Not in the file: SWd, Tmin; .*: none\."
    ):
        read(path, forcings="global", attributes="global")


def test_another_order_of_names_is_refused(plain, write):
    """Nothing in the file names the columns of the mask values."""
    with pytest.raises(CheckpointError, match=r"`attributes` stand in another order .*'clay'"):
        read(write(plain.state_dict()), attributes=sorted(ATTRIBUTES))


def test_a_window_must_leave_a_position_for_the_static_token(plain, write):
    path = write(plain.state_dict())
    assert read(path, window=999).module.config.static_row == 999
    with pytest.raises(ValueError, match=r"`window` must lie in \[1, 999\]"):
        read(path, window=1000)
    with pytest.raises(ValueError, match="`d_model` must be divisible"):
        read(path, n_heads=3)


def test_statistics_come_in_several_forms(plain, write, tmp_path):
    path = write(plain.state_dict())
    mean, std = np.array(list(STATISTICS.values())).T
    theirs = {"x_mean": mean[:3], "x_std": std[:3], "c_mean": mean[3:], "c_std": std[3:]}
    (tmp_path / "a.json").write_text(json.dumps(STATISTICS))
    listed = {name: values.tolist() for name, values in theirs.items()}
    (tmp_path / "b.json").write_text(json.dumps(listed))
    frame = pd.DataFrame({"variable": list(STATISTICS), "mean": mean, "std": std})
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "c.csv", index=False)
    ours = PanelScaler(FORCINGS, mean[:3], std[:3] + 1e-5, ATTRIBUTES, mean[3:], std[3:] + 1e-5)
    for scaler in (STATISTICS, theirs, tmp_path / "a.json", str(tmp_path / "b.json"),
                   tmp_path / "c.csv", ours):  # fmt: skip
        found = read(path, scaler=scaler).scaler
        assert found.forcing_names == FORCINGS
        assert found.attribute_names == ATTRIBUTES
        np.testing.assert_allclose([*found.forcing_mean, *found.attribute_mean], mean)
        np.testing.assert_allclose([*found.forcing_std, *found.attribute_std], std + 1e-5)


@pytest.mark.parametrize(
    ("scaler", "message"),
    [
        (None, "The weights alone are of no use.*Got NoneType"),
        ("scaler_global.pkl", "The original's scaler is a pickle"),
        ({"P": (0, 1)}, "no mean and standard deviation of RelHum, Tmax"),
        (STATISTICS | {"clay": (np.nan, 1.0)}, "gives 'clay' the mean nan"),
        (STATISTICS | {"clay": (0.0, -1.0)}, "gives 'clay' .* deviation -0.99999"),
        (
            {"x_mean": [0, 0], "x_std": [1, 1, 1]},
            r"has 2 values of 'x_mean' and 3 of 'x_std' for the 3 variables P, RelHum, Tmax",
        ),
    ],
)
def test_statistics_must_be_whole(plain, write, scaler, message):
    with pytest.raises(ValueError, match=message):
        read(write(plain.state_dict()), scaler=scaler)
