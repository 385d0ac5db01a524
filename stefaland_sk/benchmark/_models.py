"""The rows of the comparison, by name, and the budgets that they may have."""

from stefaland_sk._core import check_option

#: Rows of a comparison, in the order in which tables show them.
MODELS = (
    *("linear", "random_forest", "lstm", "lstm_matched", "probe"),
    *("transformer", "transformer_reconstruct", "ablation_frozen", "ablation_scratch"),
    *("noresconn_plain", "noresconn", "resconn_cnn", "resconn"),
)
#: The rows of the demonstration.
DEMO_MODELS = ("linear", "random_forest", "lstm", "noresconn", "resconn")

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
        "encoder": {},
    },
    "quick": {
        "linear": {},
        "random_forest": {"n_estimators": 40, "max_rows": 20_000, "max_samples": 8_000},
        "lstm": {"max_epochs": 16, "attribute_noise": 0.5},
        "head": {"max_epochs": 16, "attribute_noise": 0.5},
        "encoder": {"d_model": 32, "d_feedforward": 64, "max_epochs": 8},
    },
}

#: Names of the budgets.
BUDGETS = tuple(_NUMBERS)


def make_models(names=DEMO_MODELS, *, budget="full", epochs=None, cache=None, verbose=0):
    """Make the unfitted models of a comparison.

    Parameters
    ----------
    names : sequence of str, default=DEMO_MODELS
        Out of `MODELS`. "linear", "random_forest": row-wise comparators on lagged forcing;
        the others are rows of the paper's tables, of which
        `stefaland_sk.estimators.PAPER_ROWS` says what each is. Where an encoder is
        pretrained, it is so inside ``fit`` on the fold's own sites.
    budget : {"full", "quick"}, default="full"
        Sizes and epochs. "quick" is for demonstrations.
    epochs : int, default=None
        Epochs of every network and of pretraining; None takes those of the budget.
    cache : str or Path, default=None
        Folder in which encoders are kept, so that the StefaLand rows of a fold share
        one pretrained, and one of random weights; None makes them each time.
    verbose : int, default=0
        Passed on to the networks.

    Returns
    -------
    dict of str to estimator
        For `run`, which sets their seeds.

    Raises
    ------
    ValueError
        If a name or the budget is unknown.

    See Also
    --------
    run : Compares them.

    Examples
    --------
    >>> models = make_models(["lstm", "resconn"], budget="quick", epochs=2)
    >>> models["lstm"].max_epochs, models["resconn"].encoder.max_epochs
    (2, 2)
    """
    numbers = _NUMBERS[check_option("budget", budget, list(BUDGETS))]
    changes = {} if epochs is None else {"max_epochs": epochs}
    return {
        name: _make(check_option("models", name, list(MODELS)), numbers, changes, cache, verbose)
        for name in names
    }


def _make(name, numbers, changes, cache, verbose):
    """Make one model; torch is loaded here and not before."""
    from stefaland_sk import estimators

    from ._pretrained import CachedTransformer

    if name == "linear":
        return estimators.LinearComparator(**numbers[name])
    if name == "random_forest":
        return estimators.RandomForestComparator(**numbers[name])
    row = estimators.paper_row(name)
    if name == "lstm":
        return estimators.LSTMRegressor(**(row | numbers[name] | changes), verbose=verbose)
    cache = None if cache is None else str(cache)
    encoder = CachedTransformer(cache, **(numbers["encoder"] | changes), verbose=verbose)
    head = numbers["head"] | changes
    return estimators.StefaLandStreamflow(encoder, **(row | head), verbose=verbose)
