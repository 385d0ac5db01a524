"""Training of the neural regressors: losses, bounds, periods, early stopping, memory."""

import pickle

import numpy as np
import pytest
import torch

from stefaland_sk import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.estimators._neural import SiteCriterion
from stefaland_sk.estimators._training import train_network
from stefaland_sk.estimators._windows import WindowLoader
from stefaland_sk.modules import get_loss


@pytest.fixture(scope="module")
def many_sites():
    return make_catchments(n_sites=21, n_years=1, n_regions=3, random_state=1)


# ---------------------------------------------------------------------- what is learned
def test_the_lstm_learns(catchments, make_lstm):
    X, y = catchments
    model = make_lstm(d_hidden=16, max_epochs=40, lr=1e-2, dropout=0.0).fit(X, y)
    assert model.score(X, y) > 0.5
    assert model.history_[-1]["train_loss"] < 0.5 * model.history_[0]["train_loss"]
    assert model.n_epochs_ == len(model.history_) == 40


@pytest.mark.parametrize("loss", ["auto", "nse", "rmse", "mse"])
def test_each_loss_trains(catchments, make_lstm, loss):
    model = make_lstm(loss=loss).fit(*catchments)
    assert np.isfinite(model.history_[0]["train_loss"])


def test_auto_loss_is_the_task_s(catchments, make_lstm):
    X, y = catchments
    auto, nse = (make_lstm(loss=loss).fit(X, y).predict(X) for loss in ("auto", "nse"))
    np.testing.assert_array_equal(auto, nse)


def test_nse_loss_weighs_sites_by_their_spread():
    criterion = SiteCriterion(get_loss("nse"), torch.tensor([1.0, 10.0]))
    truth = {"target": torch.zeros(1, 4), "site": torch.tensor([0])}
    narrow = criterion(torch.ones(1, 4), truth)
    wide = criterion(torch.ones(1, 4), {**truth, "site": torch.tensor([1])})
    assert narrow > 50 * wide


def test_missing_targets_are_left_out_of_target_statistics(catchments, make_lstm):
    X, y = catchments
    y = y.copy()
    y.iloc[:, :100] = np.nan
    y.iloc[3] = np.nan
    model = make_lstm().fit(X, y)
    assert model.target_mean_ == pytest.approx(np.nanmean(y), rel=1e-5)
    assert model.target_std_ == pytest.approx(np.nanstd(y), rel=1e-5)


def test_scaler_sees_the_training_sites_only(catchments, make_lstm):
    X, y = catchments
    model = make_lstm().fit(X[:4], y.iloc[:4])
    before = model.scaler_.to_dict()
    np.testing.assert_allclose(
        before["attribute_mean"], X[:4].attributes.mean().to_numpy(), rtol=1e-6
    )
    model.predict(X)
    assert model.scaler_.to_dict() == before


def test_a_constant_target_is_no_error(catchments, make_lstm):
    X, y = catchments
    model = make_lstm().fit(X, y * 0 + 3)
    assert model.target_std_ == 1.0
    assert np.isfinite(model.predict(X)).all()


# ---------------------------------------------------------------------- bounds
def test_predictions_respect_the_lower_bound(catchments, make_lstm):
    X, y = catchments
    assert make_lstm().fit(X, y).predict(X).min() >= 0  # "auto": no target is negative
    assert make_lstm(lower_bound=2.5).fit(X, y).predict(X).min() >= 2.5
    free = make_lstm(lower_bound=None, max_epochs=0).fit(X, y - y.to_numpy().mean())
    assert free.lower_bound_ is None
    assert make_lstm().fit(X, y - 1.0).lower_bound_ is None


# ---------------------------------------------------------------------- periods
def test_fit_period_restricts_the_days_trained_on(catchments, make_lstm):
    X, y = catchments
    period = ("2001-01-01", "2001-06-30")
    inside = y.loc[:, period[0] : period[1]].reindex(columns=y.columns)
    model = make_lstm(fit_period=period).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), make_lstm().fit(X, inside).predict(X))
    assert model.target_mean_ == pytest.approx(np.nanmean(inside), rel=1e-5)


def test_fit_period_of_long_tables(catchments, make_lstm):
    X, y = catchments
    frame, target = X.to_long(y)
    period = ("2001-01-01", "2001-06-30")
    model = make_lstm(fit_period=period).fit(frame, target)
    expected = make_lstm(fit_period=period).fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (("1990", "1991"), r"holds no step of X, whose record runs from 2000-10-01 to 2001-09-30"),
        ("2001", r"`fit_period` must be a pair of dates.*Got '2001'"),
        (("2001-05-01", "2001-02-01"), "ends before it begins"),
    ],
)
def test_odd_fit_periods(catchments, make_lstm, period, message):
    with pytest.raises(ValueError, match=message):
        make_lstm(fit_period=period).fit(*catchments)


def test_fit_period_without_targets(catchments, make_lstm):
    X, y = catchments
    y = y.copy()
    y.iloc[:, :100] = np.nan
    with pytest.raises(ValueError, match="No target is observed in `fit_period`"):
        make_lstm(fit_period=("2000-10-01", "2000-12-01")).fit(X, y)


def test_warmup_longer_than_the_record(catchments, make_lstm):
    X, y = catchments
    short = X.sel_time(None, "2000-11-15")
    with pytest.raises(ValueError, match=r"No target is observed `warmup`=50 or more steps into"):
        make_lstm(warmup=50).fit(short, y.iloc[:, : short.n_times])


def test_targets_in_the_warmup_only(catchments, make_lstm):
    """The record is long enough, but nothing can be supervised."""
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[:, 330] = np.nan  # a new segment begins
    broken = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    early = y * np.nan
    early.iloc[0, :10], early.iloc[1, 340:345] = 1.0, 2.0
    with pytest.raises(ValueError, match=r"Lower `warmup` \(and `window`=60\), or give longer rec"):
        make_lstm().fit(broken, early)


def test_warmup_must_leave_something_of_a_window(catchments, make_lstm):
    with pytest.raises(ValueError, match="`warmup` must be smaller than `window`. Got 60 and 60"):
        make_lstm(warmup=60).fit(*catchments)


# ---------------------------------------------------------------------- length of training
def test_early_stopping_watches_held_out_sites_and_keeps_the_best(
    many_sites, make_lstm, monkeypatch
):
    kept = []

    def train(module, dataset, valid, criterion, plan):
        kept.extend([dataset, valid, criterion])
        return train_network(module, dataset, valid, criterion, plan)

    monkeypatch.setattr("stefaland_sk.estimators._neural.train_network", train)
    options = {"d_hidden": 16, "lr": 0.05, "validation_fraction": 0.2, "patience": 2}
    model = make_lstm(max_epochs=30, batch_size=500, **options).fit(*many_sites)
    dataset, valid, criterion = kept
    assert set(dataset.site.tolist()).isdisjoint(valid.site.tolist())
    assert len(set(valid.site.tolist())) == 4
    risen = 6  # epochs in which the learning rate rises count neither way
    losses = [row["valid_loss"] for row in model.history_][risen:]
    assert np.argmin(losses) == len(losses) - 1 - 2  # stopped `patience` epochs behind the best
    ((inputs, truth),) = list(WindowLoader(valid, 500))
    with torch.inference_mode():
        now = criterion(model.net_.module_(**inputs), truth)
    assert float(now) == pytest.approx(min(losses), rel=1e-4)


def test_early_stopping_waits_until_the_learning_rate_has_risen(many_sites, make_lstm):
    """A loss that gets worse while the rate rises must not end the training."""
    options = {"lr": 1e-9, "early_stopping": True, "patience": 1}
    model = make_lstm(max_epochs=20, **options).fit(*many_sites)
    assert model.n_epochs_ > 4


def test_an_interrupt_by_the_user_ends_the_fit(catchments, make_lstm, monkeypatch):
    """skorch swallows it; a search would go on with a half-trained model."""

    def interrupted(self, predicted, truth):
        raise KeyboardInterrupt

    monkeypatch.setattr("stefaland_sk.estimators._neural.SiteCriterion.forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_lstm(max_epochs=2).fit(*catchments)


def test_early_stopping_by_itself_needs_twenty_sites(many_sites, catchments, make_lstm):
    assert "valid_loss" in make_lstm().fit(*many_sites).history_[0]
    assert "valid_loss" not in make_lstm().fit(*catchments).history_[0]
    assert "valid_loss" in make_lstm(early_stopping=True).fit(*catchments).history_[0]


def test_early_stopping_of_a_single_labelled_site(catchments, make_lstm):
    X, y = catchments
    with pytest.raises(ValueError, match=r"sets labelled sites apart, but there is only 1"):
        make_lstm(early_stopping=True).fit(X[[0]], y.iloc[[0]])


def test_max_minutes_ends_the_training(catchments, make_lstm):
    model = make_lstm(max_epochs=500, max_minutes=1e-9).fit(*catchments)
    assert model.n_epochs_ == 1
    assert np.isfinite(model.predict(catchments[0])).all()


def test_no_epochs_is_an_untrained_model(catchments, make_lstm):
    model = make_lstm(max_epochs=0).fit(*catchments)
    assert model.history_ == []
    assert np.isfinite(model.predict(catchments[0])).all()


@pytest.mark.parametrize("max_epochs", [1, 2, 3])
@pytest.mark.parametrize("n_sites", [1, 2, 3, 4, 5, 6])
def test_few_updates_are_no_error(catchments, make_lstm, n_sites, max_epochs):
    """The schedule of the learning rate has few steps to rise and to fall."""
    X, y = catchments
    make_lstm(max_epochs=max_epochs, batch_size=5).fit(X[:n_sites], y.iloc[:n_sites])


def test_verbose_prints_epochs(catchments, make_lstm, capsys):
    make_lstm(verbose=1).fit(*catchments)
    assert "train_loss" in capsys.readouterr().out
    make_lstm().fit(*catchments)
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "mae"}, r"`loss` must be one of .* Got 'mae' instead"),
        ({"lower_bound": "low"}, r"`lower_bound` must be one of \['auto'\]. Got 'low'"),
        ({"window": 0}, r"`window` must lie in \[1, inf\). Got 0"),
        ({"warmup": -1}, r"`warmup` must lie in \[0, inf\). Got -1"),
        ({"max_epochs": -1}, r"`max_epochs` must lie in \[0, inf\). Got -1"),
        ({"max_minutes": 0}, r"`max_minutes` must lie in \(0, inf\). Got 0"),
        ({"patience": 0}, r"`patience` must lie in \[1, inf\). Got 0"),
        ({"weight_decay": -1}, "`weight_decay` must lie in"),
        ({"lr": 0.0}, r"`lr` must lie in \(0, inf\)"),
        ({"batch_size": 0}, r"`batch_size` must lie in \[1, inf\)"),
        ({"d_hidden": 0}, r"`d_hidden` must lie in \[1, inf\). Got 0"),
        ({"dropout": 1.5}, r"`dropout` must lie in \[0, 1\]. Got 1.5"),
        ({"early_stopping": "yes"}, r"`early_stopping` must be one of \['auto', True, False\]"),
        ({"early_stopping": True, "validation_fraction": 2}, r"`validation_fraction` must lie in"),
        ({"device": "cuda:99"}, r"`device`='cuda:99' is not at hand here \(.*device='auto'"),
        ({"forcings": ["rain"]}, "rain"),
    ],
)
def test_wrong_parameters_are_named(catchments, make_lstm, params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make_lstm(**params).fit(*catchments)


# ---------------------------------------------------------------------- prediction
def test_a_record_is_run_without_restarts(catchments, make_lstm):
    """What is predicted for a day does not depend on how long the record goes on."""
    X, y = catchments
    model = make_lstm().fit(X, y)
    whole = model.predict(X)
    part = model.predict(X.sel_time(None, "2001-04-18"))
    np.testing.assert_allclose(part, whole[:, : part.shape[1]], rtol=1e-4, atol=1e-5)
    later = model.predict(X.sel_time("2001-04-19"))  # without the memory of the days before
    assert not np.allclose(later[:, 0], whole[:, part.shape[1]], rtol=1e-4)


def test_many_sites_are_predicted_in_parts(catchments, make_lstm, monkeypatch):
    X, y = catchments
    model = make_lstm().fit(X, y)
    whole = model.predict(X)
    monkeypatch.setattr("stefaland_sk.estimators._neural._STEPS_AT_ONCE", 800)
    np.testing.assert_allclose(model.predict(X), whole, rtol=1e-4, atol=1e-5)


def test_score_is_the_median_nse_behind_the_warmup(catchments, make_lstm):
    X, y = catchments
    model = make_lstm().fit(X, y)
    predicted, observed = model.predict(X)[:, 20:], y.to_numpy()[:, 20:]
    error = ((predicted - observed) ** 2).sum(axis=1)
    spread = ((observed - observed.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    assert model.score(X, y) == pytest.approx(np.median(1 - error / spread), rel=1e-4)
    frame, target = X.to_long(y)
    assert model.score(frame, target) == pytest.approx(model.score(X, y), rel=1e-5)


def test_score_skips_missing_targets(catchments, make_lstm):
    X, y = catchments
    model = make_lstm().fit(X, y)
    assert np.isfinite(model.score(X, y.mask(np.random.default_rng(0).random(y.shape) < 0.5)))


def test_the_pickled_model_holds_no_data(catchments, make_lstm, make_streamflow):
    X, y = catchments
    longer, target = make_catchments(n_sites=6, n_years=3, n_regions=2, random_state=0)
    for make in (make_lstm, make_streamflow):
        sizes = [len(pickle.dumps(make().fit(*data))) for data in ((X, y), (longer, target))]
        assert abs(sizes[1] - sizes[0]) < 2000


def test_a_word_for_epochs_that_is_not_known_is_an_error(catchments, make_lstm):
    with pytest.raises((TypeError, ValueError), match="`max_epochs`"):
        make_lstm(max_epochs="many").fit(*catchments)
