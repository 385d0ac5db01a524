"""The protocols of the papers, as values."""

from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.model_selection import LeaveClusterOut, LeaveRegionOut, SiteKFold, camels_pub

from ._models import ADAPTERS, COMPARATORS, HYBRIDS, OTHER_ENCODERS, SITE_MODELS
from ._protocol import Protocol
from ._splitters import DonorSplit, OtherYears

_STEFALAND = "StefaLand, arXiv:2509.17942"
_ALPHAEARTH = "AlphaEarth embeddings of basins, arXiv:2601.01558"
_PUR_SOURCE = (
    "Regions: Feng et al. (2021), doi:10.1029/2021GL092999. Periods: Nearing et al. (2022), "
    "doi:10.5194/hess-26-5493-2022."
)
_TEXTURE = ("*sand*", "*silt*", "*clay*", "snd_*", "slt_*", "cly_*", "*texture*")
_FLOW = ("nse", "kge", "rmse", "ubrmse", "pearson_r")
_MOISTURE = ("ubrmse", "rmse", "pearson_r")

_DIRECT = (*COMPARATORS, "lstm", "transformer", "ablation_scratch", "noresconn", "resconn")
_ABLATIONS = (
    *("transformer", "transformer_reconstruct", "ablation_frozen", "ablation_scratch"),
    *("noresconn_plain", "noresconn", "probe", "lstm_matched", "resconn_cnn", "resconn"),
)
# What one basin more or less does to a row does not matter beside these.
_COST = ("lstm", "noresconn", "resconn", *HYBRIDS)


_FRACTIONS = ("clay", "sand", "silt")
_FEWEST_PROFILES = 100  # of a country that is held out; all others train
_N_DONORS = (100, 200, 300, 400, 500, 600, None)
_ALPHAEARTH_YEARS = {
    "data": "camels_us",
    "baseline": "lstm_17",
    "period": ("1980-01-01", "2014-12-31"),
    "fit_period": ("1980-01-01", "2004-12-31"),
    "score_period": ("2010-01-01", "2014-12-31"),
    "min_obs": 365,
}


def _camels():
    """Regions and basins of CAMELS-US held out: the tables of both versions of the paper."""
    pur = Protocol(
        name="camels-us-pur",
        cv=LeaveRegionOut(),
        data="camels_us",
        models=_DIRECT,
        metrics=_FLOW,
        period=("1988-10-01", "2008-09-30"),
        fit_period=("1999-10-01", "2008-09-30"),
        score_period=("1989-10-01", "1999-09-30"),
        sites="in_531",
        min_obs=365,
        source=_PUR_SOURCE,
    )
    pub = replace(
        pur,
        name="camels-us-pub",
        cv=camels_pub(),
        source="Groups: the StefaLand paper. " + _PUR_SOURCE.split(". ", 1)[1],
    )
    rows = {
        "": _DIRECT,
        "-hybrids": HYBRIDS,
        "-ablations": ("lstm", *_ABLATIONS),
        "-adapters": ("noresconn", *ADAPTERS, "resconn"),
        "-encoders": ("lstm", *OTHER_ENCODERS, "resconn"),
    }
    for split in (pub, pur):
        for suffix, models in rows.items():
            baseline = "lstm_hbv" if suffix == "-hybrids" else "lstm"
            yield replace(
                split,
                name=split.name + suffix,
                models=models,
                baseline=baseline if suffix != "-adapters" else "resconn",
            )
    yield replace(pub, name="camels-us-cost", models=_COST)
    # Too short to part the years: what is tested is the place alone.
    yield Protocol(
        name="short-pur",
        cv=LeaveRegionOut(),
        data="camels_us",
        models=_DIRECT,
        source=_PUR_SOURCE.split(" Per")[0],
    )


def _world():
    """Streamflow of basins of the world."""
    rows = (*COMPARATORS, "lstm", "transformer", "noresconn", "resconn")
    common = {"task": "streamflow_global", "data": "caravan", "models": rows, "metrics": _FLOW}
    yield Protocol(
        name="global-random",
        cv=SiteKFold(3, random_state=42),
        source=f"{_STEFALAND}, version 2, table 2; who is in which fold is not published.",
        **common,
    )
    yield Protocol(
        name="global-continents",
        cv=LeaveRegionOut("continent"),
        source=f"{_STEFALAND}, version 2, table 2: North America, South America, Europe in turn.",
        **common,
    )
    yield Protocol(
        name="caravan-random",
        cv=SiteKFold(5, random_state=42),
        source=f"{_STEFALAND}, version 3, table 3; who is in which fold is not published.",
        **common,
    )


def _moisture():
    """Soil moisture at stations, or of satellite cells."""
    rows = (*COMPARATORS, "lstm", "transformer", "ablation_scratch", "noresconn", "resconn")
    random = Protocol(
        name="soil-moisture-random",
        cv=SiteKFold(5, random_state=42),
        task="soil_moisture",
        data="soil_moisture",
        models=rows,
        metrics=_MOISTURE,
        warmup=60,
        min_obs=30,
        source=f"{_STEFALAND}, tables 3 (version 2) and 4 (version 3): five random groups.",
    )
    yield random
    yield replace(random, name="soil-moisture-ablations", models=("lstm", *_ABLATIONS))
    yield replace(
        random,
        name="soil-moisture-europe",
        cv=LeaveRegionOut("continent", only=["Europe"]),
        source=f"{_STEFALAND}, tables 3 (version 2) and 5 (version 3): 129 stations of Europe.",
    )
    yield replace(
        random,
        name="soil-moisture-regions",
        cv=LeaveRegionOut(),
        source="Each region in turn, for data that lie on one continent; not in the paper.",
    )


def _composition():
    """Clay, sand and silt of profiles; the other two fractions are hidden."""
    for fraction in _FRACTIONS:
        random = Protocol(
            name=f"soil-{fraction}",
            cv=SiteKFold(5, random_state=42),
            task="soil_composition",
            target_per_site=True,
            target=f"{fraction}_frac",
            hidden=_TEXTURE,
            data="soil_composition",
            models=SITE_MODELS,
            metrics=("pearson_r", "nse", "rmse"),
            baseline="random_forest",
            source=f"{_STEFALAND}, tables 4 (version 2), 6 and 7 (version 3): five random folds.",
        )
        yield random
        yield replace(
            random,
            name=f"soil-{fraction}-regions",
            cv=LeaveRegionOut(),
            source="Each region in turn, so that no profile has a neighbour; not in the paper.",
        )
        yield replace(
            random,
            name=f"soil-{fraction}-countries",
            cv=LeaveRegionOut("country", min_sites=_FEWEST_PROFILES),
            source="Each country of a hundred profiles in turn; not in the paper.",
        )


def _alphaearth():
    """LSTMs that know basins by attributes or by embeddings."""
    everywhere = Protocol(
        name="alphaearth-in-sample",
        cv=OtherYears(),
        models=("lstm_17", "lstm_26", "alphaearth_lstm", "lstm_stefaland"),
        seeds=(0, 1, 2, 3, 4),
        **_ALPHAEARTH_YEARS,
        source=f"{_ALPHAEARTH}: all basins in other years.",
    )
    yield everywhere
    yield replace(
        everywhere,
        name="alphaearth-out-of-sample",
        cv=SiteKFold(5, random_state=42),
        source=f"{_ALPHAEARTH}: five random folds, in other years too.",
    )
    yield replace(
        everywhere,
        name="alphaearth-clusters",
        cv=LeaveClusterOut(),
        source=f"{_ALPHAEARTH}: clusters of standardised attributes, by the silhouette.",
    )


def _donors():
    """An LSTM for each target, trained on the basins most like it."""
    by = {"attributes": None, "alphaearth": "alphaearth", "stefaland": "stefaland"}
    for kind, features in {**by, "random": "random"}.items():
        for k in _N_DONORS:
            yield Protocol(
                name=f"donors-{kind}-{k or 'all'}",
                cv=DonorSplit(k, features=features, n_targets=150),
                models=("linear", "lstm_17"),
                **_ALPHAEARTH_YEARS,
                source=f"{_ALPHAEARTH}: donor scaling, by cosine similarity.",
            )


def _transfer():
    """From one country to another."""
    common = {
        "data": "camels_us_gb",
        "models": (*COMPARATORS, "lstm", "noresconn", "resconn"),
        "period": ("1988-10-01", "2008-09-30"),
        "fit_period": ("1999-10-01", "2008-09-30"),
        "score_period": ("1989-10-01", "1999-09-30"),
        "min_obs": 365,
        "source": f"{_ALPHAEARTH}: transfer between CAMELS-US and CAMELS-GB.",
    }
    for start, end in (("us", "gb"), ("gb", "us")):
        yield Protocol(
            name=f"transfer-{start}-to-{end}",
            cv=LeaveRegionOut("dataset", only=[f"camels_{end}"]),
            **common,
        )


#: The protocols that come with the library, by name.
PROTOCOLS = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="synthetic-pur",
                cv=LeaveRegionOut(),
                data="synthetic",
                models=_DIRECT,
                source="Synthetic catchments; says nothing about real rivers.",
            ),
            *_camels(),
            *_world(),
            *_moisture(),
            *_composition(),
            *_alphaearth(),
            *_donors(),
            *_transfer(),
        )
    }
)

_KINDS_OF_DONORS = ("attributes", "alphaearth", "stefaland", "random")
_DONORS = {
    f"donors-{kind}": tuple(name for name in PROTOCOLS if name.startswith(f"donors-{kind}-"))
    for kind in _KINDS_OF_DONORS
}

#: Several protocols under one name, for the tables that have a part for each.
GROUPS = MappingProxyType(
    {
        "camels-us": ("camels-us-pub", "camels-us-pur"),
        "global": ("global-random", "global-continents"),
        "soil-composition": tuple(f"soil-{name}" for name in _FRACTIONS),
        "soil-composition-regions": tuple(f"soil-{name}-regions" for name in _FRACTIONS),
        "soil-composition-countries": tuple(f"soil-{name}-countries" for name in _FRACTIONS),
        "alphaearth": (
            "alphaearth-in-sample",
            "alphaearth-out-of-sample",
            "alphaearth-clusters",
        ),
        "transfer": ("transfer-us-to-gb", "transfer-gb-to-us"),
        **_DONORS,
        "donors": tuple(name for names in _DONORS.values() for name in names),
    }
)


def get_protocols(name):
    """Give a protocol, or all of a group.

    Parameters
    ----------
    name : str
        A key of `PROTOCOLS` or of `GROUPS`, or "all".

    Returns
    -------
    list of Protocol
        One, or several.

    Raises
    ------
    ValueError
        If there is no such name.

    Examples
    --------
    >>> [protocol.target for protocol in get_protocols("soil-composition")]
    ['clay_frac', 'sand_frac', 'silt_frac']
    """
    if name == "all":
        return list(PROTOCOLS.values())
    check_option("protocol", name, [*PROTOCOLS, *GROUPS, "all"])
    return [PROTOCOLS[key] for key in GROUPS.get(name, (name,))]


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
