"""Scaled inputs of some sites through a frozen network, each site independent of the others."""

from dataclasses import dataclass

import numpy as np
import torch

from stefaland_sk.data import find_segments
from stefaland_sk.encoders._cache import make_key
from stefaland_sk.encoders._windows import STEPS_AT_ONCE, cut_windows, make_lots


@dataclass(frozen=True)
class ScaledInputs:
    """What a network reads of some sites.

    Parameters
    ----------
    attributes : ndarray of float32 of shape (n_sites, n_attributes)
        Scaled attributes, NaN = missing.
    forcing : ndarray of float32 of shape (n_sites, n_times, n_forcings), default=None
        Scaled forcing, NaN = missing; None without a time axis.
    present : ndarray of bool of shape (n_sites, n_times), default=None
        Steps at which a site has any forcing, also one that the network does not read.
    """

    attributes: np.ndarray
    forcing: np.ndarray | None = None
    present: np.ndarray | None = None

    def take(self, rows):
        """Give the inputs of some of the sites."""
        parts = (self.attributes, self.forcing, self.present)
        return ScaledInputs(*(None if part is None else part[rows] for part in parts))

    def key(self, row, *parts):
        """Digest of the inputs of one site, and of other parts."""
        if self.forcing is None:
            return make_key(*parts, self.attributes[row])
        return make_key(
            *parts, self.attributes[row], self.forcing[row], np.packbits(self.present[row])
        )


@dataclass(frozen=True)
class FrozenNetwork:
    """A network on a device, and how it is run.

    Parameters
    ----------
    network : MaskedAutoencoder
        On the device.
    window : int
        Steps of the longest window it can read.
    device : torch.device
        Where to compute.
    precision : {"float32", "bf16"}
        Of the matrix products.
    """

    network: torch.nn.Module
    window: int
    device: torch.device
    precision: str

    def encode(self, inputs, days, dtype):
        """Compute features.

        On the CPU, each call of the network reads windows of one site only: the order in
        which a processor adds depends on the size of its matrices, and so the result of a
        site would depend, in the last bits, on how many others there are.

        Parameters
        ----------
        inputs : ScaledInputs
            Some sites.
        days : bool
            Whether the features of the days are wanted.
        dtype : numpy dtype
            Of the features of the days.

        Returns
        -------
        days : ndarray of shape (n_sites, n_times, d_model), or None
            NaN where a site has no forcing.
        site : ndarray of float32 of shape (n_sites, d_model)
            The static token, averaged over the windows.
        """
        n_sites = len(inputs.attributes)
        site = np.zeros((n_sites, self.network.config.d_model), dtype=np.float32)
        n_windows = np.zeros(n_sites)
        result = None
        if inputs.forcing is not None:
            if days:
                result = np.full((*inputs.present.shape, site.shape[1]), np.nan, dtype)
            runs = find_segments(inputs.present)
            windows = cut_windows(runs, self.window, self.network.config.patch)
            for lot in make_lots(windows, self._alone):
                self._encode_lot(lot, inputs, result, site)
            np.add.at(n_windows, windows[:, 0], 1)
            site /= np.maximum(n_windows, 1)[:, None]
        without = np.flatnonzero(n_windows == 0)  # no forcing at all: the attributes must do
        for lot in np.array_split(without, self._n_lots(len(without))):
            site[lot] = self._run(None, inputs.attributes[lot])[1]
        return result, site

    @property
    def _alone(self):
        """Whether a lot holds one site only."""
        return self.device.type == "cpu"

    def _n_lots(self, n_sites):
        """Number of lots of sites without forcing."""
        return max(n_sites if self._alone else -(-n_sites // STEPS_AT_ONCE), 1)

    def _encode_lot(self, lot, inputs, result, site):
        """Encode windows of one length and store what each is the first to hold."""
        rows, start, length, fresh = lot.T
        steps = start[:, None] + np.arange(length[0])
        days, static = self._run(inputs.forcing[rows[:, None], steps], inputs.attributes[rows])
        np.add.at(site, rows, static)
        if result is not None:
            for row, first, new, values in zip(rows, start, fresh, days, strict=True):
                result[row, new : first + length[0]] = values[new - first :]

    def _run(self, forcing, attributes):
        """Run the network on one lot."""
        if not len(attributes):
            return None, np.empty((0, self.network.config.d_model), dtype=np.float32)
        bf16 = self.precision == "bf16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16),
        ):
            x = None if forcing is None else torch.as_tensor(forcing, device=self.device)
            c = torch.as_tensor(attributes, device=self.device)
            return [values.float().cpu().numpy() for values in self.network.encode(x, c)]
