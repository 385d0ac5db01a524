"""The rules behind `Panel.check` that need a target; each yields findings."""

from dataclasses import replace

import numpy as np

from stefaland_sk.data._finding import Finding, at_sites, count, first_of, number, some
from stefaland_sk.data._findings import LEAST_STEPS, repeated
from stefaland_sk.data._findings_water import shifted_days, water_balance
from stefaland_sk.data._plausible import hit_at, judge
from stefaland_sk.data._schema import SIGNATURES, VARIABLES

_LEAST_SITES = 10  # fewer sites may be correlated by chance


def labels(panel, facts, records, name, unit):
    """Find sites without target, and targets where there is no forcing."""
    n_target = records["n_target"].to_numpy()
    lost = n_target == 0
    if lost.all():
        message = "The target is missing everywhere: there is nothing to learn from."
        yield Finding(
            severity="error",
            kind="target",
            variable=name,
            n=len(lost),
            message=message,
        )
        return
    if lost.any():
        yield Finding(
            severity="note",
            kind="unlabelled",
            variable=name,
            site=first_of(panel, lost),
            n=int(lost.sum()),
            message=f"No target {at_sites(panel, lost)}: they serve pretraining only.",
        )
    n_usable = records["n_usable"].to_numpy()
    apart = (n_target > 0) & (n_usable == 0)
    if apart.any():
        yield Finding(
            severity="warning",
            kind="no overlap",
            variable=name,
            site=first_of(panel, apart),
            n=int(apart.sum()),
            message=f"The target and the forcing never meet {at_sites(panel, apart)}: no step has "
            "both.",
        )
    unfed = int((n_target - n_usable)[~apart].sum())
    if unfed:
        yield Finding(
            severity="note",
            kind="no overlap",
            variable=name,
            n=unfed,
            message=f"{count(unfed, 'observation')} of the target stand at steps without forcing.",
        )
    seen = np.isfinite(facts.target)
    if seen.sum() >= LEAST_STEPS and panel.n_times and not (seen[:, 1:] & seen[:, :-1]).any():
        yield Finding(
            severity="note",
            kind="sparse",
            variable=name,
            n=int(seen.sum()),
            message="The target is never observed at two steps in a row. Samples of single steps "
            "are fine; means over weeks or months are not, since each value is taken for that of "
            "its step.",
        )


def target_values(panel, facts, records, name, unit):
    """Find target values that cannot be, constant targets and sites with equal targets."""
    values = facts.target
    low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    seen = np.isfinite(values)
    n_seen = seen.sum(axis=1)
    total = np.where(seen, values, 0).sum(axis=1, dtype=np.float64)
    mean = total / np.where(n_seen, n_seen, np.nan)

    def outside(rows, test):
        hit = test(values[rows])
        if not hit.any():
            return None
        row, step = np.argwhere(hit)[0]
        return hit_at(panel, hit.sum(), rows[row], step, values[rows[row], step])

    known = _target_known_as(name)
    judged = list(judge(panel, known, unit, (low, high, mean), outside))
    yield from (replace(found, variable=name) for found in judged)
    told = {found.kind for found in judged}
    bad = low < 0
    if bad.any() and known not in VARIABLES and "fill value" not in told and panel.n_times:
        hit = outside(np.flatnonzero(bad), lambda v: v < 0)
        yield Finding(
            severity="warning",
            kind="negative target",
            variable=name,
            site=first_of(panel, bad),
            n=hit.n,
            message=f"The target is negative {count(hit.n, 'time')} {at_sites(panel, bad)}, for "
            f"example {number(hit.value)} {hit.where}. Runoff and soil moisture cannot be.",
        )
    still = (low == high) & (n_seen >= LEAST_STEPS)
    if still.any():
        yield Finding(
            severity="warning",
            kind="constant",
            variable=name,
            site=first_of(panel, still),
            n=int(still.sum()),
            message=f"The target never changes {at_sites(panel, still)}: scores such as NSE are "
            "not defined there.",
        )
    # A constant series says nothing about a site; -1 stands for such.
    told_apart = (low != high) & (n_seen >= 2)
    digest = [hash(row.tobytes()) if ok else -1 for row, ok in zip(values, told_apart, strict=True)]
    same = repeated(np.array(digest))
    if same.any():
        yield Finding(
            severity="warning",
            kind="duplicate site",
            variable=name,
            site=first_of(panel, same),
            n=int(same.sum()),
            message=f"{count(int(same.sum()), 'site')} have exactly the target of another "
            f"({some(panel, same)}): is one site there twice?",
        )


def _target_known_as(name):
    """Give the library's name for a target."""
    return {"q": "runoff", "qobs": "runoff", "q_obs": "runoff", "streamflow": "runoff"}.get(
        name, "soil_moisture" if name.startswith(("sm_", "soil_moisture")) else name
    )


def inputs_equal_to_target(panel, facts, records, name, unit):
    """Find inputs that are the target, or its mean, under another name."""
    seen = np.isfinite(facts.target)
    n = seen.sum(axis=1)
    mean = np.where(seen, facts.target, 0).sum(axis=1, dtype=np.float64) / np.where(n, n, np.nan)
    table = panel.attributes
    for column in panel.attribute_names:
        values = table[column].to_numpy()
        ok = np.isfinite(values) & np.isfinite(mean)
        r = _correlation(values[ok], mean[ok]) if ok.sum() >= _LEAST_SITES else 0.0
        if abs(r) > (0.95 if column in SIGNATURES else 0.99):
            yield Finding(
                severity="error" if abs(r) > 0.999 or column in SIGNATURES else "warning",
                kind="leak",
                variable=column,
                n=int(ok.sum()),
                message=f"The attribute {column} is correlated with the mean target of the "
                f"sites (r = {r:.4f}): it seems to be computed from the target. Leave it out.",
            )
    if not panel.n_times:
        return
    labelled = np.flatnonzero(seen.sum(axis=1) >= 2)
    rows = labelled[:: max(1, len(labelled) // 32)]  # a sample of sites is enough to tell
    for column in panel.forcing_names:
        plane = panel[rows].variable(column)
        both = seen[rows] & np.isfinite(plane)
        # Site by site: discharge is runoff times the area of each.
        pairs = zip(plane, facts.target[rows], both, strict=True)
        r = [_correlation(x[ok], y[ok]) for x, y, ok in pairs if ok.sum() >= LEAST_STEPS]
        r = float(np.median(r)) if r else 0.0
        if abs(r) > 0.999:
            yield Finding(
                severity="error",
                kind="leak",
                variable=column,
                n=int(both.sum()),
                message=f"The forcing {column} is the target, or nearly so (r = {r:.4f} at the "
                "median site). Leave it out.",
            )


def _correlation(x, y):
    """Compute Pearson's correlation in float64; 0 where one side is constant."""
    x, y = x - x.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


TARGET_RULES = (labels, target_values, water_balance, shifted_days, inputs_equal_to_target)
