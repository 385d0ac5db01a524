"""One door to all encoders that are saved: the file says which it is."""

from stefaland_sk._core import CheckpointError
from stefaland_sk.encoders._checkpoint import read_header
from stefaland_sk.encoders._hub import find_checkpoint
from stefaland_sk.encoders._site_embeddings import SiteEmbeddingEncoder
from stefaland_sk.encoders._stefaland import StefaLandEncoder

_KINDS = {"StefaLandEncoder": StefaLandEncoder, "SiteEmbeddingEncoder": SiteEmbeddingEncoder}


def load_encoder(name_or_path):
    """Read an encoder of any kind from a file, a folder or the Hugging Face hub.

    Parameters
    ----------
    name_or_path : str or Path
        A file written by an encoder's `save`, a folder with one such file, or
        ``"owner/name"`` of a model on the hub.

    Returns
    -------
    Encoder
        What the file holds.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, and it is no name of the hub's form.
    CheckpointError
        If the file is not a whole encoder, or the hub does not give it.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from stefaland_sk.encoders import SiteEmbeddingEncoder, load_encoder
    >>> table = pd.DataFrame({"emb_0": [1.0, 2.0]}, index=["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = SiteEmbeddingEncoder(table).save(f"{folder}/table.safetensors")
    ...     encoder = load_encoder(path)
    >>> encoder
    SiteEmbeddingEncoder(d_model=1, 2 sites)
    """
    path = find_checkpoint(name_or_path)
    kind = read_header(path).get("kind")
    if kind not in _KINDS:
        raise CheckpointError(
            f"{str(path)!r} holds a {kind!r}, which is no encoder; an encoder is one of "
            f"{list(_KINDS)}."
        )
    return _KINDS[kind].load(path)
