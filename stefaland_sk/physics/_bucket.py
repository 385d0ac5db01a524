"""A soil-moisture bucket: a second, small physical model, for surface soil moisture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from stefaland_sk._core import check_number

from ._parameters import Parameter
from ._physics import PhysicsSpec
from ._snow import step_snow
from ._soil import SOIL_FLOOR, step_evapotranspiration, step_recharge

_PARAMETERS = (
    Parameter("depth", "mm", 20.0, 500.0, "log", "thickness of the soil layer"),
    Parameter("residual", "m3/m3", 0.0, 0.15, meaning="water content that never leaves"),
    Parameter("porosity", "m3/m3", 0.25, 0.7, meaning="water content at saturation"),
    Parameter("beta", "1", 1.0, 6.0, meaning="exponent of the share that passes through"),
    Parameter("kd", "1/d", 0.001, 0.9, "log", "drainage of a full layer"),
    Parameter("bd", "1", 0.0, 10.0, meaning="exponent of the decline of drainage"),
    Parameter("lp", "1", 0.2, 1.0, meaning="saturation from which evaporation is potential"),
    Parameter("betaet", "1", 0.3, 5.0, meaning="exponent of evaporation below it"),
    Parameter("tt", "degC", -2.5, 2.5, meaning="threshold between snow and rain, and of melt"),
    Parameter("cfmax", "mm/degC/d", 0.5, 10.0, meaning="degree-day factor"),
    Parameter("cfr", "1", 0.0, 0.1, meaning="refreezing coefficient"),
    Parameter("cwh", "1", 0.0, 0.2, meaning="water that snow holds"),
)
_NAMES = tuple(parameter.name for parameter in _PARAMETERS)


class SoilBucketState(NamedTuple):
    """Stores of the soil bucket, each of shape (n_sites, n_members) [mm].

    Attributes
    ----------
    snow, meltwater, soil : Tensor
        Frozen and liquid water of the snow pack, and water in the soil above the residual.

    Examples
    --------
    >>> SoilBucketState._fields
    ('snow', 'meltwater', 'soil')
    """

    snow: torch.Tensor
    meltwater: torch.Tensor
    soil: torch.Tensor


class SoilBucketResult(NamedTuple):
    """Result of the soil bucket.

    Attributes
    ----------
    soil_moisture : Tensor of shape (n_times, n_sites)
        Water content [m3/m3].
    state : SoilBucketState
        Stores after the last day.
    series : dict of str -> Tensor of shape (n_times, n_sites), or None
        ``snow``, ``meltwater`` and ``soil`` [mm], ``et`` and ``drainage`` [mm/d], if asked for.

    Examples
    --------
    >>> SoilBucketResult._fields
    ('soil_moisture', 'state', 'series')
    """

    soil_moisture: torch.Tensor
    state: SoilBucketState
    series: dict | None


@dataclass(frozen=True)
class SoilBucketSpec(PhysicsSpec):
    """One layer of soil under snow, which rain fills and evaporation and drainage empty.

    Snow, infiltration and evapotranspiration are the routines of HBV; what is in the layer
    drains by a power of its saturation. The target is its water content.

    Parameters
    ----------
    dynamic : tuple of str, default=()
        Names of the parameters that have a value for each day.
    n_members : int, default=4
        Parallel layers at a site, whose water contents are averaged.

    Attributes
    ----------
    parameters : dict of str -> Parameter
        All parameters by name.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or a value is not legal.

    See Also
    --------
    HBVSpec : The model for streamflow.

    Examples
    --------
    >>> import torch
    >>> spec = SoilBucketSpec(n_members=1)
    >>> parameters = spec.from_raw(torch.zeros(1, spec.n_static))
    >>> prcp = torch.tensor([[30.0], [0.0], [0.0]])
    >>> result = spec.simulate(
    ...     (prcp, torch.full((3, 1), 12.0), torch.full((3, 1), 3.0)), parameters
    ... )
    >>> bool((result.soil_moisture.diff(dim=0) < 0).all())  # it dries after the rain
    True
    """

    forcings: ClassVar[tuple[str, ...]] = ("prcp", "tmean", "pet")
    target: ClassVar[tuple[str, str]] = ("soil_moisture", "m3/m3")
    series: ClassVar[Mapping[str, str]] = {
        **{"snow": "mm", "meltwater": "mm", "soil": "mm", "et": "mm/d", "drainage": "mm/d"},
    }

    dynamic: tuple[str, ...] = ()
    n_members: int = 4

    def __post_init__(self):
        check_number("n_members", self.n_members, low=1, integer=True)
        unknown = [name for name in self.dynamic if name not in _NAMES]
        if unknown:
            raise ValueError(
                f"`dynamic` names {unknown}, which the soil bucket does not have. "
                f"Its parameters are {list(_NAMES)}."
            )
        object.__setattr__(self, "dynamic", tuple(n for n in _NAMES if n in self.dynamic))

    @property
    def parameters(self):
        """All parameters by name."""
        return {parameter.name: parameter for parameter in _PARAMETERS}

    def simulate(self, forcing, parameters, *, initial=None, warmup=0, series=False):
        """Run the model.

        Parameters
        ----------
        forcing : sequence of three Tensors of shape (n_times, n_sites)
            Precipitation [mm/d], mean temperature [degC], potential evapotranspiration [mm/d].
        parameters : dict of str -> Tensor
            From `from_raw`.
        initial : SoilBucketState, default=None
            Stores before the first day; None starts without snow from a half-full soil.
        warmup : int, default=0
            Days that fill the stores only, without gradient.
        series : bool, default=False
            Whether to give all stores and fluxes.

        Returns
        -------
        SoilBucketResult
            ``soil_moisture``, ``state`` and ``series``.
        """
        check_number("warmup", warmup, low=0, high=len(forcing[0]) - 1, integer=True)
        static = {name: parameters[name] for name in _NAMES if name not in self.dynamic}
        daily = {name: parameters[name].unbind() for name in self.dynamic}
        first = static | {name: parts[0] for name, parts in daily.items()}
        stores = initial or _half_full(first)
        found = []
        days = zip(*(part.unsqueeze(-1).unbind() for part in forcing), strict=True)
        for t, weather in enumerate(days):
            today = static | {name: parts[t] for name, parts in daily.items()}
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= warmup):
                stores, fluxes = _step(*weather, stores, today)
            if t >= warmup:
                names = fluxes if series else ("soil_moisture",)
                found.append(torch.stack([fluxes[name].mean(-1) for name in names]))
        table = dict(zip(names, torch.stack(found, dim=1), strict=True))
        moisture = table.pop("soil_moisture")
        return SoilBucketResult(moisture, stores, table if series else None)


def _half_full(values):
    """Make the stores to start from."""
    capacity = values["depth"] * (values["porosity"] - values["residual"])
    none = torch.zeros_like(capacity)
    return SoilBucketState(none, none, (capacity / 2).detach())


def _step(prcp, tmean, pet, stores, values):
    """Take the stores through one day."""
    capacity = values["depth"] * (values["porosity"] - values["residual"])
    snow_values = {name: values[name] for name in ("tt", "cfmax", "cfr", "cwh")}
    fluxes, snow, meltwater = step_snow(prcp, tmean, stores.snow, stores.meltwater, **snow_values)
    soil = stores.soil.clamp(min=SOIL_FLOOR)
    passing, excess, soil = step_recharge(
        fluxes["soil_input"], soil, fc=capacity, beta=values["beta"]
    )
    et, soil = step_evapotranspiration(
        pet, soil, fc=capacity, lp=values["lp"], betaet=values["betaet"]
    )
    saturation = torch.clamp(soil / capacity, max=1.0)
    seeping = values["kd"] * soil * torch.exp(values["bd"] * saturation.log())
    soil = soil - seeping
    result = {
        "soil_moisture": values["residual"] + soil / values["depth"],
        "snow": snow,
        "meltwater": meltwater,
        "soil": soil,
        "et": et,
        "drainage": passing + excess + seeping,
    }
    return SoilBucketState(snow, meltwater, soil), result
