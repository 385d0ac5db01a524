"""Where a pretrained model is looked for: files, folders, the hub."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from stefaland_sk._core import CheckpointError
from stefaland_sk.encoders import StefaLandEncoder


@pytest.fixture
def folder(encoder, tmp_path):
    """A folder with one checkpoint and something else."""
    (tmp_path / "README.md").write_text("A model.")
    encoder.save(tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def hub(folder, monkeypatch):
    """A hub that has one repository; gives the list of what was asked for."""
    asked = []

    def snapshot_download(name, allow_patterns):
        asked.append((name, allow_patterns))
        if name != "someone/stefaland":
            raise ConnectionError("cannot reach\nthe hub")
        return str(folder)

    fake = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return asked


def test_a_file_a_folder_and_a_name_give_the_same_model(catchments, encoder, folder, hub):
    expected, _ = encoder.encode(catchments)
    for place in (folder / "model.safetensors", folder, str(folder), "someone/stefaland"):
        loaded = StefaLandEncoder.from_pretrained(place)
        np.testing.assert_array_equal(loaded.encode(catchments)[0], expected)
    assert hub == [("someone/stefaland", ["*.safetensors"])]


def test_a_map_of_variables_goes_through(folder):
    with pytest.raises(ValueError, match="names 'rain', which is no variable of the encoder"):
        StefaLandEncoder.from_pretrained(folder, variable_map={"rain": "pr"})


def test_a_hub_that_cannot_be_reached(hub):
    with pytest.raises(
        CheckpointError,
        match=r"'someone/else' is no file .*ConnectionError: cannot reach the hub.*give its path",
    ):
        StefaLandEncoder.from_pretrained("someone/else")


def test_the_hub_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'stefaland-sk\[hub\]'"):
        StefaLandEncoder.from_pretrained("someone/stefaland")


@pytest.mark.parametrize("name", ["nowhere/model.safetensors", "model", "/nowhere/at/all"])
def test_what_is_neither_a_path_nor_a_name(name, hub):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint at .*'owner/name'"):
        StefaLandEncoder.from_pretrained(name)
    assert hub == []


def test_a_folder_holds_exactly_one_checkpoint(folder, tmp_path, encoder):
    encoder.save(folder / "second.safetensors")
    with pytest.raises(CheckpointError, match=r"several: \['model.safetensors', 'second"):
        StefaLandEncoder.from_pretrained(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"The folder .*empty' must hold .* no .safetensors"):
        StefaLandEncoder.from_pretrained(tmp_path / "empty")
