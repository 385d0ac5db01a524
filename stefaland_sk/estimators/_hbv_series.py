"""Stores and fluxes of HBV as a labelled dataset."""

import numpy as np
import xarray as xr

from stefaland_sk.physics import FLUXES, STORES

# What a simulation gives -> its unit.
SERIES = {**FLUXES, **STORES, "runoff_generated": "mm/d", "runoff": "mm/d"}


def label_series(tables, panel):
    """Put series of sites into a dataset, with what follows from them.

    Parameters
    ----------
    tables : dict of str -> ndarray of shape (n_sites, n_times)
        All of `SERIES`.
    panel : Panel
        The sites.

    Returns
    -------
    xarray.Dataset
        Variables of ``(site, time)`` with their ``units``; also snow water equivalent ``swe`` [mm]
        and, of ``(site)``, the baseflow index ``bfi`` [1].
    """
    tables = {**tables, "swe": tables["snow"] + tables["meltwater"]}
    units = {**SERIES, "swe": "mm"}
    dataset = xr.Dataset(
        {
            name: (("site", "time"), values, {"units": units[name]})
            for name, values in tables.items()
        },
        coords={"site": panel.site_ids, "time": panel.time},
    )
    total = np.nansum(tables["runoff"], axis=1)
    share = np.nansum(tables["baseflow"], axis=1) / np.maximum(total, 1e-12)
    return dataset.assign(bfi=("site", share, {"units": "1"}))
