"""An encoder in words."""

import textwrap

import numpy as np


def in_words(title, rows):
    """Lay out what is told of an encoder.

    Parameters
    ----------
    title : str
        The first line.
    rows : list of tuple of two str
        Label and text.

    Returns
    -------
    str
        A few lines, the texts below one another.
    """
    width = max((len(label) for label, _ in rows), default=0) + 2
    lines = [
        textwrap.fill(
            text,
            96,
            initial_indent=f"  {label:<{width}}",
            subsequent_indent=" " * (width + 2),
            break_on_hyphens=False,
            break_long_words=False,  # addresses stay whole
        )
        for label, text in rows
    ]
    return "\n".join([title, *lines])


def tell_network(encoder):
    """Tell the sizes of a StefaLand network, and the variables that it reads.

    Parameters
    ----------
    encoder : StefaLandEncoder
        Any encoder.

    Returns
    -------
    list of tuple of two str
        Label and text.
    """
    config, scaler = encoder.module.config, encoder.scaler
    n_weights = sum(value.numel() for value in encoder.module.parameters())
    windows = f"windows of {encoder.window} steps" if encoder.window else "attributes only"
    layers = f"{config.n_layers} layer{'s' * (config.n_layers != 1)}"
    sizes = f"{config.d_model} features, {layers}, {n_weights:,} weights"
    rows = [("network", f"{sizes}, {windows}")]
    grouped = {name for members in encoder.groups.values() for name in members}
    single = [name for name in scaler.attribute_names if name not in grouped]
    for label, names in (
        ("forcing", scaler.forcing_names),
        *encoder.groups.items(),
        ("attributes", single),
    ):
        if names:
            rows.append((label, ", ".join(_with_unit(name, encoder.units) for name in names)))
    return rows


def tell_seen(encoder):
    """Tell the sites and the period of a training.

    Parameters
    ----------
    encoder : Encoder
        Any encoder.

    Returns
    -------
    str
        A few words.
    """
    if not len(encoder.sites):
        return "sites that are not known"
    text = f"{len(encoder.sites)} site{'s' * (len(encoder.sites) != 1)}"
    if encoder.places is not None:
        n_known = int(np.isfinite(encoder.places).all(axis=1).sum())
        text += f", {n_known} of them with a rough place"
    period = getattr(encoder, "period", None)
    return text if period is None else f"{text}, {' to '.join(period)}"


def _with_unit(name, units):
    """Name of a variable, with its unit where that is known."""
    return f"{name} [{units[name]}]" if units.get(name) else name
