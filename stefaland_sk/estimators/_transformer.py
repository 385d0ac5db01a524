"""Masked-autoencoder pretraining, and features from it."""

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from stefaland_sk._core import check_number, check_option
from stefaland_sk.encoders._cache import as_cache
from stefaland_sk.estimators._features import (
    check_condenser,
    feature_blocks,
    feature_kind,
    fit_condenser,
)
from stefaland_sk.estimators._pretrained_model import PretrainedModel
from stefaland_sk.estimators._pretraining import pretrain
from stefaland_sk.estimators._pretraining_inputs import is_corpus, read_corpus, read_sites
from stefaland_sk.estimators._reconstruction import reconstruct
from stefaland_sk.estimators._reconstruction_scores import masked_error, score_variables
from stefaland_sk.estimators._training import resolve_device

_POOLS = [None, "static", "mean", "last", "attention"]


class StefaLandTransformer(
    PretrainedModel, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Features of sites from a masked autoencoder of attributes and forcing [1]_.

    `fit` hides parts of the forcing series (spans of days) and of the attributes (whole
    groups) and learns to reconstruct them; no target is needed, so sites without
    measurements serve as well. `transform` gives what the encoder makes of a site (one
    vector) or of its days; `reconstruct` fills what is missing. Missing values are legal
    everywhere: mask tokens stand in.

    Parameters
    ----------
    d_model : int, default=64
        Width of the tokens, which is the number of features.
    n_layers : int, default=2
        Layers of the transformer encoder.
    n_heads : int, default=4
        Attention heads.
    d_feedforward : int, default=128
        Width inside each layer.
    d_embedding : int, default=32
        Width inside the embedding of each variable.
    decoder : {"lstm", "transformer"}, default="lstm"
        What stands between encoder and reconstruction: "lstm" as in the paper's programs.
    patch : int, default=4
        Days per token; more make long windows cheap.
    dropout : float, default=0.0
        Dropout rate in pretraining (0.1 in the paper).
    window : int, default=365
        Steps of a pretraining window. Longer records are read in windows of this length.
    sampler : {"exact", "code", "paper"}, default="exact"
        How masks are drawn: exact shares, as in the paper's programs, or as in its text; see
        `stefaland_sk.modules.sample_masks`.
    forcing_ratio, attribute_ratio : float, default=0.5
        Share of the days, and of the groups of attributes, that is hidden.
    span : tuple of two int, default=(30, 90)
        Shortest and longest span of hidden days.
    groups : dict of str to list of str, or str, default=None
        Attributes hidden together (and forcing whose spans are shared); a name such as
        "camels" or "caravan" takes those of `stefaland_sk.data.get_variable_set`; None
        takes the panels'. An attribute in no group is hidden by itself.
    never_hidden : list of str, default=None
        Attributes that are always shown. None takes the variable set's, or none.
    categorical : list of str, default=None
        Attributes that hold classes. None takes the variable set's, or none.
    attribute_weight : float, default=0.5
        Weight of the attributes in the loss.
    variable_weights : dict of str to float or "learned", default=None
        Weights of variables in the loss, 1 where not given. "learned" learns them by the
        uncertainty of each variable.
    error_scale : {"variable", "site"}, default="variable"
        "site" measures errors of forcing by the spread at each site.
    pool : {None, "static", "mean", "last", "attention"}, default=None
        What `transform` gives for sites with forcing: None features of every day; per site,
        "static" the static token, "mean" the mean and "last" the last of the days,
        "attention" a mean weighted by likeness to the static token. Sites without
        forcing always give the static token.
    n_components : int, default=None
        Condense the features to so many principal components, fitted on the sites of X
        in `fit`; None keeps all.
    forcings, attributes : list of str, default=None
        Variables to use; None takes all. Of a long table, columns that are constant
        within every site are attributes unless named here.
    variable_map : dict, default=None
        Where `transform`, `score` and `reconstruct` find variables that X names
        otherwise; see `stefaland_sk.encoders.StefaLandEncoder`. `fit` does not use it.
    min_coverage : float, default=0.5
        Share of the forcing, and of the attributes, that X must have after `fit`. Mask
        tokens stand in for the others.
    extra : list of Panel and DataFrame, default=None
        More data to pretrain on, in a cross-validation in every fold. Whoever holds sites out
        must leave them out here too.
    memory : float, default=2.0
        Scaled forcing of a larger corpus [GiB] is not kept but read in parts, every epoch.
    cache : FeatureCache, str or Path, default=None
        Where `transform` and finetuning look up features and keep them.
    batch_size : int, default=64
        Windows (or sites) per update.
    lr : float, default=2e-3
        Peak learning rate of the one-cycle schedule.
    weight_decay : float, default=0.0
        Of AdamW.
    max_epochs : int, default=20
        Passes over the records.
    max_minutes : float, default=None
        Stop after the epoch in which this is exceeded; None sets no limit.
    early_stopping : bool or "auto", default=False
        Whether to set sites apart, stop when their reconstruction no longer improves
        and keep the best epoch. "auto" does so with at least 20 sites.
    validation_fraction : float, default=0.1
        Share of the sites set apart.
    patience : int, default=5
        Epochs without improvement before stopping.
    checkpoint : str or Path, default=None
        File of the unfinished training: `fit` goes on from it where it exists, and gives
        what the unbroken training would have given. `save` removes it. It asks for a
        `random_state`.
    checkpoint_minutes : float, default=10.0
        How often it is written within an epoch; it is after each.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Of the training; "auto" is bf16 on a GPU. Features are computed in float32.
    compile : bool, default=False
        Whether to train through ``torch.compile``.
    distributed : bool, default=False
        Whether the processes started by ``accelerate launch`` train together.
    device : str, default="auto"
        "auto", "cpu", "cuda", ...
    random_state : int, RandomState or None, default=None
        Seed of weights, windows and masks.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    encoder_ : StefaLandEncoder
        The pretrained network with its variables, its scaler and what it has seen.
    net_ : skorch.NeuralNet
        The trained net; absent after `load`.
    history_ : list of dict
        Losses of each epoch; empty after `load`.
    variable_weights_ : dict of str to float
        Weight of each variable at the end of the training; absent after `load`.
    condenser_ : Condenser or None
        The principal components.
    forcing_names_, attribute_names_ : list of str
        Variables seen in `fit`.
    n_features_in_ : int
        Number of variables.
    feature_names_in_ : ndarray of str
        Their names.

    See Also
    --------
    StefaLandStreamflow : Finetune the features for runoff.

    Notes
    -----
    The reference model of the paper has ``d_model=256, n_layers=4, d_feedforward=512,
    d_embedding=64``; the defaults are smaller, so that they train on a CPU.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> from stefaland_sk import StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    >>> model = StefaLandTransformer(d_model=8, max_epochs=2, pool="mean", random_state=0)
    >>> model.fit_transform(X).shape
    (6, 8)
    """

    def __init__(
        self,
        d_model=64,
        n_layers=2,
        n_heads=4,
        d_feedforward=128,
        d_embedding=32,
        decoder="lstm",
        patch=4,
        dropout=0.0,
        window=365,
        sampler="exact",
        forcing_ratio=0.5,
        attribute_ratio=0.5,
        span=(30, 90),
        groups=None,
        never_hidden=None,
        categorical=None,
        attribute_weight=0.5,
        variable_weights=None,
        error_scale="variable",
        pool=None,
        n_components=None,
        forcings=None,
        attributes=None,
        variable_map=None,
        min_coverage=0.5,
        extra=None,
        memory=2.0,
        cache=None,
        batch_size=64,
        lr=2e-3,
        weight_decay=0.0,
        max_epochs=20,
        max_minutes=None,
        early_stopping=False,
        validation_fraction=0.1,
        patience=5,
        checkpoint=None,
        checkpoint_minutes=10.0,
        precision="auto",
        compile=False,
        distributed=False,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.d_model = d_model
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.d_feedforward = d_feedforward
        self.d_embedding = d_embedding
        self.decoder = decoder
        self.patch = patch
        self.dropout = dropout
        self.window = window
        self.sampler = sampler
        self.forcing_ratio = forcing_ratio
        self.attribute_ratio = attribute_ratio
        self.span = span
        self.groups = groups
        self.never_hidden = never_hidden
        self.categorical = categorical
        self.attribute_weight = attribute_weight
        self.variable_weights = variable_weights
        self.error_scale = error_scale
        self.pool = pool
        self.n_components = n_components
        self.forcings = forcings
        self.attributes = attributes
        self.variable_map = variable_map
        self.min_coverage = min_coverage
        self.extra = extra
        self.memory = memory
        self.cache = cache
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.checkpoint = checkpoint
        self.checkpoint_minutes = checkpoint_minutes
        self.precision = precision
        self.compile = compile
        self.distributed = distributed
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y=None):
        """Pretrain on the sites of X.

        Parameters
        ----------
        X : Panel, DataFrame, array-like, or list of Panel and DataFrame
            A panel (a lazy one is read in parts), a long table indexed by ``(site, time)``,
            or a plain table of attributes with one row per site. Of a list, variables are
            joined by name, and converted to the units of the first; what a part lacks is
            missing there. NaN = missing.
        y : ignored
            Not needed.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If a parameter is not legal, or there is something to be said about X: infinite
            values, a variable missing everywhere, no record as long as the window.
        CheckpointError
            If the file `checkpoint` is damaged or belongs to another training.

        Warns
        -----
        LeakageWarning
            If a variable stands for a target (streamflow, soil moisture, ...) and is not
            named in `forcings` or `attributes`.
        """
        return self._pretrain(X)

    def partial_fit(self, X, y=None):
        """Make one more pass over X, with the weights and the scaler that there are.

        Parameters
        ----------
        X : Panel, DataFrame, array-like, or list of Panel and DataFrame
            As for `fit`; the variables are those of the first call, what X lacks is missing.
        y : ignored
            Not needed.

        Returns
        -------
        self
            The transformer. The first call begins as `fit` does.

        Raises
        ------
        ValueError, TypeError, CheckpointError
            As for `fit`, and if too few of the variables are there.
        """
        before = getattr(self, "encoder_", None)
        return self._pretrain(X, before, max_epochs=1, checkpoint=None)

    def transform(self, X):
        """Give the features of sites or of their days.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites. Variables are found by name; only for a model that was fitted on a plain
            table must another have the same columns.

        Returns
        -------
        ndarray of float32
            A table gives (n_sites, d_model). A panel gives (n_sites, n_times, d_model),
            or (n_sites, d_model) with `pool`; a long table gives one row of d_model
            features per row of the table. With `n_components`, that instead of d_model.
            A DataFrame asked for by `set_output` is indexed by the sites, or as the table.

        Raises
        ------
        CheckpointError
            If X has less of the variables than `min_coverage`, or a unit cannot be
            converted.
        ValueError, TypeError
            If X is of another form.

        Warns
        -----
        DataWarning
            If variables are missing, with a table of them.
        """
        encoder, inputs = self._read(X)
        panel = inputs.panel
        kind = feature_kind(encoder, panel, check_option("pool", self.pool, _POOLS))
        if kind == "days" and inputs.kind == "panel":
            self._refuse_frame()
        shape = panel.shape[:2] if kind == "days" else (panel.n_sites,)
        features = np.empty((*shape, self._n_features_out), dtype=np.float32)
        if self.n_components is not None:
            check_condenser(self.condenser_, self.n_components, kind)
        options = {"device": resolve_device(self.device), "cache": as_cache(self.cache)}
        for rows, values in feature_blocks(encoder, panel, kind, **options):
            if self.n_components is not None:
                values = self.condenser_.apply(values, self.n_components)
            features[rows] = values
        if inputs.kind == "panel" and self._output == "pandas":
            return pd.DataFrame(features, index=panel.site_ids)  # scikit-learn names the columns
        if inputs.kind != "long":
            return features
        return inputs.rows.to_rows(features) if kind == "days" else features[inputs.rows.site]

    def reconstruct(self, X, hide=None):
        """Fill what is missing, and what is to be hidden, from the rest.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        hide : list of str, default=None
            Variables, or groups of them, whose values are reconstructed as if X did not have
            them. An attribute that follows from others of its group is best hidden with
            the group.

        Returns
        -------
        Panel
            The same sites and steps with the variables of the model: values that are there
            and not hidden as they are, the others reconstructed, in the units of X, or of the
            model where X lacks the variable. Steps outside the records, by more than a gap
            of a window, stay missing. The panel is in memory; go through a large X by
            ``X.blocks()``.

        Raises
        ------
        ValueError
            If `hide` names what the model does not know or has never hidden.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> model = StefaLandTransformer(d_model=8, max_epochs=1, random_state=0).fit(X)
        >>> filled = model.reconstruct(X, hide=["tmax", "soil"])
        >>> bool((filled.variable("prcp") == X.variable("prcp")).all())
        True
        """
        encoder, inputs = self._read(X)
        device, unlearned = resolve_device(self.device), self._never_hidden(encoder)
        return reconstruct(encoder, inputs.panel, hide or (), unlearned, device)

    def score(self, X, y=None):
        """Give minus the reconstruction error under masks that are always the same.

        Half of the days of each forcing variable (in spans of 30 to 90) and half of the
        groups of attributes are hidden, whatever masks, weights and batches the model was
        trained with; what is hidden at a site follows from its identifier and the dates. So
        scores of models with the same variables compare, on the same sites: that is what
        `cross_val_score` and `GridSearchCV` need. The groups are those of X, or the model's
        where X has none. A longer window may win because it shows more.

        Parameters
        ----------
        X : Panel, DataFrame, array-like, or list of Panel and DataFrame
            Sites.
        y : ignored
            Not needed.

        Returns
        -------
        float
            Minus the mean squared error in scaled units: the mean over the forcing variables
            plus half of that over the attributes (for classes, the cross-entropy
            relative to a guess). To fill in the training mean gives about -1.5, of tables
            -0.5.
        """
        encoder, panels = self._read_several(X)
        device, unlearned = resolve_device(self.device), self._never_hidden(encoder)
        return -masked_error(encoder, panels, unlearned, device)

    def score_variables(self, X, spans=False):
        """Tell how well each variable is reconstructed from the others.

        Parameters
        ----------
        X : Panel, DataFrame, array-like, or list of Panel and DataFrame
            Sites.
        spans : bool, default=False
            Of a forcing variable, hide half of the days in spans, so that it is also
            reconstructed from its own other days. False hides all of its days.

        Returns
        -------
        DataFrame
            One row per variable: ``variable``, ``role``, ``group``, ``n`` (values compared),
            ``rmse`` in the model's ``unit``, and ``skill``, which is 1 minus the squared
            error over that of the training mean. An attribute is hidden with its group. For
            classes, the skill compares wrong ones with those of the most frequent class
            in X, and there is no rmse.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> model = StefaLandTransformer(d_model=8, max_epochs=1, random_state=0).fit(X)
        >>> model.score_variables(X)["role"].value_counts().to_dict()
        {'attribute': 26, 'forcing': 6}
        """
        encoder, panels = self._read_several(X)
        device, unlearned = resolve_device(self.device), self._never_hidden(encoder)
        return score_variables(encoder, panels, unlearned, device, spans=spans)

    # ------------------------------------------------------------------ parts of fit
    def _pretrain(self, X, before=None, **changes):
        """Train on X, from the beginning or from an encoder."""
        self._check_parameters()
        inputs = read_corpus(self, X, goes_on=before is not None)
        if before is None:
            self._check_map(inputs.panels)
        else:
            self._check_going_on(inputs.panels)
        # A subclass may have parameters that say nothing here.
        names = StefaLandTransformer._get_param_names()
        parameters = {name: getattr(self, name) for name in names}
        found = pretrain(self, inputs, parameters, before=before, **changes)
        self.net_, self.encoder_, self.variable_weights_ = found.net, found.encoder, found.weights
        self.history_ = found.history if before is None else [*self.history_, *found.history]
        self._finished = changes.get("checkpoint", self.checkpoint)
        self._remember(is_table=inputs.is_table)
        self.condenser_ = None
        if self.n_components is not None:
            own = inputs.panels[: inputs.n_own]
            options = {"device": resolve_device(self.device, self.distributed)}
            self.condenser_ = fit_condenser(
                self.encoder_, own, self.pool, self.n_components, **options
            )
            self.encoder_.training["condenser"] = self.condenser_.to_dict()
        return self

    def _check_parameters(self):
        """Check what no other part checks, before any work."""
        check_option("pool", self.pool, _POOLS)
        check_number("min_coverage", self.min_coverage, low=0, high=1)
        check_number("attribute_weight", self.attribute_weight, low=0)
        check_number("n_components", self.n_components, low=1, integer=True, none=True)
        if self.n_components is not None and self.n_components > self.d_model:
            raise ValueError(
                f"`n_components` must not exceed `d_model`={self.d_model}. Got "
                f"{self.n_components} instead."
            )
        if self.checkpoint is not None and self.random_state is None:
            raise ValueError(
                "`checkpoint` needs a `random_state`: without one, a training that goes on would "
                "be another one. Use random_state=0, say."
            )

    def _check_map(self, panels):
        """Raise if the map cannot fit what is about to be learned, before any work."""
        there = {name for panel in panels for name in panel.forcing_names + panel.attribute_names}
        unknown = [name for name in self.variable_map or {} if name not in there]
        if unknown:
            raise ValueError(
                f"`variable_map` names {unknown[0]!r}, but `fit` learns the variables of X, which "
                "have no such name; the map is for data that come later. If this model is "
                "pretrained already, and a pipeline or a cross-validation has fitted it anew, give "
                "them `sklearn.frozen.FrozenEstimator(model)`."
            )

    def _check_going_on(self, panels):
        """Raise unless data fit the variables that there are."""
        if self.variable_map is not None:
            raise ValueError(
                "`partial_fit` finds variables under the model's own names; `variable_map` is for "
                "`transform`, `score` and `reconstruct`. Rename the variables of X, and set "
                "variable_map=None."
            )
        if len(panels) == 1:  # each part of a corpus may lack much
            self.encoder_.check_coverage(panels[0], self.min_coverage)

    # ------------------------------------------------------------------ parts of the rest
    @property
    def _n_features_out(self):
        """Number of features, for scikit-learn."""
        d_model = self.encoder_.d_model  # before `fit` there is none
        return self.n_components or d_model

    def _read(self, X):
        """Give the encoder and X as a panel that has enough of its variables."""
        encoder = self.mapped_encoder()
        inputs = read_sites(self, X)
        by_rules_of_tables = inputs.kind == "table" and self.kind_ == "table"
        if not by_rules_of_tables or self.variable_map is not None:
            encoder.check_coverage(inputs.panel, self.min_coverage)
        return encoder, inputs

    def _read_several(self, X):
        """Give the encoder and X as panels; a part of a corpus may lack much."""
        if not is_corpus(X):
            encoder, inputs = self._read(X)
            return encoder, [inputs.panel]
        return self.mapped_encoder(), [read_sites(self, part).panel for part in X]

    def _never_hidden(self, encoder):
        """Names of the attributes that the network has not learned to reconstruct."""
        return encoder.training.get("never_hidden", [])

    @property
    def _output(self):
        """Form of the output that `set_output` or scikit-learn's configuration ask for."""
        output = getattr(self, "_sklearn_output_config", {}).get("transform")
        return output or get_config()["transform_output"]

    def _refuse_frame(self):
        """Raise if `set_output` asks for a DataFrame of what has three axes."""
        if self._output != "default":
            raise ValueError(
                "The features of a panel's days have the axes (site, time, feature), which the "
                f"output {self._output!r} cannot hold. Set `pool`, give `panel.to_long()`, or use "
                "`set_output(transform='default')`."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
