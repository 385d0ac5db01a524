"""Weights of others' networks: here first, downloads only when allowed, nothing executed."""

import hashlib
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch

from stefaland_sk import CheckpointError
from stefaland_sk.encoders import get_weights_entry
from stefaland_sk.encoders._module_weights import find_weights, load_weights, read_weights

ENTRY = replace(get_weights_entry("terramind_v1_tiny"), filename="model.pt")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub; gives the list of what was asked for, and a switch for what has been fetched."""
    state = SimpleNamespace(asked=[], cached=False, online=True, path=tmp_path / "cached.pt")

    def hf_hub_download(repo_id, filename, revision, local_files_only=False):
        state.asked.append((repo_id, filename, revision, local_files_only))
        if not (state.cached or (state.online and not local_files_only)):
            raise ConnectionError("cannot reach\nthe hub")
        state.cached = True
        return str(state.path)

    fake = SimpleNamespace(hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return state


# ---------------------------------------------------------------------- where they are
def test_a_path_is_never_looked_up_elsewhere(hub, tmp_path):
    (tmp_path / "any.pt").write_text("")
    assert find_weights(ENTRY, tmp_path / "any.pt") == tmp_path / "any.pt"
    assert find_weights(ENTRY, tmp_path) == tmp_path / "any.pt"
    (tmp_path / "other.safetensors").write_text("")
    with pytest.raises(CheckpointError, match=r"'model.pt', or only one file .*\['any.pt', 'oth"):
        find_weights(ENTRY, tmp_path)
    (tmp_path / "model.pt").write_text("")
    assert find_weights(ENTRY, tmp_path) == tmp_path / "model.pt"
    with pytest.raises(FileNotFoundError, match=r"no weights of 'terramind_v1_tiny' at '.*none'"):
        find_weights(ENTRY, tmp_path / "none", allow_download=True)
    assert hub.asked == []


def test_nothing_is_downloaded_unless_it_is_allowed(hub):
    with pytest.raises(
        CheckpointError,
        match=r"'terramind_v1_tiny' are not here.*allow_download=True.*TerraMind-1.0-tiny, licence "
        "Apache",
    ):
        find_weights(ENTRY)
    assert [local for *_, local in hub.asked] == [True]


def test_what_was_downloaded_before_is_found(hub):
    assert find_weights(ENTRY, allow_download=True) == hub.path
    assert find_weights(ENTRY) == hub.path
    assert [local for *_, local in hub.asked] == [True, False, True]
    pinned = replace(ENTRY, revision="1a2b3c")
    find_weights(pinned)
    assert hub.asked[-1][:3] == ("ibm-esa-geospatial/TerraMind-1.0-tiny", "model.pt", "1a2b3c")


def test_another_file_than_the_published_one_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert find_weights(replace(ENTRY, sha256=digest), path) == path
    path.write_bytes(b"others")
    with pytest.raises(CheckpointError, match=r"not the file of 'terramind_v1_tiny' that was pub"):
        find_weights(replace(ENTRY, sha256=digest), path)


def test_a_hub_that_cannot_be_reached(hub):
    hub.online = False
    with pytest.raises(
        CheckpointError,
        match="did not give .*ConnectionError: cannot reach the hub.*'model.pt' els",
    ):
        find_weights(ENTRY, allow_download=True)


def test_downloads_need_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'stefaland-sk\[hub\]'"):
        find_weights(ENTRY, allow_download=True)
    with pytest.raises(CheckpointError, match="are not here"):
        find_weights(ENTRY)


# ---------------------------------------------------------------------- what is in them
class Trap:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("form", ["new", "old", "safetensors", "wrapped"])
def test_tensors_are_read_from_any_form(form, tmp_path):
    state = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2)}
    path = tmp_path / f"x.{'safetensors' if form == 'safetensors' else 'pt'}"
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        content = {"model_state": {"state_dict": state}, "epoch": 3} if form == "wrapped" else state
        torch.save(content, path, _use_new_zipfile_serialization=form != "old")
    tensors = read_weights(path)
    module = torch.nn.Linear(3, 2)
    load_weights(module, tensors, path)
    torch.testing.assert_close(module.weight.detach(), state["weight"])


def test_programs_in_a_file_are_not_run(tmp_path, capsys):
    torch.save({"weight": torch.zeros(1), "trap": Trap()}, tmp_path / "x.pt")
    with pytest.raises(
        CheckpointError, match=r"weights only \(it calls print\)\..*Nothing in it was"
    ):
        read_weights(tmp_path / "x.pt")
    assert "executed" not in capsys.readouterr().out


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights at '.*none\.pt'"):
        read_weights(tmp_path / "none.pt")
    for name in ("x.pt", "x.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(CheckpointError, match="cannot be read as"):
            read_weights(tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(CheckpointError, match="holds no tensors by name"):
        read_weights(tmp_path / "empty.pt")


def test_weights_are_never_loaded_in_part():
    module = torch.nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(CheckpointError, match=r"'x' are not those of Linear .*missing.*\['bias'\]"):
        load_weights(module, {"weight": torch.zeros(2, 3)}, "x")
    with pytest.raises(CheckpointError, match=r"'bias' is \(3,\) where \(2,\) is expected"):
        load_weights(module, {"weight": torch.zeros(2, 3), "bias": torch.zeros(3)}, "x")
    torch.testing.assert_close(module.weight, before)
    load_weights(module, {"weight": torch.zeros(2, 3), "bias": torch.ones(2), "x": before}, "x")
    assert module.bias.sum() == 2
