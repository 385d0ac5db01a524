"""The model behind the synthetic runoff keeps its water."""

import numpy as np
import pytest

from stefaland_sk.datasets._bucket import simulate_bucket

STORES = ("snow", "soil", "quick", "base")


@pytest.fixture
def weather():
    """Four sites, two years: wet and dry, frost and heat."""
    rng = np.random.default_rng(0)
    prcp = rng.gamma(0.3, 15.0, (4, 730)) * (rng.random((4, 730)) < 0.5)
    tmean = 8 - 14 * np.cos(2 * np.pi * np.arange(730) / 365) + rng.normal(0, 4, (4, 730))
    return prcp, tmean, np.maximum(0.2 * tmean, 0)


@pytest.fixture
def parameters():
    return {
        "capacity": np.array([30.0, 100.0, 200.0, 800.0]),
        "shape": np.array([0.03, 0.3, 1.0, 3.0]),
        "et_factor": np.array([0.4, 0.8, 1.0, 1.3]),
        "percolation": np.array([0.2, 2.0, 10.0, 40.0]),
        "quick_scale": np.array([2.0, 10.0, 50.0, 120.0]),
        "residence": np.array([5.0, 20.0, 100.0, 400.0]),
        "degree_day": np.array([1.0, 3.0, 5.0, 7.0]),
    }


def test_simulate_bucket_conserves_water(weather, parameters):
    fluxes = simulate_bucket(*weather, parameters)
    end = sum(fluxes[store][:, -1] for store in STORES)
    gone = fluxes["runoff"].sum(axis=1) + fluxes["et"].sum(axis=1)
    change = end - fluxes["initial_storage"]
    np.testing.assert_allclose(weather[0].sum(axis=1), gone + change, rtol=1e-10)


def test_simulate_bucket_keeps_fluxes_and_stores_in_bounds(weather, parameters):
    fluxes = simulate_bucket(*weather, parameters)
    assert all((values >= 0).all() for values in fluxes.values())
    assert (fluxes["soil"] <= parameters["capacity"][:, None] + 1e-9).all()
    assert (fluxes["et"] <= parameters["et_factor"][:, None] * weather[2] + 1e-12).all()


def test_simulate_bucket_restarted_from_its_stores_gives_the_whole_run(weather, parameters):
    whole = simulate_bucket(*weather, parameters)
    first = simulate_bucket(*(values[:, :300] for values in weather), parameters)
    stores = {store: first[store][:, -1] for store in STORES}
    second = simulate_bucket(*(values[:, 300:] for values in weather), parameters, stores)
    np.testing.assert_allclose(second["runoff"], whole["runoff"][:, 300:], rtol=1e-12)


def test_simulate_bucket_site_is_independent_of_the_others(weather, parameters):
    whole = simulate_bucket(*weather, parameters)
    alone = simulate_bucket(
        *(values[2:3] for values in weather), {n: v[2:3] for n, v in parameters.items()}
    )
    np.testing.assert_array_equal(alone["runoff"][0], whole["runoff"][2])


def test_frost_holds_water_back_and_thaw_releases_it():
    prcp = np.array([[10.0, 0.0, 0.0, 0.0]])
    tmean = np.array([[-5.0, -1.0, 3.0, 10.0]])
    parameters = {
        "capacity": 50.0,
        "shape": 0.3,
        "et_factor": 1.0,
        "percolation": 1.0,
        "quick_scale": 5.0,
        "residence": 20.0,
        "degree_day": 2.0,
    }
    snow = simulate_bucket(prcp, tmean, np.zeros((1, 4)), parameters)["snow"]
    np.testing.assert_allclose(snow, [[10.0, 10.0, 4.0, 0.0]])
