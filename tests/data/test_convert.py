"""Panels in other units."""

import numpy as np
import pytest

from stefaland_sk.data import Panel, convert_units


def test_values_units_and_the_rest(panel):
    found = convert_units(panel, {"prcp": "mm/h", "pet": "mm d-1", "area": "m2", "unknown": "K"})
    np.testing.assert_allclose(found.variable("prcp"), panel.variable("prcp") / 24, rtol=1e-6)
    np.testing.assert_array_equal(found.variable("pet"), panel.variable("pet"))
    np.testing.assert_allclose(found.variable("area"), 1e6 * panel.variable("area"))
    assert found.units == {**panel.units, "prcp": "mm/h", "area": "m2"}
    assert found.groups == panel.groups
    assert found.sites.equals(panel.sites)
    assert found.forcing.dtype == np.float32


def test_there_and_back(panel, same_panel):
    warm = panel.rename_variables({"pet": "tmax"}).assign(units={"tmax": "degF"})
    back = convert_units(convert_units(warm, {"tmax": "degC"}), {"tmax": "degF"})
    np.testing.assert_allclose(back.forcing, warm.forcing, atol=1e-4)


def test_nothing_to_change_is_no_copy(panel):
    assert convert_units(panel, panel.units) is panel
    assert convert_units(panel, {"clay": "%"}) is panel  # its unit is not known


def test_a_lazy_panel(panel, tmp_path):
    panel.to_netcdf(tmp_path / "panel.nc")
    lazy = Panel.from_netcdf(tmp_path / "panel.nc")
    assert convert_units(lazy, {"area": "m2"}).is_lazy
    found = convert_units(lazy, {"prcp": "mm/h"})
    np.testing.assert_allclose(found.variable("prcp"), panel.variable("prcp") / 24, rtol=1e-6)


def test_no_way(panel):
    with pytest.raises(ValueError, match=r"'prcp' is in 'mm/d', and there is no way.*'degC'"):
        convert_units(panel, {"prcp": "degC"})
