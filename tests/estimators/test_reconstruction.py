"""Reconstruction: what is filled and what stays, and how well each variable is met."""

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import StefaLandTransformer
from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.data import Panel, find_segments
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators._reconstruction import Reconstructor, hide_variables


@pytest.fixture(scope="module")
def pretrained(catchments, make_transformer):
    return make_transformer(max_epochs=2, lr=1e-2).fit(catchments[0])


@pytest.fixture(scope="module")
def learned():
    """A model that knows: its attributes and forcing all follow from one number per site."""
    X = linked_panel(60)
    model = StefaLandTransformer(
        d_model=16, patch=1, n_layers=1, n_heads=2, d_feedforward=32, d_embedding=8,
        window=20, span=(3, 8), max_epochs=15, lr=1e-2, random_state=0, categorical=["class"],
    )  # fmt: skip
    return model.fit(X)


def linked_panel(n_sites, seed=0):
    """Sites whose variables all follow from one hidden number."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n_sites)
    forcing = hidden[:, None, None] * [2.0, -10.0] + [5.0, 0.0] + rng.normal(0, 0.1, (1, 40, 1))
    table = pd.DataFrame(
        {
            "one": 100 + 30 * hidden,
            "two": -hidden,
            "three": 3 * hidden,
            "class": np.where(hidden > 0, 7.0, 4.0),
        },
        index=[f"site {i}" for i in range(n_sites)],
    )
    return Panel(
        table,
        forcing.astype(np.float32),
        time=pd.date_range("2000-10-01", periods=40),
        forcing_names=["rain", "cold"],
        units={"rain": "mm/d", "cold": "degC", "one": "m"},
        groups={"pair": ["one", "two"]},
        sites=pd.DataFrame({"region": "somewhere"}, index=table.index),
    )


def change(panel, *, forcing=None, attributes=None, **others):
    """Give the panel with other values."""
    return Panel(
        panel.attributes if attributes is None else attributes,
        panel.forcing if forcing is None else forcing,
        **{
            "time": panel.time,
            "forcing_names": panel.forcing_names,
            "units": panel.units,
            "groups": panel.groups,
            "sites": panel.sites,
            **others,
        },
    )


# ---------------------------------------------------------------------- filling
def test_visible_values_stay_and_missing_ones_are_filled(catchments, pretrained):
    X, _ = catchments
    forcing, table = X.forcing.copy(), X.attributes
    gone = np.random.default_rng(0).random(forcing.shape) < 0.2
    forcing[gone] = np.nan
    table.iloc[1, 3] = table.iloc[4, 0] = np.nan
    filled = pretrained.reconstruct(change(X, forcing=forcing, attributes=table))
    assert np.isfinite(filled.forcing).all()
    assert np.isfinite(filled.attributes).all(axis=None)
    np.testing.assert_array_equal(filled.forcing[~gone], forcing[~gone])
    assert filled.attributes.where(table.notna()).equals(table)
    assert filled.units == X.units
    assert filled.groups == X.groups
    pd.testing.assert_frame_equal(filled.sites, X.sites)


def test_hidden_values_come_from_the_rest(catchments, pretrained):
    X, _ = catchments
    filled = pretrained.reconstruct(X, hide=["prcp", "soil", "aridity"])
    hidden = {"prcp", "aridity", *X.groups["soil"]}
    for name in X.forcing_names + X.attribute_names:
        same = np.array_equal(filled.variable(name), X.variable(name))
        assert same == (name not in hidden), name


def test_what_is_hidden_does_not_enter(catchments, pretrained):
    X, _ = catchments
    hide = ["tmax", "climate"]
    forcing = X.forcing.copy()
    forcing[:, :, X.forcing_names.index("tmax")] = 99.0
    other = change(X, forcing=forcing, attributes=X.attributes.assign(p_mean=-5.0))
    one, two = (pretrained.reconstruct(panel, hide=hide) for panel in (X, other))
    np.testing.assert_array_equal(one.forcing, two.forcing)
    pd.testing.assert_frame_equal(one.attributes, two.attributes)


def test_a_model_that_knows_fills_in_the_truth(learned):
    X = linked_panel(20, seed=1)
    filled = learned.reconstruct(X, hide=["pair", "rain", "class"])
    for name in ("one", "two"):
        assert np.corrcoef(filled.variable(name), X.variable(name))[0, 1] > 0.9
    error = np.abs(filled.variable("one") - X.variable("one")).mean()
    assert error < 0.5 * X.variable("one").std()  # in metres, not in scaled units
    rain = np.abs(filled.variable("rain") - X.variable("rain")).mean()
    assert rain < 0.5 * X.variable("rain").std()
    assert set(filled.variable("class")) == {4.0, 7.0}
    assert (filled.variable("class") == X.variable("class")).mean() > 0.8


def test_reconstructions_are_in_the_units_of_x(learned):
    X = linked_panel(6, seed=1)
    forcing = X.forcing * [24.0, 1.0] ** np.array([-1, 1]) + [0.0, 273.15]
    units = {"rain": "mm/h", "cold": "K", "one": "km"}
    other = change(
        X, forcing=forcing, attributes=X.attributes.assign(one=X.attributes["one"] / 1000),
        units=units,
    )  # fmt: skip
    hide = ["one", "rain", "cold"]
    one, two = learned.reconstruct(X, hide=hide), learned.reconstruct(other, hide=hide)
    np.testing.assert_allclose(two.variable("rain"), one.variable("rain") / 24, rtol=1e-4)
    np.testing.assert_allclose(two.variable("cold"), one.variable("cold") + 273.15, rtol=1e-5)
    np.testing.assert_allclose(two.variable("one"), one.variable("one") / 1000, rtol=1e-5)
    assert two.units == units


def test_variables_that_x_lacks_come_in_the_units_of_the_model(learned):
    X = linked_panel(6, seed=1)
    less = change(
        X,
        forcing=X.forcing[:, :, :1],
        forcing_names=["rain"],
        attributes=X.attributes[["class", "one", "three"]].assign(unknown=1.0),
        units={"rain": "mm/d"},
        groups=None,
    )
    with pytest.warns(DataWarning, match="X lacks 2 of the 6 variables"):
        filled = learned.reconstruct(less)
    assert filled.forcing_names == ["rain", "cold"]
    assert filled.attribute_names == ["one", "two", "three", "class"]
    assert filled.units == {"rain": "mm/d", "cold": "degC", "one": "m"}
    assert filled.groups == {"pair": ["one", "two"]}
    np.testing.assert_array_equal(filled.variable("rain"), X.variable("rain"))
    assert np.isfinite(filled.variable("cold")).all()


def test_gaps_shorter_than_a_window_are_filled_and_longer_ones_are_not(catchments, pretrained):
    X, _ = catchments
    forcing = X.forcing.copy()
    forcing[0, 100:140] = np.nan  # the window has 60 days
    forcing[1, 100:180] = np.nan
    forcing[2, :30] = np.nan
    forcing[3] = np.nan
    table = X.attributes
    table.iloc[3, 5] = np.nan
    filled = pretrained.reconstruct(change(X, forcing=forcing, attributes=table))
    there = np.isfinite(filled.forcing).all(axis=2)
    expected = np.ones(X.shape[:2], dtype=bool)
    expected[1, 100:180] = expected[2, :30] = expected[3] = False
    np.testing.assert_array_equal(there, expected)
    assert np.isfinite(filled.attributes.iloc[3, 5])  # from the other attributes


def test_a_site_is_filled_alike_alone_and_with_others(catchments, pretrained):
    X, _ = catchments
    forcing = X.forcing.copy()
    forcing[2, 50:60] = np.nan
    X = change(X, forcing=forcing)
    together, alone = (pretrained.reconstruct(part, hide=["soil"]) for part in (X, X[[2]]))
    np.testing.assert_array_equal(alone.forcing[0], together.forcing[2])
    np.testing.assert_array_equal(alone.attributes.iloc[0], together.attributes.iloc[2])


def test_tables_are_filled_too(catchments, pretrained, make_transformer):
    X, _ = catchments
    table = X.attributes
    table.iloc[2, 2] = np.nan
    only = make_transformer().fit(X.attributes)
    for model in (pretrained, only):
        filled = model.reconstruct(table)
        assert filled.time is None
        assert filled.n_forcings == 0
        assert np.isfinite(filled.attributes.iloc[2, 2])
        assert filled.attributes.where(table.notna()).equals(table)


def test_a_long_table_gives_a_panel(catchments, pretrained):
    X, _ = catchments
    filled = pretrained.reconstruct(X.to_long(), hide="prcp")
    expected = pretrained.reconstruct(X, hide=["prcp"])
    np.testing.assert_allclose(filled.variable("prcp"), expected.variable("prcp"), rtol=1e-5)


def test_variables_under_other_names_are_filled_under_the_models(catchments, pretrained):
    X, _ = catchments
    other = change(
        X,
        forcing_names=["rain", *X.forcing_names[1:]],
        units={("rain" if name == "prcp" else name): unit for name, unit in X.units.items()},
    )
    encoder = pretrained.encoder_.with_variable_map({"prcp": "rain"})
    model = StefaLandTransformer.from_encoder(encoder, variable_map={"prcp": "rain"})
    filled = model.reconstruct(other, hide=["aridity"])
    assert filled.forcing_names == X.forcing_names
    np.testing.assert_array_equal(filled.forcing, X.forcing)
    expected = pretrained.reconstruct(X, hide=["aridity"]).variable("aridity")
    np.testing.assert_array_equal(filled.variable("aridity"), expected)


def test_an_unknown_name_to_hide_is_refused(catchments, pretrained):
    X, _ = catchments
    with pytest.raises(ValueError, match=r"`hide` names 'snow', which is neither.*groups \['topo"):
        pretrained.reconstruct(X, hide=["snow"])


def test_what_was_never_hidden_is_not_reconstructed(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(never_hidden=["p_mean"]).fit(X)
    with pytest.raises(ValueError, match=r"`hide` names \['p_mean'\], which pretraining never"):
        model.reconstruct(X, hide=["p_mean"])
    table = X.attributes
    table.iloc[0, [X.attribute_names.index(name) for name in ("p_mean", "aridity")]] = np.nan
    filled = model.reconstruct(change(X, attributes=table), hide=["climate"])
    assert np.isnan(filled.attributes.loc[X.site_ids[0], "p_mean"])
    assert np.isfinite(filled.attributes["aridity"]).all()
    assert filled.attributes["p_mean"].iloc[1:].equals(table["p_mean"].iloc[1:])
    assert "p_mean" not in set(model.score_variables(X)["variable"])
    assert np.isfinite(model.score(X))


def test_too_few_variables_are_refused(catchments, pretrained):
    X, _ = catchments
    with pytest.raises(CheckpointError, match="`min_coverage`=0.5 asks for more"):
        pretrained.reconstruct(X.keep_variables(["prcp"]))


def test_each_step_is_made_by_one_window_with_a_past(catchments, pretrained):
    X, _ = catchments
    encoder = pretrained.encoder_
    run, inputs = Reconstructor(encoder, "cpu"), encoder.scale(X[:1])
    hide = hide_variables(np.arange(6) == 0, np.zeros(26, dtype=bool))
    zeros = np.zeros(1, dtype=np.int64), np.zeros(X.n_times, dtype=np.int64)
    counts = np.zeros(X.n_times, dtype=int)
    for lot in run.lots(inputs, zeros, hide, overlap=True, alone=True):
        _, n = lot.errors(run.loss)
        new = lot.windows[:, 1] + lot.windows[:, 2] - lot.windows[:, 3]
        assert n[0] == new.sum()
        assert n[1:].sum() == 0
        for _, start, length, fresh in lot.windows:
            counts[fresh : start + length] += 1
    assert (counts == 1).all()
    assert len(find_segments(inputs.present)) == 1


# ---------------------------------------------------------------------- scores
def test_scores_say_what_reconstruct_gives(learned):
    X = linked_panel(12, seed=2)
    table = learned.score_variables(X).set_index("variable")
    assert table["role"].to_dict() == {
        "rain": "forcing", "cold": "forcing",
        "one": "attribute", "two": "attribute", "three": "attribute", "class": "attribute",
    }  # fmt: skip
    for name, hide in (("rain", ["rain"]), ("one", ["pair"]), ("three", ["three"])):
        true, made = X.variable(name), learned.reconstruct(X, hide=hide).variable(name)
        scaler = learned.encoder_.scaler
        names = scaler.forcing_names + scaler.attribute_names
        means = np.concatenate([scaler.forcing_mean, scaler.attribute_mean])
        mean = means[names.index(name)]
        assert table.loc[name, "rmse"] == pytest.approx(np.sqrt(np.mean((made - true) ** 2)), 1e-3)
        skill = 1 - np.mean((made - true) ** 2) / np.mean((mean - true) ** 2)
        assert table.loc[name, "skill"] == pytest.approx(skill, abs=1e-3)
        assert table.loc[name, "n"] == true.size
    made = learned.reconstruct(X, hide=["class"]).variable("class")
    wrong, rarer = (
        (made != X.variable("class")).sum(),
        min(np.unique(X.variable("class"), return_counts=True)[1]),
    )
    assert table.loc["class", "skill"] == pytest.approx(1 - wrong / rarer)
    assert np.isnan(table.loc["class", "rmse"])
    assert table.loc["one", ["group", "unit"]].tolist() == ["pair", "m"]
    assert table.loc["three", ["group", "unit"]].isna().all()
    assert (table.loc[["rain", "one", "two", "three"], "skill"] > 0.5).all()


def test_spans_leave_days_of_the_variable_itself(catchments, pretrained):
    X, _ = catchments
    whole = pretrained.score_variables(X).set_index("variable")
    spans = pretrained.score_variables(X, spans=True).set_index("variable")
    n_days = X.n_sites * X.n_times
    assert (whole.loc[X.forcing_names, "n"] == n_days).all()
    n = spans.loc[X.forcing_names, "n"]
    assert ((n > 0.3 * n_days) & (n < 0.7 * n_days)).all()
    pd.testing.assert_frame_equal(whole.loc[X.attribute_names], spans.loc[X.attribute_names])


def test_scores_of_parts_are_those_of_the_whole(catchments, pretrained):
    X, _ = catchments
    whole, parts = pretrained.score_variables(X), pretrained.score_variables([X[:1], X[1:]])
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-5, atol=1e-6)


def test_a_variable_that_is_nowhere_has_no_score(catchments, pretrained):
    X, _ = catchments
    less = X.keep_variables(X.forcing_names[1:], X.attribute_names[1:])
    with pytest.warns(DataWarning, match="X lacks 2 of the 32 variables"):
        table = pretrained.score_variables(less).set_index("variable")
    for name in ("prcp", "elev_mean"):
        assert table.loc[name, "n"] == 0
        assert table.loc[name, ["rmse", "skill"]].isna().all()


def test_scores_of_a_table(catchments, make_transformer):
    table = catchments[0].attributes
    scores = make_transformer().fit(table).score_variables(table)
    assert list(scores["variable"]) == list(table.columns)
    assert np.isfinite(scores["skill"]).all()


def test_an_imported_network_is_scored_as_well(catchments, pretrained):
    X, _ = catchments
    one = pretrained.encoder_
    bare = StefaLandEncoder(one.module, one.scaler, one.window, groups=one.groups)
    model = StefaLandTransformer.from_encoder(bare, pool="mean")
    assert model.score(X) == pretrained.score(X)
    assert model.transform(X).shape == (6, 8)


def test_scoring_draws_nothing_from_torchs_generator(catchments, pretrained):
    X, _ = catchments
    state = torch.random.get_rng_state()
    pretrained.score(X)
    pretrained.score_variables(X, spans=True)
    assert torch.equal(torch.random.get_rng_state(), state)
