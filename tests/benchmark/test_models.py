"""The rows of a comparison: made by name, and what they share."""

import pytest
from sklearn.base import clone

from stefaland_sk.benchmark import DEMO_MODELS, MODELS, make_models, run
from stefaland_sk.estimators import PAPER_ROWS


def test_models_are_made_by_name_and_budget():
    models = make_models(["lstm", "resconn", "noresconn"], budget="quick", epochs=3)
    assert models["lstm"].max_epochs == models["resconn"].encoder.max_epochs == 3
    assert (models["resconn"].residual, models["noresconn"].residual) == (True, False)
    # Both train the same encoder, unfitted: it is pretrained inside `fit`.
    same = [models[name].encoder.get_params() for name in ("resconn", "noresconn")]
    assert same[0] == same[1]
    assert not hasattr(models["resconn"].encoder, "encoder_")
    with pytest.raises(ValueError, match="`models` must be one of"):
        make_models(["lsmt"])
    with pytest.raises(ValueError, match="`budget` must be one of"):
        make_models(budget="huge")


def test_rows_of_the_paper_are_those_of_the_library():
    of_the_paper = [name for name in MODELS if name not in ("linear", "random_forest")]
    assert set(of_the_paper) == {
        name for name, row in PAPER_ROWS.items() if row.needs_encoder is None
    }
    for name, model in make_models(of_the_paper, budget="quick").items():
        params = model.get_params()
        assert {key: params[key] for key in PAPER_ROWS[name].parameters} == dict(
            PAPER_ROWS[name].parameters
        )
        assert params["attribute_noise"] == 0.5  # all rows train alike
        clone(model)


def test_the_demonstration_keeps_to_five_rows():
    assert list(make_models(budget="quick")) == list(DEMO_MODELS)
    assert set(DEMO_MODELS) < set(MODELS)


def test_rows_of_random_weights_share_an_encoder_beside_the_pretrained_one(
    catchments, protocol, tmp_path
):
    names = ["ablation_frozen", "ablation_scratch", "probe", "lstm_matched"]
    models = make_models(names, budget="quick", epochs=1, cache=tmp_path / "encoders")
    for model in models.values():
        sizes = {"encoder__d_model": 8, "encoder__n_layers": 1, "encoder__d_feedforward": 8}
        model.set_params(d_hidden=8, **sizes)
    results = run(protocol, *catchments, models, out=tmp_path, seeds=[0])
    # For each of three folds one of random weights and one pretrained.
    assert len(list((tmp_path / "encoders").glob("*.safetensors"))) == 6
    rmse = results.scores[results.scores["metric"] == "rmse"]
    assert rmse["value"].notna().all()
    assert (results.runs["n_parameters"] > 0).all()
