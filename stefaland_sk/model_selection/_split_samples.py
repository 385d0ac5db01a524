"""X and y as a report about a split sees them: sites with their series, and days per sample."""

import numpy as np

from stefaland_sk.data import Panel, align_target, is_labelled, is_long, read_long
from stefaland_sk.model_selection._base import samples_of


class SplitSamples:
    """The samples of a split: their sites, the series of these, and the days of each sample.

    Parameters
    ----------
    X : Panel, long DataFrame or table
        The samples.
    y : array-like or None
        Target.
    cv : splitter
        Says which rows of a long table only warm a model up, if it knows.
    """

    def __init__(self, X, y, cv):
        self.samples = samples_of(X, "split_report")
        self.labelled = np.ones(len(self.samples.ids), dtype=bool)
        if y is not None:
            labelled = is_labelled(X, y)
            if len(labelled) != len(self.samples.ids):  # copies of a site in a panel
                labelled = np.bincount(self.samples.codes, weights=labelled) > 0
            self.labelled = labelled
        self.panel = self.target = None  # one row per site
        self.days = None  # observed days of each sample
        self._seen = self._rows = self._tested = None
        if isinstance(X, Panel) and X.time is not None:
            self._read_panel(X, y)
        elif is_long(X):
            self._read_rows(X, y, cv)

    def _read_panel(self, X, y):
        """Read samples that are sites, some perhaps several times."""
        copies = X.site_ids.duplicated()
        self.panel = X[~copies] if copies.any() else X
        if y is None:
            return
        values = align_target(y, X)
        self._seen = np.isfinite(values)
        self.days = self._seen.sum(axis=1)
        self.target = values[~copies]
        for row in np.flatnonzero(copies):  # they may tell of other days
            known = self.target[self.samples.codes[row]]
            np.copyto(known, values[row], where=np.isnan(known))

    def _read_rows(self, X, y, cv):
        """Read samples that are days of sites."""
        self._rows = read_long(X)
        self.panel = self._rows.panel
        self.days = np.ones(len(X), dtype=int)
        if y is not None:
            values = np.asarray(y, dtype=np.float64).reshape(len(X), -1)[:, 0]
            self.target = self._rows.from_rows(values)
            self.days = np.isfinite(values).astype(int)
        if hasattr(cv, "tested_rows"):
            self._tested = cv.tested_rows(X)

    def sizes(self, train, test, train_sites, test_sites):
        """Count sites and days of a fold."""
        n_out = len(self.samples.ids) - len(np.union1d(train_sites, test_sites))
        row = {"n_train": len(train_sites), "n_test": len(test_sites), "n_out": n_out}
        if not self.labelled.all():
            row["n_train_labelled"] = int(self.labelled[train_sites].sum())
            row["n_test_labelled"] = int(self.labelled[test_sites].sum())
        if self.days is not None:
            row["train_days"] = int(self.days[train].sum())
            row["test_days"] = int(self.days[self._without_warmup(test)].sum())
        return row

    def interleaved(self, train, test, shared):
        """Give for each site on both sides the share of its test days next to a training day."""
        if self._seen is None and self._rows is None:
            return np.ones(len(shared))  # whole records, or sites without time, on both sides
        learned = self._days_of(train)[shared]
        tested = self._days_of(self._without_warmup(test))[shared]
        near = learned.copy()
        near[:, 1:] |= learned[:, :-1]
        near[:, :-1] |= learned[:, 1:]
        return (near & tested).sum(axis=1) / np.maximum(tested.sum(axis=1), 1)

    def _without_warmup(self, test):
        """Leave out rows that only warm a model up: they are no test days."""
        return test if self._tested is None else test[self._tested[test]]

    def _days_of(self, part):
        """Mark the days (site, time) of some samples."""
        mask = np.zeros((self.panel.n_sites, self.panel.n_times), dtype=bool)
        if self._rows is not None:
            mask[self._rows.site[part], self._rows.time[part]] = True
            return mask
        for sample in part:
            mask[self.samples.codes[sample]] |= self._seen[sample]
        return mask
