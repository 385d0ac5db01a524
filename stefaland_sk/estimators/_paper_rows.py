"""The rows of the paper's tables as choices of parameters of one estimator."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stefaland_sk._core import check_option

_ADAPTERS = ("feedforward", "bottleneck", "moe", "conv", "attention")  # "gated" is noresconn
_FROM_SCRATCH = {"encoder_init": "random", "trainable": "all", "encoder_lr": 1.0}
_PLAIN = {"adapter": "none", "residual": False}


@dataclass(frozen=True)
class PaperRow:
    """One row of the paper's tables.

    Parameters
    ----------
    estimator : str
        Class that it is a choice of parameters of: "StefaLandRegressor" (or one of its
        presets, such as `StefaLandStreamflow`), "LSTMRegressor" or "HBVStreamflow".
    parameters : Mapping
        What the row changes of the class's defaults.
    source : str
        Where in the paper, and under what name.
    reading : str
        What is done here where the versions of the paper and its programs differ.
    needs_encoder : str or None, default=None
        What has to be given as `encoder`; None where the estimator pretrains its own, or
        has none.

    Examples
    --------
    >>> PAPER_ROWS["probe"].estimator
    'StefaLandRegressor'
    """

    estimator: str
    parameters: Mapping
    source: str
    reading: str
    needs_encoder: str | None = None


def _row(source, reading, *, estimator="StefaLandRegressor", needs_encoder=None, **parameters):
    return PaperRow(estimator, MappingProxyType(parameters), source, reading, needs_encoder)


#: The rows by name; read-only.
PAPER_ROWS = MappingProxyType(
    {
        "lstm": _row(
            "LSTM-SL, tables 1 to 3",
            "The published form: linear layer, ReLU, LSTM, dropout, linear layer.",
            estimator="LSTMRegressor",
        ),
        "lstm_matched": _row(
            "not in the tables; the programs' LSTM-only model",
            "The head of resConn without features: what remains is the worth of the features.",
            encoder_init="none",
            residual=True,
        ),
        "resconn": _row(
            "StefaLand - resConn, tables 1 to 3",
            "As in the programs: residual adapter, raw inputs before and after the LSTM.",
            residual=True,
        ),
        "resconn_cnn": _row(
            "StefaLand - resConn, equations 1 to 3 and the figure of the appendix",
            "As in the text: a convolution over days in place of the residual adapter.",
            residual="cnn",
        ),
        "noresconn": _row(
            "StefaLand - noResConn, tables 1 to 3",
            "As in version 2 and the programs: gated adapter, raw inputs nowhere else.",
            residual=False,
            adapter="gated",
        ),
        "noresconn_plain": _row(
            "StefaLand - noResConn, version 3",
            "Features go straight to the LSTM, which never sees raw inputs.",
            **_PLAIN,
        ),
        "ablation_frozen": _row(
            "ablation of the pretraining, version 2",
            "resConn on a frozen encoder of random weights. The versions define the row "
            "differently and print the same numbers.",
            encoder_init="random",
            residual=True,
        ),
        "ablation_scratch": _row(
            "ablation of the pretraining, version 3",
            "resConn, encoder and head trained together from random weights.",
            residual=True,
            **_FROM_SCRATCH,
        ),
        "transformer": _row(
            "Transformer (direct), version 2",
            "The encoder trained from random weights on the task, read out by a linear layer.",
            head="linear",
            **_PLAIN,
            **_FROM_SCRATCH,
        ),
        "transformer_reconstruct": _row(
            "Transformer (direct), version 3",
            "The same, the target being one channel more for the decoder to reconstruct.",
            head="decoder",
            **_PLAIN,
            **_FROM_SCRATCH,
        ),
        "probe": _row(
            "linear probe, version 3",
            "One linear layer per day on the features of the frozen, pretrained encoder.",
            head="linear",
            **_PLAIN,
        ),
        **{
            f"adapter_{name}": _row(
                "adapters, figure of the appendix",
                "As noResConn, by another adapter; raw inputs nowhere else. The residual adapter "
                "is that of resConn.",
                residual=False,
                adapter=name,
            )
            for name in _ADAPTERS
        },
        "lstm_hbv": _row(
            "LSTM-HBV1.1, table of the hybrids",
            "One LSTM on forcing and attributes gives the parameters of HBV.",
            estimator="HBVStreamflow",
            parameterization="lstm",
        ),
        "resconn_hbv": _row(
            "StefaLand - resConn-HBV1.1, table of the hybrids",
            "The network of resConn gives the parameters of HBV.",
            estimator="HBVStreamflow",
            residual=True,
        ),
        "noresconn_hbv": _row(
            "StefaLand - noResConn-HBV1.1, table of the hybrids",
            "The network of noResConn, with its gated adapter, gives the parameters of HBV.",
            estimator="HBVStreamflow",
            residual=False,
            adapter="gated",
        ),
        "ablation_hbv": _row(
            "StefaLand - Ablation-resConn-HBV1.1, table of the hybrids",
            "That of resConn on a frozen encoder of random weights gives the parameters of HBV.",
            estimator="HBVStreamflow",
            residual=True,
            encoder_init="random",
        ),
        "alphaearth_lstm": _row(
            "AlphaEarth + LSTM",
            "The site's embedding beside the forcing of each day, in place of attributes.",
            needs_encoder="SiteEmbeddingEncoder(table, entry='alphaearth')",
            adapter="none",
            residual=True,
            raw_inputs="forcing",
        ),
        "alphaearth_resconn": _row(
            "AlphaEarth - resConn, version 3",
            "The site's embedding in place of attributes and of features of days.",
            needs_encoder="SiteEmbeddingEncoder(table, entry='alphaearth')",
            residual=True,
            raw_inputs="forcing",
        ),
        "terramind_resconn": _row(
            "TerraMind - resConn",
            "The same head on features of another frozen encoder.",
            needs_encoder="TerraMindEncoder",
            residual=True,
        ),
        "prithvi_resconn": _row(
            "PrithviWxC - resConn",
            "The same head on features of another frozen encoder.",
            needs_encoder="PrithviWxCEncoder",
            residual=True,
        ),
    }
)

# How the paper's programs train, whatever the task.
_PAPER_TRAINING = {
    "loss": "rmse",
    "optimizer": "adadelta",
    "lr_schedule": "constant",
    "early_stopping": False,
    "attribute_noise": 0.0,
    "lower_bound": None,
    "target_scale": None,
    "precision": "float32",
    "window": 365,
    "warmup": 0,
}
# Tables of the appendix. Those of streamflow have a year of warm-up.
_PAPER_TASKS = {
    "streamflow": {
        **{"lr": 1.0, "batch_size": 64, "max_epochs": 25, "d_hidden": 512, "dropout": 0.2},
        **{"window": 730, "warmup": 365},
    },
    "streamflow_global": {
        **{"lr": 1.1, "batch_size": 64, "max_epochs": 50, "d_hidden": 512, "dropout": 0.2},
    },
    "soil_moisture": {
        **{"lr": 1.2, "batch_size": 128, "max_epochs": 50, "d_hidden": 128, "dropout": 0.3},
    },
}
# What HBV has not: it predicts in mm/d, and flow is not negative.
_NOT_OF_HBV = ("target_scale", "lower_bound")
# The LSTM of the streamflow tables is one published before, with settings of its own.
_PAPER_LSTM = {
    **{"lr": 1.0, "batch_size": 100, "max_epochs": 300, "d_hidden": 256, "dropout": 0.5},
    "n_seeds": 6,
}


def paper_row(name, task="streamflow", *, settings="ours"):
    """Give the parameters of a row of the paper's tables.

    Parameters
    ----------
    name : str
        A key of `PAPER_ROWS`, whose values say what each row is and of which estimator.
    task : {"streamflow", "streamflow_global", "soil_moisture"}, default="streamflow"
        Table from whose appendix ``settings="paper"`` takes its numbers; the rows
        themselves are the same for all tasks.
    settings : {"ours", "paper"}, default="ours"
        "ours" leaves all else at the defaults of the estimator; "paper" trains as the
        paper says it does.

    Returns
    -------
    dict
        Parameters of the row's estimator, to be changed at will. Where the row
        `needs_encoder`, `encoder` is to be added.

    Raises
    ------
    ValueError
        If there is no such row, task or setting.

    See Also
    --------
    StefaLandRegressor : Takes them, but those of the row "lstm" and of the hybrids.
    LSTMRegressor : Takes those of the row "lstm".
    HBVStreamflow : Takes those of the hybrids, ``"lstm_hbv"`` and the like.

    Notes
    -----
    With ``settings="paper"`` two things remain ours: the norm of the gradient is clipped
    at 1, and an epoch has 20 updates at least. The pretraining is not part of a row; the
    paper's tables state widths (512, 128) that do not fit its own encoder (256).

    Examples
    --------
    >>> from stefaland_sk.estimators import paper_row
    >>> paper_row("noresconn")
    {'residual': False, 'adapter': 'gated'}
    >>> paper_row("resconn", settings="paper")["optimizer"]
    'adadelta'
    """
    row = PAPER_ROWS[check_option("name", name, list(PAPER_ROWS))]
    check_option("task", task, list(_PAPER_TASKS))
    parameters = dict(row.parameters)
    if check_option("settings", settings, ["ours", "paper"]) == "paper":
        published = name == "lstm" and task.startswith("streamflow")
        parameters |= _PAPER_TRAINING | (_PAPER_LSTM if published else _PAPER_TASKS[task])
        if row.estimator == "HBVStreamflow":
            parameters = {k: v for k, v in parameters.items() if k not in _NOT_OF_HBV}
    return parameters
