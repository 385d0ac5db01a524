"""What X and y may be, and what is said when they are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk import DataWarning, HBVRegressor, LeakageWarning, LinearComparator, Panel
from stefaland_sk._core import SplitWarning
from stefaland_sk.data import convert_units
from stefaland_sk.model_selection import LeaveRegionOut


@pytest.fixture(scope="module")
def long(catchments):
    X, y = catchments
    return X.to_long(y)


@pytest.fixture(scope="module")
def fitted(catchments, make_lstm):
    return make_lstm().fit(*catchments)


def with_index(frame, site):
    """The rows with other site identifiers, given as a list of one per row."""
    index = pd.MultiIndex.from_arrays(
        [pd.Index(site, dtype=object), frame.index.get_level_values("time")], names=["site", "time"]
    )
    return frame.set_axis(index, axis=0)


# ---------------------------------------------------------------------- X
def test_an_integer_site_beside_strings(long, make_lstm):
    X, y = long
    site = [1 if s == "00000001" else s for s in X.index.get_level_values("site")]
    with pytest.raises(TypeError, match=r"mixes site identifiers of two types.*zfill\(8\)"):
        make_lstm().fit(with_index(X, site), y)


def test_a_duplicate_pair_of_site_and_time(long, make_lstm):
    X, y = long
    rows = [*range(len(X)), 370]
    with pytest.raises(
        ValueError, match=r"1 pairs of site and time occur more than once.*'00000002' at 2000-10-06"
    ):
        make_lstm().fit(X.iloc[rows], y.iloc[rows])


def test_a_panel_is_no_array(catchments):
    with pytest.raises(TypeError, match=r"one sample per site.*`panel.attributes`.*RowRegressor"):
        StandardScaler().fit(catchments[0])


def test_row_wise_folds_of_a_long_table_warn(long, make_lstm):
    X, y = long
    folds = KFold(2, shuffle=True, random_state=0)
    with pytest.warns(SplitWarning, match=r"as if a row-wise splitter.*SiteKFold"):
        cross_val_predict(make_lstm(warmup=0), X, y, cv=folds)


def test_an_unknown_region(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match="atlantis"):
        next(LeaveRegionOut(only=["atlantis"]).split(X, y))


def test_a_lacking_variable_is_named(catchments, fitted):
    X, _ = catchments
    with pytest.raises(ValueError, match=r"lacks 1 of the 6 forcing variables.*\['prcp'\]"):
        fitted.predict(X.keep_variables(forcings=[v for v in X.forcing_names if v != "prcp"]))
    with pytest.raises(ValueError, match=r"lacks 1 of the 26 attributes.*\['p_mean'\]"):
        fitted.predict(X.assign(attributes=X.attributes.drop(columns="p_mean")))


def test_infinite_forcing_is_located(catchments, make_lstm):
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[2, 9, 1] = np.inf
    odd = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    with pytest.raises(ValueError, match=r"'srad' is infinite at site '00000003' on 2000-10-10"):
        make_lstm().fit(odd, y)


def test_forcing_missing_at_a_site_is_refused_by_the_lstm(catchments, make_lstm):
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[4, :, 0] = np.nan
    odd = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    with pytest.raises(ValueError, match=r"'prcp' is missing.*'00000005'.*StefaLandStreamflow"):
        make_lstm().fit(odd, y)
    fitted = make_lstm().fit(X, y)
    with pytest.raises(ValueError, match=r"'prcp' is missing.*'00000005'.*Drop the site"):
        fitted.predict(odd)


def test_no_sites(catchments, fitted):
    with pytest.raises(ValueError, match="X has 0 sites, while a minimum of 1 is required"):
        fitted.predict(catchments[0][[]])


def test_an_xarray_dataset_is_pointed_to_the_panel(catchments, fitted):
    with pytest.raises(TypeError, match=r"X is an xarray Dataset. Use `Panel.from_xarray"):
        fitted.predict(catchments[0].to_xarray())


def test_a_table_for_a_model_of_series(catchments, fitted):
    with pytest.raises(ValueError, match=r"fitted on sites with forcing.*Give a Panel"):
        fitted.predict(catchments[0].attributes)


def test_series_for_a_model_of_tables(catchments, make_lstm):
    X, y = catchments
    model = make_lstm().fit(X.attributes, y.mean(axis=1))
    with pytest.raises(ValueError, match=r"fitted on a plain table of attributes, but X has forc"):
        model.predict(X)


def test_a_panel_without_forcing_is_a_table(catchments, make_lstm):
    X, y = catchments
    table, target = Panel.from_table(X.attributes), y.mean(axis=1)
    model = make_lstm(max_epochs=3).fit(table, target)
    assert model.predict(table).shape == (6,)
    np.testing.assert_allclose(model.predict(X.attributes), model.predict(table))
    assert np.isfinite(model.score(table, target))


def test_named_columns_choose_the_variables(long, make_lstm):
    X, y = long
    model = make_lstm(forcings=["prcp", "tmax"], attributes=["p_mean"]).fit(X, y)
    assert model.forcing_names_ == ["prcp", "tmax"]
    assert model.attribute_names_ == ["p_mean"]
    assert list(model.feature_names_in_) == ["prcp", "tmax", "p_mean"]
    without = X.drop(columns=["dayl", "aridity"])
    np.testing.assert_array_equal(model.predict(X), model.predict(without))


def test_variables_unknown_to_fit_reach_no_encoder(catchments, make_transformer, make_streamflow):
    from sklearn.frozen import FrozenEstimator

    X, y = catchments
    encoder = FrozenEstimator(make_transformer().fit(X))
    few = X.keep_variables(X.forcing_names[:4], X.attribute_names[:20])
    with pytest.warns(UserWarning, match="mask tokens stand in"):
        model = make_streamflow(encoder).fit(few, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(few))


# ---------------------------------------------------------------------- y
def test_a_target_of_other_sites(catchments, make_lstm):
    X, y = catchments
    with pytest.raises(ValueError, match=r"different sites.*'00000002'.*'elsewhere'"):
        make_lstm().fit(X, y.rename(index={"00000002": "elsewhere"}))
    with pytest.raises(ValueError, match=r"in another order. Use `y.loc\[X.site_ids\]`"):
        make_lstm().fit(X, y.iloc[::-1])


def test_a_target_of_another_shape(catchments, make_lstm):
    X, y = catchments
    with pytest.raises(ValueError, match=r"\(n_sites, n_times\) = \(6, 365\); got \(6, 360\)"):
        make_lstm().fit(X, y.to_numpy()[:, :360])


def test_a_long_target_of_other_rows(long, make_lstm):
    X, y = long
    with pytest.raises(ValueError, match=r"rows of `y` are not those of X.*y.loc\[X.index\]"):
        make_lstm().fit(X, y.iloc[::-1])
    with pytest.raises(ValueError, match=r"one value per row of X \(2190\); got an array of shape"):
        make_lstm().fit(X, y.to_numpy()[:-1])


def test_an_infinite_target_is_located(long, catchments, make_lstm):
    X, y = long
    y = y.copy()
    y.iloc[365 + 3] = np.inf
    with pytest.raises(ValueError, match=r"`y` is infinite at site '00000002' on 2000-10-04"):
        make_lstm().fit(X, y)


def test_no_target(catchments, make_lstm):
    X, y = catchments
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        make_lstm().fit(X, None)
    with pytest.raises(ValueError, match="needs at least one observed target; all of `y` is miss"):
        make_lstm().fit(X, y * np.nan)


# ---------------------------------------------------------------------- gaps
def test_a_gap_in_a_long_table_restarts_the_memory(catchments, long, make_lstm):
    X, y = catchments
    frame, _ = long
    model = make_lstm().fit(X, y)
    time = frame.index.get_level_values("time")
    gap = (time >= "2001-01-10") & (time <= "2001-01-12")
    after = time > "2001-01-12"
    predicted = model.predict(frame[~gap])
    fresh = model.predict(X.sel_time("2001-01-13"))
    np.testing.assert_allclose(predicted[after[~gap]], fresh.ravel(), rtol=1e-4, atol=1e-5)
    before = time < "2001-01-10"
    np.testing.assert_allclose(
        predicted[before[~gap]], model.predict(frame)[before], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("residual", [True, False, "cnn"])
def test_short_segments_do_not_spoil_the_weights(long, make_streamflow, residual):
    X, y = long
    day = (X.index.get_level_values("time") - pd.Timestamp("2000-10-01")).days
    kept = day % 50 < 40  # segments shorter than a window of 60
    model = make_streamflow(residual=residual).fit(X[kept], y[kept])
    assert np.isfinite(model.history_[-1]["train_loss"])
    assert np.isfinite(model.predict(X[kept])).all()


def test_days_without_any_forcing_are_nan_in_a_panel(catchments, make_lstm, make_streamflow):
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[1, 100:120] = np.nan
    broken = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    for model in (make_lstm().fit(X, y), make_streamflow().fit(X, y)):
        missing = np.isnan(model.predict(broken))
        assert missing[1, 100:120].all()
        assert missing.sum() == 20


def test_series_for_the_attributes_of_sites_are_refused(catchments, make_lstm):
    X, y = catchments
    with pytest.raises(ValueError, match=r"X is a plain table.*shape \(6, 365\).*Panel, with"):
        make_lstm().fit(X.attributes, y)


# ---------------------------------------------------------------------- what is easily overlooked
@pytest.mark.parametrize("make", ["linear", "lstm"])
def test_units_of_fit_are_those_of_predict(catchments, make_lstm, make):
    """The same weather told in other units gives the same flow."""
    X, y = catchments
    model = {"linear": LinearComparator(random_state=0), "lstm": make_lstm()}[make].fit(X, y)
    theirs = convert_units(X, {"prcp": "mm/h", "tmax": "degF", "p_mean": "mm/yr"})
    assert theirs.units["tmax"] == "degF"
    np.testing.assert_allclose(model.predict(theirs), model.predict(X), atol=2e-4)
    wrong = X.assign(units={"tmax": "mm/d"})
    with pytest.raises(ValueError, match="'tmax' is in 'mm/d', and there is no way"):
        model.predict(wrong)


def test_some_rows_of_a_record_are_no_other_record(catchments, long, make_lstm):
    """Every fifth day is still five days after the one before."""
    X, y = long
    model = LinearComparator(random_state=0).fit(X, y)
    some = np.arange(0, len(X), 5)
    first = X.index.get_level_values("time")[:1]
    alone = model.predict(X.iloc[[some[7]]])
    np.testing.assert_allclose(model.predict(X.iloc[some])[7], alone, rtol=1e-5)
    assert first[0] == catchments[0].time[0]
    panel = catchments[0]
    hourly = Panel(
        panel.attributes,
        panel.forcing,
        time=pd.date_range("2000-10-01", periods=panel.n_times, freq="h"),
        forcing_names=panel.forcing_names,
    )
    for fitted in (model, make_lstm().fit(*catchments)):
        with pytest.raises(ValueError, match=r"steps of 1 days.*, but X has steps of 0 days 01:00"):
            fitted.predict(hourly)
    with pytest.raises(ValueError, match="HBVRegressor counts in days, but X has steps of 0 days"):
        HBVRegressor().fit(hourly, catchments[1].to_numpy())


@pytest.mark.parametrize("form", ["panel", "long"])
@pytest.mark.parametrize("name", ["discharge", "Flow_m3s", "q_mean"])
def test_a_target_among_the_inputs_is_warned_of(catchments, make_lstm, form, name):
    X, y = catchments
    if name == "q_mean":
        leaky = X.assign(attributes=X.attributes.assign(q_mean=y.mean(axis=1).to_numpy()))
    else:
        forcing = np.concatenate([X.forcing, y.to_numpy()[:, :, None]], axis=2)
        names = [*X.forcing_names, name]
        leaky = Panel(X.attributes, forcing, time=X.time, sites=X.sites, forcing_names=names)
    data = (leaky, y) if form == "panel" else leaky.to_long(y)
    for model in (make_lstm(), LinearComparator(random_state=0)):
        with pytest.warns(LeakageWarning, match=rf"X holds \['{name}'\].*keep_variables") as caught:
            model.fit(*data)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    meant = {"forcings": leaky.forcing_names, "attributes": leaky.attribute_names}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearComparator(random_state=0, **meant).fit(*data)


def test_days_that_lost_their_index_are_no_sites(long, make_lstm):
    X, y = long
    with pytest.raises(
        ValueError, match=r'no index \(site, time\).*set_output\(transform="pandas"'
    ):
        make_pipeline(StandardScaler(), make_lstm()).fit(X, y)
    scaled = make_pipeline(StandardScaler(), make_lstm()).set_output(transform="pandas").fit(X, y)
    assert scaled.predict(X).shape == y.shape


@pytest.fixture(scope="module")
def table():
    """A table with one row per site: numbers, texts and classes; and a target."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["slope", "rain"])
    X["cover"] = np.where(X["slope"] > 0, "forest", "grass")
    X["rock"] = pd.Categorical(np.where(X["rain"] > 0, "granite", "lime"))
    return X, X["slope"] + X["rain"]


def test_columns_that_are_no_numbers_are_named(table):
    X, y = table
    with pytest.raises(ValueError, match=r"no numbers: \['cover', 'rock'\].*get_dummies"):
        LinearComparator().fit(X, y)
    assert LinearComparator().fit(pd.get_dummies(X), y).score(pd.get_dummies(X), y) > 0.9
    digits = X[["slope", "rain"]].astype(object)
    assert LinearComparator().fit(digits, y).predict(digits).shape == y.shape


def test_a_target_in_another_order_than_its_table(table, recwarn):
    X, y = table[0][["slope", "rain"]], table[1]
    with pytest.warns(DataWarning, match=r"rows of X in another order.*`y.loc\[X.index\]`"):
        LinearComparator().fit(X, y.sample(frac=1, random_state=0))
    recwarn.clear()
    part = X.index[[7, 3, 5, 1]]
    for rows, target in ((X, y.to_numpy()), (X.to_numpy(), y[::-1]), (X.loc[part], y.loc[part])):
        LinearComparator().fit(rows, target)
    LinearComparator().fit(X.set_axis([f"s{i}" for i in X.index], axis=0), y)
    assert not recwarn.list


def test_features_of_days_are_no_table(catchments, make_transformer):
    X, y = catchments
    pipeline = make_pipeline(make_transformer(), LinearComparator())
    with pytest.raises(ValueError, match="three dimensions: features of days.*pool='mean'"):
        pipeline.fit(X, y)


def test_a_fitted_transformer_is_trained_anew_with_a_warning(
    catchments, make_transformer, make_streamflow
):
    X, y = catchments
    pretrained = make_transformer().fit(X)
    with pytest.warns(UserWarning, match=r"trained anew.*FrozenEstimator\(encoder\)"):
        make_streamflow(pretrained).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_streamflow(FrozenEstimator(pretrained)).fit(X, y)
