"""Checkpoints: tensors in safetensors format with a JSON header; nothing is unpickled."""

import hashlib
import json
import os
import platform
import uuid
import warnings
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.encoders._foreign import looks_like

_FORMAT = 2
_KEY, _DIGEST_KEY = "stefaland_sk", "stefaland_sk_sha256"
_PACKAGE = "stefaland-sk"


def write_checkpoint(path, tensors, header):
    """Write tensors and a header; a file that exists is replaced in one step.

    Digests of the tensors and of the header go into the file, so that `read_checkpoint`
    notices any change.

    Parameters
    ----------
    path : str or Path
        File to write, by custom ending in ``.safetensors``.
    tensors : dict of str to Tensor
        Weights, or anything else that a training needs.
    header : dict
        Anything JSON can hold. Its "kind" says what the file is.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {str(path.parent)!r} of the checkpoint does not exist."
        )
    # Copies: views of one storage, as weights are held here, are not legal in safetensors.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    header = {
        "format": _FORMAT,
        "versions": library_versions(),
        "tensors_sha256": tensors_digest(tensors),
        **header,
    }
    text = json.dumps(header)
    metadata = {_KEY: text, _DIGEST_KEY: _sha256(text)}
    with replaced_in_one_step(path) as file:
        file.write(safetensors.torch.save(tensors, metadata))
        file.flush()
        os.fsync(file.fileno())  # whole on disk before it takes the old one's place
    return path


@contextmanager
def replaced_in_one_step(path):
    """Give a file to write; it takes the place of `path` when it is whole, or never.

    Parameters
    ----------
    path : Path
        The file that is to be there in the end.

    Yields
    ------
    file
        An open binary file in the same folder, of another name.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.unfinished")
    try:
        with unfinished.open("xb") as file:
            yield file
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_checkpoint(path, kind=None):
    """Read tensors and header, or say what is wrong with the file.

    Parameters
    ----------
    path : str or Path
        File written by `write_checkpoint`.
    kind : str, default=None
        What the file must be, by its header's "kind"; None takes any.

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
        If the file is damaged or was changed, is not a checkpoint of this library, of an
        unknown format or of another kind.

    Warns
    -----
    DataWarning
        If a later major version of the library wrote the file.
    """
    path = _existing(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copies: older versions map the file, which may be overwritten while in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    header = _checked_header(path, metadata)
    if header.get("tensors_sha256") != tensors_digest(tensors):
        raise CheckpointError(
            f"The weights in {str(path)!r} are not those it was written with: their digest "
            "differs from the header's. Copy it again from its source."
        )
    if kind is not None and header.get("kind") != kind:
        raise CheckpointError(
            f"{str(path)!r} holds a {header.get('kind')!r}, but a {kind!r} is wanted here."
        )
    _warn_of_later_version(path, header)
    return tensors, header


def read_header(path):
    """Read what a checkpoint says of itself, without its tensors.

    Parameters
    ----------
    path : str or Path
        File written by `write_checkpoint`.

    Returns
    -------
    dict
        The header.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file or its header is damaged, or is not a checkpoint of this library.
    """
    path = _existing(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    return _checked_header(path, metadata)


def _existing(path):
    """Give the path of a file that is there."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint at {str(path)!r}. Give the path of a file written by "
            "`StefaLandTransformer.save`."
        )
    return path


def _unreadable(path, error):
    """Make the error of a file that is not in safetensors format."""
    return CheckpointError(
        f"{str(path)!r} cannot be read as a safetensors file ({error}): it looks like "
        f"{looks_like(path)}. Copy the checkpoint again from its source."
    )


def _checked_header(path, metadata):
    """Parse the header; compare its format and its digest."""
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
            f"{_writer(header)}."
        )
    if metadata.get(_DIGEST_KEY) != _sha256(metadata[_KEY]):
        raise CheckpointError(
            f"The header of the checkpoint {str(path)!r} was changed after it was written: it no "
            "longer agrees with its digest. Copy it again from its source; to change units or "
            "remarks, load the model, change them there and save it."
        )
    return header


def _writer(header):
    """Give the version of this library that wrote a file, as text."""
    versions = header.get("versions")
    return str(versions.get(_PACKAGE, "unknown")) if isinstance(versions, dict) else "unknown"


def _warn_of_later_version(path, header):
    """Warn if a later major version wrote the file: it may mean something new by old words."""
    there, here = _writer(header), library_versions()[_PACKAGE]
    numbers = [text.partition(".")[0] for text in (there, here)]
    if all(number.isdigit() for number in numbers) and int(numbers[0]) > int(numbers[1]):
        warnings.warn(
            f"The checkpoint {str(path)!r} was written by stefaland-sk {there}, a later major "
            f"version than the one installed ({here}); its features may differ. Update the "
            "library.",
            DataWarning,
            stacklevel=4,
        )


def tensors_digest(tensors):
    """Compute the SHA-256 of names, types, shapes and values, whatever the order of the names.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Any tensors on the CPU.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach()
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        if value.numel():
            digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def library_versions():
    """Give the versions of what the weights were made with.

    Returns
    -------
    dict of str to str
        Version of Python and of each package.
    """
    from stefaland_sk import __version__  # the root is above this layer

    found = {"python": platform.python_version(), _PACKAGE: __version__}
    for package in ("torch", "scikit-learn", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _sha256(text):
    """SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
