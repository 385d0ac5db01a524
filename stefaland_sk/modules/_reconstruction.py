"""What the masked autoencoder gives, and the loss that it is pretrained with."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option

from ._classes import read_codes

# Keeps a variable that hardly varies at a site from ruling a loss scaled by site.
_LEAST_STD = 0.1


class Reconstruction(NamedTuple):
    """Reconstructed variables of a batch, hidden or not.

    Parameters
    ----------
    forcing : Tensor of shape (n_sites, n_times, n_forcings)
        Forcing, scaled.
    attributes : Tensor of shape (n_sites, n_attributes)
        Attributes, scaled; of a categorical one the code of the likeliest class,
        through which no gradient passes.
    logits : tuple of Tensors of shape (n_sites, n_classes), default=()
        One for each categorical attribute, in the order of their columns.

    Examples
    --------
    >>> import torch
    >>> Reconstruction(torch.zeros(2, 5, 3), torch.zeros(2, 4)).logits
    ()
    """

    forcing: torch.Tensor
    attributes: torch.Tensor
    logits: tuple = ()


class ReconstructionLoss(nn.Module):
    r"""Masked reconstruction error of forcing, plus the weighted one of attributes.

    The error :math:`L_v` of a variable is its mean squared error over the entries
    that are hidden and observed, or, if it is categorical, its cross-entropy
    divided by the logarithm of its number of classes. In scaled units, predicting
    the mean (or all classes alike) costs about 1. Forcing and attributes each
    contribute the mean over their variables of :math:`w_v L_v`, or of
    :math:`w_v (e^{-a_v} L_v + a_v)` with learned weights [1]_. Variables without
    an entry in the batch are left out of the means; a part without any is 0.

    Parameters
    ----------
    n_forcings, n_attributes : int
        Number of forcing variables and of attributes.
    n_classes : tuple of int, default=()
        Number of classes of each attribute, 0 = numeric; as in `BackboneConfig`.
    attribute_weight : float, default=0.5
        Weight of the attributes.
    forcing_weights, attribute_weights : sequence of float, default=None
        Fixed weight :math:`w_v` of each variable; None gives all of them 1.
    learned : bool, default=False
        Whether the parameter ``log_variances`` (:math:`a_v`, 0 at first) is learned,
        so that variables that cannot be reconstructed well lose weight. An optimiser
        must be given the parameters of the loss as well as those of the network.
    error_scale : {"variable", "site"}, default="variable"
        "site" divides the errors of a forcing variable by its standard deviation at
        the site (in scaled units, plus 0.1), so that sites with little variation
        count as much as others; ``truth`` must then hold "site_std".

    Attributes
    ----------
    total : callable or None
        For training in several processes: given an int64 tensor, returns its sum
        over processes. The loss of each process is then such that the mean over
        processes, also that of gradients, is the loss of the whole batch.

    Raises
    ------
    ValueError
        If weights are not one finite number from 0 on for each variable, or
        `error_scale` is unknown; in the call, if shapes do not fit.

    References
    ----------
    .. [1] Kendall, A., Gal, Y., Cipolla, R. (2018). Multi-task learning using
       uncertainty to weigh losses for scene geometry and semantics. CVPR.
       arXiv:1705.07115.

    Examples
    --------
    >>> import torch
    >>> loss = ReconstructionLoss(3, 4)
    >>> truth = {
    ...     "forcing": torch.ones(2, 5, 3),
    ...     "forcing_hidden": torch.ones(2, 5, 3, dtype=bool),
    ...     "attributes": torch.ones(2, 4),
    ...     "attributes_hidden": torch.ones(2, 4, dtype=bool),
    ... }
    >>> loss(Reconstruction(torch.zeros(2, 5, 3), torch.zeros(2, 4)), truth)
    tensor(1.5000)
    """

    def __init__(
        self,
        n_forcings,
        n_attributes,
        *,
        n_classes=(),
        attribute_weight=0.5,
        forcing_weights=None,
        attribute_weights=None,
        learned=False,
        error_scale="variable",
    ):
        super().__init__()
        self.n_forcings, self.n_attributes = n_forcings, n_attributes
        self.classes = {column: n for column, n in enumerate(n_classes) if n}
        self.attribute_weight = attribute_weight
        self.error_scale = check_option("error_scale", error_scale, ["variable", "site"])
        weights = [
            _check_weights("forcing_weights", forcing_weights, n_forcings),
            _check_weights("attribute_weights", attribute_weights, n_attributes),
        ]
        self.register_buffer("weights", torch.cat(weights), persistent=False)
        self.log_variances = None
        if learned:
            self.log_variances = nn.Parameter(torch.zeros(n_forcings + n_attributes))
        self.total = None

    def errors(self, reconstruction, truth):
        """Sum up the errors of each variable, forcing first.

        Parameters
        ----------
        reconstruction : Reconstruction
            What the network made of the visible part of a batch.
        truth : dict
            The batch: "forcing" (n_sites, n_times, n_forcings) and "attributes"
            (n_sites, n_attributes), scaled, NaN = missing; "forcing_hidden" and
            "attributes_hidden", bool and of the same shapes, True = hidden from the
            network; "site_std" (n_sites, n_forcings) with ``error_scale="site"``.

        Returns
        -------
        sums : Tensor of shape (n_forcings + n_attributes,)
            Sums of the errors over entries that are hidden and observed.
        counts : int64 Tensor of shape (n_forcings + n_attributes,)
            Numbers of such entries.
        """
        scale = self._site_scale(truth) if self.error_scale == "site" else None
        sums, counts = _squared_errors("forcing", reconstruction.forcing, truth, scale)
        attribute_sums, attribute_counts = _squared_errors(
            "attributes", reconstruction.attributes, truth
        )
        if self.classes:
            attribute_sums, attribute_counts = self._class_errors(
                reconstruction.logits, truth, attribute_sums, attribute_counts
            )
        if (len(sums), len(attribute_sums)) != (self.n_forcings, self.n_attributes):
            raise ValueError(
                f"The loss is of {self.n_forcings} forcing variables and {self.n_attributes} "
                f"attributes; got {len(sums)} and {len(attribute_sums)}."
            )
        return torch.cat([sums, attribute_sums]), torch.cat([counts, attribute_counts])

    def forward(self, reconstruction, truth):
        """Return the loss of a batch.

        Parameters
        ----------
        reconstruction : Reconstruction
            As for `errors`.
        truth : dict
            As for `errors`.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        sums, counts = self.errors(reconstruction, truth)
        if self.total is not None:
            totals = self.total(torch.cat([counts, counts.new_ones(1)]))
            counts, n_processes = totals[:-1], totals[-1]
            sums = sums * n_processes
        present = (counts > 0).to(sums.dtype)
        losses = sums / counts.clamp(min=1)
        if self.log_variances is not None:
            losses = torch.exp(-self.log_variances) * losses + self.log_variances
        losses = losses * self.weights * present
        sizes = [self.n_forcings, self.n_attributes]
        forcing, attributes = (
            part.sum() / there.sum().clamp(min=1)
            for part, there in zip(losses.split(sizes), present.split(sizes), strict=True)
        )
        return forcing + self.attribute_weight * attributes

    def _site_scale(self, truth):
        """Return what errors of the forcing are divided by."""
        expected = (len(truth["forcing"]), self.n_forcings)
        std = truth.get("site_std")
        if std is None or std.shape != expected:
            got = None if std is None else tuple(std.shape)
            raise ValueError(
                f'`truth["site_std"]` must have shape {expected} with `error_scale="site"`; '
                f"got {got}."
            )
        # A variable that was never observed at a site has no deviation, and no errors.
        return std.nan_to_num(0.0).unsqueeze(1) + _LEAST_STD

    def _class_errors(self, logits, truth, sums, counts):
        """Put the errors of categorical attributes into their columns."""
        sums, counts = list(sums.unbind()), list(counts.unbind())
        for scores, (column, n_classes) in zip(logits, self.classes.items(), strict=True):
            codes, known = read_codes(truth["attributes"][:, column], n_classes)
            used = known & truth["attributes_hidden"][:, column]
            entropy = F.cross_entropy(scores.to(sums[0].dtype), codes, reduction="none")
            sums[column] = entropy.masked_fill(~used, 0.0).sum() / math.log(n_classes)
            counts[column] = used.sum()
        return torch.stack(sums), torch.stack(counts)


def _squared_errors(name, predicted, truth, scale=None):
    """Return sums and counts of the squared errors of each variable of one part."""
    true, hidden = truth[name], truth[f"{name}_hidden"]
    if not predicted.shape == true.shape == hidden.shape:
        raise ValueError(
            f"The reconstructed {name}, the true ones and their mask must have one shape; got "
            f"{tuple(predicted.shape)}, {tuple(true.shape)} and {tuple(hidden.shape)}."
        )
    used = hidden & ~torch.isnan(true)
    # Masked before it is squared: what is not used passes no NaN on, nor a gradient.
    error = (predicted.to(true.dtype) - true).masked_fill(~used, 0.0)
    if scale is not None:
        error = error / scale
    return (error**2).flatten(0, -2).sum(0), used.flatten(0, -2).sum(0)


def _check_weights(name, weights, n_variables):
    """Return fixed weights as a tensor after checking them."""
    if weights is None:
        return torch.ones(n_variables)
    weights = torch.as_tensor(weights, dtype=torch.float32)
    if weights.shape != (n_variables,) or not (weights.isfinite() & (weights >= 0)).all():
        raise ValueError(
            f"`{name}` must hold {n_variables} finite numbers from 0 on, one for each variable. "
            f"Got {weights.tolist()} instead."
        )
    return weights
