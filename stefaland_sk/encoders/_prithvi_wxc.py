"""Prithvi WxC, run by its published code, as an encoder of sites."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from stefaland_sk._core import CheckpointError, check_option, import_optional
from stefaland_sk.encoders._module_encoder import ModuleEncoder, Samples
from stefaland_sk.encoders._module_weights import find_weights, load_weights, read_weights
from stefaland_sk.encoders._registry import as_entry
from stefaland_sk.encoders._weights import flatten_weights, view_weights

_ARRAYS = ("x", "static", "climate", "input_time", "lead_time")
# What its constructor takes and keeps under the same name; scalers are among the weights.
_KEPT = (
    *("in_channels", "input_size_time", "in_channels_static", "n_lats_px", "n_lons_px"),
    *("patch_size_px", "mask_unit_size_px", "embed_dim", "n_blocks_encoder", "mlp_multiplier"),
    *("n_heads", "residual", "positional_encoding"),
    *("input_scalers_epsilon", "static_input_scalers_epsilon"),
)


class PrithviWxCEncoder(ModuleEncoder):
    """Turn weather fields around each site into features with Prithvi WxC [1]_.

    The network is that of the package prithviwxc; its encoder is run without masking, and
    the decoder is left out. Fields are never downloaded here.

    Parameters
    ----------
    module : PrithviWxC
        The network, for the size of the fields. Its encoder is taken; they share the weights.
    fields : mapping of str to dict
        For each site, by its identifier, what the package's ``preproc`` makes of MERRA-2
        on a grid around the site: arrays ``x`` of shape (n_samples, 2, n_variables,
        n_lats, n_lons), ``static`` of shape (n_samples, n_static, n_lats, n_lons),
        ``climate`` of shape (n_samples, n_variables, n_lats, n_lons) where the network
        asks for it, ``input_time`` and ``lead_time`` [h] of shape (n_samples,); and
        perhaps ``time``, the dates of the samples. With dates, there are features of
        days: those of the latest sample. Not scaled: the network does that. The mapping is
        asked for one site at a time, so that one of your own may read files.
    pool : {"mean", "centre"}, default="mean"
        Whether the features of all patches are averaged, or of the four in the middle,
        where the site is.
    entry : str or WeightsEntry, default=None
        Where the weights come from.
    cache : FeatureCache, str or Path, default=None
        Where features are kept, so that each sample is read only once: a cache, or its
        folder. Estimators in a cross-validation ask for the same sites again and again.
    sites, places, about
        As for `SiteEmbeddingEncoder`.

    Raises
    ------
    ImportError
        If the package prithviwxc is not installed.
    TypeError, ValueError
        If the network or the fields are not as they should be.

    Notes
    -----
    Attention sees the whole grid, in units of 30 by 32 cells. The network was trained
    with the globe; on a part of it, its features are those of a smaller world. The weights
    have 2.3 billion numbers: about 9 GiB of memory, and minutes per sample of the whole
    globe on a processor.

    References
    ----------
    .. [1] Schmude, J. et al. (2024). Prithvi WxC: Foundation model for weather and
       climate. arXiv:2409.13598.

    Examples
    --------
    The published weights, if they lie on this machine (or ``allow_download=True``):

    >>> from stefaland_sk.encoders import PrithviWxCEncoder
    >>> encoder = PrithviWxCEncoder.from_pretrained(
    ...     fields, path="prithvi.wxc.2300m.v1.pt"
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        module,
        fields,
        *,
        pool="mean",
        entry=None,
        cache=None,
        sites=(),
        places=None,
        about=None,
    ):
        check_option("pool", pool, ["mean", "centre"])
        absent = [name for name in _KEPT if not hasattr(module, name)]
        if absent:
            raise TypeError(
                f"`module` must be a PrithviWxC of the package prithviwxc. Got "
                f"{type(module).__name__}, which has no {absent[0]!r}."
            )
        if module.__dict__.get("_encoder_shift"):
            raise ValueError("A PrithviWxC whose encoder shifts its windows is not known here.")
        self.pool = pool
        self._config = {name: _plain(getattr(module, name)) for name in _KEPT}
        encoder = _build(self._config)
        load_weights(encoder, module.state_dict(), "the module given")
        super().__init__(
            encoder, fields, module.embed_dim, as_entry(entry), cache, sites, places, about
        )

    @classmethod
    def from_pretrained(
        cls,
        fields,
        *,
        path=None,
        allow_download=False,
        grid=None,
        pool="mean",
        n_heads=16,
        mask_unit=(30, 32),
        entry="prithvi_wxc",
        cache=None,
        sites=(),
        places=None,
        about=None,
    ):
        """Build the network of the published code, with weights from a file or from the hub.

        Sizes follow from the weights, but for those that cannot be told from them.

        Parameters
        ----------
        fields : mapping
            As for the constructor.
        path : str or Path, default=None
            File of the weights (safetensors, or one of `torch.save`, of which nothing is
            executed), or its folder. None looks among what was downloaded before.
        allow_download : bool, default=False
            Whether the weights may be downloaded from the Hugging Face hub.
        grid : tuple of two int, default=None
            Cells of the fields along latitude and longitude; multiples of `mask_unit`. None
            takes those of the first site.
        pool
            As for the constructor.
        n_heads : int, default=16
            Attention heads.
        mask_unit : tuple of two int, default=(30, 32)
            Cells of a window of attention.
        entry : str or WeightsEntry, default="prithvi_wxc"
            Which weights.
        cache, sites, places, about
            As for the constructor.

        Returns
        -------
        PrithviWxCEncoder
            The encoder, on the CPU.

        Raises
        ------
        ImportError
            If the package prithviwxc is not installed.
        FileNotFoundError, CheckpointError
            If there are no weights, or not those of such a network.
        TypeError, ValueError
            If an option or the fields are not as they should be.
        """
        import_optional("PrithviWxC.model", "prithvi", "PrithviWxCEncoder")
        entry = as_entry(entry)
        _check_mapping(fields)
        where = find_weights(entry, path, allow_download)
        tensors = read_weights(where)
        if grid is None:
            grid = np.shape(_get_array(fields[next(iter(fields))], "x"))[-2:]
        config = _config_of(tensors, where, grid, n_heads, mask_unit)
        module = _build(config)
        load_weights(module, tensors, where)
        more = {"cache": cache, "sites": sites, "places": places, "about": about}
        return cls(module, fields, pool=pool, entry=entry, **more)

    # ------------------------------------------------------------------ pickling
    # The network holds functions without a name, which cannot be pickled: it is built anew.
    def __getstate__(self):
        state = super().__getstate__()
        module = state.pop("module")
        return {**state, "_flat": flatten_weights(module.state_dict())}

    def __setstate__(self, state):
        flat = state.pop("_flat")
        vars(self).update(state)
        module = _build(self._config)
        load_weights(module, view_weights(flat, module.state_dict()), "the pickle")
        self.module = module.eval().requires_grad_(False)

    # ------------------------------------------------------------------ features
    def _read(self, site, value):
        config = self._config
        grid = (config["n_lats_px"], config["n_lons_px"])
        n_static = config["in_channels_static"] + 2 * (config["positional_encoding"] == "fourier")
        shapes = {
            "x": (config["input_size_time"], config["in_channels"], *grid),
            "static": (n_static, *grid),
            "climate": (config["in_channels"], *grid),
            "input_time": (),
            "lead_time": (),
        }
        if config["residual"] != "climate":
            shapes.pop("climate")
        arrays = {name: _get_array(value, name) for name in shapes}
        n = len(arrays["x"]) if arrays["x"].ndim else 0
        for name, shape in shapes.items():
            if arrays[name].shape != (n, *shape) or n == 0:
                raise ValueError(
                    f"{name!r} must have the shape (n_samples, {', '.join(map(str, shape))}); got "
                    f"{arrays[name].shape}"
                )
            if not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name!r} has values that are not finite; the network takes none")
        if "time" not in value:
            return Samples(arrays)
        times = pd.DatetimeIndex(np.atleast_1d(np.asarray(value["time"])))
        if len(times) != n or not times.is_unique or times.hasnans:
            raise ValueError(f"'time' must hold {n} dates, each once")
        order = np.argsort(times)
        return Samples({name: array[order] for name, array in arrays.items()}, times[order])

    def _run(self, network, tensors):
        model = import_optional("PrithviWxC.model", "prithvi", "PrithviWxCEncoder")
        x, found = tensors["x"], []
        # The published function asks for a target only to compare its shape.
        batch = {**tensors, "y": x[:, 0]}
        hook = network.encoder.register_forward_hook(lambda _, __, output: found.append(output))
        try:
            with warnings.catch_warnings(), torch.device(x.device):
                warnings.simplefilter("ignore", FutureWarning)  # of its choice of attention
                model.masked_inference(network, batch)
        finally:
            hook.remove()
        tokens = network.from_patching(found[0])[0]  # (d_model, latitude, longitude)
        if self.pool == "centre":
            rows, columns = (size // 2 for size in tokens.shape[1:])
            tokens = tokens[:, max(rows - 1, 0) : rows + 1, max(columns - 1, 0) : columns + 1]
        return tokens.mean(dim=(1, 2))

    def _settings(self):
        return (self.pool, repr(sorted(self._config.items())))

    def __repr__(self):
        n = len(self._inputs)
        grid = f"{self._config['n_lats_px']} x {self._config['n_lons_px']} cells"
        return (
            f"PrithviWxCEncoder(d_model={self.d_model}, {grid}, fields of {n} site{'s' * (n != 1)})"
        )


def _build(config):
    """Build the encoder of a network without its weights, which must be loaded."""
    published = import_optional("PrithviWxC.model", "prithvi", "PrithviWxCEncoder").PrithviWxC
    n_static = config["in_channels_static"] + 3 * (config["positional_encoding"] == "fourier")
    with torch.device("meta"):  # no memory and no values: each weight must come from elsewhere
        scalers = {
            "input_scalers_mu": torch.zeros(config["in_channels"]),
            "input_scalers_sigma": torch.ones(config["in_channels"]),
            "static_input_scalers_mu": torch.zeros(n_static),
            "static_input_scalers_sigma": torch.ones(n_static),
            "output_scalers": torch.ones(config["in_channels"]),
        }
        module = published(
            **config,
            **scalers,
            n_blocks_decoder=0,
            mask_ratio_inputs=0.0,
            mask_ratio_targets=0.0,
            dropout=0.0,
            drop_path=0.0,
            parameter_dropout=0.0,
            masking_mode="global",
        )
    module.decoder = torch.nn.Identity()
    # What the published function does behind the encoder is made as cheap as it can be.
    module.unembed = _Unembedded(module)
    return module.eval().requires_grad_(False)


class _Unembedded(torch.nn.Module):
    """Give zeros of the shape that a decoder's output has."""

    def __init__(self, module):
        super().__init__()
        self.n_values = module.in_channels * module.patch_size_px[0] * module.patch_size_px[1]

    def forward(self, x):
        """Give a view on one zero: it takes no memory."""
        return x.new_zeros(1).expand(*x.shape[:-1], self.n_values)


def _config_of(tensors, where, grid, n_heads, mask_unit):
    """Tell the sizes of a network from its weights."""
    try:
        in_channels = tensors["input_scalers_mu"].shape[2]
        embed_dim, n_inputs, *patch = tensors["patch_embedding.proj.weight"].shape
        n_static = tensors["patch_embedding_static.proj.weight"].shape[1]
        n_scaled = tensors["static_input_scalers_mu"].shape[1]
        prefix = "encoder.lgl_block.transformers."
        mine = [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]
        n_layers = len({name.partition(".")[0] for name in mine})
        wide = tensors[f"{prefix}0.ff.1.net.0.weight"].shape[0]
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"{str(where)!r} does not hold the weights of a Prithvi WxC: {error} is missing."
        ) from error
    climate = n_static > in_channels
    n_static -= in_channels * climate
    return {
        "in_channels": in_channels,
        "input_size_time": n_inputs // in_channels,
        "in_channels_static": n_static,
        "n_lats_px": int(grid[0]),
        "n_lons_px": int(grid[1]),
        "patch_size_px": list(patch),
        "mask_unit_size_px": list(mask_unit),
        "embed_dim": embed_dim,
        "n_blocks_encoder": (n_layers - 1) // 2,
        "mlp_multiplier": wide // embed_dim,
        "n_heads": n_heads,
        "residual": "climate" if climate else "none",
        # The position has two channels of its own, or is three of the scaled ones.
        "positional_encoding": "fourier" if n_scaled == n_static + 3 else "absolute",
        "input_scalers_epsilon": 0.0,
        "static_input_scalers_epsilon": 0.0,
    }


def _plain(value):
    """Turn sequences, such as those of a configuration file, into lists."""
    return list(value) if isinstance(value, list | tuple) else value


def _check_mapping(fields):
    """Raise unless fields are a mapping with a site."""
    if not isinstance(fields, Mapping) or not len(fields):
        raise TypeError(
            f"`fields` must be a mapping from site to arrays. Got {type(fields).__name__}."
        )


def _get_array(value, name):
    """Give one array of a site as float32."""
    if not isinstance(value, Mapping):
        raise TypeError(f"the fields of a site are a mapping with {list(_ARRAYS)}")
    if name not in value:
        raise ValueError(f"there is no {name!r}; it has {list(value)}")
    return np.asarray(value[name], dtype=np.float32)
