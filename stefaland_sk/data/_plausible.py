"""Compare values with what is known of their variable: limits, fill values, units."""

from dataclasses import dataclass

import numpy as np

from stefaland_sk.data._finding import Finding, at_sites, count, first_of, number
from stefaland_sk.data._schema import VARIABLES
from stefaland_sk.data._units import alternatives, conversion, normalise_unit

# What data files write where nothing was measured, if not NaN.
_FILLS = np.float32([-9999, -9999.9, -999, -999.9, -999.99, -99999, -99, -99.9, -99.99, -32768])
_HUGE = 1e19  # 1e20 and 9.96921e36 are the fill values of netCDF files
_LIMIT = -150.0  # of an unknown variable: above it, a fill value might as well be a value


@dataclass(frozen=True)
class Hit:
    """Where values satisfy a test: how many, the first site, its place in words, its value."""

    n: int
    site: str
    where: str
    value: float


def hit_at(panel, n, row, step, value):
    """Describe where the first of n values stands; `step` is None for an attribute."""
    site = str(panel.site_ids[row])
    day = "" if step is None or panel.time is None else f" on {panel.time[step]:%Y-%m-%d}"
    return Hit(int(n), site, f"at {site!r}{day}", float(value))


def outside_forcing(panel, i, rows, test):
    """Find the values of a forcing variable that satisfy a test at some sites."""
    n, first, start = 0, None, 0
    for block in panel[rows].blocks():  # a few sites at a time bounds the memory
        plane = block.variable(panel.forcing_names[i])
        hit = test(plane)
        n += int(hit.sum())
        if hit.any() and first is None:
            row, step = np.argwhere(hit)[0]
            first = rows[start + row], step, plane[row, step]
        start += len(block)
    return None if first is None else hit_at(panel, n, *first)


def forcing_values(panel, facts, records):
    """Find forcing values that cannot be, and units that do not fit."""
    for i, name in enumerate(panel.forcing_names):
        yield from judge(
            panel,
            name,
            panel.units.get(name),
            (facts.low[:, i], facts.high[:, i], facts.mean[:, i]),
            lambda rows, test, i=i: outside_forcing(panel, i, rows, test),
        )


def attribute_values(panel, facts, records):
    """Find attributes that cannot be, that never differ, or that are missing."""
    table = panel.attributes
    for name in panel.attribute_names:
        values = table[name].to_numpy()
        lost = np.isnan(values)
        if lost.any():
            where = "everywhere. Leave it out" if lost.all() else at_sites(panel, lost)
            yield Finding(
                "warning" if lost.all() else "note",
                "missing",
                f"The attribute {name} is missing {where}.",
                name,
                first_of(panel, lost),
                int(lost.sum()),
            )
        seen = values[~lost]
        if len(seen) > 1 and (seen == seen[0]).all():
            yield Finding(
                "note",
                "constant",
                f"The attribute {name} is {number(seen[0])} at every site: it tells none of them "
                "apart.",
                name,
                n=len(seen),
            )

        def outside(rows, test, values=values):
            bad = rows[test(values[rows])]
            return hit_at(panel, len(bad), bad[0], None, values[bad[0]]) if len(bad) else None

        yield from judge(panel, name, panel.units.get(name), (values,) * 3, outside)


def judge(panel, name, unit, summary, outside):
    """Compare a variable with what is known of it.

    `summary` holds low, high and mean by site; ``outside(rows, test)`` looks at the values of
    some sites and gives a `Hit`, or None.
    """
    low, high, mean = summary
    known, declared = VARIABLES.get(name), normalise_unit(unit)
    way = conversion(declared or known.unit, known.unit) if known else None
    bottom, top = _limits(known, way)
    finite = np.isfinite(low) & np.isfinite(high)

    def is_fill(values):
        listed = np.isin(np.float32(values), _FILLS) & (values < bottom)
        return listed | ((np.abs(values) > _HUGE) & np.isfinite(values))

    fill = finite & (is_fill(low) | is_fill(high))
    if fill.any():
        hit = outside(np.flatnonzero(fill), is_fill)
        yield Finding(
            "error",
            "fill value",
            f"{name} holds {count(hit.n, 'fill value')} such as {number(hit.value)} "
            f"{at_sites(panel, fill)}, first {hit.where}. Turn them into NaN (missing).",
            name,
            first_of(panel, fill),
            hit.n,
        )
    if known is None:
        return
    bad = finite & ((low < bottom) | (high > top)) & (way is not None)
    # A few bad values must not decide about the unit, nor a few good sites.
    fair = mean[~fill] if 2 * bad.sum() > len(bad) else mean[~bad]
    fair = fair[np.isfinite(fair)]
    better = _other_unit(known, declared or known.unit, way, fair)
    if better is not None:
        yield _looks_like(known, unit, np.median(fair), better, serious=bad.any())
        return
    yield from _declared_unit(known, unit, way)
    tests = {
        "below": (bottom, lambda values: (values < bottom) & ~is_fill(values)),
        "above": (top, lambda values: (values > top) & ~is_fill(values)),
    }
    for word, (limit, test) in tests.items():
        hit = outside(np.flatnonzero(bad), test) if bad.any() else None
        if hit is not None:
            shown = "" if known.unit == "-" else f" {unit or known.unit}"
            yield Finding(
                "error",
                "impossible value",
                f"{count(hit.n, 'value')} of {name} {'lies' if hit.n == 1 else 'lie'} {word} "
                f"{limit:.4g}{shown}, for example {number(hit.value)} {hit.where}. Check the "
                "unit, or turn such values into NaN (missing).",
                name,
                hit.site,
                hit.n,
            )


def _limits(known, way):
    """Give the physical limits in the declared unit."""
    if known is None or way is None:
        return _LIMIT, np.inf
    factor, offset = way
    bottom, top = (known.low - offset) / factor, (known.high - offset) / factor
    # float32 must not turn a limit into a fault
    return bottom - 1e-6 * abs(bottom), top + 1e-6 * abs(top)


def _declared_unit(known, unit, way):
    """Compare the declared unit with the library's."""
    # Physics reads forcing and targets; attributes are only scaled.
    severity = "note" if known.role == "attribute" else "warning"
    if way is None:
        yield Finding(
            severity,
            "unit",
            f"{known.name} is declared in {unit!r}, but {known.meaning} is measured in "
            f"{known.unit!r} here. Its values were not checked.",
            known.name,
        )
    elif way != (1.0, 0.0):
        yield Finding(
            severity,
            "unit",
            f"{known.name} is declared in {unit!r}; the library's unit is {known.unit!r}: "
            f"{_recipe(known.name, *way)}.",
            known.name,
        )


def _other_unit(known, declared, way, means):
    """Give the unit (unit, factor, offset) in which the magnitudes make sense, or None."""
    if way is None or not len(means):
        return None
    if known.unit == "-" and known.high == 1 and declared == "-":
        return ("%", 0.01, 0.0) if means.min() >= 0 and 1.5 < means.max() <= 100 else None
    if known.typical is None:
        return None
    low, high = known.typical
    level = float(np.median(means))
    if low <= way[0] * level + way[1] <= high:
        return None
    fits = []
    for unit, factor, offset in [(known.unit, 1.0, 0.0), *alternatives(known.unit)]:
        value = factor * level + offset
        if unit != declared and low <= value <= high:
            # Several may fit: the one whose value lies nearest the middle is the likeliest.
            middle = (low + high) / 2 if low <= 0 else np.sqrt(low * high)
            far = abs(value - middle) if low <= 0 else abs(np.log(value / middle))
            fits.append((far, unit, factor, offset))
    return min(fits)[1:] if fits else None


def _looks_like(known, unit, level, better, serious):
    """Report magnitudes that belong to another unit."""
    other, factor, offset = better
    name = known.name
    said = f"declared in {unit!r}" if unit else f"expected in {known.unit!r}"
    todo = f"declare units={{{name!r}: {other!r}}}"
    if other != known.unit:
        todo = f"{_recipe(name, factor, offset)} to come to {known.unit!r}"
    long = {"-": "fractions ('-')", "%": "percentages ('%')", "K": "Kelvin ('K')"}
    mild = "note" if known.role == "attribute" and unit is None else "warning"
    return Finding(
        "error" if serious else mild,
        "unit",
        f"{name} is {said}, but its values (typically {level:.3g}) look like "
        f"{long.get(other, repr(other))}: {todo}.",
        name,
    )


def _recipe(name, factor, offset):
    """Write how to convert."""
    if factor == 1:
        return f"{'add' if offset > 0 else 'subtract'} {abs(offset):.6g}" if offset else "keep it"
    plus = f" and {'add' if offset > 0 else 'subtract'} {abs(offset):.6g}" if offset else ""
    return f"multiply {name} by {factor:.6g}{plus}"
