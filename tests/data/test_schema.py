"""Units and known variables."""

import pytest

from stefaland_sk.data import known_variable, normalise_unit
from stefaland_sk.data._schema import SIGNATURES, VARIABLES
from stefaland_sk.data._units import _CONVERSIONS, alternatives, conversion

SPELLINGS = {
    "mm/d": ["mm/d", "mm/day", "mm d-1", "mm day-1", "mm d^-1", "mm.d-1", "mm d**-1", "[mm/d]"],
    "degC": ["degC", "C", "°C", "deg C", "Celsius", "degrees Celsius", "degrees_celsius", "deg_C"],
    "K": ["K", "k", "Kelvin", "kelvin", "degK", "deg K"],
    "W/m2": ["W/m2", "W m-2", "W/m^2", "W m**-2", "W m⁻²", "w m-2", "Watt/m2"],
    "m3/m3": ["m3/m3", "m3 m-3", "m^3/m^3", "m³ m⁻³", "m**3 m**-3"],
    "m3/s": ["m3/s", "m3 s-1", "m^3/s", "cms", "cumecs", "m³/s"],
    "ft3/s": ["cfs", "ft3/s", "ft^3 s-1"],
    "kg/m2/s": ["kg m-2 s-1", "kg/m2/s", "kg s-1 m-2", "kg/(m2 s)", "kg m^-2 s^-1"],
    "MJ/d/m2": ["MJ m-2 d-1", "MJ/m2/day", "MJ m-2 day-1"],
    "Pa": ["Pa", "pascal", "PA"],
    "hPa": ["hPa", "mbar", "hpa"],
    "m/s": ["m/s", "m s-1", "metres per second", "m s^-1"],
    "s": ["s", "sec", "seconds"],
    "km2": ["km2", "km^2", "km²", "km**2", "sqkm"],
    "%": ["%", "percent", "pct"],
    "-": ["-", "1", "", "fraction", "dimensionless"],
    "deg": ["degrees_north", "degrees_east", "degree"],
    "1/d": ["1/d", "d-1", "1/day"],
}


@pytest.mark.parametrize(
    ("text", "form"), [(text, form) for form, texts in SPELLINGS.items() for text in texts]
)
def test_spellings_come_to_one_form(text, form):
    assert normalise_unit(text) == form
    assert normalise_unit(form) == form


@pytest.mark.parametrize("text", ["log10(m2)", "mm/3h", "furlongs", "5 mm", "a=b", "#"])
def test_what_is_not_understood_stays(text):
    assert normalise_unit(text) == text


def test_no_unit_is_no_unit():
    assert normalise_unit(None) is None


@pytest.mark.parametrize("pair", list(_CONVERSIONS))
def test_conversions_are_found_by_their_normal_form(pair):
    assert tuple(map(normalise_unit, pair)) == pair


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (300.0, "K", "degC", 26.85),
        (212.0, "degF", "degC", 100.0),
        (1.2, "kPa", "Pa", 1200.0),
        (1e-4, "kg m-2 s-1", "mm/d", 8.64),
        (8.64, "MJ m-2 d-1", "W/m2", 100.0),
        (35.0, "%", "m3/m3", 0.35),
        (100.0, "cfs", "m3/s", 2.8316846592),
        (12.0, "hours", "s", 43200.0),
        (5.0, "mm/day", "mm/d", 5.0),
        (20.0, "degC", "K", 293.15),  # backwards
        (2.0, "mm/s", "mm/h", 7200.0),  # by way of a third unit
        (50.0, "degF", "K", 283.15),
        (0.1, "fraction", "d/yr", 36.525),  # of the days
    ],
)
def test_conversions(value, unit, wanted, expected):
    factor, offset = conversion(normalise_unit(unit), wanted)
    assert factor * value + offset == pytest.approx(expected)


def test_there_is_no_way_between_different_things():
    assert conversion("mm/d", "degC") is None
    assert {unit for unit, *_ in alternatives("degC")} == {"K", "degF"}


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda variable: variable.name)
def test_known_variables_are_consistent(variable):
    assert known_variable(variable.name) is variable
    assert normalise_unit(variable.unit) in (variable.unit, "-")
    assert variable.low < variable.high
    assert variable.role in ("forcing", "target", "attribute")
    assert variable.meaning
    if variable.typical is not None:
        assert variable.low <= variable.typical[0] < variable.typical[1] <= variable.high


def test_the_glossary_is_known():
    glossary = "prcp tmin tmax tmean srad vp pet dayl runoff discharge soil_moisture"
    assert all(known_variable(name) for name in glossary.split())
    assert not SIGNATURES & set(VARIABLES)


def test_units_of_the_synthetic_catchments_agree():
    from stefaland_sk.datasets import make_catchments

    X, _ = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    for name, unit in X.units.items():
        if known_variable(name):
            assert normalise_unit(unit) == normalise_unit(known_variable(name).unit), name
