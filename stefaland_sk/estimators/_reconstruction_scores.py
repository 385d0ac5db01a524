"""How well a pretrained network reconstructs: one score of all, and one per variable."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from stefaland_sk.estimators._inputs import loaded_blocks
from stefaland_sk.estimators._pretraining_names import index_groups
from stefaland_sk.estimators._reconstruction import Reconstructor, hide_variables
from stefaland_sk.modules import MaskConfig, sample_masks

_SCORED = MaskConfig()  # what `masked_error` hides: half of the days and half of the groups
_ATTRIBUTE_WEIGHT = 0.5  # in `masked_error`


def masked_error(encoder, panels, unlearned, device):
    """Compute the reconstruction error under masks that are always the same.

    Half of the days of each forcing variable and half of the groups of attributes are hidden,
    in windows that lie one behind the other. What is hidden at a site follows from its
    identifier and the dates, so that it depends neither on the other sites nor on how the
    model was trained. The groups are a panel's own, or the encoder's where it has none.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained network.
    panels : list of Panel
        Sites.
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
    names = encoder.scaler.forcing_names, encoder.scaler.attribute_names
    shown = [names[1].index(name) for name in unlearned]
    sums = np.zeros((2, run.n_forcings + run.n_attributes))
    for panel in panels:
        groups = index_groups(panel.groups, *names) or index_groups(encoder.groups, *names)

        def hide(keys, n_times, groups=groups):
            sizes = n_times, run.n_forcings, run.n_attributes
            return sample_masks(_SCORED, groups, keys, *sizes, never_hidden=shown)

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
            sums += _forcing_sums(run, inputs, block, spans)
            found.append((inputs.attributes, _attributes_made(run, inputs, units)))
    rows = []
    group_of = {name: group for group, names in encoder.groups.items() for name in names}
    for column, name in enumerate(scaler.forcing_names):
        rows.append((name, "forcing", *_numeric_scores(*sums[column], scaler.forcing_std[column])))
    true, made = (np.concatenate(parts).astype(float) for parts in zip(*found, strict=True))
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


def _attributes_made(run, inputs, units):
    """Reconstruct each unit of attributes from all else; NaN where none of it is known."""
    made, no_forcing = np.full(inputs.attributes.shape, np.nan), np.zeros(run.n_forcings, bool)
    for columns in units.values():
        hidden = np.isin(np.arange(run.n_attributes), columns)
        if not np.isnan(inputs.attributes[:, hidden]).all():
            made[:, hidden] = run.fill(inputs, no_forcing, hidden, alone=False)[1][:, hidden]
    return made


def _forcing_sums(run, inputs, block, spans):
    """Hide each forcing variable; sum errors and squared values, and count, for each."""
    sums = np.zeros((run.n_forcings, 3))
    if inputs.forcing is None:
        return sums
    keys = _site_numbers(block.site_ids), _step_numbers(block)
    for column in np.flatnonzero(~np.isnan(inputs.forcing).all(axis=(0, 1))):
        hide = _hide_one(run, column, spans)
        for lot in run.lots(inputs, keys, hide, overlap=True, alone=False):
            errors, count = lot.errors(run.loss)[:, column]
            mean = lot.made._replace(forcing=torch.zeros_like(lot.made.forcing))
            squares = replace(lot, made=mean).errors(run.loss)[0, column]  # scaled, the mean is 0
            sums[column] += errors, squares, count
    return sums


def _hide_one(run, column, spans):
    """Give the function that hides one forcing variable, on all days or in spans of them."""
    forcing = np.arange(run.n_forcings) == column
    always = hide_variables(forcing, np.zeros(run.n_attributes, dtype=bool))
    if not spans:
        return always

    def hide(keys, n_times):
        everywhere, none = always(keys, n_times)
        drawn, _ = sample_masks(_SCORED, (), keys, n_times, run.n_forcings, 0)
        return drawn & everywhere, none

    return hide


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


def _site_numbers(site_ids):
    """Turn identifiers of sites into numbers, the same everywhere."""
    digests = (hashlib.blake2b(site.encode(), digest_size=8).digest() for site in site_ids)
    return np.frombuffer(b"".join(digests), dtype=np.int64)


def _step_numbers(panel):
    """Number the steps of a panel by their dates."""
    if panel.time is None or not panel.n_times:
        return np.zeros(1, dtype=np.int64)
    return panel.time.as_unit("s").asi8
