"""Where a pretrained model lies: a file, a folder, or a repository of the Hugging Face hub."""

import re
from pathlib import Path

from stefaland_sk._core import CheckpointError, import_optional

_PATTERN = "*.safetensors"


def find_checkpoint(name_or_path):
    """Give the file of a pretrained model, downloaded if need be.

    Parameters
    ----------
    name_or_path : str or Path
        A file, a folder with one ``.safetensors`` file, or ``"owner/name"`` on the hub.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, and the name is none of the hub's.
    CheckpointError
        If a folder does not hold exactly one checkpoint, or the hub does not give it.
    ImportError
        If the package that speaks to the hub is not installed.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        return _only_file(path, f"The folder {str(path)!r}")
    name = str(name_or_path)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name) or name.endswith(".safetensors"):
        raise FileNotFoundError(
            f"There is no checkpoint at {name!r}. Give the path of a file written by "
            "`StefaLandTransformer.save`, of a folder that holds one, or 'owner/name' for a model "
            "on the Hugging Face hub."
        )
    hub = import_optional("huggingface_hub", "hub", f"Downloading {name!r}")
    try:
        folder = hub.snapshot_download(name, allow_patterns=[_PATTERN])
    except Exception as error:  # of many kinds, which change with the package's version
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"{name!r} is no file or folder here, and the Hugging Face hub did not give it "
            f"({type(error).__name__}: {reason}). Check the name and the connection. Without one, "
            "download the .safetensors file elsewhere and give its path."
        ) from error
    return _only_file(Path(folder), f"The repository {name!r} of the hub")


def _only_file(folder, what):
    """Give the only checkpoint of a folder."""
    files = sorted(folder.glob(_PATTERN))
    if len(files) != 1:
        found = "no .safetensors file" if not files else f"several: {[f.name for f in files[:5]]}"
        raise CheckpointError(
            f"{what} must hold exactly one checkpoint, but holds {found}. Give the path of a file."
        )
    return files[0]
