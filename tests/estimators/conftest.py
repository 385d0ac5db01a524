"""Six small catchments, and models that are fitted in a tenth of a second."""

import pytest

from stefaland_sk import LSTMRegressor, StefaLandStreamflow, StefaLandTransformer
from stefaland_sk.datasets import make_catchments

SIZES = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_feedforward": 8, "d_embedding": 4}
SHORT = {"d_hidden": 8, "window": 60, "warmup": 20, "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="session")
def catchments():
    """X and y: six sites in two regions, one year; panels are immutable, y must not be changed."""
    return make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)


@pytest.fixture(scope="session")
def make_transformer():
    """Function that gives an unfitted small transformer."""

    def make(**params):
        options = {**SIZES, "window": 60, "max_epochs": 1, "random_state": 0}
        return StefaLandTransformer(**{**options, **params})

    return make


@pytest.fixture(scope="session")
def make_streamflow(make_transformer):
    """Function that gives an unfitted small StefaLandStreamflow."""

    def make(encoder=None, **params):
        encoder = make_transformer(random_state=None) if encoder is None else encoder
        return StefaLandStreamflow(encoder, **{**SHORT, **params})

    return make


@pytest.fixture(scope="session")
def make_lstm():
    """Function that gives an unfitted small LSTMRegressor."""
    return lambda **params: LSTMRegressor(**{**SHORT, **params})
