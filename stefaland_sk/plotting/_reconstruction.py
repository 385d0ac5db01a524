"""What a pretrained model fills in for values that were hidden from it."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.data import Panel, period_mask

from ._base import (
    OBSERVED,
    PALETTE,
    Display,
    dress_time,
    heading,
    legend_above,
    with_unit,
)
from ._points import point_size
from ._tables import need_columns

_MANY = 3000  # points beyond which their density is drawn
_LIMITS = (-0.2, 1.0)


class ReconstructionDisplay(Display):
    """Hidden values against what was filled in: all variables, one variable, or one site.

    Use `from_estimator` or `from_panels` to make one.

    Parameters
    ----------
    values : DataFrame
        Columns ``variable``, ``site``, ``time`` (missing for attributes), ``true`` and ``filled``;
        one row per hidden value.
    units : dict of str to str, default=None
        Unit of each variable.

    Attributes
    ----------
    variables : list of str
        The variables shown.
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, or no value is known on both sides.

    See Also
    --------
    EmbeddingMapDisplay : What else comes of pretraining: features of sites.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import ReconstructionDisplay
    >>> values = pd.DataFrame(
    ...     {"variable": "aridity", "site": ["a", "b", "c"], "time": pd.NaT,
    ...      "true": [0.5, 1.0, 1.5], "filled": [0.6, 1.0, 1.4]}
    ... )
    >>> ReconstructionDisplay(values).summary()[["n", "r2", "rmse"]].round(3)
              n    r2   rmse
    variable
    aridity   3  0.96  0.082
    """

    _figsize = (5.2, 4.4)

    def __init__(self, values, *, units=None):
        columns = ["variable", "site", "time", "true", "filled"]
        need_columns(values, columns, "values")
        if not (np.isfinite(values["true"]) & np.isfinite(values["filled"])).any():
            raise ValueError(
                "No value is known on both sides: what was hidden is missing throughout, or was "
                "not filled in."
            )
        self.values = values[columns].reset_index(drop=True)
        self.units = units or {}

    @property
    def variables(self):
        """The variables shown, in the order of the table."""
        return list(map(str, self.values["variable"].unique()))

    @classmethod
    def from_panels(cls, true, filled, variables=None):
        """Make a Display from a panel and the same panel with hidden values filled in.

        Parameters
        ----------
        true : Panel
            The values that were hidden.
        filled : Panel
            Made by `StefaLandTransformer.reconstruct`, of the same sites and times.
        variables : sequence of str, default=None
            The variables that were hidden; None takes all that both panels have.

        Returns
        -------
        ReconstructionDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If one of the two is no Panel.
        ValueError
            If sites or times disagree, or a variable is not in both.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import ReconstructionDisplay
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> display = ReconstructionDisplay.from_panels(X, X, ["aridity", "prcp"])
        >>> display.summary()["n"].tolist()
        [4, 1460]
        """
        for name, panel in (("true", true), ("filled", filled)):
            if not isinstance(panel, Panel):
                raise TypeError(
                    f"`{name}` must be a Panel; got {type(panel).__name__}. Long tables become "
                    "one by `Panel.from_long`."
                )
        if not true.site_ids.equals(filled.site_ids):
            raise ValueError("`true` and `filled` hold other sites, or in another order.")
        there = [*true.forcing_names, *true.attribute_names]
        both = [name for name in there if name in {*filled.forcing_names, *filled.attribute_names}]
        variables = both if variables is None else list(variables)
        tables = []
        for name in variables:
            check_option("variables", name, both)
            tables.append(_hidden_values(name, true, filled))
        if not tables:
            raise ValueError(f"The panels have no variable in common; `true` has {there}.")
        values = pd.concat(tables, ignore_index=True)
        values["variable"] = pd.Categorical(values["variable"], variables)
        return cls(values, units={name: true.units[name] for name in both if name in true.units})

    @classmethod
    def from_estimator(cls, estimator, X, hide, *, one_by_one=False):
        """Make a Display by hiding variables from a pretrained model.

        Parameters
        ----------
        estimator : fitted `StefaLandTransformer`
            Fills in by ``reconstruct(X, hide=...)``.
        X : Panel
            Sites; best such as the model has not seen in pretraining.
        hide : sequence of str
            Variables, or groups of them, that are hidden throughout.
        one_by_one : bool, default=False
            Whether each entry of `hide` is hidden alone, all the others being shown. False hides
            all at once.

        Returns
        -------
        ReconstructionDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If X is no Panel.
        ValueError
            If a name is unknown to the model, or X lacks all of what is to be hidden.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import ReconstructionDisplay
        >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
        >>> model = StefaLandTransformer(max_epochs=1, random_state=0).fit(X[:4])
        >>> display = ReconstructionDisplay.from_estimator(model, X[4:], ["tmax", "soil"])
        >>> display.variables[0]
        'tmax'
        """
        if not isinstance(X, Panel):
            raise TypeError(
                f"X must be a Panel; got {type(X).__name__}. Long tables become one by "
                "`Panel.from_long`."
            )
        hide = [hide] if isinstance(hide, str) else list(hide)
        if not hide:
            raise ValueError("`hide` names nothing to hide.")
        tables, units = [], {}
        for names in [[name] for name in hide] if one_by_one else [hide]:
            filled = estimator.reconstruct(X, hide=names)
            members = _members(names, X, filled)
            if members:
                part = cls.from_panels(X, filled, members)
                tables.append(part.values.astype({"variable": str}))
                units.update(part.units)
        if not tables:
            raise ValueError(
                f"X has none of the variables {hide}, so there is nothing to compare with."
            )
        values = pd.concat(tables, ignore_index=True)
        values = values.drop_duplicates(["variable", "site", "time"]) if one_by_one else values
        values["variable"] = pd.Categorical(values["variable"], values["variable"].unique())
        return cls(values, units=units)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            Columns ``variable``, ``site``, ``time``, ``true`` and ``filled``; one row per hidden
            value.
        """
        return self.values.copy()

    def summary(self):
        """Tell how well each variable was filled in.

        Returns
        -------
        DataFrame indexed by variable
            ``n``, the number of values known on both sides; ``r2``, 1 minus the squared error over
            the variance of the true values, NaN where these do not vary; ``rmse`` and ``bias``
            (filled minus true) [unit of the variable].

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import ReconstructionDisplay
        >>> values = pd.DataFrame({"variable": "aridity", "site": ["a", "b"], "time": pd.NaT,
        ...                        "true": [1.0, 2.0], "filled": [1.5, 2.5]})
        >>> ReconstructionDisplay(values).summary()["bias"].tolist()
        [0.5]
        """
        rows = {}
        for name, part in self.values.groupby("variable", sort=False, observed=True):
            part = part.dropna(subset=["true", "filled"])
            true, error = part["true"].to_numpy(float), (part["filled"] - part["true"]).to_numpy()
            spread = ((true - true.mean()) ** 2).sum() if len(true) else 0.0
            rows[name] = {
                "n": len(part),
                "r2": 1.0 - (error**2).sum() / spread if spread > 0 else np.nan,
                "rmse": np.sqrt((error**2).mean()) if len(true) else np.nan,
                "bias": error.mean() if len(true) else np.nan,
            }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variable")
        return table.astype({"n": int})

    def plot(self, ax=None, *, variable=None, site=None, period=None, color=None):
        """Draw all variables as a row of scores, one variable, or one variable at one site.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        variable : str, default=None
            The variable whose filled-in values are drawn against the true ones. None draws
            the explained variance of every variable; a single variable is drawn itself.
        site : str, default=None
            Draw the forcing `variable` at this site in time.
        period : tuple of two dates, default=None
            First and last day of a series drawn in time.
        color : color, default=None
            Colour of what was filled in.

        Returns
        -------
        ReconstructionDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such variable or site, or an attribute is to be drawn in time.
        """
        if variable is None and len(self.variables) == 1:
            variable = self.variables[0]
        if variable is not None:
            check_option("variable", variable, self.variables)
        elif site is not None:
            raise ValueError(f"Name the `variable` to draw at site {site!r}: {self.variables}.")
        color = color or PALETTE[0]
        if variable is None:
            self._draw_overview(ax, color)
        elif site is None:
            self._draw_scatter(ax, variable, color)
        else:
            self._draw_series(ax, variable, site, period, color)
        return self

    def _draw_overview(self, ax, color):
        """Draw the explained variance of each variable: forcing first, the best on top."""
        table = self.summary()
        timed = self.values.dropna(subset="time")["variable"].unique()
        table["forcing"] = table.index.isin(list(timed))
        table = table.sort_values(["forcing", "r2"], ascending=False, na_position="last")
        ax = self._open(ax, (5.6, 1.2 + 0.2 * len(table)))
        places = np.arange(len(table))
        for is_forcing, mark, label in ((True, "o", "forcing"), (False, "s", "attribute")):
            part = (table["forcing"] == is_forcing).to_numpy() & table["r2"].notna().to_numpy()
            inside = part & (table["r2"] >= _LIMITS[0]).to_numpy()
            colour = color if is_forcing else PALETTE[1]
            if part.any():
                ax.hlines(places[inside], 0.0, table["r2"][inside], color=colour, lw=1.0, alpha=0.5)
                ax.plot(table["r2"][inside], places[inside], mark, ms=5, color=colour, label=label)
            beyond = part & ~inside
            ax.plot(
                np.full(beyond.sum(), _LIMITS[0]),
                places[beyond],
                "<",
                ms=6,
                color=colour,
                clip_on=False,
            )
        ax.axvline(0.0, color="0.6", lw=0.8, zorder=0)
        ax.set_xlim(*_LIMITS)
        names = [
            f"{name} (constant)" * bool(np.isnan(r2)) or name for name, r2 in table["r2"].items()
        ]
        ax.set_yticks(places, names, fontsize="small")
        ax.set_ylim(len(table) - 0.5, -0.5)
        ax.grid(True, axis="y", color="0.93", lw=0.6)
        ax.set_axisbelow(True)
        ax.set_xlabel("explained variance of hidden values, R\N{SUPERSCRIPT TWO}")
        ax.set_ylabel("hidden variable")
        legend_above(ax)

    def _draw_scatter(self, ax, variable, color):
        """Draw filled-in against true values, or their density if there are many."""
        part = self.values[self.values["variable"] == variable].dropna(subset=["true", "filled"])
        ax = self._open(ax)
        ends = np.array(
            [part[["true", "filled"]].min().min(), part[["true", "filled"]].max().max()]
        )
        if len(part) > _MANY:
            # A tenth of a percent of extreme values would leave the rest in a corner.
            ends = np.quantile(part[["true", "filled"]], [0.0005, 0.9995])
            drawn = ax.hexbin(
                part["true"],
                part["filled"],
                gridsize=60,
                extent=(*ends, *ends),
                bins="log",
                mincnt=1,
                cmap="viridis",
                lw=0.1,
            )
            ax.figure.colorbar(
                drawn, ax=ax, shrink=0.8, pad=0.02, aspect=25, label="number of values"
            )
        else:
            ax.scatter(
                part["true"],
                part["filled"],
                s=point_size(len(part)),
                color=[color],
                alpha=0.7,
                lw=0,
            )
        margin = 0.03 * (ends[1] - ends[0]) or 0.5
        ends = ends + np.array([-margin, margin])
        ax.plot(ends, ends, color=OBSERVED, lw=0.8, zorder=3)
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
        ax.set_aspect("equal")
        ax.set_xlabel(f"true {self._name(variable)}")
        ax.set_ylabel("filled in")
        row = self.summary().loc[variable]
        score = f"R\N{SUPERSCRIPT TWO} {row['r2']:.2f}, " if np.isfinite(row["r2"]) else ""
        heading(ax, variable, f"{score}RMSE {row['rmse']:.3g}, n={int(row['n'])}")

    def _draw_series(self, ax, variable, site, period, color):
        """Draw one forcing variable at one site in time."""
        part = self.values[self.values["variable"] == variable]
        sites = list(map(str, part["site"].unique()))
        if site not in sites:
            raise ValueError(
                f"There is no site {site!r} among the {len(sites)} sites, for example {sites[:3]}."
            )
        part = part[part["site"] == site]
        if part["time"].isna().all():
            raise ValueError(
                f"{variable!r} is an attribute, which has no time; leave `site` out to see all "
                "sites."
            )
        part = part.set_index("time").sort_index()
        if period is not None:
            part = part[period_mask(part.index, period, "period")]
        ax = self._open(ax, (9.0, 3.2))
        ax.plot(part.index, part["true"], color=OBSERVED, lw=0.9, label="true, hidden")
        ax.plot(part.index, part["filled"], color=color, lw=1.1, label="filled in")
        dress_time(ax, part.index)
        ax.set_ylabel(self._name(variable))
        heading(ax, f"site {site}")
        legend_above(ax)

    def _name(self, variable):
        """Name a variable with its unit."""
        return with_unit(variable, self.units.get(variable))


def _members(names, X, filled):
    """Give the variables behind some names of variables and groups, those that X has."""
    there = {*X.forcing_names, *X.attribute_names}
    groups = {**X.groups, **filled.groups}
    members = []
    for name in names:
        members += [name] if name in there else groups.get(name, [])
    known = {*filled.forcing_names, *filled.attribute_names}
    return [name for name in dict.fromkeys(members) if name in there and name in known]


def _hidden_values(name, true, filled):
    """Give the tidy table of one variable that was hidden."""
    sites = true.site_ids
    if name in true.attribute_names:
        return pd.DataFrame(
            {
                "variable": name,
                "site": sites.to_numpy(),
                "time": pd.NaT,
                "true": true.attributes[name].to_numpy(dtype=float),
                "filled": filled.attributes[name].to_numpy(dtype=float),
            }
        )
    if not true.time.equals(filled.time):
        raise ValueError("`true` and `filled` hold other times.")
    n_sites, n_times = true.shape[:2]
    return pd.DataFrame(
        {
            "variable": name,
            "site": np.repeat(sites.to_numpy(), n_times),
            "time": np.tile(true.time.to_numpy(), n_sites),
            "true": true.variable(name).ravel(),
            "filled": filled.variable(name).ravel(),
        }
    )
