"""The protocols of the papers, as values."""

from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from stefaland_sk.model_selection import LeaveRegionOut, camels_pub

from ._protocol import Protocol

_PUR_SOURCE = (
    "Regions: Feng et al. (2021), doi:10.1029/2021GL092999. Periods: Nearing et al. (2022), "
    "doi:10.5194/hess-26-5493-2022."
)

_LONG = Protocol(
    name="camels-us-pur",
    cv=LeaveRegionOut(),
    period=("1988-10-01", "2008-09-30"),
    fit_period=("1999-10-01", "2008-09-30"),
    score_period=("1989-10-01", "1999-09-30"),
    sites="in_531",
    min_obs=365,
    source=_PUR_SOURCE,
)

#: The protocols that come with the library, by name.
PROTOCOLS = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="synthetic-pur",
                cv=LeaveRegionOut(),
                source="Synthetic catchments; says nothing about real rivers.",
            ),
            _LONG,
            replace(
                _LONG,
                name="camels-us-pub",
                cv=camels_pub(),
                source="Groups: the StefaLand paper. " + _PUR_SOURCE.split(". ", 1)[1],
            ),
            # Too short to part the years: what is tested is the place alone.
            Protocol(name="short-pur", cv=LeaveRegionOut(), source=_PUR_SOURCE.split(" Per")[0]),
        )
    }
)


def choose_protocol(X):
    """Choose the protocol that a record is long enough for.

    Parameters
    ----------
    X : Panel
        Sites of CAMELS-US, or of the same form.

    Returns
    -------
    Protocol
        "camels-us-pur" if the record spans its years, "short-pur" otherwise; all sites where
        the site table does not tell the usual ones.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> choose_protocol(X).name
    'short-pur'
    """
    long = PROTOCOLS["camels-us-pur"]
    first, last = map(pd.Timestamp, long.period)
    if X.time[0] > first or X.time[-1] < last:
        return PROTOCOLS["short-pur"]
    known = "in_531" in X.sites and X.sites["in_531"].fillna(False).any()
    return long if known else replace(long, sites=None)
