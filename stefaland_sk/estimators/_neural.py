"""What the neural regressors share: scaling, windows, training, running over long series."""

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import PanelScaler, find_segments
from stefaland_sk.estimators._base import BasePanelRegressor, least_value
from stefaland_sk.estimators._inputs import present_steps, read_inputs
from stefaland_sk.estimators._perturb import SitePerturbation
from stefaland_sk.estimators._target_scale import TargetScale
from stefaland_sk.estimators._training import (
    TrainingPlan,
    joint_summary,
    resolve_device,
    resolve_precision,
    seeded,
    set_apart,
    train_network,
)
from stefaland_sk.estimators._windows import WindowDataset, as_tensor
from stefaland_sk.modules import Distribution, get_loss, loss_info, make_distribution

# Steps times sites that go through a network at once in `predict`: bounds the memory.
_STEPS_AT_ONCE = 250_000
# Share of the typical spread of a site's target that is added to each site's own in the
# NSE loss, so that a site that hardly varies does not rule it.
_STD_FLOOR = 0.1


class SiteCriterion(torch.nn.Module):
    """A loss of windows that knows each site.

    Parameters
    ----------
    loss : callable
        ``loss(predicted, target, spread of the site's target) -> scalar Tensor``.
    site_std : Tensor of shape (n_sites,)
        Spread of each training site's scaled target.
    restore : callable, default=None
        Turns scaled values, and the rows of their sites, into natural ones, for a loss that
        means something in the unit of the target only.
    """

    def __init__(self, loss, site_std, restore=None):
        super().__init__()
        self.loss, self.restore = loss, restore
        self.register_buffer("site_std", site_std)

    def forward(self, predicted, truth):
        """Compute the loss of one batch of windows."""
        target, site = truth["target"], truth["site"]
        if self.restore is not None:
            predicted, target = self.restore(predicted, site), self.restore(target, site)
        return self.loss(predicted, target, self.site_std[site])


class _Restore:
    """Scaled values of some sites in the unit of the target."""

    def __init__(self, scale, divisors):
        self.scale, self.divisors = scale, divisors

    def __call__(self, values, site):
        divisors = None if self.divisors is None else self.divisors.to(values.device)[site]
        return self.scale.restore(values, divisors)


class NeuralPanelRegressor(BasePanelRegressor):
    """Abstract base of regressors that train recurrent networks on windows.

    A concrete class has the parameters of the training (``window``, ``warmup``,
    ``batch_size``, ``max_epochs``, ...) and writes ``_check_inputs(panel)`` and
    ``_build(panel)``, a module on what ``_make_inputs(panel, net)`` gives;
    ``_prepare(panel, seed)`` may do work before, ``_finish()`` after.
    """

    _task_loss = "rmse"  # what loss="auto" stands for

    # ------------------------------------------------------------------ for concrete classes
    def _prepare(self, panel, seed):
        """Do what must be done before the first networks can be built."""

    def _plan_networks(self, panel):
        """Do what must be done before networks are built, or trained once more."""

    def _rebuild(self, number):
        """Give a copy of a trained network, to go on with."""
        return copy.deepcopy(self.nets_[number].module_)

    def _make_inputs(self, panel, net=0):
        """Give a network's inputs: series (site, time, ...) and static ones (site, ...)."""
        forcing = self.scaler_.scale_forcing(panel)
        if panel.time is None:  # a plain table: one step without forcing
            forcing = np.empty((panel.n_sites, 1, 0), dtype=np.float32)
        series = {"forcing": as_tensor(forcing, self.device_)}
        return series, {"attributes": as_tensor(self.scaler_.scale_attributes(panel), self.device_)}

    def _make_training_inputs(self, panel, module, net):
        """Give the inputs a network is trained on; they may differ from those of predict."""
        return self._make_inputs(panel, net)

    def _perturbation(self, module):
        """Give what is done to the inputs of each batch in training."""
        return SitePerturbation(self.attribute_noise, self.attribute_dropout)

    def _fit_target_scale(self, target, panel):
        """Give the scale on which the network predicts."""
        return TargetScale.fit(target, panel, self.target_transform, self.target_scale)

    def _refine(self, plan, module):
        """Complete the plan of a training."""
        return plan

    def _finish(self):
        """Do what is to be done when all networks are trained."""

    @property
    def _inputs_differ(self):
        """Whether each network has inputs of its own in predict."""
        return False

    # ------------------------------------------------------------------ fit
    def _goes_on(self):
        """Tell whether fit goes on with the networks that there are."""
        if not (self.warm_start and hasattr(self, "nets_")):
            return False
        if len(self.nets_) != self.n_seeds:
            raise ValueError(
                f"`n_seeds`={self.n_seeds} differs from the {len(self.nets_)} networks that "
                f"`warm_start` goes on with. Use n_seeds={len(self.nets_)}, or warm_start=False."
            )
        return True

    def _fit(self, panel, target):
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.device_ = resolve_device(self.device)
        self._check_parameters()
        means = {name: getattr(self, name) for name in ("optimizer", "lr_schedule")}
        precision = resolve_precision(self.precision, self.device_)
        plan = TrainingPlan.of(self, self.device_, seed, precision=precision, **means)
        self.distribution_ = _make_distribution(self.distribution, self.quantiles)
        self._check_inputs(panel)
        goes_on = self._goes_on()
        if not goes_on:
            self.scaler_ = PanelScaler.fit(panel)
            self._prepare(panel, seed)
            self.target_scale_ = self._fit_target_scale(target, panel)
            self.lower_bound_ = least_value(self.lower_bound, target[np.isfinite(target)])
        self._plan_networks(panel)
        self.target_mean_, self.target_std_ = self.target_scale_.mean, self.target_scale_.std
        scaled = self.target_scale_.scale(target, panel)
        criterion = self._make_criterion(panel, scaled)
        seeds = [seed, *map(int, rng.randint(2**31 - 1, size=self.n_seeds - 1))]
        modules = []
        for number, own_seed in enumerate(seeds):
            with seeded(own_seed, self.device_):
                modules.append(self._rebuild(number) if goes_on else self._build(panel))
        nets, inputs = [], None
        for number, (own_seed, module) in enumerate(zip(seeds, modules, strict=True)):
            if inputs is None or self._inputs_differ:
                inputs = self._make_training_inputs(panel, module, number)
            dataset, valid = self._datasets(module, panel, inputs, scaled, rng)
            own_plan = self._refine(replace(plan, seed=own_seed), module)
            nets.append(train_network(module, dataset, valid, criterion, own_plan))
        self.nets_ = nets
        self._finish()
        self.net_ = self.nets_[0]
        self.history_ = joint_summary(self.nets_)
        self.n_epochs_ = max(len(net.history) for net in self.nets_)

    def _make_criterion(self, panel, scaled):
        """Give the loss, with what it needs to know of the sites."""
        labelled = np.isfinite(scaled).any(axis=1)
        site_std = torch.as_tensor(_site_std(scaled, labelled))
        if self.distribution_ is not None:
            return SiteCriterion(self.distribution_.loss, site_std)
        name = self._task_loss if self.loss == "auto" else self.loss
        loss = get_loss(name)
        if not loss_info(name).natural_units:
            return SiteCriterion(loss, site_std)
        divisors = self.target_scale_.divisors(panel)
        divisors = None if divisors is None else torch.as_tensor(divisors)
        return SiteCriterion(loss, site_std, _Restore(self.target_scale_, divisors))

    def _datasets(self, module, panel, inputs, scaled, rng):
        """Make the windows to train on, and those to stop early by (None: no such)."""
        present = present_steps(panel)
        labelled = np.isfinite(scaled).any(axis=1)
        aside = set_apart(self, panel, labelled, rng)
        given = *inputs, present, as_tensor(scaled, self.device_)
        finish = self._perturbation(module)
        dataset = self._windows(panel, *given, ~aside & labelled, finish)
        valid = self._windows(panel, *given, aside, random=False)
        if len(dataset) == 0:
            raise ValueError(
                f"No target is observed `warmup`={self.warmup} or more steps into an unbroken "
                f"record of forcing. Lower `warmup` (and `window`={self.window}), or give longer "
                "records."
            )
        return dataset, valid if len(valid) else None

    def _check_parameters(self):
        """Check the parameters that the parts below do not check themselves."""
        check_number("window", self.window, low=1, integer=True)
        check_number("warmup", self.warmup, low=0, integer=True)
        check_number("attribute_noise", self.attribute_noise, low=0)
        check_number("attribute_dropout", self.attribute_dropout, low=0, high=1)
        check_number("n_seeds", self.n_seeds, low=1, integer=True)
        check_number("validation_fraction", self.validation_fraction, low=0, high=1)
        check_option("validation_split", self.validation_split, ["sites", "regions"])
        check_option("warm_start", self.warm_start, [True, False])
        if self.warmup >= self.window:
            raise ValueError(
                f"`warmup` must be smaller than `window`. Got {self.warmup} and {self.window}."
            )

    def _windows(self, panel, series, static, present, target, chosen, finish=None, random=True):
        """Make the windows of the chosen sites."""
        segments = find_segments(present & chosen[:, None])
        n_times = target.shape[1]
        # A plain table is a series of one step, which needs no warm-up.
        warmup = self.warmup if panel.time is not None else 0
        return WindowDataset(
            series,
            static,
            segments,
            min(self.window, n_times),
            min(warmup, n_times),
            target=target,
            finish=finish,
            random=random,
            # The encoder and physics tell such steps by NaN; the networks trained here know none.
            padding={"encoder_forcing": torch.nan, "physical": torch.nan},
        )

    # ------------------------------------------------------------------ predict
    def _predict(self, panel):
        return self._clip(self._run_nets(panel, self._points, 1)[:, :, 0])

    def predict_members(self, X):
        """Predict by each of the networks that `predict` averages.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray
            As from `predict`, with one more axis at the end, of length `n_seeds`.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        values = self._clip(self._run_nets(inputs.panel, self._points, 1, apart=True))
        return np.stack([inputs.restore(member[:, :, 0]) for member in values], axis=-1)

    def predict_quantiles(self, X, quantiles=None):
        """Predict quantiles of the target.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.
        quantiles : sequence of float, default=None
            Levels between 0 and 1; None takes the parameter `quantiles`. With
            ``distribution="quantiles"`` they must lie within those that were trained.

        Returns
        -------
        ndarray
            As from `predict`, with one more axis at the end for the levels.

        Raises
        ------
        AttributeError
            If the model was fitted without `distribution`.
        ValueError
            If a level is not to be had.
        """
        check_is_fitted(self)
        if self.distribution_ is None:
            able = "distribution" in self.get_params(deep=False)
            advice = " Fit it with distribution='quantiles' or distribution='cmal'." * able
            raise AttributeError(f"This {type(self).__name__} predicts values only.{advice}")
        levels = tuple(self.quantiles if quantiles is None else quantiles)
        inputs = read_inputs(self, X, reset=False)
        values = self._run_nets(
            inputs.panel, lambda raw: self.distribution_.quantile(raw, levels), len(levels)
        )
        values = self._clip(values)
        return np.stack([inputs.restore(values[:, :, i]) for i in range(len(levels))], axis=-1)

    def _points(self, raw):
        """Turn what a network gives into one value per step."""
        values = raw if self.distribution_ is None else self.distribution_.point(raw)
        return values.unsqueeze(-1)

    def _clip(self, values):
        """Apply the lower bound."""
        return values if self.lower_bound_ is None else np.maximum(values, self.lower_bound_)

    def _run_nets(self, panel, give, n_values, ask=None, inputs=None, apart=False):
        """Run all networks and average what they give, in the unit of the target.

        Parameters
        ----------
        panel : Panel
            The sites.
        give : callable
            Turns a network's raw output into values of shape (n_sites, n_times, n_values).
        n_values : int
            Values per step.
        ask : callable, default=None
            ``ask(module, **inputs) -> raw output``; None calls the network.
        inputs : tuple of two dict of str to Tensor, default=None
            Series and static inputs of all sites, the same for all networks; None makes them
            a few sites at a time.
        apart : bool, default=False
            Whether the networks are told apart, by one more axis in front.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times, n_values)
            NaN at steps without any forcing.
        """
        self._check_inputs(panel)
        self._warn_before_predicting(panel)
        present = present_steps(panel)
        n_results = len(self.nets_) if apart else 1
        result = np.full((n_results, *present.shape, n_values), np.nan, dtype=np.float32)
        n_at_once = max(1, _STEPS_AT_ONCE // present.shape[1])
        for first in range(0, panel.n_sites, n_at_once):
            sites = slice(first, first + n_at_once)
            part, runs = panel[sites], find_segments(present[sites])
            divisors = self.target_scale_.divisors(part)
            own = None
            if inputs is not None:
                own = tuple({k: v[sites] for k, v in group.items()} for group in inputs)
            for number, net in enumerate(self.nets_):
                if own is None or (inputs is None and self._inputs_differ):
                    own = self._make_inputs(part, number)
                call = net.module_ if ask is None else partial(ask, net.module_)
                into = result[number if apart else 0][sites]
                self._run_net(call, own, runs, divisors, give, into)
        if apart:
            return result
        return result[0] / np.float32(len(self.nets_)) if len(self.nets_) > 1 else result[0]

    def _warn_before_predicting(self, panel):
        """Warn of what makes predictions for these sites misleading."""

    def _run_net(self, call, inputs, runs, divisors, give, result):
        """Add what one network gives to the result, run by run."""
        series, static = inputs
        with torch.inference_mode():
            # Runs of one length go together: no padding, so no site feels another.
            for length in np.unique(runs.length):
                same = runs.length == length
                site = torch.as_tensor(runs.site[same], device=self.device_)
                steps = torch.as_tensor(runs.start[same])[:, None] + torch.arange(int(length))
                steps = steps.to(self.device_)
                given = {k: v[site[:, None], steps] for k, v in series.items()}
                given |= {k: v[site] for k, v in static.items()}
                values = give(call(**given).float()).cpu().numpy()
                rows, columns = site.cpu().numpy()[:, None], steps.cpu().numpy()
                scale = None if divisors is None else divisors[rows[:, 0]]
                values = self.target_scale_.restore(values, scale)
                before = result[rows, columns]
                result[rows, columns] = np.where(np.isnan(before), values, before + values)


def _make_distribution(distribution, quantiles):
    """Make what the network's outputs stand for; None for the value itself."""
    if distribution is None or isinstance(distribution, Distribution):
        return distribution
    if not isinstance(distribution, str):
        raise TypeError(
            "`distribution` must be None, 'quantiles', 'cmal' or a Distribution of "
            f"stefaland_sk.modules. Got {type(distribution).__name__}."
        )
    # A target of 0 or 1 has no mean and spread to be scaled by: that is for classifiers.
    check_option("distribution", distribution, ["quantiles", "cmal"])
    options = {"levels": tuple(quantiles)} if distribution == "quantiles" else {}
    try:
        return make_distribution(distribution, **options)
    except ValueError as error:
        raise ValueError(str(error).replace("`levels`", "`quantiles`")) from error


def _site_std(scaled, labelled):
    """Spread of each site's scaled target, with a floor relative to the typical one."""
    std = np.ones(len(scaled), dtype=np.float32)
    if scaled.shape[1] > 1:
        std[labelled] = np.nanstd(scaled[labelled], axis=1)
        typical = np.median(std[labelled])
        std += _STD_FLOOR * (typical if typical > 0 else 1.0)
    return std
