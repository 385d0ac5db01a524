"""Check an installed wheel: it is the one imported, whole, and light on import.

Usage: python check_wheel.py SITE CHECKOUT
"""

import sys
from importlib import import_module
from pathlib import Path

site, checkout = (Path(argument).resolve() for argument in sys.argv[1:3])
package = import_module("stefaland_sk")
home = Path(package.__file__).resolve().parent
assert home == site / "stefaland_sk", f"imported from {home}, not from the wheel"

tracked = (
    path.relative_to(checkout)
    for path in (checkout / "stefaland_sk").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
absent = sorted(str(path) for path in tracked if not (site / path).is_file())
assert not absent, f"the wheel lacks {absent}"

for name in ("data", "datasets", "metrics", "model_selection"):
    import_module(f"stefaland_sk.{name}")
assert "torch" not in sys.modules, "a light package loads torch"
print(f"wheel {package.__version__}: {sum(1 for _ in home.rglob('*.py'))} modules, whole")
