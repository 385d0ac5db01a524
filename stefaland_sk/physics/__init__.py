"""Process models as pure functions of tensors, differentiable throughout.

Axes are (time, site[, member]), since physics steps in time; networks and dates
are unknown here. Stores are in mm, fluxes in mm/d, temperatures in degC.
"""

from types import MappingProxyType

from ._bucket import SoilBucketResult, SoilBucketSpec, SoilBucketState
from ._groundwater import step_groundwater
from ._hbv import simulate_hbv
from ._limits import limit_to_store, power_to_one
from ._parameters import Parameter
from ._physics import PhysicsSpec
from ._routing import route_flow, unit_hydrograph
from ._snow import step_snow
from ._soil import step_capillary_rise, step_evapotranspiration, step_recharge
from ._spec import HBV_1_0, HBV_1_1P, HBVSpec
from ._state import FLUXES, STORES, HBVResult, HBVState

#: The models by name, for estimators; read-only.
PHYSICS = MappingProxyType(
    {"hbv_1.1p": HBV_1_1P, "hbv_1.0": HBV_1_0, "soil_bucket": SoilBucketSpec()}
)

__all__ = [
    "FLUXES",
    "HBV_1_0",
    "HBV_1_1P",
    "PHYSICS",
    "STORES",
    "HBVResult",
    "HBVSpec",
    "HBVState",
    "Parameter",
    "PhysicsSpec",
    "SoilBucketResult",
    "SoilBucketSpec",
    "SoilBucketState",
    "limit_to_store",
    "power_to_one",
    "route_flow",
    "simulate_hbv",
    "step_capillary_rise",
    "step_evapotranspiration",
    "step_groundwater",
    "step_recharge",
    "step_snow",
    "unit_hydrograph",
]
