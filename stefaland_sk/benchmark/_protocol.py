"""Protocols: what is compared, on which sites and days, as a value."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import Panel, align_target, keep_period, period_mask
from stefaland_sk.metrics import get_metric, site_scorers
from stefaland_sk.model_selection import LeaveRegionOut, camels_pub

PERIODS = ("period", "fit_period", "score_period")


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
    """How models are compared: split, periods, metrics and seeds.

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
    source: str = ""

    def __post_init__(self):
        for name in ("metrics", "seeds", *PERIODS):
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
        SiteScorers
            They predict once and apply warm-up, period and least number of observations.
        """
        return site_scorers(
            *self.metrics, warmup=self.warmup, period=self.score_period, min_obs=self.min_obs
        )

    def take(self, X, y):
        """Take the sites and days of this protocol.

        Parameters
        ----------
        X : Panel
            All sites.
        y : DataFrame, DataArray or array-like of shape (n_sites, n_times)
            Target; NaN = not observed.

        Returns
        -------
        X : Panel
            The sites and days that take part.
        y : DataFrame of shape (n_sites, n_times)
            Their target.

        Raises
        ------
        TypeError
            If X is not a Panel.
        ValueError
            If X has no such sites or days.
        """
        if not isinstance(X, Panel):
            raise TypeError(
                f"A benchmark needs a Panel with a target per site and day; X is of type "
                f"{type(X).__name__}. Use `Panel.from_long(frame)` or `Panel.from_xarray(data)`."
            )
        if X.time is None:
            raise ValueError("A benchmark needs series; this panel holds attributes only.")
        if not X.site_ids.is_unique:
            twice = X.site_ids[X.site_ids.duplicated()][0]
            raise ValueError(f"The site {twice!r} is in X twice; a benchmark needs each once.")
        y = X.label(align_target(y, X))
        if self.sites is not None:
            check_option("sites", self.sites, list(X.sites.columns))
            chosen = X.sites[self.sites].fillna(False).to_numpy(dtype=bool)
            if not chosen.any():
                raise ValueError(f"No site of X has a true value in {self.sites!r}.")
            X, y = X[chosen], y[chosen]
        if self.period is not None:
            X = X.sel_time(*self.period)
            y = y.loc[:, X.time]
        for name in ("fit_period", "score_period"):
            period_mask(X.time, getattr(self, name) or (None, None), name)
        return X, y

    def fit_target(self, X, y):
        """Hide what must not be trained on.

        Parameters
        ----------
        X : Panel
            Training sites.
        y : DataFrame of shape (n_sites, n_times)
            Their target.

        Returns
        -------
        DataFrame of shape (n_sites, n_times)
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
            If a site is held out twice.
        """
        parts = list(self.cv.split(X, y))
        tested = np.concatenate([test for _, test in parts])
        if len(np.unique(tested)) < len(tested):
            site = X.site_ids[int(np.flatnonzero(np.bincount(tested) > 1)[0])]
            raise ValueError(
                f"The splitter holds out {site!r} more than once; in a benchmark each site is "
                "tested once. Use `seeds` for repetitions."
            )
        if hasattr(self.cv, "site_folds"):
            label_of = self.cv.site_folds(X, y)
            labels = [str(label_of.iloc[test[0]]) for _, test in parts]
        else:
            labels = [str(number) for number in range(len(parts))]
        return [Fold(label, *part) for label, part in zip(labels, parts, strict=True)]


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


_PUR_SOURCE = (
    "Regions: Feng et al. (2021), doi:10.1029/2021GL092999. Periods: Nearing et al. (2022), "
    "doi:10.5194/hess-26-5493-2022."
)

_LONG = Protocol(
    name="camels-us-pur",
    cv=LeaveRegionOut(),
    period=("1988-10-01", "2008-09-30"),
    fit_period=("1999-10-01", "2008-09-30"),
    score_period=("1989-10-01", "1999-09-30"),
    sites="in_531",
    min_obs=365,
    source=_PUR_SOURCE,
)

#: The protocols that come with the library, by name.
PROTOCOLS = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="synthetic-pur",
                cv=LeaveRegionOut(),
                source="Synthetic catchments; says nothing about real rivers.",
            ),
            _LONG,
            replace(
                _LONG,
                name="camels-us-pub",
                cv=camels_pub(),
                source="Groups: the StefaLand paper. " + _PUR_SOURCE.split(". ", 1)[1],
            ),
            # Too short to part the years: what is tested is the place alone.
            Protocol(name="short-pur", cv=LeaveRegionOut(), source=_PUR_SOURCE.split(" Per")[0]),
        )
    }
)


def choose_protocol(X):
    """Choose the protocol that a record is long enough for.

    Parameters
    ----------
    X : Panel
        Sites of CAMELS-US, or of the same form.

    Returns
    -------
    Protocol
        "camels-us-pur" if the record spans its years, "short-pur" otherwise; all sites where
        the site table does not tell the usual ones.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> choose_protocol(X).name
    'short-pur'
    """
    long = PROTOCOLS["camels-us-pur"]
    first, last = map(pd.Timestamp, long.period)
    if X.time[0] > first or X.time[-1] < last:
        return PROTOCOLS["short-pur"]
    known = "in_531" in X.sites and X.sites["in_531"].fillna(False).any()
    return long if known else replace(long, sites=None)
