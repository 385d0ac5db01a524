"""How the parameters of the bucket model follow from attributes, and how that drifts."""

import numpy as np
import pandas as pd

from stefaland_sk.datasets._bucket import PARAMETERS

# Centre and scale that bring each predictor near zero mean and unit variance. Fixed numbers,
# not sample statistics: the relation must not depend on which sites were drawn.
_PREDICTORS = {
    "clay": ("clay_frac", None, 22.0, 8.0),
    "conductivity": ("soil_conductivity", np.log, 0.3, 0.5),
    "depth": ("soil_depth_pelletier", np.log, 0.8, 1.0),
    "water_content": ("max_water_content", None, 0.55, 0.1),
    "slope": ("slope_mean", np.log, 3.1, 1.0),
    "area": ("area_gages2", np.log, 5.8, 1.2),
    "forest": ("frac_forest", None, 0.6, 0.3),
    "permeability": ("geol_permeability", None, -13.8, 1.1),
    "carbonate": ("carbonate_rocks_frac", None, 0.2, 0.25),
}

# Median, bounds, and the change of the logarithm per standard unit of a predictor.
_RELATION = {
    "capacity": (190.0, (30.0, 800.0), {"water_content": 0.4, "depth": 0.35, "forest": 0.25}),
    "shape": (0.30, (0.03, 3.0), {"clay": 0.5, "slope": 0.3, "depth": -0.3}),
    "et_factor": (1.0, (0.5, 1.4), {"forest": 0.15, "conductivity": -0.05}),
    "percolation": (4.0, (0.2, 40.0), {"conductivity": 0.5, "permeability": 0.5, "clay": -0.25}),
    "quick_scale": (14.0, (2.0, 120.0), {"slope": -0.45, "area": 0.4}),
    "residence": (45.0, (5.0, 400.0), {"permeability": -0.35, "depth": 0.4, "carbonate": -0.3}),
    "degree_day": (3.0, (1.0, 7.0), {"forest": -0.25, "slope": 0.1}),
}


def bucket_parameters(attributes, region, concept_drift, noise, rng_drift, rng_noise):
    """Derive the parameters of the bucket model from attributes.

    Each parameter is log-linear in a few attributes. In a region, the coefficients are
    changed by ``concept_drift`` times a random vector of their own length, spread over
    *all* predictors, and the level by ``concept_drift`` times half of it.

    Returns
    -------
    DataFrame of shape (n_sites, n_parameters)
        Parameters, in the units of `PARAMETERS`.
    """
    predictors = _standardised(attributes)
    n_regions = region.max() + 1
    parameters = {}
    for name, (median, bounds, slopes) in _RELATION.items():
        weights = np.array([slopes.get(predictor, 0.0) for predictor in _PREDICTORS])
        size = np.sqrt((weights**2).sum())
        turn = rng_drift.standard_normal((n_regions, len(weights))) * size / np.sqrt(len(weights))
        shift = rng_drift.standard_normal(n_regions) * 0.5 * size
        local = weights + concept_drift * turn[region]
        log_value = np.log(median) + (predictors * local).sum(axis=1)
        log_value += concept_drift * shift[region]
        log_value += noise * size * rng_noise.standard_normal(len(region))
        parameters[name] = np.clip(np.exp(log_value), *bounds)
    assert list(parameters) == list(PARAMETERS)
    return pd.DataFrame(parameters, index=attributes.index)


def _standardised(attributes):
    """Give the predictors as an array of shape (n_sites, n_predictors)."""
    columns = []
    for name, transform, centre, scale in _PREDICTORS.values():
        values = attributes[name].to_numpy()
        columns.append(((values if transform is None else transform(values)) - centre) / scale)
    return np.clip(np.column_stack(columns), -3, 3)
