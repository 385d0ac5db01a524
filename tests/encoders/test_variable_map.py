"""Variables of panels found by name or map, their units, and what is said of those missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.encoders import StefaLandEncoder


def renamed(panel, **names):
    """The same panel with other names for some variables."""
    attributes = panel.attributes.rename(columns=names)
    return Panel(
        attributes,
        panel.forcing,
        time=panel.time,
        forcing_names=[names.get(name, name) for name in panel.forcing_names],
        units={names.get(name, name): unit for name, unit in panel.units.items()},
    )


def row(table, variable):
    """One row of a table of coverage, as a dictionary."""
    return table.set_index("variable").loc[variable].to_dict()


# ---------------------------------------------------------------------- the map
def test_variables_under_other_names_give_the_same_features(catchments, encoder):
    other = renamed(catchments, prcp="rain", p_mean="rain_mean")
    mapped = encoder.with_variable_map({"prcp": "rain", "p_mean": "rain_mean"})
    for one, two in zip(mapped.encode(other), encoder.encode(catchments), strict=True):
        np.testing.assert_array_equal(one, two)
    assert mapped.module is encoder.module
    assert row(mapped.coverage(other), "prcp")["taken_from"] == "rain"


def test_a_table_needs_no_forcing_whatever_the_map_says(catchments, encoder):
    table = Panel.from_table(catchments.attributes.rename(columns={"p_mean": "rain_mean"}))
    mapped = encoder.with_variable_map({"prcp": "rain", "p_mean": "rain_mean"})
    expected = encoder.encode(Panel.from_table(catchments.attributes))[1]
    np.testing.assert_array_equal(mapped.encode(table)[1], expected)


def test_a_function_gives_a_variable_in_the_encoder_s_unit(catchments, encoder):
    def from_hundredths(tmax, p_mean):
        assert tmax.shape == (len(p_mean), catchments.n_times)
        return tmax / 100

    forcing = catchments.forcing.copy()
    forcing[:, :, catchments.forcing_names.index("tmax")] *= 100
    other = Panel(
        catchments.attributes,
        forcing,
        time=catchments.time,
        forcing_names=catchments.forcing_names,
        units={"tmax": "0.01 degC"},
    )
    mapped = encoder.with_variable_map({"tmax": (from_hundredths, ["tmax", "p_mean"])})
    days, _ = mapped.encode(other)
    np.testing.assert_allclose(days, encoder.encode(catchments)[0], atol=1e-4)
    table = row(mapped.coverage(other), "tmax")
    assert (table["taken_from"], table["conversion"]) == (
        "from_hundredths(tmax, p_mean)",
        "function",
    )
    mapped.check_coverage(other, 1.0)


def test_an_attribute_can_be_made_of_forcing(catchments, encoder):
    few = catchments.assign(attributes=catchments.attributes.drop(columns="p_mean"))
    mapped = encoder.with_variable_map({"p_mean": (lambda p: p.mean(axis=1), ["prcp"])})
    scaled = mapped.scale(few)
    expected = catchments.assign(
        attributes=catchments.attributes.assign(p_mean=catchments.variable("prcp").mean(axis=1))
    )
    np.testing.assert_array_equal(scaled.attributes, encoder.scale(expected).attributes)


def test_a_map_that_is_not_needed_for_a_table_of_attributes(catchments, encoder):
    table = Panel.from_table(catchments.attributes.rename(columns={"p_mean": "rain"}))
    mapped = encoder.with_variable_map({"p_mean": "rain"})
    expected = encoder.encode(Panel.from_table(catchments.attributes))[1]
    np.testing.assert_array_equal(mapped.encode(table)[1], expected)


def test_unknown_names_come_with_what_is_close(catchments, encoder):
    with pytest.raises(ValueError, match=r"'tmaxx', which is no variable .* Did you mean 'tmax'"):
        encoder.with_variable_map({"tmaxx": "t"})
    mapped = encoder.with_variable_map({"prcp": "prpc"})
    for method in (mapped.coverage, mapped.encode):
        with pytest.raises(ValueError, match=r"'prcp' from 'prpc', .* X. Did you mean 'prcp'"):
            method(catchments)
    mapped = encoder.with_variable_map({"prcp": (np.add, ["prcp", "zzzzzz"])})
    with pytest.raises(ValueError, match=r"'prcp' from 'zzzzzz', .*There are \['prcp', 'srad'"):
        mapped.coverage(catchments)


@pytest.mark.parametrize("entry", [3, (np.add,), ("a", "b"), (np.add, "prcp"), (np.add, [])])
def test_entries_of_other_kinds_are_refused(encoder, entry):
    with pytest.raises(TypeError, match=r"`variable_map\['prcp'\]` must be the name .* or a pair"):
        encoder.with_variable_map({"prcp": entry})


def test_forcing_is_not_taken_from_an_attribute_as_it_is(catchments, encoder):
    with pytest.raises(ValueError, match=r"'prcp', .* a forcing variable, from 'p_mean', which is"):
        encoder.with_variable_map({"prcp": "p_mean"}).encode(catchments)
    with pytest.raises(ValueError, match=r"'p_mean', .* an? attribute variable, from 'prcp'"):
        encoder.with_variable_map({"p_mean": "prcp"}).encode(catchments)


@pytest.mark.parametrize("function", [lambda p: p[0], lambda p: p.astype(str)])
def test_a_function_must_give_numbers_of_the_right_shape(catchments, encoder, function):
    mapped = encoder.with_variable_map({"prcp": (function, ["prcp"])})
    with pytest.raises(ValueError, match=r"for 'prcp' gave an array of .* one per site and step"):
        mapped.encode(catchments)


def test_a_map_is_given_when_a_file_is_loaded(catchments, encoder, tmp_path):
    path = encoder.save(tmp_path / "x.safetensors")
    loaded = StefaLandEncoder.load(path, variable_map={"prcp": "rain"})
    days, _ = loaded.encode(renamed(catchments, prcp="rain"))
    np.testing.assert_array_equal(days, encoder.encode(catchments)[0])


# ---------------------------------------------------------------------- coverage
def test_coverage_tells_what_is_found(catchments, encoder):
    table = encoder.coverage(catchments.keep_variables(forcings=["prcp"]))
    assert table["found"].sum() == 1 + 26
    assert row(table, "prcp") == {
        "role": "forcing",
        "found": True,
        "taken_from": "prcp",
        "unit_panel": "mm/d",
        "unit_encoder": "mm/d",
        "conversion": "same unit",
    }
    missing = row(table, "tmax")
    assert not missing["found"]
    assert pd.isna(missing["taken_from"])
    assert missing["unit_encoder"] == "degC"


def test_coverage_tells_how_units_are_reached(catchments, encoder):
    units = {"tmax": "Kelvin", "prcp": "kg m-2 s-1", "srad": "feet", "p_mean": "mm day-1"}
    table = encoder.coverage(catchments.assign(units=units))
    said = {name: row(table, name)["conversion"] for name in units}
    assert said == {
        "tmax": "- 273.15",
        "prcp": "x 86400",
        "srad": "none known",
        "p_mean": "same unit",
    }
    bare = Panel(
        None, catchments.forcing, time=catchments.time, forcing_names=catchments.forcing_names
    )
    assert row(encoder.coverage(bare), "prcp")["conversion"] == "unit not known"


def test_too_few_variables_are_refused(catchments, encoder):
    few = catchments.keep_variables(forcings=["prcp"])
    with pytest.raises(
        CheckpointError, match=r"X has 1 of the 6 forcing.*Missing: \['srad', .*variable_map"
    ):
        encoder.check_coverage(few, 0.5)
    none = catchments.keep_variables(attributes=[])
    with pytest.raises(CheckpointError, match="X has 0 of the 26 attribute variables"):
        encoder.check_coverage(none, 0.1)
    with pytest.raises(ValueError, match=r"`min_coverage` must lie in \[0, 1\]"):
        encoder.check_coverage(few, 50)


def test_what_is_masked_is_shown_once_as_a_table(catchments, encoder, recwarn):
    few = catchments.keep_variables(forcings=["prcp", "tmin", "vp"])
    encoder.check_coverage(few, 0.1)
    (warning,) = recwarn
    assert warning.category is DataWarning
    assert warning.filename == __file__
    lines = str(warning.message).splitlines()
    assert (
        lines[0] == "X lacks 3 of the 32 variables of the encoder; mask tokens stand in for them:"
    )
    assert [line.split() for line in lines[1:]] == [
        ["variable", "role", "unit"],
        ["srad", "forcing", "W/m2"],
        ["tmax", "forcing", "degC"],
        ["dayl", "forcing", "s"],
    ]


def test_of_a_table_only_attributes_are_asked(catchments, encoder, recwarn):
    encoder.check_coverage(Panel.from_table(catchments.attributes), 1.0)
    assert not recwarn


def test_units_that_are_told_of_some_variables_only_are_asked_for(catchments, encoder, recwarn):
    units = {name: unit for name, unit in catchments.units.items() if name != "high_prec_freq"}
    some = Panel.from_table(catchments.attributes, units=units)
    encoder.check_coverage(some, 1.0)
    (warning,) = recwarn
    assert warning.category is DataWarning
    assert warning.filename == __file__
    assert str(warning.message).startswith("X does not tell the unit of 1 variables")
    assert "high_prec_freq [d/yr]. Tell them" in str(warning.message)
    mapped = encoder.with_variable_map({"high_prec_freq": (np.copy, ["high_prec_freq"])})
    mapped.check_coverage(some, 1.0)  # a function gives the encoder's unit
    assert len(recwarn) == 1


def test_units_without_a_way_are_refused(catchments, encoder):
    odd = catchments.assign(units={"tmax": "m", "p_mean": "in/d"})
    with pytest.raises(
        CheckpointError, match=r"with 'tmax' in degC, but X has it in m; with 'p_mean' in mm/d"
    ):
        encoder.check_coverage(odd, 0.5)
    with pytest.raises(ValueError, match=r"p_mean is in 'in/d' here and in 'mm/d'.*no way"):
        encoder.encode(odd)


def test_units_are_converted(catchments, encoder):
    forcing, attributes = catchments.forcing.copy(), catchments.attributes
    forcing[:, :, catchments.forcing_names.index("tmax")] += 273.15
    attributes["p_mean"] /= 86400
    other = Panel(
        attributes.rename(columns={"p_mean": "rain"}),
        forcing,
        time=catchments.time,
        forcing_names=catchments.forcing_names,
        units={**catchments.units, "tmax": "Kelvin", "rain": "kg m-2 s-1"},
    )
    mapped = encoder.with_variable_map({"p_mean": "rain"})
    mapped.check_coverage(other, 1.0)
    for one, two in zip(mapped.encode(other), encoder.encode(catchments), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


def test_units_given_beside_the_scaler_count_too(catchments, encoder):
    scaler = replace(encoder.scaler, units={"prcp": "mm/d"})
    model = StefaLandEncoder(
        encoder.module, scaler, 60, units={"tmax": "°C", "prcp": "m", "other": "K"}
    )
    assert model.units == model.scaler.units == {"tmax": "degC", "prcp": "mm/d"}
    assert row(model.coverage(catchments.assign(units={"tmax": "K"})), "tmax")["conversion"] == (
        "- 273.15"
    )


def test_missing_variables_get_the_mask_tokens(catchments, encoder):
    few = catchments.keep_variables(forcings=["prcp", "tmax", "tmin"])
    forcing = catchments.forcing.copy()
    forcing[:, :, [n not in few.forcing_names for n in catchments.forcing_names]] = np.nan
    same = Panel(
        catchments.attributes,
        forcing,
        time=catchments.time,
        forcing_names=catchments.forcing_names,
    )
    np.testing.assert_array_equal(encoder.encode(few)[0], encoder.encode(same)[0])
