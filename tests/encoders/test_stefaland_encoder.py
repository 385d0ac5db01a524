"""The pretrained encoder: windows of long records, coverage, checkpoints and their damage."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from stefaland_sk import Panel, StefaLandTransformer
from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.data import find_segments
from stefaland_sk.datasets import make_catchments
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.encoders._stefaland import _chunks

WINDOW = 60


@pytest.fixture(scope="module")
def catchments():
    return make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)[0]


@pytest.fixture(scope="module")
def encoder(catchments):
    sizes = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_feedforward": 8, "d_embedding": 4}
    model = StefaLandTransformer(window=WINDOW, max_epochs=1, random_state=0, **sizes)
    return model.fit(catchments).encoder_


def with_forcing(panel, forcing):
    return Panel(
        panel.attributes,
        forcing,
        time=panel.time,
        forcing_names=panel.forcing_names,
        units=panel.units,
    )


# ---------------------------------------------------------------------- long records
@pytest.mark.parametrize("n_times", [1, 5, 59, 60, 61, 89, 90, 91, 200, 365])
@pytest.mark.parametrize("window", [1, 2, 7, 60])
def test_chunks_hold_each_day_once_with_half_a_window_of_past(n_times, window):
    present = np.ones((2, n_times), dtype=bool)
    present[1, n_times // 2] = False
    counts = np.zeros(present.shape, dtype=int)
    runs = find_segments(present)
    begins = dict.fromkeys(zip(runs.site, runs.start, strict=True), True)
    for site, start, length, fresh in _chunks(runs, window):
        assert length <= window
        assert present[site, start : start + length].all()  # inside one segment
        counts[site, fresh : start + length] += 1
        if (site, start) not in begins:
            assert fresh - start >= window // 2
    np.testing.assert_array_equal(counts, present)


def test_features_are_those_of_the_first_window_that_holds_the_day(catchments, encoder):
    days, _ = encoder.encode(catchments)
    first, _ = encoder.encode(catchments.sel_time(catchments.time[0], catchments.time[WINDOW - 1]))
    np.testing.assert_allclose(days[:, :WINDOW], first, atol=1e-5)
    half = WINDOW // 2
    part = catchments.sel_time(catchments.time[half], catchments.time[half + WINDOW - 1])
    second, _ = encoder.encode(part)
    np.testing.assert_allclose(days[:, WINDOW : WINDOW + half], second[:, half:], atol=1e-5)


def test_days_without_forcing_have_no_features(catchments, encoder):
    forcing = catchments.forcing.copy()
    forcing[1, 100:120] = np.nan
    forcing[2] = np.nan
    days, site = encoder.encode(with_forcing(catchments, forcing))
    missing = np.isnan(days).all(axis=2)
    assert missing[1, 100:120].all()
    assert missing[2].all()
    assert missing.sum() == 20 + 365
    assert np.isfinite(site).all()  # the attributes alone serve where there is no forcing


def test_days_with_other_variables_only_get_mask_tokens(catchments, encoder):
    forcing = catchments.forcing.copy()
    forcing[1, 100:120] = np.nan
    extra = np.ones((*forcing.shape[:2], 1), dtype=np.float32)
    wider = Panel(
        catchments.attributes,
        np.concatenate([forcing, extra], axis=2),
        time=catchments.time,
        forcing_names=[*catchments.forcing_names, "wind"],
    )
    days, _ = encoder.encode(wider)
    assert np.isfinite(days).all()


def test_the_static_token_is_averaged_over_windows(catchments, encoder):
    short = catchments.sel_time(None, catchments.time[WINDOW + WINDOW // 2 - 1])
    pieces = [
        short.sel_time(None, short.time[WINDOW - 1]),
        short.sel_time(short.time[WINDOW // 2], None),
    ]
    expected = np.mean([encoder.encode(piece)[1] for piece in pieces], axis=0)
    np.testing.assert_allclose(encoder.encode(short)[1], expected, atol=1e-5)


def test_half_precision_and_sites_only(catchments, encoder):
    days, site = encoder.encode(catchments, dtype=np.float16)
    assert days.dtype == np.float16
    none, alone = encoder.encode(catchments, days=False)
    assert none is None
    np.testing.assert_array_equal(alone, site)


def test_many_sites_are_encoded_in_lots(catchments, encoder, monkeypatch):
    whole, site = encoder.encode(catchments)
    monkeypatch.setattr("stefaland_sk.encoders._stefaland._WINDOWS_AT_ONCE", 2)
    parts, alone = encoder.encode(catchments)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    np.testing.assert_allclose(alone, site, atol=1e-5)


# ---------------------------------------------------------------------- coverage
def test_coverage_tells_what_is_found(catchments, encoder):
    table = encoder.coverage(catchments.keep_variables(forcings=["prcp"]))
    assert table["found"].sum() == 1 + 26
    row = table.set_index("variable").loc["prcp"]
    assert (row["role"], row["unit_encoder"], row["unit_panel"]) == ("forcing", "mm/d", "mm/d")


def test_coverage_is_checked_in_words(catchments, encoder):
    few = catchments.keep_variables(forcings=["prcp"])
    with pytest.raises(CheckpointError, match=r"X has 1 of the 6 forcing.*Rename X's variables"):
        encoder.check_coverage(few, 0.5)
    with pytest.warns(DataWarning, match="X lacks 5 of the 32 variables"):
        encoder.check_coverage(few, 0.1)
    with pytest.raises(CheckpointError, match=r"'tmax' in degC, but X has it in K"):
        encoder.check_coverage(catchments.assign(units={"tmax": "K"}), 0.5)


# ---------------------------------------------------------------------- checkpoints
@pytest.fixture
def checkpoint(encoder, tmp_path):
    return encoder.save(tmp_path / "encoder.safetensors")


def rewrite(path, **changes):
    """Write the checkpoint again with another header."""
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["stefaland_sk"])
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    header |= changes
    header = {name: value for name, value in header.items() if value is not ...}
    safetensors.torch.save_file(tensors, path, metadata={"stefaland_sk": json.dumps(header)})


def test_a_checkpoint_gives_everything_back(catchments, encoder, checkpoint):
    loaded = StefaLandEncoder.load(checkpoint)
    for one, two in zip(loaded.encode(catchments), encoder.encode(catchments), strict=True):
        np.testing.assert_array_equal(one, two)
    for name in ("window", "units", "groups", "sites", "period", "about"):
        assert getattr(loaded, name) == getattr(encoder, name), name
    assert loaded.scaler.to_dict() == encoder.scaler.to_dict()
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())


def test_the_header_is_readable_json(checkpoint):
    with safetensors.safe_open(checkpoint, framework="pt") as file:
        header = json.loads(file.metadata()["stefaland_sk"])
    assert header["format"] == 1
    assert header["versions"].keys() >= {"stefaland-sk", "torch", "python"}
    assert header["sites"][0] == "00000001"


def test_loading_leaves_the_random_state(checkpoint):
    before = torch.random.get_rng_state()
    StefaLandEncoder.load(checkpoint)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_saving_replaces_a_file_in_one_step(encoder, checkpoint):
    checkpoint.write_bytes(b"old")
    encoder.save(checkpoint)
    assert StefaLandEncoder.load(checkpoint).d_model == 8
    assert [path.name for path in checkpoint.parent.iterdir()] == ["encoder.safetensors"]


def test_saving_into_a_folder_that_is_not_there(encoder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"The folder .*nowhere.* does not exist"):
        encoder.save(tmp_path / "nowhere" / "encoder.safetensors")


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*none.safetensors"):
        StefaLandEncoder.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_checkpoint(checkpoint, share):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"damaged or not a safetensors file.*Copy it again"):
        StefaLandEncoder.load(checkpoint)


def test_a_damaged_header(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    content[:8] = b"\xff" * 8
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged or not a safetensors file"):
        StefaLandEncoder.load(checkpoint)


def test_a_pickle_is_not_read(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="damaged or not a safetensors file"):
        StefaLandEncoder.load(path)


def test_a_foreign_safetensors_file(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"without a header of this library"):
        StefaLandEncoder.load(path)


def test_an_unknown_format(checkpoint):
    rewrite(checkpoint, format=99)
    with pytest.raises(CheckpointError, match=r"has format 99; .* reads format 1. Install"):
        StefaLandEncoder.load(checkpoint)


@pytest.mark.parametrize("lost", ["config", "scaler", "window", "sites"])
def test_a_header_without_a_part(checkpoint, lost):
    rewrite(checkpoint, **{lost: ...})
    with pytest.raises(CheckpointError, match=rf"does not hold a whole encoder.*{lost}"):
        StefaLandEncoder.load(checkpoint)


def test_weights_of_another_size(encoder, checkpoint):
    rewrite(checkpoint, config={**encoder.module.config.to_dict(), "d_model": 16})
    with pytest.raises(CheckpointError, match=r"does not hold a whole encoder.*size mismatch"):
        StefaLandEncoder.load(checkpoint)


def test_a_header_that_is_no_json(checkpoint):
    with safetensors.safe_open(checkpoint, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    for text in ("{", "[1]"):
        safetensors.torch.save_file(tensors, checkpoint, metadata={"stefaland_sk": text})
        with pytest.raises(CheckpointError, match="header of the checkpoint .* damaged"):
            StefaLandEncoder.load(checkpoint)


def test_scales_of_another_length(encoder, checkpoint):
    scaler = encoder.scaler.to_dict()
    rewrite(checkpoint, scaler={**scaler, "forcing_mean": scaler["forcing_mean"][:2]})
    with pytest.raises(CheckpointError, match="forcing_mean have 2 values for 6 variables"):
        StefaLandEncoder.load(checkpoint)
