"""Hybrids: hidden states of a network become parameters of a physical model, which is then run."""

import torch
from torch import nn

from stefaland_sk._core._checks import check_number, check_option

from ._heads import FinetuneHead, _clean

STATIC_POOLS = ("last", "mean", "network")


class PhysicsHead(nn.Module):
    """Give parameters to a physical model and return what it simulates.

    Parameters that vary from day to day follow from each day's hidden state, static ones from
    one vector per site. So the output layer for the static ones, most of
    all, runs once per site and not once per day.

    Parameters
    ----------
    physics : PhysicsSpec
        The model, such as `stefaland_sk.physics.HBV_1_1P`.
    d_hidden : int
        Width of the hidden states.
    static_pool : {"last", "mean", "network"}, default="last"
        What static parameters follow from: the hidden state of the last day (as in the
        published hybrids; it has seen the whole window), the mean over the days, or a network of
        its own that sees the attributes only, so that they do not change with the window.
    n_attributes : int, default=0
        Number of attributes, for ``static_pool="network"``.
    dynamic_dropout : float, default=0.0
        Probability, in training only, that a dynamic parameter of a site is static.
    window : int, default=None
        Days of the windows trained on. In a longer series "last" is the mean over all days on
        which such a window can end, so that a long record is not ruled by its last day. None
        takes the last day.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not legal, or (in the call) shapes do not fit.

    See Also
    --------
    HybridHead : Both in one module.
    FinetuneHead, RecurrentRegressor : Their ``hidden_states`` are what this head reads.

    Notes
    -----
    Here the axes turn: networks have (site, time), physics has (time, site).

    References
    ----------
    .. [1] Feng, D., Liu, J., Lawson, K. and Shen, C. (2022). Differentiable, learnable,
       regionalized process-based models with multiphysical outputs can approach
       state-of-the-art hydrologic prediction accuracy. Water Resour. Res., 58,
       e2022WR032404. doi:10.1029/2022WR032404

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk.physics import HBV_1_1P, SoilBucketSpec
    >>> hidden, weather = torch.zeros(2, 20, 8), torch.ones(2, 20, 3)
    >>> PhysicsHead(HBV_1_1P, 8)(hidden, weather, warmup=5).shape  # runoff [mm/d]
    torch.Size([2, 15])
    >>> PhysicsHead(SoilBucketSpec(), 8)(hidden, weather).shape  # soil moisture [m3/m3]
    torch.Size([2, 20])
    """

    def __init__(
        self,
        physics,
        d_hidden,
        static_pool="last",
        n_attributes=0,
        dynamic_dropout=0.0,
        window=None,
    ):
        super().__init__()
        check_number("d_hidden", d_hidden, low=1, integer=True)
        check_option("static_pool", static_pool, STATIC_POOLS)
        check_number("n_attributes", n_attributes, low=0, integer=True)
        check_number("dynamic_dropout", dynamic_dropout, low=0, high=1)
        check_number("window", window, low=1, integer=True, none=True)
        if static_pool == "network" and not n_attributes:
            raise ValueError(
                "static_pool='network' needs attributes to read. Got `n_attributes`=0; "
                "use 'last' or 'mean'."
            )
        self.physics, self.static_pool = physics, static_pool
        self.n_attributes, self.dynamic_dropout = n_attributes, dynamic_dropout
        self.window = window
        self.static = self.dynamic = None  # where all parameters are of the other kind, or fixed
        if physics.n_dynamic:
            self.dynamic = nn.Linear(d_hidden, physics.n_dynamic)
        if not physics.n_static:
            return
        if static_pool == "network":
            self.static = nn.Sequential(
                nn.Linear(n_attributes, d_hidden),
                nn.ReLU(),
                nn.Linear(d_hidden, physics.n_static),
            )
        else:
            self.static = nn.Linear(d_hidden, physics.n_static)

    def parameters_of(self, hidden, attributes=None):
        """Give the parameters of the physical model.

        Parameters
        ----------
        hidden : Tensor of shape (n_sites, n_times, d_hidden)
            Hidden states.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; only read with ``static_pool="network"``.

        Returns
        -------
        dict of str -> Tensor
            In their units, as `PhysicsSpec.from_raw` gives them.
        """
        if self.static_pool == "network":
            source = _clean(attributes, "attributes", (len(hidden), self.n_attributes))
        else:
            source = hidden[:, self._first_pooled(hidden.shape[1]) :].mean(dim=1)
        daily = None
        if self.dynamic is not None:
            daily = self.dynamic(hidden.transpose(0, 1))
        static = source.new_empty(len(source), 0) if self.static is None else self.static(source)
        return self.physics.from_raw(static, daily)

    def _first_pooled(self, n_times):
        """Give the first of the days over which hidden states are averaged."""
        if self.static_pool == "mean":
            return 0
        return (n_times if self.window is None else min(self.window, n_times)) - 1

    def simulate(self, hidden, forcing, attributes=None, *, initial=None, warmup=0, series=False):
        """Run the physical model and give all it gives.

        Parameters
        ----------
        hidden : Tensor of shape (n_sites, n_times, d_hidden)
            Hidden states.
        forcing : Tensor of shape (n_sites, n_times, n_forcings)
            The variables of ``physics.forcings`` in their units, without gaps.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes; only read with ``static_pool="network"``.
        initial : state of the model, default=None
            Stores before the first day.
        warmup : int, default=0
            Days that fill the stores only.
        series : bool, default=False
            Whether to give all stores and fluxes.

        Returns
        -------
        named tuple
            The target of shape (n_times - warmup, n_sites), ``state`` and ``series``.
        """
        wanted = (*hidden.shape[:2], len(self.physics.forcings))
        if tuple(forcing.shape) != wanted:
            raise ValueError(
                f"`forcing` must have shape {wanted} and hold {list(self.physics.forcings)}; "
                f"got {tuple(forcing.shape)}."
            )
        values = self.parameters_of(hidden, attributes)
        if self.training and self.dynamic_dropout:
            values = self.physics.drop_dynamic(values, self.dynamic_dropout)
        weather = forcing.permute(2, 1, 0).contiguous().unbind()
        return self.physics.simulate(weather, values, initial=initial, warmup=warmup, series=series)

    def forward(self, hidden, forcing, attributes=None, *, initial=None, warmup=0):
        """Return the target.

        Parameters
        ----------
        hidden, forcing, attributes, initial, warmup
            As for `simulate`.

        Returns
        -------
        Tensor of shape (n_sites, n_times - warmup)
            What the model predicts, in the unit ``physics.target[1]``.
        """
        result = self.simulate(hidden, forcing, attributes, initial=initial, warmup=warmup)
        return result[0].transpose(0, 1)


class HybridHead(FinetuneHead):
    """A `FinetuneHead` whose output layer is a physical model.

    Parameters
    ----------
    physics : PhysicsSpec
        The model.
    d_encoder, n_forcings, n_attributes : int
        As of `FinetuneHead`.
    d_hidden : int, default=256
        Width of adapter and LSTM.
    warmup : int, default=0
        Days at the beginning of each window in training that fill the stores only, without
        gradient through the model; the output is 0 on them. In evaluation all days are simulated
        alike.
    static_pool, dynamic_dropout, window
        As of `PhysicsHead`.
    **options : object
        Other parameters of `FinetuneHead`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not legal, or (in the call) shapes do not fit.

    See Also
    --------
    PhysicsHead : The output layer.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk.physics import HBV_1_1P
    >>> head = HybridHead(HBV_1_1P, 0, 3, 2, d_hidden=8, adapter="none", residual=False)
    >>> forcing, attributes = torch.zeros(4, 30, 3), torch.zeros(4, 2)
    >>> head(None, forcing, attributes, torch.ones(4, 30, 3)).shape  # runoff [mm/d]
    torch.Size([4, 30])
    """

    def __init__(
        self,
        physics,
        d_encoder,
        n_forcings,
        n_attributes,
        d_hidden=256,
        *,
        warmup=0,
        static_pool="last",
        dynamic_dropout=0.0,
        window=None,
        **options,
    ):
        super().__init__(d_encoder, n_forcings, n_attributes, d_hidden, **options)
        check_number("warmup", warmup, low=0, integer=True)
        self.warmup = warmup
        self.reads_attributes |= bool(n_attributes and static_pool == "network")
        width = self.output.in_features
        self.output = PhysicsHead(
            physics, width, static_pool, n_attributes, dynamic_dropout, window
        )

    def parameters_of(self, features, forcing, attributes):
        """Give the parameters of the physical model.

        Parameters
        ----------
        features, forcing, attributes
            As of `FinetuneHead.hidden_states`.

        Returns
        -------
        dict of str -> Tensor
            As `PhysicsHead.parameters_of` gives them.
        """
        hidden, _ = self.hidden_states(features, forcing, attributes)
        return self.output.parameters_of(hidden, attributes)

    def simulate(self, features, forcing, attributes, physical, *, warmup=0, series=True):
        """Run the physical model and give all it gives.

        Parameters
        ----------
        features, forcing, attributes
            As of `FinetuneHead.hidden_states`.
        physical : Tensor of shape (n_sites, n_times, n_variables)
            The variables of ``physics.forcings`` in their units; NaN on days behind the end of a
            record that is shorter than its window.
        warmup : int, default=0
            Days that fill the stores only.
        series : bool, default=True
            Whether to give all stores and fluxes.

        Returns
        -------
        named tuple
            As `PhysicsHead.simulate` gives it.
        """
        hidden, _ = self.hidden_states(features, forcing, attributes)
        hidden, physical = _end_records(hidden, physical)
        return self.output.simulate(hidden, physical, attributes, warmup=warmup, series=series)

    def forward(self, features=None, forcing=None, attributes=None, physical=None):
        """Return the target.

        Parameters
        ----------
        features, forcing, attributes, physical
            As of `simulate`.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            What the model predicts, in its unit; in training 0 on the days of the warm-up.
        """
        warmup = self.warmup if self.training else 0
        options = {"warmup": warmup, "series": False}
        target = self.simulate(features, forcing, attributes, physical, **options)[0].T
        return nn.functional.pad(target, (warmup, 0))


def _end_records(hidden, physical):
    """Keep the last hidden state of a record, and dry weather, on days behind its end."""
    outside = physical[:, :, 0].isnan()
    if not outside.any():
        return hidden, physical
    last = (~outside).sum(dim=1, keepdim=True) - 1
    day = torch.arange(hidden.shape[1], device=hidden.device).expand(len(hidden), -1)
    day = torch.minimum(day, last).unsqueeze(2).expand_as(hidden)
    return hidden.gather(1, day), physical.nan_to_num()
