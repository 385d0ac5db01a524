"""The LSTM comparator."""

from stefaland_sk.estimators._inputs import refuse_empty_forcing
from stefaland_sk.estimators._neural import NeuralPanelRegressor
from stefaland_sk.modules import RecurrentRegressor


class LSTMRegressor(NeuralPanelRegressor):
    """One LSTM for all sites, driven by forcing and attributes [1]_.

    The standard of rainfall-runoff modelling and the row to beat: linear layer, ReLU,
    LSTM, dropout, linear layer, trained on windows whose first part only warms up the
    memory. `predict` runs each unbroken record from its first day, without restarts.

    Parameters
    ----------
    d_hidden : int, default=64
        Width of the LSTM.
    dropout : float, default=0.4
        Dropout rate before the output layer.
    attribute_noise : float, default=0.5
        Standard deviation of the noise added to the scaled attributes of each training
        window. With few sites it keeps the network from knowing them by their
        attributes, which helps at places unlike them.
    attribute_dropout : float, default=0.0
        Share of the attributes hidden from the network in each training window.
    window : int, default=180
        Steps of a training window.
    warmup : int, default=90
        Steps at the beginning of a window, and of each record, that are not trained on;
        `score` leaves out the same number.
    loss : str, default="auto"
        "nse" (which "auto" takes): squared errors relative to the variability of each site;
        "sqrt_nse": errors relative to it; "rmse" and "mse": of all sites together;
        "rmse_comb": "rmse" with a share for low flows; "kge".
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
        Passes over the records (an epoch supervises each day about once). "auto" takes as many
        as make about 1,600 updates, from 4 to 20: with more, a network learns more of its own
        sites than of others.
    max_minutes : float, default=None
        Stop after the epoch in which this is exceeded; None sets no limit.
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
        Whether `fit` goes on with the networks and scalers that there are: to finetune a
        trained model with data of a few more sites.
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
        Seed of weights, windows and of the sites set apart.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    nets_ : list of skorch.NeuralNet
        All networks; `net_` is the first.
    scaler_ : PanelScaler
        Scales the inputs; fitted on the training sites.
    target_scale_ : TargetScale
        How the target is scaled.
    target_mean_, target_std_ : float
        Mean and spread of the target, divided and transformed.
    history_ : list of dict
        Losses of each epoch.
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
    StefaLandStreamflow : The same head on features of a pretrained encoder.
    RowRegressor : Any scikit-learn regressor on lagged forcing.

    References
    ----------
    .. [1] Kratzert, F. et al. (2019). Toward improved predictions in ungauged basins:
       exploiting the power of machine learning. Water Resour. Res., 55, 11344-11354.
       doi:10.1029/2019WR026065

    Examples
    --------
    >>> from stefaland_sk import LSTMRegressor
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> model = LSTMRegressor(d_hidden=8, max_epochs=2, random_state=0).fit(X, y)
    >>> model.predict(X).shape == y.shape
    True
    """

    _task_loss = "nse"

    @property
    def causal(self):
        """Whether a prediction never depends on later forcing; a mean over the record does."""
        return self.target_scale is None

    def __init__(
        self,
        d_hidden=64,
        dropout=0.4,
        attribute_noise=0.5,
        attribute_dropout=0.0,
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
        self.d_hidden = d_hidden
        self.dropout = dropout
        self.attribute_noise = attribute_noise
        self.attribute_dropout = attribute_dropout
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

    def _check_inputs(self, panel):
        refuse_empty_forcing(
            panel, self, "Drop the site or the variable, or use StefaLandStreamflow."
        )

    def _build(self, panel):
        return RecurrentRegressor(
            panel.n_forcings,
            panel.n_attributes,
            d_hidden=self.d_hidden,
            n_outputs=1 if self.distribution_ is None else self.distribution_.n_outputs,
            dropout=self.dropout,
        )
