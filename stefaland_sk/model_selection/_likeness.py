"""How alike two sites are: in name, place, attributes, forcing and target."""

import re

import numpy as np
import pandas as pd

from stefaland_sk.data import find_places
from stefaland_sk.data._globe import Globe
from stefaland_sk.model_selection._spaces import (
    AttributeSpace,
    find_attributes,
    nearest_points,
    one_row_per_site,
    without_coordinates,
)

SAME_KM = 1.0  # nearer gauges are one; the nearest two of CAMELS-US lie 1.6 km apart
SAME_ATTRIBUTES = 0.02  # sd per attribute; the most alike basins of CAMELS-US differ by 0.05
SAME_FORCING = 0.9995  # correlation of the least alike variable; neighbours reach 0.999
SAME_TARGET = 0.995  # correlation; different basins reach 0.99
NESTED_TARGET = 0.95  # correlation, where also the places allow for one river
_FAR_KM = 10.0  # gauges of one number that lie farther apart only share the number
_LEAST_DIGITS = 5
_LEAST_ATTRIBUTES = 5
_LEAST_COMMON = 60  # observed steps of both, for a correlation that says something
_AREAS = ("area", "area_gages2", "area_km2", "area_geospa_fabric", "basin_area")
_N_SKETCH = 64
_PAIRS_AT_ONCE = 256


class Likeness:
    """What is needed to compare the sites of X pair by pair, without a table of all pairs.

    Parameters
    ----------
    X : Panel, DataFrame or array
        The sites; a panel in which each site stands once, where they have series.
    data : SplitSamples
        Their identifiers, forcing and target.
    """

    def __init__(self, X, data):
        samples, panel, target = data.samples, data.panel, data.target
        self.ids = samples.ids
        self.places = one_row_per_site(find_places(X), samples)
        self.located = self.places.notna().all(axis=1).to_numpy()
        self.globe = Globe()
        self.on_globe = self.globe.points(self.places.fillna(0.0))
        table = find_attributes(X, samples)
        self.space = AttributeSpace(without_coordinates(table))
        self.by_attributes = self.space.points(table)
        self.described = self.space.known(table)
        self.area = _find_area(samples.table, table)
        self.keys = pd.factorize(
            pd.Index([name_key(site) for site in self.ids.tolist()], dtype=object)
        )[0]
        self.forcing = self.series = self.target = None
        if panel is not None and panel.n_forcings and panel.n_times >= _LEAST_COMMON:
            self.forcing = _sketch_forcing(panel)
        if target is not None and target.shape[1] >= _LEAST_COMMON:
            self.target = _standardise(target)
            self.series = _project(np.nan_to_num(self.target, nan=0.0))

    def candidates(self, test, train):
        """Give pairs (test, train) of sites that may be alike, by whatever is known of them.

        Parameters
        ----------
        test, train : ndarray of int
            Positions of sites.

        Returns
        -------
        ndarray of int of shape (n_pairs, 2)
            Each pair once, none of a site with itself.
        """
        if not len(test) or not len(train):
            return np.empty((0, 2), dtype=np.intp)
        pairs = [self._same_name(test, train)]
        here, there = test[self.located[test]], train[self.located[train]]
        if len(here) and len(there):
            near = nearest_points(self.on_globe[here], self.on_globe[there], k=3)[1]
            pairs.append(_pairs(here, there[near]))
        every = np.ones(len(self.ids), dtype=bool)
        for points, known, k in (
            (self.by_attributes, self.described, 1),
            (self.forcing, every, 2),
            (self.series, every, 3),
        ):
            here, there = test[known[test]], train[known[train]]
            if points is None or not len(here) or not len(there):
                continue
            flat = points.reshape(len(points), -1)
            near = nearest_points(flat[here], flat[there], k)[1]
            pairs.append(_pairs(here, there[near]))
        found = np.unique(np.concatenate(pairs), axis=0)
        return found[found[:, 0] != found[:, 1]]

    def compare(self, pairs):
        """Measure how alike the two sites of each pair are.

        Parameters
        ----------
        pairs : ndarray of int of shape (n_pairs, 2)
            Positions of sites.

        Returns
        -------
        DataFrame of shape (n_pairs, 5)
            ``kind``, the reasons to take the two for one site or one river, empty where there is
            none; ``km``, ``attribute_distance`` [sd], ``forcing_r``, ``target_r``, NaN where
            unknown.
        """
        one, other = pairs.T
        table = pd.DataFrame({"kind": ""}, index=range(len(pairs)))
        chord = np.linalg.norm(self.on_globe[one] - self.on_globe[other], axis=1)
        known = self.located[one] & self.located[other]
        table["km"] = np.where(known, self.globe.distance(chord), np.nan)
        apart = np.linalg.norm(self.by_attributes[one] - self.by_attributes[other], axis=1)
        # With one attribute or a few, equal values are no wonder.
        telling = len(self.space.names) >= _LEAST_ATTRIBUTES
        known = self.described[one] & self.described[other] & telling
        table["attribute_distance"] = np.where(known, apart, np.nan)
        table["forcing_r"] = self._forcing_r(one, other)
        table["target_r"] = self._target_r(pairs)
        same_name = (self.keys[one] == self.keys[other]) & ~(table["km"] > _FAR_KM)
        larger = np.fmax(self.area[one], self.area[other])
        reach = 2 * np.sqrt(larger / np.pi)  # km; a round basin whose gauge stands at its rim
        reasons = {
            "name": same_name,
            "place": table["km"] < SAME_KM,
            "attributes": table["attribute_distance"] < SAME_ATTRIBUTES,
            "forcing": table["forcing_r"] > SAME_FORCING,
            "target": table["target_r"] > SAME_TARGET,
            "nested": (table["target_r"] > NESTED_TARGET)
            & (table["target_r"] <= SAME_TARGET)
            & (table["km"] < reach),
        }
        kind = np.full(len(pairs), "", dtype=object)
        for name, holds in reasons.items():
            holds = np.asarray(holds, dtype=bool)
            kind[holds] = [f"{text}, {name}" if text else name for text in kind[holds]]
        table["kind"] = kind
        return table

    def _same_name(self, test, train):
        """Pair sites whose names are the same but for prefix, zeros and punctuation."""
        sides = [pd.DataFrame({"key": self.keys[sites], "site": sites}) for sites in (test, train)]
        both = sides[0].merge(sides[1].groupby("key").head(3), on="key")
        return both[["site_x", "site_y"]].to_numpy(dtype=np.intp)

    def _forcing_r(self, one, other):
        """Estimate the correlation of the least alike forcing variable."""
        if self.forcing is None:
            return np.nan
        apart = ((self.forcing[one] - self.forcing[other]) ** 2).sum(axis=2)
        return 1 - apart.max(axis=1, initial=0.0) / 2

    def _target_r(self, pairs):
        """Correlate the targets over the steps that both have."""
        found = np.full(len(pairs), np.nan)
        if self.target is None:
            return found
        for first in range(0, len(pairs), _PAIRS_AT_ONCE):
            part = slice(first, first + _PAIRS_AT_ONCE)
            found[part] = _correlate(*(self.target[sites] for sites in pairs[part].T))
        return found


def name_key(site):
    """Reduce an identifier to what stays the same from one data set to another.

    Parameters
    ----------
    site : str
        Identifier.

    Returns
    -------
    str
        Its number, without leading zeros, if it has but one at its end that is long enough to be
        unmistakable; letters and digits in lower case otherwise.

    Examples
    --------
    >>> name_key("camels_01013500"), name_key("USGS1013500"), name_key("DE-Tha")
    ('1013500', '1013500', 'detha')
    """
    text = re.sub(r"\.0$", "", str(site).strip())
    number = re.fullmatch(r"\D*?(\d+)", text)
    digits = number.group(1).lstrip("0") if number else ""
    if len(digits) >= _LEAST_DIGITS:
        return digits
    return "".join(character for character in text.lower() if character.isalnum()) or text


# ---------------------------------------------------------------------- parts
def _find_area(*tables):
    """Find the area of each basin [km2], NaN where unknown."""
    for table in tables:
        for name in _AREAS:
            if name in table:
                return pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    return np.full(len(tables[0]), np.nan)


def _pairs(sites, neighbours):
    """List each site with each of its neighbours."""
    return np.stack([np.repeat(sites, neighbours.shape[1]), neighbours.ravel()], axis=1)


def _standardise(series):
    """Bring each row to mean 0 and sum of squares 1, over what is observed; NaN stays."""
    series = np.asarray(series, dtype=np.float32)
    seen = np.isfinite(series)
    n = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    values = np.where(seen, series, 0)
    values = np.where(seen, values - values.sum(axis=1, keepdims=True, dtype=np.float64) / n, 0)
    length = np.sqrt(np.square(values).sum(axis=1, keepdims=True))
    values = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
    return np.where(seen, values, np.nan).astype(np.float32)


def _project(rows):
    """Shorten rows so that their distances stay, to some per cent (Johnson-Lindenstrauss)."""
    generator = np.random.default_rng(0)
    axes = generator.standard_normal((rows.shape[1], _N_SKETCH), dtype=np.float32)
    return (rows.astype(np.float32) @ axes).astype(np.float64) / np.sqrt(_N_SKETCH)


def _sketch_forcing(panel):
    """Shorten the standardised forcing of each site, block by block: (site, variable, sketch)."""
    sketch = np.zeros((panel.n_sites, panel.n_forcings, _N_SKETCH))
    for positions, block in panel.walk_forcing():
        for i in range(panel.n_forcings):
            sketch[positions, i] = _project(np.nan_to_num(_standardise(block[:, :, i]), nan=0.0))
    # A variable that is missing or constant at all sites tells nothing.
    return sketch[:, (sketch != 0).any(axis=(0, 2))]


def _correlate(one, other):
    """Correlate rows over their common values; NaN where these are few."""
    both = np.isfinite(one) & np.isfinite(other)
    n = both.sum(axis=1)
    means = []
    for rows in (one, other):
        rows = np.where(both, rows, 0).astype(np.float64)
        means.append(np.where(both, rows - (rows.sum(axis=1) / np.maximum(n, 1))[:, None], 0))
    top = (means[0] * means[1]).sum(axis=1)
    bottom = np.sqrt(np.square(means[0]).sum(axis=1) * np.square(means[1]).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((n >= _LEAST_COMMON) & (bottom > 0), top / bottom, np.nan)
