"""What a pretrained network reconstructs of hidden and missing values, and how well."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from stefaland_sk.data import Panel, find_segments
from stefaland_sk.encoders._windows import cut_windows, make_lots
from stefaland_sk.estimators._corpus import bridge_gaps
from stefaland_sk.estimators._inputs import loaded_blocks
from stefaland_sk.estimators._pretraining_names import index_groups
from stefaland_sk.modules import (
    MaskConfig,
    ReconstructionLoss,
    make_keys,
    sample_masks,
)

_SEED = 0  # of all masks drawn here
_SCORED = MaskConfig()  # what `masked_error` hides: half of the days and half of the groups
_ATTRIBUTE_WEIGHT = 0.5  # in `masked_error`


@dataclass(frozen=True)
class Lot:
    """Windows of one length: what they hold, what was hidden, what the network made of it.

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
    made: tuple

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
        new = torch.from_numpy(steps >= self.windows[:, 3:]).to(self.forcing.device)
        truth = {
            "forcing": self.forcing.double(),
            "forcing_hidden": self.forcing_hidden & new[:, :, None],
            "attributes": self.attributes.double(),
            "attributes_hidden": self.attributes_hidden,
        }
        return torch.stack([part.double() for part in loss.errors(self.made, truth)]).cpu().numpy()


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
        attributes = torch.as_tensor(inputs.attributes[site], device=self.device)
        forcing = attributes.new_empty(len(site), 0, self.n_forcings)
        if length[0]:
            steps = start[:, None] + np.arange(length[0])
            forcing = torch.as_tensor(inputs.forcing[site[:, None], steps], device=self.device)
        numbers = torch.as_tensor(keys[0][site] + keys[1][start], device=self.device)
        hidden = hide(make_keys(_SEED, 0, numbers), int(length[0]))
        with torch.inference_mode():
            made = self.network(forcing, attributes, *hidden)
        return Lot(windows, forcing, attributes, *hidden, made)

    def fill(self, inputs, forcing_hidden, attributes_hidden):
        """Reconstruct all that is known of some sites, some variables hidden throughout.

        Parameters
        ----------
        inputs : ScaledInputs
            Some sites.
        forcing_hidden, attributes_hidden : bool ndarray of shape (n_forcings,), (n_attributes,)
            Which variables are hidden.

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
        hide = self.hide_variables(forcing_hidden, attributes_hidden)
        n_times = 1 if forcing is None else forcing.shape[1]
        keys = np.zeros(n_sites, dtype=np.int64), np.zeros(n_times, dtype=np.int64)
        alone = self.device.type == "cpu"
        for lot in self.lots(inputs, keys, hide, overlap=True, alone=alone):
            sites = lot.windows[:, 0]
            np.add.at(n_windows, sites, 1)
            np.add.at(attributes, sites, lot.made.attributes.double().cpu().numpy())
            for column, logits in zip(self.class_columns, lot.made.logits, strict=True):
                chances = logits.double().softmax(dim=1).cpu().numpy()
                np.add.at(votes[column], sites, chances)
            days = lot.made.forcing.float().cpu().numpy()
            for (site, start, length, new), values in zip(lot.windows, days, strict=True):
                if length:
                    forcing[site, new : start + length] = values[new - start :]
        attributes /= n_windows[:, None]
        for column, chances in votes.items():
            attributes[:, column] = chances.argmax(axis=1)
        return forcing, attributes

    def hide_variables(self, forcing_hidden, attributes_hidden):
        """Give the function that hides the same variables throughout, for `lots`."""
        forcing, attributes = (
            torch.as_tensor(hidden, device=self.device)
            for hidden in (forcing_hidden, attributes_hidden)
        )

        def hide(keys, n_times):
            n = len(keys)
            return forcing.expand(n, n_times, -1), attributes.expand(n, -1)

        return hide


def masked_error(encoder, panels, groups, unlearned, device):
    """Compute the reconstruction error under masks that are always the same.

    Half of the days of each forcing variable and half of the groups of attributes are hidden,
    in windows that lie one behind the other. What is hidden at a site follows from its
    identifier and the dates, so that it depends neither on the other sites nor on how the
    model was trained.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained network.
    panels : list of Panel
        Sites.
    groups : dict of str to list of str
        Attributes hidden together.
    unlearned : list of str
        Attributes that are never hidden.
    device : str
        Where to compute.

    Returns
    -------
    float
        Mean over the forcing variables of their mean squared errors, plus half of that over
        the attributes, in scaled units; NaN where nothing that was hidden is known.
    """
    run = Reconstructor(encoder, device)
    scaler = encoder.scaler
    units = index_groups(groups, scaler.forcing_names, scaler.attribute_names)
    shown = [scaler.attribute_names.index(name) for name in unlearned]

    def hide(keys, n_times):
        sizes = n_times, run.n_forcings, run.n_attributes
        return sample_masks(_SCORED, units, keys, *sizes, never_hidden=shown)

    sums = np.zeros((2, run.n_forcings + run.n_attributes))
    for panel in panels:
        for _, block in loaded_blocks(panel):
            keys = _site_numbers(block.site_ids), _step_numbers(block)
            for lot in run.lots(encoder.scale(block), keys, hide, overlap=False, alone=False):
                sums += lot.errors(run.loss)
    seen = sums[1] > 0
    if not seen.any():
        return np.nan
    errors = np.where(seen, sums[0] / np.maximum(sums[1], 1), np.nan)
    parts = errors[: run.n_forcings], errors[run.n_forcings :]
    means = [np.nanmean(part) if np.isfinite(part).any() else 0.0 for part in parts]
    return float(means[0] + _ATTRIBUTE_WEIGHT * means[1])


def score_variables(encoder, panels, unlearned, device, *, spans):
    """Hide each variable in turn and compare what is reconstructed with its values.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained network.
    panels : list of Panel
        Sites.
    unlearned : list of str
        Attributes that were never hidden in pretraining; they are left out.
    device : str
        Where to compute.
    spans : bool
        Whether spans of days are hidden of a forcing variable, not all days.

    Returns
    -------
    DataFrame
        See `StefaLandTransformer.score_variables`.
    """
    run, scaler = Reconstructor(encoder, device), encoder.scaler
    units = _attribute_units(encoder, unlearned)
    sums = np.zeros((run.n_forcings, 3))  # squared errors, squares of the values, numbers
    found = []  # of each block, true and reconstructed attributes
    for panel in panels:
        for _, block in loaded_blocks(panel):
            inputs = encoder.scale(block)
            keys = _site_numbers(block.site_ids), _step_numbers(block)
            if inputs.forcing is not None:
                for column in range(run.n_forcings):
                    hide = _hide_one(run, column, spans)
                    for lot in run.lots(inputs, keys, hide, overlap=True, alone=False):
                        sums[column] += _column_sums(run, lot, column)
            made = np.full(inputs.attributes.shape, np.nan)
            for columns in units.values():
                hidden = np.isin(np.arange(run.n_attributes), columns)
                made[:, columns] = run.fill(inputs, np.zeros(run.n_forcings, bool), hidden)[1][
                    :, columns
                ]
            found.append((inputs.attributes.astype(np.float64), made))
    rows = []
    group_of = {name: group for group, names in encoder.groups.items() for name in names}
    for column, name in enumerate(scaler.forcing_names):
        rows.append((name, "forcing", *_numeric_scores(*sums[column], scaler.forcing_std[column])))
    true, made = (np.concatenate(parts) for parts in zip(*found, strict=True))
    for column, name in enumerate(scaler.attribute_names):
        if name in unlearned:
            continue
        known = ~np.isnan(true[:, column])
        pair = true[known, column], made[known, column]
        if column in run.class_columns:
            scores = _class_scores(*pair)
        else:
            errors = np.square(pair[1] - pair[0]).sum(), np.square(pair[0]).sum(), known.sum()
            scores = _numeric_scores(*errors, scaler.attribute_std[column])
        rows.append((name, "attribute", *scores))
    table = pd.DataFrame(rows, columns=["variable", "role", "n", "rmse", "skill"])
    table.insert(2, "group", table["variable"].map(group_of).astype(object))
    table.insert(5, "unit", table["variable"].map(encoder.units).astype(object))
    return table


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
        made, made_attributes = run.fill(inputs, *hidden)
        if forcing is not None:
            means, stds = (m.astype(np.float32) for m in scaler.forcing_moments(found))
            made = made * stds + means
            for column, name in enumerate(scaler.forcing_names):
                values = made[:, :, column]
                if name in found.forcing_names and not hidden[0][column]:
                    there = found.variable(name)
                    values = np.where(np.isnan(there), values, there)
                forcing[rows, :, column] = values
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


# ---------------------------------------------------------------------- parts
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


def _attribute_units(encoder, unlearned):
    """Give the columns of the attributes that are hidden together."""
    units, names = {}, encoder.scaler.attribute_names
    group_of = {name: group for group, members in encoder.groups.items() for name in members}
    for column, name in enumerate(names):
        if name not in unlearned:
            group = group_of.get(name)
            key = ("alone", name) if group is None else ("group", group)
            units.setdefault(key, []).append(column)
    return units


def _hide_one(run, column, spans):
    """Give the function that hides one forcing variable, on all days or in spans of them."""
    forcing = np.arange(run.n_forcings) == column
    always = run.hide_variables(forcing, np.zeros(run.n_attributes, dtype=bool))
    if not spans:
        return always

    def hide(keys, n_times):
        everywhere, none = always(keys, n_times)
        drawn, _ = sample_masks(_SCORED, (), keys, n_times, run.n_forcings, 0)
        return drawn & everywhere, none

    return hide


def _column_sums(run, lot, column):
    """Sum errors and squared values of one hidden forcing variable, and count them."""
    errors, count = lot.errors(run.loss)[:, column]
    mean = lot.made._replace(forcing=torch.zeros_like(lot.made.forcing))
    squares = replace(lot, made=mean).errors(run.loss)[0, column]  # scaled, the mean is 0
    return errors, squares, count


def _numeric_scores(errors, squares, n, std):
    """Give number, error in the variable's unit, and skill against the training mean."""
    if n == 0:
        return 0, np.nan, np.nan
    # Scaled values are distances from the training mean.
    return int(n), std * np.sqrt(errors / n), 1 - errors / squares if squares > 0 else np.nan


def _class_scores(true, made):
    """Give number, no error, and skill against the most frequent class."""
    if len(true) == 0:
        return 0, np.nan, np.nan
    rarer = len(true) - np.unique(true, return_counts=True)[1].max()
    return len(true), np.nan, 1 - (true != made).sum() / rarer if rarer else np.nan


def _unscale_attributes(scaler, panel, scaled):
    """Bring reconstructed attributes to the units of a panel, and codes to their classes."""
    means, stds = scaler.attribute_moments(panel)
    values = scaled * stds + means
    for name, classes in scaler.categories.items():
        column = scaler.attribute_names.index(name)
        values[:, column] = np.asarray(classes)[scaled[:, column].astype(int)]
    return values


def _site_numbers(site_ids):
    """Turn identifiers of sites into numbers, the same everywhere."""
    digests = (hashlib.blake2b(site.encode(), digest_size=8).digest() for site in site_ids)
    return np.frombuffer(b"".join(digests), dtype=np.int64)


def _step_numbers(panel):
    """Number the steps of a panel by their dates."""
    if panel.time is None or not panel.n_times:
        return np.zeros(1, dtype=np.int64)
    return panel.time.as_unit("s").asi8
