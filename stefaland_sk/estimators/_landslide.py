"""Classes of sites, such as whether a slope has failed."""

import numpy as np
import pandas as pd
import torch
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d
from torch.nn import functional as F

from stefaland_sk.estimators._inputs import read_inputs
from stefaland_sk.estimators._site_level import SiteLevelModel
from stefaland_sk.estimators._site_target import read_site_target


class StefaLandLandslide(ClassifierMixin, SiteLevelModel):
    """Classify sites, such as slopes that failed and others, by features of StefaLand [1]_.

    Features and head are those of `StefaLandSoilComposition`: the static token of a pretrained
    encoder, the mean of its days where there is forcing, attributes and means of the forcing.
    What is learned are probabilities of two classes, or of more.

    Parameters
    ----------
    class_weight : {None, "balanced"} or dict, default=None
        Weight of each class in the loss. "balanced" gives rare classes more, so that
        they count alike; probabilities are then those of a balanced sample.
    encoder, encoder_init, raw_inputs, min_coverage
        As for `StefaLandSoilComposition`.
    d_hidden : int or tuple of int, default=(256, 128)
        Widths of the hidden layers; ``()`` is a logistic regression.
    dropout : float, default=0.4
        Dropout rate behind each hidden layer.
    attribute_noise, attribute_dropout, feature_noise
        As for `StefaLandSoilComposition`.
    batch_size, lr, weight_decay, optimizer, lr_schedule, max_epochs, max_minutes
        As for `StefaLandSoilComposition`.
    early_stopping, validation_fraction, validation_split, patience, n_seeds, precision
        As for `StefaLandSoilComposition`.
    forcings, attributes : list of str, default=None
        Variables to use; None takes all.
    device, random_state, verbose
        As for `StefaLandSoilComposition`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, in ascending order.
    encoder_, feature_mean_, feature_std_, net_, nets_, scaler_, ranges_, history_, n_epochs_
        As of `StefaLandSoilComposition`.
    forcing_names_, attribute_names_, n_features_in_, feature_names_in_
        Variables seen in `fit`.

    See Also
    --------
    StefaLandSoilComposition : The regressor of sites.
    StefaLandTransformer : Its features go into any classifier, in a pipeline.

    Notes
    -----
    The paper adds the features to those that a convolutional network finds in image patches of 17
    channels (14,604 landslides of Oregon at 30 m, dealt 70/20/10 at random). Images are not
    read here: sites have attributes, and forcing if there is any. Features of images can be
    attributes of a site, or be put beside those of `StefaLandTransformer` in a pipeline.

    Points of one slide lie metres apart, and dealt at random they are on both sides of a
    split: hold out regions, or blocks.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> from stefaland_sk import StefaLandLandslide, StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> panel, _ = make_catchments(n_sites=30, n_years=1, random_state=0)
    >>> X = panel.attributes
    >>> y = X["slope_mean"] > X["slope_mean"].median()
    >>> model = StefaLandLandslide(encoder=StefaLandTransformer(d_model=8, max_epochs=1))
    >>> model.set_params(max_epochs=2).fit(X, y).predict_proba(X).shape
    (30, 2)
    """

    def __init__(
        self,
        class_weight=None,
        encoder=None,
        encoder_init="pretrained",
        raw_inputs="all",
        min_coverage=0.5,
        d_hidden=(256, 128),
        dropout=0.4,
        attribute_noise=0.0,
        attribute_dropout=0.3,
        feature_noise=0.0,
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
        forcings=None,
        attributes=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.class_weight = class_weight
        self.encoder = encoder
        self.encoder_init = encoder_init
        self.raw_inputs = raw_inputs
        self.min_coverage = min_coverage
        self.d_hidden = d_hidden
        self.dropout = dropout
        self.attribute_noise = attribute_noise
        self.attribute_dropout = attribute_dropout
        self.feature_noise = feature_noise
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
        y : array-like of shape (n_sites,)
            Class of each site; of a long table one per row, the same for all days of a site.
            NaN or None = not known: such a site serves pretraining only.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is not legal, y does not fit X, or there is but one class.
        """
        inputs = read_inputs(self, X, reset=True)
        known, values = self._read_classes(y, inputs)
        self.classes_, codes = np.unique(values[known], return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                f"{type(self).__name__} tells classes apart, but all labelled sites are of one "
                f"class, {self.classes_.tolist()[0]!r}. Add sites of another."
            )
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=values[known])
        target = np.full(len(known), -1)
        target[known] = codes
        criterion = _ClassLoss(torch.as_tensor(weights, dtype=torch.float32))
        self._learn(inputs.panel, target, known, criterion, n_classes - 1)
        return self

    def _read_classes(self, y, inputs):
        """Give which sites have a class, and the classes."""
        values = column_or_1d(read_site_target(self, y, inputs), warn=True)
        known = ~pd.isna(values)
        if not known.any():
            raise ValueError(
                f"{type(self).__name__} needs at least one observed target; all of `y` is missing."
            )
        if values.dtype.kind == "f" and np.isinf(values[known]).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        check_classification_targets(values[known])
        return known, values

    # ------------------------------------------------------------------ outputs
    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`, one row per site; of a long table per row.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        values = self._run_nets(inputs.panel, _probabilities)
        return values[inputs.rows.site] if inputs.kind == "long" else values

    def decision_function(self, X):
        """Give the logarithms of the probabilities, of two classes that of their ratio.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of two classes, the log-odds of the second.
        """
        tiny = np.finfo(np.float64).tiny
        logs = np.log(np.maximum(self.predict_proba(X), tiny))
        return logs[:, 1] - logs[:, 0] if len(self.classes_) == 2 else logs

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def score(self, X, y):
        """Give the share of the sites whose class is predicted rightly.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : array-like
            Classes, as for `fit`; sites without one do not count.

        Returns
        -------
        float
            The accuracy.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        known, values = self._read_classes(y, inputs)
        codes = self._run_nets(inputs.panel, _probabilities).argmax(axis=1)
        predicted = self.classes_[codes]
        return float(accuracy_score(values[known], predicted[known]))


def _logits(raw):
    """Give one logit per class: the first, to which the others are relative, is 0."""
    return F.pad(raw, (1, 0))


def _probabilities(raw):
    """Turn outputs of a network into the probability of each class."""
    return torch.softmax(_logits(raw), dim=1)


class _ClassLoss(torch.nn.Module):
    """Cross-entropy, of two classes the binary one, with a weight for each class."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, raw, truth):
        """Compute the loss of one batch of sites."""
        return F.cross_entropy(_logits(raw), truth["target"], self.weights)
