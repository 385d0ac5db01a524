"""Fixtures that every layer's tests may use."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real data that lie beside a developer's checkout, never inside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data in ../shared/data, beside the checkout")
    return SHARED_DATA
