"""The rows of a comparison: made by name, and what they share."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from stefaland_sk.benchmark import DEMO_MODELS, MODELS, SITE_MODELS, make_models, run
from stefaland_sk.benchmark._models import DESCRIPTIONS, HYBRIDS, OTHER_ENCODERS, SEVENTEEN
from stefaland_sk.encoders import SiteEmbeddingEncoder
from stefaland_sk.estimators import PAPER_ROWS, paper_row


def vectors():
    """Three numbers for each of nine sites, as an encoder."""
    sites = [f"{number:08d}" for number in range(1, 10)]
    values = np.random.default_rng(0).normal(size=(9, 3))
    return SiteEmbeddingEncoder(pd.DataFrame(values, index=sites).add_prefix("A"))


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
    ours = ("linear", "random_forest", *DESCRIPTIONS)
    of_the_paper = [name for name in MODELS if name not in ours]
    assert set(of_the_paper) == set(PAPER_ROWS)
    assert set(OTHER_ENCODERS) == {n for n, row in PAPER_ROWS.items() if row.needs_encoder}
    given = dict.fromkeys(OTHER_ENCODERS.values(), vectors())
    for name, model in make_models(of_the_paper, budget="quick", encoders=given).items():
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


def test_each_task_has_its_estimators():
    moisture = make_models(["lstm", "resconn"], task="soil_moisture")
    assert type(moisture["resconn"]).__name__ == "StefaLandSoilMoisture"
    # The LSTM gets the preset that the others have.
    for name in ("warmup", "max_epochs"):
        assert getattr(moisture["lstm"], name) == getattr(moisture["resconn"], name)
    soil = make_models(SITE_MODELS, task="soil_composition", budget="tiny")
    inits = {name: model.encoder_init for name, model in soil.items() if "encoder" in vars(model)}
    assert inits == {"network": "none", "stefaland_random": "random", "stefaland": "pretrained"}
    hybrids = make_models(HYBRIDS, budget="quick")
    assert {type(model).__name__ for model in hybrids.values()} == {"HBVStreamflow"}
    with pytest.raises(ValueError, match=r"`models` must be one of .* Got 'lstm_hbv'"):
        make_models(["lstm_hbv"], task="soil_moisture")
    with pytest.raises(ValueError, match="`task` must be one of"):
        make_models(task="snow")


def test_settings_of_the_paper_are_taken_as_they_are():
    for task in ("streamflow", "streamflow_global", "soil_moisture"):
        model = make_models(["resconn"], task=task, settings="paper", epochs=2)["resconn"]
        expected = paper_row("resconn", task, settings="paper") | {"max_epochs": 2}
        params = model.get_params()
        assert {key: params[key] for key in expected} == expected
    with pytest.raises(ValueError, match="use budget='full' with settings='paper'"):
        make_models(["lstm"], settings="paper", budget="quick")
    with pytest.raises(ValueError, match="`settings` must be one of"):
        make_models(["lstm"], settings="best")


def test_encoders_that_are_given_take_the_place_of_pretraining():
    given = vectors()
    rows = ["resconn", "ablation_frozen", "alphaearth_lstm"]
    models = make_models(rows, encoders={"stefaland": given, "alphaearth": given})
    assert models["resconn"].encoder is models["alphaearth_lstm"].encoder is given
    assert models["ablation_frozen"].encoder is not given
    with pytest.raises(ValueError, match=r"row 'alphaearth_lstm' needs an encoder .*--embeddings"):
        make_models(["alphaearth_lstm"])


def test_lstms_know_sites_by_what_their_names_say():
    models = make_models(["lstm_17", "lstm_26", "lstm_stefaland"])
    assert models["lstm_17"].attributes == list(SEVENTEEN)
    assert len(models["lstm_26"].attributes) == 26
    assert models["lstm_stefaland"].raw_inputs == "forcing"
