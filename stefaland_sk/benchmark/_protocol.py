"""Protocols: what is compared, on which sites and days, as a value."""

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option, refuse_path
from stefaland_sk.data import Panel, align_site_target, align_target, keep_period, period_mask
from stefaland_sk.metrics import get_metric, site_scorers

from ._site_values import SiteValues

PERIODS = ("period", "fit_period", "score_period")
LISTS = ("metrics", "seeds", "models", "hidden", *PERIODS)
TASKS = ("streamflow", "streamflow_global", "soil_moisture", "soil_composition")


class Fold(NamedTuple):
    """One split of a protocol.

    Parameters
    ----------
    label : str
        Name of the part held out.
    train, test : ndarray of int
        Positions of the sites trained on, and of those held out.

    See Also
    --------
    Protocol.folds : Makes them.

    Examples
    --------
    >>> import numpy as np
    >>> Fold("alps", np.array([0, 2]), np.array([1])).label
    'alps'
    """

    label: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How models are compared: data, split, periods, metrics, models and seeds.

    A protocol is a value: it holds no data and no model, and a changed one is made with
    ``dataclasses.replace``. The rules are enforced by `run`, for any estimator: days
    outside `fit_period` are hidden from ``fit``, days outside `score_period` are not scored.

    Attributes
    ----------
    name : str
        Name in the results.
    cv : splitter
        Which sites are held out, such as ``LeaveRegionOut()``. Each site may be held out
        once at most.
    metrics : tuple of str
        Names of metrics per site. With "nse" and "pearson_r" a table can be checked for
        being possible at all.
    warmup : int
        Days at the start of each record that are not scored.
    period : tuple of two dates, or None
        First and last day of the record that is read.
    fit_period : tuple of two dates, or None
        First and last day whose target is trained on, at the training sites.
    score_period : tuple of two dates, or None
        First and last day scored, at the held-out sites.
    sites : str or None
        A true-or-false column of the site table; only sites where it is true take part.
    min_obs : int
        Sites with fewer scored observations are left out, and counted.
    seeds : tuple of int
        Seeds of the models; each runs through all folds.
    task : {"streamflow", "streamflow_global", "soil_moisture", "soil_composition"}
        What is predicted; `make_models` makes the models of it. A protocol of your own for
        models of your own may leave it as it is.
    target_per_site : bool
        Whether the target has one value per site, and no time. Metrics are taken over the sites
        then, and warm-up, periods and `min_obs` do not count.
    target : str or None
        Column of y, where y holds several targets of a site.
    hidden : tuple of str
        Patterns of variables (``"clay*"``) that no model may see: what gives the target away.
    data : str or None
        Kind of data set that it is made for; see `load_data`.
    models : tuple of str
        Rows of the table, as named in `MODELS`.
    baseline : str
        Model that the others are compared with, site by site.
    source : str
        Where the protocol comes from.

    See Also
    --------
    run : Runs models under a protocol.
    PROTOCOLS : Those that come with the library.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from stefaland_sk.benchmark import PROTOCOLS
    >>> PROTOCOLS["camels-us-pur"].score_period
    ('1989-10-01', '1999-09-30')
    >>> replace(PROTOCOLS["camels-us-pur"], seeds=(0, 1, 2)).seeds
    (0, 1, 2)
    """

    name: str
    cv: Any
    metrics: tuple = ("nse", "kge", "rmse", "pearson_r")
    warmup: int = 365
    period: tuple | None = None
    fit_period: tuple | None = None
    score_period: tuple | None = None
    sites: str | None = None
    min_obs: int = 100
    seeds: tuple = (0,)
    task: str = "streamflow"
    target_per_site: bool = False
    target: str | None = None
    hidden: tuple = ()
    data: str | None = None
    models: tuple = ()
    baseline: str = "lstm"
    source: str = ""

    def __post_init__(self):
        for name in LISTS:
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        for metric in self.metrics:
            if not isinstance(metric, str):
                raise TypeError(f"`metrics` of a Protocol holds names. Got {metric!r} instead.")
            get_metric(metric)
        for seed in self.seeds:
            check_number("seeds", seed, low=0, integer=True)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"`seeds` must hold distinct numbers. Got {self.seeds} instead.")
        for name in PERIODS:
            _check_period(name, getattr(self, name))
        check_number("warmup", self.warmup, low=0, integer=True)
        check_number("min_obs", self.min_obs, low=1, integer=True)
        check_option("task", self.task, list(TASKS))
        periods = [name for name in PERIODS if getattr(self, name) is not None]
        if self.target_per_site and periods:
            raise ValueError(
                f"A target with one value per site has no days: leave out {periods}, or set "
                "target_per_site=False."
            )

    def to_dict(self):
        """Give the protocol as plain values, for the record.

        Returns
        -------
        dict
            Field name -> value; the splitter as text.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"cv": " ".join(repr(self.cv).split())}

    def scorers(self):
        """Make the scorers of this protocol.

        Returns
        -------
        SiteScorers or SiteValues
            They predict once. The former apply warm-up, period and least number of observations;
            the latter, for a target with one value per site, keep observed and predicted values.
        """
        if self.target_per_site:
            return SiteValues()
        return site_scorers(
            *self.metrics, warmup=self.warmup, period=self.score_period, min_obs=self.min_obs
        )

    def too_few(self, table):
        """Tell which sites have too few observations to be scored.

        Parameters
        ----------
        table : DataFrame of shape (n_sites, ...)
            As from the scorers' ``site_scores``, with ``n_obs``.

        Returns
        -------
        Series of bool of length n_sites
            True where a site is left out.
        """
        return table["n_obs"] < (1 if self.target_per_site else self.min_obs)

    def take(self, X, y):
        """Take the sites and days of this protocol.

        Parameters
        ----------
        X : Panel or DataFrame
            All sites; a plain table, one row per site, only for a target with one value per site.
        y : DataFrame, DataArray, Series or array-like
            Target of shape (n_sites, n_times); or, with one value per site, (n_sites,) or
            (n_sites, n_targets). NaN = not observed.

        Returns
        -------
        X : Panel
            The sites, days and variables that take part.
        y : DataFrame of shape (n_sites, n_times), or Series of length n_sites
            Their target.

        Raises
        ------
        TypeError
            If X is not a Panel.
        ValueError
            If X has no such sites or days, or y no such column.
        """
        if self.target_per_site and isinstance(X, pd.DataFrame):
            X = Panel.from_table(X)
        refuse_path(X)
        if not isinstance(X, Panel):
            raise TypeError(
                f"A benchmark needs a Panel with a target per site and day; X is of type "
                f"{type(X).__name__}. Use `Panel.from_long(frame)` or `Panel.from_xarray(data)`."
            )
        if X.time is None and not self.target_per_site:
            raise ValueError(
                "A benchmark needs series; this panel holds attributes only. For a target with one "
                "value per site set target_per_site=True in the Protocol."
            )
        if not X.site_ids.is_unique:
            twice = X.site_ids[X.site_ids.duplicated()][0]
            raise ValueError(f"The site {twice!r} is in X twice; a benchmark needs each once.")
        y = self._site_target(X, y) if self.target_per_site else X.label(align_target(y, X))
        if self.sites is not None:
            if self.sites not in X.sites:
                raise ValueError(
                    f"The protocol {self.name!r} takes the sites marked in the column "
                    f"{self.sites!r}, but the site table of X has only {list(X.sites.columns)}. "
                    "Other data take `replace(protocol, sites=None)`, and a split of theirs."
                )
            chosen = X.sites[self.sites].fillna(False).to_numpy(dtype=bool)
            if not chosen.any():
                raise ValueError(f"No site of X has a true value in {self.sites!r}.")
            X, y = X[chosen], y[chosen]
        if self.hidden:
            X = X.keep_variables(
                forcings=[name for name in X.forcing_names if not self._hides(name)],
                attributes=[name for name in X.attribute_names if not self._hides(name)],
            )
        if self.period is not None:
            X = X.sel_time(*self.period)
            y = y.loc[:, X.time]
        for name in ("fit_period", "score_period"):
            if getattr(self, name) is not None:
                period_mask(X.time, getattr(self, name), name)
        return X, y

    def _hides(self, name):
        """Tell whether models may not see a variable."""
        return any(fnmatch(name, pattern) for pattern in self.hidden)

    def _site_target(self, X, y):
        """Give the target of sites as a Series."""
        if self.target is not None and isinstance(y, pd.DataFrame):
            check_option("target", self.target, list(y.columns))
            y = y[self.target]
        values = np.asarray(align_site_target(y, X), dtype=float)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(
                f"y has {values.shape[1]} columns; name one of them in `target` of the Protocol."
            )
        return pd.Series(values, index=X.site_ids, name=self.target)

    def fit_target(self, X, y):
        """Hide what must not be trained on.

        Parameters
        ----------
        X : Panel
            Training sites.
        y : DataFrame of shape (n_sites, n_times), or Series of length n_sites
            Their target.

        Returns
        -------
        DataFrame of shape (n_sites, n_times), or Series of length n_sites
            The target, NaN outside the fit period.
        """
        if self.fit_period is None:
            return y
        return X.label(keep_period(y.to_numpy(), X.time, self.fit_period))

    def folds(self, X, y):
        """List the folds.

        Parameters
        ----------
        X : Panel
            Sites, as from `take`.
        y : DataFrame of shape (n_sites, n_times)
            Their target.

        Returns
        -------
        list of Fold
            Label of the part held out and the positions of training and test sites.

        Raises
        ------
        ValueError
            If a site is held out twice, or trained on and tested in the same days.
        """
        parts = list(self.cv.split(X, y))
        tested = np.concatenate([test for _, test in parts])
        if len(np.unique(tested)) < len(tested):
            site = X.site_ids[int(np.flatnonzero(np.bincount(tested) > 1)[0])]
            raise ValueError(
                f"The splitter holds out {site!r} more than once; in a benchmark each site is "
                "tested once. Use `seeds` for repetitions."
            )
        for train, test in parts:
            self._check_apart(X, train, test)
        if hasattr(self.cv, "site_folds"):
            label_of = self.cv.site_folds(X, y)
            labels = [str(label_of.iloc[test[0]]) for _, test in parts]
        else:
            labels = [str(number) for number in range(len(parts))]
        return [Fold(label, *part) for label, part in zip(labels, parts, strict=True)]

    def _check_apart(self, X, train, test):
        """Raise if a site is trained on and tested in the same days."""
        both = np.intersect1d(train, test)
        if not len(both):
            return
        fit, score = self.fit_period, self.score_period
        if fit and score and X.time is not None:
            days = [period_mask(X.time, period, "period") for period in (fit, score)]
            if not (days[0] & days[1]).any():
                return
        raise ValueError(
            f"The splitter trains on {X.site_ids[both[0]]!r} and tests it in the same days; give a "
            "`fit_period` and a `score_period` that do not overlap."
        )


def _check_period(name, period):
    """Raise unless a period is None or a pair of dates in order."""
    if period is None:
        return
    if not isinstance(period, tuple) or len(period) != 2:
        raise ValueError(
            f"`{name}` must be a pair of dates such as ('1999-10-01', '2008-09-30'). Got "
            f"{period!r} instead."
        )
    first, last = (None if day is None else pd.Timestamp(day) for day in period)
    if first is not None and last is not None and first > last:
        raise ValueError(f"`{name}` ends before it begins: {period!r}.")
