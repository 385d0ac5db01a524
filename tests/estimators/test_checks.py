"""The panel checks find what they are for: estimators with one fault each."""

import inspect

import numpy as np
import pandas as pd
import pytest
from numpydoc.validate import validate
from sklearn.base import BaseEstimator, RegressorMixin

from stefaland_sk import LSTMRegressor
from stefaland_sk.data import Panel
from stefaland_sk.estimators import checks
from stefaland_sk.estimators._base import BasePanelRegressor
from stefaland_sk.estimators.checks import (
    check_panel_estimator,
    panel_checks,
    parametrize_with_panel_checks,
)

PARALLEL = "check_cross_validate_in_parallel"


class RainRegressor(BasePanelRegressor):
    """Runoff is a share of the day's rain: the smallest estimator that keeps the contract."""

    causal = True

    def __init__(self, share=None, random_state=None):
        self.share = share
        self.random_state = random_state

    def _fit(self, panel, target):
        rain = self.rain_of(panel)
        seen = np.isfinite(target)
        self.share_ = float(target[seen].sum() / rain[seen].sum()) if self.share is None else 0.5
        self.offset_ = float(np.nanmean(panel.attributes["slope"].to_numpy()))

    def _predict(self, panel):
        slope = panel.attributes["slope"].fillna(self.offset_).to_numpy()
        return (self.share_ * self.rain_of(panel) + slope[:, None]).astype(np.float32)

    def rain_of(self, panel):
        return np.nan_to_num(panel.variable("prcp"))


class TakesMissingForZero(RainRegressor):
    def fit(self, X, y):
        if isinstance(y, pd.DataFrame) and y.notna().any(axis=None):
            y = y.fillna(0.0)
        return super().fit(X, y)


class Normalises(RainRegressor):
    """Divides by the mean over the sites in the call."""

    def _predict(self, panel):
        return super()._predict(panel) / self.rain_of(panel).mean()


class SeesTomorrow(RainRegressor):
    def _predict(self, panel):
        return np.roll(super()._predict(panel), -1, axis=1)


class SortsRows(RainRegressor):
    """Gives the rows of a long table in time order, not in the caller's."""

    def predict(self, X):
        return super().predict(X if isinstance(X, Panel) else X.sort_index())


class WritesIntoTarget(RainRegressor):
    def fit(self, X, y):
        if isinstance(y, pd.DataFrame):
            y.iloc[0, 0] = 99.0
        return super().fit(X, y)


class ChecksInConstructor(RainRegressor):
    def __init__(self, share=None, random_state=None):
        super().__init__(None if share is None else 1.0, random_state)


class ChangesParameter(RainRegressor):
    def _fit(self, panel, target):
        super()._fit(panel, target)
        self.share = 0.1


class DrawsGlobally(RainRegressor):
    def _fit(self, panel, target):
        super()._fit(panel, target)
        np.random.random()  # noqa: NPY002


class DrawsUnseeded(RainRegressor):
    def _fit(self, panel, target):
        super()._fit(panel, target)
        self.share_ *= 1 + 0.1 * np.random.default_rng().random()


class KeepsOnLearning(RainRegressor):
    def _fit(self, panel, target):
        before = getattr(self, "share_", None)
        super()._fit(panel, target)
        self.share_ = self.share_ if before is None else (self.share_ + before) / 2


class LeavesGaps(RainRegressor):
    def rain_of(self, panel):
        return panel.variable("prcp")


class ReadsRegions(RainRegressor):
    def _predict(self, panel):
        regions = panel.sites.get("region", pd.Series("", index=panel.site_ids))
        return super()._predict(panel) + (regions == "hills").to_numpy()[:, None]


class ReadsByPosition(RainRegressor):
    def predict(self, X):
        return self.share_ * X.forcing[:, :, 0]


class WritesIntoForcing(RainRegressor):
    def rain_of(self, panel):
        forcing = panel._store.forcing
        forcing[np.isnan(forcing)] = 0.0
        return super().rain_of(panel)


class ForgetsSelf(RainRegressor):
    def fit(self, X, y):
        super().fit(X, y)


FAULTS = [
    (TakesMissingForZero, "check_missing_targets"),
    (Normalises, "check_site_independence"),
    (SeesTomorrow, "check_no_future_leak"),
    (SortsRows, "check_long_rows"),
    (WritesIntoTarget, "check_data_unchanged"),
    (ChecksInConstructor, "check_constructor_only_stores"),
    (ChangesParameter, "check_params_unchanged"),
    (DrawsGlobally, "check_global_random_state"),
    (DrawsUnseeded, "check_fit_twice"),
    (KeepsOnLearning, "check_fit_twice"),
    (LeavesGaps, "check_sporadic_missing_forcing"),
    (ReadsRegions, "check_region_is_ignored"),
    (ReadsByPosition, "check_variables_by_name"),
    (ForgetsSelf, "check_fit_returns_self"),
]


def check_named(name, estimator):
    (check,) = [check for check in panel_checks(estimator) if check.__name__ == name]
    return check


def test_a_sound_estimator_passes():
    passed = check_panel_estimator(RainRegressor(), skip=[PARALLEL])
    assert len(passed) == len(panel_checks(RainRegressor())) - 1


@pytest.mark.parametrize(("fault", "name"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_fault_is_found(fault, name):
    with pytest.raises(AssertionError, match="must|declared"):
        check_named(name, fault())(fault())


def test_writing_into_read_only_memory_is_found():
    with pytest.raises(ValueError, match="read-only"):
        check_named("check_read_only_memmap", WritesIntoForcing())(WritesIntoForcing())


def test_a_future_leak_counts_only_where_none_is_promised(monkeypatch):
    monkeypatch.setattr(SeesTomorrow, "causal", False)
    check_named("check_no_future_leak", SeesTomorrow())(SeesTomorrow())


def test_a_regressor_on_its_own_is_held_to_the_contract():
    """An estimator that shares nothing with ours: it ignores long tables, and is told."""

    class Foreign(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.mean_ = float(np.nanmean(np.asarray(y)))
            return self

        def predict(self, X):
            return np.full((len(X), X.n_times), self.mean_)

    with pytest.raises(AttributeError, match="n_times"):
        check_named("check_long_rows", Foreign())(Foreign())


def test_checks_can_be_skipped_by_name():
    names = [check.__name__ for check in panel_checks(LSTMRegressor())]
    passed = check_panel_estimator(LSTMRegressor(), skip=names)
    assert passed == []
    with pytest.raises(ValueError, match=r"`skip` must be one of .* Got 'check_all'"):
        check_panel_estimator(LSTMRegressor(), skip=["check_all"])


def test_parametrize_makes_one_test_per_check():
    mark = parametrize_with_panel_checks([RainRegressor(), RainRegressor(0.5)], skip=[PARALLEL])
    names, cases = mark.args
    assert names == ("estimator", "check")
    assert len(cases) == 2 * (len(panel_checks(RainRegressor())) - 1)
    assert len({case.id for case in cases}) == len(cases)
    assert cases[0].id == "RainRegressor0-check_clone"
    estimator, check = cases[0].values
    check(estimator)


def test_parametrize_wants_instances():
    with pytest.raises(TypeError, match=r"got the class RainRegressor. Give RainRegressor\(\)"):
        parametrize_with_panel_checks([RainRegressor])


@pytest.mark.parametrize("name", checks.__all__)
def test_docstrings_are_complete(name):
    remarks = validate(f"stefaland_sk.estimators.checks.{name}")["errors"]
    wanted = {"GL08", "SS03", "PR01", "PR02", "PR07", "RT03", "PR10"}
    assert not [remark for remark in remarks if remark[0] in wanted]


def test_each_check_says_what_it_checks():
    for check in panel_checks(RainRegressor()):
        assert inspect.getdoc(check).endswith("."), check.__name__
