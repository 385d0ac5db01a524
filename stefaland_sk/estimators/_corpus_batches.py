"""Batches of a corpus: shards read ahead, windows laid, shuffled and masked anew every epoch."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from stefaland_sk.estimators._windows import count_windows, place_windows
from stefaland_sk.modules import KeyedRandom, keyed_permutation, make_keys, sample_masks

# What is drawn at random, each from keys of its own.
_PLACES, _ORDER, _MASKS, _BLOCKS, _KINDS = _DRAWS = range(5)


class Hider:
    """Draw the masks of a batch of samples, on the device of their keys.

    Parameters
    ----------
    config : MaskConfig
        How masks are drawn.
    groups : sequence of VariableGroup
        Variables hidden together.
    never_hidden : sequence of int, default=()
        Attributes that are never hidden.
    """

    def __init__(self, config, groups, never_hidden=()):
        self.config, self.groups, self.never_hidden = config, groups, never_hidden

    def __call__(self, inputs, keys):
        """Add ``forcing_hidden`` and ``attributes_hidden`` (True = hidden) to the inputs.

        Parameters
        ----------
        inputs : dict of str to Tensor
            ``forcing`` of shape (n, n_times, n_forcings), ``attributes`` of shape
            (n, n_attributes).
        keys : int64 Tensor of shape (n,)
            Source of the randomness of each sample.

        Returns
        -------
        dict of str to Tensor
            The inputs and the masks.
        """
        forcing_hidden, attributes_hidden = sample_masks(
            self.config,
            self.groups,
            keys,
            *inputs["forcing"].shape[1:],
            inputs["attributes"].shape[1],
            never_hidden=self.never_hidden,
        )
        masks = {"forcing_hidden": forcing_hidden, "attributes_hidden": attributes_hidden}
        return {**inputs, **masks}


@dataclass(frozen=True)
class Shard:
    """Records that lie in memory together.

    Parameters
    ----------
    steps : float32 Tensor of shape (n_steps, n_forcings)
        Scaled forcing of the records, one behind the other.
    records : int64 Tensor of shape (n_records,)
        Their numbers in the corpus.
    first_step : int64 Tensor of shape (n_records,)
        Row of `steps` at which each begins.
    """

    steps: torch.Tensor
    records: torch.Tensor
    first_step: torch.Tensor


class CorpusDataset(torch.utils.data.Dataset):
    """Windows of the records of a corpus, and its sites that have attributes only.

    A sample is a number: records have as many windows as tile them, so that the record and
    the rank of a window follow by arithmetic. Whatever is random about a sample (place, order,
    masks) follows from (seed, epoch, sample) and from nothing else.

    Parameters
    ----------
    corpus : Corpus
        Where the samples come from.
    hide : callable
        ``hide(inputs, keys) -> inputs`` adds the masks; see `Hider`.
    chosen : ndarray of bool of shape (n_sites,), default=None
        Sites to take; None takes all.
    random : bool, default=True
        Whether places, order and masks change from epoch to epoch. Otherwise windows are
        regular, and all passes are alike.
    device : torch.device or str, default="cpu"
        Where shards are held, and batches made.
    """

    def __init__(self, corpus, *, hide, chosen=None, random=True, device="cpu"):
        self.corpus, self.hide, self.random, self.device = corpus, hide, random, device
        runs = corpus.records
        self.site, self.start = torch.as_tensor(runs.site), torch.as_tensor(runs.start)
        self.length = torch.as_tensor(runs.length)
        self.count = count_windows(self.length, corpus.window)
        self.first_sample = torch.cumsum(self.count, 0) - self.count
        taken = torch.ones(len(runs), dtype=torch.bool)
        if chosen is not None:
            taken = torch.as_tensor(np.asarray(chosen, dtype=bool))[self.site]
        self.series = (taken & (self.length > 0)).nonzero()[:, 0]
        self.bare = (taken & (self.length == 0)).nonzero()[:, 0]
        self.attributes = torch.as_tensor(corpus.attributes, device=device)
        self.site_std = torch.as_tensor(corpus.site_std, device=device)
        starts = torch.tensor([block.start for block in corpus.blocks])
        self._block = torch.searchsorted(starts, self.site, right=True) - 1
        self._resident = None

    def __len__(self):
        return int(self.count[self.series].sum()) + len(self.bare)

    def batches(self, batch_size, seed=0, rank=0, world=1):
        """Deal the samples in batches.

        Parameters
        ----------
        batch_size : int
            Samples of a batch, of all processes together.
        seed : int, default=0
            Source of places, order and masks.
        rank, world : int, default=0, 1
            Which process this is, of how many: each gets its part of every batch.

        Returns
        -------
        CorpusBatches
            Iterates over the batches; each pass is a new epoch.
        """
        return CorpusBatches(self, batch_size, seed, rank, world)

    # ------------------------------------------------------------------ shards
    def plan(self, seed, epoch):
        """Gather blocks of sites, in an order of this epoch, to shards of bounded size.

        Parameters
        ----------
        seed, epoch : int
            Source of the order.

        Returns
        -------
        list of int64 Tensor
            Records of each shard.
        """
        if self.corpus.is_resident:
            return [self.series] if len(self.series) else []
        blocks, owner = self._block[self.series].unique_consecutive(return_inverse=True)
        cuts = torch.bincount(owner, minlength=len(blocks)).cumsum(0)[:-1].tolist()
        parts = self.series.tensor_split(cuts)
        order = torch.arange(len(blocks))
        if self.random:
            order = keyed_permutation(len(blocks), _seed_of(_BLOCKS, seed), epoch)
        shards, room = [], 0
        for part in (parts[i] for i in order):
            size = self._n_bytes(part)
            if size > room:
                shards.append([])
                room = self.corpus.shard_bytes
            shards[-1].append(part)
            room -= size
        return [torch.cat(parts) for parts in shards]

    def _n_bytes(self, records):
        """Size of the forcing of some records."""
        return 4 * len(self.corpus.forcing_names) * int(self.length[records].sum())

    def load(self, records, stop=None):
        """Read the forcing of some records, block by block.

        Parameters
        ----------
        records : int64 Tensor
            Numbers of records, those of a block together.
        stop : threading.Event, default=None
            Set by a reader that no longer waits for the result.

        Returns
        -------
        Shard
            The records; None if stopped.
        """
        if self.corpus.is_resident and self._resident is not None:
            return self._resident
        length = self.length[records]
        first_step = torch.cumsum(length, 0) - length
        steps = np.empty((int(length.sum()), len(self.corpus.forcing_names)), dtype=np.float32)
        blocks, counts = self._block[records].unique_consecutive(return_counts=True)
        cuts = counts.cumsum(0)[:-1].tolist()
        parts = zip(blocks, records.tensor_split(cuts), first_step.tensor_split(cuts), strict=True)
        for block, part, row in parts:
            if stop is not None and stop.is_set():
                return None
            sites, local = self.site[part].unique_consecutive(return_inverse=True)
            forcing = self.corpus.read(self.corpus.blocks[block], sites.numpy())
            where = (local, self.start[part], self.length[part], row)
            for site, start, n, to in zip(*(values.tolist() for values in where), strict=True):
                steps[to : to + n] = forcing[site, start : start + n]
            del forcing  # before the next is read
        shard = Shard(torch.from_numpy(steps).to(self.device), records, first_step)
        if self.corpus.is_resident:
            self._resident = shard
        return shard

    # ------------------------------------------------------------------ samples
    def gather(self, shard, record, rank, seed, epoch):
        """Gather windows from a shard.

        Parameters
        ----------
        shard : Shard
            Where the records are.
        record : int64 Tensor of shape (n,)
            Position of each window's record within the shard.
        rank : int64 Tensor of shape (n,)
            Number of each window within its record.
        seed, epoch : int
            Source of the places.

        Returns
        -------
        float32 Tensor of shape (n, window, n_forcings)
            Scaled forcing; NaN = missing, also behind the end of a short record.
        """
        number, window = shard.records[record], self.corpus.window
        length = self.length[number]
        jitter = None
        if self.random:
            jitter = KeyedRandom(make_keys(_seed_of(_PLACES, seed), epoch, number)).uniform()
        room = (length - window).clamp(min=0)
        offset = place_windows(rank, self.count[number], room, jitter)
        first = (shard.first_step[record] + offset).to(self.device)
        rows = first[:, None] + torch.arange(window, device=self.device)
        if not (length < window).any():
            return shard.steps[rows]
        forcing = shard.steps[rows.clamp(max=len(shard.steps) - 1)]
        outside = torch.arange(window) >= length[:, None]
        return forcing.masked_fill_(outside.to(self.device)[:, :, None], torch.nan)

    def complete(self, forcing, record, rank, seed, epoch):
        """Make a batch: add the attributes, the masks, and what the loss needs."""
        site = self.site[record].to(self.device)
        sample = (self.first_sample[record] + rank).to(self.device)
        inputs = {"forcing": forcing, "attributes": self.attributes[site]}
        inputs = self.hide(inputs, make_keys(_seed_of(_MASKS, seed), epoch, sample))
        return inputs, {**inputs, "sample": sample, "site_std": self.site_std[site]}


class CorpusBatches:
    """Deal the samples of a corpus in batches; each pass is a new epoch.

    Windows, and sites with attributes only, make batches of their own, which take turns at
    random. The batches of a kind are equal in size to one sample, and as many in every epoch.

    Parameters
    ----------
    dataset : CorpusDataset
        Where the samples come from.
    batch_size : int
        Most samples of a batch, of all processes together.
    seed : int, default=0
        Source of places, order and masks.
    rank, world : int, default=0, 1
        Which process this is, of how many: each gets its part of every batch.

    Attributes
    ----------
    epoch : int
        Number of the next pass.
    first_batch : int
        Batch with which the next pass begins; the passes after it are whole.

    Raises
    ------
    ValueError
        If a batch has fewer samples than there are processes.
    """

    def __init__(self, dataset, batch_size, seed=0, rank=0, world=1):
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed
        self.rank, self.world = rank, world
        self.epoch = self.first_batch = 0
        n_bare = len(dataset.bare)
        self._n_samples = len(dataset) - n_bare, n_bare
        self._n_batches = tuple(-(-n // batch_size) for n in self._n_samples)
        for n, n_batches in zip(self._n_samples, self._n_batches, strict=True):
            if n_batches and n // n_batches < world:
                raise ValueError(
                    f"Batches of {n // n_batches} samples cannot be shared by {world} processes. "
                    "Use a larger `batch_size`, fewer processes, or more sites."
                )

    def __len__(self):
        return sum(self._n_batches)

    def __iter__(self):
        epoch = self.epoch if self.dataset.random else 0
        first_batch, self.first_batch = self.first_batch, 0
        self.epoch += 1
        is_bare = torch.arange(len(self)) >= self._n_batches[0]
        if self.dataset.random:
            is_bare = is_bare[keyed_permutation(len(self), _seed_of(_KINDS, self.seed), epoch)]
        done = int(is_bare[:first_batch].sum())
        turns = [first_batch - done, done]  # batches of each kind that are over
        walk = _Walk(self.dataset, self.seed, epoch, self._part(0, turns[0])[0])
        try:
            for kind in is_bare[first_batch:].long().tolist():
                start, stop = self._part(kind, turns[kind])
                turns[kind] += 1
                yield walk.bare(start, stop) if kind else walk.windows(start, stop)
        finally:
            walk.close()

    def _part(self, kind, turn):
        """Find which samples of a kind this process gets in one batch."""
        n, n_batches = self._n_samples[kind], max(1, self._n_batches[kind])
        start, stop = (n * k // n_batches for k in (turn, turn + 1))
        n = stop - start
        return start + n * self.rank // self.world, start + n * (self.rank + 1) // self.world


class _Walk:
    """Go through the samples of one pass, forward only.

    Parameters
    ----------
    dataset : CorpusDataset
        Where the samples come from.
    seed, epoch : int
        Source of places, order and masks.
    first : int
        Window to begin with; shards before it are not read.
    """

    def __init__(self, dataset, seed, epoch, first):
        self.dataset, self.draw = dataset, (seed, epoch)
        plan = dataset.plan(*self.draw)
        ends = np.cumsum([int(dataset.count[records].sum()) for records in plan], dtype=int)
        n_over = int(np.searchsorted(ends, first, side="right"))
        self._ends = iter(ends[n_over:].tolist())
        self._end = int(ends[n_over - 1]) if n_over else 0
        self._shards = _read_ahead(dataset.load, plan[n_over:])
        self._shard = None
        self._bare = dataset.bare[self._shuffled(dataset.first_sample[dataset.bare])]

    def windows(self, start, stop):
        """Give the batch of the windows from `start` to `stop`."""
        parts = []
        while start < stop:
            while start >= self._end:
                self._next_shard()
            part = slice(start, min(stop, self._end))
            parts.append(self._from_shard(part))
            start = part.stop
        return self.dataset.complete(*map(torch.cat, zip(*parts, strict=True)), *self.draw)

    def bare(self, start, stop):
        """Give the batch of the sites with attributes only from `start` to `stop`."""
        record, n_forcings = self._bare[start:stop], len(self.dataset.corpus.forcing_names)
        forcing = torch.empty(len(record), 0, n_forcings, device=self.dataset.device)
        return self.dataset.complete(forcing, record, torch.zeros_like(record), *self.draw)

    def close(self):
        """End the thread that reads ahead."""
        self._shards.close()

    def _next_shard(self):
        self._shard = None  # before the one after the next is read
        self._begin, self._end = self._end, next(self._ends)
        self._shard = next(self._shards)
        records = self._shard.records
        self._last = self.dataset.count[records].cumsum(0)
        self._first = self._last - self.dataset.count[records]
        record = torch.repeat_interleave(torch.arange(len(records)), self.dataset.count[records])
        rank = torch.arange(len(record)) - self._first[record]
        self._order = self._shuffled(self.dataset.first_sample[records][record] + rank)

    def _from_shard(self, part):
        """Gather windows of the shard at hand: forcing, numbers of their records, ranks."""
        picked = self._order[part.start - self._begin : part.stop - self._begin]
        record = torch.searchsorted(self._last, picked, right=True)
        rank = picked - self._first[record]
        forcing = self.dataset.gather(self._shard, record, rank, *self.draw)
        return forcing, self._shard.records[record], rank

    def _shuffled(self, samples):
        """Give positions of samples in the order of this pass."""
        if not self.dataset.random:
            return torch.arange(len(samples))
        seed, epoch = self.draw
        return make_keys(_seed_of(_ORDER, seed), epoch, samples).argsort()


def _read_ahead(read, plan):
    """Read shards one after the other, each while the one before it is in use.

    Parameters
    ----------
    read : callable
        ``read(records, stop) -> Shard``; should return early once the event `stop` is set.
    plan : list
        What to read.

    Yields
    ------
    Shard
        The shards in order; no more than the one given and the next are in memory.
    """
    if not plan:
        return
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as reader:
        try:
            ahead = reader.submit(read, plan[0], stop)
            for following in [*plan[1:], None]:
                shard = ahead.result()
                ahead = None if following is None else reader.submit(read, following, stop)
                yield shard
                del shard  # before the one after the next is read
        finally:
            stop.set()


def _seed_of(draw, seed):
    """Give each kind of draw a seed of its own."""
    return len(_DRAWS) * seed + draw
