"""Every public object is documented, in numpydoc's form, with an example that runs.

The examples themselves are run by ``--doctest-modules``.
"""

import inspect
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

validate = pytest.importorskip("numpydoc.validate").validate

ROOT = Path(__file__).resolve().parents[1] / "stefaland_sk"
LAYERS = sorted(
    folder.parent.name for folder in ROOT.glob("*/__init__.py") if folder.parent.name[0] != "_"
)
# Remarks of numpydoc's validator that count; docs/extending.md says the same in words.
REMARKS = {
    "GL05",  # tabs
    "GL06",  # an unknown section
    "GL07",  # sections in another order
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS02",  # the summary does not start with a capital letter
    "SS03",  # the summary does not end with a full stop
    "SS06",  # the summary runs over one line
    "PR01",  # a parameter is not documented
    "PR02",  # a parameter is documented that there is not
    "PR07",  # a parameter without description
    "PR10",  # no space before the colon
    "RT03",  # a return value without description
    "YD01",  # a generator without the section Yields
}


def public_objects():
    """Dotted names of what the layers list in `__all__`, and of the methods of their classes."""
    for layer in LAYERS:
        module = import_module(f"{ROOT.name}.{layer}")
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing):
                continue  # a table of values: its comment is its documentation
            yield f"{module.__name__}.{name}"
            if inspect.isclass(thing):
                yield from (f"{module.__name__}.{name}.{part}" for part in own_methods(thing))


def own_methods(cls):
    """Names of the public methods and properties that a class of ours defines itself."""
    for name, part in vars(cls).items():
        kinds = staticmethod | classmethod | property
        is_method = inspect.isfunction(part) or isinstance(part, kinds)
        # What scikit-learn adds to a class (`set_fit_request`) is not ours to document.
        ours = getattr(inspect.unwrap(part), "__module__", None) if inspect.isfunction(part) else ""
        if (
            is_method
            and not name.startswith("_")
            and (ours == "" or f"{ours}.".startswith(ROOT.name))
        ):
            yield name


def resolve(dotted):
    """Object of a dotted name."""
    _, layer, *names = dotted.split(".")
    thing = import_module(f"{ROOT.name}.{layer}")
    for name in names:
        thing = getattr(thing, name)
    return thing


def lists_its_fields(thing):
    """Whether a record (a dataclass or a named tuple) documents its fields as attributes."""
    record = is_dataclass(thing) or hasattr(thing, "_fields")
    return (
        inspect.isclass(thing) and record and "Attributes\n------" in (inspect.getdoc(thing) or "")
    )


def parameters_of(cls):
    """Names of the parameters of a class."""
    return list(inspect.signature(cls.__init__).parameters)


def points_to_its_parent(thing):
    """Whether a class with its parent's parameters names the parent that documents them."""
    if not inspect.isclass(thing) or parameters_of(thing) != parameters_of(thing.__base__):
        return False
    return f"`{thing.__base__.__name__}`" in (inspect.getdoc(thing) or "")


OBJECTS = list(public_objects())


@pytest.mark.parametrize("dotted", OBJECTS)
def test_docstring_is_complete(dotted):
    thing = resolve(dotted)
    elsewhere = lists_its_fields(thing) or points_to_its_parent(thing)
    wanted = REMARKS - ({"PR01"} if elsewhere else set())
    remarks = [f"{code}: {text}" for code, text in validate(dotted)["errors"] if code in wanted]
    assert not remarks, f"{dotted}\n  " + "\n  ".join(remarks)


@pytest.mark.parametrize("dotted", [name for name in OBJECTS if name.count(".") == 2])
def test_docstring_shows_an_example_that_runs(dotted):
    thing = resolve(dotted)
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        pytest.skip("raised by the library, not called by a user")
    text = inspect.getdoc(thing) or ""
    assert "Examples\n--------" in text, f"{dotted} has no section Examples"
    assert ">>> " in text.split("Examples\n--------")[1], f"{dotted}: Examples holds no code"
