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
    attribute_noise : float, default=0.0
        Standard deviation of the noise added to the scaled attributes of each training
        window. With few sites it keeps the network from knowing them by their
        attributes, which helps at places unlike them.
    window : int, default=365
        Steps of a training window.
    warmup : int, default=180
        Steps at the beginning of a window, and of each record, that are not trained on;
        `score` leaves out the same number.
    loss : {"auto", "nse", "rmse", "mse"}, default="auto"
        "nse" (which "auto" takes): squared errors relative to the variability of each
        site; "rmse" and "mse": of all sites together.
    batch_size : int, default=64
        Windows per update.
    lr : float, default=3e-3
        Peak learning rate of the one-cycle schedule.
    weight_decay : float, default=0.0
        Of AdamW.
    max_epochs : int, default=20
        Passes over the records (an epoch supervises each day about once).
    max_minutes : float, default=None
        Stop after the epoch in which this is exceeded; None sets no limit.
    early_stopping : bool or "auto", default="auto"
        Whether to set sites apart, stop when their loss no longer falls and keep the
        best epoch. "auto" does so with at least 20 labelled sites.
    validation_fraction : float, default=0.1
        Share of the labelled sites set apart.
    patience : int, default=5
        Epochs without improvement before stopping.
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
    scaler_ : PanelScaler
        Scales the inputs; fitted on the training sites.
    target_mean_, target_std_ : float
        Scale of the target.
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

    causal = True
    _task_loss = "nse"

    def __init__(
        self,
        d_hidden=64,
        dropout=0.4,
        attribute_noise=0.0,
        window=365,
        warmup=180,
        loss="auto",
        batch_size=64,
        lr=3e-3,
        weight_decay=0.0,
        max_epochs=20,
        max_minutes=None,
        early_stopping="auto",
        validation_fraction=0.1,
        patience=5,
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
        self.window = window
        self.warmup = warmup
        self.loss = loss
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
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
            panel.n_forcings, panel.n_attributes, d_hidden=self.d_hidden, dropout=self.dropout
        )
