"""Tidy tables that Displays are made from: columns checked, results chosen, sites placed."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.data import find_places, site_of_samples
from stefaland_sk.data._places import check_degrees


def need_columns(table, columns, name, advice=""):
    """Raise unless a table is a DataFrame with these columns."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"`{name}` must be a DataFrame; got {type(table).__name__}.{advice}")
    absent = [column for column in columns if column not in table]
    if absent:
        raise ValueError(
            f"`{name}` must have the columns {', '.join(columns)}; it lacks {absent}.{advice}"
        )


def need_unique(table, keys, name, advice=""):
    """Raise a ValueError unless each combination of keys has one row."""
    twice = table.duplicated(keys)
    if twice.any():
        first = table.loc[twice, keys].iloc[0]
        what = ", ".join(f"{key} {plain(first[key])!r}" for key in keys)
        raise ValueError(f"`{name}` has several rows for {what}.{advice}")


def need_value(table, column="value", what="site has a score"):
    """Raise a ValueError if all values are missing."""
    if not np.isfinite(table[column].to_numpy(dtype=float)).any():
        raise ValueError(f"No {what}: all values are NaN.")


def select_results(results, metric, protocol=None, models=None, keep=()):
    """Take one metric of one protocol from a results table, seeds averaged.

    Gives ``model``, the columns to `keep`, ``site`` and ``value``, models in the order asked for.
    """
    need_columns(results, ["model", *keep, "site", "metric", "value"], "results")
    check_option("metric", metric, list(results["metric"].unique()))
    results = results[results["metric"] == metric]
    if "protocol" in results:
        results = _one_protocol(results, protocol)
    there = list(results["model"].unique())
    models = there if models is None else [check_option("models", m, there) for m in models]
    chosen = results[results["model"].isin(models)]
    means = chosen.groupby(["model", *keep, "site"], sort=False)["value"].mean()
    table = means.reset_index().assign(site=lambda t: t["site"].astype(str))
    order = {name: i for i, name in enumerate(models)}
    table = table.sort_values("model", key=lambda names: names.map(order), kind="stable")
    return table.reset_index(drop=True)


def _one_protocol(results, protocol):
    """Keep the rows of one protocol; with none chosen there may be only one."""
    there = list(results["protocol"].unique())
    if protocol is not None:
        check_option("protocol", protocol, there)
        return results[results["protocol"] == protocol]
    if len(there) > 1:
        raise ValueError(
            f"`results` holds several protocols: {there}. Choose one with `protocol=`; their "
            "sites and splits differ, so one figure must not mix them."
        )
    return results


def by_site(sites):
    """Let a table that names its sites in a column be indexed by them."""
    if isinstance(sites, pd.DataFrame) and "site" in sites and "site" not in sites.index.names:
        return sites.set_index("site")
    return sites


def site_table(sites):
    """Give what is known of each site, indexed by site, from a panel or any table of sites."""
    return site_of_samples(by_site(sites)).table


def site_places(sites):
    """Give latitude and longitude of each site, from a panel or any table of sites."""
    places = find_places(by_site(sites))
    absent = [name for name in places if len(places) and places[name].isna().all()]
    if absent:
        has = list(map(str, site_table(sites).columns[:8]))
        raise ValueError(
            f"`sites` does not tell {absent} of any of its {len(places)} sites, in degrees; it has "
            f"the columns {has}. Give a Panel whose site table has 'lat' and 'lon', or a DataFrame "
            "indexed by site; of other names, `table.rename(columns={'y': 'lat'})`."
        )
    places = check_degrees(places, "`sites`")
    # 0 to 360 and -180 to 180 are both in use; the latter is shown.
    return places.assign(lon=places["lon"].where(places["lon"] <= 180, places["lon"] - 360))


def look_up(table, ids, name):
    """Take the rows of some sites, which must all be there."""
    unknown = pd.Index(ids).difference(table.index, sort=False)
    if len(unknown):
        raise ValueError(
            f"`{name}` has no entry for {len(unknown)} of {len(pd.Index(ids).unique())} sites, for "
            f"example {list(unknown[:3])}; it has, for example, {list(table.index[:3])}. Site "
            "identifiers are strings, compared as they are: '01013500' and '1013500' differ."
        )
    return table.loc[ids]


def plain(value):
    """Turn a scalar of numpy into one of Python, which messages show without its type."""
    return value.item() if hasattr(value, "item") else value


def counted(n, what):
    """Write a number of things, in the singular where there is one."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
