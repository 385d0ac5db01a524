"""Splits on a map: which sites train and which are tested."""

import numpy as np
import pandas as pd

from stefaland_sk.data import site_of_samples

from ._base import Display, heading
from ._points import as_labels, check_classes, draw_classes, dress_map
from ._tables import counted, look_up, need_columns, need_unique, plain, site_places, site_table

_ROLES = {"train": "#9DB4C0", "test": "#D55E00", "both": "#CC00A0"}


class SplitMapDisplay(Display):
    """Sites on a map, coloured by the fold that tests them, or by their role in one fold.

    Use `from_splitter` or `from_folds` to make one. Whether test sites lie among the training
    sites or far from them decides what a score means.

    Parameters
    ----------
    roles : DataFrame
        Columns ``fold``, ``site``, ``lat``, ``lon`` [degrees] and ``role``: ``"train"``,
        ``"test"``, ``"both"`` for a site with samples on either side, or missing for a site that
        is in neither part. One row per fold and site.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, a site repeats in a fold, or a role is unknown.

    See Also
    --------
    SkillMapDisplay : The scores that come of a split, at the same places.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.model_selection import LeaveRegionOut
    >>> from stefaland_sk.plotting import SplitMapDisplay
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> SplitMapDisplay.from_splitter(LeaveRegionOut(), X).test_folds.tolist()
    [0, 1, 0, 1]
    """

    _figsize = (7.4, 4.2)

    def __init__(self, roles):
        columns = ["fold", "site", "lat", "lon", "role"]
        need_columns(roles, columns, "roles")
        need_unique(roles, ["fold", "site"], "roles")
        wrong = roles[~roles["role"].isin(list(_ROLES)) & roles["role"].notna()]
        if len(wrong):
            raise ValueError(
                f"`roles` gives site {wrong['site'].iloc[0]!r} the role "
                f"{wrong['role'].iloc[0]!r}; roles are {list(_ROLES)} or missing."
            )
        if roles.empty:
            raise ValueError("There is no fold to show.")
        self.roles = roles[columns].reset_index(drop=True)

    @classmethod
    def from_splitter(cls, cv, X, y=None, *, groups=None, sites=None):
        """Make a Display by splitting.

        Parameters
        ----------
        cv : int, splitter, or iterable of pairs of positions
            What `cross_validate` takes.
        X : Panel, or DataFrame
            The samples; a site of a long table may have rows on either side.
        y : array-like, default=None
            Target, for splitters that look at it.
        groups : array-like of shape (n_samples,), default=None
            Groups, for splitters that take them.
        sites : Panel, or DataFrame indexed by site, default=None
            Places of the sites: ``lat`` and ``lon`` [degrees]. None takes them from X.

        Returns
        -------
        SplitMapDisplay
            The Display, not yet drawn; folds are numbered from 0.

        Raises
        ------
        ValueError
            If sites have no places.

        Examples
        --------
        >>> from sklearn.model_selection import KFold
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import SplitMapDisplay
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> frame = SplitMapDisplay.from_splitter(KFold(2), X).frame()
        >>> frame.groupby(["fold", "role"]).size().tolist()
        [2, 2, 2, 2]
        """
        from sklearn.model_selection import check_cv

        samples = site_of_samples(X)
        places = look_up(site_places(X if sites is None else sites), samples.ids, "sites")
        tables = []
        for fold, parts in enumerate(check_cv(cv).split(X, y, groups)):
            trains, tests = (np.isin(np.arange(len(samples.ids)), samples.codes[p]) for p in parts)
            role = np.select([trains & tests, trains, tests], ["both", "train", "test"], None)
            table = places.assign(role=role.astype(object), fold=fold)
            tables.append(table.rename_axis("site").reset_index())
        if not tables:
            raise ValueError(f"{cv!r} gives no split.")
        return cls(pd.concat(tables, ignore_index=True))

    @classmethod
    def from_folds(cls, sites, folds="fold"):
        """Make a Display from folds that are known by site, such as published ones.

        Parameters
        ----------
        sites : Panel, or DataFrame indexed by site
            Places of the sites: ``lat`` and ``lon`` [degrees].
        folds : str, Series or dict, default="fold"
            The fold that tests each site: a column of the site table, or values by site. A site
            without fold is in no part.

        Returns
        -------
        SplitMapDisplay
            The Display, not yet drawn.

        Raises
        ------
        ValueError
            If there is no such column, or a site has no place.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import SplitMapDisplay
        >>> sites = pd.DataFrame(
        ...     {"lat": [47.2, 46.6, 33.1], "lon": [-68.6, -68.1, -87.0], "fold": [1, 1, 2]},
        ...     index=["01013500", "01022500", "02450250"],
        ... )
        >>> SplitMapDisplay.from_folds(sites).frame()["role"].tolist()
        ['test', 'test', 'train', 'train', 'train', 'test']
        """
        if isinstance(folds, str):
            table = site_table(sites)
            if folds not in table:
                raise ValueError(
                    f"`folds`={folds!r} is no column of the sites; they have {list(table.columns)}."
                )
            folds = table[folds]
        places = site_places(sites)
        folds = pd.Series(folds)
        folds.index = folds.index.astype(str)
        folds = as_labels(folds.reindex(places.index))
        tables = []
        for fold in check_classes(folds, "folds"):
            role = pd.Series(np.where(folds == fold, "test", "train"), places.index, dtype=object)
            table = places.assign(role=role.where(folds.notna(), None), fold=fold)
            tables.append(table.rename_axis("site").reset_index())
        if not tables:
            raise ValueError("No site has a fold: all of `folds` is missing.")
        return cls(pd.concat(tables, ignore_index=True))

    @property
    def test_folds(self):
        """Fold that tests each site, indexed by site; missing for one that is never tested."""
        tested = self.roles[self.roles["role"].isin(["test", "both"])]
        twice = tested.duplicated("site")
        if twice.any():
            site = tested.loc[twice, "site"].iloc[0]
            found = [plain(f) for f in tested.loc[tested["site"] == site, "fold"]]
            raise ValueError(
                f"Site {site!r} is tested in several folds, {found}, as with repeated or shuffled "
                "splits; look at one fold: `plot(fold=...)`."
            )
        sites = pd.Index(self.roles["site"].unique(), name="site")
        return tested.set_index("site")["fold"].astype(object).reindex(sites)

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame
            Columns ``fold``, ``site``, ``lat``, ``lon`` and ``role``; one row per fold and site.
        """
        return self.roles.copy()

    def plot(self, ax=None, *, fold=None, colors=None, size=None, outline=None):
        """Draw the sites at their places.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        fold : object, default=None
            The fold whose training and test sites are shown; None shows which fold tests each
            site.
        colors : dict, default=None
            Colours of some folds, or of ``"train"``, ``"test"`` and ``"both"``; the others take
            those of a colour-blind-safe palette.
        size : float, default=None
            Area of a mark in square points; None goes by the number of sites.
        outline : array-like of shape (n_points, 2), or list of them, default=None
            Lines to draw below the sites, such as coasts and borders: longitude and latitude
            [degrees]; NaN breaks a line.

        Returns
        -------
        SplitMapDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such fold, `fold` is None and a site is tested in several, there are
            too many folds to tell apart, or `colors` names what is not shown.
        """
        there = [plain(name) for name in self.roles["fold"].unique()]
        if fold is not None and fold not in there:
            raise ValueError(f"`fold` must be one of {there}. Got {fold!r} instead.")
        places = self.roles.drop_duplicates("site").set_index("site")
        if fold is None:
            labels, title, missing = self.test_folds, "tested in fold", "never tested"
            classes = check_classes(labels, "fold")
        else:
            part = self.roles[self.roles["fold"] == fold].set_index("site")
            labels, title, missing = part["role"], f"fold {fold}", "in neither part"
            classes = [role for role in _ROLES if (labels == role).any()]
            colors = {**{role: _ROLES[role] for role in classes}, **(colors or {})}
        places = places.loc[labels.index]
        ax = self._open(ax)
        draw_classes(
            ax,
            places["lon"],
            places["lat"],
            labels,
            classes,
            colors=colors,
            title=title,
            missing=missing,
            size=size,
        )
        dress_map(ax, places, outline)
        leaks = self.roles[self.roles["role"] == "both"]["site"].nunique()
        lost = int(places[["lat", "lon"]].isna().any(axis=1).sum())
        notes = [f"{counted(leaks, 'site')} both trained on and tested"] * bool(leaks)
        notes += [f"{counted(lost, 'site')} without place not shown"] * bool(lost)
        heading(ax, None, "; ".join(notes))
        return self
