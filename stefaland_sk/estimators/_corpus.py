"""A corpus for pretraining: the variables, sites and records of one or several panels."""

import hashlib
import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number
from stefaland_sk.data import ScalerBuilder, Segments, find_places, find_segments
from stefaland_sk.data._lazy import BLOCK_BYTES, sites_per_block

_GIB = 2**30
# Blocks are what shards are made of: small, so that many far sites come together in a shard.
_BLOCKS_IN_MEMORY = 64


@dataclass(frozen=True)
class Block:
    """Consecutive sites of one panel that are read together.

    Parameters
    ----------
    panel : int
        Number of the panel in the corpus.
    first_site : int
        Number, in the corpus, of the first site of that panel.
    start, stop : int
        Number, in the corpus, of the first site of the block, and of the one behind its last.
    """

    panel: int
    first_site: int
    start: int
    stop: int


class Corpus:
    """Panels joined for pretraining: variables by name, sites one after the other.

    One pass over the data, a block of sites at a time, gives the scaler, the records and
    the checks; after it the forcing is read again only as training asks for it.

    Parameters
    ----------
    panels : list of Panel
        In memory or lazy; a panel without forcing adds its attributes. A variable that a
        panel lacks is missing there; units are converted by the scaler. A site that stands
        in two panels is two sites here, with the windows of both.
    window : int
        Steps of a training window.
    categorical : sequence of str, default=()
        Attributes that hold classes.
    scaler : PanelScaler, default=None
        Scaler, and variables, of a model that the corpus is to be scored with. None fits
        one, and then also raises what would keep a model from learning.
    memory : float, default=2.0
        Most that scaled forcing, and what it takes to read it, may take [GiB]. A larger
        corpus is read in shards, anew in every epoch. Attributes are always in memory.

    Attributes
    ----------
    forcing_names, attribute_names : list of str
        Union of the variables, in order of first appearance.
    scaler : PanelScaler
        The scaler.
    units : dict of str to str
        Unit of each variable, as the scaler has it.
    groups : dict of str to list of str
        Groups of attributes of all panels; the first panel that places an attribute counts.
    site_ids : list of str
        Sites of all panels.
    n_sites : int
        Their number.
    places : DataFrame of shape (n_sites, 2)
        Latitude ``lat`` and longitude ``lon`` of the sites [deg]; NaN where unknown.
    period : list of two str, or None
        First and last day of any record's axis.
    attributes : ndarray of float32 of shape (n_sites, n_attributes)
        Scaled attributes, NaN = missing.
    site_std : ndarray of float32 of shape (n_sites, n_forcings)
        Standard deviation of each site's scaled forcing; 1 where none is observed.
    records : Segments
        Runs of steps at each site, windows lie inside them. Gaps shorter than a window are
        bridged: their steps are missing like any other value, and no window is ever empty.
        A site with attributes only has one record of length 0.
    blocks : list of Block
        Sites that are read together.
    n_bytes : int
        Size of the scaled forcing of all records.
    is_resident : bool
        Whether it fits into `memory`.
    shard_bytes : int
        Most that a shard may take, so that two of them fit.
    fingerprint : str
        Digest of variables, units, sites, sizes and scaler, and of how the sites are read.

    Raises
    ------
    ValueError
        If panels have unequal time steps, a value is infinite, a variable is missing
        everywhere, no forcing is observed, the window is longer than every record, or
        `memory` does not hold two blocks of sites.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=2, n_regions=2, random_state=0)
    >>> corpus = Corpus([X[:2], X[2:].keep_variables(forcings=["prcp"])], window=365)
    >>> corpus.n_sites, corpus.forcing_names == X.forcing_names, corpus.is_resident
    (4, True, True)
    """

    def __init__(self, panels, *, window, categorical=(), scaler=None, memory=2.0):
        check_number("window", window, low=1, integer=True)
        check_number("memory", memory, low=0, open_low=True)
        self.window, self.memory = window, memory
        self.panels = [_without_strangers(panel, scaler) for panel in panels]
        _check_steps(self.panels)
        self.site_ids = [site for panel in self.panels for site in panel.site_ids]
        self.n_sites = len(self.site_ids)
        builder = None if scaler is not None else ScalerBuilder(categorical)
        self.blocks, runs, spreads = self._walk(builder)
        self.scaler = scaler = builder.finish() if scaler is None else scaler
        self.forcing_names = list(scaler.forcing_names)
        self.attribute_names = list(scaler.attribute_names)
        self.units = dict(scaler.units)
        self.groups = _join_groups(self.panels, self.attribute_names)
        self.places = pd.concat([find_places(panel) for panel in self.panels])
        self.period = _find_period(self.panels)
        self.attributes = np.concatenate([scaler.scale_attributes(p) for p in self.panels])
        self.records = self._join(runs)
        self.site_std = np.ones((self.n_sites, len(self.forcing_names)), dtype=np.float32)
        seen = self._fill_site_std(spreads)
        if builder is not None:
            self._check_learnable(seen)
        self._plan_memory()
        self.fingerprint = self._digest()

    def __repr__(self):
        return (
            f"Corpus({len(self.panels)} panels, {self.n_sites} sites, "
            f"{len(self.forcing_names)} forcings, {len(self.attribute_names)} attributes, "
            f"{self.n_bytes / _GIB:.3g} GiB)"
        )

    def read(self, block, sites):
        """Read and scale the forcing of some sites of a block.

        Parameters
        ----------
        block : Block
            One of `blocks`.
        sites : ndarray of int
            Numbers of sites of this block.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times, n_forcings)
            Scaled values, NaN = missing; n_times is that of the panel.
        """
        return self.scaler.scale_forcing(self.panels[block.panel][sites - block.first_site])

    # ------------------------------------------------------------------ parts of the pass
    def _walk(self, builder):
        """Look at every block once; give the blocks, their runs of steps and their spreads."""
        size = int(min(BLOCK_BYTES, self.memory * _GIB / _BLOCKS_IN_MEMORY))
        blocks, runs, spreads, start = [], [], [], 0
        for number, panel in enumerate(self.panels):
            first_site = start
            for part in panel.blocks(sites_per_block(panel.n_times, panel.n_forcings, size)):
                blocks.append(Block(number, first_site, start, start + part.n_sites))
                part = part.load()
                found, spread = _look_at(part, self._where(number))
                if builder is not None:
                    self._add(builder, part, number)
                found = bridge_gaps(found, self.window)
                runs.append(Segments(found.site + start, found.start, found.stop))
                spreads.append(spread)
                start += part.n_sites
        return blocks, runs, spreads

    def _add(self, builder, part, number):
        """Let the scaler see a block, and say which panel its complaints are about."""
        try:
            builder.add(part)
        except ValueError as error:
            where = f"Panel {number + 1} of {len(self.panels)} of the corpus: "
            raise ValueError(f"{where}{error}") from error

    def _where(self, number):
        """Name a panel in a message, where there are several."""
        return f" in panel {number + 1} of {len(self.panels)}" if len(self.panels) > 1 else ""

    def _join(self, runs):
        """Join the runs of all blocks, and give sites with attributes only a run of length 0."""
        site, start, stop = (
            np.concatenate([getattr(part, name) for part in runs])
            for name in ("site", "start", "stop")
        )
        bare = ~np.isnan(self.attributes).all(axis=1)
        bare[site] = False
        site = np.concatenate([site, bare.nonzero()[0]])
        none = np.zeros(bare.sum(), dtype=start.dtype)
        start, stop = np.concatenate([start, none]), np.concatenate([stop, none])
        order = np.argsort(site, kind="stable")
        return Segments(site[order], start[order], stop[order])

    def _fill_site_std(self, spreads):
        """Fill `site_std` from spreads in the panels' units; tell which forcing was seen."""
        seen = np.zeros(len(self.forcing_names), dtype=bool)
        for block, spread in zip(self.blocks, spreads, strict=True):
            _, stds = self.scaler.forcing_moments(self.panels[block.panel])
            for column, name in enumerate(self.forcing_names):
                if name in spread:
                    known = ~np.isnan(spread[name])
                    part = self.site_std[block.start : block.stop, column]
                    part[known] = spread[name][known] / stds[column]
                    seen[column] |= known.any()
        return seen

    def _check_learnable(self, seen):
        """Raise if there is nothing to learn, or a variable of which nothing is known."""
        length = self.records.length
        if len(length) == 0 or (self.forcing_names and not length.any()):
            raise ValueError(
                f"No site of the corpus has any {'forcing' if self.forcing_names else 'attribute'} "
                "observed; there is nothing to learn. To learn from attributes only, leave the "
                "forcing out: `panel.keep_variables(forcings=[])`."
            )
        known = ~np.isnan(self.attributes).all(axis=0)
        missing = [name for name, ok in zip(self.forcing_names, seen, strict=True) if not ok]
        missing += [name for name, ok in zip(self.attribute_names, known, strict=True) if not ok]
        if missing:
            raise ValueError(
                f"These variables are missing at all sites of the corpus: {missing}. Nothing can "
                "be learned of them; leave them out with `panel.keep_variables(...)` or by the "
                "parameters `forcings` and `attributes`."
            )
        if length.any() and self.window > length.max():
            longest = length.argmax()
            raise ValueError(
                f"`window`={self.window} is longer than every record of the corpus; the longest, "
                f"of site {self.site_ids[self.records.site[longest]]!r}, has {length[longest]} "
                f"steps. Use window={length[longest]} or less."
            )

    def _plan_memory(self):
        """Find out whether all forcing fits into `memory`, or else how large shards may be."""
        n_forcings = len(self.forcing_names)
        starts = [block.start for block in self.blocks]
        owner = np.searchsorted(starts, self.records.site, side="right") - 1
        sizes = np.bincount(owner, self.records.length, len(starts)) * 4 * n_forcings
        # Of a block that is being read: raw and scaled values, two steps between them, decoding.
        reading = max(
            4
            * (block.stop - block.start)
            * self.panels[block.panel].n_times
            * (self.panels[block.panel].n_forcings + 3 * n_forcings + 4)
            for block in self.blocks
        )
        self.n_bytes = int(sizes.sum())
        self.is_resident = self.n_bytes + reading <= self.memory * _GIB
        self.shard_bytes = int(self.memory * _GIB - reading) // 2
        least = 2 * sizes.max() + reading
        if not self.is_resident and least > self.memory * _GIB:
            least = math.ceil(1000 * least / _GIB) / 1000
            raise ValueError(
                f"`memory`={self.memory} GiB does not hold two blocks of sites of this corpus and "
                f"what it takes to read one. Use memory={least} or more."
            )

    def _digest(self):
        """Condense what the corpus is, and how it is read, to a short text."""
        what = {
            "scaler": self.scaler.to_dict(),
            "groups": self.groups,
            "sites": self.site_ids,
            "shapes": [panel.shape for panel in self.panels],
            "period": self.period,
            "window": self.window,
            "blocks": [] if self.is_resident else [block.stop for block in self.blocks],
            "shard": None if self.is_resident else self.shard_bytes,
        }
        digest = hashlib.sha256(json.dumps(what).encode())
        for values in (*vars(self.records).values(), self.attributes):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def _without_strangers(panel, scaler):
    """Leave out the forcing that a given scaler does not know."""
    if scaler is None or set(panel.forcing_names) <= set(scaler.forcing_names):
        return panel
    known = set(scaler.forcing_names)
    return panel.keep_variables(forcings=[name for name in panel.forcing_names if name in known])


def _check_steps(panels):
    """Raise unless all panels have one time step."""
    steps = {i: panel.step for i, panel in enumerate(panels, 1) if panel.step is not None}
    for number, step in steps.items():
        first = next(iter(steps))
        if step != steps[first]:
            raise ValueError(
                f"The panels of a corpus must have one time step, but panel {first} has a step of "
                f"{steps[first]} and panel {number} one of {step}. Bring them to one step first, "
                "for example with xarray's `resample`."
            )


def _look_at(panel, where):
    """Find the steps that a panel has, and how its forcing varies at each site.

    Parameters
    ----------
    panel : Panel
        A few sites, in memory.
    where : str
        Which panel this is, for messages.

    Returns
    -------
    runs : Segments
        Unbroken runs of steps with any forcing observed.
    spread : dict of str to ndarray of float64 of shape (n_sites,)
        Standard deviation of each forcing in the panel's units; NaN where none is observed.
    """
    forcing = panel.forcing
    present, spread = np.zeros(forcing.shape[:2], dtype=bool), {}
    for column, name in enumerate(panel.forcing_names):
        plane = np.ascontiguousarray(forcing[:, :, column])
        seen = ~np.isnan(plane)
        count = seen.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):  # infinite values; none observed
            mean = np.where(seen, plane, 0).sum(axis=1, dtype=np.float64) / count
            deviation = np.where(seen, plane - mean[:, None].astype(np.float32), 0)
            square = np.einsum("st,st->s", deviation, deviation, dtype=np.float64) / count
        if not np.isfinite(mean[count > 0]).all():
            site, step = np.argwhere(np.isinf(plane))[0]
            raise ValueError(
                f"The forcing {name!r} of site {panel.site_ids[site]!r}{where} is infinite at "
                f"{panel.time[step]}. Turn such values into NaN (missing)."
            )
        spread[name] = np.sqrt(square)
        present |= seen
    return find_segments(present), spread


def bridge_gaps(runs, window):
    """Join runs of a site between which less than a window is missing.

    Parameters
    ----------
    runs : Segments
        Runs of steps, site by site.
    window : int
        Steps of a window.

    Returns
    -------
    Segments
        Runs of steps, some of them with gaps inside.
    """
    apart = (np.diff(runs.site) != 0) | (runs.start[1:] - runs.stop[:-1] >= window)
    first, last = np.ones(len(runs), dtype=bool), np.ones(len(runs), dtype=bool)
    first[1:], last[:-1] = apart, apart
    return Segments(runs.site[first], runs.start[first], runs.stop[last])


def _join_groups(panels, known):
    """Join the groups of attributes by name; the first panel that places an attribute counts."""
    owner = {}
    for panel in panels:
        for group, members in panel.groups.items():
            for name in members:
                owner.setdefault(name, group)
    groups = {}
    for name, group in owner.items():
        if name in known:
            groups.setdefault(group, []).append(name)
    return groups


def _find_period(panels):
    """Give the first and the last day of all time axes."""
    ends = [panel.time[i] for panel in panels if panel.n_times for i in (0, -1)]
    return [str(min(ends).date()), str(max(ends).date())] if ends else None
