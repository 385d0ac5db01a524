"""Write the list of modules in architecture.md from the docstrings of the modules.

Usage: python docs/list_modules.py [--check]
"""

import ast
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "architecture.md"
START, END = "<!-- modules: start -->", "<!-- modules: end -->"
# From the ground up, as the layers stand.
LAYERS = [
    *("_core", "data", "datasets", "metrics", "model_selection", "judging"),
    *("physics", "modules", "encoders", "estimators", "plotting", "benchmark"),
]


def summary(file):
    """First sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def listing():
    """Markdown of all layers that exist, one line per module."""
    lines = []
    for layer in LAYERS:
        files = sorted((REPO / "stefaland_sk" / layer).rglob("*.py"))
        if not files:
            continue
        lines += ["", f"**`{layer}`**", ""]
        for file in files:
            if file.name != "__init__.py":
                name = file.relative_to(REPO / "stefaland_sk" / layer).as_posix()
                lines.append(f"- `{name}`: {summary(file)}")
    return "\n".join([*lines, ""])


def with_listing(page):
    """Put the list between the two markers of the page."""
    before, rest = page.split(START)
    return f"{before}{START}\n{listing()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    fresh = with_listing(page)
    if "--check" in sys.argv and fresh != page:
        sys.exit("docs/architecture.md lists other modules; run `python docs/list_modules.py`")
    PAGE.write_text(fresh, encoding="utf-8")
