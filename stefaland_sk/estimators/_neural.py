"""What the neural regressors share: scaling, windows, training, running over long series."""

import numpy as np
import torch
from sklearn.utils import check_random_state

from stefaland_sk._core import check_number
from stefaland_sk.data import PanelScaler, find_segments
from stefaland_sk.estimators._base import BasePanelRegressor, least_value
from stefaland_sk.estimators._inputs import present_steps
from stefaland_sk.estimators._training import (
    TrainingPlan,
    resolve_device,
    seeded,
    split_sites,
    train_network,
    training_summary,
    use_early_stopping,
)
from stefaland_sk.estimators._windows import WindowDataset, as_tensor
from stefaland_sk.modules import get_loss

# Steps times sites that go through a network at once in `predict`: bounds the memory.
_STEPS_AT_ONCE = 250_000
# Share of the typical spread of a site's target that is added to each site's own in the
# NSE loss, so that a site that hardly varies does not rule it.
_STD_FLOOR = 0.1


class SiteCriterion(torch.nn.Module):
    """A loss of windows that knows the spread of each site's target.

    Parameters
    ----------
    loss : str
        Name of the loss.
    site_std : Tensor of shape (n_sites,)
        Spread of each training site's scaled target.
    """

    def __init__(self, loss, site_std):
        super().__init__()
        self.loss = get_loss(loss)
        self.register_buffer("site_std", site_std)

    def forward(self, predicted, truth):
        """Compute the loss of one batch of windows."""
        return self.loss(predicted, truth["target"], self.site_std[truth["site"]])


class AttributeNoise:
    """Add Gaussian noise to the scaled attributes of a batch of windows.

    Parameters
    ----------
    std : float
        Standard deviation, in units of the attributes' spread over the training sites.
    """

    def __init__(self, std):
        self.std = std

    def __call__(self, inputs, truth, generator):
        if self.std:
            attributes = inputs["attributes"]
            noise = torch.randn(attributes.shape, generator=generator).to(attributes.device)
            inputs["attributes"] = attributes + self.std * noise
        return inputs, truth


class NeuralPanelRegressor(BasePanelRegressor):
    """Abstract base of regressors that train a recurrent network on windows.

    A concrete class has the parameters of the training (``window``, ``warmup``,
    ``batch_size``, ``max_epochs``, ...) and writes ``_check_inputs(panel)`` and
    ``_build(panel)``, a module on what ``_make_inputs(panel)`` gives;
    ``_prepare(panel, seed)`` may do work before.
    """

    _task_loss = "rmse"  # what loss="auto" stands for

    def _prepare(self, panel, seed):
        """Do what must be done before inputs can be made."""

    def _make_inputs(self, panel):
        """Give the network's inputs: series (site, time, ...) and static ones (site, ...)."""
        forcing = self.scaler_.scale_forcing(panel)
        if panel.time is None:  # a plain table: one step without forcing
            forcing = np.empty((panel.n_sites, 1, 0), dtype=np.float32)
        series = {"forcing": as_tensor(forcing, self.device_)}
        return series, {"attributes": as_tensor(self.scaler_.scale_attributes(panel), self.device_)}

    def _fit(self, panel, target):
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.device_ = resolve_device(self.device)
        self._check_parameters()
        plan = TrainingPlan.of(self, self.device_, seed)
        loss = self._task_loss if self.loss == "auto" else self.loss
        self._check_inputs(panel)
        self.scaler_ = PanelScaler.fit(panel)
        self._prepare(panel, seed)

        observed = np.isfinite(target)
        labelled = observed.any(axis=1)
        self.target_mean_ = float(target[observed].mean(dtype=np.float64))
        std = float(target[observed].std(dtype=np.float64))
        self.target_std_ = std if std > 0 else 1.0
        self.lower_bound_ = least_value(self.lower_bound, target[observed])
        scaled = (target - self.target_mean_) / self.target_std_
        criterion = SiteCriterion(loss, torch.as_tensor(_site_std(scaled, labelled)))
        aside = np.zeros(len(labelled), dtype=bool)
        if use_early_stopping(self.early_stopping, int(labelled.sum())):
            check_number("validation_fraction", self.validation_fraction, low=0, high=1)
            aside = split_sites(len(labelled), labelled, self.validation_fraction, rng)
        series, static = self._make_inputs(panel)
        with seeded(seed, self.device_):
            module = self._build(panel)
        given = (series, static, present_steps(panel), as_tensor(scaled, self.device_))
        dataset = self._windows(panel, *given, ~aside & labelled)
        valid = self._windows(panel, *given, aside, random=False)
        if len(dataset) == 0:
            raise ValueError(
                f"No target is observed `warmup`={self.warmup} or more steps into an unbroken "
                f"record of forcing. Lower `warmup` (and `window`={self.window}), or give longer "
                "records."
            )
        self.net_ = train_network(module, dataset, valid if len(valid) else None, criterion, plan)
        self.history_ = training_summary(self.net_)
        self.n_epochs_ = len(self.history_)

    def _check_parameters(self):
        """Check the parameters that the parts below do not check themselves."""
        check_number("window", self.window, low=1, integer=True)
        check_number("warmup", self.warmup, low=0, integer=True)
        check_number("attribute_noise", self.attribute_noise, low=0)
        if self.warmup >= self.window:
            raise ValueError(
                f"`warmup` must be smaller than `window`. Got {self.warmup} and {self.window}."
            )

    def _windows(self, panel, series, static, present, target, chosen, random=True):
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
            finish=AttributeNoise(self.attribute_noise) if random else None,
            random=random,
            padding=0.0,  # unlike the encoder, the networks trained here know no NaN
        )

    def _predict(self, panel):
        self._check_inputs(panel)
        present = present_steps(panel)
        result = np.full(present.shape, np.nan, dtype=np.float32)
        n_at_once = max(1, _STEPS_AT_ONCE // present.shape[1])
        module = self.net_.module_
        with torch.inference_mode():
            for first in range(0, panel.n_sites, n_at_once):
                sites = slice(first, first + n_at_once)
                series, static = self._make_inputs(panel[sites])
                runs = find_segments(present[sites])
                # Runs of one length go together: no padding, so no site feels another.
                for length in np.unique(runs.length):
                    same = runs.length == length
                    site = torch.as_tensor(runs.site[same], device=self.device_)
                    steps = torch.as_tensor(runs.start[same])[:, None] + torch.arange(int(length))
                    steps = steps.to(self.device_)
                    inputs = {k: v[site[:, None], steps] for k, v in series.items()}
                    inputs |= {k: v[site] for k, v in static.items()}
                    values = module(**inputs).float().cpu().numpy()
                    result[first + site.cpu().numpy()[:, None], steps.cpu().numpy()] = values
        result = result * np.float32(self.target_std_) + np.float32(self.target_mean_)
        return result if self.lower_bound_ is None else np.maximum(result, self.lower_bound_)


def _site_std(scaled, labelled):
    """Spread of each site's scaled target, with a floor relative to the typical one."""
    std = np.ones(len(scaled), dtype=np.float32)
    if scaled.shape[1] > 1:
        std[labelled] = np.nanstd(scaled[labelled], axis=1)
        typical = np.median(std[labelled])
        std += _STD_FLOOR * (typical if typical > 0 else 1.0)
    return std
