"""A pretrained StefaLand as an object: network, variables, scaler, and what it has seen."""

from dataclasses import replace

import numpy as np
import torch

from stefaland_sk._core import CheckpointError, check_option
from stefaland_sk.data import PanelScaler, normalise_unit
from stefaland_sk.encoders._base import Encoder
from stefaland_sk.encoders._cache import as_cache, make_key
from stefaland_sk.encoders._checkpoint import read_checkpoint, tensors_digest, write_checkpoint
from stefaland_sk.encoders._coverage import check_table, coverage_table
from stefaland_sk.encoders._describe import tell_network
from stefaland_sk.encoders._devices import on_device
from stefaland_sk.encoders._encode import FrozenNetwork, ScaledInputs
from stefaland_sk.encoders._hub import find_checkpoint
from stefaland_sk.encoders._original import read_original
from stefaland_sk.encoders._places import round_places
from stefaland_sk.encoders._variable_map import VariableMap
from stefaland_sk.encoders._weights import build_network, check_weights, flatten_weights
from stefaland_sk.modules import BackboneConfig

_KIND = "StefaLandEncoder"
_STEPS_PER_BLOCK = 2**18  # sites are scaled and encoded in blocks of about so many steps


class StefaLandEncoder(Encoder):
    """Turn panels into features with a pretrained masked autoencoder.

    Variables are found by name, or by `variable_map`. One that a panel lacks is missing:
    the network's mask tokens stand in for it, as in pretraining. Inputs are brought to
    the units of the pretraining and scaled with its scaler. The network is frozen: a copy
    of `module`, in evaluation mode, without gradient.

    An encoder does not change: ``copy.deepcopy`` and scikit-learn's ``clone`` give the
    object itself. All weights are views on one array, which joblib's worker processes
    share.

    Parameters
    ----------
    module : MaskedAutoencoder
        The trained network.
    scaler : PanelScaler
        Names, units and scales of its variables.
    window : int
        Steps of a pretraining window; 0 for attributes only.
    units : dict of str to str, default=None
        Units of the variables, where the scaler does not know them.
    groups : dict of str to list of str, default=None
        Variables hidden together in pretraining.
    sites : sequence of str, default=()
        Identifiers of the sites seen in pretraining.
    places : DataFrame with columns lat, lon, or array of shape (n_sites, 2), default=None
        Latitude and longitude of these sites [deg], NaN = unknown; rounded to 0.1 degrees.
    period : sequence of two str, default=None
        First and last day seen.
    about : dict, default=None
        Remarks for the checkpoint's header, such as "licence" and "citation".
    variable_map : dict, default=None
        Where to find variables that a panel names otherwise, or has in another form:
        encoder's name -> panel's name, or -> (function, list of the panel's names). The
        function gets arrays of shape (n_sites, n_times) for forcing and (n_sites,) for
        attributes, some sites at a time, and returns the variable in the encoder's unit.
        The map is not saved.
    training : dict, default=None
        Settings of the training.

    Raises
    ------
    TypeError, ValueError
        If scaler, `places` or `variable_map` do not fit.

    Examples
    --------
    >>> from stefaland_sk import StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1, random_state=0).fit(X).encoder_
    >>> encoder
    StefaLandEncoder(d_model=8, 6 forcing variables, 26 attributes, 4 sites seen)
    >>> days, site = encoder.encode(X)
    >>> days.shape, site.shape
    ((4, 365, 8), (4, 8))
    """

    def __init__(
        self,
        module,
        scaler,
        window,
        *,
        units=None,
        groups=None,
        sites=(),
        places=None,
        period=None,
        about=None,
        variable_map=None,
        training=None,
    ):
        _compare_sizes(module.config, scaler)
        known = set(scaler.forcing_names) | set(scaler.attribute_names)
        units = {**(units or {}), **scaler.units}
        self.units = {name: normalise_unit(unit) for name, unit in units.items() if name in known}
        self.scaler = replace(scaler, units=self.units)
        self.window = window
        self.groups = {group: list(members) for group, members in (groups or {}).items()}
        self.sites = list(map(str, sites))
        self.places = round_places(places, len(self.sites))
        self.period = None if period is None else list(map(str, period))
        self.about = dict(about or {})
        self.training = dict(training or {})
        self._variables = self._map(variable_map)
        self._weights = flatten_weights(module.state_dict())
        self._digest = None
        self._build(module.config)

    def _map(self, variable_map):
        """Make the map of variables."""
        names = self.scaler.forcing_names, self.scaler.attribute_names
        return VariableMap(variable_map, *names, self.units)

    def _build(self, config):
        """Build the network on the flat weights."""
        self.module = build_network(config, self._weights)
        self._copies = {}  # device -> copy of the network

    # ------------------------------------------------------------------ one copy of the weights
    def __getstate__(self):
        state = {**vars(self), "config": self.module.config.to_dict()}
        del state["module"], state["_copies"]
        return state

    def __setstate__(self, state):
        config = BackboneConfig.from_dict(state.pop("config"))
        vars(self).update(state)
        self._build(config)

    def with_variable_map(self, variable_map):
        """Give an encoder that finds its variables by another map, on the same weights.

        Parameters
        ----------
        variable_map : dict or None
            As for the constructor.

        Returns
        -------
        StefaLandEncoder
            A new object; the network is shared.

        Raises
        ------
        TypeError, ValueError
            If an entry is of the wrong kind, or names no variable of the encoder.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1).fit(X).encoder_
        >>> warmer = encoder.with_variable_map({"tmax": (lambda t: t + 1, ["tmax"])})
        >>> warmer.module is encoder.module
        True
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other._variables = other._map(variable_map)
        return other

    def with_network(self, module, *, sites=None):
        """Give an encoder with other weights, or another network of the same variables.

        Parameters
        ----------
        module : MaskedAutoencoder
            Its weights are copied.
        sites : sequence of str, default=None
            Sites that these weights have seen; None keeps those of this encoder.

        Returns
        -------
        StefaLandEncoder
            A new object.

        Raises
        ------
        ValueError
            If the network has another number of variables.

        Examples
        --------
        >>> import copy
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1).fit(X).encoder_
        >>> encoder.with_network(copy.deepcopy(encoder.module), sites=[])
        StefaLandEncoder(d_model=8, 6 forcing variables, 26 attributes, 0 sites seen)
        """
        _compare_sizes(module.config, self.scaler)
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        if sites is not None:
            other.sites, other.places = list(map(str, sites)), None
        other._weights, other._digest = flatten_weights(module.state_dict()), None
        other._build(module.config)
        return other

    def network_on(self, device):
        """Give the network on a device.

        Parameters
        ----------
        device : str or torch.device
            Where to compute.

        Returns
        -------
        MaskedAutoencoder
            `module` itself on the CPU; elsewhere a copy, made once.
        """
        return on_device(self.module, device, self._copies)

    # ------------------------------------------------------------------ what it is
    @property
    def d_model(self):
        """Number of features per day and per site."""
        return self.module.config.d_model

    @property
    def needs_forcing(self):
        """Whether it reads forcing."""
        return bool(self.scaler.forcing_names)

    @property
    def needs_attributes(self):
        """Whether it reads attributes."""
        return bool(self.scaler.attribute_names)

    @property
    def digest(self):
        """Digest of the weights and of what else turns scaled inputs into features."""
        if self._digest is None:
            tensors = tensors_digest(self.module.state_dict())
            self._digest = make_key(tensors, repr(self.module.config), str(self.window))
        return self._digest

    def __repr__(self):
        config = self.module.config
        return (
            f"StefaLandEncoder(d_model={config.d_model}, {config.n_forcings} forcing "
            f"variable{'s' * (config.n_forcings != 1)}, {config.n_attributes} attribute"
            f"{'s' * (config.n_attributes != 1)}, {len(self.sites)} sites seen)"
        )

    def facts(self):
        """List what `describe` tells of the network and of its variables.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        return tell_network(self)

    # ------------------------------------------------------------------ variables of a panel
    def coverage(self, panel):
        """Tell which of the encoder's variables a panel has, and where they come from.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        DataFrame
            One row per variable of the encoder: ``variable``, ``role``, ``found``,
            ``taken_from`` (the panel's name, or a function of names), ``unit_panel``,
            ``unit_encoder`` and ``conversion`` in words.

        Raises
        ------
        ValueError
            If the encoder's map of variables names one that the panel does not have.
        """
        return coverage_table(self._variables, panel)

    def check_coverage(self, panel, min_coverage):
        """Raise unless a panel has enough of the encoder's variables; warn of the others.

        Parameters
        ----------
        panel : Panel
            Any sites. Of one without a time axis, attributes only are asked for.
        min_coverage : float
            Share of the encoder's forcing, and of its attributes, that must be there.

        Raises
        ------
        CheckpointError
            If too few variables are found, or a unit cannot be converted.
        ValueError
            If the encoder's map of variables names one that the panel does not have.

        Warns
        -----
        DataWarning
            With a table of what is missing; and if X tells the units of some variables only.
        """
        table = self.coverage(panel)
        if panel.time is None and self.scaler.attribute_names:
            table = table[table["role"] == "attribute"]
        check_table(table, min_coverage)

    def rename(self, panel):
        """Give a panel with the encoder's variables under the encoder's names.

        Parameters
        ----------
        panel : Panel
            Any sites, few enough that their forcing fits into memory.

        Returns
        -------
        Panel
            The panel itself where the encoder has no map of variables.

        Raises
        ------
        ValueError
            If the map of variables does not fit the panel.
        """
        return self._variables.apply(panel)

    def scale(self, panel):
        """Give the inputs of the network: found, converted and scaled.

        Parameters
        ----------
        panel : Panel
            Any sites, few enough that their forcing fits into memory.

        Returns
        -------
        ScaledInputs
            With ``attributes`` of shape (n_sites, n_attributes), ``forcing`` of shape
            (n_sites, n_times, n_forcings) and ``present`` of shape (n_sites, n_times); the last
            two are None where panel or encoder have no forcing.
        """
        mapped = self.rename(panel)
        attributes = self.scaler.scale_attributes(mapped)
        if panel.time is None or not self.scaler.forcing_names:
            return ScaledInputs(attributes)
        forcing = self.scaler.scale_forcing(mapped)
        # Steps at which the panel has other variables than the encoder's count too.
        present = panel.present() | ~np.isnan(forcing).all(axis=2)
        return ScaledInputs(attributes, forcing, present)

    # ------------------------------------------------------------------ features
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
        """Compute the features of every day and of every site.

        A record longer than the window is encoded in overlapping windows that move on by
        half a window; each day is taken from the first window that holds it, so that
        (but for the first) it has at least half a window of past.

        Parameters
        ----------
        panel : Panel
            Any sites, in memory or lazy. What a site gets does not depend on the others;
            on the CPU this holds to the bit.
        device : str, default="cpu"
            Where to compute.
        days : bool, default=True
            Whether the features of the days are wanted.
        dtype : numpy dtype, default=np.float32
            Of the features of the days; float16 halves the memory.
        precision : {"float32", "bf16"}, default="float32"
            Of the matrix products. On a processor that has it, "bf16" is about 1.5 times as
            fast with 256 features, and no faster with 64, at an error of about one per cent
            of a feature's spread.
        cache : FeatureCache, str or Path, default=None
            Where features are looked up and kept.

        Returns
        -------
        days : ndarray of shape (n_sites, n_times, d_model), or None
            NaN where a site has no forcing.
        site : ndarray of float32 of shape (n_sites, d_model)
            The static token, averaged over the windows.

        Raises
        ------
        TypeError, ValueError
            If an option is not legal, or the map of variables does not fit the panel.
        """
        site = np.empty((panel.n_sites, self.d_model), dtype=np.float32)
        result = None
        if days and panel.time is not None and self.scaler.forcing_names:
            result = np.empty((*panel.shape[:2], self.d_model), dtype)
        options = {"device": device, "days": days, "dtype": dtype}
        for rows, some_days, some_sites in self.encode_blocks(
            panel, **options, precision=precision, cache=cache
        ):
            site[rows] = some_sites
            if result is not None:
                result[rows] = some_days
        return result, site

    def encode_blocks(
        self,
        panel,
        *,
        device="cpu",
        days=True,
        dtype=np.float32,
        precision="float32",
        cache=None,
    ):
        """Compute features of some sites at a time, for results that fit no memory whole.

        Parameters
        ----------
        panel, device, days, dtype, precision, cache
            As for `encode`.

        Yields
        ------
        rows : slice
            Consecutive sites of the panel.
        days, site : ndarray or None
            As from `encode`, for these sites.
        """
        check_option("precision", precision, ["float32", "bf16"])
        cache, device = as_cache(cache), torch.device(device)
        frozen = FrozenNetwork(self.network_on(device), self.window, device, precision)
        first = 0
        for block in panel.blocks(max(_STEPS_PER_BLOCK // max(panel.n_times, 1), 1)):
            rows = slice(first, first + block.n_sites)
            inputs = self.scale(block.load())
            if cache is None:
                yield rows, *frozen.encode(inputs, days, dtype)
            else:
                yield rows, *self._encode_cached(frozen, inputs, days, dtype, cache)
            first += block.n_sites

    def _encode_cached(self, frozen, inputs, days, dtype, cache):
        """Compute the features of those sites that are not in the cache."""
        days = days and inputs.forcing is not None
        parts = (self.digest, frozen.device.type, frozen.precision, cache.dtype)
        keys = [inputs.key(row, *parts) for row in range(len(inputs.attributes))]
        found = {row: cache.get(key, days) for row, key in enumerate(keys)}
        missing = [row for row, entry in found.items() if entry is None]
        if missing:
            new_days, new_site = frozen.encode(inputs.take(missing), days, cache.dtype)
            for i, row in enumerate(missing):
                found[row] = cache.put(keys[row], new_days[i] if days else None, new_site[i])
        site = np.stack([found[row][1] for row in range(len(keys))])
        if not days:
            return None, site
        return np.stack([found[row][0] for row in range(len(keys))]).astype(dtype), site

    # ------------------------------------------------------------------ files
    def save(self, path, *, about=None):
        """Write the encoder as safetensors with a JSON header.

        Parameters
        ----------
        path : str or Path
            File to write.
        about : dict, default=None
            Remarks to add to the encoder's own, such as "licence" and "citation".

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        """
        places = None
        if self.places is not None:  # JSON has no NaN
            known = np.isfinite(self.places).all(axis=1)
            pairs = np.round(self.places, 1).tolist()
            places = [pair if ok else None for pair, ok in zip(pairs, known, strict=True)]
        header = {
            "kind": _KIND,
            "config": self.module.config.to_dict(),
            "scaler": self.scaler.to_dict(),
            "window": self.window,
            "units": self.units,
            "groups": self.groups,
            "sites": self.sites,
            "places": places,
            "period": self.period,
            "about": {**self.about, **(about or {})},
            "training": self.training,
        }
        return write_checkpoint(path, self.module.state_dict(), header)

    @classmethod
    def load(cls, path, *, variable_map=None):
        """Read an encoder written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.
        variable_map : dict, default=None
            As for the constructor.

        Returns
        -------
        StefaLandEncoder
            The encoder, on the CPU.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged, was changed or does not hold a whole encoder of this
            library. Nothing is loaded in part.
        TypeError, ValueError
            If `variable_map` does not fit the encoder.

        Warns
        -----
        DataWarning
            If a later major version of the library wrote the file.
        """
        tensors, header = read_checkpoint(path, kind=_KIND)
        try:
            config = BackboneConfig.from_dict(header["config"])
            check_weights(config, tensors)
            module = build_network(config, flatten_weights(tensors))
            scaler = PanelScaler.from_dict(header["scaler"])
            places = header["places"]
            if places is not None:
                places = [(np.nan, np.nan) if pair is None else pair for pair in places]
                places = np.reshape(places, (-1, 2))
            names = ("units", "groups", "sites", "period", "about", "training")
            rest = {name: header[name] for name in names}
            encoder = cls(module, scaler, header["window"], places=places, **rest)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(
                f"The checkpoint {str(path)!r} does not hold a whole encoder: {reason}"
            ) from error
        return encoder if variable_map is None else encoder.with_variable_map(variable_map)

    @classmethod
    def from_pretrained(cls, name_or_path, *, variable_map=None):
        """Read an encoder from a file, a folder or the Hugging Face hub.

        Parameters
        ----------
        name_or_path : str or Path
            A file, a folder with one ``.safetensors`` file, or ``"owner/name"`` of a model on
            the hub, for which the package huggingface_hub is needed
            (``pip install 'stefaland-sk[hub]'``).
        variable_map : dict, default=None
            As for the constructor.

        Returns
        -------
        StefaLandEncoder
            The encoder, on the CPU.

        Raises
        ------
        FileNotFoundError
            If there is no such file or folder, and it is no name of the hub's form.
        CheckpointError
            If the hub does not give the model, or the file is not a whole encoder.
        ImportError
            If huggingface_hub is needed but not installed.
        """
        return cls.load(find_checkpoint(name_or_path), variable_map=variable_map)

    @classmethod
    def from_original(
        cls,
        path,
        *,
        forcings,
        attributes,
        scaler,
        window=365,
        n_heads=4,
        units=None,
        groups=None,
        sites=(),
        places=None,
        period=None,
        about=None,
        variable_map=None,
    ):
        """Read a ``.pt`` file of the original StefaLand release, without executing any of it.

        Every tensor of the file must be known, fit and be used, and every weight of the network
        comes from the file. The static token keeps the position that it had in pretraining,
        behind the last day of a window. The table of numbers that stood for hidden attributes,
        of which the original took a row by the sample's place in its batch, becomes its mean.

        Parameters
        ----------
        path : str or Path
            A state dict, or the original's checkpoint that holds one; also of a wrapped model.
        forcings, attributes : list of str or str
            Names of the variables, in the order of the original's configuration, because the
            mask values go by order; or the name of a variable set (`get_variable_set`), for the
            variables of that set in the order of the file.
        scaler : dict, str, Path or PanelScaler
            Statistics of the pretraining data, which the file does not have: a dict {variable:
            (mean, standard deviation)}, or the original's own with the arrays ``x_mean``,
            ``x_std``, ``c_mean`` and ``c_std``; a ``.json`` file of either; a ``.csv`` file with
            the columns variable, mean and std. To these, 1e-5 is added to each standard
            deviation, as the original did; a PanelScaler is taken as it is.
        window : int, default=365
            Steps of a pretraining window.
        n_heads : int, default=4
            Attention heads. They cannot be told from the file; the original always has 4.
        units : dict of str to str, default=None
            Units of the variables, besides those of a variable set.
        groups : dict of str to list of str, default=None
            Variables hidden together in pretraining; None takes those of a variable set.
        sites, places, period, about, variable_map
            As for the constructor. Without `sites` nobody can be warned of sites seen.

        Returns
        -------
        StefaLandEncoder
            The encoder, on the CPU.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged, holds objects that could run code, is of another model or
            variant, or has other variables than named.
        ValueError
            If statistics are missing, or an option is not legal.
        """
        arguments = read_original(
            path,
            forcings=forcings,
            attributes=attributes,
            scaler=scaler,
            window=window,
            n_heads=n_heads,
            units=units,
            groups=groups,
            about=about,
        )
        return cls(
            **arguments, sites=sites, places=places, period=period, variable_map=variable_map
        )


def _compare_sizes(config, scaler):
    """Raise if a scaler has not one mean and one spread for each variable of the network."""
    for role, n_variables in (("forcing", config.n_forcings), ("attribute", config.n_attributes)):
        for part in ("names", "mean", "std"):
            n_values = len(getattr(scaler, f"{role}_{part}"))
            if n_values != n_variables:
                raise ValueError(
                    f"its {role}_{part} have {n_values} values for {n_variables} variables."
                )
