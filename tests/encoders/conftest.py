"""Fixtures of the encoder tests: a few catchments and a small encoder pretrained on them."""

import pytest

from stefaland_sk import StefaLandTransformer
from stefaland_sk.datasets import make_catchments

WINDOW = 64


@pytest.fixture(scope="package")
def catchments():
    return make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)[0]


@pytest.fixture(scope="package")
def encoder(catchments):
    sizes = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_feedforward": 8, "d_embedding": 4}
    model = StefaLandTransformer(window=WINDOW, max_epochs=1, random_state=0, **sizes)
    return model.fit(catchments).encoder_
