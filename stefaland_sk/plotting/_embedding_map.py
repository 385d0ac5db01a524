"""Features of sites in two dimensions, coloured by what is known of the sites."""

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel, site_of_samples

from ._base import Display, check_limits, heading, with_unit
from ._points import Scale, as_labels, check_classes, draw_classes, draw_numbers
from ._tables import counted, look_up, need_columns, need_value, site_table

_FEW = 12  # kinds of whole numbers that are taken for classes


class EmbeddingMapDisplay(Display):
    """Sites in a plane in which near means alike, coloured by region or by an attribute.

    Use `from_features` or `from_estimator` to make one.

    Parameters
    ----------
    points : DataFrame of shape (n_sites, 3), indexed by site
        Coordinates ``x`` and ``y``, NaN for a site that has none, and ``by``, what the colours
        stand for: classes or numbers. Whole numbers of at most 12 kinds count as classes.
    by : str, default=None
        What ``by`` is, with its unit, such as ``"aridity [-]"``; None draws all sites alike.
    axes : pair of str, default=("component 1", "component 2")
        What stands at the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, or no site has coordinates.

    See Also
    --------
    SkillMapDisplay : Sites at their places.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import EmbeddingMapDisplay
    >>> points = pd.DataFrame(
    ...     {"x": [0.0, 1.0], "y": [1.0, 0.0], "by": ["alps", "taiga"]}, index=["a", "b"]
    ... )
    >>> EmbeddingMapDisplay(points, by="region").frame().loc["b", "by"]
    'taiga'
    """

    _figsize = (6.8, 4.4)

    def __init__(self, points, *, by=None, axes=("component 1", "component 2")):
        need_columns(points, ["x", "y", "by"], "points")
        need_value(points, "x", "site has coordinates")
        self.points = points[["x", "y", "by"]]
        self.by = by
        self.axes = axes

    @classmethod
    def from_features(cls, features, by=None, *, sites=None, projection=None):
        """Make a Display from features of sites.

        Parameters
        ----------
        features : DataFrame or array-like of shape (n_sites, n_features)
            One row per site, such as ``StefaLandTransformer(pool="mean").fit_transform(X)``, or
            attributes. Two features are taken as coordinates. Sites with a missing feature get no
            place.
        by : str, Series, dict or array-like, default=None
            What colours stand for: the name of a column of `sites` or of an attribute, or one
            value per site. None draws all sites alike.
        sites : Panel, or DataFrame indexed by site, default=None
            The sites, in the order of an array of features; where `by` is looked up.
        projection : transformer, default=None
            What brings features into two dimensions by ``fit_transform``, such as a pipeline of a
            scaler and a PCA, or ``TSNE()``. None takes the first two principal components of the
            features as they are: those in different units should be scaled before.

        Returns
        -------
        EmbeddingMapDisplay
            The Display, not yet drawn.

        Raises
        ------
        ValueError
            If the features are not one row per site, lengths disagree, `by` is unknown, or fewer
            than three sites have all features.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import EmbeddingMapDisplay
        >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
        >>> display = EmbeddingMapDisplay.from_features(X.attributes, "region", sites=X)
        >>> display.frame().shape
        (6, 3)
        """
        table = _as_table(features, sites)
        known = table.notna().all(axis=1).to_numpy()
        if known.sum() < 3:
            raise ValueError(
                f"Only {counted(int(known.sum()), 'site')} of {len(table)} have all features; at "
                "least 3 are needed. Fill missing features in, by SimpleImputer for example."
            )
        values = np.full((len(table), 2), np.nan)
        values[known], axes = _project(table.to_numpy(dtype=float)[known], list(table), projection)
        points = pd.DataFrame(values, index=table.index, columns=["x", "y"])
        points["by"], label = _look_up_by(by, table.index, sites)
        return cls(points, by=label, axes=axes)

    @classmethod
    def from_estimator(cls, estimator, X, by=None, *, projection=None):
        """Make a Display from what a fitted transformer makes of sites.

        Parameters
        ----------
        estimator : fitted transformer
            Gives one vector per site by ``transform``, such as a `StefaLandTransformer` with
            ``pool="mean"``.
        X : Panel, or table with one row per site
            The sites.
        by : str, Series, dict or array-like, default=None
            What colours stand for, as in `from_features`; a name is looked up in X.
        projection : transformer, default=None
            As in `from_features`.

        Returns
        -------
        EmbeddingMapDisplay
            The Display, not yet drawn.

        Raises
        ------
        ValueError
            If the transformer gives vectors of days, or `by` is unknown.

        Examples
        --------
        >>> from sklearn.preprocessing import StandardScaler
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import EmbeddingMapDisplay
        >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
        >>> table = X.attributes
        >>> scaler = StandardScaler().fit(table)
        >>> display = EmbeddingMapDisplay.from_estimator(scaler, table, "aridity")
        >>> display.by
        'aridity'
        """
        return cls.from_features(estimator.transform(X), by, sites=X, projection=projection)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame of shape (n_sites, 3)
            Indexed by site: coordinates ``x`` and ``y``, and ``by``.
        """
        return self.points.copy()

    def plot(self, ax=None, *, colors=None, limits=None, cmap=None, size=None):
        """Draw the sites.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict, default=None
            Colours of some classes; the others take those of a colour-blind-safe palette.
        limits : tuple of two floats, default=None
            Ends of the colours of numbers; None leaves out the outermost 2 % on either side.
        cmap : str or matplotlib Colormap, default=None
            Colours of numbers; None takes ``"viridis"``.
        size : float, default=None
            Area of a mark in square points; None goes by the number of sites.

        Returns
        -------
        EmbeddingMapDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are too many classes to tell apart, `colors` names one that is not shown, or
            `limits` are no range.
        """
        limits = check_limits("limits", limits)
        x, y, by = (self.points[column] for column in ("x", "y", "by"))
        classes = None if self.by is None else _classes(by)
        if classes is not None:
            check_classes(classes, "by")
        ax = self._open(ax)
        if self.by is None:
            one = pd.Series("site", index=by.index)
            draw_classes(ax, x, y, one, ["site"], colors=colors, size=size)
            ax.get_legend().remove()
        elif classes is not None:
            names = check_classes(classes, "by")
            draw_classes(
                ax, x, y, classes, names, colors=colors, title=self.by, missing="unknown", size=size
            )
        else:
            scale = Scale.of(by, limits)
            scale = scale if cmap is None else Scale(scale.limits, cmap)
            draw_numbers(ax, x, y, by, scale, label=self.by, missing="unknown", size=size)
        ax.set_xlabel(self.axes[0])
        ax.set_ylabel(self.axes[1])
        lost = int(x.isna().sum())
        note = f"{counted(lost, 'site')} with missing features not shown" if lost else None
        heading(ax, None, note)
        return self


def _as_table(features, sites):
    """Bring features to a frame with one row per site."""
    if isinstance(features, pd.DataFrame) and not isinstance(features.index, pd.RangeIndex):
        table = features.set_axis(site_of_samples(features).ids[site_of_samples(features).codes])
    else:
        values = np.asarray(features, dtype=float)
        if values.ndim != 2:
            raise ValueError(
                f"Features must have the shape (n_sites, n_features); got {values.shape}. A "
                "transformer that gives features of days is asked for one vector per site by "
                "pool='mean'."
            )
        ids = site_of_samples(values if sites is None else sites).ids
        if len(ids) != len(values):
            raise ValueError(
                f"There are {len(values)} rows of features, but `sites` holds {len(ids)} sites."
            )
        table = pd.DataFrame(values, index=ids)
    if table.index.has_duplicates:
        raise ValueError(
            f"Site {table.index[table.index.duplicated()][0]!r} has several rows of features; give "
            "one vector per site."
        )
    return table.rename_axis("site")


def _project(values, names, projection):
    """Bring features into two dimensions, and name the axes."""
    if projection is not None:
        made = np.asarray(projection.fit_transform(values), dtype=float)
        if made.ndim != 2 or made.shape[1] < 2:
            raise ValueError(
                f"`projection` must give two columns; got an array of shape {made.shape}."
            )
        name = type(getattr(projection, "steps", [(None, projection)])[-1][1]).__name__
        return made[:, :2], tuple(f"{name} {i}" for i in (1, 2))
    if values.shape[1] == 2:
        return values, tuple(map(str, names))
    if values.shape[1] < 2:
        raise ValueError("A plane needs at least two features; got one.")
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(values)
    axes = (
        f"principal component {i} ({100 * share:.2g} % of the variance)"
        for i, share in enumerate(np.nan_to_num(pca.explained_variance_ratio_), 1)
    )
    return pca.transform(values), tuple(axes)


def _look_up_by(by, ids, sites):
    """Give one value per site, and what it is."""
    if by is None:
        return None, None
    if isinstance(by, str):
        if sites is None:
            raise ValueError(f"`by`={by!r} is a name; give `sites`, where it is looked up.")
        table, units = site_table(sites), {}
        if isinstance(sites, Panel):
            units = sites.units
            table = table.join(sites.attributes.drop(columns=table.columns, errors="ignore"))
        if by not in table:
            raise ValueError(
                f"`by`={by!r} is neither a column of the site table nor an attribute; there are "
                f"{list(table.columns)}."
            )
        return look_up(table[by], ids, "sites"), with_unit(by, units.get(by))
    if isinstance(by, dict | pd.Series):
        name = getattr(by, "name", None)
        by = pd.Series(by)
        by.index = by.index.astype(str)
        return look_up(by, ids, "by"), str(name or "class")
    if len(by) != len(ids):
        raise ValueError(f"`by` has {len(by)} values, but there are {len(ids)} sites.")
    return np.asarray(by), "class"


def _classes(values):
    """Give values as classes if they are such; None if they are numbers."""
    if isinstance(values.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(values):
        return as_labels(values)
    if pd.api.types.is_bool_dtype(values):
        return as_labels(values)
    known = values.dropna()
    if known.nunique() <= _FEW and (known == known.round()).all():
        return as_labels(values)
    return None
