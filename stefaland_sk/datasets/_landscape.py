"""Regions, and the lie of the land, soils, rocks and plants of the sites in them."""

import numpy as np


def make_regions(n_regions, rng):
    """Draw what the sites of a region have in common; dict of arrays of shape (n_regions,)."""

    def spread(low, high):
        """Give one value from each of n_regions equal slices, shuffled: contrasts are certain."""
        slices = (rng.permutation(n_regions) + rng.random(n_regions)) / n_regions
        return low + (high - low) * slices

    return {
        "lat": spread(28.0, 49.0),
        "lon": np.linspace(-120.0, -72.0, n_regions) if n_regions > 1 else np.array([-95.0]),
        "log_prcp": np.log(spread(1.3, 4.6)),
        "prcp_amplitude": spread(0.05, 0.75),
        "prcp_peak": 365 * rng.random(n_regions),
        "continental": spread(0.0, 1.0),
        "log_elev": np.log(spread(120.0, 1800.0)),
        "sand": rng.normal(0, 0.6, n_regions),
        "clay": rng.normal(0, 0.5, n_regions),
        "depth": rng.normal(0, 0.7, n_regions),
        "permeability": rng.normal(-13.9, 0.9, n_regions),
        "carbonate": rng.normal(-1.6, 1.2, n_regions),
    }


def make_climate(regions, region, rng):
    """Draw place, height and the parameters of the weather generator for each site."""
    n_sites = len(region)
    base = {name: values[region] for name, values in regions.items()}
    relief = rng.normal(0, 0.5, n_sites)
    elev = np.exp(base["log_elev"] + relief)
    lat = base["lat"] + rng.uniform(-1.8, 1.8, n_sites)
    prcp_mean = np.exp(base["log_prcp"] + 0.15 * relief + rng.normal(0, 0.15, n_sites))
    dryness = 4 * np.exp(-prcp_mean / 2)
    climate = {
        "lat": lat,
        "prcp_mean": prcp_mean,
        "prcp_amplitude": np.clip(base["prcp_amplitude"] + rng.normal(0, 0.05, n_sites), 0, 0.9),
        "prcp_peak": base["prcp_peak"] + rng.normal(0, 8, n_sites),
        "persistence": rng.uniform(0.2, 0.35, n_sites),
        "temperature": 40 - 0.68 * lat - 5.5e-3 * elev + rng.normal(0, 0.5, n_sites),
        "temperature_amplitude": 4 + 0.3 * (lat - 25) + 3 * base["continental"],
        "temperature_range": 8.5 + dryness + 2.5 * base["continental"],
        "dryness": dryness,
    }
    place = {
        "lat": lat,
        "lon": base["lon"] + rng.uniform(-1.8, 1.8, n_sites),
        "elev_mean": elev,
        "area_gages2": np.exp(rng.normal(5.8, 1.2, n_sites)),
    }
    return climate, place


def make_ground(regions, region, elev, rng):
    """Draw topography, soil and geology; correlated within and between the groups."""
    n_sites = len(region)
    base = {name: values[region] for name, values in regions.items()}
    slope = np.exp(3.1 + 0.75 * (np.log(elev) - 6.0) + rng.normal(0, 0.6, n_sites))

    # Shares of the three grain sizes from log-ratios to silt, so that they add up to 100 %.
    sand = np.exp(0.1 + base["sand"] + rng.normal(0, 0.45, n_sites))
    clay = np.exp(-0.6 + base["clay"] - 0.3 * np.log(sand) + rng.normal(0, 0.35, n_sites))
    whole = (sand + clay + 1) / 100
    sand, clay, silt = sand / whole, clay / whole, 1 / whole

    # Porosity and conductivity from texture: regressions of Cosby et al. (1984,
    # doi:10.1029/WR020i006p00682), which CAMELS uses as well, with scatter.
    porosity = 0.505 - 0.00142 * sand - 0.00037 * clay + rng.normal(0, 0.008, n_sites)
    conductivity = 10 ** (-0.60 + 0.0126 * sand - 0.0064 * clay + rng.normal(0, 0.06, n_sites))
    # Steep ground holds little soil.
    deep = base["depth"] - 0.4 * (np.log(slope) - 3.1) + rng.normal(0, 0.7, n_sites)
    shallow = np.clip(1.25 + 0.18 * deep + rng.normal(0, 0.1, n_sites), 0.5, 1.5)
    carbonate = 1 / (1 + np.exp(-base["carbonate"] - rng.normal(0, 1.2, n_sites)))
    carbonate = np.where(carbonate < 0.15, 0.0, carbonate)
    permeability = base["permeability"] + 1.2 * carbonate + rng.normal(0, 0.6, n_sites)
    return {
        "slope_mean": slope,
        "soil_depth_pelletier": np.clip(np.exp(0.8 + deep), 0.3, 50.0),
        "soil_depth_statsgo": shallow,
        "soil_porosity": porosity,
        "soil_conductivity": 2.54 * conductivity,  # from inches
        "max_water_content": shallow * porosity * rng.uniform(0.85, 1.0, n_sites),
        "sand_frac": sand,
        "silt_frac": silt,
        "clay_frac": clay,
        "carbonate_rocks_frac": carbonate,
        "geol_permeability": np.clip(permeability, -16.5, -10.9),
    }


def make_plants(aridity, temperature, rng):
    """Draw vegetation, which follows the climate."""
    n_sites = len(aridity)
    moist = -2.2 * np.log(aridity) + 0.5 + rng.normal(0, 0.8, n_sites)
    forest = 1 / (1 + np.exp(-moist))
    lai = np.clip(0.8 + 4.2 * forest + rng.normal(0, 0.3, n_sites), 0.4, 6.0)
    green = np.clip(0.42 + 0.45 * forest + rng.normal(0, 0.04, n_sites), 0.2, 0.95)
    deciduous = 1 / (1 + np.exp((temperature - 12) / 5 + rng.normal(0, 0.4, n_sites)))
    return {
        "frac_forest": forest,
        "lai_max": lai,
        "lai_diff": lai * (0.35 + 0.5 * deciduous),
        "gvf_max": green,
        "gvf_diff": green * (0.15 + 0.5 * deciduous),
    }
