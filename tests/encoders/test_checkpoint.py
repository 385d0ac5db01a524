"""Checkpoints: what is written comes back; what is damaged, changed or foreign is named."""

import gzip
import json
import pickle
import zipfile

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import stefaland_sk
from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.encoders import StefaLandEncoder, _checkpoint
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint


@pytest.fixture
def checkpoint(encoder, tmp_path):
    return encoder.save(tmp_path / "encoder.safetensors")


def parts(path):
    """The tensors and the metadata of a safetensors file."""
    with safetensors.safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        return tensors, file.metadata()


def rewrite(path, tensors=None, **changes):
    """Write the checkpoint again, digests included, with other tensors or another header."""
    old, metadata = parts(path)
    header = {**json.loads(metadata["stefaland_sk"]), **changes}
    for name in ("tensors_sha256", *(name for name, value in changes.items() if value is ...)):
        del header[name]
    write_checkpoint(path, old if tensors is None else tensors, header)


# ---------------------------------------------------------------------- writing and reading
def test_a_checkpoint_gives_everything_back(catchments, encoder, checkpoint):
    loaded = StefaLandEncoder.load(checkpoint)
    for one, two in zip(loaded.encode(catchments), encoder.encode(catchments), strict=True):
        np.testing.assert_array_equal(one, two)
    for name in ("window", "units", "groups", "sites", "period", "about", "training", "digest"):
        assert getattr(loaded, name) == getattr(encoder, name), name
    assert loaded.scaler.to_dict() == encoder.scaler.to_dict()
    assert loaded.module.config == encoder.module.config
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())


def test_the_decoder_comes_back_too(encoder, checkpoint):
    loaded = StefaLandEncoder.load(checkpoint)
    x, c = torch.randn(2, 9, 6), torch.randn(2, 26)
    for one, two in zip(loaded.module(x, c), encoder.module(x, c), strict=True):
        if isinstance(one, torch.Tensor):
            assert torch.equal(one, two)


def test_the_header_is_readable_json(encoder, tmp_path):
    path = encoder.save(
        tmp_path / "x.safetensors", about={"licence": "CC-BY-4.0", "citation": "Someone (2026)"}
    )
    header = json.loads(parts(path)[1]["stefaland_sk"])
    assert header["format"] == 2
    assert header["kind"] == "StefaLandEncoder"
    assert header["versions"].keys() >= {"torch", "python"}
    # Also where the library is run without having been installed.
    assert header["versions"]["stefaland-sk"] == stefaland_sk.__version__
    assert header["sites"][0] == "00000001"
    assert header["about"]["licence"] == "CC-BY-4.0"
    assert StefaLandEncoder.load(path).about["citation"] == "Someone (2026)"
    assert "licence" not in encoder.about


def test_any_tensors_and_any_header_come_back(tmp_path):
    base = torch.arange(12.0)
    tensors = {
        "a": base[:6].view(2, 3),
        "b": base[3:9],  # shares memory with a
        "half": torch.ones(3, dtype=torch.bfloat16),
        "state": torch.random.get_rng_state(),
        "step": torch.tensor(7),
        "none": torch.empty(0, 4),
        "flags": torch.tensor([True, False]),
        "turned": torch.randn(3, 4).T,
    }
    path = write_checkpoint(tmp_path / "x.safetensors", tensors, {"kind": "a", "epoch": 3})
    read, header = read_checkpoint(path, kind="a")
    assert header["epoch"] == 3
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(read[name], value), name
        assert read[name].dtype == value.dtype


def test_loading_leaves_the_random_state(checkpoint):
    before = torch.random.get_rng_state()
    StefaLandEncoder.load(checkpoint)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_saving_replaces_a_file_in_one_step(encoder, checkpoint):
    checkpoint.write_bytes(b"old")
    encoder.save(checkpoint)
    assert StefaLandEncoder.load(checkpoint).d_model == 8
    assert [path.name for path in checkpoint.parent.iterdir()] == ["encoder.safetensors"]


def test_a_failure_while_writing_leaves_the_old_file(encoder, checkpoint, monkeypatch):
    old = checkpoint.read_bytes()

    def broken(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(_checkpoint.os, "fsync", broken)
    with pytest.raises(OSError, match="No space left"):
        encoder.save(checkpoint)
    assert checkpoint.read_bytes() == old
    assert [path.name for path in checkpoint.parent.iterdir()] == ["encoder.safetensors"]


def test_saving_into_a_folder_that_is_not_there(encoder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"The folder .*nowhere.* does not exist"):
        encoder.save(tmp_path / "nowhere" / "encoder.safetensors")


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*none.safetensors"):
        StefaLandEncoder.load(tmp_path / "none.safetensors")


# ---------------------------------------------------------------------- damage
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_checkpoint(checkpoint, share):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    message = rf"a truncated safetensors file: {int(share * len(content))} bytes of \d+ are there"
    with pytest.raises(CheckpointError, match=message):
        StefaLandEncoder.load(checkpoint)


def test_a_header_changed_by_hand(checkpoint):
    content = checkpoint.read_bytes()
    # Of the same length, so that safetensors notices nothing.
    changed = content.replace(rb"\"prcp\": \"mm/d\"", rb"\"prcp\": \"cm/d\"")
    assert changed != content
    checkpoint.write_bytes(changed)
    with pytest.raises(CheckpointError, match=r"header of .* was changed after it was written"):
        StefaLandEncoder.load(checkpoint)


def test_weights_changed_by_hand(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    content[-10] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights in .* are not those it was written with"):
        StefaLandEncoder.load(checkpoint)


def test_weights_of_another_checkpoint(checkpoint):
    tensors, metadata = parts(checkpoint)
    safetensors.torch.save_file({n: t + 1 for n, t in tensors.items()}, checkpoint, metadata)
    with pytest.raises(CheckpointError, match=r"weights in .* are not those"):
        StefaLandEncoder.load(checkpoint)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_header_that_is_no_json(checkpoint, text):
    tensors, metadata = parts(checkpoint)
    safetensors.torch.save_file(tensors, checkpoint, {**metadata, "stefaland_sk": text})
    with pytest.raises(CheckpointError, match="header of the checkpoint .* damaged"):
        StefaLandEncoder.load(checkpoint)


# ---------------------------------------------------------------------- foreign files
class Bomb:
    """Whoever unpickles this fails the test."""

    def __reduce__(self):
        return pytest.fail, ("the file was unpickled",)


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_of_torch_are_not_opened(tmp_path, zipped):
    path = tmp_path / "StefaLandGlobal20.safetensors"
    torch.save({"a": Bomb()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError,
        match=r"looks like a file of `torch.save`, which .*`StefaLandEncoder.from_original`",
    ):
        StefaLandEncoder.load(path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_is_not_opened(tmp_path, protocol):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(), protocol))
    with pytest.raises(CheckpointError, match="looks like a pickle, which may run any program"):
        StefaLandEncoder.load(path)


def test_an_archive_is_named(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.safetensors", "?")
    with pytest.raises(CheckpointError, match="looks like a zip archive"):
        StefaLandEncoder.load(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><title>Not found</title>", "a text file that begins with '<!DOCTYPE"),
        ('{"é": 1}'.encode() * 500, "a text file that begins with"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS; run `git"),
        (gzip.compress(b"weights", mtime=0), "a gzip archive; unpack it first"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 or netCDF file"),
        (b"CDF\x01" + bytes(100), "a netCDF file"),
        (b"\x93NUMPY\x01\x00" + bytes(100), "a numpy array"),
        (bytes(range(256)), "no file of a known kind, or a damaged one"),
        (b"\xff" * 300, "no file of a known kind, or a damaged one"),
        ((20).to_bytes(8, "little") + b'{"a": {"b": [1, 2]}}', "no file of a known kind"),
    ],
)
def test_other_files_are_named(tmp_path, content, kind):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"cannot be read as .*it looks like {kind}"):
        StefaLandEncoder.load(path)


def test_a_foreign_safetensors_file(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"without a header of this library"):
        StefaLandEncoder.load(path)


def test_an_unknown_format(checkpoint):
    rewrite(checkpoint, format=99, versions={"stefaland-sk": "7.1"})
    with pytest.raises(CheckpointError, match=r"has format 99; .* reads format 2. Install .*: 7.1"):
        StefaLandEncoder.load(checkpoint)
    rewrite(checkpoint, format=1, versions=None)
    with pytest.raises(CheckpointError, match=r"has format 1; .*: unknown"):
        StefaLandEncoder.load(checkpoint)


def test_a_checkpoint_of_another_kind(tmp_path):
    path = write_checkpoint(tmp_path / "x.safetensors", {}, {"kind": "unfinished training"})
    with pytest.raises(CheckpointError, match=r"holds a 'unfinished training', but a 'StefaLandEn"):
        StefaLandEncoder.load(path)


def test_a_file_of_a_later_major_version_warns(checkpoint):
    rewrite(checkpoint, versions={"stefaland-sk": "99.0"})
    with pytest.warns(DataWarning, match=r"written by stefaland-sk 99.0, a later major version"):
        StefaLandEncoder.load(checkpoint)


# ---------------------------------------------------------------------- parts of an encoder
@pytest.mark.parametrize("lost", ["config", "scaler", "window", "sites", "places", "training"])
def test_a_header_without_a_part(checkpoint, lost):
    rewrite(checkpoint, **{lost: ...})
    with pytest.raises(CheckpointError, match=rf"does not hold a whole encoder: '{lost}' is miss"):
        StefaLandEncoder.load(checkpoint)


def test_scales_of_another_length(encoder, checkpoint):
    scaler = encoder.scaler.to_dict()
    rewrite(checkpoint, scaler={**scaler, "forcing_mean": scaler["forcing_mean"][:2]})
    with pytest.raises(CheckpointError, match="forcing_mean have 2 values for 6 variables"):
        StefaLandEncoder.load(checkpoint)


def test_weights_of_another_size(encoder, checkpoint):
    rewrite(checkpoint, config={**encoder.module.config.to_dict(), "d_model": 16})
    with pytest.raises(
        CheckpointError,
        match=r"does not hold a whole encoder: .*'.*' is float32 of shape .* asks for float32 of",
    ):
        StefaLandEncoder.load(checkpoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {n: v for n, v in t.items() if "heads" not in n}, r"missing: 8 tensors, such"),
        (lambda t: {**t, "head.bias": torch.zeros(2)}, r"unexpected: \['head.bias'\]"),
        (lambda t: {n: v.double() for n, v in t.items()}, "is float64 of shape .* asks for float3"),
        (lambda t: {n: v / 0 for n, v in t.items()}, r"\d+ values that are NaN or infinite"),
    ],
)
def test_weights_are_never_loaded_in_part(checkpoint, change, message):
    rewrite(checkpoint, tensors=change(parts(checkpoint)[0]))
    with pytest.raises(CheckpointError, match=rf"{message}.*never loaded in part"):
        StefaLandEncoder.load(checkpoint)
