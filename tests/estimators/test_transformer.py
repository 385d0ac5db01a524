"""Pretraining: masks, corpora, going on; features in all their forms; files."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk import StefaLandTransformer
from stefaland_sk._core import CheckpointError, DataWarning, LeakageWarning
from stefaland_sk.data import Panel, get_variable_set
from stefaland_sk.data._lazy import LazyForcing
from stefaland_sk.encoders import FeatureCache, StefaLandEncoder
from stefaland_sk.estimators import _pretraining


@pytest.fixture(scope="module")
def pretrained(catchments, make_transformer):
    return make_transformer().fit(catchments[0])


@pytest.fixture
def datasets(monkeypatch):
    """The data sets that trainings are given from here on: pairs of training and validation."""
    seen, train = [], _pretraining.train_network

    def spy(module, dataset, valid, criterion, plan):
        seen.append((dataset, valid))
        return train(module, dataset, valid, criterion, plan)

    monkeypatch.setattr(_pretraining, "train_network", spy)
    return seen


def masks_of(batches, name="forcing_hidden"):
    """Masks of one pass."""
    return torch.cat([inputs[name] for inputs, _ in batches])


def rename(panel, prefix):
    """Give the sites of a panel other identifiers."""
    ids = [f"{prefix}{site}" for site in panel.site_ids]
    return Panel(
        panel.attributes.set_axis(ids),
        None if panel.time is None else panel.forcing,
        time=panel.time,
        forcing_names=panel.forcing_names or None,
        units=panel.units,
        groups=panel.groups,
    )


def lazy(panel, chunk=2):
    """Give a panel whose forcing is read as it is asked for."""
    pytest.importorskip("dask")
    return Panel.from_xarray(panel.to_xarray().chunk({"site": chunk}))


def weights_of(model):
    """All weights of a model in one array."""
    state = model.encoder_.module.state_dict()
    return np.concatenate([value.numpy().ravel() for value in state.values()])


# ---------------------------------------------------------------------- pretraining
def test_reconstruction_improves(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(max_epochs=25, lr=1e-2, forcing_ratio=0.3).fit(X)
    losses = [row["train_loss"] for row in model.history_]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert model.score(X) > make_transformer(max_epochs=0).fit(X).score(X)


def test_attributes_of_a_group_are_hidden_together(catchments, make_transformer, datasets):
    X, _ = catchments
    make_transformer(groups={"both": ["p_mean", "aridity"]}).fit(X)
    hidden = masks_of(datasets[0][0].batches(64), "attributes_hidden")
    first, second = (X.attribute_names.index(name) for name in ("p_mean", "aridity"))
    assert torch.equal(hidden[:, first], hidden[:, second])
    assert hidden[:, first].any()
    assert not hidden[:, first].all()


def test_forcing_of_a_group_shares_its_spans(catchments, make_transformer, datasets):
    X, _ = catchments
    model = make_transformer(groups={"temperature": ["tmax", "tmin", "p_mean"]}).fit(X)
    hidden = masks_of(datasets[0][0].batches(64))
    assert torch.equal(hidden[:, :, 2], hidden[:, :, 3])
    assert not torch.equal(hidden[:, :, 0], hidden[:, :, 2])
    assert model.encoder_.groups == {"temperature": ["tmax", "tmin", "p_mean"]}


def test_a_variable_set_names_groups_and_what_is_always_shown(
    catchments, make_transformer, datasets
):
    X, _ = catchments
    model = make_transformer(groups="camels_paper").fit(X)
    assert model.encoder_.groups == get_variable_set("camels_paper").groups_in(X.attribute_names)
    hidden = masks_of(datasets[0][0].batches(64), "attributes_hidden")
    assert not hidden[:, X.attribute_names.index("area_gages2")].any()
    assert model.encoder_.training["never_hidden"] == ["area_gages2"]


def test_what_is_never_hidden_is_shown(catchments, make_transformer, datasets):
    X, _ = catchments
    make_transformer(never_hidden=["p_mean"]).fit(X)
    hidden = masks_of(datasets[0][0].batches(64), "attributes_hidden")
    assert not hidden[:, X.attribute_names.index("p_mean")].any()
    assert hidden.any()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"groups": {"soil": ["sand"]}}, r"`groups\['soil'\]` must be one of .* Got 'sand'"),
        ({"groups": {"a": ["aridity"], "b": ["aridity"]}}, "`groups` holds 'aridity' twice"),
        ({"groups": "no set"}, "`groups` must name a variable set, or be a dict.*'camels'"),
        ({"groups": "soil_moisture"}, "`groups`='soil_moisture' has none of the attributes of X"),
        ({"never_hidden": ["sand"]}, "`never_hidden` must be one of .* Got 'sand'"),
        ({"categorical": ["sand"]}, "`categorical` names 'sand', which is no attribute"),
        ({"categorical": ["no_variety"]}, "`categorical` names 'no_variety', which has 1 class"),
        ({"variable_weights": {"sand": 2}}, "`variable_weights` must be one of .* Got 'sand'"),
        ({"variable_weights": [1, 2]}, "`variable_weights` must be a dict .*'learned' or None"),
        ({"pool": "max"}, r"`pool` must be one of \[None, 'static', .*\]. Got 'max'"),
        ({"sampler": "odd"}, "`sampler` must be one of"),
        ({"decoder": "odd"}, "`decoder` must be one of"),
        ({"error_scale": "odd"}, "`error_scale` must be one of"),
        ({"d_model": 9}, "d_model"),
        ({"patch": 0}, "`patch` must lie in"),
        ({"window": 0}, r"`window` must lie in \[1, inf\). Got 0"),
        ({"window": 999}, "`window`=999 is longer than every record of the corpus"),
        ({"memory": 0}, "`memory` must lie in"),
        ({"min_coverage": 2}, "`min_coverage` must lie in"),
        ({"n_components": 0}, "`n_components` must lie in"),
        ({"n_components": 9}, "`n_components` must not exceed `d_model`=8. Got 9"),
        ({"n_components": 7, "pool": "mean"}, "asks for more than the 6 vectors of features"),
        ({"lr": 0}, r"`lr` must lie in \(0, inf\). Got 0"),
        ({"batch_size": 2.5}, "`batch_size`"),
        ({"early_stopping": "maybe"}, "`early_stopping` must be one of"),
        ({"precision": "half"}, "`precision` must be one of"),
        ({"device": "abacus"}, r"`device`='abacus' is not at hand here.*device='auto' or 'cpu'"),
        ({"extra": "more"}, "`extra` must be a list of panels or DataFrames. Got str"),
        ({"extra": [1]}, r"`extra\[0\]` must be a Panel, or a DataFrame.*Got int"),
        ({"forcings": ["snow"]}, "`forcings` must be one of .* Got 'snow'"),
        (
            {"checkpoint": "half.done", "random_state": None},
            "`checkpoint` needs a `random_state`",
        ),
    ],
)
def test_wrong_parameters_are_named(catchments, make_transformer, params, message):
    X, _ = catchments
    X = X.assign(attributes=X.attributes.assign(no_variety=1.0))
    with pytest.raises((ValueError, TypeError), match=message):
        make_transformer(**params).fit(X)


@pytest.mark.parametrize(
    "params",
    [
        {"decoder": "transformer"},
        {"patch": 8},
        {"sampler": "code"},
        {"sampler": "paper"},
        {"error_scale": "site"},
        {"variable_weights": {"prcp": 3.0, "aridity": 0.0}},
        {"precision": "bf16"},
        {"attribute_ratio": 0.9, "span": (5, 20)},
    ],
    ids=str,
)
def test_every_variant_trains_and_gives_features(catchments, make_transformer, params):
    X, _ = catchments
    model = make_transformer(**params).fit(X)
    assert np.isfinite(model.history_[-1]["train_loss"])
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.score(X))


def test_fixed_weights_change_what_is_learned_and_are_kept(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(variable_weights={"prcp": 3.0}).fit(X)
    assert model.variable_weights_["prcp"] == 3.0
    assert model.variable_weights_["aridity"] == 1.0
    assert not np.array_equal(weights_of(model), weights_of(make_transformer().fit(X)))


def test_classes_are_learned_as_classes(catchments, make_transformer):
    X, _ = catchments
    table = X.attributes.assign(rock=[3.0, 7.0, 9.0] * 2)
    model = make_transformer(categorical=["rock"]).fit(X.assign(attributes=table))
    assert model.encoder_.scaler.categories == {"rock": [3.0, 7.0, 9.0]}
    assert max(model.encoder_.module.config.n_classes) == 3


def test_early_stopping_sets_sites_apart(catchments, make_transformer, datasets):
    model = make_transformer(early_stopping=True, max_epochs=3, patience=1).fit(catchments[0])
    assert all(np.isfinite(row["valid_loss"]) for row in model.history_)
    train, valid = (set(part.site[part.series].tolist()) for part in datasets[0])
    assert train.isdisjoint(valid)
    assert train | valid == set(range(6))


def test_all_forcing_missing_is_refused(catchments, make_transformer):
    X, _ = catchments
    empty = Panel(X.attributes, X.forcing * np.nan, time=X.time, forcing_names=X.forcing_names)
    with pytest.raises(ValueError, match="No site of the corpus has any forcing observed"):
        make_transformer().fit(empty)


def test_variables_that_stand_for_a_target_warn_unless_they_are_named(catchments, make_transformer):
    X, _ = catchments
    X = X.assign(attributes=X.attributes[["p_mean", "aridity"]].assign(q_mean=np.arange(6.0)))
    with pytest.warns(LeakageWarning, match=r"X holds \['q_mean'\], which stand for a target"):
        make_transformer().fit(X)
    make_transformer(attributes=["p_mean", "q_mean"]).fit(X)  # pytest turns no warning to error


@pytest.mark.filterwarnings("error")
def test_named_targets_do_not_warn(catchments, make_transformer):
    X, _ = catchments
    X = X.assign(attributes=X.attributes[["p_mean", "aridity"]].assign(q_mean=np.arange(6.0)))
    model = make_transformer(attributes=["p_mean", "q_mean"]).fit(X)
    assert model.attribute_names_ == ["p_mean", "q_mean"]


def test_an_infinite_value_is_named_whether_it_is_fitted_or_read(
    catchments, pretrained, make_transformer
):
    X, _ = catchments
    forcing = X.forcing.copy()
    forcing[2, 5, 1] = np.inf
    X = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names, units=X.units)
    for call in (make_transformer().fit, pretrained.transform, pretrained.score):
        with pytest.raises(ValueError, match=f"'srad' .*{X.site_ids[2]}.* infinite|infinite at"):
            call(X)


def test_what_was_seen_is_kept(catchments, pretrained):
    X, _ = catchments
    encoder = pretrained.encoder_
    assert encoder.sites == list(X.site_ids)
    assert encoder.period == ["2000-10-01", "2001-09-30"]
    assert encoder.units["prcp"] == "mm/d"
    assert encoder.places is not None
    assert encoder.training["n_epochs"] == 1
    assert encoder.training["parameters"]["window"] == 60


def test_numbered_rows_are_no_identifiers(catchments, make_transformer):
    table = catchments[0].attributes
    assert make_transformer().fit(table).encoder_.sites == list(table.index)
    for numbered in (table.to_numpy(), table.reset_index(drop=True)):
        assert make_transformer().fit(numbered).encoder_.sites == []
    corpus = [table, table.reset_index(drop=True)]
    assert make_transformer().fit(corpus).encoder_.sites == list(table.index)


# ---------------------------------------------------------------------- corpora
def test_parts_of_a_corpus_are_joined_by_name_and_unit(catchments, make_transformer):
    X, _ = catchments
    cold = X.keep_variables(["tmax", "prcp"], ["p_mean"])
    kelvin = Panel(
        cold.attributes.set_axis([f"k{site}" for site in cold.site_ids]),
        cold.forcing + np.array([273.15, 0.0], dtype=np.float32),
        time=cold.time,
        forcing_names=cold.forcing_names,
        units={**cold.units, "tmax": "K"},
    )
    table = X.attributes[["aridity"]].set_axis([f"t{site}" for site in X.site_ids])
    model = make_transformer().fit([X, kelvin, table.assign(depth=np.arange(6.0))])
    assert model.forcing_names_ == X.forcing_names
    assert model.attribute_names_ == [*X.attribute_names, "depth"]
    assert len(model.encoder_.sites) == 18
    one = make_transformer().fit(X).encoder_.scaler
    column = X.forcing_names.index("tmax")
    assert model.encoder_.scaler.forcing_mean[column] == pytest.approx(one.forcing_mean[column])
    assert np.isfinite(model.score([X, kelvin]))


def test_extra_data_are_part_of_the_corpus_in_every_fold(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(extra=[rename(X, "more")], max_epochs=1)
    assert np.isfinite(cross_val_score(model, X, cv=KFold(2), error_score="raise")).all()
    assert model.fit(X[:3]).encoder_.sites == [*X.site_ids[:3], *[f"more{s}" for s in X.site_ids]]
    assert clone(model).extra[0] is model.extra[0]


def test_parts_of_a_wrong_kind_are_named(catchments, make_transformer):
    X, _ = catchments
    with pytest.raises(TypeError, match="Part 2 of X must be a Panel, .* Got int"):
        make_transformer().fit([X, 3])
    with pytest.raises(TypeError, match=r"Part 2 of X must be.*Use `Panel.from_xarray\(dataset\)`"):
        make_transformer().fit([X, X.to_xarray()])
    with pytest.raises(ValueError, match="Part 1 of X has 0 sites"):
        make_transformer().fit([X[[]], X])


def test_a_corpus_is_transformed_part_by_part(catchments, pretrained):
    X, _ = catchments
    with pytest.raises(TypeError, match="X is a list of 2 data sets.*one by one here"):
        pretrained.transform([X, X])


def test_a_lazy_panel_trains_the_same_network_and_is_never_read_whole(
    catchments, make_transformer, monkeypatch
):
    X, _ = catchments
    options = {"pool": "mean", "n_components": 2}
    whole = make_transformer(**options).fit(X)
    part, read, sizes = lazy(X), LazyForcing.read, []

    def counted(self):
        sizes.append(len(self.rows))
        return read(self)

    monkeypatch.setattr(LazyForcing, "read", counted)
    model = make_transformer(memory=1e-3, **options).fit(part)
    np.testing.assert_array_equal(weights_of(model), weights_of(whole))
    for result in ("transform", "score"):
        left, right = getattr(model, result)(part), getattr(whole, result)(X)
        np.testing.assert_allclose(left, right, rtol=1e-6)
    np.testing.assert_array_equal(model.reconstruct(part).forcing, whole.reconstruct(X).forcing)
    assert sizes


def test_a_corpus_larger_than_memory_is_read_in_parts(catchments, make_transformer, datasets):
    X, _ = catchments
    make_transformer(memory=8e-5).fit(lazy(X, 1))
    corpus = datasets[0][0].corpus
    assert not corpus.is_resident
    assert corpus.n_bytes > corpus.shard_bytes


# ---------------------------------------------------------------------- going on
def test_partial_fit_goes_on_with_weights_and_scaler(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().partial_fit(X[:4])
    first, scaler = weights_of(model), model.encoder_.scaler.to_dict()
    np.testing.assert_array_equal(first, weights_of(make_transformer(max_epochs=1).fit(X[:4])))
    model.partial_fit(X[4:])
    assert not np.array_equal(weights_of(model), first)
    assert model.encoder_.scaler.to_dict() == scaler
    assert model.encoder_.sites == list(X.site_ids)
    assert len(model.history_) == model.encoder_.training["n_epochs"] == 2


def test_each_partial_fit_draws_other_masks(catchments, make_transformer, datasets, monkeypatch):
    X, _ = catchments
    seeds, deal = [], _pretraining.CorpusDataset.batches
    monkeypatch.setattr(
        _pretraining.CorpusDataset,
        "batches",
        lambda self, size, seed=0, **options: seeds.append(seed) or deal(self, size, seed),
    )
    model = make_transformer().partial_fit(X)
    model.partial_fit(X)
    assert len(set(seeds)) == 2


def test_partial_fit_takes_missing_variables_for_missing(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X)
    with pytest.warns(DataWarning, match="X lacks 1 of the 32 variables"):
        model.partial_fit(X.keep_variables(X.forcing_names[:5]))
    assert model.forcing_names_ == X.forcing_names
    model.partial_fit([X, X.attributes[["aridity"]].set_axis(list("abcdef"))])
    assert model.encoder_.sites[-1] == "f"
    with pytest.raises(CheckpointError, match="X has 1 of the 26 attribute variables"):
        model.partial_fit(X.keep_variables(None, ["aridity"]))
    nothing = pd.DataFrame({"other": np.arange(3.0)}, index=list("xyz"))
    model.set_params(min_coverage=0)
    with (
        pytest.raises(ValueError, match="have nothing observed of the model's variables"),
        pytest.warns(DataWarning, match="X lacks 26 of the 26 variables"),
    ):
        model.partial_fit([nothing])


def test_partial_fit_does_not_map_variables(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X).set_params(variable_map={"prcp": "rain"})
    with pytest.raises(ValueError, match="`partial_fit` finds variables under the model's own"):
        model.partial_fit(X)


def test_a_loaded_model_goes_on(catchments, pretrained, tmp_path):
    X, _ = catchments
    loaded = StefaLandTransformer.load(pretrained.save(tmp_path / "model.safetensors"))
    assert not hasattr(loaded, "net_")
    loaded.partial_fit(X)
    assert loaded.encoder_.training["n_epochs"] == 2
    assert not np.array_equal(weights_of(loaded), weights_of(pretrained))


def test_partial_fit_of_a_table_keeps_to_its_columns(catchments, make_transformer):
    table = catchments[0].attributes
    model = make_transformer().partial_fit(table).partial_fit(table)
    assert model.encoder_.training["n_epochs"] == 2
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(table[["aridity"]])


def test_a_broken_training_goes_on_to_the_same_weights(catchments, make_transformer, tmp_path):
    X, _ = catchments
    model = partial(make_transformer, max_epochs=3, checkpoint_minutes=0.0)
    whole = model().fit(X)
    path = tmp_path / "unfinished"
    interrupt = torch.nn.Module.train
    calls = []

    def stop(self, mode=True):
        calls.append(mode)
        if len(calls) == 60:
            raise KeyboardInterrupt
        return interrupt(self, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Module, "train", stop)
        with pytest.raises(KeyboardInterrupt):
            model(checkpoint=path).fit(X)
    assert path.exists()
    resumed = model(checkpoint=path).fit(X)
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))
    assert path.exists()  # until the model is safe
    resumed.save(tmp_path / "model.safetensors")
    assert not path.exists()


def test_a_checkpoint_of_another_training_is_refused(catchments, make_transformer, tmp_path):
    X, _ = catchments
    path = tmp_path / "unfinished"
    make_transformer(checkpoint=path).fit(X)
    make_transformer(checkpoint=path, pool="mean", min_coverage=0.9).fit(X)  # no matter for it
    with pytest.raises(CheckpointError, match=r"differ in `parameters.forcing_ratio` \(0.5 .* 0.4"):
        make_transformer(checkpoint=path, forcing_ratio=0.4).fit(X)
    with pytest.raises(CheckpointError, match="differ in `corpus`"):
        make_transformer(checkpoint=path).fit(X[:5])


# ---------------------------------------------------------------------- score
def test_the_score_of_an_untrained_network_is_that_of_the_mean(catchments, make_transformer):
    X, _ = catchments
    assert make_transformer(max_epochs=0).fit(X).score(X) == pytest.approx(-1.5, abs=0.15)
    table = X.attributes
    assert make_transformer(max_epochs=0).fit(table).score(table) == pytest.approx(-0.5, abs=0.2)


def test_the_score_does_not_depend_on_how_the_model_was_told_to_train(catchments, pretrained):
    X, _ = catchments
    expected = pretrained.score(X)
    model = StefaLandTransformer.from_encoder(
        pretrained.encoder_,
        batch_size=2,
        random_state=7,
        forcing_ratio=0.1,
        attribute_weight=9.0,
        variable_weights="learned",
        sampler="paper",
    )
    assert model.score(X) == expected


def test_the_score_does_not_depend_on_the_order_of_the_sites(catchments, pretrained):
    X, _ = catchments
    assert pretrained.score(X[[3, 0, 5, 1, 4, 2]]) == pytest.approx(pretrained.score(X), rel=1e-6)
    assert pretrained.score([X[:2], X[2:]]) == pytest.approx(pretrained.score(X), rel=1e-6)


def test_the_masks_of_the_score_follow_the_dates(catchments, pretrained):
    X, _ = catchments
    long = Panel(
        X.attributes,
        np.concatenate([X.forcing[:, :60] * np.nan, X.forcing], axis=1),
        time=pd.date_range(X.time[0] - pd.Timedelta("60D"), X.time[-1]),
        forcing_names=X.forcing_names,
        groups=X.groups,
    )
    assert pretrained.score(long) == pytest.approx(pretrained.score(X), rel=1e-6)


def test_the_score_of_nothing_known_is_nan(catchments, make_transformer):
    table = catchments[0].attributes
    model = make_transformer().fit(table)
    assert np.isnan(model.score(table * np.nan))


def test_grid_search_compares_pretraining_choices(catchments, make_transformer):
    X, _ = catchments
    search = GridSearchCV(
        make_transformer(), {"forcing_ratio": [0.2, 0.5]}, cv=KFold(2), error_score="raise"
    ).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.transform(X).shape == (*X.shape[:2], 8)


# ---------------------------------------------------------------------- features
def test_a_panel_gives_features_of_days(catchments, pretrained):
    X, _ = catchments
    days = pretrained.transform(X)
    assert days.shape == (*X.shape[:2], 8)
    assert days.dtype == np.float32
    assert np.isfinite(days).all()


def test_a_long_table_gives_one_row_of_features_per_row(catchments, pretrained):
    X, _ = catchments
    rows = pretrained.transform(X.to_long())
    np.testing.assert_array_equal(rows, pretrained.transform(X).reshape(-1, 8))


def test_a_table_gives_one_row_per_site(catchments, make_transformer):
    table = catchments[0].attributes
    model = make_transformer().fit(table)
    assert model.transform(table).shape == (6, 8)
    assert model.transform(table.iloc[:2]).shape == (2, 8)


def test_names_of_features_and_pandas_output(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X.attributes).set_output(transform="pandas")
    names = [f"stefalandtransformer{i}" for i in range(8)]
    assert list(model.get_feature_names_out()) == names
    frame = model.transform(X.attributes)
    assert list(frame.columns) == names
    assert frame.index.equals(X.attributes.index)
    long = make_transformer().fit(X).set_output(transform="pandas").transform(X.to_long())
    assert isinstance(long, pd.DataFrame)
    assert long.index.equals(X.to_long().index)


def test_names_of_features_of_an_unfitted_model_are_not_known(make_transformer):
    with pytest.raises(NotFittedError):
        make_transformer(n_components=2).get_feature_names_out()


def test_pandas_output_of_sites_has_their_names_and_that_of_days_is_refused(
    catchments, make_transformer
):
    X, _ = catchments
    model = make_transformer().fit(X).set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"axes \(site, time, feature\).*Set `pool`"):
        model.transform(X)
    frame = model.set_params(pool="static").transform(X)
    assert frame.shape == (6, 8)
    assert frame.index.equals(X.site_ids)
    assert list(frame.columns) == list(model.get_feature_names_out())


def test_a_panel_for_a_model_of_tables_is_refused(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X.attributes)
    with pytest.raises(ValueError, match=r"fitted on a plain table.*Give `panel.attributes`"):
        model.transform(X)


def test_a_table_for_a_model_of_panels_gives_the_static_token(catchments, pretrained):
    X, _ = catchments
    table = X.attributes
    _, site = pretrained.encoder_.encode(Panel.from_table(table, units=X.units))
    np.testing.assert_array_equal(pretrained.transform(table), site)
    shuffled = table[table.columns[::-1]].assign(name=list("abcdef"))  # found by name
    np.testing.assert_array_equal(pretrained.transform(shuffled), site)
    with pytest.warns(DataWarning, match="X lacks 1 of the 26 variables"):
        pretrained.transform(table.drop(columns="aridity"))
    with pytest.raises(CheckpointError, match="X has 1 of the 26 attribute variables"):
        pretrained.transform(table[["aridity"]])
    with pytest.raises(ValueError, match="finds its variables by name, but X is an array"):
        pretrained.transform(table.to_numpy())


def test_a_model_of_tables_and_panels_reads_both(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(extra=[X]).fit(X.attributes.set_axis(list("abcdef")))
    assert model.transform(X).shape == (*X.shape[:2], 8)
    assert model.transform(X.attributes).shape == (6, 8)


@pytest.mark.filterwarnings("error")
def test_missing_variables_are_masked_with_one_warning(catchments, pretrained):
    X, _ = catchments
    less = X.keep_variables(["prcp", "tmax", "tmin"], X.attribute_names[:20])
    for other in (less, less.to_long()):
        with pytest.warns(DataWarning, match="X lacks 9 of the 32 variables") as caught:
            features = pretrained.transform(other)
        assert len(caught) == 1
        assert np.isfinite(features).all()
    with pytest.raises(CheckpointError, match=r"`min_coverage`=0.5 asks for more.*'srad'"):
        pretrained.transform(X.keep_variables(["prcp", "tmax"]))


def test_variables_are_found_under_other_names(catchments, pretrained):
    X, _ = catchments
    names = {"prcp": "rain", "tmax": "hot", "aridity": "dryness"}
    other = Panel(
        X.attributes.rename(columns=names),
        X.forcing,
        time=X.time,
        forcing_names=[names.get(name, name) for name in X.forcing_names],
        units={names.get(name, name): unit for name, unit in X.units.items()},
    )
    double = (lambda hot: hot + 0, ["hot"])
    model = StefaLandTransformer.from_encoder(
        pretrained.encoder_, variable_map={**names, "tmax": double}
    )
    expected = pretrained.transform(X)
    np.testing.assert_array_equal(model.transform(other), expected)
    np.testing.assert_array_equal(model.transform(other.to_long()), expected.reshape(-1, 8))
    np.testing.assert_array_equal(
        model.transform(other.attributes), pretrained.transform(X.attributes)
    )
    assert model.score(other) == pytest.approx(pretrained.score(X), rel=1e-6)
    with pytest.raises(ValueError, match="`variable_map` names 'snow'"):
        model.set_params(variable_map={"snow": "rain"}).transform(other)


@pytest.mark.filterwarnings("ignore:X lacks")
def test_a_pretrained_model_in_a_pipeline_is_frozen_or_refuses_its_map_before_any_work(
    catchments, pretrained, datasets
):
    X, y = catchments
    other = X.rename_variables({"aridity": "dryness"}).keep_variables(attributes=["dryness"])
    model = StefaLandTransformer.from_encoder(
        pretrained.encoder_, pool="mean", min_coverage=0, variable_map={"aridity": "dryness"}
    )
    runoff = y.mean(axis=1)
    with pytest.raises(ValueError, match=r"`variable_map` names 'aridity', .*FrozenEstimator"):
        make_pipeline(model, Ridge()).fit(other, runoff)
    pipeline = make_pipeline(FrozenEstimator(model), Ridge())
    with pytest.warns(DataWarning, match="X lacks 25 of the 32 variables"):
        pipeline.fit(other, runoff)
    expected = Ridge().fit(pipeline[0].transform(other), runoff)
    np.testing.assert_array_equal(pipeline[-1].coef_, expected.coef_)
    assert not datasets  # nothing was trained


def test_features_are_looked_up_in_the_cache(catchments, pretrained):
    X, _ = catchments
    cache, expected = FeatureCache(), pretrained.transform(X)
    model = StefaLandTransformer.from_encoder(pretrained.encoder_, cache=cache)
    for _ in range(2):
        np.testing.assert_array_equal(model.transform(X), expected)
    assert (cache.misses, cache.hits) == (6, 6)


def test_it_works_in_a_pipeline(catchments, make_transformer):
    X, _ = catchments
    pipeline = make_pipeline(make_transformer(pool="mean"), StandardScaler())
    assert pipeline.fit_transform(X).shape == (6, 8)


# ---------------------------------------------------------------------- files
def test_a_saved_transformer_gives_the_same_to_the_bit(catchments, pretrained, tmp_path):
    X, _ = catchments
    loaded = StefaLandTransformer.load(pretrained.save(tmp_path / "encoder.safetensors"))
    np.testing.assert_array_equal(loaded.transform(X), pretrained.transform(X))
    np.testing.assert_array_equal(loaded.transform(X.to_long()), pretrained.transform(X.to_long()))
    assert loaded.score(X) == pretrained.score(X)
    assert list(loaded.feature_names_in_) == list(pretrained.feature_names_in_)
    assert list(loaded.get_feature_names_out()) == list(pretrained.get_feature_names_out())
    assert loaded.get_params() == pretrained.get_params()
    assert loaded.history_ == []


def test_a_saved_transformer_of_a_table(catchments, make_transformer, tmp_path):
    table = catchments[0].attributes
    model = make_transformer().fit(table)
    loaded = StefaLandTransformer.load(model.save(tmp_path / "table.safetensors"))
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))


@pytest.mark.filterwarnings("error")
def test_a_saved_transformer_of_an_array_takes_arrays(catchments, make_transformer, tmp_path):
    values = catchments[0].attributes.to_numpy()
    model = make_transformer().fit(values)
    loaded = StefaLandTransformer.load(model.save(tmp_path / "array.safetensors"))
    np.testing.assert_array_equal(loaded.transform(values), model.transform(values))


def test_remarks_and_settings_are_in_the_header(pretrained, tmp_path):
    path = pretrained.save(tmp_path / "m.safetensors", licence="CC-BY-4.0", citation="Doe (2026)")
    encoder = StefaLandEncoder.load(path)
    assert encoder.about == {"licence": "CC-BY-4.0", "citation": "Doe (2026)"}
    settings = encoder.training["parameters"]
    assert settings["sampler"] == "exact"
    assert not {"device", "cache", "checkpoint", "extra"} & set(settings)
    assert encoder.training["train_loss"] == pytest.approx(pretrained.history_[-1]["train_loss"])


def test_a_file_names_no_paths_and_no_unknown_parameters(pretrained):
    one = pretrained.encoder_
    settings = {"cache": "/elsewhere", "checkpoint": "/elsewhere", "of_later": 1, "lr": 0.5}
    encoder = StefaLandEncoder(
        one.module, one.scaler, one.window, training={"parameters": settings}
    )
    model = StefaLandTransformer.from_encoder(encoder)
    assert (model.cache, model.checkpoint, model.lr) == (None, None, 0.5)


def test_parameters_can_be_changed_on_loading(catchments, pretrained, tmp_path):
    X, _ = catchments
    path = pretrained.save(tmp_path / "m.safetensors")
    loaded = StefaLandTransformer.load(path, pool="mean", min_coverage=0.1)
    assert loaded.transform(X).shape == (6, 8)
    assert loaded.min_coverage == 0.1
    found = StefaLandTransformer.from_pretrained(tmp_path, pool="mean")  # the folder
    np.testing.assert_array_equal(found.transform(X), loaded.transform(X))
    with pytest.raises(TypeError, match="no_such"):
        StefaLandTransformer.load(path, no_such=1)


def test_only_the_file_of_the_own_training_is_removed(catchments, pretrained, tmp_path):
    other = tmp_path / "unfinished"
    other.write_text("of another training")
    path = pretrained.save(tmp_path / "m.safetensors")
    loaded = StefaLandTransformer.load(path, checkpoint=other)
    loaded.save(tmp_path / "again.safetensors")
    assert other.exists()


def test_a_model_of_classes_groups_and_components_survives_a_file(
    catchments, make_transformer, tmp_path
):
    X, _ = catchments
    X = X.assign(attributes=X.attributes.assign(rock=[3.0, 7.0, 9.0] * 2))
    model = make_transformer(
        categorical=["rock"], never_hidden=["p_mean"], pool="mean", n_components=2, patch=4
    ).fit(X)
    loaded = StefaLandTransformer.load(model.save(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    pd.testing.assert_frame_equal(loaded.score_variables(X), model.score_variables(X))
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.transform(X), model.transform(X))
