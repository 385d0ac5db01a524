"""The published splits of CAMELS-US."""

from types import MappingProxyType

from stefaland_sk._core import check_option
from stefaland_sk.data import camels_gauges
from stefaland_sk.model_selection._labels import PublishedLabels
from stefaland_sk.model_selection._regions import LeaveRegionOut
from stefaland_sk.model_selection._sites import SiteKFold

# Feng et al. (2021), section 2: neighbouring two-digit hydrologic units.
PUR_REGIONS = MappingProxyType(
    {
        1: (1, 2),
        2: (3, 6),
        3: (4, 5, 7),
        4: (9, 10),
        5: (8, 11, 12, 13),
        6: (14, 15, 16, 18),
        7: (17,),
    }
)


def load_camels_splits(subset=671):
    """Load the published splits of CAMELS-US; they ship with the library.

    Parameters
    ----------
    subset : {671, 531}, default=671
        All gauges of the data set, or the 531 that most studies use: those with an area
        below 2,000 km2 and without a large disagreement about it [1]_.

    Returns
    -------
    DataFrame of shape (subset, 6)
        Indexed by ``site``, the eight-digit gauge number as str. Columns:

        - ``huc02``: two-digit hydrologic unit, 1 to 18;
        - ``lat``, ``lon``: position of the gauge [degrees];
        - ``pub_group_10``: random group 1 to 10 of the test on unseen basins (PUB) [2]_;
        - ``pur_region_7``: region 1 to 7 of the test on unseen regions (PUR) [3]_,
          a union of hydrologic units, see `PUR_REGIONS`;
        - ``in_531``: whether the gauge is one of the 531.

    Raises
    ------
    ValueError
        If `subset` is neither 671 nor 531.

    See Also
    --------
    camels_pub, camels_pur : These splits as splitters.

    Notes
    -----
    The hydrologic unit is not the beginning of the gauge number (that is the part number
    of the gauge register). Another grouping in ten, of 67 gauges each, is in
    circulation for the same test; scores under the two are not comparable fold by fold.

    References
    ----------
    .. [1] Newman, A. J., Mizukami, N., Clark, M. P., Wood, A. W., Nijssen, B. and
       Nearing, G. (2017). Benchmarking of a physically based hydrologic model.
       J. Hydrometeorol., 18, 2215-2225. doi:10.1175/JHM-D-16-0284.1
    .. [2] The groups of the StefaLand paper.
    .. [3] Feng, D., Lawson, K. and Shen, C. (2021). Mitigating prediction error of deep
       learning streamflow models in large data-sparse regions with ensemble modeling and
       soft data. Geophys. Res. Lett., 48, e2021GL092999. doi:10.1029/2021GL092999

    Examples
    --------
    >>> from stefaland_sk.model_selection import load_camels_splits
    >>> splits = load_camels_splits(531)
    >>> splits.loc["01022500", ["pub_group_10", "pur_region_7"]].tolist()
    [2, 1]
    >>> splits["pur_region_7"].value_counts(sort=False).sort_index().tolist()
    [92, 95, 93, 51, 68, 60, 72]
    """
    check_option("subset", subset, [671, 531])
    table = camels_gauges().copy()
    return table[table["in_531"]] if subset == 531 else table


def camels_pub(**kwargs):
    """Make the ten-fold split of CAMELS-US for tests on unseen basins (PUB).

    Parameters
    ----------
    **kwargs
        ``unlabelled``, as for `SiteKFold`.

    Returns
    -------
    SiteKFold
        Holds out one published group after the other. X may have any of the 671 gauges.

    See Also
    --------
    load_camels_splits : The groups, and their source.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import camels_pub, load_camels_splits
    >>> sites = load_camels_splits(531)[["lat", "lon"]]
    >>> [len(test) for train, test in camels_pub().split(sites)]
    [54, 48, 45, 46, 57, 60, 44, 60, 61, 56]
    """
    folds = _labels("pub_group_10", "camels_pub", "SiteKFold(n_splits=10, random_state=0)")
    return SiteKFold(folds=folds, **kwargs)


def camels_pur(**kwargs):
    """Make the seven-region split of CAMELS-US for tests on unseen regions (PUR).

    Parameters
    ----------
    **kwargs
        ``only``, ``min_sites`` and ``unlabelled``, as for `LeaveRegionOut`.

    Returns
    -------
    LeaveRegionOut
        Holds out one published region after the other. X may have any of the 671 gauges.

    See Also
    --------
    load_camels_splits : The regions, and their source.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import camels_pur, load_camels_splits
    >>> sites = load_camels_splits(531)[["lat", "lon"]]
    >>> [len(test) for train, test in camels_pur(only=[7, 4]).split(sites)]
    [72, 51]
    """
    regions = _labels("pur_region_7", "camels_pur", "LeaveRegionOut()")
    return LeaveRegionOut(regions, **kwargs)


def _labels(column, maker, other):
    """Give a column of the splits as a mapping."""
    return PublishedLabels(camels_gauges()[column].to_dict(), maker, other)
