"""What all encoders share that run somebody's network on what they hold of each site."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stefaland_sk._core import CheckpointError, DataWarning, check_number, check_option
from stefaland_sk.encoders._base import Encoder
from stefaland_sk.encoders._cache import as_cache, make_key
from stefaland_sk.encoders._checkpoint import tensors_digest
from stefaland_sk.encoders._devices import on_device
from stefaland_sk.encoders._places import round_places


@dataclass(frozen=True)
class Samples:
    """What a network reads of one site: one sample, or several of different dates.

    Parameters
    ----------
    arrays : dict of str to ndarray of shape (n_samples, ...)
        The inputs by name.
    times : DatetimeIndex of length n_samples, default=None
        Dates of the samples, increasing; None where they have none.
    """

    arrays: dict
    times: pd.DatetimeIndex | None = None

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def key(self, *parts):
        """Digest of the inputs and of other parts."""
        for name in sorted(self.arrays):
            parts = (*parts, name, self.arrays[name])
        return make_key(*parts)


class ModuleEncoder(Encoder):
    """Run a frozen network on inputs held for each site, one sample after the other.

    Each call of the network reads one sample of one site, so that what a site gets does
    not depend on the others.

    Parameters
    ----------
    module : Module
        The network. It is used as it is, in evaluation mode and without gradients.
    inputs : mapping of str to object
        What is known of each site, by its identifier. It is asked for one site at a
        time, so that a mapping of one's own may read files.
    d_model : int
        Number of features.
    entry : WeightsEntry, default=None
        Where the weights come from.
    cache : FeatureCache, str or Path, default=None
        Where `encode` looks features up and keeps them, unless it is given another.
    sites, places, about
        As for `SiteEmbeddingEncoder`.
    """

    def __init__(self, module, inputs, d_model, entry, cache, sites, places, about):
        if not isinstance(inputs, Mapping) or not len(inputs):
            raise TypeError(
                "The inputs must be a mapping (a dict, or a class of your own that reads files) "
                "from the identifiers of the sites, which are strings. Got "
                f"{type(inputs).__name__}"
                f"{' without a site' if isinstance(inputs, Mapping) else ''}."
            )
        self.module = module.eval().requires_grad_(False)
        self.entry = entry
        self.cache = as_cache(cache)
        self.sites = list(map(str, sites))
        self.places = round_places(places, len(self.sites))
        self.about = {**(entry.remarks() if entry else {}), **(about or {})}
        self._inputs, self._d_model = inputs, check_number("d_model", d_model, low=1, integer=True)
        self._digest, self._copies, self._dated = None, {}, None
        self._dated = self._samples(next(iter(inputs))).times is not None

    def __getstate__(self):
        return {**vars(self), "_copies": {}}

    # ------------------------------------------------------------------ to be defined
    @abstractmethod
    def _read(self, site, value):
        """Give the samples of a site, from what is held of it."""

    @abstractmethod
    def _run(self, network, tensors):
        """Give the features of one sample: inputs with a batch axis of length 1 to (d_model,)."""

    @abstractmethod
    def _settings(self):
        """List what turns the inputs into features besides the weights, as text or arrays."""

    # ------------------------------------------------------------------ what it is
    @property
    def d_model(self):
        """Number of features."""
        return self._d_model

    @property
    def digest(self):
        """Digest of the weights and of the settings; what is held of the sites is input."""
        if self._digest is None:
            tensors = tensors_digest(self.module.state_dict())
            self._digest = make_key(type(self).__name__, tensors, *self._settings())
        return self._digest

    @property
    def has_days(self):
        """Whether the inputs have dates, and features therefore change from day to day."""
        return self._dated

    def facts(self):
        """List what `describe` tells of the network and its inputs.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        n_weights = sum(value.numel() for value in self.module.parameters())
        dates = "by date" if self._dated else "without dates"
        rows = [
            ("network", f"{type(self.module).__name__}, {n_weights:,} weights"),
            ("features", f"{self.d_model} per site"),
            ("has inputs", f"of {len(self._inputs)} sites, {dates}"),
        ]
        if self.entry is not None and self.entry.resolution:
            rows.append(("resolution", self.entry.resolution))
        return rows

    # ------------------------------------------------------------------ features
    def check_coverage(self, panel, min_coverage):
        """Raise unless there is an input for each site of a panel.

        Parameters
        ----------
        panel : Panel
            Any sites.
        min_coverage : float
            For the contract of encoders: nothing can stand in, so that all sites must be
            there.

        Raises
        ------
        CheckpointError
            If some are not there; the message names some of them.
        """
        check_number("min_coverage", min_coverage, low=0, high=1)
        missing = [site for site in panel.site_ids if site not in self._inputs]
        if missing:
            example = next(iter(self._inputs))
            raise CheckpointError(
                f"The inputs of the encoder lack {len(missing)} of the {panel.n_sites} sites of X, "
                f"for example {missing[:3]} (they have such as {example!r}; identifiers are "
                "compared as they are: '01013500' and '1013500' differ). Add them, or compute "
                'those of the others and give them as SiteEmbeddingEncoder(table, missing="mean").'
            )

    def encode(
        self,
        panel,
        *,
        device="cpu",
        days=True,
        dtype=np.float32,
        precision="float32",
        cache=None,
    ):
        """Compute the features of every site, and of every day where the inputs have dates.

        Parameters
        ----------
        panel : Panel
            Any sites. What a site gets does not depend on the others.
        device : str, default="cpu"
            Where to compute.
        days : bool, default=True
            Whether the features of the days are wanted.
        dtype : numpy dtype, default=np.float32
            Of the features of the days.
        precision : {"float32", "bf16"}, default="float32"
            Of the matrix products.
        cache : FeatureCache, str or Path, default=None
            Where features are looked up and kept; None takes the encoder's own, if it has one.

        Returns
        -------
        days : ndarray of shape (n_sites, n_times, d_model), or None
            On each day the features of the latest sample up to it; before the first, those of
            the first. None where the inputs have no dates.
        site : ndarray of float32 of shape (n_sites, d_model)
            The mean over the samples.

        Raises
        ------
        CheckpointError
            If there is no input for a site.
        ValueError
            If an input does not fit the network.

        Warns
        -----
        DataWarning
            If the first sample of a site is later than the first day.
        """
        check_option("precision", precision, ["float32", "bf16"])
        self.check_coverage(panel, 0.0)
        cache = self.cache if cache is None else as_cache(cache)
        device = torch.device(device)
        days = days and self._dated and panel.time is not None
        site = np.empty((panel.n_sites, self.d_model), dtype=np.float32)
        result = np.empty((*panel.shape[:2], self.d_model), dtype) if days else None
        late = []
        for row, name in enumerate(panel.site_ids):
            samples = self._samples(name)
            features, site[row] = self._encode_site(name, samples, device, precision, cache)
            if days:
                rows = np.searchsorted(samples.times, panel.time, side="right") - 1
                result[row] = features[np.maximum(rows, 0)]
                late += [name] if rows[0] < 0 else []
        if late:
            warnings.warn(
                f"The first input of {len(late)} of the {panel.n_sites} sites, for example "
                f"{late[0]!r}, is later than the first day of X ({panel.time[0]:%Y-%m-%d}); its "
                "features stand in on the days before, which no forecast could know.",
                DataWarning,
                stacklevel=2,
            )
        return result, site

    def _samples(self, site):
        """Give the samples of a site, checked."""
        try:
            samples = self._read(site, self._inputs[site])
        except (TypeError, ValueError) as error:
            raise type(error)(f"The input of site {site!r} does not fit: {error}") from error
        if self._dated is not None and (samples.times is not None) != self._dated:
            raise ValueError(
                f"The input of site {site!r} has {'no ' if self._dated else ''}dates, unlike that "
                "of the first site. Give dates for all sites or for none."
            )
        return samples

    def _encode_site(self, site, samples, device, precision, cache):
        """Give the features of each sample of a site, and their mean."""
        key = None
        if cache is not None:
            key = samples.key(self.digest, device.type, precision, cache.dtype)
            found = cache.get(key)
            if found is not None:
                return found
        network = on_device(self.module, device, self._copies)
        features = np.stack(
            [self._run_one(network, site, samples, i, precision) for i in range(len(samples))]
        )
        if not np.isfinite(features).all():
            raise ValueError(f"The network gives features of site {site!r} that are not finite.")
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        return (features, mean) if cache is None else cache.put(key, features, mean)

    def _run_one(self, network, site, samples, i, precision):
        """Give the features of one sample."""
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
        tensors = {
            name: torch.as_tensor(values[i : i + 1], device=device)
            for name, values in samples.arrays.items()
        }
        bf16 = precision == "bf16"
        try:
            with (
                torch.inference_mode(),
                torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16),
            ):
                features = self._run(network, tensors).float().cpu().numpy()
        except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ValueError(
                f"The network {type(network).__name__} cannot read the input of site {site!r}, of "
                f"shape {shapes}: {reason}"
            ) from error
        if features.shape != (self.d_model,):
            raise ValueError(
                f"The network gives features of shape {features.shape} for site {site!r}; "
                f"({self.d_model},) is expected. Set `d_model`."
            )
        return features


def mean_token(output):
    """Reduce what a network of images gives to one vector.

    Parameters
    ----------
    output : Tensor, or list of Tensor
        Of shape (1, d), (1, n_tokens, d) or (1, d, height, width); of a list, the last counts.

    Returns
    -------
    Tensor of shape (d,)
        The mean over tokens or pixels.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    while isinstance(output, list | tuple) and output:
        output = output[-1]
    if not isinstance(output, torch.Tensor):
        raise TypeError(
            f"a network must give a tensor or a list of them, not {type(output).__name__}"
        )
    axes = {2: (), 3: (1,), 4: (2, 3)}.get(output.ndim)
    if axes is None or output.shape[0] != 1:
        raise ValueError(
            "a network must give (1, d), (1, n_tokens, d) or (1, d, height, width), not "
            f"{tuple(output.shape)}"
        )
    return (output.mean(dim=axes) if axes else output)[0]
