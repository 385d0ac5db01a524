"""StefaLand finetuned: a recurrent head on features of a frozen, pretrained encoder."""

import os
import warnings

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import DataWarning, LeakageWarning, check_number
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.encoders._cache import as_cache
from stefaland_sk.estimators._inputs import describe_missing_forcing, missing_forcing
from stefaland_sk.estimators._neural import NeuralPanelRegressor
from stefaland_sk.estimators._transformer import StefaLandTransformer
from stefaland_sk.modules import FinetuneHead


class StefaLandRegressor(NeuralPanelRegressor):
    """Predict a target from features of a pretrained StefaLand and the raw inputs [1]_.

    A masked autoencoder, pretrained without target, turns forcing and attributes into
    features of every day. It is frozen: the features are computed once, and an adapter,
    an LSTM and a linear layer are trained on them. With ``residual=True`` ("resConn")
    the raw inputs rejoin before and after the LSTM.

    Parameters
    ----------
    encoder : StefaLandTransformer, FrozenEstimator, StefaLandEncoder, str or Path, default=None
        A transformer (None: one with default parameters) is pretrained inside `fit` on
        the sites of X, unlabelled ones included, so that a cross-validation cannot
        leak. ``FrozenEstimator(transformer)``, a StefaLandEncoder or a checkpoint (its path,
        or "owner/name" on the Hugging Face hub) is used as it is. A transformer's `cache`
        serves here too.
    residual : bool or "cnn", default=True
        True: raw inputs rejoin around the LSTM, as in the paper's programs; "cnn": as in
        the paper's figure; False: the adapter alone sees them.
    adapter : str, default="auto"
        "auto", "none", "gated", "residual", "bottleneck" or "feedforward"; "auto" takes
        "residual" with ``residual=True``, "gated" with False, "none" with "cnn".
    min_coverage : float, default=0.5
        Share of the encoder's forcing, and of its attributes, that X must have. Mask
        tokens stand in for the others.
    d_hidden : int, default=64
        Width of adapter and LSTM.
    dropout : float, default=0.4
        Dropout rate of adapter and head.
    attribute_noise : float, default=0.0
        Standard deviation of the noise added to the scaled attributes of each training
        window. With few sites it keeps the network from knowing them by their
        attributes, which helps at places unlike them.
    window : int, default=365
        Steps of a training window of the head.
    warmup : int, default=180
        Steps at the beginning of a window, and of each record, that are not trained on;
        `score` leaves out the same number.
    loss : {"auto", "nse", "rmse", "mse"}, default="auto"
        "nse": squared errors relative to the variability of each site; "rmse" and "mse":
        of all sites together. "auto" takes the task's: "rmse" here.
    batch_size : int, default=64
        Windows per update.
    lr : float, default=3e-3
        Peak learning rate of the one-cycle schedule.
    weight_decay : float, default=0.0
        Of AdamW.
    max_epochs : int, default=20
        Passes over the records, for the head.
    max_minutes : float, default=None
        Stop the head's training after the epoch in which this is exceeded.
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
        Seed of pretraining, weights, windows and of the sites set apart.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    encoder_ : StefaLandEncoder
        The frozen encoder, with its own scaler.
    feature_mean_, feature_std_ : ndarray of shape (d_model,)
        Scale of the features, over the days of the sites of `fit`.
    net_ : skorch.NeuralNet
        The trained head.
    scaler_ : PanelScaler
        Scales the raw inputs of the head; fitted on the sites of `fit`.
    target_mean_, target_std_ : float
        Scale of the target.
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
    The encoder reads whole windows: the features of a day depend on later days too. Use
    it for hindcasts, not for forecasts.

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

    def __init__(
        self,
        encoder=None,
        residual=True,
        adapter="auto",
        min_coverage=0.5,
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
        self.encoder = encoder
        self.residual = residual
        self.adapter = adapter
        self.min_coverage = min_coverage
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
        missing = missing_forcing(panel)
        if missing.any():
            warnings.warn(
                f"{describe_missing_forcing(panel, missing)}; the encoder's mask tokens stand in.",
                DataWarning,
                stacklevel=4,
            )

    def _prepare(self, panel, seed):
        check_number("min_coverage", self.min_coverage, low=0, high=1)
        self.encoder_, self.pretrained_here_ = self._resolve_encoder(panel, seed)
        self.encoder_.check_coverage(panel, self.min_coverage)
        self.sites_ = set(panel.site_ids)
        self.feature_mean_ = self.feature_std_ = None

    def _resolve_encoder(self, panel, seed):
        """Give the frozen encoder, and whether it has seen sites of this panel only."""
        encoder = StefaLandTransformer() if self.encoder is None else self.encoder
        self._cache = None
        if isinstance(encoder, StefaLandEncoder):
            return encoder, False
        if isinstance(encoder, str | os.PathLike):
            return StefaLandEncoder.from_pretrained(encoder), False
        if isinstance(encoder, FrozenEstimator):
            check_is_fitted(encoder.estimator)
            self._cache = as_cache(encoder.estimator.cache)
            return encoder.estimator.mapped_encoder(), False
        if isinstance(encoder, StefaLandTransformer):
            encoder = clone(encoder).set_params(random_state=seed)
            self._cache = as_cache(encoder.cache)
            if panel.time is None:
                return encoder.fit(panel.attributes).encoder_, encoder.extra is None
            for role in ("forcings", "attributes"):  # what is named here is meant there too
                if getattr(encoder, role) is None:
                    encoder.set_params(**{role: getattr(self, role)})
            return encoder.fit(panel).encoder_, encoder.extra is None
        raise TypeError(
            "`encoder` must be a StefaLandTransformer, a FrozenEstimator around a fitted one, a "
            "StefaLandEncoder, or the path or name of a checkpoint. Got "
            f"{type(encoder).__name__}."
        )

    def _make_inputs(self, panel):
        series, static = super()._make_inputs(panel)
        days, site = self.encoder_.encode(panel, device=self.device_, cache=self._cache)
        if days is None:  # attributes only: the same feature on every step
            days = np.repeat(site[:, None], series["forcing"].shape[1], axis=1)
        if self.feature_mean_ is None:  # in fit: from the training sites
            self.feature_mean_, self.feature_std_ = _moments(days)
        days -= self.feature_mean_
        days /= self.feature_std_
        return {**series, "features": torch.from_numpy(days).to(self.device_)}, static

    def _build(self, panel):
        return FinetuneHead(
            self.encoder_.d_model,
            panel.n_forcings,
            panel.n_attributes,
            d_hidden=self.d_hidden,
            adapter=self.adapter,
            residual=self.residual,
            dropout=self.dropout,
        )

    def _predict(self, panel):
        if not self.pretrained_here_:
            self._warn_of_seen_sites(panel)
        return super()._predict(panel)

    def _warn_of_seen_sites(self, panel):
        """Warn if the encoder knows sites that the head does not, by name or by place."""
        seen = self.encoder_.seen(panel)
        by_id = [site for site in seen.index[seen["by_id"]] if site not in self.sites_]
        there = seen["same_place_as"][seen["by_place"]]
        there = there[~(there.index.isin(self.sites_) | there.isin(self.sites_))]
        found = []
        if by_id:
            found.append(
                f"on {len(by_id)} of the {panel.n_sites} sites to be predicted, for "
                f"example {by_id[:3]}"
            )
        if len(there):
            found.append(
                f"probably on {len(there)} of the {panel.n_sites} sites under another name, for "
                f"example {there.index[0]!r} (there {there.iloc[0]!r}, in the same cell of 0.1 "
                "degrees)"
            )
        if found:
            warnings.warn(
                f"The encoder was pretrained {' and '.join(found)}, which were not used to "
                "finetune it: as a test of unmeasured places this is too favourable. Pretrain "
                "inside `fit` (encoder=StefaLandTransformer(...)), or without these sites.",
                LeakageWarning,
                stacklevel=4,
            )


def _moments(days):
    """Mean and standard deviation of each feature over the days that have one."""
    seen = np.isfinite(days[:, :, 0])
    n_seen = max(int(seen.sum()), 1)
    # Site by site: the copies stay small.
    total = sum(d[s].sum(axis=0, dtype=np.float64) for d, s in zip(days, seen, strict=True))
    mean = total / n_seen
    squares = sum(np.square(d[s] - mean).sum(axis=0) for d, s in zip(days, seen, strict=True))
    std = np.sqrt(squares / n_seen)
    return mean.astype(np.float32), np.where(std > 1e-6, std, 1.0).astype(np.float32)


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
