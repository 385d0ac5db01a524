"""What a pretrained network makes of hidden and missing values: windows of it, and whole panels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stefaland_sk.data import Panel, find_segments
from stefaland_sk.encoders._windows import cut_windows, make_lots
from stefaland_sk.estimators._corpus import bridge_gaps
from stefaland_sk.estimators._inputs import loaded_blocks
from stefaland_sk.modules import Reconstruction, ReconstructionLoss, make_keys

_SEED = 0  # of all masks drawn here


@dataclass(frozen=True)
class Lot:
    """Windows of one length, on the CPU: what they hold, what was hidden, what was made of it.

    Parameters
    ----------
    windows : ndarray of int of shape (n, 4)
        Site, first step, number of steps, first step that is new; from `cut_windows`.
    forcing, attributes : Tensor of shape (n, n_times, n_forcings) and (n, n_attributes)
        Scaled values, NaN = missing.
    forcing_hidden, attributes_hidden : bool Tensor of the same shapes
        True = hidden.
    made : Reconstruction
        What the network made of the rest.
    """

    windows: np.ndarray
    forcing: torch.Tensor
    attributes: torch.Tensor
    forcing_hidden: torch.Tensor
    attributes_hidden: torch.Tensor
    made: Reconstruction

    def errors(self, loss):
        """Sum up the errors of each variable over what was hidden, each step counted once.

        Parameters
        ----------
        loss : ReconstructionLoss
            Says what an error is.

        Returns
        -------
        ndarray of float64 of shape (2, n_forcings + n_attributes)
            Sums and counts.
        """
        steps = self.windows[:, 1:2] + np.arange(self.forcing.shape[1])
        new = torch.from_numpy(steps >= self.windows[:, 3:])
        truth = {
            "forcing": self.forcing.double(),
            "forcing_hidden": self.forcing_hidden & new[:, :, None],
            "attributes": self.attributes.double(),
            "attributes_hidden": self.attributes_hidden,
        }
        sums, counts = loss.errors(self.made, truth)
        return np.stack([sums.numpy(), counts.numpy()])


class Reconstructor:
    """Run a frozen masked autoencoder over the records of sites, parts of them hidden.

    Days without any forcing are reconstructed too where a gap is shorter than a window,
    as in pretraining.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained network with its variables and its scaler.
    device : str or torch.device
        Where to compute.
    """

    def __init__(self, encoder, device):
        self.encoder, self.device = encoder, torch.device(device)
        self.network = encoder.network_on(self.device)
        names = encoder.scaler.forcing_names, encoder.scaler.attribute_names
        self.n_forcings, self.n_attributes = map(len, names)
        config = self.network.config
        self.class_columns = config.class_columns
        # Every variable counts alike, whatever weights it was trained with.
        self.loss = ReconstructionLoss(
            self.n_forcings, self.n_attributes, n_classes=config.n_classes
        )

    def lots(self, inputs, keys, hide, *, overlap, alone):
        """Hide parts of some sites and reconstruct them, window by window.

        Parameters
        ----------
        inputs : ScaledInputs
            Some sites.
        keys : tuple of two int64 ndarray of shape (n_sites,) and (max(n_times, 1),)
            Numbers of the sites and of the steps, which masks follow from.
        hide : callable
            ``hide(keys, n_times)`` gives the masks of windows of a length, by their keys.
        overlap : bool
            Whether windows overlap by half, so that each new day has a past.
        alone : bool
            Whether the network reads one site at a time, so that what it makes of a site does
            not depend, in the last bits, on the others.

        Yields
        ------
        Lot
            Windows of one length. One of a site without forcing has no step.
        """
        windows = np.empty((0, 4), dtype=np.intp)
        if inputs.forcing is not None:
            runs = bridge_gaps(find_segments(inputs.present), self.encoder.window)
            patch = self.network.config.patch
            windows = cut_windows(runs, self.encoder.window, patch, overlap=overlap)
        bare = np.setdiff1d(np.arange(len(inputs.attributes)), windows[:, 0])
        windows = np.concatenate([windows, bare[:, None] * np.array([[1, 0, 0, 0]])])
        for lot in make_lots(windows, alone):
            yield self._reconstruct(inputs, lot, keys, hide)

    def _reconstruct(self, inputs, windows, keys, hide):
        """Reconstruct windows of one length."""
        site, start, length = windows[:, :3].T
        attributes = torch.from_numpy(inputs.attributes[site])
        forcing = torch.empty(len(site), 0, self.n_forcings)
        if length[0]:
            steps = start[:, None] + np.arange(length[0])
            forcing = torch.from_numpy(inputs.forcing[site[:, None], steps])
        keys = make_keys(_SEED, 0, torch.from_numpy(keys[0][site] + keys[1][start]))
        values = forcing, attributes, *hide(keys, int(length[0]))
        with torch.inference_mode():
            made = self.network(*(part.to(self.device) for part in values))
        made = Reconstruction(
            made.forcing.cpu(), made.attributes.cpu(), tuple(part.cpu() for part in made.logits)
        )
        return Lot(windows, *values, made)

    def fill(self, inputs, forcing_hidden, attributes_hidden, *, alone):
        """Reconstruct all that is known of some sites, some variables hidden throughout.

        Parameters
        ----------
        inputs : ScaledInputs
            Some sites.
        forcing_hidden, attributes_hidden : bool ndarray of shape (n_forcings,), (n_attributes,)
            Which variables are hidden.
        alone : bool
            As for `lots`.

        Returns
        -------
        forcing : ndarray of float32 of shape (n_sites, n_times, n_forcings), or None
            Reconstructions, scaled; NaN outside the records.
        attributes : ndarray of float64 of shape (n_sites, n_attributes)
            Reconstructions, scaled, averaged over the windows; codes of categorical ones.
        """
        n_sites = len(inputs.attributes)
        forcing = None
        if inputs.forcing is not None:
            forcing = np.full(inputs.forcing.shape, np.nan, dtype=np.float32)
        attributes, n_windows = np.zeros((n_sites, self.n_attributes)), np.zeros(n_sites)
        counts = self.network.config.n_classes
        votes = {column: np.zeros((n_sites, counts[column])) for column in self.class_columns}
        hide = hide_variables(forcing_hidden, attributes_hidden)
        n_times = 1 if forcing is None else forcing.shape[1]
        keys = np.zeros(n_sites, dtype=np.int64), np.zeros(n_times, dtype=np.int64)
        for lot in self.lots(inputs, keys, hide, overlap=True, alone=alone):
            sites = lot.windows[:, 0]
            np.add.at(n_windows, sites, 1)
            np.add.at(attributes, sites, lot.made.attributes.double().numpy())
            for column, logits in zip(self.class_columns, lot.made.logits, strict=True):
                chances = logits.double().softmax(dim=1).numpy()
                np.add.at(votes[column], sites, chances)
            days = lot.made.forcing.numpy()
            for (site, start, length, new), values in zip(lot.windows, days, strict=True):
                if length:
                    forcing[site, new : start + length] = values[new - start :]
        attributes /= n_windows[:, None]
        for column, chances in votes.items():
            attributes[:, column] = chances.argmax(axis=1)
        return forcing, attributes


def hide_variables(forcing_hidden, attributes_hidden):
    """Give the function that hides the same variables throughout, for `Reconstructor.lots`.

    Parameters
    ----------
    forcing_hidden, attributes_hidden : bool ndarray of shape (n_forcings,), (n_attributes,)
        Which variables are hidden.

    Returns
    -------
    callable
        ``hide(keys, n_times) -> forcing_hidden, attributes_hidden`` for windows.
    """
    forcing, attributes = map(torch.from_numpy, (forcing_hidden, attributes_hidden))

    def hide(keys, n_times):
        return forcing.expand(len(keys), n_times, -1), attributes.expand(len(keys), -1)

    return hide


def reconstruct(encoder, panel, hide, unlearned, device):
    """Fill what is missing of a panel, and what is to be hidden of it.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained network.
    panel : Panel
        Any sites.
    hide : sequence of str
        Variables, or groups of them, that count as missing.
    unlearned : list of str
        Attributes that were never hidden in pretraining; they stay as they are.
    device : str
        Where to compute.

    Returns
    -------
    Panel
        See `StefaLandTransformer.reconstruct`.

    Raises
    ------
    ValueError
        If a name to hide is unknown or was never hidden in pretraining.
    """
    run, scaler = Reconstructor(encoder, device), encoder.scaler
    hidden = _columns_to_hide(encoder, hide, unlearned)
    shown = np.isin(scaler.attribute_names, unlearned)
    forcing, tables, units = None, [], {}
    if panel.time is not None and scaler.forcing_names:
        forcing = np.empty((*panel.shape[:2], run.n_forcings), dtype=np.float32)
    for rows, block in loaded_blocks(panel):
        found, inputs = encoder.rename(block), encoder.scale(block)
        made, made_attributes = run.fill(inputs, *hidden, alone=run.device.type == "cpu")
        if forcing is not None:
            means, stds = (m.astype(np.float32) for m in scaler.forcing_moments(found))
            made = made * stds + means
            there = found.forcing
            for column, name in enumerate(scaler.forcing_names):
                if name in found.forcing_names and not hidden[0][column]:
                    values = there[:, :, found.forcing_names.index(name)]
                    seen = ~np.isnan(values)
                    made[:, :, column][seen] = values[seen]
            forcing[rows] = made
        made_attributes = _unscale_attributes(scaler, found, made_attributes)
        made_attributes[:, shown] = np.nan
        table = found.attributes.reindex(columns=scaler.attribute_names).to_numpy(np.float64)
        tables.append(np.where(np.isnan(table) | hidden[1], made_attributes, table))
        units = {**encoder.units, **found.units}
    known = {*scaler.forcing_names, *scaler.attribute_names}
    attributes = set(scaler.attribute_names)
    groups = {g: [n for n in names if n in attributes] for g, names in encoder.groups.items()}
    return Panel(
        pd.DataFrame(np.concatenate(tables), index=panel.site_ids, columns=scaler.attribute_names),
        forcing,
        time=None if forcing is None else panel.time,
        sites=panel.sites,
        forcing_names=None if forcing is None else scaler.forcing_names,
        units={name: unit for name, unit in units.items() if name in known},
        groups={group: names for group, names in groups.items() if names},
    )


def _columns_to_hide(encoder, names, unlearned):
    """Mark the variables with these names, or in groups with these names."""
    forcings, attributes = encoder.scaler.forcing_names, encoder.scaler.attribute_names
    members = []
    for name in [names] if isinstance(names, str) else names:
        if name in forcings or name in attributes:
            members.append(name)
        elif name in encoder.groups:
            members += [member for member in encoder.groups[name] if member not in unlearned]
        else:
            raise ValueError(
                f"`hide` names {name!r}, which is neither a variable nor a group of the model. "
                f"There are the variables {[*forcings, *attributes]} and the groups "
                f"{list(encoder.groups)}."
            )
    never = [name for name in members if name in unlearned]
    if never:
        raise ValueError(
            f"`hide` names {never}, which pretraining never hides: the model has not learned to "
            "reconstruct them."
        )
    return np.isin(forcings, members), np.isin(attributes, members)


def _unscale_attributes(scaler, panel, scaled):
    """Bring reconstructed attributes to the units of a panel, and codes to their classes."""
    means, stds = scaler.attribute_moments(panel)
    values = scaled * stds + means
    for name, classes in scaler.categories.items():
        column = scaler.attribute_names.index(name)
        values[:, column] = np.asarray(classes)[scaled[:, column].astype(int)]
    return values
