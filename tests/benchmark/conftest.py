"""A small comparison that takes a second."""

from dataclasses import replace

import pytest

from stefaland_sk.benchmark import PROTOCOLS, make_models
from stefaland_sk.datasets import make_catchments


@pytest.fixture(scope="session")
def catchments():
    """Nine sites in three regions, two years each; one site without target."""
    return make_catchments(n_sites=9, n_years=2, n_regions=3, unlabelled=0.12, random_state=0)


@pytest.fixture
def protocol():
    """Two seeds, and few enough days for a record of two years."""
    return replace(PROTOCOLS["synthetic-pur"], name="tiny", seeds=(0, 1), warmup=180)


@pytest.fixture
def rows():
    """Two models that learn nothing that matters, in no time."""
    models = make_models(["linear", "random_forest"], budget="quick")
    models["random_forest"].set_params(n_estimators=2, max_rows=200, max_samples=100)
    return models
