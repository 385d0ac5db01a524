"""What all Displays share: axes, colours, marks, labels and legends."""

import numpy as np

from stefaland_sk._core import import_optional
from stefaland_sk.metrics import METRICS

OBSERVED = "#262626"
MISSING = "#8C8C8C"
# Okabe and Ito's palette, which stays apart for colour-blind readers; yellow is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# With the seventh class the colours begin anew, so that mark and dash change.
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (7, 2)), (0, (2, 2)))
MOST_CLASSES = len(PALETTE) * len(MARKERS)


class Display:
    """A figure that also hands over its numbers.

    A subclass takes computed numbers in its constructor, makes itself of other things by class
    methods named `from_*`, gives the numbers by `frame`, and draws them by `plot`, which takes
    looks only and starts with `_open`.
    """

    _figsize = (6.4, 4.0)  # inches, of a new figure

    def _open(self, ax, figsize=None):
        """Keep the axes to draw on, new ones if the caller has none, and their figure."""
        pyplot = import_optional("matplotlib.pyplot", "plots", f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(figsize=figsize or self._figsize, layout="constrained")
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def colours_of(names, colors=None):
    """Map each name to a colour: the caller's where given, the palette's in order otherwise."""
    unknown = [name for name in colors or {} if name not in list(names)]
    if unknown:
        raise ValueError(
            f"`colors` names {unknown}, which the Display does not show. It shows {list(names)}."
        )
    palette = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    return {**palette, **(colors or {})}


def marks_of(names, choices=MARKERS):
    """Map each name to a marker, or a dash, that changes when the colours begin anew."""
    return {name: choices[i // len(PALETTE) % len(choices)] for i, name in enumerate(names)}


def legend_above(ax, handles=None):
    """Put a legend in one row above the axes, where no series runs."""
    more = {} if handles is None else {"handles": handles}
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        frameon=False,
        fontsize="small",
        handlelength=1.4,
        columnspacing=1.2,
        **more,
    )


def legend_beside(ax, title=None):
    """Put a legend to the right of the axes: curves and points may lie anywhere inside."""
    n_entries = len(ax.get_legend_handles_labels()[0])
    ax.legend(
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        fontsize="small",
        title_fontsize="small",
        alignment="left",
        ncols=1 + n_entries // 19,
    )


def heading(ax, text, note=None):
    """Write what is shown, and what is left out, above the axes."""
    parts = [str(part) for part in (text, note) if part]
    if parts:
        ax.set_title("\n".join(parts), loc="left", fontsize="medium")


def with_unit(name, unit):
    """Write a name with its unit in brackets, if it has one."""
    if not unit:
        return str(name)
    return f"{name} [{'-' if unit == '1' else unit}]"


def dress_time(ax, time):
    """Make the axis of time one of dates that do not run into each other."""
    dates = import_optional("matplotlib.dates", "plots", "An axis of time")
    locator = dates.AutoDateLocator(minticks=4, maxticks=10)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    if len(time) > 1:
        ax.set_xlim(time[0], time[-1])


def metric_label(name):
    """Name a metric in words, with an arrow towards the better side where there is one."""
    metric = METRICS.get(name)
    if metric is None:
        return name
    units = {"%": " [%]", "target": " [unit of the target]"}
    title = f"{metric.title or name}{units.get(metric.unit, '')}"
    arrows = {
        True: f"{title}  (better \N{RIGHTWARDS ARROW})",
        False: f"{title}  (\N{LEFTWARDS ARROW} better)",
    }
    return arrows.get(metric.greater_is_better, title)


def metric_limits(name):
    """Range of a metric that is drawn by default; None where its values decide.

    Efficiencies are best at 1 and have no lower end: a few failures would fill the figure.
    """
    metric = METRICS.get(name)
    return (0.0, 1.0) if metric is not None and metric.optimum == 1.0 else None


def check_limits(name, limits):
    """Raise a ValueError unless limits are two finite numbers, the lower one first."""
    if limits is None:
        return None
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"`{name}` must be two numbers, the lower one first, such as (0, 1). Got {limits!r}."
        )
    return low, high


def draw_at_edges(ax, x, y, limits, **look):
    """Draw arrow heads at the lower and upper edge, for points that lie beyond the limits of y."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if limits is None:
        return
    for beyond, edge, marker in ((y < limits[0], limits[0], "v"), (y > limits[1], limits[1], "^")):
        if beyond.any():
            edges = np.full(int(beyond.sum()), edge)
            ax.scatter(x[beyond], edges, marker=marker, clip_on=False, **look)
