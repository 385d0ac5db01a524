"""Which sites an encoder has seen: by identifier, and by rough place."""

import numpy as np
import pandas as pd

from stefaland_sk.data import find_places

_CELL = 0.1  # degrees


def round_places(places, n_sites):
    """Round places to 0.1 degrees.

    Parameters
    ----------
    places : DataFrame with columns lat, lon, array of shape (n_sites, 2), or None
        Latitude and longitude [deg], NaN = unknown.
    n_sites : int
        Number of sites that have them.

    Returns
    -------
    ndarray of float of shape (n_sites, 2), or None
        Rounded places, longitudes from -180 to 180; NaN where unknown.

    Raises
    ------
    ValueError
        If there is not one pair for each site.
    """
    if places is None:
        return None
    if isinstance(places, pd.DataFrame):
        places = places[["lat", "lon"]]
    places = np.array(places, dtype=np.float64)
    if places.shape != (n_sites, 2):
        raise ValueError(
            f"`places` must hold latitude and longitude of each of the {n_sites} `sites`; its "
            f"shape is {places.shape}."
        )
    places[:, 1] = (places[:, 1] + 180) % 360 - 180
    return np.round(places / _CELL) * _CELL


def find_seen(sites, places, panel):
    """Tell which sites of a panel are among others, by identifier or by rough place.

    Parameters
    ----------
    sites : list of str
        Identifiers of the sites seen.
    places : ndarray of shape (n, 2), or None
        Their rounded places.
    panel : Panel
        Any sites.

    Returns
    -------
    DataFrame
        See `StefaLandEncoder.seen`.
    """
    ids = panel.site_ids
    by_id = ids.isin(sites)
    same = [None] * len(ids)
    if places is not None:
        cells = _cells(places)
        there = {cell: site for cell, site in zip(cells, sites, strict=True) if cell}
        here = _cells(round_places(find_places(panel), len(ids)))
        same = [None if known else there.get(cell) for known, cell in zip(by_id, here, strict=True)]
    columns = {
        "by_id": by_id,
        "by_place": [site is not None for site in same],
        "same_place_as": same,
    }
    return pd.DataFrame(columns, index=ids)


def _cells(places):
    """Whole numbers of cells, fit for comparing; None where a place is unknown."""
    known = np.isfinite(places).all(axis=1)
    numbers = np.round(np.where(known[:, None], places, 0) / _CELL).astype(int)
    return [tuple(cell) if ok else None for cell, ok in zip(numbers.tolist(), known, strict=True)]
