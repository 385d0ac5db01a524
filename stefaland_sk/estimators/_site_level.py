"""What the estimators of sites share: features of whole records, and a head trained on them."""

import copy
import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from stefaland_sk._core import DataWarning, check_number, check_option
from stefaland_sk.data import Panel, PanelScaler
from stefaland_sk.encoders import pool_days
from stefaland_sk.estimators._encoder_choice import EncoderUser
from stefaland_sk.estimators._inputs import (
    describe_missing_forcing,
    loaded_blocks,
    missing_forcing,
)
from stefaland_sk.estimators._perturb import SitePerturbation
from stefaland_sk.estimators._target_scale import mean_over_time
from stefaland_sk.estimators._training import (
    TrainingPlan,
    joint_summary,
    resolve_device,
    resolve_precision,
    seeded,
    set_apart,
    train_network,
)
from stefaland_sk.estimators._windows import WindowLoader, as_tensor
from stefaland_sk.modules import SiteHead


class SiteDataset(torch.utils.data.Dataset):
    """Inputs and targets of some sites.

    Parameters
    ----------
    inputs : dict of str to Tensor of shape (n_sites, ...)
        What the network reads.
    target : Tensor of shape (n_sites, ...)
        What it learns.
    chosen : ndarray of bool of shape (n_sites,)
        Sites that belong to the data set.
    finish : callable, default=None
        ``finish(inputs, truth, generator) -> inputs, truth``, applied to each batch.
    random : bool, default=True
        Whether the order changes from epoch to epoch.
    """

    def __init__(self, inputs, target, chosen, *, finish=None, random=True):
        self.inputs, self.target = inputs, target
        self.sites = torch.as_tensor(np.flatnonzero(chosen))
        self.finish, self.random = finish, random

    def __len__(self):
        return len(self.sites)

    def batches(self, batch_size, seed=0, rank=0, world=1):
        """Deal the sites in batches, as a `WindowDataset` its windows."""
        return WindowLoader(self, batch_size, seed, rank, world)

    def place(self, generator=None):
        """Give the sites, and where in their records a sample begins: all have but one."""
        return self.sites, torch.zeros_like(self.sites)

    def batch(self, site, start, generator=None):
        """Gather sites: a dictionary of inputs, and of what is needed for the loss."""
        site = site.to(self.target.device)
        inputs = {name: values[site] for name, values in self.inputs.items()}
        truth = {"target": self.target[site]}
        return (inputs, truth) if self.finish is None else self.finish(inputs, truth, generator)


class SiteLevelModel(EncoderUser, BaseEstimator):
    """Abstract base of estimators with one target per site, or several.

    A concrete class has the parameters of `StefaLandSoilComposition` but for those of its target,
    and writes ``fit``, which calls ``_learn``, and ``predict``, which calls ``_run_nets``.
    """

    target_per_site = True  # what tells the checks of panels which form y has

    # ------------------------------------------------------------------ fit
    def _learn(self, panel, target, labelled, criterion, n_outputs):
        """Train the networks.

        Parameters
        ----------
        panel : Panel
            The sites.
        target : ndarray of shape (n_sites, ...)
            What the criterion compares outputs with.
        labelled : ndarray of bool of shape (n_sites,)
            Sites to train on.
        criterion : torch.nn.Module
            ``criterion(outputs, truth) -> scalar Tensor``.
        n_outputs : int
            Outputs of the network per site.
        """
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.device_ = resolve_device(self.device)
        self._check_parameters()
        means = {name: getattr(self, name) for name in ("optimizer", "lr_schedule")}
        precision = resolve_precision(self.precision, self.device_)
        plan = TrainingPlan.of(self, self.device_, seed, precision=precision, **means)
        self._warn_of_missing_forcing(panel)
        table = site_table(panel)
        self.scaler_ = PanelScaler.fit(table)
        self._choose_encoder(panel, seed)
        self.ranges_ = None
        given = self._make_inputs(panel, table)
        inputs = {name: as_tensor(values, self.device_) for name, values in given.items()}
        widths = [given[name].shape[1] if name in given else 0 for name in _INPUTS]
        sizes = (self.d_hidden,) if isinstance(self.d_hidden, Integral) else tuple(self.d_hidden)
        target = torch.as_tensor(target, device=self.device_)
        seeds = [seed, *map(int, rng.randint(2**31 - 1, size=self.n_seeds - 1))]
        self.nets_ = []
        for own_seed in seeds:
            with seeded(own_seed, self.device_):
                module = SiteHead(*widths, sizes, n_outputs, self.dropout)
            aside = set_apart(self, panel, labelled, rng)
            finish = SitePerturbation(
                self.attribute_noise, self.attribute_dropout, self.feature_noise
            )
            dataset = SiteDataset(inputs, target, labelled & ~aside, finish=finish)
            valid = SiteDataset(inputs, target, aside, random=False) if aside.any() else None
            own_plan = replace(plan, seed=own_seed)
            self.nets_.append(train_network(module, dataset, valid, criterion, own_plan))
        self.net_ = self.nets_[0]
        self.history_ = joint_summary(self.nets_)
        self.n_epochs_ = max(len(net.history) for net in self.nets_)

    def _check_parameters(self):
        """Check the parameters that the parts below do not check themselves."""
        for name in ("attribute_noise", "feature_noise"):
            check_number(name, getattr(self, name), low=0)
        check_number("attribute_dropout", self.attribute_dropout, low=0, high=1)
        check_number("validation_fraction", self.validation_fraction, low=0, high=1)
        check_number("n_seeds", self.n_seeds, low=1, integer=True)
        if not isinstance(self.d_hidden, Integral | tuple | list):
            raise TypeError(
                "`d_hidden` must be the width of one hidden layer, or a tuple of widths. Got "
                f"{self.d_hidden!r} instead."
            )
        check_option("validation_split", self.validation_split, ["sites", "regions"])
        check_option("raw_inputs", self.raw_inputs, ["all", "none"])
        if self.raw_inputs == "none" and self.encoder_init == "none":
            raise ValueError(
                "There is nothing to learn from: `raw_inputs` and `encoder_init` are 'none'. Use "
                "raw_inputs='all', or an encoder."
            )

    # ------------------------------------------------------------------ inputs
    def _make_inputs(self, panel, table):
        """Give what the network reads of sites: standardised features, and scaled raw inputs.

        None lies outside the range of `fit`, beyond which a network would go on in straight lines.
        """
        inputs = {}
        if self.encoder_ is not None:
            inputs["features"] = self._site_features(panel)
        if self.raw_inputs == "all":
            inputs["attributes"] = self.scaler_.scale_attributes(table)
        if self.ranges_ is None:  # in fit
            self.ranges_ = {name: _range_of(values) for name, values in inputs.items()}
        return {name: np.clip(values, *self.ranges_[name]) for name, values in inputs.items()}

    def _site_features(self, panel):
        """Give standardised features: the mean of the days, where there are any, and the token."""
        found = []
        for _, block in loaded_blocks(panel):
            days, site = self.encoder_.encode(block, device=self.device_, cache=self._cache)
            parts = [site] if days is None else [pool_days(days, site, "mean"), site]
            found.append(np.concatenate(parts, axis=1))
        values = np.concatenate(found)
        if self.feature_mean_ is None:  # in fit: from the training sites
            self.feature_mean_ = values.mean(axis=0, dtype=np.float64).astype(np.float32)
            std = values.std(axis=0, dtype=np.float64).astype(np.float32)
            self.feature_std_ = np.where(std > 1e-6, std, np.float32(1))
        return (values - self.feature_mean_) / self.feature_std_

    def _warn_of_missing_forcing(self, panel):
        """Tell of a forcing variable that is missing throughout at a site."""
        missing = missing_forcing(panel)
        if missing.any():
            warnings.warn(
                f"{describe_missing_forcing(panel, missing)}; mask tokens and the mean of the "
                "other sites stand in.",
                DataWarning,
                stacklevel=5,
            )

    # ------------------------------------------------------------------ predict
    def _run_nets(self, panel, give):
        """Run all networks and average what they give.

        In float64 on the CPU, where the result of a site does not depend on how many others
        there are.

        Parameters
        ----------
        panel : Panel
            The sites.
        give : callable
            Turns outputs of shape (n_sites, n_outputs) into what is to be averaged.

        Returns
        -------
        ndarray of float64 of shape (n_sites, ...)
            The mean over the networks.
        """
        self._warn_of_missing_forcing(panel)
        self._warn_of_seen_sites(panel)
        given = self._make_inputs(panel, site_table(panel))
        inputs = {name: torch.as_tensor(values.astype("f8")) for name, values in given.items()}
        with torch.inference_mode():
            modules = [copy.deepcopy(net.module_).cpu().double() for net in self.nets_]
            values = [give(module(**inputs)).numpy() for module in modules]
        return np.mean(values, axis=0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


_INPUTS = ("features", "attributes")  # of the network, in the order of the head's parameters


def _range_of(values):
    """Give the least and the greatest value of each column; 0 where it has none."""
    seen = np.isfinite(values)
    low = np.where(seen, values, np.inf).min(axis=0)
    high = np.where(seen, values, -np.inf).max(axis=0)
    some = seen.any(axis=0)
    return np.where(some, low, 0), np.where(some, high, 0)


def site_table(panel):
    """Give the raw inputs of sites: attributes, and the mean of each forcing variable.

    Parameters
    ----------
    panel : Panel
        Any sites, in memory or lazy.

    Returns
    -------
    Panel
        Without time axis; its attributes are those of the panel, and "mean of prcp" and so on.
    """
    if panel.time is None:
        return panel
    means = np.full((panel.n_sites, panel.n_forcings), np.nan)
    for positions, forcing in panel.walk_forcing():
        for i in range(panel.n_forcings):
            means[positions, i] = mean_over_time(forcing[:, :, i])
    table, units = panel.attributes, panel.units
    for i, name in enumerate(panel.forcing_names):
        table[f"mean of {name}"] = means[:, i]
        if name in units:
            units[f"mean of {name}"] = units[name]
    units = {name: unit for name, unit in units.items() if name in table}
    return Panel.from_table(table, units=units)
