"""What a file that is no checkpoint looks like, told from its first bytes; nothing is unpickled."""

import json
import zipfile

_TORCH = (
    "a file of `torch.save`, which is a pickle and may run any program when it is opened. If it "
    "holds the weights of the original release, read them with `StefaLandEncoder.from_original`, "
    "which executes nothing"
)
_MAGIC = (
    (b"\x89HDF", "an HDF5 or netCDF file"),
    (b"CDF", "a netCDF file"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x93NUMPY", "a numpy array"),
    (b"version https://git-lfs", "a pointer of Git LFS; run `git lfs pull`"),
)
# How pickles of every protocol begin; torch's old format is a pickle that begins with this number.
_PICKLE = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_OLD_TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"


def looks_like(path):
    """Say what a file that cannot be read as safetensors seems to be.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    str
        The end of the sentence "it looks like ...".
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        return "an empty file"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            inside = archive.namelist()
        return _TORCH if any(name.endswith("data.pkl") for name in inside) else "a zip archive"
    if start.startswith(_PICKLE):
        old = start[2:].startswith(_OLD_TORCH)
        return _TORCH if old else "a pickle, which may run any program when it is opened"
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if _is_text(start):
        return f"a text file that begins with {start[:30].decode(errors='replace')!r}"
    announced = _announced_size(path, size)
    if announced is not None and announced > size:
        return f"a truncated safetensors file: {size} bytes of {announced} are there"
    return "no file of a known kind, or a damaged one"


def _is_text(start):
    """Tell whether bytes are printable text (a character may be cut at the end)."""
    text = start.decode("utf-8", errors="ignore")
    whole = len(start) - len(text.encode()) < 4
    return whole and all(sign.isprintable() or sign in "\r\n\t" for sign in text)


def _announced_size(path, size):
    """Give the size that the header of a safetensors file announces, None where it has none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or length > 100_000_000:
            return None
        header = file.read(length)
    if not header.startswith(b'{"'):
        return None
    if len(header) < length:
        return 8 + length
    try:
        tensors = json.loads(header)
        ends = [part["data_offsets"][1] for key, part in tensors.items() if key != "__metadata__"]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return 8 + length + max(ends, default=0)
