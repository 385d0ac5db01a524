"""Soil composition of sites: one value, several, or fractions that sum to a total."""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import LeakageWarning, check_option
from stefaland_sk.estimators._base import least_value
from stefaland_sk.estimators._inputs import read_inputs
from stefaland_sk.estimators._site_level import SiteLevelModel
from stefaland_sk.estimators._site_target import as_numbers, read_site_target
from stefaland_sk.modules import get_loss

# Names of particle-size fractions, HydroATLAS' own included.
_TEXTURE = re.compile(
    r"(^|.*[^a-z])(sand|silt|clay|texture)([^a-z].*|$)|(snd|slt|cly)_[a-z0-9]{2}_[a-z0-9]{3}"
)
_TOLERANCE = 0.05  # share of the total by which the sum of a site's fractions may be off


class StefaLandSoilComposition(RegressorMixin, SiteLevelModel):
    """Predict soil composition of sites from features of a pretrained StefaLand [1]_.

    The target has no time: one value per site, or several, such as sand, silt and clay. A
    masked autoencoder, pretrained without target, turns attributes, and forcing where there
    is any, into features: the static token and the mean of the days. They are computed once;
    a network of two hidden layers is trained on them, on the attributes and on the mean of
    each forcing variable.

    Parameters
    ----------
    closure : bool, default=False
        Whether the columns of y are fractions of one whole (of 1, of 100 %, ...): predictions
        are positive then and sum to it.
    encoder : StefaLandTransformer, FrozenEstimator, StefaLandEncoder, str or Path, default=None
        A transformer (None: one with default parameters) is pretrained inside `fit` on the
        sites of X, those without target included. ``FrozenEstimator(transformer)``, a
        StefaLandEncoder or a checkpoint (its path or name) is used as it is.
    encoder_init : {"pretrained", "random", "none"}, default="pretrained"
        "random": the same encoder with weights drawn at random, which has learned nothing;
        "none": no encoder, the head has the raw inputs alone.
    raw_inputs : {"all", "none"}, default="all"
        Whether attributes and means of the forcing reach the head as they are.
    min_coverage : float, default=0.5
        Share of the encoder's forcing, and of its attributes, that X must have. Mask
        tokens stand in for the others.
    d_hidden : int or tuple of int, default=(256, 128)
        Widths of the hidden layers; ``()`` is a linear model.
    dropout : float, default=0.4
        Dropout rate behind each hidden layer.
    attribute_noise : float, default=0.0
        Standard deviation of the noise added to the scaled raw inputs in training.
    attribute_dropout : float, default=0.3
        Share of the raw inputs hidden in training.
    feature_noise : float, default=0.0
        Standard deviation of the noise on the standardised features in training.
    loss : {"auto", "mse", "rmse"}, default="auto"
        Of the standardised target; "auto" is "mse".
    batch_size : int, default=64
        Sites per update.
    lr : float, default=2e-3
        Peak learning rate.
    weight_decay : float, default=0.0
        Of AdamW.
    optimizer : {"adamw", "adadelta"}, default="adamw"
        What turns gradients into steps.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate goes.
    max_epochs : int, default=15
        Passes over the sites, for each network.
    max_minutes : float, default=None
        Stop the training of a network after the epoch in which this is exceeded.
    early_stopping : bool or "auto", default="auto"
        Whether to set sites apart, stop when their loss no longer falls and keep the
        best epoch. "auto" does so with at least 20 labelled sites.
    validation_fraction : float, default=0.1
        Share of the labelled sites set apart, other ones for each network.
    validation_split : {"sites", "regions"}, default="sites"
        Whether single sites are set apart, or whole regions (column ``region`` of the site
        table of a panel).
    patience : int, default=10
        Epochs without improvement before stopping.
    n_seeds : int, default=5
        Networks trained from different seeds; predictions are their mean.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Of the training.
    lower_bound : float, None or "auto", default="auto"
        Predictions are not below this; "auto" is 0 if no target of `fit` is negative.
    forcings, attributes : list of str, default=None
        Variables to use; None takes all. Of a long table, columns that are constant
        within every site are attributes unless named here.
    device : str, default="auto"
        "auto", "cpu", "cuda", ...
    random_state : int, RandomState or None, default=None
        Seed of pretraining, weights, order and of the sites set apart.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    encoder_ : StefaLandEncoder or None
        The encoder, with its own scaler.
    feature_mean_, feature_std_ : ndarray
        Scale of the features of sites.
    net_ : skorch.NeuralNet
        The trained head.
    nets_ : list of skorch.NeuralNet
        All networks; `net_` is the first.
    scaler_ : PanelScaler
        Scales the raw inputs of the head.
    ranges_ : dict of str to tuple of two ndarray
        Least and greatest features and raw inputs of the sites of `fit`. Others are taken for
        these.
    target_mean_, target_std_ : ndarray of shape (n_outputs,)
        Mean and spread of the target over the sites of `fit`.
    total_ : float or None
        What the fractions sum to, with `closure`.
    history_ : list of dict
        Losses of each epoch.
    n_epochs_ : int
        Epochs run.
    n_outputs_ : int
        Number of values per site.
    forcing_names_, attribute_names_ : list of str
        Variables seen in `fit`.
    n_features_in_ : int
        Number of variables.
    feature_names_in_ : ndarray of str
        Their names.

    See Also
    --------
    StefaLandLandslide : The classifier of sites.
    StefaLandSoilMoisture : For targets with a time axis.
    StefaLandTransformer : The pretraining; its features go into any regressor.

    Notes
    -----
    The paper predicts clay and sand of 5000 WoSIS profiles in five random folds; it does not
    say what its head looks like. Sizes, dropout and the number of networks here are our choice,
    made on regions held out of a survey of 170 covariates: there, hiding inputs in training
    and averaging several networks helped. Texture attributes of the same profile are hidden from
    the paper's model, since sand, silt and clay sum to a whole: leave them out of X, and the
    encoder's mask tokens stand in. Points dealt at random have near neighbours in training; hold
    out regions to know how good a map is between them.

    With `closure`, the outputs are log-ratios to the mean composition, which a softmax turns into
    fractions. The sums of `fit` may be off by 5 % (they were rounded, say).

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> import numpy as np
    >>> from stefaland_sk import StefaLandSoilComposition, StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> panel, _ = make_catchments(n_sites=30, n_years=1, random_state=0)
    >>> names = ["sand_frac", "silt_frac", "clay_frac"]
    >>> X, y = panel.attributes.drop(columns=names), panel.attributes[names]
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1)
    >>> model = StefaLandSoilComposition(encoder=encoder, closure=True, max_epochs=2)
    >>> model.fit(X, y).predict(X).sum(axis=1).round(3)[:3]
    array([100., 100., 100.])
    """

    def __init__(
        self,
        closure=False,
        encoder=None,
        encoder_init="pretrained",
        raw_inputs="all",
        min_coverage=0.5,
        d_hidden=(256, 128),
        dropout=0.4,
        attribute_noise=0.0,
        attribute_dropout=0.3,
        feature_noise=0.0,
        loss="auto",
        batch_size=64,
        lr=2e-3,
        weight_decay=0.0,
        optimizer="adamw",
        lr_schedule="one_cycle",
        max_epochs=15,
        max_minutes=None,
        early_stopping="auto",
        validation_fraction=0.1,
        validation_split="sites",
        patience=10,
        n_seeds=5,
        precision="auto",
        lower_bound="auto",
        forcings=None,
        attributes=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.closure = closure
        self.encoder = encoder
        self.encoder_init = encoder_init
        self.raw_inputs = raw_inputs
        self.min_coverage = min_coverage
        self.d_hidden = d_hidden
        self.dropout = dropout
        self.attribute_noise = attribute_noise
        self.attribute_dropout = attribute_dropout
        self.feature_noise = feature_noise
        self.loss = loss
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
        self.precision = precision
        self.lower_bound = lower_bound
        self.forcings = forcings
        self.attributes = attributes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------ fit
    def fit(self, X, y):
        """Fit the model.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A plain table of attributes with one row per site, a panel, or a long table indexed
            by ``(site, time)``.
        y : array-like of shape (n_sites,) or (n_sites, n_outputs)
            Target of each site; of a long table one row per row of X, the same for all days of a
            site. NaN = not observed.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is not legal, y does not fit X, or fractions do not sum to one total.

        Warns
        -----
        LeakageWarning
            If attributes are texture fractions, which give those of the target away, and are
            not named in `attributes`.
        """
        inputs = read_inputs(self, X, reset=True)
        values = read_site_target(self, y, inputs)
        target = as_numbers(self, values)
        self._is_single, self.n_outputs_ = values.ndim == 1, target.shape[1]
        self._warn_of_texture(inputs.panel, y)
        check_option("closure", self.closure, [True, False])
        loss = check_option("loss", self.loss, ["auto", "mse", "rmse"])
        self.target_mean_ = np.nanmean(target, axis=0)
        std = np.nanstd(target, axis=0)
        self.target_std_ = np.where(std > 1e-7 * np.abs(self.target_mean_), std, 1.0)
        self.total_ = self._read_total(inputs.panel, target) if self.closure else None
        self.lower_bound_ = least_value(self.lower_bound, target[np.isfinite(target)])
        self._link = _Link(self.target_mean_, self.target_std_, self.total_)
        criterion = _LinkedLoss(get_loss("mse" if loss == "auto" else loss), self._link)
        scaled = ((target - self.target_mean_) / self.target_std_).astype(np.float32)
        labelled = np.isfinite(scaled).any(axis=1)
        self._learn(inputs.panel, scaled, labelled, criterion, self.n_outputs_)
        return self

    def _read_total(self, panel, target):
        """Give what the fractions of each site sum to."""
        if self.n_outputs_ < 2:
            raise ValueError(
                "`closure=True` needs a `y` of several columns, fractions of one whole; got one. "
                "Use closure=False."
            )
        if (target < 0).any():
            site, column = np.argwhere(target < 0)[0]
            raise ValueError(
                f"`closure=True` takes no negative fraction, but column {column} of `y` is "
                f"{target[site, column]:.4g} at site {panel.site_ids[site]!r}."
            )
        sums = target.sum(axis=1)
        complete = np.isfinite(sums)
        if not complete.any():
            raise ValueError(
                "`closure=True` needs sites at which all columns of `y` are observed; there is "
                "none. Use closure=False."
            )
        total = float(np.median(sums[complete]))
        wrong = complete & (np.abs(sums - total) > _TOLERANCE * total)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"`closure=True` needs fractions of one whole, but those of {int(wrong.sum())} of "
                f"{int(complete.sum())} sites are off by more than 5 %: at site "
                f"{panel.site_ids[row]!r} they sum to {sums[row]:.4g}, at most others to "
                f"{total:.4g}. Divide each row of `y` by its sum, or use closure=False."
            )
        return total

    def _warn_of_texture(self, panel, y):
        """Warn of attributes that give the target away, unless they were chosen by name."""
        targets = [str(name) for name in getattr(y, "columns", [getattr(y, "name", None)])]
        about_texture = targets == ["None"] or any(_is_texture(name) for name in targets)
        chosen = set(self.attributes or [])
        found = [
            name
            for name in panel.attribute_names
            if name not in chosen and (name in targets or (about_texture and _is_texture(name)))
        ]
        if found:
            warnings.warn(
                f"X holds the attributes {found}. Sand, silt and clay sum to a whole: those of a "
                "profile give its target away. Leave them out of X (mask tokens of a pretrained "
                "encoder stand in), or, if they come from a map that does not know the profiles, "
                "name all attributes to use in `attributes`.",
                LeakageWarning,
                stacklevel=3,
            )

    # ------------------------------------------------------------------ predict
    def predict(self, X):
        """Predict the target of sites.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            One value, or one row, per site; of a long table per row.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        values = self._predict(inputs.panel)
        values = values[:, 0] if self._is_single else values
        return values[inputs.rows.site] if inputs.kind == "long" else values

    def _predict(self, panel):
        """Predict the sites of a panel, of shape (n_sites, n_outputs)."""
        values = self._run_nets(panel, self._link.natural)
        return values if self.lower_bound_ is None else np.maximum(values, self.lower_bound_)

    def score(self, X, y):
        """Give R2, the mean over the columns of y.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : array-like
            Observed target, as for `fit`; NaN = not observed.

        Returns
        -------
        float
            The score; 1 is perfect.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        target = as_numbers(self, read_site_target(self, y, inputs))
        predicted = self._predict(inputs.panel)
        scores = []
        for observed, values in zip(target.T, predicted.T, strict=True):
            seen = np.isfinite(observed)
            scores.append(r2_score(observed[seen], values[seen]))
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@dataclass(frozen=True)
class _Link:
    """How outputs of a network become values: standardised ones, or shares of a total."""

    mean: np.ndarray
    std: np.ndarray
    total: float | None

    def scaled(self, raw):
        """Turn outputs into standardised values, differentiably."""
        if self.total is None:
            return raw
        mean, std = raw.new_tensor(self.mean), raw.new_tensor(self.std)
        shares = torch.softmax(raw + torch.log(mean.clamp(min=1e-3 * self.total)), dim=-1)
        return (self.total * shares - mean) / std

    def natural(self, raw):
        """Turn outputs into values in the unit of the target."""
        return self.scaled(raw) * raw.new_tensor(self.std) + raw.new_tensor(self.mean)


class _LinkedLoss(torch.nn.Module):
    """A loss of standardised values, which come from outputs of a network."""

    def __init__(self, loss, link):
        super().__init__()
        self.loss, self.link = loss, link

    def forward(self, raw, truth):
        """Compute the loss of one batch of sites."""
        return self.loss(self.link.scaled(raw), truth["target"])


def _is_texture(name):
    """Tell whether a variable is named like a particle-size fraction."""
    return _TEXTURE.fullmatch(name.lower()) is not None
