"""Hold the table of layers: who may import whom, and who may import torch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "stefaland_sk"

# Each package may import, from ours, only the packages named. docs/architecture.md shows the same.
BELOW_ESTIMATORS = {
    *("_core", "data", "metrics", "model_selection", "judging"),
    *("physics", "modules", "encoders"),
}
ALLOWED = {
    "_core": set(),
    "data": {"_core"},
    "datasets": {"_core", "data"},
    "metrics": {"_core", "data"},
    "model_selection": {"_core", "data"},
    "judging": {"_core", "data", "metrics", "model_selection"},
    "physics": {"_core"},
    "modules": {"_core", "physics"},
    "encoders": {"_core", "data", "modules"},
    "estimators": BELOW_ESTIMATORS,
    "plotting": {"_core", "data", "metrics"},
    # The top may also ask the root, for the version that a result was made with.
    "benchmark": BELOW_ESTIMATORS | {"datasets", "estimators", "plotting", "the root"},
}
NETWORKS = {"physics", "modules", "encoders", "estimators", "benchmark"}
SCIKIT_LEARN = {"metrics", "model_selection", "judging", "estimators", "benchmark"}
# Third parties that only the packages named import when they are themselves imported.
THIRD_PARTIES = {
    "torch": NETWORKS,
    "safetensors": NETWORKS,
    "skorch": {"estimators", "benchmark"},
    "sklearn": SCIKIT_LEARN,
    "pooch": {"datasets"},
    "matplotlib": set(),
}
LAYERS = sorted(folder.parent.name for folder in ROOT.glob("*/__init__.py"))
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def top_level(body):
    """Statements that run on import: the body, with its conditionals and `try` blocks."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from top_level([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handled = [part for handler in node.handlers for part in handler.body]
            yield from top_level([*node.body, *handled, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from top_level(node.body)


def imported_names(file):
    """Dotted names that a file imports when it is itself imported, relative ones resolved."""
    package = [ROOT.name, *file.relative_to(ROOT).parts[:-1]]
    names = set()
    for node in top_level(ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def imports_of(layer):
    """Dotted names that a layer imports when it is itself imported."""
    return set().union(*(imported_names(file) for file in (ROOT / layer).rglob("*.py")))


def siblings_of(layer):
    """Our packages that a layer imports, and "the root" for names taken from the top."""
    names = {name for name in imports_of(layer) if name.split(".")[0] == ROOT.name}
    found = {name.split(".")[1] if "." in name else "the root" for name in names}
    return {part if part in ALLOWED else "the root" for part in found} - {layer}


def module_of(name):
    """Turn a dotted name of ours into the file that it is taken from, or None."""
    parts = name.split(".")[1:]
    for length in range(len(parts), -1, -1):
        path = ROOT.joinpath(*parts[:length])
        if length and path.with_suffix(".py").is_file():
            return path.with_suffix(".py").relative_to(ROOT).as_posix()
        if (path / "__init__.py").is_file():
            return (path / "__init__.py").relative_to(ROOT).as_posix()
    return None


def cycle_in(graph):
    """First cycle of a mapping from node to nodes, as a list of nodes; empty if there is none."""
    done, trail = set(), []

    def visit(node):
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        trail.append(node)
        for other in sorted(graph.get(node, ())):
            if found := visit(other):
                return found
        trail.pop()
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node))), [])


def test_every_package_has_its_row_in_the_table():
    assert set(LAYERS) <= set(ALLOWED), "a new package needs a row in ALLOWED and in the docs"


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_only_what_lies_below(layer):
    extra = siblings_of(layer) - ALLOWED[layer]
    assert not extra, f"{layer} imports {sorted(extra)}; see the table in docs/architecture.md"


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_heavy_packages_only_where_the_table_says(layer):
    roots = {name.split(".")[0] for name in imports_of(layer)}
    extra = {party for party in roots & set(THIRD_PARTIES) if layer not in THIRD_PARTIES[party]}
    assert not extra, f"{layer} imports {sorted(extra)} at module level; import it where it is used"


@pytest.mark.parametrize("layer", LAYERS)
def test_relative_imports_stay_inside_their_layer(layer):
    for file in (ROOT / layer).rglob("*.py"):
        depth = len(file.relative_to(ROOT).parts) - 1
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            leaves = isinstance(node, ast.ImportFrom) and node.level > depth
            assert not leaves, f"{file}:{node.lineno} leaves its layer; name the other one in full"


def test_no_import_cycles_between_files():
    graph = {}
    for file in FILES:
        ours = {name for name in imported_names(ROOT / file) if name.split(".")[0] == ROOT.name}
        graph[file] = {module_of(name) for name in ours} - {file, None}
    assert not cycle_in(graph), " -> ".join(cycle_in(graph))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch", {"torch"}),
        ("try:\n    import torch\nexcept ImportError:\n    pass", {"torch"}),
        ("from stefaland_sk.data import Panel", {"stefaland_sk.data.Panel"}),
        ("def f():\n    import torch", set()),
        ("if TYPE_CHECKING:\n    import torch", set()),
    ],
)
def test_the_walk_sees_what_runs_on_import(source, expected, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path / "stefaland_sk")
    file = tmp_path / "stefaland_sk" / "data" / "_thing.py"
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert imported_names(file) == expected


def test_cycles_are_found():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
