"""Synthetic catchments: a panel with a known truth, nothing to download."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number
from stefaland_sk.data import Panel, hargreaves_pet
from stefaland_sk.datasets._base import choose_forcings, give
from stefaland_sk.datasets._bucket import PARAMETERS, simulate_bucket
from stefaland_sk.datasets._climate_indices import climate_indices
from stefaland_sk.datasets._landscape import make_climate, make_ground, make_plants, make_regions
from stefaland_sk.datasets._response import bucket_parameters
from stefaland_sk.datasets._variables import (
    ATTRIBUTE_GROUPS,
    ATTRIBUTE_UNITS,
    DERIVED_FORCINGS,
    FORCINGS,
)
from stefaland_sk.datasets._weather import make_weather


@dataclass(frozen=True)
class CatchmentTruth:
    """What `make_catchments` knows and a model has to find out.

    Use it to see whether a model recovers what generated the data, beyond its score.

    Parameters
    ----------
    parameters : DataFrame of shape (n_sites, n_parameters)
        Parameters of the bucket model, with their units in ``attrs["units"]``.
    runoff : DataFrame of shape (n_sites, n_times)
        Runoff without error or gaps [mm/d], of unlabelled sites too.
    fluxes : dict of str to DataFrame of shape (n_sites, n_times)
        ``quick_runoff``, ``base_runoff``, ``et``, ``pet`` [mm/d], and the stores
        ``snow``, ``soil``, ``quick``, ``base`` [mm] at the end of each day.

    See Also
    --------
    make_catchments : Gives this with ``return_truth=True``.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y, truth = make_catchments(
    ...     n_sites=4, n_years=1, n_regions=2, random_state=0, return_truth=True
    ... )
    >>> truth.parameters.shape, truth.parameters.attrs["units"]["capacity"]
    ((4, 7), 'mm')
    """

    parameters: pd.DataFrame
    runoff: pd.DataFrame
    fluxes: dict


def make_catchments(
    n_sites=60,
    n_years=4,
    n_regions=5,
    *,
    concept_drift=0.3,
    unlabelled=0.0,
    missing=0.0,
    noise=0.1,
    parameter_noise=0.3,
    forcings=None,
    start="2000-10-01",
    random_state=None,
    as_frame=False,
    return_truth=False,
):
    """Make synthetic catchments: weather, attributes and the runoff that follows.

    A weather generator gives each region its own climate and each site its own series.
    Attributes describe climate, topography, soil, geology and vegetation under the
    names, units and groups of `load_camels_us`, so that a pipeline made for one runs
    on the other. Runoff comes from a conceptual model (not HBV) whose parameters depend
    on the attributes. Use it to try out models, splits and metrics, and in tests; a
    score on it says nothing about real rivers.

    Parameters
    ----------
    n_sites : int, default=60
        Number of sites. Site ``i`` belongs to region ``i % n_regions``.
    n_years : int, default=4
        Length of the record [years], after a discarded spin-up year.
    n_regions : int, default=5
        Number of regions. They differ in climate, soils and rocks.
    concept_drift : float in [0, 1], default=0.3
        How much the relation between attributes and runoff differs between regions:
        0 means one relation everywhere, 1 that it differs as much as it is strong.
    unlabelled : float in [0, 1), default=0.0
        Share of the sites without any target, as for pretraining.
    missing : float in [0, 1), default=0.0
        Expected share of missing values: in attributes single ones, in forcing gaps of
        a week, in the target gaps of 30 days.
    noise : float, default=0.1
        Standard deviation of the relative error of observed runoff [1].
    parameter_noise : float, default=0.3
        Scatter of the model's parameters that attributes do not explain, relative to
        the scatter that they do explain.
    forcings : list of str, default=None
        Forcing variables to give, out of prcp, srad, tmax, tmin, vp, dayl, tmean, pet.
        None gives the first six, which CAMELS has as well.
    start : str or Timestamp, default="2000-10-01"
        First day.
    random_state : int, Generator, RandomState or None, default=None
        Seed or source of randomness. The same seed gives the same data; None gives
        others at each call.
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.
    return_truth : bool, default=False
        Whether to give the parameters, fluxes and error-free runoff as well.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing [mm/d, W/m2, degC, Pa, s], 26 attributes and the site table with
        ``region``, ``lat``, ``lon`` [degrees] and ``area`` [km2]. As a long table its index
        levels are site, time and region, its columns the forcing and the attributes.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        Runoff [mm/d], NaN where not observed.
    truth : CatchmentTruth
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If a number is out of its range, there are fewer sites than regions, or a
        forcing variable is unknown.
    TypeError
        If a count is not a whole number, or `random_state` is of another type.

    See Also
    --------
    load_camels_us : The real thing, in the same form.

    Notes
    -----
    The same `random_state` with another `concept_drift`, `unlabelled`, `missing`,
    `noise` or `parameter_noise` gives the same weather and the same attributes.
    Climate attributes are computed from the weather of the record, before gaps.
    ``srad`` is the mean over the daylight hours, as in Daymet.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=10, n_years=2, random_state=0)
    >>> X
    Panel(10 sites, 730 times from 2000-10-01 to 2002-09-30, 6 forcings, 26 attributes)
    >>> X.sites["region"].value_counts().to_dict()
    {'1': 2, '2': 2, '3': 2, '4': 2, '5': 2}
    >>> y.shape, X.units["prcp"], X.groups["geology"]
    ((10, 730), 'mm/d', ['carbonate_rocks_frac', 'geol_permeability'])
    """
    _check_arguments(
        n_sites, n_years, n_regions, concept_drift, unlabelled, missing, noise, parameter_noise
    )
    forcings = choose_forcings(forcings)
    rngs = _streams(random_state)
    time, keep = _time_axes(start, n_years)
    region = np.arange(n_sites) % n_regions
    index = pd.Index([f"{i:08d}" for i in range(1, n_sites + 1)], dtype="str", name="site")

    weather, attributes, sites = _make_sites(region, n_regions, time, keep, index, rngs)
    parameters = bucket_parameters(
        attributes, region, concept_drift, parameter_noise, rngs["drift"], rngs["parameters"]
    )
    fluxes = simulate_bucket(
        weather["prcp"],
        weather["tmean"],
        weather["pet"],
        {name: column.to_numpy() for name, column in parameters.items()},
    )
    runoff = fluxes.pop("runoff")[:, keep]
    y = _observe(runoff, noise, unlabelled, missing, rngs)
    y = pd.DataFrame(y, index=index, columns=time[keep])
    y.attrs.update(name="runoff", units="mm/d")
    X = _make_panel(weather, forcings, attributes, sites, time[keep], keep, missing, rngs)
    data = give(X, y, "runoff", as_frame)
    if not return_truth:
        return data
    return *data, _make_truth(parameters, runoff, fluxes, weather, keep, y)


def _check_arguments(
    n_sites, n_years, n_regions, concept_drift, unlabelled, missing, noise, parameter_noise
):
    """Raise if an argument of `make_catchments` is not legal."""
    check_number("n_regions", n_regions, low=1, integer=True)
    check_number("n_sites", n_sites, low=1, integer=True)
    check_number("n_years", n_years, low=1, integer=True)
    check_number("concept_drift", concept_drift, low=0, high=1)
    check_number("noise", noise, low=0)
    check_number("parameter_noise", parameter_noise, low=0)
    for name, share in (("unlabelled", unlabelled), ("missing", missing)):
        check_number(name, share, low=0, high=1)
        if share == 1:
            raise ValueError(f"`{name}` must be less than 1: nothing would be left to learn from.")
    if n_sites < n_regions:
        raise ValueError(
            f"`n_sites`={n_sites} is less than `n_regions`={n_regions}: each region needs a site."
        )


def _streams(random_state):
    """Give one generator per purpose, so that one choice does not shift the others' draws."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31)
    try:
        root = np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`random_state` must be a non-negative int, a numpy Generator or RandomState, or None. "
            f"Got {random_state!r} instead."
        ) from error
    purposes = ("land", "weather", "drift", "parameters", "noise", "labels", "gaps")
    seeds = root.integers(2**63, size=len(purposes))
    return {name: np.random.default_rng(s) for name, s in zip(purposes, seeds, strict=True)}


def _time_axes(start, n_years):
    """Give the days from one spin-up year before `start` on, and the slice to keep."""
    start = pd.Timestamp(start).normalize()
    first, stop = start - pd.DateOffset(years=1), start + pd.DateOffset(years=n_years)
    time = pd.date_range(first, stop, freq="D", inclusive="left", name="time")
    return time, slice(int(time.get_loc(start)), len(time))


def _make_sites(region, n_regions, time, keep, index, rngs):
    """Draw the weather, attributes and site table of all sites."""
    regions = make_regions(n_regions, rngs["land"])
    climate, place = make_climate(regions, region, rngs["land"])
    dayofyear = time.day_of_year.to_numpy()
    weather = make_weather(climate, region, dayofyear, rngs["weather"])
    weather["tmean"] = (weather["tmin"] + weather["tmax"]) / 2
    weather["pet"] = hargreaves_pet(
        climate["lat"][:, None], dayofyear, weather["tmin"], weather["tmax"]
    )
    recent = (weather[name][:, keep] for name in ("prcp", "tmean", "pet"))
    values = {"elev_mean": place["elev_mean"], "area_gages2": place["area_gages2"]}
    values |= climate_indices(*recent)
    values |= make_ground(regions, region, place["elev_mean"], rngs["land"])
    values |= make_plants(values["aridity"], climate["temperature"], rngs["land"])
    attributes = pd.DataFrame(values, index=index)[list(ATTRIBUTE_UNITS)]
    sites = pd.DataFrame(
        {
            "region": (region + 1).astype(str),
            "lat": place["lat"],
            "lon": place["lon"],
            "area": place["area_gages2"],
        },
        index=index,
    )
    return weather, attributes, sites


def _gaps(shape, length, share, rng):
    """Draw gaps of `length` steps along the second axis; True where missing."""
    blocks = rng.random((shape[0], -(-shape[1] // length), *shape[2:])) < share
    return np.repeat(blocks, length, axis=1)[:, : shape[1]]


def _observe(runoff, noise, unlabelled, missing, rngs):
    """Turn true runoff into observations: errors, gaps, sites without a gauge."""
    errors = np.exp(noise * rngs["noise"].standard_normal(runoff.shape) - noise**2 / 2)
    observed = (runoff * errors).astype(np.float32)
    n_sites = len(runoff)
    observed[_gaps(runoff.shape, 30, missing, rngs["gaps"])] = np.nan
    # A site counts as labelled if it has any value, so gaps leave each at least one.
    lost = np.isnan(observed).all(axis=1)
    observed[lost, 0] = runoff[lost, 0]
    n_unlabelled = min(round(unlabelled * n_sites), n_sites - 1)
    observed[rngs["labels"].permutation(n_sites)[:n_unlabelled]] = np.nan
    return observed


def _make_panel(weather, forcings, attributes, sites, time, keep, missing, rngs):
    """Put the parts together, with gaps."""
    forcing = np.stack([weather[name][:, keep] for name in forcings], axis=2, dtype=np.float32)
    if missing:
        forcing[_gaps(forcing.shape, 7, missing, rngs["gaps"])] = np.nan
        attributes = attributes.mask(rngs["gaps"].random(attributes.shape) < missing)
    return Panel(
        attributes,
        forcing,
        time=time,
        sites=sites,
        forcing_names=forcings,
        units={name: (FORCINGS | DERIVED_FORCINGS)[name] for name in forcings} | ATTRIBUTE_UNITS,
        groups=ATTRIBUTE_GROUPS,
    )


def _make_truth(parameters, runoff, fluxes, weather, keep, like):
    """Label what the model knows."""

    def label(values):
        return pd.DataFrame(values, index=like.index, columns=like.columns)

    parameters.attrs["units"] = dict(PARAMETERS)
    names = [name for name in fluxes if name != "initial_storage"]
    labelled = {name: label(fluxes[name][:, keep]) for name in names}
    labelled["pet"] = label(weather["pet"][:, keep])
    return CatchmentTruth(parameters, label(runoff), labelled)
