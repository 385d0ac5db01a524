"""Which variables of a panel an encoder reads: by name, or by a map from other names and units."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from stefaland_sk.data import Panel


@dataclass(frozen=True)
class Source:
    """Where one variable of an encoder comes from.

    Parameters
    ----------
    names : tuple of str
        Variables of the panel.
    function : callable, default=None
        Turns their values into the encoder's variable, in the encoder's unit; None takes
        the one variable as it is.
    """

    names: tuple
    function: object = None

    def __str__(self):
        listed = ", ".join(self.names)
        if self.function is None:
            return listed
        return f"{getattr(self.function, '__name__', 'function')}({listed})"


class VariableMap:
    """Find the variables of an encoder in panels that may name them otherwise.

    Parameters
    ----------
    mapping : dict or None
        Encoder's name -> panel's name, or -> (function, list of the panel's names). The
        function gets the arrays of these variables, of shape (n_sites, n_times) for
        forcing and (n_sites,) for attributes, for some of the sites at a time, and returns
        one of the shape that the encoder's variable has, in the encoder's unit. A
        variable that is not mapped is looked for under its own name.
    forcing_names, attribute_names : list of str
        The encoder's variables.
    units : dict of str to str
        The encoder's units.

    Raises
    ------
    TypeError
        If an entry is neither a name nor a function with names.
    ValueError
        If the map names a variable that the encoder does not have.
    """

    def __init__(self, mapping, forcing_names, attribute_names, units):
        self.forcing_names, self.attribute_names = list(forcing_names), list(attribute_names)
        self.units = units
        self.sources = {}
        known = self.forcing_names + self.attribute_names
        for name, entry in (mapping or {}).items():
            if name not in known:
                raise ValueError(
                    f"`variable_map` names {name!r}, which is no variable of the encoder. "
                    f"{_suggest(name, known)}"
                )
            self.sources[name] = _source(name, entry)

    def resolve(self, panel):
        """Find each variable of the encoder in a panel.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        dict of str to Source or None
            The source of each variable, forcing first; None if the panel lacks it.

        Raises
        ------
        ValueError
            If a mapped variable is not in the panel, or is an attribute where the encoder
            has forcing (or the other way round).
        """
        found = {}
        for names, there, other, role in (
            (self.forcing_names, panel.forcing_names, panel.attribute_names, "forcing"),
            (self.attribute_names, panel.attribute_names, panel.forcing_names, "attribute"),
        ):
            for name in names:
                source = self.sources.get(name)
                if role == "forcing" and panel.time is None:
                    found[name] = None  # a table has none, whatever the map says
                    continue
                if source is None:
                    found[name] = Source((name,)) if name in there else None
                    continue
                for wanted in source.names:
                    if wanted not in there + other:
                        raise ValueError(
                            f"`variable_map` takes {name!r} from {wanted!r}, which is no variable "
                            f"of X. {_suggest(wanted, there + other)}"
                        )
                if source.function is None and source.names[0] in other:
                    raise ValueError(
                        f"`variable_map` takes {name!r}, for the encoder a {role} variable, from "
                        f"{source.names[0]!r}, which is none in X. Map it by a function that gives "
                        "the right shape."
                    )
                found[name] = source
        return found

    def apply(self, panel):
        """Give a panel with the encoder's variables under the encoder's names.

        Parameters
        ----------
        panel : Panel
            Any sites, few enough that their forcing fits into memory.

        Returns
        -------
        Panel
            The panel itself where nothing is mapped.
        """
        if not self.sources:
            return panel
        found = {name: source for name, source in self.resolve(panel).items() if source}
        units, values = {}, {}
        read = _Reader(panel)
        for name, source in found.items():
            shape = (panel.n_sites,) if name in self.attribute_names else panel.shape[:2]
            values[name] = read.of(name, source, shape)
            unit = panel.units.get(source.names[0])
            unit = self.units.get(name) if source.function is not None else unit
            if unit is not None:
                units[name] = unit
        forcings = [name for name in self.forcing_names if name in values]
        attributes = {name: values[name] for name in self.attribute_names if name in values}
        table = panel.attributes[[]].assign(**attributes)
        forcing = None
        if panel.time is not None:
            forcing = np.empty((*panel.shape[:2], len(forcings)), dtype=np.float32)
            for i, name in enumerate(forcings):
                forcing[:, :, i] = values[name]
        return Panel(
            table,
            forcing,
            time=panel.time,
            forcing_names=None if forcing is None else forcings,
            units=units,
        )


class _Reader:
    """Read variables of one panel; its forcing is fetched once, and only if it is wanted."""

    def __init__(self, panel):
        self.panel, self._forcing, self._attributes = panel, None, None

    def of(self, name, source, shape):
        """Give the values of a source, as an array of `shape`."""
        values = [self._variable(part) for part in source.names]
        if source.function is None:
            return values[0]
        result = np.asarray(source.function(*values))
        if result.shape != shape or result.dtype.kind not in "biuf":
            raise ValueError(
                f"The function of `variable_map` for {name!r} gave an array of {result.dtype} of "
                f"shape {result.shape}; numbers of shape {shape} are wanted, one per site"
                f"{' and step' if len(shape) == 2 else ''}."
            )
        return result

    def _variable(self, name):
        """Give one variable of the panel."""
        if name in self.panel.forcing_names:
            if self._forcing is None:
                self._forcing = self.panel.forcing
            return self._forcing[:, :, self.panel.forcing_names.index(name)]
        if self._attributes is None:
            self._attributes = self.panel.attributes
        return self._attributes[name].to_numpy()


def _source(name, entry):
    """Turn an entry of the map into a source."""
    if isinstance(entry, str):
        return Source((entry,))
    if isinstance(entry, tuple | list) and len(entry) == 2 and callable(entry[0]):
        names = entry[1]
        if isinstance(names, tuple | list) and names and all(isinstance(n, str) for n in names):
            return Source(tuple(names), entry[0])
    raise TypeError(
        f"`variable_map[{name!r}]` must be the name of a variable of X, or a pair (function, list "
        f"of names of variables of X). Got {entry!r}."
    )


def _suggest(name, known):
    """Say which names come close, or which there are."""
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else f"There are {known}."
