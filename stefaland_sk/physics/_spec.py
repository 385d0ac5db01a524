"""Which HBV: its parameters with their bounds, which vary from day to day, which are fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from stefaland_sk._core import check_number

from ._parameters import Parameter
from ._physics import PhysicsSpec
from ._state import FLUXES, STORES

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
class HBVSpec(PhysicsSpec):
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
    static, n_static, n_dynamic
        As in `PhysicsSpec`.

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

    forcings: ClassVar[tuple[str, ...]] = ("prcp", "tmean", "pet")
    target: ClassVar[tuple[str, str]] = ("runoff", "mm/d")
    series: ClassVar[Mapping[str, str]] = {**FLUXES, **STORES, "runoff_generated": "mm/d"}
    of_site: ClassVar[tuple[str, ...]] = ROUTING_NAMES

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

    def simulate(self, forcing, parameters, *, initial=None, warmup=0, series=False):
        """Run the model; see `simulate_hbv`.

        Parameters
        ----------
        forcing : sequence of three Tensors of shape (n_times, n_sites)
            In the order of `forcings`.
        parameters : dict of str -> Tensor
            From `from_raw`.
        initial : HBVState, default=None
            State before the first day.
        warmup : int, default=0
            Days that fill the stores only.
        series : bool, default=False
            Whether to give all stores and fluxes.

        Returns
        -------
        HBVResult
            ``runoff``, ``state`` and ``series``.
        """
        from ._hbv import simulate_hbv  # it reads this file

        return simulate_hbv(
            *forcing, parameters, spec=self, initial=initial, warmup=warmup, series=series
        )


def _check_names(field, names, legal):
    """Raise for a name that the model does not have."""
    unknown = [name for name in names if name not in legal]
    if unknown:
        raise ValueError(
            f"`{field}` names {unknown}, which HBV does not have. Its parameters are {list(legal)}."
        )


HBV_1_1P = HBVSpec(dynamic=("beta", "k0", "betaet"))
HBV_1_0 = HBVSpec(dynamic=("beta",), fixed={"c": 0.0, "betaet": 1.0})
