"""Importing the light half of the library must not load torch."""

import subprocess
import sys

import pytest

import stefaland_sk

LIGHT = [
    "stefaland_sk",
    "stefaland_sk.data",
    "stefaland_sk.datasets",
    "stefaland_sk.metrics",
    "stefaland_sk.model_selection",
    "stefaland_sk.judging",
    "stefaland_sk.plotting",
]


def test_light_packages_load_without_torch():
    # One process for all: each import costs a second, and the first to load torch is named.
    code = (
        "import importlib, sys\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'torch', 'skorch', 'matplotlib'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} loads {sorted(heavy)}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_root_lists_its_lazy_names():
    assert set(stefaland_sk.__all__) <= set(dir(stefaland_sk))
    assert set(stefaland_sk._HOMES) == set(stefaland_sk.__all__) - {"__version__"}


@pytest.mark.parametrize("name", stefaland_sk.__all__)
def test_every_lazy_name_resolves(name):
    assert getattr(stefaland_sk, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'stefaland_sk' has no attribute 'Pannel'"):
        _ = stefaland_sk.Pannel
