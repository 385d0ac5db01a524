"""The rows of the comparison, by name, and the budgets that they may have."""

from stefaland_sk._core import check_option

from ._protocol import TASKS

COMPARATORS = ("linear", "random_forest")
_NETWORKS = (
    *("lstm", "lstm_matched", "probe"),
    *("transformer", "transformer_reconstruct", "ablation_frozen", "ablation_scratch"),
    *("noresconn_plain", "noresconn", "resconn_cnn", "resconn"),
)
ADAPTERS = tuple(
    f"adapter_{name}" for name in ("feedforward", "bottleneck", "moe", "conv", "attention")
)
HYBRIDS = ("lstm_hbv", "resconn_hbv", "noresconn_hbv", "ablation_hbv")
#: Rows that take an encoder of somebody else, and under what name it is given.
OTHER_ENCODERS = {
    "alphaearth_lstm": "alphaearth",
    "alphaearth_resconn": "alphaearth",
    "terramind_resconn": "terramind",
    "prithvi_resconn": "prithvi",
}
#: LSTMs that know a site by other things: 17 attributes without climate, the usual 26, features.
DESCRIPTIONS = ("lstm_17", "lstm_26", "lstm_stefaland")
#: Rows of a comparison of series, in the order in which tables show them.
MODELS = (*COMPARATORS, *_NETWORKS, *ADAPTERS, *HYBRIDS, *OTHER_ENCODERS, *DESCRIPTIONS)
#: Rows of a comparison of targets with one value per site.
SITE_MODELS = (*COMPARATORS, "network", "stefaland_random", "stefaland")
#: The rows of the demonstration.
DEMO_MODELS = ("linear", "random_forest", "lstm", "noresconn", "resconn")

# Those of the AlphaEarth paper, which gives the three classes of the last line as numbers.
SEVENTEEN = (
    *("elev_mean", "slope_mean", "area_gages2", "frac_forest", "lai_max", "lai_diff"),
    *("dom_land_cover_frac", "root_depth_50", "soil_depth_statsgo", "soil_porosity"),
    *("soil_conductivity", "max_water_content", "geol_porosity", "geol_permeability"),
    *("dom_land_cover", "geol_1st_class", "geol_2nd_class"),
)

# Enough to see that a row runs.
_TINY = {"d_hidden": 8, "window": 120, "warmup": 30, "batch_size": 8, "max_epochs": 1}

# The one table of numbers. "full" takes the estimators' own defaults but for the noise on
# attributes, which regions unlike those of the training ask for; "quick" fits a
# demonstration into minutes on two cores. "head" is what the other rows train on the
# features. It gets what the LSTM gets, so that the features are what is compared.
_NUMBERS = {
    "full": {
        "linear": {},
        "random_forest": {},
        "lstm": {"attribute_noise": 0.5},
        "head": {"attribute_noise": 0.5},
        "hbv": {},
        "site": {},
        "encoder": {},
    },
    "quick": {
        "linear": {},
        "random_forest": {"n_estimators": 40, "max_rows": 20_000, "max_samples": 8_000},
        "lstm": {"max_epochs": 16, "attribute_noise": 0.5},
        "head": {"max_epochs": 16, "attribute_noise": 0.5},
        "hbv": {"n_members": 4, "max_epochs": 8},
        "site": {"n_seeds": 2},
        "encoder": {"d_model": 32, "d_feedforward": 64, "max_epochs": 8},
    },
    "tiny": {
        "linear": {},
        "random_forest": {"n_estimators": 5, "max_rows": 2_000, "max_samples": 500},
        "lstm": _TINY | {"attribute_noise": 0.5},
        "head": _TINY | {"attribute_noise": 0.5},
        "hbv": {"n_members": 2},
        "site": {"d_hidden": 8, "n_seeds": 1, "max_epochs": 2},
        "encoder": {
            **{"d_model": 8, "n_layers": 1, "n_heads": 2, "d_feedforward": 8, "d_embedding": 4},
            **{"window": 120, "batch_size": 8, "max_epochs": 1},
        },
    },
}
# An LSTM has no preset of its own for soil moisture: it gets that of `StefaLandSoilMoisture`.
_MOISTURE_LSTM = {"warmup": 60, "max_epochs": 30}

#: Names of the budgets.
BUDGETS = tuple(_NUMBERS)
#: How networks are trained: as we do, or as the paper says.
SETTINGS = ("ours", "paper")


def make_models(
    names=DEMO_MODELS,
    *,
    task="streamflow",
    budget="full",
    settings="ours",
    epochs=None,
    cache=None,
    encoders=None,
    verbose=0,
):
    """Make the unfitted models of a comparison.

    Parameters
    ----------
    names : sequence of str, default=DEMO_MODELS
        Out of `MODELS`, or of `SITE_MODELS` for soil composition. "linear", "random_forest":
        row-wise comparators on lagged forcing; the others are rows of the paper's tables, of which
        `stefaland_sk.estimators.PAPER_ROWS` says what each is. Where an encoder is
        pretrained, it is so inside ``fit`` on the fold's own sites.
    task : {"streamflow", "streamflow_global", "soil_moisture", "soil_composition"}, \
default="streamflow"
        What is predicted.
    budget : {"full", "quick", "tiny"}, default="full"
        Sizes and epochs. "quick" is for demonstrations, "tiny" shows that all runs.
    settings : {"ours", "paper"}, default="ours"
        Whether networks train as we do, or as the paper says, see `paper_row`.
    epochs : int, default=None
        Epochs of every network and of pretraining; None takes those of the budget.
    cache : str or Path, default=None
        Folder in which encoders are kept, so that the StefaLand rows of a fold share
        one pretrained, and one of random weights; None makes them each time.
    encoders : dict of str to encoder, default=None
        Encoders that were made before: "alphaearth", "terramind" and "prithvi" for the rows of
        these names, which need them; "stefaland" takes the place of pretraining inside the fold.
    verbose : int, default=0
        Passed on to the networks.

    Returns
    -------
    dict of str to estimator
        For `run`, which sets their seeds.

    Raises
    ------
    ValueError
        If a name, the task, the budget or the settings are unknown or do not go together, or an
        encoder is not given.

    See Also
    --------
    run : Compares them.

    Examples
    --------
    >>> models = make_models(["lstm", "resconn"], budget="quick", epochs=2)
    >>> models["lstm"].max_epochs, models["resconn"].encoder.max_epochs
    (2, 2)
    """
    check_option("task", task, list(TASKS))
    check_option("budget", budget, list(BUDGETS))
    check_option("settings", settings, list(SETTINGS))
    if settings == "paper" and budget != "full":
        raise ValueError(
            "The paper's settings have sizes and epochs of their own: use budget='full' with "
            "settings='paper', and `epochs` for fewer."
        )
    known = models_of(task)
    make = _Maker(task, budget, settings, epochs, cache, encoders or {}, verbose)
    return {name: make(check_option("models", name, list(known))) for name in names}


def models_of(task):
    """List the rows that there are for a task."""
    if task == "soil_composition":
        return SITE_MODELS
    return MODELS if task.startswith("streamflow") else tuple(m for m in MODELS if m not in HYBRIDS)


class _Maker:
    """Make models by name; torch is loaded here and not before."""

    def __init__(self, task, budget, settings, epochs, cache, encoders, verbose):
        self.task, self.settings = task, settings
        self.numbers = _NUMBERS[budget]
        self.changes = {} if epochs is None else {"max_epochs": epochs}
        self.cache = None if cache is None else str(cache)
        self.encoders, self.verbose = encoders, verbose

    def __call__(self, name):
        from stefaland_sk import estimators

        if name == "linear":
            return estimators.LinearComparator(**self.numbers[name])
        if name == "random_forest":
            return estimators.RandomForestComparator(**self.numbers[name])
        if self.task == "soil_composition":
            return self._site_model(name)
        if name in ("lstm_17", "lstm_26"):
            return self._lstm("lstm", attributes=_attributes(name))
        if name == "lstm":
            return self._lstm(name)
        return self._stefaland(name)

    def _parameters(self, row, numbers):
        """Give the parameters of a row; the paper's, where they are asked for."""
        from stefaland_sk import estimators

        task = "streamflow" if self.task == "soil_composition" else self.task
        params = estimators.paper_row(row, task, settings=self.settings)
        ours = numbers if self.settings == "ours" else {}
        return params | ours | self.changes | {"verbose": self.verbose}

    def _lstm(self, row, **params):
        """Make an LSTM."""
        from stefaland_sk import estimators

        numbers = self.numbers["lstm"]
        if self.task == "soil_moisture":
            numbers = _MOISTURE_LSTM | numbers
        return estimators.LSTMRegressor(**self._parameters(row, numbers), **params)

    def _stefaland(self, name):
        """Make a head on an encoder, direct or with HBV behind it."""
        from stefaland_sk import estimators

        numbers = self.numbers["head"]
        if name in HYBRIDS:
            numbers = numbers | self.numbers["hbv"]
            model = estimators.HBVStreamflow
        elif self.task == "soil_moisture":
            model = estimators.StefaLandSoilMoisture
        else:
            model = estimators.StefaLandStreamflow
        row = "alphaearth_lstm" if name == "lstm_stefaland" else name
        return model(self._encoder(name), **self._parameters(row, numbers))

    def _encoder(self, name):
        """Give the encoder of a row: one that is given, or a transformer to be pretrained."""
        from ._pretrained import CachedTransformer

        needed = OTHER_ENCODERS.get(name)
        if needed is not None:
            if needed not in self.encoders:
                raise ValueError(
                    f"The row {name!r} needs an encoder that is not pretrained here: give "
                    f"encoders={{{needed!r}: ...}} (on the command line --embeddings FILE, for a "
                    "table with one vector per site)."
                )
            return self.encoders[needed]
        if "stefaland" in self.encoders and name not in _UNTRAINED:
            return self.encoders["stefaland"]
        params = self.numbers["encoder"] | self.changes
        return CachedTransformer(self.cache, **params, verbose=self.verbose)

    def _site_model(self, name):
        """Make a model of soil composition."""
        from stefaland_sk import estimators

        init = {"network": "none", "stefaland_random": "random"}.get(name, "pretrained")
        params = self.numbers["site"] | self.changes
        return estimators.StefaLandSoilComposition(
            encoder=self._encoder(name), encoder_init=init, verbose=self.verbose, **params
        )


_UNTRAINED = (
    *("ablation_frozen", "ablation_scratch", "ablation_hbv", "stefaland_random"),
    *("transformer", "transformer_reconstruct"),
)


def _attributes(name):
    """Give the attributes that an LSTM of the AlphaEarth comparison reads."""
    if name == "lstm_17":
        return list(SEVENTEEN)
    from stefaland_sk.data import get_variable_set

    return list(get_variable_set("camels").attribute_names)
