"""Synthetic data for every protocol: to see that all of it runs, not to learn what is better."""

from dataclasses import replace

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

from ._models import OTHER_ENCODERS
from ._splitters import DonorSplit

TEXTURE = ("sand_frac", "silt_frac", "clay_frac")
_CONTINENTS = ("Africa", "Europe", "North America", "South America")
_COUNTRIES = ("KE", "NL", "US", "BR")  # of these continents
_START = "2000-10-01"
_N_BASINS = 671  # of which the numbers of donors are a part


def make_synthetic(protocol, *, n_sites=24, n_years=3, random_state=0):
    """Make synthetic data of the kind that a protocol is for, and the protocol on them.

    Parameters
    ----------
    protocol : Protocol
        Any of `PROTOCOLS`.
    n_sites : int, default=24
        Number of sites, in four regions.
    n_years : int, default=3
        Length of the record [years], at least 3.
    random_state : int, default=0
        Seed.

    Returns
    -------
    protocol : Protocol
        The same, under a name that begins with "synthetic-", with days and sites of these data.
        Published lists of basins become random folds.
    X : Panel
        Sites.
    y : DataFrame
        Target: runoff or soil moisture of each day, or three fractions of each site.
    encoders : dict of str to encoder
        Vectors per site that stand in for embeddings of others.

    Notes
    -----
    Embeddings are noisy random projections of the attributes, "continents" and "countries" are
    names for regions, and soil moisture is the store of the bucket model that made the runoff.
    """
    X, y, truth = make_catchments(
        n_sites=n_sites,
        n_years=n_years,
        n_regions=len(_CONTINENTS),
        unlabelled=0.1 if not protocol.target_per_site else 0.0,
        start=_START,
        random_state=random_state,
        return_truth=True,
    )
    X = X.assign(sites=_with_places(X.sites), attributes=_with_more(X.attributes))
    if protocol.task == "soil_moisture":
        store = truth.fluxes["soil"]
        y = (0.45 * store / np.nanmax(store.to_numpy())).where(y.notna())
    if protocol.target_per_site:
        y = X.attributes[list(TEXTURE)]
        X = Panel.from_table(X.attributes, sites=X.sites)
    return _adapted(protocol, n_sites), X, y, _embeddings(X, random_state)


def _adapted(protocol, n_sites):
    """Give the protocol with sites and days of the synthetic data."""
    changes = {"name": protocol.name, "sites": None, "seeds": (0,)}
    if not protocol.name.startswith("synthetic"):
        changes["name"] = f"synthetic-{protocol.name}"
    if not protocol.target_per_site:
        changes |= {"period": None, "min_obs": 30}
    if protocol.fit_period is not None:
        changes["fit_period"] = ("2002-10-01", None)
        changes["score_period"] = ("2001-10-01", "2002-09-30")
    if _is_published(protocol.cv):
        changes["cv"] = SiteKFold(3, random_state=0)
    if isinstance(protocol.cv, LeaveRegionOut):  # here all regions are small
        changes["cv"] = LeaveRegionOut(protocol.cv.regions, only=protocol.cv.only)
    if isinstance(protocol.cv, DonorSplit):
        k = protocol.cv.n_donors
        few = None if k is None else max(2, round(n_sites * k / _N_BASINS))
        changes["cv"] = DonorSplit(few, features=protocol.cv.features, n_targets=3)
    return replace(protocol, **changes)


def _is_published(cv):
    """Tell whether a splitter knows its sites by name."""
    return isinstance(getattr(cv, "folds", None), dict)


def _with_places(sites):
    """Add the columns that splits of the papers read."""
    position = sites["region"].astype(int) - 1
    return sites.assign(
        continent=[_CONTINENTS[i] for i in position],
        country=[_COUNTRIES[i] for i in position],
        dataset=np.where(position % 2 == 0, "camels_us", "camels_gb"),
    )


def _with_more(attributes):
    """Add the attributes of the AlphaEarth paper that the synthetic sites lack."""
    return attributes.assign(
        dom_land_cover_frac=0.5 + 0.5 * (attributes["frac_forest"] - 0.5).abs(),
        root_depth_50=0.1 + 0.2 * attributes["frac_forest"],
        geol_porosity=0.3 - 0.2 * attributes["carbonate_rocks_frac"],
        dom_land_cover=(attributes["frac_forest"] * 4).round(),
        geol_1st_class=(attributes["geol_permeability"].rank(pct=True) * 4).round(),
        geol_2nd_class=(attributes["carbonate_rocks_frac"].rank(pct=True) * 4).round(),
    )


def _embeddings(X, random_state):
    """Give vectors that stand in for the encoders of others."""
    from stefaland_sk.encoders import SiteEmbeddingEncoder

    rng = np.random.default_rng(random_state)
    values = X.attributes.rank(pct=True).to_numpy() - 0.5
    vectors = values @ rng.normal(size=(values.shape[1], 8))
    vectors += 0.1 * rng.normal(size=vectors.shape)
    table = pd.DataFrame(vectors, index=X.site_ids).add_prefix("emb_")
    encoder = SiteEmbeddingEncoder(table)
    return {**dict.fromkeys(OTHER_ENCODERS.values(), encoder), "donors": encoder}
