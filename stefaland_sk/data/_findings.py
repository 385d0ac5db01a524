"""The rules behind `Panel.check` that need the inputs only; each yields findings."""

import numpy as np

from stefaland_sk.data._finding import Finding, at_sites, count, first_of, number, some
from stefaland_sk.data._places import PLACE_NAMES, check_degrees, find_places
from stefaland_sk.data._plausible import attribute_values, forcing_values, outside_forcing
from stefaland_sk.data._schema import known_variable, target_derived
from stefaland_sk.data._segments import dealt_at_random

LEAST_STEPS = 30  # a shorter record may be constant by chance


def size(panel, facts, records):
    """Say how large the panel is and how much of it is filled."""
    megabytes = 4e-6 * panel.n_sites * panel.n_times * panel.n_forcings
    message = f"{count(panel.n_sites, 'site')}, {count(panel.n_attributes, 'attribute')}"
    if panel.n_times:
        message += f", {count(panel.n_times, 'step')}"
    if megabytes:
        message += (
            f"; the forcing takes {megabytes:.3g} MB, and {100 * facts.present.mean():.3g} % of "
            "the pairs of site and step hold any."
        )
    yield Finding("note", "size", message, n=panel.n_sites)


def gaps(panel, facts, records):
    """Find absent steps inside records, short records and sites without any forcing."""
    if not panel.n_forcings:
        return
    empty = records["n_steps"].to_numpy() == 0
    if empty.any():
        yield Finding(
            severity="warning",
            kind="empty site",
            site=first_of(panel, empty),
            n=int(empty.sum()),
            message=f"No forcing at all {at_sites(panel, empty)}: nothing can be predicted from "
            "it there. Drop these sites.",
        )
    dealt = dealt_at_random(facts.present)
    if dealt.any():
        yield Finding(
            severity="warning",
            kind="dealt",
            site=first_of(panel, dealt),
            n=int(dealt.sum()),
            message=f"Many single steps are absent {at_sites(panel, dealt)}, as if rows had been "
            "dealt to parts at random. Split by sites (SiteKFold) and keep each record whole.",
        )
    absent = records["n_absent"].to_numpy()
    broken = absent > 0
    if broken.any() and _lacks_leap_days_only(panel, facts, records):
        yield Finding(
            severity="warning",
            kind="gap",
            site=first_of(panel, broken),
            n=int(absent.sum()),
            message=f"29 February is absent {at_sites(panel, broken)}: a calendar without leap "
            "days? After each such gap a model starts afresh. Fill the day in, for example with "
            "the mean of its neighbours.",
        )
    elif broken.any():
        worst = int(np.argmax(absent))
        at = records.iloc[worst]
        yield Finding(
            severity="note",
            kind="gap",
            site=str(panel.site_ids[worst]),
            n=int(absent.sum()),
            message=f"{count(int(absent.sum()), 'step')} inside the records are absent, "
            f"{at_sites(panel, broken)}; most at {panel.site_ids[worst]!r}: "
            f"{count(int(at['n_absent']), 'step')} in {count(int(at['n_gaps']), 'run')}, the "
            f"longest of {at['longest_gap']}. After each gap a model starts afresh.",
        )
    short = ~empty & (records["n_steps"].to_numpy() + absent < panel.n_times)
    if short.any():
        at = records.iloc[int(np.argmax(short))]
        yield Finding(
            severity="note",
            kind="short record",
            site=first_of(panel, short),
            n=int(short.sum()),
            message=f"The record starts later or ends earlier than the panel's "
            f"{at_sites(panel, short)}; at {first_of(panel, short)!r} it runs from "
            f"{at['first']:%Y-%m-%d} to {at['last']:%Y-%m-%d}.",
        )


def _lacks_leap_days_only(panel, facts, records):
    """Tell whether all steps that are absent inside the records are days of 29 February."""
    first, last = records["first"].to_numpy(), records["last"].to_numpy()
    time = panel.time.to_numpy()
    inside = (time >= first[:, None]) & (time <= last[:, None])
    days = panel.time[(inside & ~facts.present).any(axis=0)]
    return bool(((days.month == 2) & (days.day == 29)).all())


def missing_forcing(panel, facts, records):
    """Find forcing variables that are missing at some or all present steps."""
    n_steps = records["n_steps"].to_numpy()
    for i, name in enumerate(panel.forcing_names):
        lacking = n_steps - facts.n_seen[:, i]
        never = (facts.n_seen[:, i] == 0) & (n_steps > 0)
        if not facts.n_seen[:, i].any():
            yield Finding(
                severity="warning",
                kind="missing",
                variable=name,
                n=panel.n_sites,
                message=f"{name} is missing everywhere. Leave it out.",
            )
            continue
        if never.any():
            yield Finding(
                severity="warning",
                kind="missing",
                variable=name,
                site=first_of(panel, never),
                n=int(never.sum()),
                message=f"{name} is missing throughout {at_sites(panel, never)}.",
            )
        rest = np.where(never, 0, lacking)
        if rest.any():
            share = 100 * rest.sum() / max(n_steps.sum(), 1)
            worst = int(np.argmax(rest))
            yield Finding(
                severity="note",
                kind="missing",
                variable=name,
                site=str(panel.site_ids[worst]),
                n=int(rest.sum()),
                message=f"{name} is missing at {share:.2g} % of the steps, "
                f"{at_sites(panel, rest > 0)}; most at {panel.site_ids[worst]!r} "
                f"({count(int(rest[worst]), 'step')}).",
            )


def unknown_forcing(panel, facts, records):
    """Say so where no forcing has a name that the library knows."""
    names = panel.forcing_names
    if names and not any(known_variable(name) for name in names):
        yield Finding(
            severity="note",
            kind="name",
            variable=names[0],
            n=len(names),
            message=f"None of the forcing {names[:6]} is known by its name: its values and units "
            "were not looked at, and physical models cannot read it. Say what it is, as in "
            f"`X.rename_variables({{{names[0]!r}: 'prcp'}})`.",
        )


def constant_forcing(panel, facts, records):
    """Find forcing that never changes, at some site or overall."""
    for i, name in enumerate(panel.forcing_names):
        still = (facts.low[:, i] == facts.high[:, i]) & (facts.n_seen[:, i] >= LEAST_STEPS)
        if not still.any():
            continue
        values = facts.low[still, i]
        if still.all() and (values == values[0]).all():
            message = f"{name} is {number(values[0])} at every site and step: it says nothing."
        else:
            message = (
                f"{name} never changes {at_sites(panel, still)}; it is {number(values[0])} at "
                f"{first_of(panel, still)!r}."
            )
        yield Finding(
            severity="warning",
            kind="constant",
            variable=name,
            site=first_of(panel, still),
            n=int(still.sum()),
            message=message,
        )


def infinite_forcing(panel, facts, records):
    """Find infinite forcing."""
    for i, name in enumerate(panel.forcing_names):
        bad = np.isinf(facts.low[:, i]) | np.isinf(facts.high[:, i])
        if bad.any():
            hit = outside_forcing(panel, i, np.flatnonzero(bad), np.isinf)
            yield Finding(
                severity="error",
                kind="infinite",
                variable=name,
                site=first_of(panel, bad),
                n=hit.n,
                message=f"{name} is infinite {count(hit.n, 'time')} {at_sites(panel, bad)}, first "
                f"{hit.where}. Turn such values into NaN (missing).",
            )


def crossed_temperatures(panel, facts, records):
    """Find days that are colder at their warmest than at their coldest."""
    n = int(facts.crossed.sum())
    if not n:
        return
    bad = facts.crossed > 0
    names = panel.forcing_names
    first = panel[np.flatnonzero(bad)[:1]].forcing[0]
    step = int(np.argmax(first[:, names.index("tmin")] > first[:, names.index("tmax")]))
    swapped = n > 0.5 * facts.present.sum()
    yield Finding(
        severity="error" if swapped else "warning",
        kind="tmin > tmax",
        variable="tmin",
        site=first_of(panel, bad),
        n=n,
        message=f"tmin lies above tmax at {count(n, 'step')}, {at_sites(panel, bad)}, first at "
        f"{first_of(panel, bad)!r} on {panel.time[step]:%Y-%m-%d}."
        + (" The two seem to be swapped." if swapped else ""),
    )


def places(panel, facts, records):
    """Find places that are not given in degrees, or are inputs of models."""
    try:
        check_degrees(find_places(panel), "the panel")
    except ValueError as error:
        yield Finding(severity="error", kind="place", variable="lat", message=str(error))
    inputs = [n for names in PLACE_NAMES.values() for n in names if n in panel.attribute_names]
    if inputs:
        yield Finding(
            severity="note",
            kind="place",
            variable=inputs[0],
            n=len(inputs),
            message=f"{inputs} are attributes: a network may know regions by them. Where others "
            "are to be predicted, keep them in the site table alone.",
        )


def twins(panel, facts, records):
    """Find sites that are one site under two identifiers."""
    place = find_places(panel)
    known = place.notna().all(axis=1)
    same = (place.round(6).duplicated(keep=False) & known).to_numpy()
    if same.any():
        yield Finding(
            severity="warning",
            kind="duplicate site",
            site=first_of(panel, same),
            n=int(same.sum()),
            message=f"{count(int(same.sum()), 'site')} share their coordinates with "
            f"another ({some(panel, same)}). Is one site there twice? Then a split may put "
            "it on both sides.",
        )
    same = repeated(facts.digest)
    if same.any() and panel.n_times >= 2:
        yield Finding(
            severity="warning",
            kind="duplicate site",
            site=first_of(panel, same),
            n=int(same.sum()),
            message=f"{count(int(same.sum()), 'site')} have exactly the forcing of another "
            f"({some(panel, same)}): one site twice, or one grid cell for both.",
        )


def repeated(digest):
    """Tell which digests occur more than once; -1 stands for nothing."""
    _, inverse, counts = np.unique(digest, return_inverse=True, return_counts=True)
    return (counts[inverse] > 1) & (digest != -1)


def names_that_leak(panel, facts, records):
    """Find inputs that are named like statistics of the target, or like the target itself."""
    found = target_derived(panel.attribute_names)
    if found:
        yield Finding(
            severity="warning",
            kind="leak",
            variable=found[0],
            n=len(found),
            message=f"The attributes {found} are named like signatures of streamflow or like the "
            "target itself: they are computed from it and unknown at ungauged sites. Leave them "
            "out.",
        )
    for name in target_derived(panel.forcing_names):
        yield Finding(
            severity="warning",
            kind="leak",
            variable=name,
            message=f"The forcing {name} is named like a target. If it is what you want to "
            "predict, leave it out of the inputs.",
        )


RULES = (
    size,
    gaps,
    missing_forcing,
    unknown_forcing,
    constant_forcing,
    infinite_forcing,
    crossed_temperatures,
    places,
    twins,
    forcing_values,
    attribute_values,
    names_that_leak,
)
