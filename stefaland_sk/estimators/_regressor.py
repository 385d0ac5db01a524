"""StefaLand finetuned: a head on features of an encoder, which is frozen or trained with it."""

import copy
import warnings
from dataclasses import replace

import torch

from stefaland_sk._core import DataWarning, check_number, check_option
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators._encoder_choice import EncoderUser
from stefaland_sk.estimators._inputs import (
    describe_missing_forcing,
    missing_forcing,
    refuse_empty_forcing,
)
from stefaland_sk.estimators._neural import NeuralPanelRegressor
from stefaland_sk.estimators._perturb import SitePerturbation
from stefaland_sk.estimators._trainable import resolve_stages, trains_encoder
from stefaland_sk.estimators._windows import as_tensor
from stefaland_sk.modules import FinetunedNetwork, FinetuneHead

# Name -> whether forcing, and whether attributes, reach the head as they are.
RAW_INPUTS = {"all": (True, True), "forcing": (True, False), "none": (False, False)}


class StefaLandRegressor(EncoderUser, NeuralPanelRegressor):
    """Predict a target from features of a pretrained StefaLand and the raw inputs [1]_.

    A masked autoencoder, pretrained without target, turns forcing and attributes into
    features of every day. By default it is frozen: the features are computed once, and an
    adapter, an LSTM and a linear layer are trained on them. With ``residual=True``
    ("resConn") the raw inputs rejoin before and after the LSTM.

    Parameters
    ----------
    encoder : StefaLandTransformer, FrozenEstimator, StefaLandEncoder, str or Path, default=None
        A transformer (None: one with default parameters) is pretrained inside `fit` on
        the sites of X, unlabelled ones included, so that a cross-validation cannot
        leak. ``FrozenEstimator(transformer)``, a StefaLandEncoder or a checkpoint (its path,
        or "owner/name" on the Hugging Face hub) is used as it is. A transformer's `cache`
        serves here too.
    encoder_init : {"pretrained", "random", "none"}, default="pretrained"
        "random": the same encoder with weights drawn at random, which has learned nothing
        but the scale of its inputs; "none": no encoder, the head has the raw inputs alone.
    residual : bool or "cnn", default=True
        True: raw inputs rejoin around the LSTM, as in the paper's programs; "cnn": as in
        the paper's figure; False: the adapter alone sees them.
    adapter : str, default="auto"
        How forcing (and attributes) join the features: "none", "gated", "residual",
        "bottleneck", "feedforward", "conv", "attention" or "moe"; None is "none". "auto" takes
        "residual" with ``residual=True``, "gated" with False, "none" with "cnn".
    head : {"lstm", "linear", "decoder"}, default="lstm"
        What reads the adapted features: an LSTM and a linear layer; a linear layer alone
        (with ``adapter="none", residual=False`` the linear probe); or what reconstructs
        variables in pretraining.
    raw_inputs : {"all", "forcing", "none"}, default="all"
        Raw inputs that adapter and head see: forcing and attributes, forcing only (features
        must tell the sites apart), or none.
    trainable : str, list of str, or dict, default="head"
        What is trained: "head" all but the encoder; "adapter" of that, all but the LSTM;
        "all" the encoder too; or a list of name patterns, such as
        ``["head.*", "encoder.backbone.layers.1.*"]``. A dictionary unfreezes step by step:
        ``{0: "head", 5: "all"}`` adds the encoder from epoch 5 on (counted from 0).
    encoder_lr : float, default=0.1
        Learning rate of an encoder that is trained, as a multiple of `lr`.
    min_coverage : float, default=0.5
        Share of the encoder's forcing, and of its attributes, that X must have. Mask
        tokens stand in for the others.
    d_hidden : int, default=64
        Width of adapter and LSTM.
    dropout : float, default=0.1
        Dropout rate of adapter and head.
    attribute_noise : float, default=0.5
        Standard deviation of the noise added to the scaled attributes of each training
        window. With few sites it keeps the network from knowing them by their
        attributes, which helps at places unlike them.
    attribute_dropout : float, default=0.0
        Share of the attributes hidden from the network in each training window.
    feature_noise : float or "auto", default="auto"
        Standard deviation of the noise on the standardised features, the same on all days
        of a training window. It does for features what `attribute_noise` does for attributes:
        they no longer tell the sites apart, but still the days of a site. "auto" is 1 where the
        head reads attributes as well, and 0 where only features can tell it of the site.
        An encoder that is trained gets `attribute_noise` on its own inputs, and none on features.
    window : int, default=180
        Steps of a training window of the head.
    warmup : int, default=90
        Steps at the beginning of a window, and of each record, that are not trained on;
        `score` leaves out the same number.
    loss : str, default="auto"
        "nse": squared errors relative to the variability of each site; "sqrt_nse": errors
        relative to it; "rmse" and "mse": of all sites together; "rmse_comb": "rmse" with a
        share for low flows; "kge". "auto" takes the task's: "rmse" here.
    distribution : {None, "quantiles", "cmal"} or Distribution, default=None
        What is predicted of each step: None a value; "quantiles" the levels of `quantiles`;
        "cmal" a mixture of asymmetric Laplacians. `loss` does not count then, and
        `predict_quantiles` gives quantiles, `predict` the median or the mean (with a
        `target_transform`: of what is learned, taken back).
    quantiles : tuple of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        Levels that ``distribution="quantiles"`` learns.
    target_transform : {None, "sqrt", "log1p", "log_sqrt"}, default=None
        Function of the target that is learned: square root, log(1 + y), or
        log10(sqrt(y) + 0.1).
    target_scale : str, default=None
        Forcing or attribute by whose mean at each site the target is divided, such as
        "prcp"; it must be positive. The mean of a forcing is that over the record of X. None
        does not divide.
    batch_size : int, default=32
        Windows per update.
    lr : float, default=5e-3
        Peak learning rate of the one-cycle schedule.
    weight_decay : float, default=0.0
        Of AdamW.
    optimizer : {"adamw", "adadelta"}, default="adamw"
        "adadelta" with ``lr=1.0, lr_schedule="constant"`` is what the paper's programs use.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate goes: up to `lr` and down; down from it; or `lr` throughout.
    max_epochs : int or "auto", default="auto"
        Passes over the records, for the head. "auto" takes as many as make about 1,600 updates,
        from 4 to 20: with more, a network learns more of its own sites than of others.
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
        Predictions are not below this; "auto" is 0 if no target of `fit` is negative.
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
    target_scale_ : TargetScale
        How the target is scaled.
    target_mean_, target_std_ : float
        Mean and spread of the target, divided and transformed.
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

    See Also
    --------
    StefaLandTransformer : The pretraining.
    LSTMRegressor : The same head without features.

    Notes
    -----
    The encoder reads whole windows: the features of a day depend on later days too, and the
    adapters "conv" and "attention" and ``residual="cnn"`` read later days of them besides. Use
    it for hindcasts, not for forecasts; `causal` tells, and ``encoder_init="none"`` is causal.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> from stefaland_sk import StefaLandRegressor, StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1)
    >>> model = StefaLandRegressor(encoder, d_hidden=8, max_epochs=1, random_state=0)
    >>> model.fit(X, y).predict(X).shape == y.shape
    True
    """

    _task_loss = "rmse"

    @property
    def causal(self):
        """Whether a prediction never depends on later forcing; an encoder reads it."""
        # The mean of a forcing over the record is known at its end only.
        return not self._uses_encoder and self.target_scale is None

    def __init__(
        self,
        encoder=None,
        encoder_init="pretrained",
        residual=True,
        adapter="auto",
        head="lstm",
        raw_inputs="all",
        trainable="head",
        encoder_lr=0.1,
        min_coverage=0.5,
        d_hidden=64,
        dropout=0.1,
        attribute_noise=0.5,
        attribute_dropout=0.0,
        feature_noise="auto",
        window=180,
        warmup=90,
        loss="auto",
        distribution=None,
        quantiles=(0.05, 0.25, 0.5, 0.75, 0.95),
        target_transform=None,
        target_scale=None,
        batch_size=32,
        lr=5e-3,
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
        self.encoder_init = encoder_init
        self.residual = residual
        self.adapter = adapter
        self.head = head
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
        self.distribution = distribution
        self.quantiles = quantiles
        self.target_transform = target_transform
        self.target_scale = target_scale
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

    def _check_parameters(self):
        super()._check_parameters()
        if self.feature_noise != "auto":
            check_number("feature_noise", self.feature_noise, low=0)
        check_number("encoder_lr", self.encoder_lr, low=0, open_low=True)
        check_option("raw_inputs", self.raw_inputs, list(RAW_INPUTS))

    def _check_inputs(self, panel):
        missing = missing_forcing(panel)
        if missing.any() and self._uses_encoder:
            warnings.warn(
                f"{describe_missing_forcing(panel, missing)}; the encoder's mask tokens stand in.",
                DataWarning,
                stacklevel=5,
            )
        elif missing.any():
            refuse_empty_forcing(panel, self, "Drop the site or the variable, or use an encoder.")

    # ------------------------------------------------------------------ fit
    def _warn_of_targets(self, panel):
        if not self._pretrains:
            super()._warn_of_targets(panel)

    def _prepare(self, panel, seed):
        self._choose_encoder(panel, seed)
        self.encoders_ = None

    def _plan_networks(self, panel):
        self.sites_ |= set(panel.site_ids)  # those of earlier calls, with warm_start
        self._stages = resolve_stages(self.trainable, self._weight_names(panel))
        self._live = trains_encoder(self._stages)
        if not self._live:
            return
        if not isinstance(self.encoder_, StefaLandEncoder):
            raise TypeError(
                f"`trainable`={self.trainable!r} trains the encoder, but a "
                f"{type(self.encoder_).__name__} gives its features as they are. Use "
                "trainable='head'."
            )
        if panel.time is not None and self.window > self.encoder_.window > 0:
            raise ValueError(
                f"`window`={self.window} is longer than the {self.encoder_.window} steps that the "
                "encoder reads at once, so that it cannot be trained on such windows. Use "
                f"window={self.encoder_.window}, or trainable='head'."
            )

    def _weight_names(self, panel):
        """List the names of all weights that can be trained."""
        with torch.device("meta"):  # names only: nothing is drawn, nothing held
            head = self._make_head(panel)
        names = [f"head.{name}" for name, _ in head.named_parameters()]
        if isinstance(self.encoder_, StefaLandEncoder):
            module = self.encoder_.module
            names += [f"encoder.{name}" for name in module.encoding_parameters]
        elif self.encoder_ is not None:
            names.append("encoder.")  # whatever it consists of, to be refused by who asks for it
        return names

    def _make_head(self, panel):
        """Build what is trained on the features."""
        forcing, attributes = RAW_INPUTS[self.raw_inputs]
        return FinetuneHead(
            0 if self.encoder_ is None else self.encoder_.d_model,
            panel.n_forcings if forcing else 0,
            panel.n_attributes if attributes else 0,
            d_hidden=self.d_hidden,
            adapter="none" if self.encoder_ is None else self.adapter,
            residual=self.residual,
            head=self.head,
            dropout=self.dropout,
            n_outputs=1 if self.distribution_ is None else self.distribution_.n_outputs,
        )

    def _build(self, panel):
        return self._with_encoder(self._make_head(panel), self.encoder_)

    def _with_encoder(self, head, encoder):
        """Join a head with a copy of an encoder's network, if that is to be trained."""
        if not self._live:
            return FinetunedNetwork(head)
        module = copy.deepcopy(encoder.network_on(self.device_))
        return FinetunedNetwork(head, module)

    def _rebuild(self, number):
        # An earlier fit may have left weights frozen that are to be trained now.
        head = copy.deepcopy(self.nets_[number].module_.head).requires_grad_(True)
        encoder = self.encoder_ if self.encoders_ is None else self.encoders_[number]
        return self._with_encoder(head, encoder)

    def _refine(self, plan, module):
        names = [name for name, _ in module.named_parameters()]
        everything = self._stages[0][1].issuperset(names)
        live = {"encoder_lr": self.encoder_lr} if self._live else {}
        return replace(plan, stages=None if everything else self._stages, **live)

    def _make_training_inputs(self, panel, module, net):
        if not self._live:
            return self._make_inputs(panel, net)
        if self.feature_mean_ is None:
            self._features(panel)
        module.set_feature_scale(*map(torch.as_tensor, (self.feature_mean_, self.feature_std_)))
        series, static = self._raw_inputs(panel)
        scaled = self.encoder_.scale(panel.load())
        static["encoder_attributes"] = as_tensor(scaled.attributes, self.device_)
        if scaled.forcing is not None:  # else a plain table, or an encoder of attributes
            series["encoder_forcing"] = as_tensor(scaled.forcing, self.device_)
        return series, static

    def _perturbation(self, module):
        classes = self.encoder_.module.config.n_classes if self._live else ()
        feature_noise = self.feature_noise
        if feature_noise == "auto":
            feature_noise = float(module.head.reads_attributes)
        return SitePerturbation(
            self.attribute_noise,
            self.attribute_dropout,
            feature_noise,
            [column for column, n_classes in enumerate(classes) if n_classes],
        )

    def _finish(self):
        if not self._live:
            return
        # The trained networks become encoders, which give the features of whole records.
        self.encoders_ = []
        for net in self.nets_:
            self.encoders_.append(self.encoder_.with_network(net.module_.encoder))
            net.module_.encoder = None
        self.encoder_, self._cache = self.encoders_[0], None

    # ------------------------------------------------------------------ inputs
    def _raw_inputs(self, panel):
        """Give the raw inputs that the head is to see."""
        series, static = super()._make_inputs(panel)
        forcing, attributes = RAW_INPUTS[self.raw_inputs]
        return series if forcing else {}, static if attributes else {}

    @property
    def _inputs_differ(self):
        return self._live or self.encoders_ is not None

    def _make_inputs(self, panel, net=0):
        series, static = self._raw_inputs(panel)
        if self.encoder_ is None:
            return series, static
        encoder = self.encoder_ if self.encoders_ is None else self.encoders_[net]
        features = torch.from_numpy(self._features(panel, encoder)).to(self.device_)
        if features.shape[1] == 1:  # of sites: the same on every step
            return series, {**static, "features": features}
        return {**series, "features": features}, static

    def _warn_before_predicting(self, panel):
        self._warn_of_seen_sites(panel)


class StefaLandStreamflow(StefaLandRegressor):
    """Predict streamflow at places without gauges: `StefaLandRegressor` with the task's defaults.

    Takes the same parameters and has the same attributes as `StefaLandRegressor`. What
    differs: ``loss="auto"`` is the NSE loss, in which each basin counts alike whatever
    its runoff.

    See Also
    --------
    StefaLandRegressor : All parameters.
    LSTMRegressor : The comparator.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from stefaland_sk import StefaLandStreamflow, StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.metrics import site_scorers
    >>> from stefaland_sk.model_selection import LeaveRegionOut
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1)
    >>> model = StefaLandStreamflow(encoder, d_hidden=8, max_epochs=1, random_state=0)
    >>> scores = cross_validate(
    ...     model, X, y, cv=LeaveRegionOut(), scoring=site_scorers("nse", "kge", warmup=180)
    ... )
    >>> len(scores["test_nse"])  # one median over sites per region held out
    2
    """

    _task_loss = "nse"
