"""Numbers that the report about a panel is made from, gathered in one pass over the forcing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk.data._segments import find_segments


@dataclass
class Facts:
    """What was counted in a panel and its target; arrays are by site (and variable)."""

    present: np.ndarray  # (n_sites, n_times) bool: any forcing observed
    n_seen: np.ndarray  # (n_sites, n_forcings) values that are not missing
    low: np.ndarray  # (n_sites, n_forcings) smallest and largest value
    high: np.ndarray
    mean: np.ndarray  # (n_sites, n_forcings) mean of the finite values
    digest: np.ndarray  # (n_sites,) equal for equal forcing; -1 without any
    crossed: np.ndarray  # (n_sites,) steps with tmin above tmax
    target: np.ndarray | None = None  # (n_sites, n_times), or (n_sites, 1) without time axis


def gather(panel):
    """Read the forcing once, in blocks of sites."""
    shape = (panel.n_sites, panel.n_forcings)
    facts = Facts(
        present=np.ones((panel.n_sites, panel.n_times), dtype=bool),
        n_seen=np.zeros(shape, dtype=np.int64),
        low=np.full(shape, np.nan, dtype=np.float32),
        high=np.full(shape, np.nan, dtype=np.float32),
        mean=np.full(shape, np.nan),
        digest=np.full(panel.n_sites, -1, dtype=np.int64),
        crossed=np.zeros(panel.n_sites, dtype=np.int64),
    )
    if not panel.n_forcings or not panel.n_times:
        return facts
    names = panel.forcing_names
    pair = [names.index(name) for name in ("tmin", "tmax") if name in names]
    for part, block in panel.walk_forcing():
        _gather_block(block, part, facts, pair)
    return facts


def _gather_block(block, part, facts, pair):
    """Count in one block of sites (site, time, variable)."""
    facts.present[part] = False
    for i in range(block.shape[2]):
        plane = np.ascontiguousarray(block[:, :, i])
        seen = ~np.isnan(plane)
        facts.present[part] |= seen
        facts.n_seen[part, i] = seen.sum(axis=1)
        facts.low[part, i] = np.fmin.reduce(plane, axis=1)
        facts.high[part, i] = np.fmax.reduce(plane, axis=1)
        seen &= np.isfinite(plane)
        total = np.where(seen, plane, 0).sum(axis=1, dtype=np.float64)
        facts.mean[part, i] = total / np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    if len(pair) == 2:
        facts.crossed[part] = (block[:, :, pair[0]] > block[:, :, pair[1]]).sum(axis=1)
    known = facts.n_seen[part].any(axis=1)
    facts.digest[part] = [
        hash(site.tobytes()) if any_ else -1 for site, any_ in zip(block, known, strict=True)
    ]


def record_table(panel, facts):
    """Describe the record of each site.

    Returns
    -------
    DataFrame indexed by site
        ``n_steps`` with forcing, ``first`` and ``last`` of them, ``n_absent`` steps between
        these two in ``n_gaps`` runs, the ``longest_gap``; ``n_target`` observations of the
        target, ``n_usable`` of them at a step with forcing.
    """
    n_sites, n_times = facts.present.shape
    runs = find_segments(facts.present)
    first, last = np.full(n_sites, n_times), np.zeros(n_sites, dtype=np.int64)
    np.minimum.at(first, runs.site, runs.start)
    np.maximum.at(last, runs.site, runs.stop)
    n_steps = facts.present.sum(axis=1)
    inner = runs.site[1:] == runs.site[:-1]
    longest = np.zeros(n_sites, dtype=np.int64)
    np.maximum.at(longest, runs.site[1:][inner], (runs.start[1:] - runs.stop[:-1])[inner])
    table = pd.DataFrame({"n_steps": n_steps}, index=panel.site_ids)
    some = n_steps > 0
    if n_times:
        time = panel.time
        table["first"] = time[np.minimum(first, n_times - 1)].where(some)
        table["last"] = time[np.maximum(last - 1, 0)].where(some)
    table["n_absent"] = np.where(some, last - first - n_steps, 0)
    table["n_gaps"] = np.bincount(runs.site[1:][inner], minlength=n_sites)
    table["longest_gap"] = longest
    if facts.target is not None:
        observed = np.isfinite(facts.target)
        table["n_target"] = observed.sum(axis=1)
        usable = observed & facts.present if n_times else observed
        table["n_usable"] = usable.sum(axis=1)
    return table
