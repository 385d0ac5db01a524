"""Masked-autoencoder pretraining, and features from it."""

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import PanelScaler, find_segments
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators._inputs import read_inputs
from stefaland_sk.estimators._training import (
    TrainingPlan,
    resolve_device,
    seeded,
    split_sites,
    train_network,
    training_summary,
    use_early_stopping,
)
from stefaland_sk.estimators._windows import WindowDataset, WindowLoader, as_tensor
from stefaland_sk.modules import (
    BackboneConfig,
    MaskConfig,
    MaskedAutoencoder,
    VariableGroup,
    reconstruction_loss,
    sample_masks,
)


class Hider:
    """Draw the masks of a batch of windows, on the device of the batch.

    Parameters
    ----------
    config : MaskConfig
        How masks are drawn.
    groups : list of VariableGroup
        Variables hidden together.
    """

    def __init__(self, config, groups):
        self.config, self.groups = config, groups

    def __call__(self, inputs, truth, generator):
        attributes = inputs["attributes"]
        if "forcing" not in inputs:
            inputs["forcing"] = attributes.new_zeros(len(attributes), 0, 0)
        forcing = inputs["forcing"]
        if forcing.device.type != "cpu":
            seed = int(torch.randint(2**62, (), generator=generator))
            generator = torch.Generator(forcing.device).manual_seed(seed)
        sizes = (*forcing.shape, attributes.shape[1])
        hidden = sample_masks(self.config, self.groups, *sizes, generator=generator)
        inputs["forcing_hidden"], inputs["attributes_hidden"] = hidden
        return inputs, {**truth, **inputs}


class ReconstructionCriterion(torch.nn.Module):
    """Loss of reconstructions under the masks of their batch.

    Parameters
    ----------
    attribute_weight : float
        Weight of the attributes.
    """

    def __init__(self, attribute_weight):
        super().__init__()
        self.attribute_weight = attribute_weight

    def forward(self, reconstructed, truth):
        """Compute the loss of one batch."""
        return reconstruction_loss(
            reconstructed[0],
            truth["forcing"],
            truth["forcing_hidden"],
            reconstructed[1],
            truth["attributes"],
            truth["attributes_hidden"],
            attribute_weight=self.attribute_weight,
        )


class StefaLandTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of sites from a masked autoencoder of attributes and forcing [1]_.

    `fit` hides parts of the forcing series (spans of days) and of the attributes (whole
    groups) and learns to reconstruct them; no target is needed, so sites without
    measurements serve as well. `transform` gives what the encoder makes of a site (one
    vector) or of its days. Missing values are legal everywhere: mask tokens stand in.

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
    dropout : float, default=0.0
        Dropout rate in pretraining (0.1 in the paper).
    window : int, default=365
        Steps of a pretraining window.
    sampler : {"exact", "code", "paper"}, default="exact"
        How masks are drawn; see `stefaland_sk.modules.sample_masks`.
    forcing_ratio, attribute_ratio : float, default=0.5
        Share of the days, and of the groups of attributes, that is hidden.
    span : tuple of two int, default=(30, 90)
        Shortest and longest span of hidden days.
    groups : dict of str to list of str, default=None
        Attributes hidden together; None takes the panel's groups. An attribute in no
        group is hidden by itself.
    attribute_weight : float, default=0.5
        Weight of the attributes in the loss.
    pool : {None, "static", "mean", "last"}, default=None
        What `transform` gives for sites with forcing: None features of every day;
        "static" the static token, "mean" the mean and "last" the last of the days,
        per site. Tables of attributes always give the static token.
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
    forcings, attributes : list of str, default=None
        Variables to use; None takes all. Of a long table, columns that are constant
        within every site are attributes unless named here.
    device : str, default="auto"
        "auto", "cpu", "cuda", ...
    random_state : int, RandomState or None, default=None
        Seed of weights, windows and masks.
    verbose : int, default=0
        1 prints each epoch, 2 shows a progress bar as well.

    Attributes
    ----------
    encoder_ : StefaLandEncoder
        The pretrained network with its variables and its scaler.
    net_ : skorch.NeuralNet
        The trained net; absent after `load`.
    history_ : list of dict
        Losses of each epoch.
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
    >>> model = StefaLandTransformer(d_model=8, max_epochs=2, random_state=0)
    >>> model.fit_transform(X.attributes).shape
    (6, 8)
    """

    def __init__(
        self,
        d_model=64,
        n_layers=2,
        n_heads=4,
        d_feedforward=128,
        d_embedding=32,
        dropout=0.0,
        window=365,
        sampler="exact",
        forcing_ratio=0.5,
        attribute_ratio=0.5,
        span=(30, 90),
        groups=None,
        attribute_weight=0.5,
        pool=None,
        batch_size=64,
        lr=2e-3,
        weight_decay=0.0,
        max_epochs=20,
        max_minutes=None,
        early_stopping=False,
        validation_fraction=0.1,
        patience=5,
        forcings=None,
        attributes=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.d_model = d_model
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.d_feedforward = d_feedforward
        self.d_embedding = d_embedding
        self.dropout = dropout
        self.window = window
        self.sampler = sampler
        self.forcing_ratio = forcing_ratio
        self.attribute_ratio = attribute_ratio
        self.span = span
        self.groups = groups
        self.attribute_weight = attribute_weight
        self.pool = pool
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.forcings = forcings
        self.attributes = attributes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y=None):
        """Pretrain on the sites of X.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A panel, a long table indexed by ``(site, time)``, or a plain table of
            attributes with one row per site. NaN = missing.
        y : ignored
            Not needed.

        Returns
        -------
        self
            The fitted transformer.
        """
        inputs = read_inputs(self, X, reset=True)
        panel = inputs.panel
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        device = resolve_device(self.device)
        check_option("pool", self.pool, [None, "static", "mean", "last"])
        check_number("attribute_weight", self.attribute_weight, low=0)
        check_number("window", self.window, low=1, integer=True)
        plan = TrainingPlan.of(self, device, seed)
        config = self._backbone(panel)
        scaler = PanelScaler.fit(panel)
        with seeded(seed, device):
            module = MaskedAutoencoder(config)
        aside = np.zeros(panel.n_sites, dtype=bool)
        if use_early_stopping(self.early_stopping, panel.n_sites):
            everyone = np.ones(panel.n_sites, dtype=bool)
            aside = split_sites(panel.n_sites, everyone, self.validation_fraction, rng)
        dataset = self._windows(panel, scaler, ~aside, device)
        valid = None
        if aside.any():  # only then is the scaled forcing wanted a second time
            valid = self._windows(panel, scaler, aside, device, random=False)
        if len(dataset) == 0:
            raise ValueError("No site of X has any forcing observed; there is nothing to learn.")
        valid = valid if valid is not None and len(valid) else None
        criterion = ReconstructionCriterion(self.attribute_weight)
        self.net_ = train_network(module, dataset, valid, criterion, plan)
        self.history_ = training_summary(self.net_)
        period = None if panel.time is None else [str(panel.time[i].date()) for i in (0, -1)]
        self.encoder_ = StefaLandEncoder(
            self.net_.module_,
            scaler,
            min(self.window, panel.n_times),
            units=panel.units,
            groups=self._named_groups(panel),
            sites=list(panel.site_ids) if inputs.has_site_ids else [],
            period=period,
        )
        self._n_features_out = self.encoder_.d_model
        return self

    def transform(self, X):
        """Give the features of sites or of their days.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form as in `fit`.

        Returns
        -------
        ndarray of float32
            A table gives (n_sites, d_model). A panel gives (n_sites, n_times, d_model),
            or (n_sites, d_model) with `pool`; a long table gives one row of d_model
            features per row of the table.
        """
        check_is_fitted(self, "encoder_")
        inputs = read_inputs(self, X, reset=False)
        pooled = inputs.panel.time is None or self.pool is not None
        if not pooled and inputs.kind == "panel":
            self._refuse_frame()
        days, site = self.encoder_.encode(
            inputs.panel,
            device=resolve_device(self.device),
            days=self.pool in (None, "mean", "last"),
        )
        if pooled:
            features = self._pooled(days, site)
            return features[inputs.rows.site] if inputs.kind == "long" else features
        return inputs.rows.to_rows(days) if inputs.kind == "long" else days

    def _refuse_frame(self):
        """Raise if `set_output` asks for a DataFrame of what has three axes."""
        output = getattr(self, "_sklearn_output_config", {}).get("transform")
        output = output or get_config()["transform_output"]
        if output != "default":
            raise ValueError(
                "The features of a panel's days have the axes (site, time, feature), which the "
                f"output {output!r} cannot hold. Set `pool`, give `panel.to_long()`, or use "
                "`set_output(transform='default')`."
            )

    def _pooled(self, days, site):
        """Reduce the days of a site to one vector."""
        if days is None or self.pool in (None, "static"):
            return site
        present = np.isfinite(days[:, :, 0])
        if self.pool == "last":
            last = present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
            return days[np.arange(len(days)), last]
        total = np.where(present[:, :, None], days, 0).sum(axis=1)
        return total / np.maximum(present.sum(axis=1), 1)[:, None]

    def score(self, X, y=None):
        """Give minus the reconstruction error under masks that are always the same.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : ignored
            Not needed.

        Returns
        -------
        float
            Minus the masked mean squared error, in scaled units; higher is better.
        """
        check_is_fitted(self, "encoder_")
        panel = read_inputs(self, X, reset=False).panel
        device = resolve_device(self.device)
        everyone = np.ones(panel.n_sites, dtype=bool)
        dataset = self._windows(panel, self.encoder_.scaler, everyone, device, random=False)
        module = self.encoder_.module.to(device)
        criterion = ReconstructionCriterion(self.attribute_weight)
        total, count = 0.0, 0
        with torch.inference_mode():
            for inputs, truth in WindowLoader(dataset, self.batch_size):
                n = len(inputs["attributes"])
                total += n * float(criterion(module(**inputs), truth))
                count += n
        return -total / count

    def save(self, path):
        """Write the pretrained encoder (safetensors with a JSON header, no pickle).

        Parameters
        ----------
        path : str or Path
            File to write.

        Returns
        -------
        Path
            The file.
        """
        check_is_fitted(self, "encoder_")
        return self.encoder_.save(path)

    @classmethod
    def load(cls, path):
        """Read a transformer written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        StefaLandTransformer
            Fitted; ready for `transform` and as a regressor's encoder.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged or of an unknown format.
        """
        encoder = StefaLandEncoder.load(path)
        config = encoder.module.config
        names = ("d_model", "n_layers", "n_heads", "d_feedforward", "d_embedding", "dropout")
        model = cls(
            **{name: getattr(config, name) for name in names}, window=max(encoder.window, 1)
        )
        model.encoder_ = encoder
        model.kind_ = "series" if encoder.scaler.forcing_names else "table"
        model.forcing_names_ = list(encoder.scaler.forcing_names)
        model.attribute_names_ = list(encoder.scaler.attribute_names)
        variables = model.forcing_names_ + model.attribute_names_
        model.feature_names_in_ = np.array(variables, dtype=object)
        model.n_features_in_ = len(variables)
        model._n_features_out = encoder.d_model
        return model

    # ------------------------------------------------------------------ parts of fit
    def _backbone(self, panel):
        """Check and collect the sizes of the network."""
        return BackboneConfig(
            n_forcings=panel.n_forcings,
            n_attributes=panel.n_attributes,
            d_model=self.d_model,
            n_heads=self.n_heads,
            n_layers=self.n_layers,
            d_feedforward=self.d_feedforward,
            d_embedding=self.d_embedding,
            dropout=self.dropout,
            attention_dropout=0.0,  # its kernel is twice as fast, and masking regularises
            max_length=max(self.window + 1, 2),
        )

    def _named_groups(self, panel):
        """Give the groups of attributes, by name."""
        groups = panel.groups if self.groups is None else self.groups
        for group, members in groups.items():
            for member in members:
                check_option(f"groups[{group!r}]", str(member), self.attribute_names_)
        return {str(group): list(map(str, members)) for group, members in groups.items()}

    def _mask_config(self):
        """Check and collect how masks are drawn."""
        return MaskConfig(
            sampler=self.sampler,
            forcing_ratio=self.forcing_ratio,
            attribute_ratio=self.attribute_ratio,
            span=self.span,
        )

    def _windows(self, panel, scaler, chosen, device, random=True):
        """Make the windows of the chosen sites, masks included."""
        column = {name: i for i, name in enumerate(self.attribute_names_)}
        groups = [
            VariableGroup(attributes=[column[name] for name in members])
            for members in self._named_groups(panel).values()
        ]
        options = {"finish": Hider(self._mask_config(), groups), "random": random}
        static = {"attributes": as_tensor(scaler.scale_attributes(panel), device)}
        if panel.time is None or not scaler.forcing_names:
            runs = find_segments(chosen[:, None])
            return WindowDataset({}, static, runs, 1, 0, **options)
        forcing = scaler.scale_forcing(panel)
        runs = find_segments(~np.isnan(forcing).all(axis=2) & chosen[:, None])
        series = {"forcing": as_tensor(forcing, device)}
        window = min(self.window, panel.n_times)
        return WindowDataset(series, static, runs, window, 0, **options)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
