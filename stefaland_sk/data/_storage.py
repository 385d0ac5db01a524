"""Panels in netCDF files and zarr stores: opened without reading, written block by block."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import xarray as xr

from stefaland_sk._core import import_optional
from stefaland_sk.data._lazy import sites_per_block
from stefaland_sk.data._xarray import REST, dataset_of, variable_attrs, with_target

_MIB = 2**20
_RAW = {"decode_cf": False, "cache": False, "chunks": None}  # nothing is read or decoded yet


def open_netcdf(path):
    """Open a netCDF file; give the dataset and the whole path. See `Panel.from_netcdf`."""
    netcdf4 = import_optional("netCDF4", "data", "`Panel.from_netcdf`")

    def read(path):
        # By default each variable would keep up to 64 MiB of chunks in memory. The setting is
        # global, but files keep what they were opened with.
        usual = netcdf4.get_chunk_cache()
        with netcdf4.Dataset(path) as file:
            size = max([_MIB, *map(_chunk_bytes, file.variables.values())])
        netcdf4.set_chunk_cache(min(size, usual[0]))
        try:
            return xr.open_dataset(path, engine="netcdf4", **_RAW)
        finally:
            netcdf4.set_chunk_cache(*usual)

    return _open(path, read, "netCDF file")


def open_zarr(path):
    """Open a zarr store; give the dataset and the whole path. See `Panel.from_zarr`."""
    import_optional("zarr", "zarr", "`Panel.from_zarr`")
    return _open(path, lambda path: xr.open_dataset(path, engine="zarr", **_RAW), "zarr store")


def write_netcdf(panel, path, target=None):
    """Write a panel to a netCDF file; see `Panel.to_netcdf`."""
    netcdf4 = import_optional("netCDF4", "data", "`Panel.to_netcdf`")
    path, part = _new_place(path)
    names = panel.forcing_names
    # xarray writes from memory or from dask only, so the forcing is left to netCDF4.
    dataset = with_target(_whole_dataset(panel, {}), panel, target)
    dataset.to_netcdf(part, engine="netcdf4")
    with netcdf4.Dataset(part, "a") as file:
        for name in names:
            variable = file.createVariable(
                name,
                "f4",
                ("site", "time"),
                zlib=True,
                complevel=1,
                chunksizes=_chunks(panel),
                fill_value=np.float32(np.nan),
            )
            variable.setncatts(variable_attrs(panel, name))
            # A block ends in at most one chunk that the next one goes on with.
            variable.set_var_chunk_cache(max(_MIB, _chunk_bytes(variable)))
        for sites, forcing in _in_order(panel):
            for i, name in enumerate(names):
                file[name][sites] = forcing[:, :, i]
    os.replace(part, path)


def write_zarr(panel, path):
    """Write a panel to a zarr store; see `Panel.to_zarr`."""
    zarr = import_optional("zarr", "zarr", "`Panel.to_zarr`")
    dask = import_optional("dask.array", "zarr", "`Panel.to_zarr`")
    path, part = _new_place(path)
    # Format 2 is what both zarr 2 and zarr 3 read, texts included.
    form = {"zarr_format": 2} if int(zarr.__version__.split(".")[0]) >= 3 else {}
    empty = dask.empty(panel.shape[:2], np.float32, chunks=_chunks(panel))
    planes = dict.fromkeys(panel.forcing_names, empty)
    _whole_dataset(panel, planes).to_zarr(part, mode="w", compute=False, **form)
    for sites, forcing in _in_order(panel):
        block = {n: (("site", "time"), forcing[:, :, i]) for i, n in enumerate(panel.forcing_names)}
        xr.Dataset(block).to_zarr(part, region={"site": sites}, **form)
    os.replace(part, path)


# ---------------------------------------------------------------------- reading
def _open(path, read, kind):
    """Open a dataset by `read`; its values stay where they are, and durations remain numbers."""
    path = Path(path).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"There is no {kind} {str(path)!r}.")
    try:
        raw = read(path)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise OSError(
            f"{str(path)!r} is no {kind}, is damaged, or was cut short ({error})."
        ) from error
    return xr.decode_cf(raw, decode_timedelta=False), str(path)


def _chunk_bytes(variable):
    """Count the bytes of the chunks that hold the first values along the first dimension."""
    chunks = variable.chunking()
    if not isinstance(chunks, list) or variable.dtype is str:
        return 0
    shape = (chunks[0], *variable.shape[1:])
    n_chunks = [-(-n // chunk) for n, chunk in zip(shape, chunks, strict=True)]
    return int(np.prod([*n_chunks, *chunks], dtype=np.int64)) * variable.dtype.itemsize


# ---------------------------------------------------------------------- writing
def _new_place(path):
    """Check that the place is free; give it and where to write until all is written."""
    path = Path(path).expanduser()
    if path.exists():
        raise FileExistsError(
            f"{str(path)!r} exists already, and a lazy panel may be reading it. Remove it, or "
            "choose another name."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to write into.")
    part = path.with_name(f"{path.name}.part")
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
    return path, part


def _whole_dataset(panel, planes):
    """Give the dataset as a file holds it: without missing texts, and with the order of things."""
    dataset = dataset_of(panel, planes)
    for name, values in dataset.coords.items():
        if values.dtype == object:
            texts = ["" if value is None or value != value else str(value) for value in values.data]
            dataset[name] = values.copy(data=np.array(texts, dtype=str))
    order = [*panel.forcing_names, *panel.attribute_names, *dataset.coords]
    rest = json.loads(dataset.attrs.get(REST, "{}")) | {"order": order}
    return dataset.assign_attrs({REST: json.dumps(rest)})


def _chunks(panel):
    """Size a chunk: whole records of the sites whose forcing, all variables, makes a block."""
    n_sites = min(panel.n_sites, sites_per_block(panel.n_times, panel.n_forcings))
    return max(1, n_sites), max(1, panel.n_times)


def _in_order(panel):
    """Go through the forcing in the order of the panel: slices of its sites, and their values."""
    first = 0
    for block in panel.blocks() if panel.n_forcings else ():
        yield slice(first, first + block.n_sites), block.forcing
        first += block.n_sites
