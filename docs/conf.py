"""Configuration of the documentation; `make docs` builds it."""

import importlib
import os
from pathlib import Path

import stefaland_sk

DOCS = Path(__file__).parent
# The layers in the order in which a user meets them, with what each is for.
LAYERS = {
    "data": "Panels, targets and what belongs to them",
    "datasets": "Data to start from",
    "model_selection": "Which sites train and which test, and whether that is honest",
    "metrics": "Metrics per site, and scorers made of them",
    "estimators": "The models",
    "judging": "How far to trust a prediction",
    "encoders": "Pretrained models: a panel in, features out",
    "plotting": "Displays",
    "benchmark": "Protocols, runs and tables; the command line",
    "modules": "Networks, for those who build their own",
    "physics": "Process models as pure functions",
}

project = "stefaland-sk"
author = "stefaland-sk developers"
copyright = f"2026, {author}"
version = release = stefaland_sk.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "results/**", "figures/**"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_title = f"stefaland-sk {version}"

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_inherited_class_members = False
numpydoc_xref_param_type = False
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

os.environ.setdefault("MPLBACKEND", "Agg")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "abort_on_example_error": True,
}


def write_api_pages(folder):
    """Write one page per layer from its `__all__`, so that no list is kept by hand."""
    folder.mkdir(exist_ok=True)
    pages = []
    for layer, title in LAYERS.items():
        if not (Path(stefaland_sk.__file__).parent / layer / "__init__.py").is_file():
            continue
        module = importlib.import_module(f"stefaland_sk.{layer}")
        # `automodule` without members: the docstring of the layer, then the table of its names.
        lines = [title, "=" * len(title), "", f".. automodule:: {module.__name__}", ""]
        lines += [f".. currentmodule:: {module.__name__}", ""]
        lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in sorted(module.__all__, key=str.lower)]
        write_if_changed(folder / f"{layer}.rst", "\n".join([*lines, ""]))
        pages.append(layer)
    lines = ["API", "===", "", ".. toctree::", "   :maxdepth: 2", "", *(f"   {p}" for p in pages)]
    write_if_changed(folder / "index.rst", "\n".join([*lines, ""]))


def write_if_changed(path, text):
    """Leave an unchanged page alone, so that a second build reads only what is new."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


write_api_pages(DOCS / "api")
