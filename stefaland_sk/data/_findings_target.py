"""The rules behind `Panel.check` that need a target; each yields findings."""

from dataclasses import replace

import numpy as np

from stefaland_sk.data._finding import Finding, at_sites, count, first_of, number, some
from stefaland_sk.data._findings import LEAST_STEPS, repeated
from stefaland_sk.data._plausible import hit_at, judge
from stefaland_sk.data._schema import SIGNATURES, VARIABLES
from stefaland_sk.data._units import normalise_unit

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


def runoff_coefficient(panel, facts, records, name, unit):
    """Find a target that holds more water than falls: discharge in place of runoff."""
    declared = normalise_unit(unit)
    depth = _target_known_as(name) == "runoff" or declared == "mm/d"
    if "prcp" not in panel.forcing_names or declared not in (None, "mm/d"):
        return
    if name != "target" and not depth:
        return
    if normalise_unit(panel.units.get("prcp")) not in (None, "mm/d"):
        return
    seen = np.isfinite(facts.target)
    n = np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    target = np.where(seen, facts.target, 0).sum(axis=1, dtype=np.float64) / n
    rain = facts.mean[:, panel.forcing_names.index("prcp")]
    ok = np.isfinite(target) & (rain > 0)
    if not ok.any():
        return
    ratio = np.full(panel.n_sites, np.nan)
    ratio[ok] = target[ok] / rain[ok]
    if np.nanmedian(ratio) > 2:
        worst = int(np.nanargmax(ratio))
        yield Finding(
            severity="warning",
            kind="unit",
            variable=name,
            site=str(panel.site_ids[worst]),
            n=int((ratio > 2).sum()),
            message=f"More water leaves than falls: the mean target is {np.nanmedian(ratio):.3g}"
            " times the mean prcp at the median site. If it is discharge in m3/s, divide by the "
            "area: runoff [mm/d] = 86.4 * discharge [m3/s] / area [km2].",
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
        x, y = plane[both], facts.target[rows][both]
        r = _correlation(x, y) if len(x) >= LEAST_STEPS else 0.0
        if abs(r) > 0.999:
            yield Finding(
                severity="error",
                kind="leak",
                variable=column,
                n=len(x),
                message=f"The forcing {column} is the target, or nearly so (r = {r:.4f}). Leave "
                "it out.",
            )


def _correlation(x, y):
    """Compute Pearson's correlation in float64; 0 where one side is constant."""
    x, y = x - x.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


TARGET_RULES = (labels, target_values, runoff_coefficient, inputs_equal_to_target)
