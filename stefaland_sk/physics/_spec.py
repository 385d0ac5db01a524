"""Which HBV: its parameters with their bounds, which vary from day to day, which are fixed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from stefaland_sk._core import check_number

from ._parameters import Parameter

PHYSICAL_PARAMETERS = (
    Parameter("beta", "1", 1.0, 6.0, meaning="exponent of the share that recharges"),
    Parameter("fc", "mm", 50.0, 1000.0, meaning="capacity of the soil"),
    Parameter("k0", "1/d", 0.05, 0.9, meaning="recession of quick flow"),
    Parameter("k1", "1/d", 0.01, 0.5, meaning="recession of interflow"),
    Parameter("k2", "1/d", 0.001, 0.2, meaning="recession of baseflow"),
    Parameter("lp", "1", 0.2, 1.0, meaning="share of fc from which evaporation is potential"),
    Parameter("perc", "mm/d", 0.0, 10.0, meaning="most that percolates to the lower zone"),
    Parameter("uzl", "mm", 0.0, 100.0, meaning="content of the upper zone that starts quick flow"),
    Parameter("tt", "degC", -2.5, 2.5, meaning="threshold between snow and rain, and of melt"),
    Parameter("cfmax", "mm/degC/d", 0.5, 10.0, meaning="degree-day factor"),
    Parameter("cfr", "1", 0.0, 0.1, meaning="refreezing coefficient"),
    Parameter("cwh", "1", 0.0, 0.2, meaning="water that snow holds"),
    Parameter("betaet", "1", 0.3, 5.0, meaning="exponent of evaporation below lp * fc"),
    Parameter("c", "1/d", 0.0, 1.0, meaning="capillary rise into a dry soil"),
)
ROUTING_PARAMETERS = (
    Parameter("route_a", "1", 0.0, 2.9, meaning="shape of the unit hydrograph, less 0.1"),
    Parameter("route_b", "d", 0.0, 6.5, meaning="scale of the unit hydrograph, less 0.5"),
)
PHYSICAL_NAMES = tuple(parameter.name for parameter in PHYSICAL_PARAMETERS)
ROUTING_NAMES = tuple(parameter.name for parameter in ROUTING_PARAMETERS)
ALL_NAMES = PHYSICAL_NAMES + ROUTING_NAMES


@dataclass(frozen=True)
class HBVSpec:
    """A variant of HBV: bounds, dynamic and fixed parameters, members, routing.

    Use `dataclasses.replace` to change one of `HBV_1_0` and `HBV_1_1P`.

    Parameters
    ----------
    dynamic : tuple of str, default=()
        Names of the parameters that have a value for each day.
    fixed : mapping of str to float, default=()
        Parameters with one value everywhere, which is not learned. It may lie outside the
        bounds. ``{"c": 0.0}`` leaves out capillary rise, ``{"betaet": 1.0}`` makes
        evapotranspiration decline linearly.
    n_members : int, default=16
        Parallel models at a site, whose flows are averaged.
    routing : bool, default=True
        Whether a unit hydrograph spreads the flow over 15 days.
    bounds : mapping of str to Parameter, default=()
        Parameters with other bounds or another transform than the published.

    Attributes
    ----------
    parameters : dict of str -> Parameter
        All parameters that are not fixed, by name.
    static : tuple of str
        Physical parameters with one value per site and member.
    n_static, n_dynamic : int
        How many raw numbers a site needs once, and each day: the sizes of a network's outputs.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, a parameter is both dynamic and fixed, or a value is not legal.

    See Also
    --------
    simulate_hbv : The model.

    Examples
    --------
    >>> from dataclasses import replace
    >>> HBV_1_1P.dynamic
    ('beta', 'k0', 'betaet')
    >>> small = replace(HBV_1_1P, n_members=1, dynamic=())
    >>> small.n_static, small.n_dynamic
    (16, 0)
    >>> small.parameters["uzl"].unit
    'mm'
    """

    dynamic: tuple[str, ...] = ()
    fixed: Mapping[str, float] = ()
    n_members: int = 16
    routing: bool = True
    bounds: Mapping[str, Parameter] = ()

    def __post_init__(self):
        check_number("n_members", self.n_members, low=1, integer=True)
        # Kept as tuples, sorted by the order of the model, so that equal specs are equal.
        for field, legal in (("fixed", ALL_NAMES), ("bounds", ALL_NAMES)):
            given = dict(getattr(self, field))
            _check_names(field, given, legal)
            pairs = tuple((name, given[name]) for name in legal if name in given)
            object.__setattr__(self, field, pairs)
        if isinstance(self.dynamic, str):
            raise TypeError(
                f"`dynamic` must be a sequence of names. Got {self.dynamic!r}; "
                f"use ({self.dynamic!r},)."
            )
        _check_names("dynamic", self.dynamic, PHYSICAL_NAMES)
        dynamic = tuple(name for name in PHYSICAL_NAMES if name in set(self.dynamic))
        object.__setattr__(self, "dynamic", dynamic)
        for name, value in self.fixed:
            check_number(f"fixed[{name!r}]", value)
        if both := sorted(set(dynamic) & set(dict(self.fixed))):
            raise ValueError(f"{both} cannot be in `dynamic` and in `fixed`; take them out of one.")
        for name, parameter in self.bounds:
            if not isinstance(parameter, Parameter) or parameter.name != name:
                raise TypeError(
                    f"`bounds[{name!r}]` must be a Parameter of that name. Got {parameter!r}."
                )

    @property
    def parameters(self):
        """All parameters that are not fixed, by name."""
        fixed, bounds = dict(self.fixed), dict(self.bounds)
        used = PHYSICAL_PARAMETERS + (ROUTING_PARAMETERS if self.routing else ())
        return {p.name: bounds.get(p.name, p) for p in used if p.name not in fixed}

    @property
    def static(self):
        """Physical parameters with one value per site and member."""
        skip = {*self.dynamic, *ROUTING_NAMES}
        return tuple(name for name in self.parameters if name not in skip)

    @property
    def n_static(self):
        """How many raw numbers a site needs once."""
        routing = sum(name in self.parameters for name in ROUTING_NAMES)
        return len(self.static) * self.n_members + routing

    @property
    def n_dynamic(self):
        """How many raw numbers a site needs each day."""
        return len(self.dynamic) * self.n_members

    def from_raw(self, static, dynamic=None):
        """Turn the outputs of a network, or the numbers of an optimiser, into parameters.

        Parameters
        ----------
        static : Tensor of shape (n_sites, n_static)
            Raw numbers: the members of each of `static` in turn, then the routing.
        dynamic : Tensor of shape (n_times, n_sites, n_dynamic), default=None
            Raw numbers of each day: the members of each of `dynamic` in turn.

        Returns
        -------
        dict of str -> Tensor
            Parameters in their units, for `simulate_hbv`: (n_sites, n_members) and
            (n_times, n_sites, n_members); routing (n_sites,).

        Raises
        ------
        ValueError
            If a tensor has another number of columns.

        Examples
        --------
        >>> import torch
        >>> values = HBV_1_1P.from_raw(torch.zeros(3, HBV_1_1P.n_static),
        ...                            torch.zeros(10, 3, HBV_1_1P.n_dynamic))
        >>> values["fc"].shape, values["beta"].shape, values["route_a"].shape
        (torch.Size([3, 16]), torch.Size([10, 3, 16]), torch.Size([3]))
        >>> float(values["fc"][0, 0])  # the middle of the bounds
        525.0
        """
        n_given = 0 if dynamic is None else dynamic.shape[-1]
        for name, n, wanted in (
            ("static", static.shape[-1], self.n_static),
            ("dynamic", n_given, self.n_dynamic),
        ):
            if n != wanted:
                raise ValueError(
                    f"`{name}` must have {wanted} columns: {self.n_members} members of "
                    f"{list(getattr(self, name))}{' and the routing' * (name == 'static')}. "
                    f"Got {n}."
                )
        sizes = [self.n_members] * len(self.static)
        routing = [name for name in ROUTING_NAMES if name in self.parameters]
        parts = torch.split(static, [*sizes, *[1] * len(routing)], dim=-1)
        raw = dict(zip([*self.static, *routing], parts, strict=True))
        if self.dynamic:
            parts = torch.split(dynamic, self.n_members, dim=-1)
            raw |= dict(zip(self.dynamic, parts, strict=True))
        values = {name: self.parameters[name].from_raw(part) for name, part in raw.items()}
        return values | {name: values[name].squeeze(-1) for name in routing}

    def drop_dynamic(self, parameters, rate, *, generator=None):
        """Make dynamic parameters static at some sites, drawn at random, for training.

        A network learns so not to put into daily parameters what a static one explains.

        Parameters
        ----------
        parameters : dict of str -> Tensor
            From `from_raw`.
        rate : float
            Probability, for each dynamic parameter and site, that all its days take the
            value of the last day.
        generator : torch.Generator, default=None
            Where the draws come from; None takes torch's own.

        Returns
        -------
        dict of str -> Tensor
            Parameters of the same shapes.

        Raises
        ------
        TypeError, ValueError
            If the rate is not a number from 0 to 1.

        Examples
        --------
        >>> import torch
        >>> from dataclasses import replace
        >>> spec = replace(HBV_1_1P, n_members=1, dynamic=("beta",))
        >>> daily = {"beta": torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)}
        >>> spec.drop_dynamic(daily, rate=1.0)["beta"].flatten()
        tensor([3., 3., 3.])
        """
        check_number("rate", rate, low=0, high=1)
        if not rate:
            return parameters
        result = dict(parameters)
        for name in self.dynamic:
            daily = result[name]
            draw = torch.rand(
                daily.shape[1], 1, generator=generator, dtype=daily.dtype, device=daily.device
            )
            result[name] = torch.where(draw < rate, daily[-1:], daily)
        return result


def _check_names(field, names, legal):
    """Raise for a name that the model does not have."""
    unknown = [name for name in names if name not in legal]
    if unknown:
        raise ValueError(
            f"`{field}` names {unknown}, which HBV does not have. Its parameters are {list(legal)}."
        )


HBV_1_1P = HBVSpec(dynamic=("beta", "k0", "betaet"))
HBV_1_0 = HBVSpec(dynamic=("beta",), fixed={"c": 0.0, "betaet": 1.0})
