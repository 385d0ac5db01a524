"""What the splitters over sites share: the rules of who trains and who is tested."""

import inspect
import warnings
from abc import abstractmethod
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from stefaland_sk._core import SplitWarning
from stefaland_sk.data import SampleSites, is_labelled, site_of_samples
from stefaland_sk.model_selection._labels import ordered


class Plan(NamedTuple):
    """A split before it is cut: a label per site, and the labels to hold out in turn."""

    samples: object
    labels: np.ndarray
    held_out: list
    labelled: np.ndarray


class SiteSplitter(BaseCrossValidator):
    """Base of the splitters that keep all rows of a site on one side.

    A subclass writes `_labels`, one label per site; each label is held out in turn.
    """

    # Routed only if the caller passes groups; without them X itself is read.
    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads this name

    _noun = "fold"

    def split(self, X, y=None, groups=None):
        """Generate the positions of the samples to train on and to test.

        Parameters
        ----------
        X : Panel, long DataFrame or table
            The samples. A sample is a site, or one row of a site in a long frame.
        y : array-like of shape (n_samples, ...), default=None
            Target. A site whose target is all NaN is unlabelled. None takes all
            sites for labelled.
        groups : array-like of shape (n_samples,), default=None
            Labels that stand in for what would be read from X; see the class.

        Yields
        ------
        train, test : ndarray of int
            Positions of samples (rows, for a long frame), increasing.

        Raises
        ------
        ValueError
            If the sites do not fall into parts that can be held out.
        TypeError
            If X is an xarray object.
        """
        for _, train, test in self.named_folds(X, y, groups):
            yield train, test

    def named_folds(self, X, y=None, groups=None):
        """Generate the folds as `split` does, each with the label that is held out.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Yields
        ------
        label : object
            What is held out: a region, the number of a fold or cluster.
        train, test : ndarray of int
            Positions of samples.
        """
        plan = self._plan(X, y, groups, warn=True)
        codes = np.asarray(plan.samples.codes)
        for label in plan.held_out:
            inside = plan.labels == label
            tested = inside if self.unlabelled == "test" else inside & plan.labelled
            yield label, np.flatnonzero(~inside[codes]), np.flatnonzero(tested[codes])

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds.

        Parameters
        ----------
        X : Panel, long DataFrame or table
            The samples.
        y : array-like of shape (n_samples, ...), default=None
            Target; a part without labelled sites makes no fold.
        groups : array-like of shape (n_samples,), default=None
            As for `split`.

        Returns
        -------
        int
            Number of folds.
        """
        if X is None:
            raise ValueError(
                f"The number of folds of {type(self).__name__} depends on the sites: pass X, as "
                "in `get_n_splits(X)`."
            )
        return len(self._plan(X, y, groups).held_out)

    def site_folds(self, X, y=None, groups=None):
        """Tell where each site is held out; a table to look at, or to save.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Returns
        -------
        Series of length n_sites
            Label under which each site is held out, indexed by site. `SiteKFold`
            takes it back as ``folds=``, `LeaveRegionOut` as ``regions=``.
        """
        plan = self._plan(X, y, groups)
        labels = pd.Series(plan.labels, dtype=object).infer_objects()
        return labels.set_axis(plan.samples.ids.rename("site")).rename(self._noun)

    @abstractmethod
    def _labels(self, X, samples, labelled, groups):
        """Give one label per site, as an array of objects."""

    def _chosen(self, labels, n_tested):
        """Give the labels to hold out, of those with sites to test (`n_tested` of each)."""
        return [label for label in labels if n_tested[label]]

    def _names_parts(self):
        """Tell whether the user named the parts to hold out: then none is skipped unasked."""
        return False

    def _plan(self, X, y, groups, warn=False):
        """Find the label of each site and the labels to hold out."""
        samples, labelled = _samples(X, y, type(self).__name__)
        if groups is not None:
            _check_length(groups, len(samples.codes), "groups")
        labels = self._labels(X, samples, labelled, groups)
        self._check_parts(labels, labelled)
        n_tested = Counter(labels if self.unlabelled == "test" else labels[labelled])
        held_out = self._chosen(ordered(labels), n_tested)
        skipped = [label for label in ordered(labels) if not n_tested[label]]
        if warn and skipped and not self._names_parts():
            warnings.warn(
                f"No site of {self._noun} {listed(skipped)} has an observed target: there is "
                "nothing to test, so it makes no fold and its sites stay in training.",
                SplitWarning,
                stacklevel=4,
            )
        return Plan(samples, labels, held_out, labelled)

    def _check_parts(self, labels, labelled):
        """Raise unless each part leaves labelled sites to train on."""
        name, noun = type(self).__name__, self._noun
        parts = ordered(labels)
        if len(parts) < 2:
            raise ValueError(
                f"{name} needs at least two {noun}s, one to hold out and one to train on; all "
                f"{len(labels)} sites are in {noun} {listed(parts)}. Use SiteKFold(n_splits=...) "
                "to deal the sites at random."
            )
        with_target = ordered(labels[labelled])
        if len(with_target) < 2:
            have = f"only {noun} {listed(with_target)} has" if with_target else f"no {noun} has"
            raise ValueError(
                f"{name} needs observed targets in at least two {noun}s, but {have} a site whose "
                f"target is not all NaN ({int(labelled.sum())} of {len(labelled)} sites are "
                "labelled). Does y hold the observations of these sites?"
            )


class LeavePartOut(SiteSplitter):
    """Base of the splitters that hold out one named part after the other, all or `only` some."""

    def _chosen(self, labels, n_tested):
        """Give the parts asked for."""
        if self.only is None:
            return super()._chosen(labels, n_tested)
        wanted = list(self.only) if _is_list(self.only) else [self.only]
        unknown = [label for label in wanted if label not in labels]
        if unknown or not wanted:
            raise ValueError(
                f"`only` names {self._noun}s that X does not have: {unknown}. Its {self._noun}s "
                f"are {listed(labels, limit=20)}."
            )
        empty = [label for label in wanted if not n_tested[label]]
        if empty:
            raise ValueError(
                f"`only` names {listed(empty)}, where no site has an observed target: there is "
                'nothing to test. Leave it out of `only`, or set unlabelled="test" to predict.'
            )
        return list(dict.fromkeys(wanted))

    def _names_parts(self):
        return self.only is not None


def samples_of(X, asker):
    """Find the site of each sample; the copies of a site (in a bootstrapped panel) are one."""
    if type(X).__module__.partition(".")[0] == "xarray":
        raise TypeError(
            f"{asker} cannot split an xarray {type(X).__name__}: scikit-learn would not slice it "
            "along its sites. Use `Panel.from_xarray(dataset)` as X; y may stay a DataArray."
        )
    samples = site_of_samples(X)
    if samples.ids.is_unique:
        return samples
    codes, ids = pd.factorize(samples.ids)
    return SampleSites(codes[samples.codes], ids, samples.table[~samples.ids.duplicated()])


def _samples(X, y, asker):
    """Find the site of each sample, and which sites have an observed target."""
    samples = samples_of(X, asker)
    if y is not None:
        _check_length(y, len(samples.codes), "y")
    labelled = is_labelled(X, y)
    if len(labelled) != len(samples.ids):  # copies of a site stay together
        labelled = np.bincount(samples.codes, weights=labelled) > 0
    return samples, labelled


def _check_length(values, n_samples, name):
    """Raise unless `values` has one entry per sample."""
    if len(values) != n_samples:
        raise ValueError(
            f"`{name}` has {len(values)} entries, but X has {n_samples} samples. Give one per "
            "sample, in the order of X."
        )


def sites_among(samples, part):
    """Give the sites, as positions, that some of the samples belong to."""
    there = np.zeros(len(samples.ids), dtype=bool)
    there[samples.codes[part]] = True
    return np.flatnonzero(there)


def check_splitter(cv, name, asker):
    """Raise a TypeError unless `cv` is a splitter, or give it back."""
    if isinstance(cv, type) or not (hasattr(cv, "split") and hasattr(cv, "get_n_splits")):
        raise TypeError(
            f"`{name}` of {asker} must be a splitter, such as SiteKFold(5) or LeaveRegionOut(). "
            f"Got {cv!r}."
        )
    return cv


def named_folds(cv, X, y=None, groups=None):
    """Generate label, train and test of each fold of any splitter, numbered if it has no names."""
    if hasattr(cv, "named_folds"):
        yield from cv.named_folds(X, y, groups)
        return
    for number, (train, test) in enumerate(cv.split(X, y, groups)):
        yield number, np.asarray(train), np.asarray(test)


def short_repr(cv):
    """Write a splitter with the parameters that differ from their defaults, tables by their size.

    Parameters
    ----------
    cv : splitter
        Any.

    Returns
    -------
    str
        One line.
    """
    given = []
    for name, parameter in inspect.signature(type(cv)).parameters.items():
        value = getattr(cv, name, parameter.default)
        if value is not parameter.default and repr(value) != repr(parameter.default):
            given.append(f"{name}={_short(value)}")
    return f"{type(cv).__name__}({', '.join(given)})"


def _short(value):
    """Write the value of a parameter in a few characters."""
    if hasattr(value, "split") and hasattr(value, "get_n_splits"):
        return short_repr(value)
    text = " ".join(repr(value).split())
    if len(text) < 60 and not isinstance(value, pd.DataFrame | pd.Series):
        return text
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"<{type(value).__name__}{size}>"


def listed(labels, limit=5):
    """Write labels for a message, a few if there are many."""
    text = ", ".join(repr(label) for label in labels[:limit])
    return text if len(labels) <= limit else f"{text} and {len(labels) - limit} more"


def _is_list(value):
    """Tell a list of labels from a single one."""
    return hasattr(value, "__iter__") and not isinstance(value, str)
