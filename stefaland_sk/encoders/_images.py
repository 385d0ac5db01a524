"""Images of sites: arrays or xarray objects, brought to the bands and the scale of a network."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

_BAND_DIMS = ("band", "bands", "channel", "channels", "variable")


@dataclass(frozen=True)
class Bands:
    """The bands that a network reads, and how they are scaled.

    Parameters
    ----------
    names : tuple of str
        Bands, in the network's order.
    mean, std : ndarray of float32 of shape (n_bands,)
        Mean and standard deviation of each in the network's training.

    Raises
    ------
    ValueError
        If there is not one of each, or a standard deviation is not positive.
    """

    names: tuple
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, names, mean=None, std=None):
        """Make them from any sequences; without `mean` and `std` nothing is scaled."""
        names = tuple(map(str, names))
        mean = np.zeros(len(names)) if mean is None else np.asarray(mean, dtype=np.float64)
        std = np.ones(len(names)) if std is None else np.asarray(std, dtype=np.float64)
        for name, values in (("mean", mean), ("std", std)):
            if values.shape != (len(names),) or not np.isfinite(values).all():
                raise ValueError(
                    f"`{name}` must hold one number for each of the {len(names)} bands. Got "
                    f"{values.tolist()}."
                )
        if (std <= 0).any():
            raise ValueError(f"`std` must be positive. Got {std.tolist()}.")
        return cls(names, mean.astype(np.float32), std.astype(np.float32))

    def read(self, image):
        """Select and scale the bands of an image.

        Parameters
        ----------
        image : array-like of shape ([n_images,] n_bands, height, width), or xarray object
            With these bands in this order, or, in xarray, with a coordinate or variables
            that name them, and perhaps a dimension "time".

        Returns
        -------
        values : ndarray of float32 of shape (n_images, n_bands, height, width)
            Scaled; what was NaN is 0, the mean of the band.
        times : DatetimeIndex or None
            Dates of the images, increasing.

        Raises
        ------
        TypeError, ValueError
            If bands or dimensions are not as they should be, or an image has no value at all.
        """
        times = None
        if isinstance(image, xr.Dataset):
            image = image.to_array("band")
        if isinstance(image, xr.DataArray):
            image, times = self._from_xarray(image)
        values = np.asarray(image)
        if values.dtype.kind not in "fiub":
            raise TypeError(f"an image must hold numbers, not {values.dtype}")
        values = values[None] if values.ndim == 3 else values
        if values.ndim != 4 or values.shape[1] != len(self.names) or not values.size:
            raise ValueError(
                f"an image has the shape ({len(self.names)} bands, height, width), or one more "
                f"axis of images before; got {np.shape(image)}. The bands are {list(self.names)}"
            )
        shape = (1, len(self.names), 1, 1)
        values = (values.astype(np.float32) - self.mean.reshape(shape)) / self.std.reshape(shape)
        there = np.isfinite(values)
        if not there.any(axis=(1, 2, 3)).all():
            raise ValueError("an image has no pixel with a value")
        return np.where(there, values, np.float32(0)), times

    def _from_xarray(self, image):
        """Bring the axes into order, and the bands by name where they have names."""
        found = [name for name in _BAND_DIMS if name in image.dims]
        if len(found) != 1:
            raise ValueError(
                f"an xarray image needs one dimension named 'band'; it has {list(image.dims)}"
            )
        band = found[0]
        if band in image.coords and image[band].dtype.kind in "OUT":
            there = [str(name) for name in image[band].values]
            missing = [name for name in self.names if name not in there]
            if missing:
                raise ValueError(f"the image lacks the bands {missing}; it has {there}")
            image = image.isel({band: [there.index(name) for name in self.names]})
        dated = "time" in image.dims
        image = image.transpose(*(["time"] if dated else []), band, ...)
        if not dated:
            return image.values, None
        times = pd.DatetimeIndex(image["time"].values)
        order = np.argsort(times)
        if not times.is_unique or times.hasnans:
            raise ValueError("the image has a date twice, or one that is missing")
        return image.values[order], times[order]
