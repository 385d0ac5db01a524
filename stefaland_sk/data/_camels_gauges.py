"""What is published of the 671 gauges of CAMELS-US: places, units, benchmark splits."""

from functools import cache
from importlib.resources import files

import pandas as pd


@cache
def camels_gauges():
    """Read the table of gauges that ships with the library; do not change the result.

    Returns
    -------
    DataFrame of shape (671, 6)
        Indexed by ``site``, the eight-digit gauge number as str: ``huc02``, ``lat``,
        ``lon``, ``pub_group_10``, ``pur_region_7``, ``in_531``.

    See Also
    --------
    stefaland_sk.model_selection.load_camels_splits : A copy, with the sources.

    Examples
    --------
    >>> from stefaland_sk.data import camels_gauges
    >>> bool(camels_gauges().loc["01013500", "in_531"])
    False
    """
    source = files("stefaland_sk.data").joinpath("_published/camels671.csv")
    with source.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype={"gauge_id": "str"}).rename(columns={"gauge_id": "site"})
    table["in_531"] = table["in_531"].astype(bool)
    return table.set_index("site")
