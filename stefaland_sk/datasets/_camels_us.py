"""CAMELS-US: the provider's names, turned into ours."""

import warnings
from functools import partial

from stefaland_sk._core import DataWarning, check_option
from stefaland_sk.data import camels_gauges
from stefaland_sk.datasets._camels_us_files import open_files
from stefaland_sk.datasets._dataset import DataSet, build
from stefaland_sk.datasets._variables import ATTRIBUTE_UNITS, ATTRIBUTES, FORCINGS, units_of

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
    radiation="daylight",
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
        and ``camels_us_demo_attributes.csv``, or one of these two files itself. Which one is
        seen from what is there.
    forcing_product : {"daymet", "maurer", "maurer_extended", "nldas"}, default="daymet"
        Source of the weather. Compact files hold Daymet only. The files of Maurer (but
        not the extended ones) and NLDAS give the daily mean as `tmin` and as `tmax`.
    radiation : {"daylight", "day"}, default="daylight"
        Over which hours ``srad`` is the mean: those of daylight, as in the files of all
        products and in most published work, or all 24, as in other data sets.
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
    that reproduces the provider's ``q_mean``. ``srad`` of the files is the mean over the daylight
    hours: the daily energy is ``srad * dayl``. Set ``radiation="day"`` to join basins of
    other data sets, whose ``srad`` is the mean over 24 hours. Snow of the files is not read.

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
    if not isinstance(attributes, str):  # both spellings of what the provider misspells
        attributes = [RENAMED.get(name, name) for name in attributes]
    return build(
        open_camels_us(path, forcing_product, radiation),
        forcings=forcings,
        attributes=attributes,
        signatures=signatures,
        sites=sites,
        period=period,
        target=target,
        as_frame=as_frame,
    )


def open_camels_us(path, product="daymet", radiation="daylight"):
    """Find out which layout lies at `path`, and describe it."""
    check_option("forcing_product", product, PRODUCTS)
    check_option("radiation", radiation, ["daylight", "day"])
    series, table = open_files(path, product, radiation == "day")
    table = table.rename(columns=RENAMED).rename_axis(index="site")
    units = units_of(ATTRIBUTE_UNITS, *MORE_ATTRIBUTES.values(), SIGNATURES)
    groups = {g: [*names, *MORE_ATTRIBUTES[g]] for g, names in ATTRIBUTES.items()}
    return DataSet(
        name=f"{series.name} with its attributes",
        series=series,
        forcings=dict(FORCINGS),
        default_forcings=list(FORCINGS),
        targets=dict(TARGETS),
        table=table[[name for name in (*units, *CATEGORIES) if name in table]],
        sites=_site_table(table),
        units={"lat": "deg", "lon": "deg", "area": "km2"} | units,
        groups=groups | {"hydrology": list(SIGNATURES)},
        default_attributes=list(ATTRIBUTE_UNITS),
        texts_in=CATEGORIES,
        inspect=partial(_look_for_range, product=product),
    )


def _look_for_range(planes, forcings, product):
    """Warn where both temperatures are the daily mean; refuse to compute from their range."""
    if not {"tmin", "tmax"} <= planes.keys():
        return
    same, warmer = planes["tmin"] == planes["tmax"], planes["tmin"] < planes["tmax"]
    if warmer.any() or not same.any():
        return
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
        stacklevel=4,
    )


def _site_table(table):
    """Describe the sites: what splitters and displays read."""
    huc = table["huc_02"].str.zfill(2)
    region = {unit: name for name, units in REGIONS.items() for unit in units}
    places = {"gauge_lat": "lat", "gauge_lon": "lon", "area_gages2": "area"}
    sites = table[list(places)].rename(columns=places)
    sites.insert(0, "region", huc.map(region))
    sites = sites.assign(huc_02=huc, name=table["gauge_name"].str.strip())
    published = camels_gauges().reindex(table.index)
    own = table["in_531"] if "in_531" in table else published["in_531"]
    sites["in_531"] = own.eq(1)
    table = table.assign(pub_group_10=published["pub_group_10"])
    folds = [name for name in FOLDS if name in table]
    return sites.join(table[folds])
