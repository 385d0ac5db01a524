"""Hold out sites, years, or both."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import Panel, align_target, is_long, period_mask
from stefaland_sk.model_selection._base import (
    check_splitter,
    named_folds,
    samples_of,
    short_repr,
    sites_among,
)


class SpaceTimeSplit(BaseCrossValidator):
    """Hold out new sites, new years, or both, and test all three on the same days.

    What `new` names is held out, and nothing else: with ``"both"`` training sees neither the
    test sites nor the test years; with ``"sites"`` it sees the test years at other sites; with
    ``"years"`` it sees the test sites in other years. The tested days are the same in all three,
    so that their scores tell what space costs, what time costs, and what both do [1]_.

    Parameters
    ----------
    cv : splitter, default=None
        Which sites are tested, such as ``LeaveRegionOut()`` or
        ``BufferedSplit(SiteKFold(10), 50)``. None, only with ``new="years"``, tests all.
    test_period : tuple of two (str, Timestamp or None)
        First and last day tested.
    fit_period : tuple of two (str, Timestamp or None), default=None
        First and last day trained on. None takes all days that are not held out. It must not
        overlap `test_period`; with ``new="sites"``, where no years are held out, training has
        the days of both.
    new : {"both", "sites", "years"}, default="both"
        What the model must not have seen.
    warmup : int, default=0
        Steps of the record before `test_period` that feed the memory of a model. Give the
        scorer the same number, which keeps it from scoring them.
    gap : int, default=0
        Steps on both sides of `test_period` that are not trained on, where years are held out:
        snow and groundwater remember.

    See Also
    --------
    LeaveRegionOut : New regions, in any year.
    BufferedSplit : A distance kept in space, as `gap` does in time.
    stefaland_sk.benchmark.Protocol : The same rules for a benchmark, by its own periods.

    Notes
    -----
    In a long table a sample is a row, and the splitter deals rows: test rows are those of
    `test_period` and the `warmup` steps before it.

    In a Panel a sample is a site with its whole record, and no choice of sites can part years. So
    `separate_periods` gives each site twice: once with the target of the days trained on, once
    with that of the days tested, NaN on all others. As a day without target is neither
    trained on nor scored, that holds for every estimator and every scorer, whatever their own
    parameters; both copies keep the forcing of the days before, so nothing lacks its history.
    The forcing is shared, not copied. One line does it::

        cross_validate(model, *cv.separate_periods(X, y), cv=cv,
                       scoring=site_scorers("nse", warmup=365))

    A Panel that was not separated is refused, and so is one whose target is observed on days that
    its copy must not show. A long table passes through `separate_periods` unchanged, so that the
    line serves any X.

    With ``new="years"`` there is one fold, of all sites that `cv` tests.

    References
    ----------
    .. [1] Meyer, H., Reudenbach, C., Hengl, T., Katurji, M. and Nauss, T. (2018). Improving
       performance of spatio-temporal machine learning models using forward feature selection and
       target-oriented validation. Environ. Model. Softw., 101, 1-9.
       doi:10.1016/j.envsoft.2017.12.001

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from stefaland_sk import ClimatologyComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.metrics import site_scorers
    >>> from stefaland_sk.model_selection import LeaveRegionOut, SpaceTimeSplit
    >>> X, y = make_catchments(n_sites=6, n_years=3, n_regions=3, random_state=0)
    >>> cv = SpaceTimeSplit(LeaveRegionOut(), test_period=("2002-10-01", "2003-09-30"))
    >>> parts = cv.separate_periods(X, y)
    >>> for train, test in cv.split(*parts):
    ...     print(train, test)
    [1 2 4 5] [6 9]
    [0 2 3 5] [ 7 10]
    [0 1 3 4] [ 8 11]
    >>> scores = cross_validate(
    ...     ClimatologyComparator(), *parts, cv=cv, scoring=site_scorers("nse"))
    >>> len(scores["test_nse"])
    3
    """

    # Routed only if the caller passes groups, as for the splitters over sites.
    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads this name

    def __init__(self, cv=None, *, test_period, fit_period=None, new="both", warmup=0, gap=0):
        self.new = check_option("new", new, ["both", "sites", "years"])
        if cv is not None:
            check_splitter(cv, "cv", type(self).__name__)
        elif new != "years":
            raise ValueError(
                f"`new`={new!r} holds out sites, so SpaceTimeSplit needs a splitter over sites, as "
                "in SpaceTimeSplit(LeaveRegionOut(), test_period=...). Without one, use "
                'new="years".'
            )
        self.cv = cv
        self.test_period = test_period
        self.fit_period = fit_period
        self.warmup = int(check_number("warmup", warmup, low=0, integer=True))
        self.gap = int(check_number("gap", gap, low=0, integer=True))

    def separate_periods(self, X, y):
        """Give each site of a Panel twice: with the target of the days trained on, and tested.

        Parameters
        ----------
        X : Panel, or long DataFrame
            All sites with their whole record.
        y : DataFrame, DataArray or array-like of shape (n_sites, n_times)
            Target; NaN = not observed.

        Returns
        -------
        X : Panel of 2 * n_sites
            All sites to train on, then all sites to test; forcing is shared with the one given.
            Days that are neither trained on nor tested, nor among the `warmup` before, are cut
            off at the ends. A long DataFrame comes back as it is.
        y : DataFrame of shape (2 * n_sites, n_times)
            The target of the first copies on the days trained on, that of the second ones on the
            days tested.

        Raises
        ------
        TypeError
            If X has no time axis.
        ValueError
            If a period is malformed, empty, or overlaps the other, or a site is in X twice.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.model_selection import SpaceTimeSplit
        >>> X, y = make_catchments(n_sites=3, n_years=3, n_regions=2, random_state=0)
        >>> cv = SpaceTimeSplit(new="years", test_period=("2002-10-01", None))
        >>> X_twice, y_twice = cv.separate_periods(X, y)
        >>> X_twice.n_sites, y_twice.notna().sum(axis=1).tolist()
        (6, [730, 730, 730, 365, 365, 365])
        """
        if is_long(X):
            return X, y
        self._check_form(X)
        if not X.site_ids.is_unique:
            raise ValueError(
                f"Site {X.site_ids[X.site_ids.duplicated()][0]!r} is in X twice. Give each site "
                "once: separate_periods doubles them itself, and must be called once only."
            )
        values, days = align_target(y, X), self._days(X.time)
        used = np.flatnonzero(days.fit | days.test)
        first, last = max(used[0] - self.warmup, 0), used[-1]
        twice = np.tile(np.arange(X.n_sites), 2)
        X_twice = X.sel_time(*X.time[[first, last]])[twice]
        parts = [np.where(mask, values, np.nan) for mask in (days.fit, days.test)]
        target = np.concatenate(parts).astype(values.dtype)[:, first : last + 1]
        return X_twice, X_twice.label(target)

    def split(self, X, y=None, groups=None):
        """Generate the positions of the samples to train on and to test.

        Parameters
        ----------
        X : Panel or long DataFrame
            The samples; a Panel as `separate_periods` gives it.
        y : array-like of shape (n_samples, ...), default=None
            Target. A site without any on the days tested is unlabelled.
        groups : array-like of shape (n_samples,), default=None
            Groups, for `cv`.

        Yields
        ------
        train, test : ndarray of int
            Positions of samples, increasing.

        Raises
        ------
        ValueError
            If a Panel was not separated, a period is malformed, empty or overlaps the other, or
            nothing is left to train on or to test.
        TypeError
            If X has no time axis.
        """
        for _, train, test in self.named_folds(X, y, groups):
            yield train, test

    def named_folds(self, X, y=None, groups=None):
        """Generate the folds as `split` does, each with its label.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Yields
        ------
        label : object
            What `cv` calls the part that is held out, or the number of the fold; "years" for
            new years.
        train, test : ndarray of int
            Positions of samples.
        """
        parts = self._parts(X, y)
        for label, train, test in self._site_folds(parts, groups):
            train, test = parts.positions(train, test)
            if not len(train) or not len(test):
                what, when = ("train on", "fit") if not len(train) else ("test", "test")
                raise ValueError(
                    f"Fold {label!r} has nothing to {what}: its sites have no sample in the "
                    f"{when} period."
                )
            yield label, train, test

    def __repr__(self):
        return short_repr(self)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds.

        Parameters
        ----------
        X, y, groups
            As for `split`; not read with ``new="years"``.

        Returns
        -------
        int
            One for new years, otherwise the number of folds of `cv`.
        """
        if self.new == "years":
            return 1
        if X is None:
            return self.cv.get_n_splits()
        parts = self._parts(X, y)
        return self.cv.get_n_splits(parts.X, parts.y, parts.take(groups))

    def tested_rows(self, X):
        """Tell the rows that are tested from those that only warm a model up.

        Parameters
        ----------
        X : long DataFrame
            The samples.

        Returns
        -------
        ndarray of bool of shape (n_rows,)
            True in `test_period`.
        """
        return _RowParts(X, None, self).days.test

    # ------------------------------------------------------------------ parts
    def _parts(self, X, y):
        """Read X and y as sites whose years can be parted."""
        self._check_form(X)
        return _RowParts(X, y, self) if is_long(X) else _PanelParts(X, y, self)

    def _site_folds(self, parts, groups):
        """Give label, sites to train on and sites to test, as positions among the sites."""
        every = np.arange(len(parts.samples.ids))
        if self.cv is None:
            yield "years", every, parts.testable()
            return
        folds = [
            (label, sites_among(parts.samples, train), sites_among(parts.samples, test))
            for label, train, test in named_folds(self.cv, parts.X, parts.y, parts.take(groups))
        ]
        if self.new == "years":
            yield "years", every, np.unique(np.concatenate([test for *_, test in folds]))
            return
        for label, train, test in folds:
            both = np.intersect1d(train, test)
            if len(both):
                raise ValueError(
                    f"`cv`={self.cv!r} deals the rows of {len(both)} sites to both sides, for "
                    f"example {parts.samples.ids[both[0]]!r}. Use a splitter over sites, such as "
                    "SiteKFold."
                )
            yield label, train, test

    def _check_form(self, X):
        """Raise unless X has a time axis that can be parted."""
        if is_long(X) or (isinstance(X, Panel) and X.time is not None):
            return
        kind = "Panel without time axis" if isinstance(X, Panel) else type(X).__name__
        raise TypeError(
            f"SpaceTimeSplit parts time, and X, a {kind}, has none. Give a Panel with forcing or a "
            "DataFrame with the index levels 'site' and 'time'; for sites alone use SiteKFold or "
            "LeaveRegionOut."
        )

    def _days(self, time):
        """Mark on a time axis the days trained on, tested, and before the test."""
        test = period_mask(time, self.test_period, "test_period")
        fit = np.ones(len(time), dtype=bool)
        if self.fit_period is not None:
            fit = period_mask(time, self.fit_period, "fit_period")
            both = np.flatnonzero(fit & test)
            if len(both):
                raise ValueError(
                    f"`fit_period`={self.fit_period!r} and `test_period`={self.test_period!r} "
                    f"share {len(both)} steps, from {time[both[0]]:%Y-%m-%d} to "
                    f"{time[both[-1]]:%Y-%m-%d}: what is tested must not be trained on."
                )
        if self.new == "sites":
            fit |= test
        else:
            fit &= ~_around(time, test, self.gap, self.gap)
        if not fit.any():
            raise ValueError(
                f"`test_period`={self.test_period!r} and `gap`={self.gap} leave no step of X to "
                f"train on, whose record runs from {time[0]:%Y-%m-%d} to {time[-1]:%Y-%m-%d}."
            )
        return _Days(fit, test, _around(time, test, self.warmup, 0))


class _Days(NamedTuple):
    """Which steps are trained on, tested, and given to the model in a test."""

    fit: np.ndarray
    test: np.ndarray
    shown: np.ndarray


class _RowParts:
    """A long table: a sample is a row."""

    def __init__(self, X, y, cv):
        self.samples = samples_of(X, type(cv).__name__)
        step, time = pd.factorize(X.index.get_level_values("time"), sort=True)
        self.days = _Days(*(mask[step] for mask in cv._days(pd.DatetimeIndex(time))))
        self.X, self.codes = X, self.samples.codes
        self.y = None
        if y is not None:
            values = np.asarray(y, dtype=np.float64)
            if len(values) != len(X):
                raise ValueError(
                    f"`y` has {len(values)} entries, but X has {len(X)} rows. Give one per row."
                )
            self.y = np.where(self.days.test, values.reshape(len(X), -1)[:, 0], np.nan)

    def take(self, groups):
        """Give the groups of the samples that `cv` sees."""
        return groups

    def testable(self):
        """Give the sites with something to test."""
        rows = self.days.test if self.y is None else np.isfinite(self.y)
        return sites_among(self.samples, rows)

    def positions(self, train, test):
        """Turn sites into rows."""
        n_sites = len(self.samples.ids)
        chosen = np.zeros((2, n_sites), dtype=bool)
        chosen[0, train], chosen[1, test] = True, True
        train_rows = chosen[0][self.codes] & self.days.fit
        test_rows = chosen[1][self.codes] & self.days.shown
        return np.flatnonzero(train_rows), np.flatnonzero(test_rows)


class _PanelParts:
    """A panel in which each site stands twice: the first copy is trained on, the second tested."""

    def __init__(self, X, y, cv):
        ids = X.site_ids
        counts = ids.value_counts()
        if not (counts == 2).all():
            odd = counts.index[(counts != 2).to_numpy()][0]
            raise ValueError(
                "On a Panel a sample is a site with its whole record, and choosing sites cannot "
                "part years. Separate them first, as in `cross_validate(model, "
                "*cv.separate_periods(X, y), cv=cv)`, which gives each site twice "
                f"({odd!r} occurs {counts[odd]} times here). In a benchmark, give `fit_period` and "
                "`score_period` to the Protocol, and to it the splitter over sites as `cv`."
            )
        self.second = np.flatnonzero(ids.duplicated())
        first = np.flatnonzero(~ids.duplicated())
        # Of the same site at the same place in both.
        self.second = self.second[ids[self.second].get_indexer(ids[first])]
        self.first = first
        self.X = X[first]
        self.samples = samples_of(self.X, type(cv).__name__)
        self.codes = np.arange(len(first))
        self.y = None
        if y is not None:
            values, days = align_target(y, X), cv._days(X.time)
            for rows, mask, what in (
                (first, days.fit, "trained on"),
                (self.second, days.test, "tested"),
            ):
                _check_hidden(X, values, rows, mask, what)
            self.y = values[self.second]

    def take(self, groups):
        """Give the groups of the samples that `cv` sees."""
        return None if groups is None else np.asarray(groups)[self.first]

    def testable(self):
        """Give the sites with something to test."""
        if self.y is None:
            return self.codes
        return np.flatnonzero(np.isfinite(self.y).any(axis=1))

    def positions(self, train, test):
        """Turn sites into samples."""
        return np.sort(self.first[train]), np.sort(self.second[test])


def _check_hidden(X, values, rows, mask, what):
    """Raise if a copy of a site shows the target of days that it must not."""
    shown = np.isfinite(values[rows]) & ~mask
    if shown.any():
        site, step = np.argwhere(shown)[0]
        raise ValueError(
            f"The target of site {X.site_ids[rows[site]]!r} is observed on "
            f"{X.time[step]:%Y-%m-%d}, which is no day {what}, in the copy that is {what}. Make X "
            "and y by `separate_periods` of this very splitter."
        )


def _around(time, mask, before, after):
    """Widen a run of steps by so many steps on either side."""
    inside = np.flatnonzero(mask)
    step = np.diff(time.asi8).min() if len(time) > 1 else 1
    clock = time.asi8
    start, stop = clock[inside[0]] - before * step, clock[inside[-1]] + after * step
    return (clock >= start) & (clock <= stop)
