"""Weights of others' networks: found here first, downloaded only when allowed, never unpickled."""

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from stefaland_sk._core import CheckpointError, import_optional
from stefaland_sk.encoders._foreign import looks_like

_CONTAINERS = ("state_dict", "model_state", "model_state_dict", "model")
_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


def find_weights(entry, path=None, allow_download=False):
    """Give the file of published weights: a path, the hub's local copy, or a download.

    Parameters
    ----------
    entry : WeightsEntry
        Which weights.
    path : str or Path, default=None
        A file, or a folder that holds the entry's file or only one file of weights. None
        looks for what the hub's client has downloaded before.
    allow_download : bool, default=False
        Whether they may be downloaded where they are not here.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    CheckpointError
        If the weights are not here and may not be downloaded, the hub does not give them,
        a folder does not tell which file is meant, or the file is not the one published.
    ImportError
        If they may be downloaded, and huggingface_hub is not installed.
    """
    file = _fetch(entry, allow_download) if path is None else _find_here(Path(path), entry)
    if entry.sha256:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != entry.sha256:
            raise CheckpointError(
                f"{str(file)!r} is not the file of {entry.name!r} that was published: its SHA-256 "
                f"is {found[:12]}..., not {entry.sha256[:12]}.... Copy it again from its source."
            )
    return file


def _fetch(entry, allow_download):
    """Give the file that the hub's client has, or gets."""
    terms = f"({entry.source}, licence {entry.licence})"
    advice = (
        f"Give the path of {entry.filename!r}, or allow_download=True to fetch it from the Hugging "
        f"Face hub {terms}."
    )
    try:
        hub = import_optional("huggingface_hub", "hub", f"Downloading the weights {terms}")
    except ImportError as error:
        if allow_download:
            raise
        raise CheckpointError(f"The weights of {entry.name!r} are not here. {advice}") from error
    wanted = {"repo_id": entry.source, "filename": entry.filename, "revision": entry.revision}
    try:
        return Path(hub.hf_hub_download(**wanted, local_files_only=True))
    except Exception as error:  # of many kinds, which change with the package's version
        if not allow_download:
            raise CheckpointError(
                f"The weights of {entry.name!r} are not here. {advice}"
            ) from error
    try:
        return Path(hub.hf_hub_download(**wanted))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"The Hugging Face hub did not give the weights of {entry.name!r} {terms}: "
            f"{type(error).__name__}: {reason}. Download {entry.filename!r} elsewhere and give its "
            "path."
        ) from error


def _find_here(path, entry):
    """Give the file that a path of a file or folder means."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"There are no weights of {entry.name!r} at {str(path)!r}.")
    if entry.filename and (path / entry.filename).is_file():
        return path / entry.filename
    files = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS)
    if len(files) != 1:
        found = [file.name for file in files[:5]] or "no file of weights"
        raise CheckpointError(
            f"The folder {str(path)!r} must hold {entry.filename!r}, or only one file of weights. "
            f"It holds {found}. Give the path of the file."
        )
    return files[0]


def read_weights(path):
    """Read the tensors of a file; nothing in it is executed.

    Parameters
    ----------
    path : str or Path
        A safetensors file, or one of `torch.save` that holds tensors only.

    Returns
    -------
    dict of str to Tensor
        The weights, on the CPU; of a file of `torch.save` they stay in the file until they
        are used, where its format permits.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is damaged, or holds something else than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There are no weights at {str(path)!r}.")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{str(path)!r} cannot be read as a safetensors file ({error}): it looks like "
                f"{looks_like(path)}."
            ) from error
    try:
        content = _load_tensors(path)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        found = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
        reason = f"it calls {found[1]}" if found else type(error).__name__
        raise CheckpointError(
            f"{str(path)!r} cannot be read as weights only ({reason}). It is damaged, no file of "
            "`torch.save`, or holds objects that could run a program. Nothing in it was executed."
        ) from error
    while isinstance(content, Mapping):
        inner = [name for name in _CONTAINERS if isinstance(content.get(name), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    tensors = content if isinstance(content, Mapping) else {}
    tensors = {str(k): v for k, v in tensors.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise CheckpointError(f"{str(path)!r} holds no tensors by name.")
    return tensors


def _load_tensors(path):
    """Read what `torch.save` wrote, mapped into memory where its format permits."""
    options = {"map_location": "cpu", "weights_only": True}
    try:
        return torch.load(path, mmap=True, **options)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        return torch.load(path, **options)


def load_weights(module, tensors, where):
    """Put weights into a network; each of its own must be there.

    Parameters
    ----------
    module : Module
        The network. It takes the tensors themselves, so that large ones are not copied.
    tensors : dict of str to Tensor
        Weights by name; those of parts that the network does not have are left.
    where : str or Path
        Where they come from, for messages.

    Raises
    ------
    CheckpointError
        If a weight is missing, or of another shape.
    """
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in tensors]
    odd = [
        f"{name!r} is {tuple(tensors[name].shape)} where {tuple(value.shape)} is expected"
        for name, value in wanted.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if missing or odd:
        problems = [f"{len(missing)} are missing, such as {missing[:3]}"] if missing else []
        raise CheckpointError(
            f"The weights in {str(where)!r} are not those of {type(module).__name__} with this "
            f"configuration: {'; '.join([*problems, *odd[:3]])}. Weights are never loaded in part."
        )
    kept = {name: tensors[name].to(value.dtype) for name, value in wanted.items()}
    module.load_state_dict(kept, strict=True, assign=True)
