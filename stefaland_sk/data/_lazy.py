"""Forcing that stays in its file: the part that is asked for is read, chunk by chunk."""

import copy
import os
from itertools import pairwise

import numpy as np

_MIB = 2**20
# Forcing (all variables, float32) of the sites that are looked at together: so much as a rule, and
# so much at most where less would decode a chunk more than once.
BLOCK_BYTES = 16 * _MIB
_LARGEST_BLOCK = 256 * _MIB
# The same of one variable as it is decoded, which is done in float64.
_SLAB_BYTES = 8 * _MIB
_LARGEST_SLAB = 64 * _MIB


class LazyForcing:
    """Forcing of a panel that is read where it is asked for.

    It has the shape and the dtype of an array, but none of its operators: `read` gives an
    array, `view` a part that is still to be read. Pickled, it carries what xarray needs to open the
    file again, not the values.

    Parameters
    ----------
    variables : sequence of xarray.Variable
        One per forcing variable, in the order of the last axis, each on both dimensions in
        any order. Their data may be those of an open file or of dask.
    dims : tuple of two str
        Names of the dimensions of the sites and of the times.
    path : str, default=None
        The file or folder that the values come from, if it is known.

    Attributes
    ----------
    site_chunk : int
        Sites that are stored together and so are read together; 1 where that is not known.
    keeps_chunks : bool
        Whether a chunk that was decoded is kept for the next read, as HDF5 does. If not, a
        chunk had better be read whole.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, variables, dims, path=None):
        n_sites, n_times = (variables[0].sizes[dim] for dim in dims)
        self.variables, self.dims, self.path = list(variables), dims, path
        self.site_chunk = max(min(_stored_together(v, dims[0]), n_sites) for v in variables)
        self.keeps_chunks = all(v.chunks is None and "chunksizes" in v.encoding for v in variables)
        self.rows, self.times = np.arange(n_sites), slice(0, n_times)

    @property
    def shape(self):
        """Tuple (n_sites, n_times, n_forcings)."""
        return len(self.rows), self.times.stop - self.times.start, len(self.variables)

    @property
    def nbytes(self):
        """Bytes that all of it takes once it is read."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def block_size(self):
        """Sites to look at together: few, but whole chunks unless these are very large."""
        n_sites = sites_per_block(*self.shape[1:])
        if self.keeps_chunks:
            return n_sites
        return max(n_sites, min(self.site_chunk, sites_per_block(*self.shape[1:], _LARGEST_BLOCK)))

    def view(self, rows=None, times=slice(None), columns=None):
        """Give a part of it, still to be read.

        Parameters
        ----------
        rows : ndarray of int, default=None
            Positions of the sites; None keeps all.
        times : slice, default=slice(None)
            Steps, without stride.
        columns : sequence of int, default=None
            Positions of the variables; None keeps all.

        Returns
        -------
        LazyForcing
            The part.
        """
        part = copy.copy(self)
        start, stop, _ = times.indices(self.shape[1])
        part.times = slice(self.times.start + start, self.times.start + stop)
        if rows is not None:
            part.rows = self.rows[rows]
        if columns is not None:
            part.variables = [self.variables[column] for column in columns]
        return part

    def read(self):
        """Read all of it.

        Sites that lie in one chunk are read together, whatever the order of the sites.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times, n_forcings)
            A new array.

        Raises
        ------
        OSError
            If the file is gone, or cannot be read or decoded.
        """
        # Of a store that is gone, zarr reads missing values.
        if self.path is not None and not os.path.exists(self.path):
            raise FileNotFoundError(
                f"The forcing could not be read: {self.path!r} is not there any more. Open it anew "
                "where it is now."
            )
        forcing = np.empty(self.shape, dtype=self.dtype)
        order = np.argsort(self.rows, kind="stable")
        rows = self.rows[order]
        for part in self._slabs(rows):
            low, high = rows[part.start], rows[part.stop - 1] + 1
            for i, variable in enumerate(self.variables):
                slab = self._slab(variable, slice(low, high))
                forcing[order[part], :, i] = slab[rows[part] - low]
        return forcing

    def _slabs(self, rows):
        """Part sorted rows into slices, each to be read in one go."""
        if not len(rows) or not self.shape[1]:
            return []
        size, largest = (max(1, n // (8 * self.shape[1])) for n in (_SLAB_BYTES, _LARGEST_SLAB))
        if size > self.site_chunk:
            size -= size % self.site_chunk
        elif not self.keeps_chunks:
            size = min(self.site_chunk, largest)
        chunk = rows // self.site_chunk
        # A chunk between two rows that holds none of the wanted ones need not be decoded.
        cuts = np.flatnonzero((np.diff(rows // size) > 0) | (np.diff(chunk) > 1)) + 1
        edges = [0, *cuts.tolist(), len(rows)]
        return [slice(start, stop) for start, stop in pairwise(edges)]

    def _slab(self, variable, rows):
        """Read some consecutive sites of one variable, as (site, time)."""
        part = variable.isel({self.dims[0]: rows, self.dims[1]: self.times})
        try:
            values = numbers(part, self.dtype)
        except (OSError, RuntimeError, ValueError) as error:
            raise OSError(
                f"The forcing could not be read from {self.path or 'the dataset'}: the file is "
                f"damaged, was cut short, or has changed since it was opened ({error})."
            ) from error
        return values if part.dims[0] == self.dims[0] else values.T


def split_sites(rows, size, chunk):
    """Part sites into runs of consecutive ones that are read together.

    Parameters
    ----------
    rows : ndarray of int of shape (n_sites,)
        Place of each site in its store.
    size : int
        Most sites of a run.
    chunk : int
        Sites that are stored together. A run ends where a chunk ends, unless the sites of a chunk
        are more than `size`: then they are dealt into parts of nearly equal length.

    Returns
    -------
    list of slice
        The runs, in order.

    Examples
    --------
    >>> split_sites(np.arange(10), size=7, chunk=3)
    [slice(0, 6, None), slice(6, 10, None)]
    >>> split_sites(np.arange(10), size=3, chunk=5)
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """
    if chunk == 1:
        return [slice(a, min(a + size, len(rows))) for a in range(0, len(rows), size)]
    edges = [0, *(np.flatnonzero(np.diff(rows // chunk)) + 1).tolist(), len(rows)]
    pieces, start = [], 0  # `start` of the run that is being filled
    for first, last in pairwise(edges):
        if last - start <= size:
            continue
        if first > start:
            pieces.append(slice(start, first))
        start = first
        if last - first > size:
            n_parts = -(-(last - first) // size)
            ends = [first + (last - first) * k // n_parts for k in range(n_parts + 1)]
            pieces += [slice(a, b) for a, b in pairwise(ends)]
            start = last
    if start < len(rows):
        pieces.append(slice(start, len(rows)))
    return pieces


def sites_per_block(n_times, n_forcings, n_bytes=BLOCK_BYTES):
    """Count the sites whose forcing takes about `n_bytes`; at least one."""
    return max(1, n_bytes // max(1, 4 * n_times * n_forcings))


def numbers(variable, dtype=np.float64):
    """Give the numbers of a variable of a dataset; a duration in the unit of its file."""
    values = variable.values
    if values.dtype.kind != "m":
        return values.astype(dtype)
    # Older xarray turns every variable measured in "days" or "seconds" into a duration.
    missing = np.isnat(values)
    values = values / np.timedelta64(1, "D" if duration_unit(variable) == "d" else "s")
    return np.where(missing, np.nan, values).astype(dtype)


def duration_unit(variable):
    """Give the unit in which a duration is read: the file's days, or seconds."""
    return "d" if str(variable.encoding.get("units", "")).startswith("day") else "s"


def _stored_together(variable, dim):
    """Say how many sites share a chunk: of dask, or of the file."""
    if variable.chunks is not None:
        return variable.chunksizes[dim][0]
    return (variable.encoding.get("preferred_chunks") or {}).get(dim, 1)
