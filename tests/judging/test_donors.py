"""Donors are those most alike; models trained on them, and flow lent by them."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import LinearComparator, StefaLandTransformer
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.encoders import SiteEmbeddingEncoder
from stefaland_sk.judging import DonorRegressor, DonorSelector, donor_scaling_curve

from .conftest import RainShare, make_sites


def table(values, ids):
    return pd.DataFrame({"aridity": values}, index=list(ids))


# ---------------------------------------------------------------------- who
def test_donors_are_sorted_by_likeness_and_explained():
    donors = pd.DataFrame({"wet": [0.0, 1.0, 2.0, 9.0], "flat": [1.0, 1.0, 2.0, 0.0]}, list("abcd"))
    found = DonorSelector(2).fit(donors).select(pd.DataFrame({"wet": [2.1], "flat": [2.0]}, ["x"]))
    assert found.donors.tolist() == [["c", "b"]]
    frame = found.frame(n_features=1)
    assert frame["rank"].tolist() == [1, 2]
    assert frame["differs_by"].iloc[1] == "flat +1.4"
    assert "differs_by" not in found.frame(n_features=0)


def test_the_scale_is_that_of_the_donors():
    donors = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1000.0]}, index=["p", "q"])
    target = pd.DataFrame({"a": [0.9], "b": [400.0]}, index=["x"])
    assert DonorSelector(1).fit(donors).select(target).donors[0, 0] == "q"


def test_a_missing_attribute_counts_as_average():
    donors = table([0.0, 4.0, 8.0], "abc")
    assert DonorSelector(1).fit(donors).select(table([np.nan], "x")).donors[0, 0] == "b"


def test_what_a_site_gets_does_not_depend_on_others(catchments):
    X, _ = catchments
    for features in (None, "place", "random", ["slope"]):
        selector = DonorSelector(4, features=features, random_state=0).fit(X[:30])
        together = selector.select(X[30:]).positions
        assert (selector.select(X[[35]]).positions == together[5]).all()
        assert len(set(together[5])) == 4


def test_random_donors_follow_the_seed(catchments):
    X, _ = catchments
    draws = [
        DonorSelector(5, features="random", random_state=s).fit(X).select(X).positions
        for s in (0, 0, 1)
    ]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()
    assert len({tuple(row) for row in draws[0]}) > 1


def test_places_are_compared_in_kilometres():
    sites = pd.DataFrame({"lat": [0.0, 0.0], "lon": [0.0, 1.0]}, index=["a", "b"])
    found = DonorSelector(2, features="place").fit(sites).select(sites[:1])
    np.testing.assert_allclose(found.distances, [[0.0, 111.19]], atol=0.01)


def test_the_site_itself_or_its_region_can_be_excluded(catchments):
    X, _ = catchments
    alone = DonorSelector(3, exclude="site").fit(X).select(X)
    assert not (alone.donors == np.asarray(X.site_ids)[:, None]).any()
    found = DonorSelector(None, exclude="region").fit(X).select(X)
    region = X.sites["region"].to_numpy()
    assert found.positions.shape == (40, 30)
    assert (region[found.positions] != region[:, None]).all()


@pytest.mark.parametrize("kind", ["frame", "encoder", "transformer", "function"])
def test_embeddings_and_learned_features_stand_in_for_attributes(kind):
    X, _ = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    vectors = pd.DataFrame(np.random.default_rng(0).random((6, 3)), index=X.site_ids)
    vectors.index.name = "site"
    features = {
        "frame": vectors,
        "encoder": SiteEmbeddingEncoder(vectors),
        "function": lambda X: vectors.loc[X.site_ids].to_numpy(),
    }
    if kind == "transformer":
        small = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_feedforward": 8, "window": 60}
        features[kind] = StefaLandTransformer(**small, max_epochs=1, pool="mean").fit(X)
    found = DonorSelector(2, features=features[kind], metric="cosine").fit(X[:5]).select(X[5:])
    assert found.positions.shape == (1, 2)
    if kind != "transformer":
        scaled = (vectors - vectors[:5].mean()) / vectors[:5].std(ddof=0)
        unit = scaled.div(np.linalg.norm(scaled, axis=1), axis=0).to_numpy()
        np.testing.assert_allclose(found.distances[0], np.sort(1 - unit[:5] @ unit[5])[:2], 1e-5)


# ---------------------------------------------------------------------- predict by them
def test_flow_is_lent_by_distance_and_in_proportion():
    X, y = make_sites(3, n_times=40)
    wide = X.assign(attributes=pd.DataFrame({"area": [1.0, 2.0, 4.0]}, index=X.site_ids))
    twin = DonorRegressor(n_donors=1).fit(wide[:2], y[:2]).predict(wide[[1]])
    np.testing.assert_allclose(twin, y[1:2], rtol=1e-6)
    model = DonorRegressor(n_donors=2, weights="uniform", scale_by="area").fit(wide[:2], y[:2])
    expected = (4 * y.iloc[0] + 2 * y.iloc[1]) / 2
    np.testing.assert_allclose(model.predict(wide[2:])[0], expected, rtol=1e-5)


def test_days_without_donors_get_the_mean_of_that_day_of_the_year():
    X, y = make_sites(2, n_times=740)
    y = y.copy()
    y.iloc[:, 370:] = np.nan
    model = DonorRegressor(n_donors=1).fit(X[:1], y[:1])
    predicted = model.predict(X[1:])[0]
    assert np.isfinite(predicted).all()
    # 2000 was a leap year: day 400 is the same day of the year as day 34.
    np.testing.assert_allclose(predicted[400], y.iloc[0, 34], rtol=1e-6)
    later = X[1:].sel_time("2002-01-01")
    assert np.isfinite(model.predict(later)).all()


def test_long_table_and_panel_get_the_same_loan(catchments):
    X, y = catchments
    rows, flow = X.to_long(y)
    panel = DonorRegressor(n_donors=3, scale_by="prcp").fit(X[:30], y[:30]).predict(X[30:])
    known = rows.index.get_level_values("site").isin(X.site_ids[:30])
    long = DonorRegressor(n_donors=3, scale_by="prcp").fit(rows[known], flow[known])
    np.testing.assert_allclose(long.predict(rows[~known]), panel.ravel(), rtol=1e-5)


def test_a_model_is_trained_on_the_donors_of_each_site(catchments):
    X, y = catchments
    trained = []

    class Spy(RainShare):
        def fit(self, X, y):
            trained.append(set(X.site_ids))
            return super().fit(X, y)

    model = DonorRegressor(Spy(), n_donors=6, exclude="site").fit(X, y)
    assert not trained
    model.predict(X[:3])
    selection = model.selector_.select(X[:3])
    assert sorted(map(sorted, trained)) == sorted(sorted(row) for row in selection.donors)


def test_sites_without_observations_do_not_lend(catchments):
    X, y = catchments
    y = y.copy()
    y.iloc[:30] = np.nan
    model = DonorRegressor(n_donors=2).fit(X, y)
    assert list(model.selector_.donor_ids_) == list(X.site_ids[30:])
    assert np.isfinite(model.score(X[30:], y[30:]))


def test_curve_is_tidy_and_all_donors_are_the_same_by_any_likeness():
    X, y = make_catchments(n_sites=9, n_years=1, n_regions=3, random_state=0)
    model = LinearComparator(lags=0, rolling=7, max_rows=500, random_state=0)
    curve = donor_scaling_curve(model, X, y, n_donors=(2, None), targets=X.site_ids[:2])
    assert curve.columns.tolist() == [
        "site", "features", "n_donors", "mean_distance", "metric", "value"
    ]  # fmt: skip
    assert len(curve) == 2 * 2 * 2
    every = curve[curve["n_donors"] == 8].pivot(index="site", columns="features", values="value")
    assert (every["attributes"] == every["random"]).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_donors": 50}, ValueError, "`n_donors`=50 is more than the 40 sites"),
        ({"n_donors": 0}, ValueError, r"`n_donors` must lie in \[1"),
        ({"metric": "manhattan"}, ValueError, "`metric` must be one of"),
        ({"exclude": "country"}, ValueError, "`exclude` must be one of"),
        ({"features": "climate"}, ValueError, r"`features` must be one of \['place', 'random'\]"),
        ({"features": ["elevation"]}, ValueError, r"`features` names \['elevation'\], which X has"),
        ({"features": 3}, TypeError, "`features` must be None, a list .* Got int"),
        ({"features": pd.DataFrame({"a": [1.0]}, ["0000"])}, ValueError, "no row for 39 of 40"),
        ({"features": pd.DataFrame({"a": [1, 2]}, ["1", 1])}, ValueError, "several rows for site"),
        ({"features": lambda X: np.ones(3)}, ValueError, "one row of numbers for each of the 40"),
    ],
)
def test_mistakes_are_told(catchments, settings, error, message):
    with pytest.raises(error, match=message):
        DonorSelector(**settings).fit(catchments[0])


def test_what_is_missing_in_X_is_told(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match="needs the latitude and longitude of each site"):
        DonorSelector(2, features="place").fit(X.attributes)
    nowhere = X.assign(sites=X.sites.assign(lat=np.nan))
    with pytest.raises(ValueError, match="does not tell where any of its 40 sites lies"):
        DonorSelector(2, features="place").fit(nowhere)
    bare = X.keep_variables(attributes=[])
    with pytest.raises(ValueError, match="compares sites by their attributes, and X has none"):
        DonorSelector(2).fit(bare)
    with pytest.raises(ValueError, match=r"X lacks 1 of the 2 features .*\['slope'\]"):
        DonorSelector(2).fit(X).select(X.keep_variables(attributes=["area"]))
    with pytest.raises(ValueError, match=r"`exclude`='region' leaves for some"):
        DonorSelector(35, exclude="region").fit(X).select(X)
    odd = X.assign(attributes=X.attributes.assign(slope=-1.0))
    with pytest.raises(ValueError, match="'slope' must be positive at each site; it is -1 at site"):
        DonorRegressor(scale_by="slope").fit(odd, y)
    with pytest.raises(ValueError, match=r"`scale_by` must be one of \['area', 'slope', 'prcp'\]"):
        DonorRegressor(scale_by="volume").fit(X, y)
    with pytest.raises(ValueError, match="at least one observed target"):
        DonorRegressor().fit(X, y * np.nan)
    with pytest.raises(ValueError, match="was fitted on sites with series, but X is of another"):
        DonorRegressor().fit(X, y).predict(X.attributes)
    with pytest.raises(ValueError, match="`targets` names 1 sites that X has not"):
        donor_scaling_curve(RainShare(), X, y, targets=["nowhere"])
    with pytest.raises(ValueError, match="`n_donors`=100 is more than the 39 donors that site"):
        donor_scaling_curve(RainShare(), X, y)
    with pytest.raises(TypeError, match="`features` must be a dict from a name to features"):
        donor_scaling_curve(RainShare(), X, y, features="attributes")


def test_likeness_finds_better_donors_than_chance_at_real_basins(shared_data):
    X, y = load_camels_us(shared_data / "camels_us", period=("2000-10-01", "2001-09-30"))
    scores = {
        name: DonorRegressor(n_donors=4, features=kind, random_state=0)
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for name, kind in {"attributes": None, "place": "place", "random": "random"}.items()
    }
    assert scores["place"] > scores["attributes"] > scores["random"] + 0.1
