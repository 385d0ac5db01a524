"""Write the tables of parameters, stores and fluxes in physics.md from the library itself.

Usage: python docs/write_physics.py [--check]
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))
PAGE = REPO / "docs" / "physics.md"
START, END = "<!-- {}: start -->", "<!-- {}: end -->"


def parameter_table():
    """Markdown of the parameters of both variants."""
    from stefaland_sk.physics import HBV_1_0, HBV_1_1P

    lines = [
        "| parameter | unit | bounds | meaning | 1.1p | 1.0 |",
        "|---|---|---|---|---|---|",
    ]
    fixed = dict(HBV_1_0.fixed)
    for name, p in HBV_1_1P.parameters.items():
        newer = "daily" if name in HBV_1_1P.dynamic else "static"
        older = "daily" if name in HBV_1_0.dynamic else "static"
        older = f"fixed at {fixed[name]:g}" if name in fixed else older
        unit = "-" if p.unit == "1" else p.unit
        lines.append(
            f"| `{name}` | {unit} | {p.low:g} to {p.high:g} | {p.meaning} | {newer} | {older} |"
        )
    return "\n".join(lines)


def series_table():
    """Markdown of what a simulation gives on request."""
    from stefaland_sk.physics import FLUXES, STORES

    lines = ["| | unit | names |", "|---|---|---|"]
    for what, table in (("stores at the end of the day", STORES), ("fluxes", FLUXES)):
        names = ", ".join(f"`{name}`" for name in table)
        lines.append(f"| {what} | {next(iter(table.values()))} | {names} |")
    return "\n".join(lines)


def with_tables(page):
    """Put the tables between their markers."""
    for name, table in (("parameters", parameter_table()), ("series", series_table())):
        start, end = START.format(name), END.format(name)
        before, rest = page.split(start)
        page = f"{before}{start}\n\n{table}\n\n{end}{rest.split(end)[1]}"
    return page


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    fresh = with_tables(page)
    if "--check" in sys.argv and fresh != page:
        sys.exit("docs/physics.md shows other parameters; run `python docs/write_physics.py`")
    PAGE.write_text(fresh, encoding="utf-8")
