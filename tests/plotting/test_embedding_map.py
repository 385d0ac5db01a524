"""Features of sites in a plane: each site once, coloured by what is known of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk import StefaLandTransformer
from stefaland_sk.data import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.plotting import EmbeddingMapDisplay

IDS = pd.Index(["01", "02", "03", "04", "05"], name="site")


@pytest.fixture
def features():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(5, 4)), IDS)


@pytest.fixture
def panel():
    sites = pd.DataFrame({"region": ["a", "a", "b", "b", None]}, index=IDS)
    table = pd.DataFrame({"aridity": [0.5, 1.0, 1.5, np.nan, 2.5]}, index=IDS)
    return Panel(table, sites=sites, units={"aridity": "1"})


def test_without_projection_it_is_that_of_principal_components(features):
    display = EmbeddingMapDisplay.from_features(features)
    expected = PCA(2, svd_solver="full").fit_transform(features)
    np.testing.assert_allclose(display.frame()[["x", "y"]], expected)
    shares = PCA(2).fit(features).explained_variance_ratio_
    assert f"({100 * shares[0]:.2g} % of the variance)" in display.plot().ax_.get_xlabel()


def test_two_features_are_coordinates(features):
    frame = EmbeddingMapDisplay.from_features(features[[0, 1]]).frame()
    np.testing.assert_allclose(frame[["x", "y"]], features[[0, 1]])


def test_any_transformer_projects(features):
    projection = make_pipeline(StandardScaler(), PCA(3))
    display = EmbeddingMapDisplay.from_features(features, projection=projection)
    expected = PCA(3).fit_transform(StandardScaler().fit_transform(features))[:, :2]
    np.testing.assert_allclose(np.abs(display.frame()[["x", "y"]]), np.abs(expected))
    assert display.plot().ax_.get_xlabel() == "PCA 1"


def test_classes_are_counted_and_sites_without_one_are_crosses(features, panel):
    display = EmbeddingMapDisplay.from_features(features, "region", sites=panel).plot()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["unknown (n=1)", "a (n=2)", "b (n=2)"]
    assert display.ax_.get_legend().get_title().get_text() == "region"


def test_an_attribute_is_a_colour_bar_with_its_unit(features, panel):
    display = EmbeddingMapDisplay.from_features(features, "aridity", sites=panel).plot()
    bar = next(ax for ax in display.figure_.axes if ax is not display.ax_)
    assert bar.get_ylabel() == "aridity [-]"
    assert display.ax_.get_legend().get_texts()[0].get_text() == "unknown (n=1)"


def test_by_may_be_values_of_sites_in_any_form(features):
    values = [3, 1, 2, 1, 3]
    expected = EmbeddingMapDisplay.from_features(features, values).frame()
    series = pd.Series(values, IDS, name="cluster").iloc[::-1]
    display = EmbeddingMapDisplay.from_features(features, series)
    pd.testing.assert_frame_equal(display.frame(), expected)
    assert display.by == "cluster"
    display = EmbeddingMapDisplay.from_features(features, dict(zip(IDS, values, strict=True)))
    pd.testing.assert_frame_equal(display.frame(), expected)


@pytest.mark.parametrize(
    ("values", "n_classes"),
    [
        ([1, 1, 2, 2, 3], 3),
        ([1.0, 1.0, 2.0, np.nan, 2.0], 2),
        ([True, False, True, True, False], 2),
        (pd.Categorical(list("aabbc")), 3),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None),
    ],
)
def test_whole_numbers_of_few_kinds_are_classes(features, values, n_classes):
    by = pd.Series(values, IDS, name="kind")
    display = EmbeddingMapDisplay.from_features(features, by).plot()
    if n_classes is None:
        assert len(display.figure_.axes) == 2, "a colour bar"
    else:
        names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert len([name for name in names if "unknown" not in name]) == n_classes


def test_sites_with_missing_features_are_counted_and_not_drawn(features):
    features.iloc[0, 0] = np.nan
    display = EmbeddingMapDisplay.from_features(features).plot()
    assert display.frame()["x"].isna().tolist() == [True, False, False, False, False]
    assert display.ax_.get_title(loc="left") == "1 site with missing features not shown"


def test_arrays_take_their_sites_from_the_panel(features, panel):
    display = EmbeddingMapDisplay.from_features(features.to_numpy(), "region", sites=panel)
    assert list(display.frame().index) == list(IDS)


def test_from_estimator_shows_what_a_pretrained_model_makes_of_sites():
    X, _ = make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)
    model = StefaLandTransformer(max_epochs=1, pool="mean", random_state=0).fit(X)
    display = EmbeddingMapDisplay.from_estimator(model, X, "region")
    expected = PCA(2, svd_solver="full").fit_transform(model.transform(X))
    np.testing.assert_allclose(display.frame()[["x", "y"]], expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(n_sites, n_features\); got \(5, 365, "):
        EmbeddingMapDisplay.from_estimator(model.set_params(pool=None), X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "region"}, "`by`='region' is a name; give `sites`"),
        ({"by": [1, 2]}, "`by` has 2 values, but there are 5 sites"),
        ({"by": {"01": 1}}, "`by` has no entry for 4 of 5 sites"),
        ({"projection": PCA(1)}, r"`projection` must give two columns; .* \(5, 1\)"),
    ],
)
def test_what_does_not_fit_is_named(features, arguments, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingMapDisplay.from_features(features, **arguments)


def test_unknown_names_and_forms_are_errors(features, panel):
    with pytest.raises(ValueError, match="`by`='soil' is neither a column .* nor an attribute"):
        EmbeddingMapDisplay.from_features(features, "soil", sites=panel)
    with pytest.raises(ValueError, match="4 rows of features, but `sites` holds 5 sites"):
        EmbeddingMapDisplay.from_features(features.to_numpy()[:4], sites=panel)
    with pytest.raises(ValueError, match="Site '01' has several rows of features"):
        EmbeddingMapDisplay.from_features(pd.concat([features, features]))
    with pytest.raises(ValueError, match="needs at least two features"):
        EmbeddingMapDisplay.from_features(features[[0]])
    with pytest.raises(ValueError, match="Only 2 sites of 5 have all features"):
        EmbeddingMapDisplay.from_features(features.assign(x=[1, 2, None, None, None]))


def test_too_many_classes_are_refused():
    features = np.random.default_rng(0).normal(size=(50, 3))
    display = EmbeddingMapDisplay.from_features(features, [f"class {i}" for i in range(50)])
    with pytest.raises(ValueError, match="`by` has 50 classes; at most 36"):
        display.plot()
