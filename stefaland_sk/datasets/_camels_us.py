"""CAMELS-US: the provider's names, turned into ours."""

import warnings

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning, LeakageWarning, check_option
from stefaland_sk.data import Panel, camels_gauges
from stefaland_sk.datasets._base import (
    choose_forcings,
    choose_names,
    choose_period,
    choose_sites,
    derive_forcing,
    give,
    needed_forcings,
)
from stefaland_sk.datasets._camels_us_files import DAY, open_source
from stefaland_sk.datasets._variables import (
    ATTRIBUTE_UNITS,
    ATTRIBUTES,
    DERIVED_FORCINGS,
    FORCINGS,
    units_of,
)

PRODUCTS = ["daymet", "maurer", "maurer_extended", "nldas"]
TARGETS = {"runoff": "mm/d", "discharge": "m3/s"}

# Numeric attributes beyond the usual 26; `attributes="all"` takes them as well.
MORE_ATTRIBUTES = {
    "topography": {"area_geospa_fabric": "km2"},
    "vegetation": {"dom_land_cover_frac": "1", "root_depth_50": "m", "root_depth_99": "m"},
    "soil": {"water_frac": "%", "organic_frac": "%", "other_frac": "%"},
    "geology": {"glim_1st_class_frac": "1", "glim_2nd_class_frac": "1", "geol_porosity": "1"},
    "climate": {"p_seasonality": "1"},
}
SIGNATURES = {  # computed from the target: never inputs unless asked for by name
    "q_mean": "mm/d",
    "runoff_ratio": "1",
    "slope_fdc": "1",
    "baseflow_index": "1",
    "stream_elas": "1",
    "q5": "mm/d",
    "q95": "mm/d",
    "high_q_freq": "d/yr",
    "high_q_dur": "d",
    "low_q_freq": "d/yr",
    "low_q_dur": "d",
    "zero_q_freq": "1",
    "hfd_mean": "1",
}
CATEGORIES = {  # attribute: the provider's file
    "dom_land_cover": "camels_vege.txt",
    "geol_1st_class": "camels_geol.txt",
    "geol_2nd_class": "camels_geol.txt",
    "high_prec_timing": "camels_clim.txt",
    "low_prec_timing": "camels_clim.txt",
}
RENAMED = {"geol_porostiy": "geol_porosity"}  # the provider's spelling: ours
# Regions of the test on unseen regions: unions of two-digit hydrologic units (Feng et al. 2021).
REGIONS = {
    "1": ("01", "02"),
    "2": ("03", "06"),
    "3": ("04", "05", "07"),
    "4": ("09", "10"),
    "5": ("08", "11", "12", "13"),
    "6": ("14", "15", "16", "18"),
    "7": ("17",),
}
FOLDS = ("pub_group_10", "nearing2022_pub_fold10", "pub_fold12", "pub_fold5")


def load_camels_us(
    path,
    *,
    forcing_product="daymet",
    forcings=None,
    attributes="default",
    signatures=(),
    sites=None,
    period=None,
    target="runoff",
    as_frame=False,
):
    """Load CAMELS-US: forcing, attributes and streamflow of basins in the United States.

    Reads the files as they are distributed [1]_ [2]_, or the compact form with one netCDF
    file and one table of attributes. Nothing is downloaded, scaled or filled.

    Parameters
    ----------
    path : str or path-like
        Folder with the unpacked ``basin_dataset_public_v1p2`` and
        ``camels_attributes_v2.0`` (or the former, with the latter beside it); or folder
        with ``camels_us_daymet.nc`` and ``attributes.csv``; or with ``camels_us_demo.nc``
        and ``camels_us_demo_attributes.csv``. Which one is seen from what is there.
    forcing_product : {"daymet", "maurer", "maurer_extended", "nldas"}, default="daymet"
        Source of the weather. Compact files hold Daymet only. The files of Maurer (but
        not the extended ones) and NLDAS give the daily mean as `tmin` and as `tmax`.
    forcings : list of str, default=None
        Variables to give, out of prcp, srad, tmax, tmin, vp, dayl and two derived ones:
        tmean, the mean of `tmin` and `tmax`, and pet after Hargreaves and Samani. None
        gives the first six.
    attributes : {"default", "all"} or list of str, default="default"
        "default" takes the 26 of the usual experiments; "all" every numeric one but the
        signatures of the target. A signature named in a list is given, with a warning.
    signatures : list of str, default=()
        Signatures of observed runoff (q_mean, baseflow_index, ...) to put into the *site
        table*, where models do not see them.
    sites : list of str, default=None
        Gauges to read, in this order, with eight digits each. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    target : {"runoff", "discharge"}, default="runoff"
        Runoff [mm/d], or discharge [m3/s].
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing [mm/d, W/m2, degC, Pa, s], attributes with units and groups, and the site
        table: ``region`` ("1" to "7", the regions of the test on unseen regions [3]_),
        ``lat``, ``lon`` [degrees], ``area`` [km2], ``huc_02``, ``in_531``, ``name``,
        published folds (``pub_group_10`` and those that lie with the data) and `signatures`.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        The target, NaN where there is no record or it is flagged as missing.

    Raises
    ------
    FileNotFoundError
        If none of the layouts is found; the message lists what was looked for.
    ValueError
        If a site, attribute, variable or product does not exist, the attribute is a
        category, or no day lies in `period`.
    TypeError
        If a site identifier is not a string: numbers have lost their leading zeros.

    Warns
    -----
    LeakageWarning
        If `attributes` names a signature of the target.
    DataWarning
        If a site has no streamflow file, or the product has no daily temperature range.

    See Also
    --------
    make_catchments : Synthetic data with the same variables.

    Notes
    -----
    Discharge in cubic feet per second becomes runoff by the area ``area_gages2``, the one
    that reproduces the provider's ``q_mean``. ``srad`` is the mean over the daylight
    hours: the daily energy is ``srad * dayl``.

    References
    ----------
    .. [1] Newman, A. J. et al. (2015). Development of a large-sample watershed-scale
       hydrometeorological data set for the contiguous USA. Hydrol. Earth Syst. Sci., 19,
       209-223. doi:10.5194/hess-19-209-2015
    .. [2] Addor, N., Newman, A. J., Mizukami, N. and Clark, M. P. (2017). The CAMELS
       data set: catchment attributes and meteorology for large-sample studies.
       Hydrol. Earth Syst. Sci., 21, 5293-5313. doi:10.5194/hess-21-5293-2017
    .. [3] Feng, D., Lawson, K. and Shen, C. (2021). Mitigating prediction error of deep
       learning streamflow models in large data-sparse regions with ensemble modeling and
       soft data. Geophys. Res. Lett., 48, e2021GL092999. doi:10.1029/2021GL092999

    Examples
    --------
    >>> from stefaland_sk.datasets import load_camels_us
    >>> X, y = load_camels_us(
    ...     "path/to/camels", period=("1989-10-01", "2008-09-30")
    ... )  # doctest: +SKIP
    >>> X  # doctest: +SKIP
    Panel(671 sites, 6940 times from 1989-10-01 to 2008-09-30, 6 forcings, 26 attributes)
    """
    check_option("forcing_product", forcing_product, PRODUCTS)
    check_option("target", target, list(TARGETS))
    forcings = choose_forcings(forcings)
    names = _choose_attributes(attributes)
    signatures = choose_names("signatures", signatures, SIGNATURES)

    source = open_source(path, forcing_product)
    try:
        sites = choose_sites(sites, source.site_ids, f"{source.name} with its attributes")
        days = choose_period(period, source.time)
        table = source.table.rename(columns=RENAMED).loc[sites].rename_axis(index="site")
        table.index = pd.Index(sites, dtype="str", name="site")
        X = Panel(
            _take(table, names),
            _read_forcing(source, forcings, sites, days, table, forcing_product),
            time=source.time[days],
            sites=_site_table(table, signatures),
            forcing_names=forcings,
            units=_units(forcings, names, signatures),
            groups=_groups(names),
        )
        values = source.read_runoff(sites, days)
    finally:
        source.close()
    if target == "discharge":
        values *= (X.sites["area"].to_numpy(np.float32) * np.float32(1e3 / DAY))[:, None]
    return give(X, pd.DataFrame(values, index=X.site_ids, columns=X.time), target, as_frame)


def _choose_attributes(attributes):
    """Give the names of the attributes asked for."""
    if isinstance(attributes, str):
        check_option("attributes", attributes, ["default", "all", "a list of names"])
        more = MORE_ATTRIBUTES if attributes == "all" else {}
        return [n for g, names in ATTRIBUTES.items() for n in (*names, *more.get(g, ()))]
    wanted = [RENAMED.get(name, name) for name in attributes]
    for name in wanted:
        if name in CATEGORIES:
            raise ValueError(
                f"The attribute {name!r} is a category, and attributes are numbers. Read it from "
                f"{CATEGORIES[name]}, encode it (for example with pandas.get_dummies) and add the "
                "columns with `X.assign(attributes=...)`."
            )
    numeric = [*ATTRIBUTE_UNITS, *units_of(*MORE_ATTRIBUTES.values())]
    choose_names("attributes", wanted, [*numeric, *SIGNATURES])
    leaks = [name for name in wanted if name in SIGNATURES]
    if leaks:
        warnings.warn(
            f"The attributes {leaks} are computed from observed runoff. A model that reads them "
            "has seen its target, and they do not exist where there is no gauge. Name them in "
            "`signatures=` to have them in the site table only.",
            LeakageWarning,
            stacklevel=3,
        )
    return wanted


def _take(table, names):
    """Give the columns, which must be there, as numbers."""
    absent = [name for name in names if name not in table]
    if absent:
        raise ValueError(
            f"The attributes {absent} are not in the files; there are "
            f"{[name for name in table if pd.api.types.is_numeric_dtype(table[name])]}."
        )
    return table[names].astype(np.float64)


def _read_forcing(source, forcings, sites, days, table, product):
    """Read and derive forcing; float32 of shape (n_sites, n_times, n_forcings)."""
    planes = source.read(needed_forcings(forcings), sites, days)
    if {"tmin", "tmax"} <= planes.keys() and _without_range(planes["tmin"], planes["tmax"]):
        if "pet" in forcings:
            raise ValueError(
                f"`tmin` and `tmax` of the product {product!r} are equal on all days (daily "
                "means), so that pet after Hargreaves would be zero. Use another "
                "`forcing_product`, or leave pet out of `forcings`."
            )
        warnings.warn(
            f"`tmin` and `tmax` of the product {product!r} are equal on all days: its files "
            "give the daily mean for both.",
            DataWarning,
            stacklevel=3,
        )
    forcing = np.empty((len(sites), days.stop - days.start, len(forcings)), dtype=np.float32)
    lat, time = table["gauge_lat"].to_numpy(), source.time[days]
    for position, name in enumerate(forcings):
        if name in DERIVED_FORCINGS:
            values = derive_forcing(name, planes["tmin"], planes["tmax"], lat, time)
        else:
            values = planes[name]
        forcing[:, :, position] = values
    return forcing


def _without_range(tmin, tmax):
    """Tell whether both temperatures are the daily mean."""
    return bool((tmin == tmax).any() and not (tmin < tmax).any())


def _site_table(table, signatures):
    """Describe the sites: what splitters and displays read."""
    huc = table["huc_02"].str.zfill(2)
    region = {unit: name for name, units in REGIONS.items() for unit in units}
    sites = pd.DataFrame(
        {
            "region": huc.map(region),
            "lat": table["gauge_lat"],
            "lon": table["gauge_lon"],
            "area": table["area_gages2"],
            "huc_02": huc,
            "name": table["gauge_name"].str.strip(),
        }
    )
    published = camels_gauges().reindex(table.index)
    own = table["in_531"] if "in_531" in table else published["in_531"]
    sites["in_531"] = own.eq(1)
    table = table.assign(pub_group_10=published["pub_group_10"])
    folds = [name for name in FOLDS if name in table]
    return sites.join(table[folds]).join(_take(table, signatures))


def _units(forcings, names, signatures):
    """Give the units of all variables of the panel."""
    known = units_of(
        FORCINGS, DERIVED_FORCINGS, ATTRIBUTE_UNITS, *MORE_ATTRIBUTES.values(), SIGNATURES
    )
    return {name: known[name] for name in (*forcings, *names, *signatures)}


def _groups(names):
    """Give the groups of the attributes taken."""
    groups = {g: [*table, *MORE_ATTRIBUTES[g]] for g, table in ATTRIBUTES.items()}
    groups["hydrology"] = list(SIGNATURES)
    taken = {group: [n for n in members if n in names] for group, members in groups.items()}
    return {group: members for group, members in taken.items() if members}
