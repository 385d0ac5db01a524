"""Faults of earlier programs that pretrain such models, each repaired; names say how it is here.

They are those that can be seen from the estimator. Masks, losses and networks have more in the
tests of their layer.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import StefaLandTransformer
from stefaland_sk._core import CheckpointError, LeakageWarning
from stefaland_sk.data import Panel
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint
from stefaland_sk.estimators import _pretraining

VARIANTS = [{}, {"decoder": "transformer"}, {"patch": 8}]


@pytest.fixture
def trainings(monkeypatch):
    """What trainings are made of from here on: (data set, validation, net) each."""
    seen, train = [], _pretraining.train_network

    def spy(module, dataset, valid, criterion, plan):
        net = train(module, dataset, valid, criterion, plan)
        seen.append((dataset, valid, net))
        return net

    monkeypatch.setattr(_pretraining, "train_network", spy)
    return seen


def change(panel, *, forcing=None, attributes=None, **others):
    """Give the panel with other values."""
    fields = {"time": panel.time, "forcing_names": panel.forcing_names, "units": panel.units}
    return Panel(
        panel.attributes if attributes is None else attributes,
        panel.forcing if forcing is None else forcing,
        **{**fields, "groups": panel.groups, **others},
    )


def weights_of(model):
    """All weights of a model in one array."""
    state = model.encoder_.module.state_dict()
    return np.concatenate([value.numpy().ravel() for value in state.values()])


# ---------------------------------------------------------------------- masks
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_nothing_under_the_mask_reaches_any_output(
    catchments, make_transformer, trainings, variant
):
    model = make_transformer(**variant, dropout=0.0).fit(catchments[0])
    inputs, _ = next(iter(trainings[0][0].batches(8)))
    other = dict(inputs)
    for name in ("forcing", "attributes"):
        other[name] = inputs[name].masked_fill(inputs[f"{name}_hidden"], 7.0)
        assert not torch.equal(other[name], inputs[name])
    with torch.no_grad():
        one, two = model.encoder_.module(**inputs), model.encoder_.module(**other)
    assert torch.equal(one.forcing, two.forcing)
    assert torch.equal(one.attributes, two.attributes)


def test_masks_are_new_in_every_epoch_and_the_same_for_the_same_seed(
    catchments, make_transformer, trainings
):
    make_transformer().fit(catchments[0])

    def passes(seed):
        """Masks of all samples, in the order of their numbers, in two epochs."""
        batches, found = trainings[0][0].batches(64, seed=seed), []
        for _ in range(2):
            pairs = [(truth["sample"], inputs["forcing_hidden"]) for inputs, truth in batches]
            samples, masks = map(torch.cat, zip(*pairs, strict=True))
            found.append(masks[samples.argsort()])
        return found

    first, second = passes(5)
    assert not any(map(torch.equal, first, second))
    assert torch.equal(passes(5)[0], first)
    assert not any(map(torch.equal, passes(6)[0], first))


def test_half_of_the_days_is_hidden_and_the_edges_as_often_as_the_middle(
    catchments, make_transformer, trainings
):
    make_transformer(window=60, span=(5, 15)).fit(catchments[0])
    batches = trainings[0][0].batches(64)
    hidden = torch.cat([batch["forcing_hidden"] for _ in range(12) for batch, _ in batches])
    share = hidden.float().mean(dim=(0, 2))
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share[0] == pytest.approx(0.5, abs=0.06)
    assert share[-1] == pytest.approx(0.5, abs=0.06)


def test_every_sample_hides_a_group_and_all_groups_are_hidden_alike_often(
    catchments, make_transformer, trainings
):
    X, _ = catchments
    make_transformer().fit(X)
    batches = trainings[0][0].batches(64)
    hidden = torch.cat([batch["attributes_hidden"] for _ in range(30) for batch, _ in batches])
    assert hidden.any(dim=1).all()
    firsts = [X.attribute_names.index(names[0]) for names in X.groups.values()]
    share = hidden[:, firsts].float().mean(dim=0)
    assert share.max() - share.min() < 0.1


# ---------------------------------------------------------------------- batches and sites
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_site_gets_the_same_alone_as_in_a_batch(catchments, make_transformer, variant):
    X, _ = catchments
    model = make_transformer(**variant).fit(X)
    together = model.transform(X)
    for site in range(3):
        np.testing.assert_array_equal(model.transform(X[[site]])[0], together[site])


def test_hidden_attributes_have_one_token_whatever_the_row_of_the_batch(
    catchments, make_transformer, trainings
):
    model = make_transformer().fit(catchments[0])
    inputs, _ = next(iter(trainings[0][0].batches(8)))
    order = torch.arange(len(inputs["forcing"])).flip(0)
    module = model.encoder_.module
    with torch.no_grad():
        one = module(**inputs)
        two = module(**{name: values[order] for name, values in inputs.items()})
    torch.testing.assert_close(two.attributes, one.attributes[order])


def test_results_stand_in_the_order_of_the_sites_asked_for(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="mean").fit(X)
    order = [4, 0, 5, 2, 1, 3]  # not sorted
    np.testing.assert_array_equal(model.transform(X[order]), model.transform(X)[order])


def test_identifiers_keep_their_leading_zeros(catchments, make_transformer, tmp_path):
    X, _ = catchments
    path = make_transformer().fit(X).save(tmp_path / "m.safetensors")
    assert StefaLandTransformer.load(path).encoder_.sites == list(X.site_ids)
    assert X.site_ids[0] == "00000001"


# ---------------------------------------------------------------------- variables
def test_the_order_of_the_variables_does_not_matter_after_a_reload(
    catchments, make_transformer, tmp_path
):
    X, _ = catchments
    model = make_transformer().fit(X)
    other = change(
        X,
        forcing=X.forcing[:, :, ::-1],
        forcing_names=X.forcing_names[::-1],
        attributes=X.attributes[sorted(X.attribute_names)],
    )
    loaded = StefaLandTransformer.load(model.save(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(loaded.transform(other), model.transform(X))
    assert loaded.score(other) == pytest.approx(model.score(X), rel=1e-6)


def test_negative_values_are_not_clipped(catchments, make_transformer):
    X, _ = catchments
    column = X.forcing_names.index("tmin")
    assert (X.forcing[:, :, column] < 0).any()
    model = make_transformer().fit(X)
    scaler = model.encoder_.scaler
    assert scaler.forcing_mean[column] == pytest.approx(X.forcing[:, :, column].mean(), rel=1e-4)
    scaled = model.encoder_.scale(X).forcing[:, :, column]
    restored = scaled * scaler.forcing_std[column] + scaler.forcing_mean[column]
    np.testing.assert_allclose(restored, X.forcing[:, :, column], atol=1e-3)
    forcing = X.forcing.copy()
    forcing[:, :, column] = np.minimum(forcing[:, :, column], 0) - 1
    assert not np.allclose(model.transform(change(X, forcing=forcing)), model.transform(X))


def test_classes_are_learned_by_their_cross_entropy(catchments, make_transformer):
    X, _ = catchments
    rock = pd.Series(["granite", "chalk"] * 3).astype("category").cat.codes.to_numpy(float)
    X = X.assign(attributes=X.attributes.assign(rock=rock))
    model = make_transformer(categorical=["rock"], max_epochs=3).fit(X)
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    assert set(model.reconstruct(X, hide=["rock"]).variable("rock")) <= {0.0, 1.0}


def test_missing_values_do_not_spoil_the_loss(catchments, make_transformer):
    X, _ = catchments
    rng = np.random.default_rng(0)
    forcing, table = X.forcing.copy(), X.attributes
    forcing[rng.random(forcing.shape) < 0.5] = np.nan
    table = table.mask(rng.random(table.shape) < 0.3)
    model = make_transformer(max_epochs=3).fit(change(X, forcing=forcing, attributes=table))
    assert all(np.isfinite(row["train_loss"]) for row in model.history_)
    assert np.isfinite(weights_of(model)).all()


def test_a_corpus_with_a_target_in_it_warns_before_a_hold_out_test(catchments, make_transformer):
    X, y = catchments
    forcing = np.concatenate([X.forcing, y.to_numpy()[:, :, None]], axis=2)
    X = change(X, forcing=forcing, forcing_names=[*X.forcing_names, "runoff"])
    with pytest.warns(LeakageWarning, match=r"X holds \['runoff'\]"):
        make_transformer().fit(X[:4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_transformer(forcings=[*X.forcing_names]).fit(X[:4])  # asked for by name
        make_transformer(forcings=X.forcing_names[:-1]).fit(X[:4])


# ---------------------------------------------------------------------- scaling and hold-out
def test_nothing_of_a_held_out_site_is_in_the_model(catchments, make_transformer):
    X, _ = catchments
    forcing, table = X.forcing.copy(), X.attributes
    forcing[4:] = forcing[4:] * 3 - 50
    table.iloc[4:] *= 5
    other = change(X, forcing=forcing, attributes=table)
    one, two = (make_transformer(n_components=2, pool="mean").fit(p[:4]) for p in (X, other))
    np.testing.assert_array_equal(weights_of(one), weights_of(two))
    assert one.encoder_.scaler.to_dict() == two.encoder_.scaler.to_dict()
    np.testing.assert_array_equal(one.transform(X[:4]), two.transform(X[:4]))
    assert one.encoder_.sites == list(X.site_ids[:4])


def test_other_sites_are_scaled_as_in_the_pretraining_and_not_by_themselves(
    catchments, make_transformer
):
    X, _ = catchments
    model = make_transformer().fit(X[:4])
    warmer = change(X[4:], forcing=X[4:].forcing + np.float32(5))
    # Scaled by its own mean, a shift of a whole data set would vanish.
    assert not np.allclose(model.transform(warmer), model.transform(X[4:]))
    scaled, scaler = model.encoder_.scale(X[4:]), model.encoder_.scaler
    expected = (X[4:].forcing - scaler.forcing_mean) / scaler.forcing_std
    np.testing.assert_allclose(scaled.forcing, expected, atol=1e-4)


def test_sites_to_stop_by_are_not_trained_on(catchments, make_transformer, trainings):
    make_transformer(early_stopping=True, validation_fraction=0.3).fit(catchments[0])
    dataset, valid, _ = trainings[0]
    sites = [set(part.site[part.series].tolist()) for part in (dataset, valid)]
    assert sites[0].isdisjoint(sites[1])
    assert len(sites[1]) == 2


def test_errors_by_site_do_not_depend_on_the_units_of_the_data(catchments, make_transformer):
    X, _ = catchments
    column = X.forcing_names.index("srad")
    forcing = X.forcing.copy()
    forcing[:, :, column] *= 1000
    other = change(X, forcing=forcing, units={**X.units, "srad": "mW/m2"})
    losses = [
        make_transformer(error_scale="site").fit(panel).history_[-1]["train_loss"]
        for panel in (X, other)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


# ---------------------------------------------------------------------- training
def test_learned_weights_of_the_variables_move(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(variable_weights="learned", max_epochs=5, lr=1e-2).fit(X)
    weights = np.array(list(model.variable_weights_.values()))
    assert (weights != 1).all()
    assert set(model.variable_weights_) == {*X.forcing_names, *X.attribute_names}
    plain = make_transformer(max_epochs=5, lr=1e-2).fit(X)
    assert not np.array_equal(weights_of(model), weights_of(plain))


def test_the_best_epoch_is_kept_and_patience_ends_the_training(
    catchments, make_transformer, trainings
):
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=(60, 6)), index=[f"s{i}" for i in range(60)]).add_prefix(
        "v"
    )
    model = make_transformer(
        early_stopping=True, validation_fraction=0.3, max_epochs=60, patience=3, lr=0.1
    ).fit(noise)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) < 60
    _, valid, net = trainings[0]
    total = count = 0
    for inputs, truth in valid.batches(net.batch_size):
        with torch.no_grad():
            total += len(inputs["attributes"]) * float(net.criterion_(net.infer(inputs), truth))
        count += len(inputs["attributes"])
    assert total / count == pytest.approx(min(losses[12:]), rel=1e-4)  # the rate has risen by then
    assert losses[-1] > min(losses[12:])


def test_epochs_are_numbers_in_order_and_the_last_is_taken_up(
    catchments, make_transformer, tmp_path
):
    table = catchments[0].attributes
    path = tmp_path / "unfinished"
    options = {"max_epochs": 11, "checkpoint": path}
    model = make_transformer(**options).fit(table)
    assert [row["epoch"] for row in model.history_] == list(range(1, 12))
    assert read_checkpoint(path)[1]["n_epochs"] == 11  # one file, not one for each epoch
    again = make_transformer(**options).fit(table)
    assert [row["epoch"] for row in again.history_] == list(range(1, 12))
    np.testing.assert_array_equal(weights_of(again), weights_of(model))


def test_weights_are_loaded_whole_or_not_at_all(catchments, make_transformer, tmp_path):
    X, _ = catchments
    path = make_transformer().fit(X).save(tmp_path / "m.safetensors")
    tensors, header = read_checkpoint(path)
    header = {k: v for k, v in header.items() if k not in ("format", "versions", "tensors_sha256")}
    name = next(iter(tensors))
    for change_of, message in (
        ({name: None}, "missing"),
        ({name: tensors[name][..., :-1]}, "where the configuration asks for"),
        ({"more": torch.zeros(2)}, "unexpected"),
        ({name: tensors[name] * torch.nan}, "NaN or infinite"),
    ):
        changed = {k: v for k, v in {**tensors, **change_of}.items() if v is not None}
        write_checkpoint(tmp_path / "part.safetensors", changed, header)
        with pytest.raises(CheckpointError, match=message):
            StefaLandTransformer.load(tmp_path / "part.safetensors")


# ---------------------------------------------------------------------- features
def test_features_are_free_of_dropout(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(dropout=0.5).fit(X)
    assert not model.encoder_.module.training
    np.testing.assert_array_equal(model.transform(X), model.transform(X))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_long_records_are_read_in_windows_of_the_length_of_the_pretraining(
    catchments, make_transformer, variant
):
    X, _ = catchments
    model = make_transformer(**variant, window=60).fit(X)
    long = model.transform(X)
    short = model.transform(X.sel_time(X.time[0], X.time[59]))
    # No position is read that was not trained, and the static token stays where it was.
    np.testing.assert_allclose(long[:, :60], short, atol=1e-5)


def test_what_is_missing_is_masked_on_every_path(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X)
    forcing = X.forcing.copy()
    forcing[:, :, 0] = np.nan
    table = X.attributes * np.nan
    gappy = change(X, forcing=forcing, attributes=table)
    assert np.isfinite(model.transform(gappy)).all()
    assert np.isfinite(model.reconstruct(gappy).forcing).all()
    assert np.isfinite(model.score(gappy))
