"""Small panels that the tests of this layer share."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel

IDS = ["01013500", "01022500", "02011400", "03050000"]
TIME = pd.date_range("2000-10-01", periods=6)


@pytest.fixture
def parts():
    """What a panel of four sites, six days, two forcings and two attributes is made from."""
    rng = np.random.default_rng(0)
    return {
        "attributes": pd.DataFrame(
            {"clay": [0.1, 0.2, np.nan, 0.4], "area": [10.0, 20.0, 30.0, 40.0]}, index=IDS
        ),
        "forcing": rng.gamma(1.0, 3.0, (4, 6, 2)).astype(np.float32),
        "time": TIME,
        "sites": pd.DataFrame(
            {"region": ["a", "a", "b", "b"], "lat": [45.0, 46.0, 40.0, 41.0]}, index=IDS
        ),
        "forcing_names": ["prcp", "pet"],
        "units": {"prcp": "mm/d", "pet": "mm/d", "area": "km2", "lat": "deg"},
        "groups": {"soil": ["clay"], "topography": ["area"]},
    }


@pytest.fixture
def panel(parts):
    """A panel of four sites in two regions."""
    return Panel(**parts)


def assert_same_panel(left, right):
    """Raise unless two panels hold the same, to the bit."""
    for table in ("attributes", "sites"):
        pd.testing.assert_frame_equal(
            getattr(left, table), getattr(right, table), check_column_type=False
        )
    pd.testing.assert_index_equal(left.site_ids, right.site_ids)
    np.testing.assert_array_equal(left.forcing, right.forcing)
    assert left.forcing.dtype == right.forcing.dtype == np.float32
    assert left.forcing_names == right.forcing_names
    assert left.units == right.units
    assert left.groups == right.groups
    assert (left.time is None) == (right.time is None)
    if left.time is not None:
        assert left.time.as_unit("ns").equals(right.time.as_unit("ns"))


@pytest.fixture
def same_panel():
    """Give the comparison of two panels."""
    return assert_same_panel
