"""Checkpoints: tensors in safetensors format with a JSON header; nothing is unpickled."""

import json
import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import safetensors
import safetensors.torch

from stefaland_sk._core import CheckpointError

_FORMAT = 1
_KEY = "stefaland_sk"


def write_checkpoint(path, tensors, header):
    """Write tensors and a header; a file that exists is replaced in one step.

    Parameters
    ----------
    path : str or Path
        File to write, by custom ending in ``.safetensors``.
    tensors : dict of str to Tensor
        Weights.
    header : dict
        Anything JSON can hold.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {str(path.parent)!r} of the checkpoint does not exist."
        )
    header = {"format": _FORMAT, "versions": library_versions(), **header}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    os.close(handle)
    try:
        safetensors.torch.save_file(tensors, unfinished, metadata={_KEY: json.dumps(header)})
        os.replace(unfinished, path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return path


def read_checkpoint(path):
    """Read tensors and header, or say what is wrong with the file.

    Parameters
    ----------
    path : str or Path
        File written by `write_checkpoint`.

    Returns
    -------
    tensors : dict of str to Tensor
        Weights, on the CPU.
    header : dict
        The header.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is damaged, not a checkpoint of this library, or of an unknown format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint at {str(path)!r}. Give the path of a file written by "
            "`StefaLandTransformer.save`."
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copies: older versions map the file, which may be overwritten while in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} is damaged or not a safetensors file ({error}). Copy it "
            "again from its source."
        ) from error
    if _KEY not in metadata:
        raise CheckpointError(
            f"{str(path)!r} is a safetensors file without a header of this library; it was not "
            "written by `StefaLandTransformer.save`."
        )
    try:
        header = json.loads(metadata[_KEY])
    except json.JSONDecodeError as error:
        header = error
    if not isinstance(header, dict):
        raise CheckpointError(
            f"The header of the checkpoint {str(path)!r} is damaged. Copy it again from its source."
        )
    if header.get("format") != _FORMAT:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} has format {header.get('format')!r}; this version of "
            f"stefaland_sk reads format {_FORMAT}. Install the version that wrote it: "
            f"{header.get('versions', {}).get('stefaland-sk', 'unknown')}."
        )
    return tensors, header


def library_versions():
    """Give the versions of what the weights were made with."""
    found = {"python": platform.python_version()}
    for package in ("stefaland-sk", "torch", "scikit-learn", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
