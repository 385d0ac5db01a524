"""Training windows, gathered from resident tensors by (site, start) pairs."""

import numpy as np
import torch


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
    padding : float, default=nan
        What inputs hold behind the end of a short segment.
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
        supervised = window - warmup
        length = self.stop - self.start
        self.per_segment = torch.clamp((length - warmup + supervised - 1) // supervised, min=1)
        self.segment = torch.repeat_interleave(torch.arange(len(self.site)), self.per_segment)
        first = torch.cumsum(self.per_segment, 0) - self.per_segment
        self.rank = torch.arange(len(self.segment)) - first[self.segment]

    def __len__(self):
        return len(self.segment)

    def place(self, generator=None):
        """Lay the windows of one epoch; give their segments and starts."""
        segment, start = self._place(generator, self.random)
        # Random places can miss the few days observed; regular ones cover each.
        return self._place(None, False) if len(segment) == 0 else (segment, start)

    def _place(self, generator, random):
        """Lay windows at stratified random or at regular places."""
        count = self.per_segment[self.segment]
        room = (self.stop - self.start - self.window).clamp(min=0)[self.segment]
        if random:
            jitter = torch.rand(len(self.site), generator=generator)[self.segment]
            offset = (self.rank + jitter) / count * (room + 1)
        else:
            offset = self.rank * room / (count - 1).clamp(min=1)
        start = self.start[self.segment] + offset.long().clamp(max=room)
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
            for values in inputs.values():
                values[outside] = self.padding
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
    """

    def __init__(self, dataset, batch_size, seed=0):
        self.dataset, self.batch_size, self.seed, self.epoch = dataset, batch_size, seed, 0

    def __iter__(self):
        # A dataset that is not random (validation) repeats the same pass, masks included.
        epoch = self.epoch if self.dataset.random else 0
        self.epoch += 1
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        segment, start = self.dataset.place(generator)
        order = torch.arange(len(segment))
        if self.dataset.random:
            order = order[torch.randperm(len(order), generator=generator)]
        n_batches = max(1, -(-len(order) // self.batch_size))
        for part in torch.tensor_split(order, n_batches):
            yield self.dataset.batch(segment[part], start[part], generator)

    def __len__(self):
        return max(1, -(-len(self.dataset) // self.batch_size))


def as_tensor(values, device):
    """Copy an array to the device as float32; read-only memory is never shared."""
    return torch.tensor(np.asarray(values, dtype=np.float32), device=device)
