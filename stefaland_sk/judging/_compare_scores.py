"""Which conformity score serves a model best, told by the sites of each fold in turn."""

import numpy as np
import pandas as pd

from stefaland_sk.judging._calibration import n_units_needed
from stefaland_sk.judging._conformity import SCORES
from stefaland_sk.judging._coverage import interval_score

N_PARTS = 5  # into which sites are dealt where there is one fold only
_LEAST_SPREAD = 0.1  # of a site, relative to the median site: or one dry site would decide


def compare_scores(conformal, values, quantiles, data, levels):
    """Judge each score at the sites of one fold when calibrated with the others.

    Parameters
    ----------
    conformal : ConformalBySite
        Calibrates and gives bounds.
    values, quantiles : ndarray
        Predictions of sites left out.
    data : LeftOut
        What is known of these sites.
    levels : tuple of float
        Confidence levels; scores are means over them.

    Returns
    -------
    DataFrame indexed by score
        ``interval_score``, ``coverage`` and ``width``, means over sites; score and width over
        the standard deviation of the site.
    """
    parts = np.unique(data.part[data.part >= 0])
    _check_parts(conformal, data, parts, levels)
    names = [name for name in SCORES if name != "cqr" or quantiles is not None]
    if not data.samples.has_series:
        names.remove("site")  # one value has no spread
    rows = {}
    for name in names:
        found = []
        for part in parts:
            inside = (data.part == part)[:, None]
            others = data._replace(counted=data.counted & ~inside)
            calibrations = conformal._calibrate(name, values, quantiles, others)
            bounds = conformal._bounds(values, quantiles, data.samples, levels, calibrations)
            found.append(_judge(*bounds, data, data.counted & inside, levels))
        rows[name] = pd.concat(found).mean()
    return pd.DataFrame(rows).T.rename_axis("conformity")


def _check_parts(conformal, data, parts, levels):
    """Raise if a level cannot be calibrated without the sites of one fold."""
    needed = max(n_units_needed(level, conformal.symmetric) for level in levels)
    for part in parts:
        others = data.samples.site_count(data.counted & (data.part != part)[:, None]) > 0
        n_units = len(np.unique(data.units[others]))
        if n_units < needed:
            raise ValueError(
                f"`conformity`='auto' compares scores at the {conformal.unit}s of one fold after "
                f"calibrating with the others, of which there are {n_units} where {needed} "
                "are needed. Name a score, such as conformity='magnitude'."
            )


def _judge(lower, upper, data, counted, levels):
    """Give coverage, width and interval score per site, means over levels."""
    samples = data.samples
    observed = np.where(counted, data.observed, np.nan)
    mean = samples.site_mean(observed)[samples.codes, None]
    spread = np.sqrt(samples.site_mean((observed - mean) ** 2))
    if samples.has_series:
        usual = np.nanmedian(spread)
        spread = np.maximum(spread, _LEAST_SPREAD * usual) if usual > 0 else 1.0
    else:
        spread = np.nanstd(observed) or 1.0
    tables = []
    for i, level in enumerate(levels):
        low, high = lower[..., i], upper[..., i]
        inside = np.where(counted, (observed >= low) & (observed <= high), np.nan)
        columns = {
            "interval_score": samples.site_mean(interval_score(observed, low, high, level)),
            "coverage": samples.site_mean(inside),
            "width": samples.site_mean(np.where(counted, high - low, np.nan)),
        }
        table = pd.DataFrame(columns)
        table[["interval_score", "width"]] = table[["interval_score", "width"]].div(spread, axis=0)
        tables.append(table)
    return sum(tables).dropna() / len(tables)
