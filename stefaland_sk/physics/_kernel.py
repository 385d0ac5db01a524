"""HBV compiled for CPUs: all days of a block of sites at once, forward and backward.

A lane is one member at one site. A block of lanes runs the whole record; its rows lie side by side
in one scratch array, so that the loops over lanes become vector instructions: no branches,
constant distances between the rows, unsigned positions. The backward pass keeps the stores of
every 32nd day only and computes the days between again.

All compiled code is in this file: numba's cache does not notice a change in another one.
"""

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload

from ._soil import SOIL_FLOOR

MAX_LANES = 256
SEGMENT = 32  # days between two kept states

_W = np.uint64(MAX_LANES)
_SEGMENT = np.uint64(SEGMENT)
_0 = np.uint64(0)
_1 = np.uint64(1)


def _rows(first, n):
    """Give the offsets of some rows of the scratch array."""
    return tuple(np.uint64((first + k) * MAX_LANES) for k in range(n))


# Rows of the scratch array. Parameters are in the order of PHYSICAL_NAMES.
_SNOW, _WATER, _SOIL, _UPPER, _LOWER = _rows(0, 5)
_PRCP, _TMEAN, _PET, _WEIGHT = _rows(5, 4)
_BETA, _FC, _K0, _K1, _K2, _LP, _PERC, _UZL, _TT, _CFMAX, _CFR, _CWH, _BETAET, _C = _rows(9, 14)
_VALUES = np.uint64(9)
# The fluxes, in the order of FLUXES; the last three are the flows.
_RAIN, _SNOWFALL, _MELT, _REFREEZE, _INPUT, _RECHARGE, _EXCESS, _ET, _RISE, _PERCOLATION = _rows(
    23, 10
)
_QUICK, _INTER, _BASE = _rows(33, 3)
_FLUXES, _FLOWS = np.uint64(23), np.uint64(33)
N_FORWARD_ROWS = 36
# Gradients: of the stores, of the parameters, of the flows of the day, of forcing and weights.
_G_SNOW, _G_WATER, _G_SOIL, _G_UPPER, _G_LOWER = _rows(36, 5)
(_G_BETA, _G_FC, _G_K0, _G_K1, _G_K2, _G_LP, _G_PERC) = _rows(41, 7)
(_G_UZL, _G_TT, _G_CFMAX, _G_CFR, _G_CWH, _G_BETAET, _G_C) = _rows(48, 7)
_G_STORES, _G_VALUES = np.uint64(36), np.uint64(41)
_G_QUICK, _G_INTER, _G_BASE = _rows(55, 3)
_G_PRCP, _G_TMEAN, _G_PET, _G_WEIGHT = _rows(58, 4)
_G_FLOWS, _G_FORCING = np.uint64(55), np.uint64(58)
N_BACKWARD_ROWS = 62


def _log2(x):
    """Logarithm of a positive number."""


def _exp2(x):
    """Power of two of a number that is not positive."""


@overload(_log2, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _log2_of_type(x):
    if x == types.float32:

        def single(x):
            # x = m * 2 ** e with m around 1, and an odd polynomial in (m - 1) / (m + 1).
            bits = np.float32(x).view(np.int32)
            e = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
            m = np.int32(bits - np.int32(e << np.int32(23))).view(np.float32)
            t = (m - np.float32(1)) / (m + np.float32(1))
            s = t * t
            p = np.float32(0.5767146275) + s * np.float32(0.4317311287)
            p = np.float32(2.88539008) + s * (np.float32(0.9617988441) + s * p)
            return np.float32(e) + t * p

        return single
    return lambda x: np.log2(x)


@overload(_exp2, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _exp2_of_type(x):
    if x == types.float32:

        def single(x):
            # x = n + f with f around 0, and a polynomial in f that is exactly 1 at 0.
            x = x if x > np.float32(-126) else np.float32(-126)
            n = np.int32(x - np.float32(0.5))
            f = x - np.float32(n)
            p = np.float32(0.0013398876) + f * np.float32(0.0001535335850)
            p = np.float32(0.05550332467) + f * (np.float32(0.009618437381) + f * p)
            p = np.float32(0.6931472029) + f * (np.float32(0.2402264791) + f * p)
            scale = np.int32(np.int32(n + np.int32(127)) << np.int32(23)).view(np.float32)
            return scale + scale * (f * p)

        return single
    return lambda x: np.exp2(x)


@njit(inline="always")
def _read(s, i):
    """Give the stores, the forcing and the parameters of lane `i`."""
    return (
        (s[_SNOW + i], s[_WATER + i], s[_SOIL + i], s[_UPPER + i], s[_LOWER + i]),
        (s[_PRCP + i], s[_TMEAN + i], s[_PET + i]),
        (s[_TT + i], s[_CFMAX + i], s[_CFR + i], s[_CWH + i]),
        (s[_FC + i], s[_BETA + i], s[_LP + i], s[_BETAET + i], s[_C + i]),
        (s[_PERC + i], s[_UZL + i], s[_K0 + i], s[_K1 + i], s[_K2 + i]),
    )


@njit(inline="always")
def _day(stores, forcing, snow_values, soil_values, zone_values, zero, one, floor):
    """Compute a day of a lane; the routines in plain torch explain the equations.

    It takes numbers and not the scratch array: an array that is passed on is counted as in use
    until the end, and no loop with such a count becomes vector instructions.
    """
    snow, water, soil0, upper, lower0 = stores
    prcp, tmean, pet = forcing
    tt, cfmax, cfr, cwh = snow_values
    fc, beta, lp, betaet, c = soil_values
    perc, uzl, k0, k1, k2 = zone_values

    above = tmean - tt
    rain = zero if above < zero else prcp
    snowfall = prcp - rain
    warm = above if above > zero else zero
    cold = -above if above < zero else zero
    snow0 = snow + snowfall
    wanted_melt = cfmax * warm
    melt = wanted_melt if wanted_melt <= snow0 else snow0
    water0 = water + melt
    snow1 = snow0 - melt
    wanted_ice = cfr * cfmax * cold
    ice = wanted_ice if wanted_ice <= water0 else water0
    snow2, water1 = snow1 + ice, water0 - ice
    held = cwh * snow2
    released = water1 - held if water1 >= held else zero
    water2 = held if water1 >= held else water1
    inflow = rain + released

    log_wet = _log2(soil0 / fc)
    power_wet = beta * log_wet
    wet = _exp2(power_wet if power_wet < zero else zero)
    recharge = inflow * wet
    soil1 = soil0 + (inflow - recharge)
    excess = soil1 - fc if soil1 >= fc else zero
    soil2 = fc if soil1 >= fc else soil1

    log_ef = _log2(soil2 / (lp * fc))
    power_ef = betaet * log_ef
    ef = _exp2(power_ef if power_ef < zero else zero)
    wanted_et = pet * ef
    free = soil2 - floor
    et = wanted_et if wanted_et <= free else free
    soil3 = soil2 - et
    soil3 = soil3 if soil3 >= floor else floor

    filled = soil3 / fc
    dryness = one - (filled if filled <= one else one)
    wanted_rise = c * lower0 * dryness
    rise = wanted_rise if wanted_rise <= lower0 else lower0
    soil4, lower1 = soil3 + rise, lower0 - rise

    upper0 = upper + (recharge + excess)
    percolation = perc if perc <= upper0 else upper0
    upper1 = upper0 - percolation
    over = upper1 - uzl
    quick = k0 * (over if over >= zero else zero)
    upper2 = upper1 - quick
    inter = k1 * upper2
    lower2 = lower1 + percolation
    base = k2 * lower2

    after = (snow2, water2, soil4, upper2 - inter, lower2 - base)
    fluxes = (rain, snowfall, melt, ice, inflow, recharge, excess, et, rise, percolation)
    flows = (quick, inter, base)
    inner = (
        (above, warm, cold, snow0, wanted_melt, water0, wanted_ice, snow2, water1, held),
        (log_wet, power_wet, wet, soil1, soil2, log_ef, power_ef, ef, wanted_et, free),
        (filled, dryness, wanted_rise, upper0, over, upper2, lower2),
    )
    return after, fluxes, flows, inner


@njit(error_model="numpy", fastmath={"contract"})
def _step(s, n):
    """Take all lanes through a day, keeping the flows."""
    zero, one, floor = s.dtype.type(0), s.dtype.type(1), s.dtype.type(SOIL_FLOOR)
    for i in range(n):
        before, forcing, snow, soil, zones = _read(s, i)
        stores, _, flows, _ = _day(before, forcing, snow, soil, zones, zero, one, floor)
        s[_SNOW + i], s[_WATER + i], s[_SOIL + i], s[_UPPER + i], s[_LOWER + i] = stores
        s[_QUICK + i], s[_INTER + i], s[_BASE + i] = flows


@njit(error_model="numpy", fastmath={"contract"})
def _step_all(s, n):
    """Take all lanes through a day, keeping all fluxes."""
    zero, one, floor = s.dtype.type(0), s.dtype.type(1), s.dtype.type(SOIL_FLOOR)
    for i in range(n):
        before, forcing, snow, soil, zones = _read(s, i)
        stores, fluxes, flows, _ = _day(before, forcing, snow, soil, zones, zero, one, floor)
        s[_SNOW + i], s[_WATER + i], s[_SOIL + i], s[_UPPER + i], s[_LOWER + i] = stores
        s[_QUICK + i], s[_INTER + i], s[_BASE + i] = flows
        s[_RAIN + i], s[_SNOWFALL + i], s[_MELT + i], s[_REFREEZE + i] = fluxes[:4]
        s[_INPUT + i], s[_RECHARGE + i], s[_EXCESS + i] = fluxes[4:7]
        s[_ET + i], s[_RISE + i], s[_PERCOLATION + i] = fluxes[7:]


@njit(error_model="numpy", fastmath={"contract"})
def _step_back(s, n):
    """Take the gradients of all lanes back through a day, whose stores at the start are in `s`."""
    zero, one, floor = s.dtype.type(0), s.dtype.type(1), s.dtype.type(SOIL_FLOOR)
    ln2 = s.dtype.type(0.6931471805599453)
    for i in range(n):
        before, forcing, snow, soil, zones = _read(s, i)
        _, fluxes, flows, inner = _day(before, forcing, snow, soil, zones, zero, one, floor)
        recharge, et = fluxes[5], fluxes[7]
        above, warm, cold, snow0, wanted_melt, water0, wanted_ice, snow2, water1, held = inner[0]
        log_wet, power_wet, wet, soil1, soil2, log_ef, power_ef, ef, wanted_et, free = inner[1]
        filled, dryness, wanted_rise, upper0, over, upper2, lower2 = inner[2]
        _, _, soil0, _, lower0 = before
        _, cfmax, cfr, cwh = snow
        fc, beta, lp, betaet, c = soil
        perc, _, k0, k1, k2 = zones
        weight = s[_WEIGHT + i]
        out0, out1, out2 = s[_G_QUICK + i], s[_G_INTER + i], s[_G_BASE + i]
        s[_G_WEIGHT + i] += out0 * flows[0] + out1 * flows[1] + out2 * flows[2]

        # Groundwater, from its outlets upwards.
        g_upper, g_lower = s[_G_UPPER + i], s[_G_LOWER + i]
        g_base = out2 * weight - g_lower
        s[_G_K2 + i] += g_base * lower2
        g_lower = g_lower + g_base * k2
        g_inter = out1 * weight - g_upper
        s[_G_K1 + i] += g_inter * upper2
        g_upper = g_upper + g_inter * k1
        g_quick = out0 * weight - g_upper
        s[_G_K0 + i] += g_quick * (over if over >= zero else zero)
        g_over = g_quick * k0 if over >= zero else zero
        s[_G_UZL + i] -= g_over
        g_upper = g_upper + g_over
        g_percolation = g_lower - g_upper
        g_perc = g_percolation if perc <= upper0 else zero
        s[_G_PERC + i] += g_perc
        g_upper = g_upper + (g_percolation - g_perc)
        s[_G_UPPER + i] = g_upper

        # Capillary rise.
        g_soil = s[_G_SOIL + i]
        g_rise = g_soil - g_lower
        g_wanted = g_rise if wanted_rise <= lower0 else zero
        s[_G_C + i] += g_wanted * lower0 * dryness
        s[_G_LOWER + i] = g_lower + (g_rise - g_wanted) + g_wanted * c * dryness
        g_filled = -g_wanted * c * lower0 if filled <= one else zero
        g_fc = -g_filled * filled / fc
        g_soil = g_soil + g_filled / fc

        # Evapotranspiration.
        g_soil = g_soil if soil2 - et >= floor else zero
        g_wanted = -g_soil if wanted_et <= free else zero
        g_soil = g_soil + (-g_soil - g_wanted)
        s[_G_PET + i] += g_wanted * ef
        g_log = g_wanted * wanted_et if power_ef <= zero else zero
        s[_G_BETAET + i] += g_log * log_ef * ln2
        g_log = g_log * betaet
        s[_G_LP + i] -= g_log / lp
        g_fc = g_fc - g_log / fc
        g_soil = g_soil + g_log / soil2

        # Recharge and excess.
        g_full = g_upper - g_soil if soil1 >= fc else zero
        g_soil = g_soil + g_full
        g_fc = g_fc - g_full
        g_recharge = g_upper - g_soil
        g_inflow = g_soil + g_recharge * wet
        g_log = g_recharge * recharge if power_wet <= zero else zero
        s[_G_BETA + i] += g_log * log_wet * ln2
        g_log = g_log * beta
        s[_G_FC + i] += g_fc - g_log / fc
        s[_G_SOIL + i] = g_soil + g_log / soil0

        # Snow.
        g_snow, g_water = s[_G_SNOW + i], s[_G_WATER + i]
        g_held = g_water - g_inflow if water1 >= held else zero
        g_water = g_water - g_held
        s[_G_CWH + i] += g_held * snow2
        g_snow = g_snow + g_held * cwh
        g_ice = g_snow - g_water
        g_wanted = g_ice if wanted_ice <= water0 else zero
        s[_G_CFR + i] += g_wanted * cfmax * cold
        g_cfmax = g_wanted * cfr * cold
        g_above = -g_wanted * cfr * cfmax if above <= zero else zero
        g_water = g_water + (g_ice - g_wanted)
        g_melt = g_water - g_snow
        g_wanted = g_melt if wanted_melt <= snow0 else zero
        s[_G_CFMAX + i] += g_cfmax + g_wanted * warm
        g_above = g_above + (g_wanted * cfmax if above >= zero else zero)
        g_snow = g_snow + (g_melt - g_wanted)
        s[_G_SNOW + i], s[_G_WATER + i] = g_snow, g_water
        s[_G_TT + i] -= g_above
        s[_G_TMEAN + i] += g_above
        s[_G_PRCP + i] += g_snow if above < zero else g_inflow


@njit
def _copy(target, start, source, first, n):
    """Copy n numbers of one flat array to another."""
    for i in range(n):
        target[start + i] = source[first + i]


@njit
def _clear(s, row, n):
    """Set lanes of a row to zero."""
    for i in range(n):
        s[row + i] = 0


@njit
def _spread(s, row, values, first, n_sites, n_members):
    """Give all members of a site the site's value."""
    if n_members == _1:
        _copy(s, row, values, first, n_sites)
        return
    for site in range(n_sites):
        start, value = row + site * n_members, values[first + site]
        for i in range(n_members):
            s[start + i] = value


@njit(fastmath={"reassoc", "contract"})
def _average(s, row, target, first, n_sites, n_members):
    """Give the weighted sum over the members of each site."""
    if n_members == _1:
        for i in range(n_sites):
            target[first + i] = s[_WEIGHT + i] * s[row + i]
        return
    for site in range(n_sites):
        start, total = site * n_members, s.dtype.type(0)
        for i in range(n_members):
            total += s[_WEIGHT + start + i] * s[row + start + i]
        target[first + site] = total


@njit(fastmath={"reassoc"})
def _sum(s, row, target, first, n_sites, n_members):
    """Give the plain sum over the members of each site."""
    for site in range(n_sites):
        start, total = row + site * n_members, s.dtype.type(0)
        for i in range(n_members):
            total += s[start + i]
        target[first + site] = total


@njit
def _load_static(s, values, weights, dynamic, lane, n):
    """Put weights and static parameters into the scratch rows."""
    _copy(s, _WEIGHT, weights, lane, n)
    for k in range(_0, np.uint64(14)):
        if not dynamic[k]:
            _copy(s, (_VALUES + k) * _W, values[k], lane, n)


@njit
def _load_day(s, forcing, values, dynamic, sizes, t, first, n_sites):
    """Put forcing and dynamic parameters of a day into the scratch rows."""
    n_times, n_all, n_members = sizes
    for k in range(_0, np.uint64(3)):
        start = (k * n_times + t) * n_all + first
        _spread(s, (np.uint64(5) + k) * _W, forcing, start, n_sites, n_members)
    start = (t * n_all + first) * n_members
    for k in range(_0, np.uint64(14)):
        if dynamic[k]:
            _copy(s, (_VALUES + k) * _W, values[k], start, n_sites * n_members)


@njit
def _start(s, values, weights, stores, dynamic, sizes, lane, n):
    """Put weights, static parameters and the stores before the first day into the rows."""
    _load_static(s, values, weights, dynamic, lane, n)
    for k in range(_0, np.uint64(5)):
        _copy(s, k * _W, stores, k * sizes[1] * sizes[2] + lane, n)


@njit(nogil=True, cache=True)
def forward(forcing, values, weights, stores, kept, found, final, dynamic, sizes, blocks):
    """Run blocks of sites through all days. All arrays are flat.

    Parameters
    ----------
    forcing : ndarray of 3 * n_times * n_sites numbers
        Precipitation, temperature, potential evapotranspiration.
    values : tuple of 14 ndarrays of (1 or n_times) * n_lanes numbers
        Parameters.
    weights : ndarray of n_lanes numbers
        Shares of the members.
    stores, final : ndarray of 5 * n_lanes numbers
        Before the first day; written: after the last.
    kept : ndarray of (n_segments or 0) * 5 * n_lanes numbers
        Written: stores at the beginning of each segment, unless it is empty.
    found : ndarray of 3 * n_times * n_sites numbers
        Written: the flows.
    dynamic : ndarray of 14 bool
        Which parameters have a value for each day.
    sizes : tuple of three uint64
        Numbers of days, sites and members.
    blocks : tuple of three int
        First block, last block (exclusive), sites in a block.
    """
    n_times, n_all, n_members = sizes
    n_lanes = n_all * n_members
    s = np.zeros(N_FORWARD_ROWS * MAX_LANES, dtype=weights.dtype)
    for block in range(blocks[0], blocks[1]):
        first = np.uint64(block * blocks[2])
        n_sites = min(np.uint64(blocks[2]), n_all - first)
        n, lane = n_sites * n_members, first * n_members
        _start(s, values, weights, stores, dynamic, sizes, lane, n)
        for t in range(_0, n_times):
            if len(kept) and t % _SEGMENT == _0:
                for k in range(_0, np.uint64(5)):
                    start = (t // _SEGMENT * np.uint64(5) + k) * n_lanes + lane
                    _copy(kept, start, s, k * _W, n)
            _load_day(s, forcing, values, dynamic, sizes, t, first, n_sites)
            _step(s, n)
            for k in range(_0, np.uint64(3)):
                start = (k * n_times + t) * n_all + first
                _average(s, (_FLOWS + k) * _W, found, start, n_sites, n_members)
        for k in range(_0, np.uint64(5)):
            _copy(final, k * n_lanes + lane, s, k * _W, n)


@njit(nogil=True, cache=True)
def series(forcing, values, weights, stores, kept, found, final, dynamic, sizes, blocks):
    """Run blocks of sites through all days and give all fluxes and stores.

    The arguments are those of `forward`; ``found`` has room for the 13 fluxes and the 5 stores,
    and ``kept`` is not looked at.
    """
    n_times, n_all, n_members = sizes
    n_lanes = n_all * n_members
    s = np.zeros(N_FORWARD_ROWS * MAX_LANES, dtype=weights.dtype)
    for block in range(blocks[0], blocks[1]):
        first = np.uint64(block * blocks[2])
        n_sites = min(np.uint64(blocks[2]), n_all - first)
        n, lane = n_sites * n_members, first * n_members
        _start(s, values, weights, stores, dynamic, sizes, lane, n)
        for t in range(_0, n_times):
            _load_day(s, forcing, values, dynamic, sizes, t, first, n_sites)
            _step_all(s, n)
            for k in range(_0, np.uint64(18)):
                start = (k * n_times + t) * n_all + first
                # The fluxes, then the stores, which lie in the first rows.
                row = _FLUXES + k if k < np.uint64(13) else k - np.uint64(13)
                _average(s, row * _W, found, start, n_sites, n_members)
        for k in range(_0, np.uint64(5)):
            _copy(final, k * n_lanes + lane, s, k * _W, n)


@njit(nogil=True, cache=True)
def backward(
    forcing,
    values,
    weights,
    kept,
    g_found,
    g_stores,
    g_values,
    g_weights,
    g_forcing,
    dynamic,
    sizes,
    blocks,
):
    """Run blocks of sites back through all days. All arrays are flat.

    Parameters
    ----------
    forcing, values, weights, kept, dynamic, sizes, blocks
        As given to, and written by, `forward`.
    g_found : ndarray of 3 * n_times * n_sites numbers
        Gradients of the flows.
    g_stores : ndarray of 5 * n_lanes numbers
        Gradients of the stores after the last day; written: before the first.
    g_values : tuple of 14 ndarrays of (1 or n_times) * n_lanes numbers
        Written: gradients of the parameters.
    g_weights : ndarray of n_lanes numbers
        Written.
    g_forcing : ndarray of 3 * n_times * n_sites numbers, or empty
        Written, unless it is empty.
    """
    n_times, n_all, n_members = sizes
    n_lanes = n_all * n_members
    n_segments = (n_times + _SEGMENT - _1) // _SEGMENT
    s = np.zeros(N_BACKWARD_ROWS * MAX_LANES, dtype=weights.dtype)
    tape = np.empty(SEGMENT * 5 * MAX_LANES, dtype=weights.dtype)
    for block in range(blocks[0], blocks[1]):
        first = np.uint64(block * blocks[2])
        n_sites = min(np.uint64(blocks[2]), n_all - first)
        n, lane = n_sites * n_members, first * n_members
        _load_static(s, values, weights, dynamic, lane, n)
        _clear(s, _G_WEIGHT, n)
        for k in range(_0, np.uint64(14)):
            _clear(s, (_G_VALUES + k) * _W, n)
        for k in range(_0, np.uint64(5)):
            _copy(s, (_G_STORES + k) * _W, g_stores, k * n_lanes + lane, n)
        for passed in range(_0, n_segments):
            segment = n_segments - _1 - passed
            begin = segment * _SEGMENT
            length = min(_SEGMENT, n_times - begin)
            for k in range(_0, np.uint64(5)):
                _copy(s, k * _W, kept, (segment * np.uint64(5) + k) * n_lanes + lane, n)
            for day in range(_0, length):
                for k in range(_0, np.uint64(5)):
                    _copy(tape, (day * np.uint64(5) + k) * _W, s, k * _W, n)
                if day + _1 < length:
                    _load_day(s, forcing, values, dynamic, sizes, begin + day, first, n_sites)
                    _step(s, n)
            for back in range(_0, length):
                day = length - _1 - back
                t = begin + day
                _load_day(s, forcing, values, dynamic, sizes, t, first, n_sites)
                for k in range(_0, np.uint64(5)):
                    _copy(s, k * _W, tape, (day * np.uint64(5) + k) * _W, n)
                for k in range(_0, np.uint64(3)):
                    start = (k * n_times + t) * n_all + first
                    _spread(s, (_G_FLOWS + k) * _W, g_found, start, n_sites, n_members)
                    _clear(s, (_G_FORCING + k) * _W, n)
                _step_back(s, n)
                for k in range(_0, np.uint64(14)):
                    if dynamic[k]:  # the gradients of this day; the next one starts from zero
                        row = (_G_VALUES + k) * _W
                        _copy(g_values[k], t * n_lanes + lane, s, row, n)
                        _clear(s, row, n)
                if len(g_forcing):
                    for k in range(_0, np.uint64(3)):
                        start = (k * n_times + t) * n_all + first
                        row = (_G_FORCING + k) * _W
                        _sum(s, row, g_forcing, start, n_sites, n_members)
        for k in range(_0, np.uint64(14)):
            if not dynamic[k]:
                _copy(g_values[k], lane, s, (_G_VALUES + k) * _W, n)
        for k in range(_0, np.uint64(5)):
            _copy(g_stores, k * n_lanes + lane, s, (_G_STORES + k) * _W, n)
        _copy(g_weights, lane, s, _G_WEIGHT, n)
