"""Where sites lie: latitude and longitude, wherever the data keep them."""

import numpy as np
import pandas as pd

from stefaland_sk.data._long import is_long
from stefaland_sk.data._panel import Panel
from stefaland_sk.data._samples import site_of_samples

PLACE_NAMES = {"lat": ("lat", "gauge_lat", "latitude"), "lon": ("lon", "gauge_lon", "longitude")}


def find_places(X):
    """Look up where the sites of X lie, in its site table or else among its attributes.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        Any sites. Coordinates are the columns (of a long table also the levels of the index)
        ``lat``, ``gauge_lat`` or ``latitude``, and ``lon``, ``gauge_lon`` or ``longitude``.

    Returns
    -------
    DataFrame of shape (n_sites, 2)
        Latitude ``lat`` and longitude ``lon`` [degrees], NaN where unknown, in the order of
        ``site_of_samples(X).ids``.

    Examples
    --------
    >>> import pandas as pd
    >>> find_places(pd.DataFrame({"gauge_lat": [47.2], "gauge_lon": [-68.6]}, index=["01013500"]))
               lat   lon
    site
    01013500  47.2 -68.6
    """
    if isinstance(X, Panel):
        ids, tables = X.site_ids, (X.sites, X.attributes)
    else:
        samples = site_of_samples(X)
        ids, tables = samples.ids, (samples.table, _columns_of_rows(X, samples))
    places = pd.DataFrame(np.nan, index=ids.rename("site"), columns=list(PLACE_NAMES))
    for column, names in PLACE_NAMES.items():
        for table, name in ((table, name) for table in tables for name in names if name in table):
            found = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
            places[column] = found
            break
    return places


def check_places(places, asker, of="X"):
    """Raise a ValueError that names the sites that lie nowhere, or give their places.

    Parameters
    ----------
    places : DataFrame of shape (n_sites, 2)
        As from `find_places`.
    asker : str
        Who needs them, for the message.
    of : str, default="X"
        Where the places come from, for the message.

    Returns
    -------
    DataFrame of shape (n_sites, 2)
        The places as they came.
    """
    unknown = places.isna().any(axis=1).to_numpy()
    if unknown.any():
        where = (
            f"{of} does not tell where any of its {len(places)} sites lies"
            if unknown.all()
            else f"{of} does not tell where {int(unknown.sum())} of its {len(places)} sites lie, "
            f"for example {list(places.index[unknown][:3])}"
        )
        raise ValueError(
            f"{asker} needs the latitude and longitude of each site, but {where}. Give columns "
            "'lat' and 'lon' [degrees] in the site table, `Panel(..., sites=table)`, or as columns "
            "of a DataFrame."
        )
    return check_degrees(places, of)


def check_degrees(places, of="X"):
    """Raise a ValueError that names a site whose place is not given in degrees, or give all.

    Parameters
    ----------
    places : DataFrame of shape (n_sites, 2)
        As from `find_places`.
    of : str, default="X"
        Where the places come from, for the message.

    Returns
    -------
    DataFrame of shape (n_sites, 2)
        The places as they came.
    """
    # Longitudes from -180 to 180 and from 0 to 360 are both in use.
    odd = (places["lat"].abs() > 90) | (places["lon"] < -180) | (places["lon"] > 360)
    if odd.any():
        site, (lat, lon) = places.index[odd][0], places[odd].to_numpy()[0]
        raise ValueError(
            f"Site {site!r} of {of} has lat={lat:g} and lon={lon:g}, which are no degrees. "
            "Are they metres of a map, or swapped?"
        )
    return places


def _columns_of_rows(X, samples):
    """Take the coordinates that a long table holds on every row: the first value of each site."""
    table = pd.DataFrame(index=samples.ids)
    if not is_long(X):
        return table
    for name in (name for names in PLACE_NAMES.values() for name in names if name in X):
        rows = pd.Series(X[name].to_numpy()).groupby(samples.codes).first()
        table[name] = rows.reindex(range(len(samples.ids))).to_numpy()
    return table
