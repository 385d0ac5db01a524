"""Sites as points: on a map or in a plane, coloured by a number or by a class."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._base import MISSING, MOST_CLASSES, colours_of, legend_beside, marks_of

_EDGE = {"linewidths": 0.35, "edgecolors": "#404040"}


@dataclass(frozen=True)
class Scale:
    """How numbers become colours.

    Parameters
    ----------
    limits : tuple of two floats
        Values outside take the colour of the end, and the colour bar an arrow.
    cmap : str
        Name of a colour map.
    """

    limits: tuple
    cmap: str

    @classmethod
    def of(cls, values, limits=None, *, diverging=False, reverse=False):
        """Choose a scale for some values; by default the outermost ones lie beyond its limits.

        A diverging scale is symmetric about zero. `reverse` makes low values bright.
        """
        values = np.asarray(values, dtype=float)
        values = values[np.isfinite(values)]
        if limits is None and diverging:
            high = float(np.quantile(np.abs(values), 0.9)) if len(values) else 1.0
            limits = (-high, high)
        elif limits is None:
            limits = tuple(np.quantile(values, [0.02, 0.98])) if len(values) else (0.0, 1.0)
        if not limits[0] < limits[1]:  # all values are one
            limits = (limits[0] - 0.5, limits[1] + 0.5)
        name = "PuOr" if diverging else "viridis"
        return cls(limits, f"{name}_r" if reverse else name)


def point_size(n_points):
    """Area of a mark in square points: small among many, never hard to see."""
    return float(np.clip(14000.0 / max(n_points, 1), 14.0, 60.0))


def draw_numbers(ax, x, y, values, scale, *, label, missing="no score", size=None):
    """Draw points coloured by a number, with a colour bar; crosses where there is none."""
    x, y, values = (np.asarray(part, dtype=float) for part in (x, y, values))
    size = point_size(np.isfinite(x).sum()) if size is None else size
    known = np.isfinite(values)
    placed = np.isfinite(x) & np.isfinite(y)
    bare = placed & ~known
    if bare.any():
        _draw_bare(ax, x[bare], y[bare], size, missing)
        ax.legend(loc="upper right", bbox_to_anchor=(1.0, 1.08), frameon=False, fontsize="small")
    low, high = scale.limits
    shown = placed & known
    drawn = ax.scatter(
        x[shown], y[shown], s=size, c=values[shown], cmap=scale.cmap, vmin=low, vmax=high, **_EDGE
    )
    below, above = (values[shown] < low).any(), (values[shown] > high).any()
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}
    bar = ax.figure.colorbar(
        drawn,
        ax=ax,
        extend=extend.get((bool(below), bool(above)), "both"),
        shrink=0.8,
        pad=0.02,
        aspect=25,
    )
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)
    return drawn


def _draw_bare(ax, x, y, size, missing):
    """Draw crosses where sites have neither number nor class."""
    label = f"{missing} (n={len(x)})"
    ax.scatter(x, y, s=0.6 * size, marker="x", color=MISSING, linewidths=0.9, label=label)


def as_labels(values):
    """Give a Series of classes as objects, None where there is none.

    Whole numbers that gaps have turned into floats are shown as the whole numbers they are.
    """
    known = values.dropna()
    is_whole = pd.api.types.is_float_dtype(values) and (known == known.round()).all()
    labels = [None if pd.isna(v) else int(v) if is_whole else v for v in values]
    return pd.Series(labels, index=values.index, dtype=object)


def check_classes(labels, name):
    """Give the distinct labels in order; raise if there are more than can be told apart."""
    there = pd.unique(pd.Series(labels).dropna())
    if len(there) > MOST_CLASSES:
        raise ValueError(
            f"`{name}` has {len(there)} classes; at most {MOST_CLASSES} can be told apart. Give "
            "numbers for a colour bar, or join classes."
        )
    try:
        return sorted(there)
    except TypeError:
        return sorted(there, key=str)


def draw_classes(ax, x, y, labels, classes, *, colors=None, title=None, missing="none", size=None):
    """Draw points coloured by a class, with a legend that counts them."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    labels = np.asarray(labels, dtype=object)
    placed = np.isfinite(x) & np.isfinite(y)
    size = point_size(placed.sum()) if size is None else size
    colours, marks = colours_of(classes, colors), marks_of(classes)
    bare = placed & pd.isna(labels)
    if bare.any():
        _draw_bare(ax, x[bare], y[bare], size, missing)
    for name in classes:
        part = placed & (labels == name)
        ax.scatter(
            x[part],
            y[part],
            s=size,
            color=[colours[name]],
            marker=marks[name],
            label=f"{name} (n={part.sum()})",
            **{**_EDGE, "edgecolors": "white"},
        )
    legend_beside(ax, title)


def dress_map(ax, places, outline=None):
    """Make axes a map of longitude and latitude, without distortion at its middle."""
    middle = float(np.nanmean([places["lat"].min(), places["lat"].max()]))
    ax.set_aspect(1.0 / max(np.cos(np.deg2rad(middle)), 0.05), adjustable="datalim")
    ax.set_xlabel("longitude")
    ax.set_ylabel("latitude")
    ax.xaxis.set_major_formatter(lambda value, _: _degrees((value + 180) % 360 - 180, "EW"))
    ax.yaxis.set_major_formatter(lambda value, _: _degrees(value, "NS"))
    ax.grid(True, color="0.92", lw=0.6)
    ax.set_axisbelow(True)
    if outline is None:
        return
    lines = outline if isinstance(outline, list | tuple) else [outline]
    for number, line in enumerate(lines):
        line = np.asarray(line, dtype=float)
        if line.ndim != 2 or line.shape[1] != 2:
            raise ValueError(
                "`outline` must be an array of shape (n_points, 2), longitude and latitude, or a "
                f"list of such; its line {number} has the shape {line.shape}."
            )
        ax.plot(line[:, 0], line[:, 1], color="0.6", lw=0.7, zorder=0.5)


def _degrees(value, letters):
    """Write degrees with the letter of their half of the globe."""
    letter = "" if value in (0.0, -180.0) else letters[int(value < 0)]
    return f"{abs(value):g}\N{DEGREE SIGN}{letter}"
