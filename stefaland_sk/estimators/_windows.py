"""Training windows, gathered from resident tensors by (site, start) pairs."""

import numpy as np
import torch


def count_windows(length, window, warmup=0):
    """Count the windows that tile the supervised part of each segment.

    Parameters
    ----------
    length : int64 Tensor of shape (n_segments,)
        Steps of each segment.
    window, warmup : int
        Steps of a window, and of its unsupervised beginning.

    Returns
    -------
    int64 Tensor of shape (n_segments,)
        At least 1.
    """
    supervised = window - warmup
    return torch.clamp((length - warmup + supervised - 1) // supervised, min=1)


def place_windows(rank, count, room, jitter=None):
    """Lay windows in their segments, at stratified random or at regular places.

    Parameters
    ----------
    rank, count : int64 Tensors of shape (n_windows,)
        Number of each window within its segment, and how many there are in it.
    room : int64 Tensor of shape (n_windows,)
        Last possible start, from the beginning of the segment [steps].
    jitter : Tensor of shape (n_windows,), default=None
        Random numbers in [0, 1), one per segment, so that windows keep their distance.
        None lays them at regular places that cover the segment.

    Returns
    -------
    int64 Tensor of shape (n_windows,)
        Start of each window, from the beginning of its segment [steps].
    """
    if jitter is None:
        offset = rank * room / (count - 1).clamp(min=1)
    else:
        offset = (rank + jitter) / count * (room + 1)
    return offset.long().clamp(max=room)


class WindowDataset(torch.utils.data.Dataset):
    """Windows of series that share one (site, time) grid.

    Every epoch lays its windows anew: each segment gets as many as tile its supervised
    part, at stratified random places. The first `warmup` steps of a window feed the
    model's memory and are not supervised. A segment shorter than a window is padded at
    its end, where nothing is supervised either.

    Parameters
    ----------
    series : dict of str to Tensor of shape (n_sites, n_times, ...)
        Inputs that vary in time.
    static : dict of str to Tensor of shape (n_sites, ...)
        Inputs that do not.
    segments : Segments
        Unbroken runs of steps; windows lie inside them.
    window, warmup : int
        Steps of a window, and of its unsupervised beginning.
    target : Tensor of shape (n_sites, n_times), default=None
        What is to be predicted; NaN = not observed. Windows, and segments, in whose
        supervised part there is none are left out.
    finish : callable, default=None
        ``finish(inputs, truth) -> inputs, truth``, applied to each batch.
    random : bool, default=True
        Whether places and order change from epoch to epoch.
    padding : float or dict of str to float, default=nan
        What inputs hold behind the end of a short segment; of a dictionary, those that it does
        not name hold 0.
    """

    def __init__(
        self,
        series,
        static,
        segments,
        window,
        warmup,
        *,
        target=None,
        finish=None,
        random=True,
        padding=torch.nan,
    ):
        self.series, self.static, self.target = series, static, target
        self.padding = padding
        self.window, self.warmup, self.finish, self.random = window, warmup, finish, random
        usable = segments.length > warmup
        if target is not None:
            seen = torch.isfinite(target).cpu()
            zero = torch.zeros((len(seen), 1), dtype=torch.int64)
            self.n_seen = torch.cat([zero, torch.cumsum(seen, 1)], 1)
            first = np.minimum(segments.start + warmup, segments.stop)
            n_seen = self.n_seen.numpy()
            usable &= n_seen[segments.site, segments.stop] > n_seen[segments.site, first]
        self.site = torch.as_tensor(segments.site[usable])
        self.start = torch.as_tensor(segments.start[usable])
        self.stop = torch.as_tensor(segments.stop[usable])
        self.per_segment = count_windows(self.stop - self.start, window, warmup)
        self.segment = torch.repeat_interleave(torch.arange(len(self.site)), self.per_segment)
        first = torch.cumsum(self.per_segment, 0) - self.per_segment
        self.rank = torch.arange(len(self.segment)) - first[self.segment]

    def __len__(self):
        return len(self.segment)

    def batches(self, batch_size, seed=0, rank=0, world=1):
        """Deal the windows in batches.

        Parameters
        ----------
        batch_size : int
            Windows per batch.
        seed : int, default=0
            Source of order, places and masks.
        rank, world : int, default=0, 1
            Which process this is, of how many: each gets its part of every batch.

        Returns
        -------
        WindowLoader
            Iterates over the batches; each pass is a new epoch.
        """
        return WindowLoader(self, batch_size, seed, rank, world)

    def place(self, generator=None):
        """Lay the windows of one epoch; give their segments and starts."""
        segment, start = self._place(generator, self.random)
        # Random places can miss the few days observed; regular ones cover each.
        return self._place(None, False) if len(segment) == 0 else (segment, start)

    def _place(self, generator, random):
        """Lay windows at stratified random or at regular places."""
        count = self.per_segment[self.segment]
        room = (self.stop - self.start - self.window).clamp(min=0)[self.segment]
        jitter = None
        if random:
            jitter = torch.rand(len(self.site), generator=generator)[self.segment]
        start = self.start[self.segment] + place_windows(self.rank, count, room, jitter)
        if self.target is None:
            return self.segment, start
        site = self.site[self.segment]
        stop = torch.minimum(start + self.window, self.stop[self.segment])
        n_seen = self.n_seen[site, stop] - self.n_seen[site, start + self.warmup]
        return self.segment[n_seen > 0], start[n_seen > 0]

    def batch(self, segment, start, generator=None):
        """Gather windows: a dictionary of inputs, and of what is needed for the loss."""
        device = next(iter((self.static | self.series).values())).device
        site = self.site[segment].to(device)
        steps = start[:, None] + torch.arange(self.window)
        outside = (steps >= self.stop[segment][:, None]).to(device)
        steps = steps.clamp(max=self._n_times() - 1).to(device)
        inputs = {name: values[site[:, None], steps] for name, values in self.series.items()}
        if outside.any():
            for name, values in inputs.items():
                by_name = isinstance(self.padding, dict)
                values[outside] = self.padding.get(name, 0.0) if by_name else self.padding
        inputs |= {name: values[site] for name, values in self.static.items()}
        truth = {"site": site}
        if self.target is not None:
            truth["target"] = self.target[site[:, None], steps].masked_fill_(outside, torch.nan)
            truth["target"][:, : self.warmup] = torch.nan
        if self.finish is not None:
            inputs, truth = self.finish(inputs, truth, generator)
        return inputs, truth

    def _n_times(self):
        tensors = self.series.values() if self.target is None else [self.target]
        return next((values.shape[1] for values in tensors), 1)


class WindowLoader:
    """Deal the windows of a dataset in batches; each pass is a new epoch.

    Parameters
    ----------
    dataset : WindowDataset
        Where the windows come from.
    batch_size : int
        Windows per batch; batches of an epoch are nearly equal in size.
    seed : int, default=0
        Order, places and masks follow from it and from the number of the pass.
    rank, world : int, default=0, 1
        Which process this is, of how many: each gets its part of every batch.

    Attributes
    ----------
    epoch : int
        Number of the next pass.
    first_batch : int
        Batch with which the next pass begins; the passes after it are whole.
    """

    def __init__(self, dataset, batch_size, seed=0, rank=0, world=1):
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed
        self.rank, self.world = rank, world
        self.epoch = self.first_batch = 0

    def __iter__(self):
        # A dataset that is not random (validation) repeats the same pass, masks included.
        epoch = self.epoch if self.dataset.random else 0
        first_batch, self.first_batch = self.first_batch, 0
        self.epoch += 1
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        segment, start = self.dataset.place(generator)
        order = torch.arange(len(segment))
        if self.dataset.random:
            order = order[torch.randperm(len(order), generator=generator)]
        n_batches = max(1, -(-len(order) // self.batch_size))
        for number, part in enumerate(torch.tensor_split(order, n_batches)):
            # Batches skipped, and other processes' parts, draw from the generator as well.
            batch = self.dataset.batch(segment[part], start[part], generator)
            if number >= first_batch:
                mine = torch.tensor_split(torch.arange(len(part)), self.world)[self.rank]
                yield batch if self.world == 1 else tuple(_rows(half, mine) for half in batch)

    def __len__(self):
        return max(1, -(-len(self.dataset) // self.batch_size))


def _rows(tensors, rows):
    """Take rows of every tensor of a dictionary."""
    return {name: values[rows.to(values.device)] for name, values in tensors.items()}


def as_tensor(values, device):
    """Copy an array to the device as float32; read-only memory is never shared."""
    return torch.tensor(np.asarray(values, dtype=np.float32), device=device)
