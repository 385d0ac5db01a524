"""Stores and fluxes of a physical model as a labelled dataset."""

import numpy as np
import xarray as xr


def label_series(tables, panel, units):
    """Put series of sites into a dataset, with what follows from them.

    Parameters
    ----------
    tables : dict of str -> ndarray of shape (n_sites, n_times)
        Stores, fluxes and the target.
    panel : Panel
        The sites.
    units : dict of str -> str
        Of the tables.

    Returns
    -------
    xarray.Dataset
        Variables of ``(site, time)`` with their ``units``; of a model with a snow pack also
        snow water equivalent ``swe`` [mm], of one with baseflow also the baseflow index
        ``bfi`` [1] of ``(site)``.
    """
    tables, units = dict(tables), dict(units)
    if {"snow", "meltwater"} <= set(tables):
        tables["swe"], units["swe"] = tables["snow"] + tables["meltwater"], "mm"
    dataset = xr.Dataset(
        {
            name: (("site", "time"), values, {"units": units[name]})
            for name, values in tables.items()
        },
        coords={"site": panel.site_ids, "time": panel.time},
    )
    if not {"baseflow", "runoff"} <= set(tables):
        return dataset
    total = np.nansum(tables["runoff"], axis=1)
    share = np.nansum(tables["baseflow"], axis=1) / np.maximum(total, 1e-12)
    return dataset.assign(bfi=("site", share, {"units": "1"}))
