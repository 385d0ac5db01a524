"""What a network must know of a physical model to drive it, whichever model it is."""

import torch

from stefaland_sk._core import check_number


class PhysicsSpec:
    """Abstract: a variant of a physical model, described by its parameters.

    A concrete one is a frozen dataclass with the fields `dynamic` and `n_members`. It says what
    stands below and writes ``simulate(forcing, parameters, *, initial, warmup, series)``, whose
    result is a named tuple: the target of shape (n_times - warmup, n_sites), the ``state``
    to go on from, and the ``series``.

    Attributes
    ----------
    forcings : tuple of str
        Forcing variables that the model reads, in order.
    target : tuple of two str
        Name and unit of what it predicts.
    parameters : dict of str -> Parameter
        All parameters that are not fixed, by name.
    series : dict of str -> str
        Stores and fluxes that it gives on request, with their units.
    of_site : tuple of str
        Parameters that the members of a site share.
    static : tuple of str
        Parameters with one value for each site and member.
    n_static, n_dynamic : int
        How many raw numbers a site needs once, and each day: the sizes of a network's outputs.

    See Also
    --------
    HBVSpec : Streamflow.
    SoilBucketSpec : Soil moisture.

    Examples
    --------
    >>> from stefaland_sk.physics import HBV_1_1P
    >>> isinstance(HBV_1_1P, PhysicsSpec), HBV_1_1P.target
    (True, ('runoff', 'mm/d'))
    >>> HBV_1_1P.series["snow"]
    'mm'
    """

    of_site = ()

    @property
    def static(self):
        """Parameters with one value for each site and member."""
        skip = {*self.dynamic, *self.of_site}
        return tuple(name for name in self.parameters if name not in skip)

    @property
    def n_static(self):
        """How many raw numbers a site needs once."""
        return len(self.static) * self.n_members + len(self._shared())

    @property
    def n_dynamic(self):
        """How many raw numbers a site needs each day."""
        return len(self.dynamic) * self.n_members

    def _shared(self):
        """List the parameters that all members of a site share."""
        return [name for name in self.of_site if name in self.parameters]

    def from_raw(self, static, dynamic=None):
        """Turn the outputs of a network, or the numbers of an optimiser, into parameters.

        Parameters
        ----------
        static : Tensor of shape (n_sites, n_static)
            Raw numbers: the members of each of `static` in turn, then those that the members
            share (routing).
        dynamic : Tensor of shape (n_times, n_sites, n_dynamic), default=None
            Raw numbers of each day: the members of each of `dynamic` in turn.

        Returns
        -------
        dict of str -> Tensor
            Parameters in their units, for `simulate`: (n_sites, n_members) and
            (n_times, n_sites, n_members); those that the members share (n_sites,).

        Raises
        ------
        ValueError
            If a tensor has another number of columns.

        Examples
        --------
        >>> import torch
        >>> from stefaland_sk.physics import HBV_1_1P
        >>> values = HBV_1_1P.from_raw(torch.zeros(3, HBV_1_1P.n_static),
        ...                            torch.zeros(10, 3, HBV_1_1P.n_dynamic))
        >>> values["fc"].shape, values["beta"].shape, values["route_a"].shape
        (torch.Size([3, 16]), torch.Size([10, 3, 16]), torch.Size([3]))
        >>> float(values["fc"][0, 0])  # the middle of the bounds
        525.0
        """
        n_given = 0 if dynamic is None else dynamic.shape[-1]
        for name, n, wanted in (
            ("static", static.shape[-1], self.n_static),
            ("dynamic", n_given, self.n_dynamic),
        ):
            if n != wanted:
                raise ValueError(
                    f"`{name}` must have {wanted} columns: {self.n_members} members of "
                    f"{list(getattr(self, name))}"
                    f"{f' and {self._shared()}' * (name == 'static')}. Got {n}."
                )
        sizes = [self.n_members] * len(self.static)
        shared = self._shared()
        # The sigmoid of all at once: of columns of an array it takes several times as long.
        parts = torch.split(torch.sigmoid(static), [*sizes, *[1] * len(shared)], dim=-1)
        shares = dict(zip([*self.static, *shared], parts, strict=True))
        if self.dynamic:
            parts = torch.split(torch.sigmoid(dynamic), self.n_members, dim=-1)
            shares |= dict(zip(self.dynamic, parts, strict=True))
        known = self.parameters
        values = {name: known[name].from_share(part) for name, part in shares.items()}
        return values | {name: values[name].squeeze(-1) for name in shared}

    def drop_dynamic(self, parameters, rate, *, generator=None):
        """Make dynamic parameters static at some sites, drawn at random, for training.

        A network learns so not to put into daily parameters what a static one explains.

        Parameters
        ----------
        parameters : dict of str -> Tensor
            From `from_raw`.
        rate : float
            Probability, for each dynamic parameter and site, that all its days take the
            value of the last day.
        generator : torch.Generator, default=None
            Where the draws come from; None takes torch's own.

        Returns
        -------
        dict of str -> Tensor
            Parameters of the same shapes.

        Raises
        ------
        TypeError, ValueError
            If the rate is not a number from 0 to 1.

        Examples
        --------
        >>> import torch
        >>> from dataclasses import replace
        >>> from stefaland_sk.physics import HBV_1_1P
        >>> spec = replace(HBV_1_1P, n_members=1, dynamic=("beta",))
        >>> daily = {"beta": torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)}
        >>> spec.drop_dynamic(daily, rate=1.0)["beta"].flatten()
        tensor([3., 3., 3.])
        """
        check_number("rate", rate, low=0, high=1)
        if not rate:
            return parameters
        result = dict(parameters)
        for name in self.dynamic:
            daily = result[name]
            draw = torch.rand(
                daily.shape[1], 1, generator=generator, dtype=daily.dtype, device=daily.device
            )
            result[name] = torch.where(draw < rate, daily[-1:], daily)
        return result
