"""What an encoder finds of its variables in a panel, as a table and as a decision."""

import warnings

import pandas as pd

from stefaland_sk._core import CheckpointError, DataWarning, check_number
from stefaland_sk.data import normalise_unit
from stefaland_sk.data._units import conversion

_NO_WAY, _FUNCTION = "none known", "function"


def coverage_table(variable_map, panel):
    """Tell where each variable of an encoder comes from, and how its unit is reached.

    Parameters
    ----------
    variable_map : VariableMap
        The encoder's variables, and where they are looked for.
    panel : Panel
        Any sites.

    Returns
    -------
    DataFrame
        One row per variable; see `StefaLandEncoder.coverage`.
    """
    rows = []
    for name, source in variable_map.resolve(panel).items():
        role = "forcing" if name in variable_map.forcing_names else "attribute"
        wanted = variable_map.units.get(name)
        there = how = None
        if source is not None and source.function is not None:
            how = _FUNCTION
        elif source is not None:
            there = normalise_unit(panel.units.get(source.names[0]))
            how = _describe(there, wanted)
        taken_from = None if source is None else str(source)
        rows.append((name, role, source is not None, taken_from, there, wanted, how))
    columns = ["variable", "role", "found", "taken_from", "unit_panel", "unit_encoder"]
    return pd.DataFrame(rows, columns=[*columns, "conversion"])


def check_table(table, min_coverage):
    """Raise or warn by a table of coverage.

    Parameters
    ----------
    table : DataFrame
        Made by `coverage_table`.
    min_coverage : float
        Share of the variables of each role that must be found.

    Raises
    ------
    CheckpointError
        If too few variables are found, or a unit cannot be converted.

    Warns
    -----
    DataWarning
        If some variables are not found, or if the unit of some is not told and that of
        others is.
    """
    check_number("min_coverage", min_coverage, low=0, high=1)
    for role, part in table.groupby("role", sort=False):
        if part["found"].mean() < min_coverage:
            missing = list(part.loc[~part["found"], "variable"])
            raise CheckpointError(
                f"X has {int(part['found'].sum())} of the {len(part)} {role} variables of the "
                f"encoder; `min_coverage`={min_coverage} asks for more. Missing: {missing}. Rename "
                "X's variables to the encoder's names (`X.rename_variables`), tell where they are "
                "by `StefaLandTransformer.load(file, variable_map=...)`, which goes into another "
                "estimator as FrozenEstimator(model), or lower `min_coverage` (mask tokens stand "
                "in for what is missing)."
            )
    odd = table[table["conversion"] == _NO_WAY]
    if len(odd):
        lines = [
            f"{row.variable!r} in {row.unit_encoder}, but X has it in {row.unit_panel}"
            for row in odd.itertuples()
        ]
        raise CheckpointError(
            f"The encoder was trained with {'; with '.join(lines)}. Convert it, and set the "
            "panel's unit, or give a function in `variable_map`."
        )
    missing = table.loc[~table["found"], ["variable", "role", "unit_encoder"]]
    if len(missing):
        text = missing.rename(columns={"unit_encoder": "unit"}).fillna("").to_string(index=False)
        warnings.warn(
            f"X lacks {len(missing)} of the {len(table)} variables of the encoder; mask tokens "
            f"stand in for them:\n{text}",
            DataWarning,
            stacklevel=3,  # who called `StefaLandEncoder.check_coverage`
        )
    untold = table[table["found"] & table["unit_panel"].isna() & table["unit_encoder"].notna()]
    untold = untold[untold["conversion"] != _FUNCTION]
    # A panel that tells no unit at all, such as a table, leaves them to its owner.
    if len(untold) and table["unit_panel"].notna().any():
        listed = ", ".join(f"{row.variable} [{row.unit_encoder}]" for row in untold.itertuples())
        warnings.warn(
            f"X does not tell the unit of {len(untold)} variables that it has, which are taken to "
            f"be in those of the encoder: {listed}. Tell them with `panel.assign(units={{...}})`, "
            "so that they can be compared.",
            DataWarning,
            stacklevel=3,
        )


def _describe(unit, wanted):
    """Say in words how a value gets from one unit to another."""
    if unit is None or wanted is None:
        return "unit not known"
    way = conversion(unit, wanted)
    if way is None:
        return _NO_WAY
    factor, offset = way
    text = "" if factor == 1 else f" x {factor:.6g}"
    if offset:
        text += f" {'+' if offset > 0 else '-'} {abs(offset):.6g}"
    return text.strip() or "same unit"
