"""A physical model driven by a network: both trained end to end, on the target alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
import xarray as xr
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.estimators._inputs import read_inputs
from stefaland_sk.estimators._physics_forcing import needed_forcings, read_forcing
from stefaland_sk.estimators._physics_series import label_series
from stefaland_sk.estimators._regressor import RAW_INPUTS, StefaLandRegressor
from stefaland_sk.estimators._target_scale import TargetScale
from stefaland_sk.estimators._target_unit import (
    check_target_unit,
    from_model_unit,
    to_model_unit,
    warn_of_impossible,
    warn_of_odd_runoff,
)
from stefaland_sk.estimators._windows import as_tensor
from stefaland_sk.modules import HybridHead
from stefaland_sk.physics import PHYSICS, PhysicsSpec


class HybridRegressor(StefaLandRegressor):
    """Predict a target by a physical model, whose parameters a network gives [1]_.

    The network reads forcing, attributes and, with ``parameterization="stefaland"``, features of
    a pretrained encoder, and gives each site its parameters, some of them anew each day. The
    model turns weather into the target, such as streamflow or soil moisture. Trained on that
    alone, it also gives its stores and fluxes, such as snow and evapotranspiration.

    Parameters
    ----------
    encoder : StefaLandTransformer, FrozenEstimator, StefaLandEncoder, str or Path, default=None
        As of `StefaLandRegressor`: a transformer is pretrained inside `fit`, all else is used
        as it is.
    parameterization : {"stefaland", "lstm"}, default="stefaland"
        What gives the parameters: a head on features of the encoder; or one LSTM on forcing and
        attributes, for which `encoder`, `encoder_init`, `residual`, `adapter` and
        `min_coverage` do not count.
    residual : bool or "cnn", default=True
        How raw inputs rejoin the features around the LSTM, as of `StefaLandRegressor`: True
        resConn, False noResConn.
    physics : {"hbv_1.1p", "hbv_1.0", "soil_bucket"} or PhysicsSpec, default="hbv_1.1p"
        The model: HBV for streamflow, with capillary rise and an exponent of
        evapotranspiration or without; a bucket for soil moisture; or one of your own.
    n_members : int or "auto", default="auto"
        Parallel models at a site, whose results are averaged. "auto" takes the model's: 16
        for HBV, 4 for the bucket.
    dynamic : sequence of str or "auto", default="auto"
        Parameters with a value for each day. "auto" takes the model's: beta, k0 and betaet in
        HBV 1.1p, beta in 1.0, none in the bucket.
    static_pool : {"mean", "last", "network"}, default="mean"
        What the other parameters follow from: the mean of the hidden states over the window's days,
        that of its last day (as in the published programs), or a network of its own on the
        attributes alone.
    dynamic_dropout : float, default=0.0
        Probability, in training only, that a dynamic parameter of a site is static.
    encoder_init : {"pretrained", "random", "none"}, default="pretrained"
        "random": weights drawn at random, which have learned nothing (the ablation); "none": the
        head has the raw inputs alone.
    adapter : str, default="auto"
        How forcing and attributes join the features, as of `StefaLandRegressor`.
    raw_inputs : {"all", "forcing", "none"}, default="all"
        Raw inputs that adapter and head see: forcing and attributes, forcing only (features
        must tell the sites apart), or none.
    trainable : str, list of str, or dict, default="head"
        What is trained, as of `StefaLandRegressor`. "all" trains the encoder too; `window` must
        not be longer than the encoder's then.
    encoder_lr : float, default=0.1
        Learning rate of an encoder that is trained, as a multiple of `lr`.
    min_coverage : float, default=0.5
        Share of the encoder's forcing, and of its attributes, that X must have. Mask
        tokens stand in for the others.
    d_hidden : int, default=64
        Width of adapter and LSTM.
    dropout : float, default=0.2
        Dropout rate of adapter and head.
    attribute_noise : float, default=0.5
        Standard deviation of the noise added to the scaled attributes of each training
        window. With few sites it keeps the network from knowing them by their
        attributes, which helps at places unlike them.
    attribute_dropout : float, default=0.0
        Share of the attributes hidden from the network in each training window.
    feature_noise : float or "auto", default="auto"
        Standard deviation of the noise on the standardised features, the same on all days
        of a training window. It does for features what `attribute_noise` does for attributes.
        "auto" is 1 where the head reads attributes as well, and 0 elsewhere.
        An encoder that is trained gets `attribute_noise` on its own inputs, and none on features.
    window : int, default=365
        Days of a training window.
    warmup : int, default=180
        Days at the beginning of each window that fill the stores, without gradient through the
        physics. `score` leaves out the same number.
    loss : str, default="auto"
        In the model's unit: "nse", "sqrt_nse", "rmse", "mse", "rmse_comb" or "kge", as of
        `StefaLandRegressor`. "auto" takes "nse" for runoff, "rmse" otherwise.
    target_unit : str, default=None
        Unit of the target, and of predictions. None takes the model's, ``spec_.target[1]``.
        Runoff may be given as discharge, such as "m3/s": X must then have the ``area`` [km2]
        of each site among its attributes or in its site table.
    batch_size : int, default=32
        Windows per update.
    lr : float, default=1e-2
        Peak learning rate of the one-cycle schedule.
    weight_decay : float, default=0.0
        Of AdamW.
    optimizer : {"adamw", "adadelta"}, default="adamw"
        "adadelta" with ``lr=1.0, lr_schedule="constant"`` is what the paper's programs use.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate goes: up to `lr` and down; down from it; or `lr` throughout.
    max_epochs : int or "auto", default="auto"
        Passes over the records, for the head. "auto" takes as many as make about 1,600 updates,
        from 4 to 20.
    max_minutes : float, default=None
        Stop the head's training after the epoch in which this is exceeded.
    early_stopping : bool or "auto", default="auto"
        Whether to set sites apart, stop when their loss no longer falls and keep the
        best epoch. "auto" does so with at least 20 labelled sites.
    validation_fraction : float, default=0.1
        Share of the labelled sites set apart.
    validation_split : {"sites", "regions"}, default="sites"
        Whether single sites are set apart, or whole regions (column ``region`` of the
        site table), as few as reach the share.
    patience : int, default=5
        Epochs without improvement before stopping.
    n_seeds : int, default=1
        Networks trained from different seeds, with other sites set apart; predictions are
        their mean.
    warm_start : bool, default=False
        Whether `fit` goes on with the networks, scalers and encoder that there are: to
        finetune a trained model with data of a few more sites.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Of the training. "auto" is bf16 on a GPU. A CPU that has bf16 trains two to three
        times as fast in it. Predictions are computed in float32.
    lower_bound : float, None or "auto", default="auto"
        Predictions are not below this [the model's unit]; "auto" is 0 where no target is negative.
    fit_period : tuple of two dates, default=None
        First and last day trained on; None takes all. Earlier days serve as warm-up.
    forcings, attributes : list of str, default=None
        Variables to use; None takes all. Of a long table, columns that are constant
        within every site are attributes unless named here.
    device : str, default="auto"
        "auto", "cpu", "cuda", ...
    random_state : int, RandomState or None, default=None
        Seed of pretraining, weights, windows and of the sites set apart.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    spec_ : PhysicsSpec
        The model.
    parameters_ : DataFrame of shape (n_sites, n_parameters)
        Parameters of the model at the sites of `fit`, as `parameters_of` gives them.
    encoder_ : StefaLandEncoder or None
        The encoder, with its own scaler; if it was trained, as it is after that.
    encoders_ : list of StefaLandEncoder or None
        The trained encoders, one per network; None if the encoder was not trained.
    feature_mean_, feature_std_ : ndarray of shape (d_model,)
        Scale of the features, over the days of the sites of `fit`.
    net_ : skorch.NeuralNet
        The trained head.
    nets_ : list of skorch.NeuralNet
        All networks; `net_` is the first.
    scaler_ : PanelScaler
        Scales the raw inputs of the head; fitted on the sites of `fit`.
    history_ : list of dict
        Losses of each epoch of the head.
    n_epochs_ : int
        Epochs run.
    forcing_names_, attribute_names_ : list of str
        Variables seen in `fit`.
    n_features_in_ : int
        Number of variables.
    feature_names_in_ : ndarray of str
        Their names.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not legal; in `fit` and `predict` also if forcing is lacking, in another
        unit, negative or in Kelvin, or if the area is lacking for a target in m3/s.

    Warns
    -----
    DataWarning
        If more water runs off than falls, as where the target is in another unit.

    See Also
    --------
    HBVStreamflow, HybridSoilMoisture : The same with the defaults of a task.
    HBVRegressor : HBV calibrated at each site.
    StefaLandRegressor : The network without physics.

    Notes
    -----
    The forcing of the model, ``spec_.forcings``, is found by name in X and converted if
    ``X.units`` names another unit. ``tmean`` may follow from ``tmin`` and ``tmax``, ``pet`` from
    any of these and a latitude ``lat`` among the attributes or in the site table. A day without
    known precipitation counts as dry; other variables keep their last value over gaps. The target
    is not scaled, as the model predicts in its unit.

    `predict` runs each unbroken record as a whole, from nearly empty stores. There ``"last"`` is
    the mean over all days on which a training window could have ended, and ``"mean"`` the mean over
    the record: static parameters are the same throughout a record, and depend on all of
    it. So predictions of a day depend on later days too, but with ``parameterization="lstm",
    static_pool="network"``; `causal` tells.

    References
    ----------
    .. [1] Feng, D., Liu, J., Lawson, K. and Shen, C. (2022). Differentiable, learnable,
       regionalized process-based models with multiphysical outputs can approach
       state-of-the-art hydrologic prediction accuracy. Water Resour. Res., 58,
       e2022WR032404. doi:10.1029/2022WR032404

    Examples
    --------
    Soil moisture by a bucket under snow, whose drainage changes from day to day:

    >>> from stefaland_sk import HybridRegressor
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, _, truth = make_catchments(
    ...     n_sites=4, n_years=2, n_regions=2, random_state=0, return_truth=True
    ... )
    >>> y = 0.4 * truth.fluxes["soil"] / 300  # a store [mm] as water content [m3/m3]
    >>> model = HybridRegressor(
    ...     physics="soil_bucket", dynamic=["kd"], parameterization="lstm", window=180, warmup=90,
    ...     d_hidden=8, max_epochs=1, random_state=0,
    ... ).fit(X, y)
    >>> model.spec_.target, model.simulate(X)["drainage"].attrs["units"]
    (('soil_moisture', 'm3/m3'), 'mm/d')
    >>> bool(model.parameters_["porosity"].between(0.25, 0.7).all())
    True
    """

    _task = None  # what the model must predict, of presets
    # What StefaLandRegressor can do beside this and a physical model cannot.
    head = "lstm"
    distribution = target_transform = target_scale = None
    quantiles = ()

    @property
    def causal(self):
        """Whether a prediction never depends on later forcing."""
        return not self._uses_encoder and self.static_pool == "network"

    @property
    def _uses_encoder(self):
        return self.parameterization == "stefaland" and self.encoder_init != "none"

    def __init__(
        self,
        encoder=None,
        parameterization="stefaland",
        residual=True,
        physics="hbv_1.1p",
        n_members="auto",
        dynamic="auto",
        static_pool="mean",
        dynamic_dropout=0.0,
        encoder_init="pretrained",
        adapter="auto",
        raw_inputs="all",
        trainable="head",
        encoder_lr=0.1,
        min_coverage=0.5,
        d_hidden=64,
        dropout=0.2,
        attribute_noise=0.5,
        attribute_dropout=0.0,
        feature_noise="auto",
        window=365,
        warmup=180,
        loss="auto",
        target_unit=None,
        batch_size=32,
        lr=1e-2,
        weight_decay=0.0,
        optimizer="adamw",
        lr_schedule="one_cycle",
        max_epochs="auto",
        max_minutes=None,
        early_stopping="auto",
        validation_fraction=0.1,
        validation_split="sites",
        patience=5,
        n_seeds=1,
        warm_start=False,
        precision="auto",
        lower_bound="auto",
        fit_period=None,
        forcings=None,
        attributes=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.encoder = encoder
        self.parameterization = parameterization
        self.residual = residual
        self.physics = physics
        self.n_members = n_members
        self.dynamic = dynamic
        self.static_pool = static_pool
        self.dynamic_dropout = dynamic_dropout
        self.encoder_init = encoder_init
        self.adapter = adapter
        self.raw_inputs = raw_inputs
        self.trainable = trainable
        self.encoder_lr = encoder_lr
        self.min_coverage = min_coverage
        self.d_hidden = d_hidden
        self.dropout = dropout
        self.attribute_noise = attribute_noise
        self.attribute_dropout = attribute_dropout
        self.feature_noise = feature_noise
        self.window = window
        self.warmup = warmup
        self.loss = loss
        self.target_unit = target_unit
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.patience = patience
        self.n_seeds = n_seeds
        self.warm_start = warm_start
        self.precision = precision
        self.lower_bound = lower_bound
        self.fit_period = fit_period
        self.forcings = forcings
        self.attributes = attributes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _task_loss(self):
        return "nse" if self.spec_.target[0] == "runoff" else "rmse"

    # ------------------------------------------------------------------ fit
    def _check_parameters(self):
        super()._check_parameters()
        check_option("parameterization", self.parameterization, ["stefaland", "lstm"])
        check_number("dynamic_dropout", self.dynamic_dropout, low=0, high=1)

    def _make_spec(self):
        """Give the model that the parameters describe."""
        spec = self.physics
        if isinstance(spec, str):
            spec = PHYSICS[check_option("physics", spec, list(PHYSICS))]
        elif not isinstance(spec, PhysicsSpec):
            raise TypeError(
                f"`physics` must be one of {list(PHYSICS)} or a PhysicsSpec of "
                f"stefaland_sk.physics. Got {type(spec).__name__}."
            )
        chosen = {"dynamic": self.dynamic, "n_members": self.n_members}
        chosen = {k: v for k, v in chosen.items() if not (isinstance(v, str) and v == "auto")}
        if self._task not in (None, spec.target[0]):
            raise ValueError(
                f"{type(self).__name__} predicts {self._task!r}, but the model in `physics` "
                f"predicts {spec.target[0]!r}. Use HybridRegressor for other targets."
            )
        return replace(spec, **chosen)

    def _fit(self, panel, target):
        self.spec_ = self._make_spec()
        check_target_unit(self.target_unit, self.spec_.target)
        needed_forcings(panel, self, self.spec_.forcings)
        target = to_model_unit(target, panel, self.target_unit, self.spec_.target)
        self._inputs_of_fit = None
        try:
            super()._fit(panel, target)
            self.parameters_ = self._tabulate(panel, self._inputs_of_fit)
        finally:
            self._inputs_of_fit = None

    def _check_inputs(self, panel):
        needed_forcings(panel, self, self.spec_.forcings)
        super()._check_inputs(panel)

    def _prepare(self, panel, seed):
        # What is wrong with the forcing is told before the pretraining.
        read_forcing(panel.load(), self, self.spec_.forcings)
        super()._prepare(panel, seed)

    def _fit_target_scale(self, target, panel):
        if self.spec_.target[0] == "runoff" and "prcp" in self.spec_.forcings:
            warn_of_odd_runoff(target, read_forcing(panel.load(), self, ["prcp"])[0].T)
        warn_of_impossible(target, self.spec_.target)
        return TargetScale(None, None, 0.0, 1.0)  # physics predicts in the unit of the target

    def _make_training_inputs(self, panel, module, net):
        inputs = super()._make_training_inputs(panel, module, net)
        if not self._live:  # else what predict reads comes from the trained encoder
            self._inputs_of_fit = inputs
        return inputs

    def _make_head(self, panel):
        forcing, attributes = RAW_INPUTS[self.raw_inputs]
        has_encoder, plain = self.encoder_ is not None, self.parameterization == "lstm"
        return HybridHead(
            self.spec_,
            self.encoder_.d_model if has_encoder else 0,
            panel.n_forcings if forcing else 0,
            panel.n_attributes if attributes else 0,
            self.d_hidden,
            adapter=self.adapter if has_encoder else "none",
            residual=False if plain else self.residual,
            dropout=self.dropout,
            warmup=self.warmup,
            static_pool=self.static_pool,
            dynamic_dropout=self.dynamic_dropout,
            window=self.window,
        )

    def _raw_inputs(self, panel):
        series, static = super()._raw_inputs(panel)
        weather = read_forcing(panel.load(), self, self.spec_.forcings).transpose(2, 1, 0)
        return {**series, "physical": as_tensor(weather, self.device_)}, static

    def _predict(self, panel):
        values = super()._predict(panel)
        return from_model_unit(values, panel, self.target_unit, self.spec_.target)

    # ------------------------------------------------------------------ what physics knows
    def simulate(self, X):
        """Give all stores and fluxes.

        Parameters
        ----------
        X : Panel or DataFrame
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        xarray.Dataset
            Variables of ``(site, time)`` with their ``units``: the target by its name and in the
            model's unit, and the stores at the end of each day and the fluxes that
            ``spec_.series`` lists, with snow water equivalent ``swe`` [mm]. Of HBV these are
            streamflow ``runoff``, its parts ``quick_flow``, ``interflow`` and ``baseflow``,
            ``runoff_generated`` (before routing), other fluxes [mm/d], such as ``et`` and
            ``recharge``, stores [mm], such as ``soil``, and of ``(site)`` the baseflow index
            ``bfi`` [1]. NaN on days without any forcing.
        """
        check_is_fitted(self)
        panel = read_inputs(self, X, reset=False).panel
        name, unit = self.spec_.target
        units = {**self.spec_.series, name: unit}
        values = self._run_nets(panel, _as_it_is, len(units), _stores_and_fluxes)
        tables = dict(zip(units, np.moveaxis(values, 2, 0), strict=True))
        return label_series(tables, panel, units)

    def parameters_of(self, X, daily=False):
        """Give the parameters of the model at each site.

        Parameters
        ----------
        X : Panel or DataFrame
            Sites of the same form and with the same variables as in `fit`.
        daily : bool, default=False
            Whether to give the parameters in ``spec_.dynamic`` for each day.

        Returns
        -------
        DataFrame of shape (n_sites, n_parameters), or xarray.Dataset if `daily`
            Means over members, and over days of those in ``spec_.dynamic``; units in
            ``attrs["units"]``. A dataset holds the latter by ``(site, time)``, the others by
            ``(site)``, each with its ``units``.
        """
        check_is_fitted(self)
        panel = read_inputs(self, X, reset=False).panel
        return self._tabulate(panel, daily=daily)

    def _tabulate(self, panel, inputs=None, daily=False):
        """Give the parameters at the sites of a panel, whose inputs may have been made before."""
        known = self.spec_.parameters
        values = self._run_nets(panel, _as_it_is, len(known), _parameters, inputs)
        means = np.nanmean(values, axis=1)
        if not daily:
            table = pd.DataFrame(means, panel.site_ids, list(known))
            table.attrs["units"] = {name: parameter.unit for name, parameter in known.items()}
            return table
        return xr.Dataset(
            {
                name: (("site", "time"), values[:, :, i], {"units": parameter.unit})
                if name in self.spec_.dynamic
                else (("site",), means[:, i], {"units": parameter.unit})
                for i, (name, parameter) in enumerate(known.items())
            },
            coords={"site": panel.site_ids, "time": panel.time},
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # attributes alone cannot drive it
        return tags


def _as_it_is(values):
    """Give what a network gave."""
    return values


def _stores_and_fluxes(module, physical, features=None, forcing=None, attributes=None):
    """Give all series of shape (n_sites, n_times, n_series)."""
    result = module.head.simulate(features, forcing, attributes, physical)
    series = [result.series[name] for name in module.head.output.physics.series]
    return torch.stack([part.T for part in (*series, result[0])], dim=2)


def _parameters(module, physical, features=None, forcing=None, attributes=None):
    """Give parameters, means over members, of shape (n_sites, n_times, n_parameters)."""
    shape, spec = physical.shape[:2], module.head.output.physics
    values = module.head.parameters_of(features, forcing, attributes)
    days = []
    for name in spec.parameters:
        value = values[name]
        if name in spec.dynamic:
            days.append(value.mean(2).T)
        else:
            value = value if value.ndim == 1 else value.mean(1)
            days.append(value[:, None].expand(shape))
    return torch.stack(days, dim=2)
