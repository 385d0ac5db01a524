"""Checkpoints of the original release: weights read by name, nothing of the file executed."""

import json
import re
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stefaland_sk._core import CheckpointError, check_number
from stefaland_sk.data import PanelScaler, get_variable_set
from stefaland_sk.modules import BackboneConfig, MaskedAutoencoder

_POSITION = "positional_encoding.position_embedding"
_FORCING, _ATTRIBUTES = "time_series_embedding.embeddings", "static_embedding.numerical_embeddings"
_FORCING_HEADS = "time_series_projection.embeddings"
_ATTRIBUTE_HEADS = "static_projection.numerical_embeddings"
_LAYERS = "transformer_encoder.layers."
_CONTAINERS = ("model_state_dict", "state_dict", "model")
_SHOWN = 5  # names in a message
# What the original adds to each standard deviation before it divides by it.
_EPSILON = 1e-5


def read_original(
    path,
    *,
    forcings,
    attributes,
    scaler,
    window=365,
    n_heads=4,
    units=None,
    groups=None,
    about=None,
):
    """Read a ``.pt`` file of the original release; see `StefaLandEncoder.from_original`.

    Parameters
    ----------
    path : str or Path
        The file.
    forcings, attributes, scaler, window, n_heads, units, groups, about
        As there.

    Returns
    -------
    dict
        Arguments of `StefaLandEncoder`: what the file and these options say.
    """
    tensors, others = _read_tensors(Path(path))
    known = {}
    for role in (forcings, attributes):
        known |= get_variable_set(role).units if isinstance(role, str) else {}
    chosen = get_variable_set(attributes) if isinstance(attributes, str) else None
    forcings = _check_names("forcings", forcings, _names_in(tensors, _FORCING), path)
    attributes = _check_names("attributes", attributes, _names_in(tensors, _ATTRIBUTES), path)
    known |= units or {}
    if groups is None and chosen is not None:
        groups = chosen.groups_in(attributes)
    config = _infer_config(tensors, forcings, attributes, window, n_heads)
    with torch.device("meta"):  # no weight is drawn: each must come from the file
        module = MaskedAutoencoder(config)
    state = _convert(_Tensors(tensors, path), config, forcings, attributes)
    module.load_state_dict(state, strict=True, assign=True)
    return {
        "module": module,
        "scaler": _make_scaler(scaler, forcings, attributes),
        "window": window,
        "units": {name: known[name] for name in [*forcings, *attributes] if name in known},
        "groups": groups,
        "about": {"origin": "original release", "unused": sorted(others), **(about or {})},
    }


# --- reading ---------------------------------------------------------------------------------


class _Shell:
    """Stands for a number of numpy in the file (an epoch, a loss); nothing is made of it."""

    def __init__(self, *values):
        pass

    def __setstate__(self, state):
        pass


# The original saves the epoch and the losses as numpy numbers, which torch does not read.
_SHELLS = [
    type(name, (_Shell,), {"__module__": module})
    for module, name in (
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
    )
]


@contextmanager
def _allow_shells():
    """Let torch put shells in the place of numpy numbers."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals(_SHELLS)
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _reason(error):
    """Word why torch has not read a file, without its advice to read it at any risk."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found:
        return f"it calls {found[1]}"
    if "weights_only" in str(error):
        return "it is a pickle of more than weights"
    return str(error).split("\n")[0][:200]


def _read_tensors(path):
    """Give the network's tensors under the original's names, and the names of other entries."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint at {str(path)!r}.")
    try:
        with _allow_shells(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # the error says more
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file made to harm may break the reader anywhere
        raise CheckpointError(
            f"{str(path)!r} cannot be read as weights only ({_reason(error)}). It is damaged, no "
            "file of `torch.save`, or made to run a program when it is opened. Nothing in it was "
            "executed."
        ) from error
    others = []
    while isinstance(content, Mapping):
        inner = [name for name in _CONTAINERS if isinstance(content.get(name), Mapping)]
        if not inner:
            break
        others += [name for name in content if name != inner[0]]
        content = content[inner[0]]
    tensors = content if isinstance(content, Mapping) else {}
    places = [str(name) for name in tensors if str(name).endswith(_POSITION)]
    if len(places) != 1:
        raise CheckpointError(
            f"{str(path)!r} is no checkpoint of the original StefaLand: there is no tensor "
            f"{_POSITION!r} in it. It has {_some(map(str, tensors)) or 'no tensors at all'}."
        )
    wrapper = places[0].removesuffix(_POSITION)  # such as "module." of several GPUs
    tensors = {str(name).removeprefix(wrapper): value for name, value in tensors.items()}
    classes = [name for name in tensors if ".categorical_" in name]
    if classes:
        raise CheckpointError(
            f"{str(path)!r} has categorical attributes ({_some(classes)}). The original release "
            "cannot train them, and this reader does not know them."
        )
    return tensors, others


def _names_in(tensors, stem):
    """Give the variables of a table of small networks, in the order of the file."""
    start, end = f"{stem}1.", ".weight"
    return [n[len(start) : -len(end)] for n in tensors if n.startswith(start) and n.endswith(end)]


def _check_names(role, names, in_file, path):
    """Compare the names that the caller expects with those in the file."""
    by_order = not isinstance(names, str)
    if not by_order:
        chosen = get_variable_set(names)
        names = chosen.forcing_names if role == "forcings" else chosen.attribute_names
    given = [str(name) for name in names]
    missing, extra = set(given) - set(in_file), set(in_file) - set(given)
    if missing or extra or len(set(given)) < len(given):
        raise CheckpointError(
            f"`{role}` are not those of {str(path)!r}. Not in the file: {_some(sorted(missing))}; "
            f"in the file only: {_some(sorted(extra))}. The file has, in this order: {in_file}."
        )
    if by_order and given != in_file:
        raise CheckpointError(
            f"`{role}` stand in another order than in {str(path)!r}, and its mask values have no "
            f"names: they go by this order. The file has {in_file}; got {given}. If the scaler's "
            "statistics come without names, they must have the same order, too."
        )
    return in_file


# --- conversion ------------------------------------------------------------------------------


def _infer_config(tensors, forcings, attributes, window, n_heads):
    """Read the sizes of the network off the shapes of its tensors."""
    rows, d_model = _shape(tensors, _POSITION)
    # Zero layers of that name: the decoder is an LSTM, which has one.
    n_decoder_layers = _count_layers(tensors, f"decoder.{_LAYERS}")
    stem, names = (_FORCING, forcings) if forcings else (_ATTRIBUTES, attributes)
    check_number("window", window, low=1, high=rows - 1, integer=True)
    return BackboneConfig(
        n_forcings=len(forcings),
        n_attributes=len(attributes),
        d_model=d_model,
        n_heads=n_heads,
        n_layers=_count_layers(tensors, f"encoder.{_LAYERS}"),
        d_feedforward=_shape(tensors, f"encoder.{_LAYERS}0.linear1.weight")[0],
        d_embedding=_shape(tensors, f"{stem}1.{names[0]}.weight")[0],
        max_length=rows,
        static_position=window,  # the static token followed the last day
        attribute_mask_style="scalar",
        decoder="transformer" if n_decoder_layers else "lstm",
        n_decoder_layers=n_decoder_layers or 1,
    )


def _shape(tensors, name):
    """Give the two sizes of a matrix of the file."""
    tensor = tensors.get(name)
    if not isinstance(tensor, torch.Tensor) or tensor.ndim != 2:
        raise CheckpointError(f"The file has no matrix {name!r}, from which its sizes are read.")
    return tuple(tensor.shape)


def _count_layers(tensors, stem):
    """Count the transformer layers whose names begin with `stem`."""
    return len({n[len(stem) :].split(".")[0] for n in tensors if n.startswith(stem)})


class _Tensors:
    """The tensors of a file, each to be taken once; `finish` tells what did not fit."""

    def __init__(self, tensors, path):
        self.tensors, self.path = tensors, path
        self.left = set(tensors)
        self.missing, self.odd = [], []

    def take(self, name, *shape):
        """Give a tensor, float32; zeros in the place of one that does not fit."""
        self.left.discard(name)
        tensor = self.tensors.get(name)
        if tensor is None:
            self.missing.append(name)
        elif not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            self.odd.append(f"{name} is no tensor of real numbers")
        elif tensor.shape != shape:
            self.odd.append(f"{name} has shape {tuple(tensor.shape)} in place of {shape}")
        elif not tensor.isfinite().all():
            self.odd.append(f"{name} holds values that are not finite")
        else:
            return tensor.detach().float().clone()
        return torch.zeros(shape)

    def stack(self, stem, names, part, *shape):
        """Give the tensors of all variables as one, the variable first."""
        if not names:
            return torch.zeros(0, *shape)
        return torch.stack([self.take(f"{stem}.{name}.{part}", *shape) for name in names])

    def finish(self):
        """Raise if a tensor is missing, odd, or left over."""
        if not (self.missing or self.odd or self.left):
            return
        raise CheckpointError(
            f"{str(self.path)!r} is not the model that its names announce, or another variant of "
            f"the original. Missing: {_some(self.missing)}. Not fitting: {_some(self.odd)}. Left "
            f"over: {_some(sorted(self.left))}. No weight was loaded."
        )


def _convert(file, config, forcings, attributes):
    """Turn the original's tensors into the state of our network."""
    d = config.d_model
    state = {
        **_embedding(file, "embed_forcing", _FORCING, forcings, config),
        "embed_forcing.mask_token": file.take(
            "time_series_embedding.masked_values", len(forcings), d
        ),
        **_embedding(file, "embed_attributes", _ATTRIBUTES, attributes, config),
        "embed_attributes.mask_token": _mean_of_rows(file, len(attributes)),
        **_heads(file, "forcing_heads", _FORCING_HEADS, forcings, config),
        **_heads(file, "attribute_heads", _ATTRIBUTE_HEADS, attributes, config),
        "backbone.position": file.take(_POSITION, config.max_length, d),
        **_linear(file, "backbone.norm", "encoder_norm", d),
        **_linear(file, "encoder_to_decoder", "enc_2_dec_embedding", d, d),
        **_linear(file, "decoder_norm", "decoder_norm", d),
    }
    for i in range(config.n_layers):
        state |= _layer(file, f"backbone.layers.{i}", f"encoder.{_LAYERS}{i}", config)
    if config.decoder == "transformer":
        for i in range(config.n_decoder_layers):
            state |= _layer(file, f"decoder.{i}", f"decoder.{_LAYERS}{i}", config)
    else:
        weights, biases = (4 * d, d), (4 * d,)
        for part, shape in (
            ("weight_ih_l0", weights),
            ("weight_hh_l0", weights),
            ("bias_ih_l0", biases),
            ("bias_hh_l0", biases),
        ):
            state[f"decoder.{part}"] = file.take(f"decoder.{part}", *shape)
    file.finish()
    return state


def _embedding(file, ours, theirs, names, config):
    """The small networks that embed each variable."""
    d, inner = config.d_model, config.d_embedding
    return {
        f"{ours}.weight_in": file.stack(f"{theirs}1", names, "weight", inner, 1).squeeze(-1),
        f"{ours}.bias_in": file.stack(f"{theirs}1", names, "bias", inner),
        f"{ours}.weight_out": file.stack(f"{theirs}2", names, "weight", d, inner).mT.contiguous(),
        f"{ours}.bias_out": file.stack(f"{theirs}2", names, "bias", d),
    }


def _heads(file, ours, theirs, names, config):
    """The small networks that reconstruct each variable."""
    d, inner = config.d_model, config.d_embedding
    return {
        f"{ours}.weight_in": file.stack(f"{theirs}1", names, "weight", inner, d),
        f"{ours}.bias_in": file.stack(f"{theirs}1", names, "bias", inner),
        f"{ours}.weight_out": file.stack(f"{theirs}2", names, "weight", 1, inner).squeeze(1),
        f"{ours}.bias_out": file.stack(f"{theirs}2", names, "bias", 1).squeeze(1),
    }


def _mean_of_rows(file, n_attributes):
    """The number that stands for each hidden attribute: the mean over the file's table.

    The original took the row by the sample's place in its batch, which says nothing about it.
    """
    name = "static_embedding.masked_values"
    table = file.tensors.get(name)
    rows = len(table) if isinstance(table, torch.Tensor) and table.ndim == 2 else 0
    return file.take(name, rows, n_attributes).double().mean(0).float()


def _linear(file, ours, theirs, n_out, *n_in):
    """A linear layer or a normalisation."""
    return {
        f"{ours}.weight": file.take(f"{theirs}.weight", n_out, *n_in),
        f"{ours}.bias": file.take(f"{theirs}.bias", n_out),
    }


def _layer(file, ours, theirs, config):
    """One transformer layer; queries, keys and values lie one upon another in both."""
    d, inner = config.d_model, config.d_feedforward
    return {
        f"{ours}.qkv.weight": file.take(f"{theirs}.self_attn.in_proj_weight", 3 * d, d),
        f"{ours}.qkv.bias": file.take(f"{theirs}.self_attn.in_proj_bias", 3 * d),
        **_linear(file, f"{ours}.project", f"{theirs}.self_attn.out_proj", d, d),
        **_linear(file, f"{ours}.expand", f"{theirs}.linear1", inner, d),
        **_linear(file, f"{ours}.contract", f"{theirs}.linear2", d, inner),
        **_linear(file, f"{ours}.norm_attention", f"{theirs}.norm1", d),
        **_linear(file, f"{ours}.norm_feedforward", f"{theirs}.norm2", d),
    }


# --- the scaler ------------------------------------------------------------------------------


def _make_scaler(scaler, forcings, attributes):
    """Turn the caller's statistics into a scaler."""
    table = _statistics(scaler, forcings, attributes)
    names = [*forcings, *attributes]
    missing = [name for name in names if name not in table]
    if missing:
        raise ValueError(
            f"`scaler` has no mean and standard deviation of {_some(missing)}. Give them for each "
            "variable of the checkpoint."
        )
    values = np.array([table[name] for name in names], dtype=np.float64).reshape(-1, 2)
    wrong = ~np.isfinite(values).all(axis=1) | (values[:, 1] <= 0)
    if wrong.any():
        name = names[int(np.argmax(wrong))]
        raise ValueError(
            f"`scaler` gives {name!r} the mean {table[name][0]} and the standard deviation "
            f"{table[name][1]}; both must be finite, and the latter above 0."
        )
    n = len(forcings)
    return PanelScaler(
        forcing_names=list(forcings),
        forcing_mean=values[:n, 0],
        forcing_std=values[:n, 1],
        attribute_names=list(attributes),
        attribute_mean=values[n:, 0],
        attribute_std=values[n:, 1],
    )


def _statistics(scaler, forcings, attributes):
    """Give variable -> (mean, what to divide by)."""
    if isinstance(scaler, PanelScaler):
        names = [*scaler.forcing_names, *scaler.attribute_names]
        means = [*scaler.forcing_mean, *scaler.attribute_mean]
        stds = [*scaler.forcing_std, *scaler.attribute_std]
        return dict(zip(names, zip(means, stds, strict=True), strict=True))
    if isinstance(scaler, str | Path):
        scaler = _read_statistics(Path(scaler))
    if not isinstance(scaler, Mapping):
        raise ValueError(
            "The weights alone are of no use: the network reads scaled values. Give `scaler`: a "
            "dict {variable: (mean, standard deviation)}, the original's dict with 'x_mean', "
            "'x_std', 'c_mean' and 'c_std', a .json file of either, a .csv file with the columns "
            f"variable, mean and std, or a PanelScaler. Got {type(scaler).__name__}."
        )
    if "x_mean" in scaler:
        scaler = _by_name(scaler, "x", forcings) | _by_name(scaler, "c", attributes)
    return {name: (float(mean), float(std) + _EPSILON) for name, (mean, std) in scaler.items()}


def _by_name(scaler, role, names):
    """Name the statistics of the original's dict, which are arrays in the order of variables."""
    mean, std = (np.ravel(scaler.get(f"{role}_{kind}", ())) for kind in ("mean", "std"))
    if not len(mean) == len(std) == len(names):
        raise ValueError(
            f"`scaler` has {len(mean)} values of '{role}_mean' and {len(std)} of '{role}_std' for "
            f"the {len(names)} variables {_some(names)}."
        )
    return dict(zip(names, zip(mean, std, strict=True), strict=True))


def _read_statistics(path):
    """Read statistics from a JSON or CSV file."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".csv":
        table = pd.read_csv(path).set_index("variable")
        return dict(zip(table.index, table[["mean", "std"]].to_numpy(), strict=True))
    raise ValueError(
        f"`scaler` must be a .json or .csv file; got {str(path)!r}. The original's scaler is a "
        "pickle, which may run any program: open it yourself where you trust it, and pass the "
        "dict that it holds."
    )


def _some(names):
    """List the first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"
