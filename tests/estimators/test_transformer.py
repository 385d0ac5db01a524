"""Pretraining: masks, losses, features in all their forms, save and load."""

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import StefaLandTransformer
from stefaland_sk.data import Panel
from stefaland_sk.estimators._transformer import Hider
from stefaland_sk.estimators._windows import WindowLoader
from stefaland_sk.modules import MaskConfig


@pytest.fixture(scope="module")
def pretrained(catchments, make_transformer):
    return make_transformer().fit(catchments[0])


def masks_of(loader):
    """Masks of the forcing in one pass."""
    return torch.cat([inputs["forcing_hidden"] for inputs, _ in loader])


# ---------------------------------------------------------------------- pretraining
def test_reconstruction_improves(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(max_epochs=25, lr=1e-2, forcing_ratio=0.3).fit(X)
    losses = [row["train_loss"] for row in model.history_]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert model.score(X) > make_transformer(max_epochs=0).fit(X).score(X)


def test_masks_are_new_every_epoch_and_follow_the_seed(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X)
    everyone = np.ones(len(X), dtype=bool)

    def dataset():
        return model._windows(X, model.encoder_.scaler, everyone, "cpu")

    loader = WindowLoader(dataset(), 64, seed=5)
    first, second = masks_of(loader), masks_of(loader)
    assert not torch.equal(first, second)
    torch.testing.assert_close(masks_of(WindowLoader(dataset(), 64, seed=5)), first)
    assert not torch.equal(masks_of(WindowLoader(dataset(), 64, seed=6)), first)


def test_attributes_of_a_group_are_hidden_together(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(groups={"both": ["p_mean", "aridity"]}).fit(X)
    dataset = model._windows(X, model.encoder_.scaler, np.ones(len(X), dtype=bool), "cpu")
    hidden = torch.cat([inputs["attributes_hidden"] for inputs, _ in WindowLoader(dataset, 64)])
    first, second = (X.attribute_names.index(name) for name in ("p_mean", "aridity"))
    assert torch.equal(hidden[:, first], hidden[:, second])
    assert hidden[:, first].any()
    assert not hidden[:, first].all()


def test_hiding_leaves_the_values_for_the_loss(catchments):
    inputs = {"forcing": torch.randn(2, 40, 3), "attributes": torch.randn(2, 4)}
    hider = Hider(MaskConfig(span=(5, 10)), [])
    hidden, truth = hider(dict(inputs), {}, torch.Generator().manual_seed(0))
    assert hidden["forcing_hidden"].any()
    torch.testing.assert_close(truth["forcing"], inputs["forcing"])


def test_unknown_attribute_in_a_group(catchments, make_transformer):
    with pytest.raises(ValueError, match=r"`groups\['soil'\]` must be one of .* Got 'sand'"):
        make_transformer(groups={"soil": ["sand"]}).fit(catchments[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pool": "max"}, r"`pool` must be one of \[None, 'static', 'mean', 'last'\]. Got 'max'"),
        ({"sampler": "odd"}, "`sampler` must be one of"),
        ({"d_model": 9}, "d_model"),
        ({"window": 0}, r"`window` must lie in \[1, inf\). Got 0"),
        ({"lr": 0}, r"`lr` must lie in \(0, inf\). Got 0"),
        ({"batch_size": 2.5}, "`batch_size`"),
        ({"early_stopping": "maybe"}, "`early_stopping` must be one of"),
        ({"device": "abacus"}, r"`device`='abacus' is not at hand here.*device='auto' or 'cpu'"),
    ],
)
def test_wrong_parameters_are_named(catchments, make_transformer, params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make_transformer(**params).fit(catchments[0])


def test_the_period_and_the_sites_seen_are_kept(catchments, pretrained):
    X, _ = catchments
    assert pretrained.encoder_.sites == list(X.site_ids)
    assert pretrained.encoder_.period == ["2000-10-01", "2001-09-30"]
    assert pretrained.encoder_.units["prcp"] == "mm/d"


def test_early_stopping_sets_sites_apart(catchments, make_transformer):
    model = make_transformer(early_stopping=True, max_epochs=3, patience=1).fit(catchments[0])
    assert all(np.isfinite(row["valid_loss"]) for row in model.history_)


def test_all_forcing_missing_is_refused(catchments, make_transformer):
    X, _ = catchments
    empty = Panel(X.attributes, X.forcing * np.nan, time=X.time, forcing_names=X.forcing_names)
    with pytest.raises(ValueError, match="No site of X has any forcing observed"):
        make_transformer().fit(empty)


# ---------------------------------------------------------------------- features
def test_a_panel_gives_features_of_days(catchments, pretrained):
    X, _ = catchments
    days = pretrained.transform(X)
    assert days.shape == (*X.shape[:2], 8)
    assert days.dtype == np.float32
    assert np.isfinite(days).all()


@pytest.mark.parametrize("pool", ["static", "mean", "last"])
def test_pooling_gives_one_vector_per_site(catchments, make_transformer, pool):
    X, _ = catchments
    model = make_transformer(pool=pool).fit(X)
    features = model.transform(X)
    assert features.shape == (6, 8)
    days, site = model.encoder_.encode(X)
    expected = {"static": site, "mean": days.mean(axis=1), "last": days[:, -1]}[pool]
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_pooling_skips_days_without_forcing(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer(pool="last").fit(X)
    forcing = X.forcing.copy()
    forcing[1, 300:] = np.nan
    cut = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    days, _ = model.encoder_.encode(cut)
    assert np.isnan(days[1, 300:]).all()
    np.testing.assert_array_equal(model.transform(cut)[1], days[1, 299])
    model.set_params(pool="mean")
    np.testing.assert_allclose(model.transform(cut)[1], days[1, :300].mean(axis=0), atol=1e-5)


def test_a_long_table_gives_one_row_of_features_per_row(catchments, pretrained):
    X, _ = catchments
    rows = pretrained.transform(X.to_long())
    np.testing.assert_array_equal(rows, pretrained.transform(X).reshape(-1, 8))


def test_a_table_gives_one_row_per_site(catchments, make_transformer):
    table = catchments[0].attributes
    model = make_transformer().fit(table)
    assert model.transform(table).shape == (6, 8)
    assert model.transform(table.iloc[:2]).shape == (2, 8)
    assert model.encoder_.sites == list(table.index)  # the labels of the rows, for the leak guard
    numbered = make_transformer().fit(table.to_numpy())
    assert numbered.encoder_.sites == []  # numbered rows are no identifiers


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


def test_pandas_output_of_days_is_refused(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X).set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"axes \(site, time, feature\).*Set `pool`"):
        model.transform(X)
    assert model.set_params(pool="static").transform(X).shape == (6, 8)


def test_a_panel_for_a_model_of_tables_is_refused(catchments, make_transformer):
    X, _ = catchments
    model = make_transformer().fit(X.attributes)
    with pytest.raises(ValueError, match=r"fitted on a plain table.*Give `panel.attributes`"):
        model.transform(X)


def test_a_table_for_a_model_of_panels_is_refused(catchments, pretrained):
    with pytest.raises(ValueError, match=r"fitted on sites with forcing, but X is a plain table"):
        pretrained.transform(catchments[0].attributes)


# ---------------------------------------------------------------------- save and load
def test_a_saved_transformer_gives_the_same_to_the_bit(catchments, pretrained, tmp_path):
    X, _ = catchments
    loaded = StefaLandTransformer.load(pretrained.save(tmp_path / "encoder.safetensors"))
    np.testing.assert_array_equal(loaded.transform(X), pretrained.transform(X))
    np.testing.assert_array_equal(loaded.transform(X.to_long()), pretrained.transform(X.to_long()))
    assert list(loaded.feature_names_in_) == list(pretrained.feature_names_in_)
    assert list(loaded.get_feature_names_out()) == list(pretrained.get_feature_names_out())


def test_a_saved_transformer_of_a_table(catchments, make_transformer, tmp_path):
    table = catchments[0].attributes
    model = make_transformer().fit(table)
    loaded = StefaLandTransformer.load(model.save(tmp_path / "table.safetensors"))
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))


def test_a_loaded_transformer_scores_as_before(catchments, pretrained, tmp_path):
    X, _ = catchments
    loaded = StefaLandTransformer.load(pretrained.save(tmp_path / "encoder.safetensors"))
    assert loaded.score(X) == pytest.approx(pretrained.score(X), rel=1e-6)
