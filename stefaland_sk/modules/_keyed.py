"""Random numbers by key: each follows from its key alone, in any batch, on any device.

A generator with a state gives a sample other numbers whenever something is
drawn before it. Here a number is a hash of (key, number of the draw, place in
the draw), so that the masks and windows of a sample are the same in any batch,
process and order, and after a restart. The hash is one of whole numbers only:
a CPU and a GPU agree to the bit.
"""

import math

import torch

_STEP = 0x9E3779B97F4A7C15 - 2**64  # 2^64 over the golden ratio, as a signed number
_FACTORS = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
_LOW_HALF = 2**32 - 1


def make_keys(seed, epoch, samples):
    """Make the keys of some samples in some epoch.

    Parameters
    ----------
    seed, epoch : int
        Whole numbers of any size and sign, of which the last 64 bits count.
    samples : int64 Tensor of shape (n_samples,)
        Numbers of the samples.

    Returns
    -------
    int64 Tensor of shape (n_samples,)
        Keys, on the device of `samples`. Samples with unlike numbers have
        unlike keys.

    Raises
    ------
    TypeError
        If `samples` is not a tensor of int64.

    See Also
    --------
    KeyedRandom : Random numbers that follow from keys.

    Examples
    --------
    >>> import torch
    >>> keys = make_keys(0, 3, torch.arange(5))
    >>> torch.equal(keys[[4, 2]], make_keys(0, 3, torch.tensor([4, 2])))
    True
    """
    _check_int64("samples", samples)
    start = _mix(_mix(_as_int64(seed)) + _as_int64(epoch))
    return _mix(int(start) + _mix(samples))


def keyed_permutation(n, seed, epoch):
    """Put n things into a random order, a new one for each epoch.

    Parameters
    ----------
    n : int
        How many things.
    seed, epoch : int
        Whole numbers of any size and sign.

    Returns
    -------
    int64 Tensor of shape (n,)
        The numbers from 0 to ``n - 1``, on the CPU.

    Examples
    --------
    >>> keyed_permutation(6, seed=0, epoch=0).sort().values.tolist()
    [0, 1, 2, 3, 4, 5]
    """
    # Numbers that no sample has: the order tells nothing of what the samples draw.
    return make_keys(seed, epoch, torch.arange(-n, 0)).argsort()


class KeyedRandom:
    """Random numbers of which row i follows from ``keys[i]`` and the number of the draw.

    Draws are numbered in the order of the calls. What a draw gives depends
    neither on the other keys nor on the shapes of earlier draws, and is the
    same on a CPU and a GPU.

    Parameters
    ----------
    keys : int64 Tensor of shape (n_keys,)
        Keys, as of `make_keys`. Numbers are drawn on their device.

    Raises
    ------
    TypeError
        If `keys` is not a tensor of int64.

    Notes
    -----
    The output function of SplitMix64 [1]_, twice: once on the place in the
    stream, and once on the sum of the result and the key. Within a draw, the 64 bits
    behind the numbers of a row are all different, which makes orders drawn by
    `order` free of ties.

    References
    ----------
    .. [1] Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast splittable
       pseudorandom number generators. OOPSLA '14, 453-472.
       doi:10.1145/2660193.2660195

    Examples
    --------
    >>> import torch
    >>> some = KeyedRandom(make_keys(0, 0, torch.tensor([7, 8]))).uniform(3)
    >>> alone = KeyedRandom(make_keys(0, 0, torch.tensor([8]))).uniform(3)
    >>> torch.equal(some[1:], alone)
    True
    """

    def __init__(self, keys):
        _check_int64("keys", keys)
        self.keys = keys
        self._n_draws = 0

    def uniform(self, *shape):
        """Draw numbers from 0 (included) to 1 (not included).

        Parameters
        ----------
        *shape : int
            Shape of what is drawn for each key.

        Returns
        -------
        float32 Tensor of shape (n_keys, *shape)
            Multiples of 2^-24.

        Examples
        --------
        >>> import torch
        >>> KeyedRandom(torch.arange(2)).uniform(3, 4).shape
        torch.Size([2, 3, 4])
        """
        return _shift_right(self._bits(shape), 40).float() * 2**-24

    def integers(self, low, high, *shape):
        """Draw whole numbers from `low` to `high`, both included.

        Parameters
        ----------
        low, high : int or int64 Tensor
            Bounds; tensors must broadcast to (n_keys, *shape). There may be up
            to 2^31 numbers between them.
        *shape : int
            Shape of what is drawn for each key.

        Returns
        -------
        int64 Tensor of shape (n_keys, *shape)
            Each number is equally likely, to 2^-33.

        Notes
        -----
        The 64 random bits times the count of numbers, over 2^64 [1]_, in two
        halves so that nothing overflows.

        References
        ----------
        .. [1] Lemire, D. (2019). Fast random integer generation in an interval.
           ACM Trans. Model. Comput. Simul., 29(1), 3. doi:10.1145/3230636

        Examples
        --------
        >>> import torch
        >>> KeyedRandom(torch.arange(2)).integers(1, torch.tensor([[1], [6]]), 100).amax(1)
        tensor([1, 6])
        """
        count = high - low + 1
        bits = self._bits(shape)
        carry = _shift_right((bits & _LOW_HALF) * count, 32)
        return low + _shift_right(_shift_right(bits, 32) * count + carry, 32)

    def order(self, n):
        """Put n things into a random order, a different one for each key.

        Parameters
        ----------
        n : int
            How many things.

        Returns
        -------
        int64 Tensor of shape (n_keys, n)
            The numbers from 0 to ``n - 1`` in each row.

        Examples
        --------
        >>> import torch
        >>> KeyedRandom(torch.arange(2)).order(4).sort(1).values
        tensor([[0, 1, 2, 3],
                [0, 1, 2, 3]])
        """
        return self._bits((n,)).argsort(1)

    def _bits(self, shape):
        """Draw 64 random bits for each entry of (n_keys, *shape)."""
        place = torch.arange(math.prod(shape), device=self.keys.device)
        place += self._n_draws << 32
        self._n_draws += 1
        return _mix(self.keys[:, None] + _mix(place)).view(len(self.keys), *shape)


def _mix(number):
    """Scramble 64 bits one to one: a step of SplitMix64 and its output function."""
    number = number + _STEP
    number = (number ^ _shift_right(number, 30)) * _FACTORS[0]
    number = (number ^ _shift_right(number, 27)) * _FACTORS[1]
    return number ^ _shift_right(number, 31)


def _shift_right(number, n_bits):
    """Shift the 64 bits to the right and fill up with zeros, where ``>>`` repeats the sign."""
    return (number >> n_bits) & (2 ** (64 - n_bits) - 1)


def _as_int64(number):
    """Give the last 64 bits of a whole number as a signed tensor."""
    return torch.tensor((int(number) + 2**63) % 2**64 - 2**63)


def _check_int64(name, values):
    """Raise unless `values` is a row of int64."""
    if not isinstance(values, torch.Tensor) or values.dtype != torch.int64 or values.ndim != 1:
        got = type(values).__name__
        if isinstance(values, torch.Tensor):
            got = f"one of {values.dtype} of shape {tuple(values.shape)}"
        raise TypeError(f"`{name}` must be a one-dimensional tensor of int64. Got {got} instead.")
