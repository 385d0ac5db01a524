"""Units: one spelling for each, and how to get from one to another."""

import re
from functools import lru_cache

# Every spelling in lower case; the value is the one form used here.
_SPELLINGS = {
    "d": "d day days",
    "h": "h hr hrs hour hours",
    "s": "s sec secs second seconds",
    "month": "month months mo mon",
    "yr": "yr yrs year years a",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "m": "m meter meters metre metres masl",
    "km": "km kilometer kilometers kilometre kilometres",
    "ft": "ft foot feet",
    "ha": "ha hectare hectares",
    "g": "g gram grams",
    "kg": "kg kilogram kilograms",
    "W": "w watt watts",
    "J": "j joule joules",
    "kJ": "kj",
    "MJ": "mj",
    "Pa": "pa pascal pascals",
    "hPa": "hpa mbar mb millibar millibars",
    "kPa": "kpa",
    "degC": "degc c celsius degree_celsius degrees_celsius degreec degreesc centigrade",
    "K": "k kelvin kelvins degk",
    "degF": "degf f fahrenheit",
    "%": "% percent pct percentage",
    "deg": "deg degree degrees",
    "-": "- 1 fraction frac ratio dimensionless unitless none",
}
_ONE_FORM = {text: form for form, texts in _SPELLINGS.items() for text in texts.split()}
_WHOLE = {  # units that are one word, or whose exponent is a letter
    "": "-",
    "cms": "m3/s",
    "cumec": "m3/s",
    "cumecs": "m3/s",
    "cfs": "ft3/s",
    "sqkm": "km2",
    "degrees_north": "deg",
    "degrees_east": "deg",
    "m a.s.l.": "m",
    "m asl": "m",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−·×", "0123456789--  ")
_DEGREES = re.compile(r"(?:°|deg(?:ree)?s?)[\s_]*(c|k|f)(?:elsius|elvin|ahrenheit)?\b", re.I)
_FACTOR = re.compile(r"(/?)\s*([A-Za-z_%°]+|1(?=\s*/))\s*(-?\d+)?")

# (from, to) -> (factor, offset): value_in_to = factor * value_in_from + offset
_CONVERSIONS = {
    ("K", "degC"): (1.0, -273.15),
    ("degF", "degC"): (5 / 9, -160 / 9),
    ("hPa", "Pa"): (100.0, 0.0),
    ("kPa", "Pa"): (1000.0, 0.0),
    ("kg/m2/s", "mm/d"): (86400.0, 0.0),
    ("mm/s", "mm/d"): (86400.0, 0.0),
    ("mm/h", "mm/d"): (24.0, 0.0),
    ("kg/d/m2", "mm/d"): (1.0, 0.0),
    ("cm/d", "mm/d"): (10.0, 0.0),
    ("m/d", "mm/d"): (1000.0, 0.0),
    ("m/s", "mm/d"): (86400e3, 0.0),
    ("mm/month", "mm/d"): (12 / 365.25, 0.0),
    ("mm/yr", "mm/d"): (1 / 365.25, 0.0),
    ("MJ/d/m2", "W/m2"): (1e6 / 86400, 0.0),
    ("kJ/d/m2", "W/m2"): (1e3 / 86400, 0.0),
    ("J/d/m2", "W/m2"): (1 / 86400, 0.0),
    ("h", "s"): (3600.0, 0.0),
    ("d", "s"): (86400.0, 0.0),
    ("km/h", "m/s"): (1 / 3.6, 0.0),
    ("ft3/s", "m3/s"): (0.3048**3, 0.0),
    ("L/s", "m3/s"): (1e-3, 0.0),
    ("m3/d", "m3/s"): (1 / 86400, 0.0),
    ("m2", "km2"): (1e-6, 0.0),
    ("ha", "km2"): (0.01, 0.0),
    ("ft", "m"): (0.3048, 0.0),
    ("km", "m"): (1000.0, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("g/kg", "kg/kg"): (0.001, 0.0),
    ("%", "-"): (0.01, 0.0),
    ("-", "%"): (100.0, 0.0),
    ("%", "m3/m3"): (0.01, 0.0),
    ("-", "m3/m3"): (1.0, 0.0),
    ("m3/m3", "-"): (1.0, 0.0),
    ("cm3/cm3", "m3/m3"): (1.0, 0.0),
    ("m/m", "-"): (1.0, 0.0),
    ("-", "d/yr"): (365.25, 0.0),  # a share of the days
}
_BACKWARDS = {
    (b, a): (1 / factor, -offset / factor) for (a, b), (factor, offset) in _CONVERSIONS.items()
}
_WAYS = _BACKWARDS | _CONVERSIONS  # a way that is listed goes before one that is computed


def normalise_unit(text):
    """Bring the spellings of a unit to one form.

    Factors with a negative exponent stand behind a slash, in alphabetical order. Words
    that are not known stay as they are.

    Parameters
    ----------
    text : str or None
        A unit as files spell it.

    Returns
    -------
    str or None
        The one form, such as ``"mm/d"``, ``"W/m2"``, ``"m3/m3"`` or ``"degC"``; ``"-"``
        without dimension; None for None.

    Examples
    --------
    >>> [normalise_unit(text) for text in ("mm/day", "mm d-1", "W m**-2", "m^3/m^3", "Kelvin")]
    ['mm/d', 'mm/d', 'W/m2', 'm3/m3', 'K']
    """
    if text is None:
        return None
    text = str(text).strip().translate(_SUPERSCRIPTS)
    if re.fullmatch(r"\[[^\[\]]*\]|\([^()]*\)", text):
        text = text[1:-1].strip()
    if text.lower() in _WHOLE:
        return _WHOLE[text.lower()]
    if text.lower() in _ONE_FORM:
        return _ONE_FORM[text.lower()]
    plain = _DEGREES.sub(lambda m: {"c": "degC", "k": "K", "f": "degF"}[m[1].lower()], text)
    plain = re.sub(r"\bper\b", "/", plain, flags=re.I).replace("**", "").replace("^", "")
    if re.search(r"\w\(", plain):
        return text  # a function, such as log10(m2)
    # a/(b c) divides by each of the factors in brackets
    plain = re.sub(r"/\s*\(([^)]*)\)", lambda m: "".join(f"/{w}" for w in m[1].split()), plain)
    plain = re.sub(r"[()*.{}]", " ", plain)
    above, below, end = [], [], 0
    for found in _FACTOR.finditer(plain):
        if plain[end : found.start()].strip():
            return text  # something between the factors that is not understood
        end = found.end()
        slash, word, power = found[1], found[2], int(found[3] or 1)
        word = word if word in _SPELLINGS else _ONE_FORM.get(word.lower(), word)
        power = -power if slash else power
        if word == "-" or power == 0:
            continue
        size = "" if abs(power) == 1 else str(abs(power))
        (above if power > 0 else below).append(word + size)
    if plain[end:].strip() or not above + below:
        return text
    return "/".join([" ".join(above) or "1", *sorted(below)])


def conversion(unit, wanted):
    """Give (factor, offset) from one normalised unit to another, or None if there is no way."""
    if unit == wanted:
        return 1.0, 0.0
    if (unit, wanted) in _WAYS:
        return _WAYS[unit, wanted]
    for (start, middle), (factor, offset) in _WAYS.items():  # mm/h to mm/s, by way of mm/d
        if start == unit and (middle, wanted) in _WAYS:
            more, shift = _WAYS[middle, wanted]
            return more * factor, more * offset + shift
    return None


@lru_cache(maxsize=1024)
def unit_change(unit, wanted):
    """Give (factor, offset) between two units as files spell them, or None if there is no way."""
    return conversion(normalise_unit(unit), normalise_unit(wanted))


def alternatives(wanted):
    """List the units from which there is a way to `wanted`, as (unit, factor, offset)."""
    return [(a, *way) for (a, b), way in _CONVERSIONS.items() if b == wanted]
