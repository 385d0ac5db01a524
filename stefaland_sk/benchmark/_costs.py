"""What models cost: seconds, parameters and memory, beside those of one of them."""

import pandas as pd

from ._beside import published_values
from ._format import grid

_SECONDS = ("pretrain_cpu_seconds", "fit_cpu_seconds", "predict_seconds")


def cost_table(runs, *, baseline="lstm"):
    """Give what each model took, per fold, and relative to one of them.

    Parameters
    ----------
    runs : DataFrame
        One row per model, seed and fold, as in ``runs.csv``.
    baseline : str, default="lstm"
        Model that the others are put in relation to. Not there: no relation.

    Returns
    -------
    DataFrame
        Indexed by model, medians over folds and seeds: ``pretrain_cpu_seconds`` (once for all
        rows that share the encoder), ``fit_cpu_seconds``, ``predict_seconds``, ``n_epochs``,
        ``seconds_per_epoch`` of the head, ``n_parameters``, ``peak_memory_mib``; and ``seconds``,
        ``parameters`` and ``memory`` relative to the baseline, the first per epoch, or in all
        where a model has no epochs.

    Raises
    ------
    ValueError
        If a column is missing.

    See Also
    --------
    run : Makes the table of runs.

    Notes
    -----
    Seconds of the processor are those of the process: where threads of one process work at
    several folds they are mixed up, as is memory. One fold at a time, or processes, measure well.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"model": ["lstm", "resconn"], "pretrain_cpu_seconds": [0.0, 90.0],
    ...     "fit_cpu_seconds": [20.0, 60.0], "predict_seconds": 1.0, "n_epochs": [10, 10],
    ...     "n_parameters": [2e4, 6e4], "peak_memory_mib": [500.0, 750.0]})
    >>> cost_table(runs).loc["resconn", ["seconds", "parameters", "memory"]].tolist()
    [3.0, 3.0, 1.5]
    """
    columns = [*_SECONDS, "n_epochs", "n_parameters", "peak_memory_mib"]
    missing = [name for name in ("model", *columns) if name not in runs]
    if missing:
        raise ValueError(f"The table of runs lacks {missing}; it has {list(runs.columns)[:10]}.")
    numbers = runs[columns].apply(pd.to_numeric, errors="coerce").astype(float)
    table = numbers.groupby(runs["model"], sort=False).median()
    table.insert(4, "seconds_per_epoch", table["fit_cpu_seconds"] / table["n_epochs"])
    if baseline in table.index:
        both = ("seconds_per_epoch", "fit_cpu_seconds")
        per_epoch, whole = (table[name] / table.loc[baseline, name] for name in both)
        table["seconds"] = per_epoch.where(per_epoch.notna(), whole)
        table["parameters"] = table["n_parameters"] / table.loc[baseline, "n_parameters"]
        table["memory"] = table["peak_memory_mib"] / table.loc[baseline, "peak_memory_mib"]
    return table


def format_costs(runs, *, baseline="lstm", markdown=False):
    """Write the costs as text, beside the seconds per epoch that the paper prints.

    Parameters
    ----------
    runs : DataFrame
        One row per model, seed and fold.
    baseline : str, default="lstm"
        Model that the others are put in relation to.
    markdown : bool, default=False
        Whether to write Markdown.

    Returns
    -------
    str
        The table with a remark.

    See Also
    --------
    cost_table : The table as data.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"model": ["lstm", "resconn"], "pretrain_cpu_seconds": [0.0, 90.0],
    ...     "fit_cpu_seconds": [20.0, 60.0], "predict_seconds": 1.0, "n_epochs": [10, 10],
    ...     "n_parameters": [2e4, 6e4], "peak_memory_mib": [500.0, 750.0]})
    >>> print(format_costs(runs).splitlines()[0])
    What it costs
    """
    table = cost_table(runs, baseline=baseline)
    shown = table[["pretrain_cpu_seconds", "fit_cpu_seconds", "seconds_per_epoch"]]
    shown = shown.map(lambda value: "-" if value != value else f"{value:.3g}")
    shown.columns = ["pretraining [s]", "fit [s]", "per epoch [s]"]
    shown["parameters"] = [_whole(value) for value in table["n_parameters"]]
    shown["memory [MiB]"] = [_whole(value) for value in table["peak_memory_mib"]]
    remark = "Medians over folds and seeds, in seconds of the processor."
    if "seconds" in table:
        for name in ("seconds", "parameters", "memory"):
            shown[f"{name} / {baseline}"] = [_ratio(value) for value in table[name]]
        printed = _printed(baseline)
        if set(printed) & set(table.index) - {baseline}:
            shown["printed"] = [_ratio(printed.get(model)) for model in table.index]
            remark += " Printed: seconds per epoch of the paper's table, by the same relation."
    title = "What it costs"
    return "\n\n".join([f"### {title}" if markdown else title, grid(shown, markdown), remark])


def _printed(baseline):
    """Give the paper's seconds per epoch in relation to those of the baseline."""
    table = published_values("camels-us-cost")
    table = table[(table["metric"] == "seconds_per_epoch") & (table["model"] != "")]
    seconds = table.drop_duplicates("model", keep="last").set_index("model")["value"]
    return (seconds / seconds[baseline]).to_dict() if baseline in seconds else {}


def _whole(value):
    return "-" if value is None or value != value else f"{value:.0f}"


def _ratio(value):
    return "-" if value is None or value != value else f"{value:.2f}"
