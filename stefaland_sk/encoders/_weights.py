"""Weights of a network in one flat array, so that processes can share them."""

import warnings

import torch

from stefaland_sk._core import CheckpointError
from stefaland_sk.modules import MaskedAutoencoder

_ALIGN = 64  # bytes: vector units read from such addresses as fast as they can


def flatten_weights(tensors):
    """Copy tensors into one flat array.

    Parameters
    ----------
    tensors : dict of str to Tensor
        The state of a module, on any device.

    Returns
    -------
    ndarray of uint8
        The bytes of all tensors, in the order of their names.
    """
    tensors = {name: value.detach().cpu() for name, value in tensors.items()}
    flat = torch.zeros(_layout(tensors)[1], dtype=torch.uint8)
    for name, view in _views(flat, tensors).items():
        view.copy_(tensors[name])
    return flat.numpy()


def build_network(config, flat):
    """Build a network whose weights are views on a flat array; it is for evaluation only.

    Parameters
    ----------
    config : BackboneConfig
        Sizes of the network.
    flat : ndarray of uint8
        Made by `flatten_weights`; may be read-only.

    Returns
    -------
    MaskedAutoencoder
        In evaluation mode, without gradients. No random number is drawn.
    """
    with torch.device("meta"):  # no memory and no values: each weight must come from `flat`
        module = MaskedAutoencoder(config)
    module.load_state_dict(view_weights(flat, module.state_dict()), strict=True, assign=True)
    return module.eval().requires_grad_(False)


def view_weights(flat, tensors):
    """Cut a flat array into tensors.

    Parameters
    ----------
    flat : ndarray of uint8
        Made by `flatten_weights`; may be read-only.
    tensors : dict of str to Tensor
        Tensors of the names, types and shapes that are wanted.

    Returns
    -------
    dict of str to Tensor
        Views on the array.

    Raises
    ------
    ValueError
        If the array has another size.
    """
    with warnings.catch_warnings():  # weights that are mapped from a file are read-only
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        buffer = torch.from_numpy(flat)
    return _views(buffer, tensors)


def check_weights(config, tensors):
    """Raise unless tensors are all the weights of a network, of its sizes, and numbers.

    Parameters
    ----------
    config : BackboneConfig
        Sizes of the network.
    tensors : dict of str to Tensor
        Its would-be state.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unexpected, of another shape or type, or holds NaN or infinity.
    """
    with torch.device("meta"):
        wanted = MaskedAutoencoder(config).state_dict()
    problems = []
    missing = [name for name in wanted if name not in tensors]
    unexpected = [name for name in tensors if name not in wanted]
    if missing:
        problems.append(f"missing: {_some(missing)}")
    if unexpected:
        problems.append(f"unexpected: {_some(unexpected)}")
    for name, value in wanted.items():
        there = tensors.get(name)
        if there is None:
            continue
        if there.shape != value.shape or there.dtype != value.dtype:
            problems.append(
                f"{name!r} is {_kind(there)} where the configuration asks for {_kind(value)}"
            )
        elif there.is_floating_point() and not torch.isfinite(there).all():
            n_bad = int((~torch.isfinite(there)).sum())
            problems.append(f"{name!r} has {n_bad} values that are NaN or infinite")
    if problems:
        raise CheckpointError(
            f"Its weights do not fit the configuration. {'; '.join(problems[:5])}. Weights are "
            "never loaded in part."
        )


def _layout(tensors):
    """Give the first byte of each tensor, and the number of bytes of all."""
    offsets, end = {}, 0
    for name, value in sorted(tensors.items()):
        offsets[name] = end
        end += -(-value.numel() * value.element_size() // _ALIGN) * _ALIGN
    return offsets, end


def _views(buffer, tensors):
    """Cut a flat tensor of bytes into views with the names, types and shapes of others."""
    offsets, n_bytes = _layout(tensors)
    if buffer.numel() != n_bytes:
        raise ValueError(f"The array has {buffer.numel()} bytes; the network needs {n_bytes}.")
    views = {}
    for name, value in tensors.items():
        stop = offsets[name] + value.numel() * value.element_size()
        views[name] = buffer[offsets[name] : stop].view(value.dtype).view(value.shape)
    return views


def _some(names):
    """List up to three names, and how many there are."""
    return f"{len(names)} tensors, such as {names[:3]}" if len(names) > 3 else str(names)


def _kind(tensor):
    """Type and shape of a tensor in words."""
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
