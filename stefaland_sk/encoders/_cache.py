"""Features kept between calls, in memory or on disk, keyed by what they were computed from."""

import hashlib
import os
import threading
import time
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from stefaland_sk._core import DataWarning, check_number, check_option
from stefaland_sk.encoders._checkpoint import replaced_in_one_step

_ENDING = ".features"
_ABANDONED = 3600  # seconds after which a file that was never finished is removed
_DIGEST_SIZE = 16
_GIB = 2**30


class FeatureCache:
    """Features of sites, kept so that a frozen encoder reads the same record only once.

    An entry belongs to one site. Its key is a digest of the encoder's weights, of the
    site's scaled inputs and of the options, so that nothing stale is ever given: other
    data, another model or another period has another key.

    Parameters
    ----------
    location : str or Path, default=None
        Folder of the entries, made if need be; several processes may share it. None
        keeps them in the memory of this process.
    max_gib : float, default=2.0
        Size that is not exceeded [GiB]; the oldest entries go first.
    dtype : {"float32", "float16"}, default="float32"
        How the features of the days are kept. "float16" halves the size; all features
        that pass the cache are then rounded, the first time too.

    Attributes
    ----------
    hits, misses : int
        How many sites were found, and not found, by this object.

    See Also
    --------
    StefaLandEncoder.encode : Takes a cache.

    Examples
    --------
    >>> from stefaland_sk import StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1, random_state=0).fit(X).encoder_
    >>> cache = FeatureCache()
    >>> for _ in range(2):
    ...     days, site = encoder.encode(X, cache=cache)
    >>> cache.hits, cache.misses
    (4, 4)
    """

    def __init__(self, location=None, max_gib=2.0, dtype="float32"):
        check_number("max_gib", max_gib, low=0, open_low=True)
        check_option("dtype", dtype, ["float32", "float16"])
        self.location = None if location is None else Path(location)
        self.max_gib = max_gib
        self.dtype = dtype
        if self.location is not None:
            self.location.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._forget()

    def _forget(self):
        """Start with nothing known of any entry."""
        self.hits = self.misses = 0
        self._entries = OrderedDict()  # key -> bytes, oldest first; empty with a location
        self._size = None if self.location else 0  # bytes; None: the folder is not looked at yet

    def __repr__(self):
        location = None if self.location is None else str(self.location)
        return f"FeatureCache(location={location!r}, max_gib={self.max_gib}, dtype={self.dtype!r})"

    # An estimator's clone shares the cache; another process shares the folder, if there is one.
    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return FeatureCache, (self.location, self.max_gib, self.dtype)

    def __len__(self):
        return len(self._entries) if self.location is None else len(self._files())

    @property
    def nbytes(self):
        """Bytes of all entries."""
        with self._lock:
            return self._size if self.location is None else sum(f[1] for f in self._files())

    def clear(self):
        """Remove all entries and set the counts to zero."""
        with self._lock:
            for _, _, path in self._files() if self.location else ():
                path.unlink(missing_ok=True)
            self._forget()

    def get(self, key, days=True):
        """Look up one site.

        Parameters
        ----------
        key : str
            Digest of what the features are computed from.
        days : bool, default=True
            Whether the features of the days are wanted; an entry without them is none then.

        Returns
        -------
        tuple or None
            Features of the days (None if there are none or they are not wanted) and of
            the site; None if there is no such entry, or a damaged one.

        Warns
        -----
        DataWarning
            If an entry on disk is damaged; it is removed.
        """
        entry = self._read(key)
        if entry is not None and days and "days" not in entry:
            entry = None
        with self._lock:
            self.hits += entry is not None
            self.misses += entry is None
        return None if entry is None else (entry["days"] if days else None, entry["site"])

    def put(self, key, days, site):
        """Keep one site.

        Parameters
        ----------
        key : str
            Digest of what the features are computed from.
        days : ndarray of shape (n_times, d_model), or None
            Features of the days.
        site : ndarray of shape (d_model,)
            Features of the static token.

        Returns
        -------
        days, site : ndarray
            What `get` will give: the days as they are kept.
        """
        arrays = {"site": np.ascontiguousarray(site, dtype=np.float32)}
        if days is not None:
            arrays["days"] = np.ascontiguousarray(days, dtype=self.dtype)
        content = safetensors.numpy.save(arrays)
        content = _digest(content) + content
        if len(content) <= self.max_gib * _GIB:
            self._write(key, content)
        return arrays.get("days"), arrays["site"]

    # ------------------------------------------------------------------ the two stores
    def _read(self, key):
        """Give the arrays of an entry; None if there is none that is whole."""
        if self.location is None:
            with self._lock:
                content = self._entries.get(key)
            return None if content is None else safetensors.numpy.load(content[_DIGEST_SIZE:])
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        if content[:_DIGEST_SIZE] != _digest(content[_DIGEST_SIZE:]):
            warnings.warn(
                f"The cached features in {str(path)!r} are damaged; they are removed and computed "
                "anew.",
                DataWarning,
                stacklevel=2,
            )
            path.unlink(missing_ok=True)
            return None
        return safetensors.numpy.load(content[_DIGEST_SIZE:])

    def _write(self, key, content):
        """Store an entry and let the oldest ones go where there are too many."""
        with self._lock:
            if self.location is None:
                self._size += len(content) - len(self._entries.pop(key, b""))
                self._entries[key] = content
                while self._size > self.max_gib * _GIB:
                    self._size -= len(self._entries.popitem(last=False)[1])
                return
            with replaced_in_one_step(self._path(key)) as file:
                file.write(content)
            if self._size is not None:
                self._size += len(content)
            if self._size is None or self._size > self.max_gib * _GIB:
                self._make_room()

    def _make_room(self):
        """Remove the oldest files until the bound is kept, and some more."""
        files = sorted(self._files())
        self._size = sum(size for _, size, _ in files)
        if self._size <= self.max_gib * _GIB:
            return
        for _, size, path in files[:-1]:  # the youngest is the one just written
            path.unlink(missing_ok=True)
            self._size -= size
            if self._size <= 0.9 * self.max_gib * _GIB:  # so that not every entry needs a look
                break

    def _files(self):
        """List (time written, size, path) of all entries; remove what was never finished."""
        found, abandoned = [], time.time() - _ABANDONED
        with os.scandir(self.location) as entries:
            for entry in entries:
                try:
                    state = entry.stat()
                except FileNotFoundError:  # removed by another process meanwhile
                    continue
                if entry.name.endswith(_ENDING):
                    found.append((state.st_mtime_ns, state.st_size, Path(entry.path)))
                elif entry.name.endswith(".unfinished") and state.st_mtime < abandoned:
                    Path(entry.path).unlink(missing_ok=True)
        return found

    def _path(self, key):
        """File of an entry."""
        return self.location / f"{key}{_ENDING}"


def as_cache(cache):
    """Turn what a user gives for a cache into one.

    Parameters
    ----------
    cache : FeatureCache, str, Path or None
        A cache, or the folder of one.

    Returns
    -------
    FeatureCache or None
        The cache.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if cache is None or isinstance(cache, FeatureCache):
        return cache
    if isinstance(cache, str | os.PathLike):
        return FeatureCache(cache)
    raise TypeError(f"`cache` must be a FeatureCache, the path of a folder or None. Got {cache!r}.")


def make_key(*parts):
    """Compute the key of an entry.

    Parameters
    ----------
    *parts : str or ndarray
        All that the features depend on.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part))
        else:
            digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


def _digest(content):
    """Short digest that tells whether an entry is whole."""
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()
