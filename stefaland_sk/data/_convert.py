"""A panel in other units."""

import numpy as np

from stefaland_sk.data._panel import Panel
from stefaland_sk.data._units import unit_change


def convert_units(panel, units):
    """Give a panel whose variables are in the units asked for.

    Parameters
    ----------
    panel : Panel
        Any sites, with `panel.units`. The forcing of a lazy one is read if some of it changes.
    units : dict of str to str
        Unit wanted of each variable. Variables that the panel lacks, or whose unit it does not
        know, are left as they are.

    Returns
    -------
    Panel
        The panel itself where nothing changes.

    Raises
    ------
    ValueError
        If there is no way from one unit to the other.

    See Also
    --------
    Panel.assign : Tell the panel the units that its values are in.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk import Panel
    >>> table = pd.DataFrame({"area": [2.5e8]}, index=["01013500"])
    >>> X = Panel.from_table(table, units={"area": "m2"})
    >>> convert_units(X, {"area": "km2"}).variable("area").tolist()
    [250.0]
    """
    known = panel.units
    ways = {
        name: _way(name, known[name], wanted) for name, wanted in units.items() if name in known
    }
    ways = {name: way for name, way in ways.items() if way != (1.0, 0.0)}
    if not ways:
        return panel
    table = panel.attributes.copy()
    for name in table.columns.intersection(list(ways)):
        factor, offset = ways[name]
        table[name] = factor * table[name] + offset
    units = {**known, **{name: units[name] for name in ways}}
    if not set(ways) & set(panel.forcing_names):
        return panel.assign(attributes=table, units=units)
    forcing = np.array(panel.forcing)
    for column, name in enumerate(panel.forcing_names):
        factor, offset = np.float32(ways.get(name, (1.0, 0.0)))
        forcing[:, :, column] = factor * forcing[:, :, column] + offset
    return Panel(
        table,
        forcing,
        time=panel.time,
        sites=panel.sites,
        forcing_names=panel.forcing_names,
        units=units,
        groups=panel.groups,
    )


def _way(name, unit, wanted):
    """Give (factor, offset) from one unit to the other."""
    way = unit_change(unit, wanted)
    if way is None:
        raise ValueError(
            f"{name!r} is in {unit!r}, and there is no way from it to {wanted!r}. Convert it, or "
            f"declare what it is with `panel.assign(units={{{name!r}: {wanted!r}}})`."
        )
    return way
