"""What turns features or raw inputs into the target: recurrent heads."""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_number, check_option

from ._adapters import make_adapter
from ._dropout import Dropout
from ._recurrent import ConcatLinear, Recurrent


def _clean(values, name, shape):
    """Return the values with 0 (the mean, after scaling) where they are missing."""
    if values is None and 0 in shape:
        return None
    if values is None or tuple(values.shape) != tuple(shape):
        got = None if values is None else tuple(values.shape)
        raise ValueError(f"`{name}` must have shape {tuple(shape)}; got {got}.")
    return values.masked_fill(torch.isnan(values), 0.0)


class FinetuneHead(nn.Module):
    """Predict the target from features of a frozen encoder and the raw inputs.

    Parameters
    ----------
    d_encoder : int
        Width of the features.
    n_forcings, n_attributes : int
        Number of raw inputs; either may be 0.
    d_hidden : int, default=256
        Width of adapter and LSTM. Features are projected to it where
        `d_encoder` differs.
    adapter : {"auto", "none", "gated", "residual", "bottleneck", "feedforward"}
        How raw inputs join the features, by default "auto": "residual" with
        ``residual=True``, "gated" with False, "none" with "cnn".
    residual : True, False or "cnn", default=True
        Whether raw inputs enter again around the LSTM; see Notes.
    n_outputs : int, default=1
        Number of outputs per day.
    dropout : float, default=0.1
        Dropout rate in the adapter and behind the LSTM.
    weight_dropout : float, default=0.0
        Rate at which single weights of the LSTM are dropped in training.
    forget_bias : float or None, default=3.0
        Initial bias of the LSTM's forget gate; None keeps torch's.
    feature_scale : float or None, default=0.1
        Initial scale of the normalised features in the residual adapter; None
        takes features as they come. Other adapters ignore it.

    Raises
    ------
    ValueError
        If a parameter is not legal, or (in the call) shapes do not fit.

    Notes
    -----
    With a = adapter(features, x, c), forcing x, attributes c [1]_:

    True
        u = W_pre [a; x; c], h = LSTM(u), o = W_post [h; x; c] + h, output W o.
    False
        h = LSTM(a), output W h.
    "cnn"
        s = W_in [x; c], r = W relu(conv(a + s)) + s, h = LSTM(r), output W h,
        the convolution being over three days: tomorrow is read as well.

    Missing raw inputs count as 0, the mean after scaling; the encoder, which
    has mask tokens, is the part that tells missing from average.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> import torch
    >>> head = FinetuneHead(d_encoder=16, n_forcings=3, n_attributes=2, d_hidden=8)
    >>> head(torch.zeros(4, 30, 16), torch.zeros(4, 30, 3), torch.zeros(4, 2)).shape
    torch.Size([4, 30])
    """

    def __init__(
        self,
        d_encoder,
        n_forcings,
        n_attributes,
        d_hidden=256,
        adapter="auto",
        residual=True,
        n_outputs=1,
        dropout=0.1,
        weight_dropout=0.0,
        forget_bias=3.0,
        feature_scale=0.1,
    ):
        super().__init__()
        for name, size, low in (
            ("d_encoder", d_encoder, 1),
            ("n_forcings", n_forcings, 0),
            ("n_attributes", n_attributes, 0),
            ("d_hidden", d_hidden, 1),
            ("n_outputs", n_outputs, 1),
        ):
            check_number(name, size, low=low, integer=True)
        for name, rate in (("dropout", dropout), ("weight_dropout", weight_dropout)):
            check_number(name, rate, low=0, high=1)
        check_option("residual", residual, [True, False, "cnn"])
        if adapter == "auto":
            adapter = {True: "residual", False: "gated", "cnn": "none"}[residual]
        self.d_encoder, self.n_forcings, self.n_attributes = d_encoder, n_forcings, n_attributes
        self.residual, self.n_outputs = residual, n_outputs
        same = d_encoder == d_hidden
        self.project = nn.Identity() if same else nn.Linear(d_encoder, d_hidden)
        options = {"feature_scale": feature_scale} if adapter == "residual" else {}
        self.adapter = make_adapter(
            adapter, d_hidden, n_forcings, n_attributes, dropout=dropout, **options
        )
        sizes = [d_hidden, n_forcings, n_attributes]
        if residual is True:
            self.pre = ConcatLinear(sizes, d_hidden)
            self.post = ConcatLinear(sizes, d_hidden)
        elif residual == "cnn":
            self.skip = ConcatLinear(sizes[1:], d_hidden)
            self.convolve = nn.Conv1d(d_hidden, d_hidden, kernel_size=3, padding="same")
            self.mix = nn.Linear(d_hidden, d_hidden)
        self.recurrent = Recurrent(d_hidden, d_hidden, forget_bias, weight_dropout)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(d_hidden, n_outputs)

    def hidden_states(self, features, forcing=None, attributes=None, state=None):
        """Return what the output layer reads, and the LSTM's last state.

        For models that put something else than one linear layer on top, such
        as parameters of a physical model.

        Parameters
        ----------
        features : Tensor of shape (n_sites, n_times, d_encoder)
            Features of the encoder; `n_times` may be 1.
        forcing : Tensor of shape (n_sites, n_times, n_forcings), default=None
            Scaled forcing, NaN = missing; None only if there is none.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; None only if there are none.
        state : tuple of two Tensors, default=None
            LSTM state after the day before; None starts from zero.

        Returns
        -------
        hidden : Tensor of shape (n_sites, n_times, d_hidden)
            Hidden states.
        state : tuple of two Tensors
            LSTM state after the last day.
        """
        if features.ndim != 3 or features.shape[1] == 0 or features.shape[2] != self.d_encoder:
            raise ValueError(
                f"`features` must have shape (n_sites, n_times >= 1, {self.d_encoder}); "
                f"got {tuple(features.shape)}."
            )
        n_sites, n_times, _ = features.shape
        forcing = _clean(forcing, "forcing", (n_sites, n_times, self.n_forcings))
        attributes = _clean(attributes, "attributes", (n_sites, self.n_attributes))
        adapted = self.adapter(self.project(features), forcing, attributes)
        site = None if attributes is None else attributes.unsqueeze(1)
        if self.residual is True:
            hidden, state = self.recurrent(self.pre(adapted, forcing, site), state)
            hidden = self.dropout(hidden)
            return self.post(hidden, forcing, site) + hidden, state
        if self.residual == "cnn":
            skip = self.skip(forcing, site)
            smooth = F.relu(self.convolve((adapted + skip).transpose(1, 2)))
            adapted = self.mix(smooth.transpose(1, 2)) + skip
        hidden, state = self.recurrent(adapted, state)
        return self.dropout(hidden), state

    def forward(self, features, forcing=None, attributes=None, state=None, return_state=False):
        """Return the predictions.

        A long series can be run in pieces by passing on the state; with
        ``residual="cnn"`` the days beside a joint then differ from one long
        run, since the convolution is padded there.

        Parameters
        ----------
        features : Tensor of shape (n_sites, n_times, d_encoder)
            Features of the encoder; `n_times` may be 1.
        forcing : Tensor of shape (n_sites, n_times, n_forcings), default=None
            Scaled forcing, NaN = missing; None only if there is none.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; None only if there are none.
        state : tuple of two Tensors, default=None
            LSTM state after the day before; None starts from zero.
        return_state : bool, default=False
            Whether to return the last state as well.

        Returns
        -------
        output : Tensor of shape (n_sites, n_times[, n_outputs])
            Predictions; the last axis is missing where ``n_outputs=1``.
        state : tuple of two Tensors
            LSTM state after the last day; only with ``return_state=True``.
        """
        hidden, state = self.hidden_states(features, forcing, attributes, state)
        output = self.output(hidden)
        output = output.squeeze(-1) if self.n_outputs == 1 else output
        return (output, state) if return_state else output


class RecurrentRegressor(nn.Module):
    """The LSTM comparator: linear, ReLU, LSTM, dropout, linear [1]_.

    Parameters
    ----------
    n_forcings : int
        Number of forcing variables, may be 0.
    n_attributes : int, default=0
        Number of attributes; they enter on every day.
    d_hidden : int, default=256
        Width of the LSTM.
    n_outputs : int, default=1
        Number of outputs per day.
    dropout : float, default=0.4
        Dropout rate behind the LSTM.
    weight_dropout : float, default=0.0
        Rate at which single weights of the LSTM are dropped in training.
    forget_bias : float or None, default=3.0
        Initial bias of the LSTM's forget gate; None keeps torch's.

    Raises
    ------
    ValueError
        If a parameter is not legal, or (in the call) shapes do not fit.

    Notes
    -----
    Missing inputs count as 0, the mean after scaling. Predictions of a day
    depend on that day and earlier ones only.

    References
    ----------
    .. [1] Feng, D., Fang, K. and Shen, C. (2020). Enhancing streamflow forecast
       and extracting insights using long-short term memory networks with data
       integration at continental scales. Water Resour. Res., 56,
       e2019WR026793. doi:10.1029/2019WR026793

    Examples
    --------
    >>> import torch
    >>> model = RecurrentRegressor(n_forcings=3, n_attributes=2, d_hidden=8)
    >>> model(torch.zeros(4, 30, 3), torch.zeros(4, 2)).shape
    torch.Size([4, 30])
    """

    def __init__(
        self,
        n_forcings,
        n_attributes=0,
        d_hidden=256,
        n_outputs=1,
        dropout=0.4,
        weight_dropout=0.0,
        forget_bias=3.0,
    ):
        super().__init__()
        check_number("n_forcings", n_forcings, low=0, integer=True)
        check_number("n_attributes", n_attributes, low=0, integer=True)
        check_number("d_hidden", d_hidden, low=1, integer=True)
        check_number("n_outputs", n_outputs, low=1, integer=True)
        check_number("dropout", dropout, low=0, high=1)
        check_number("weight_dropout", weight_dropout, low=0, high=1)
        self.n_forcings, self.n_attributes, self.n_outputs = n_forcings, n_attributes, n_outputs
        self.pre = ConcatLinear([n_forcings, n_attributes], d_hidden)
        self.recurrent = Recurrent(d_hidden, d_hidden, forget_bias, weight_dropout)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(d_hidden, n_outputs)

    def hidden_states(self, forcing=None, attributes=None, state=None):
        """Return what the output layer reads, and the LSTM's last state.

        Parameters
        ----------
        forcing : Tensor of shape (n_sites, n_times, n_forcings), default=None
            Scaled forcing, NaN = missing; None = no time, a single step.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; None only if there are none.
        state : tuple of two Tensors, default=None
            LSTM state after the day before; None starts from zero.

        Returns
        -------
        hidden : Tensor of shape (n_sites, n_times, d_hidden)
            Hidden states.
        state : tuple of two Tensors
            LSTM state after the last day.
        """
        given = forcing if forcing is not None else attributes
        if given is None:
            raise ValueError("`forcing` and `attributes` are both None; give at least one.")
        if forcing is None and self.n_forcings == 0:
            forcing = given.new_zeros(len(given), 1, 0)
        if forcing is None or forcing.ndim != 3 or forcing.shape[1] == 0:
            raise ValueError(
                f"`forcing` must have shape (n_sites, n_times >= 1, {self.n_forcings}); "
                f"got {None if forcing is None else tuple(forcing.shape)}."
            )
        n_sites, n_times, _ = forcing.shape
        forcing = _clean(forcing, "forcing", (n_sites, n_times, self.n_forcings))
        attributes = _clean(attributes, "attributes", (n_sites, self.n_attributes))
        site = None if attributes is None else attributes.unsqueeze(1)
        inputs = F.relu(self.pre(forcing, site)).expand(n_sites, n_times, -1)
        hidden, state = self.recurrent(inputs, state)
        return self.dropout(hidden), state

    def forward(self, forcing=None, attributes=None, state=None, return_state=False):
        """Return the predictions.

        Parameters
        ----------
        forcing : Tensor of shape (n_sites, n_times, n_forcings), default=None
            Scaled forcing, NaN = missing; None = no time, a single step.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; None only if there are none.
        state : tuple of two Tensors, default=None
            LSTM state after the day before; None starts from zero.
        return_state : bool, default=False
            Whether to return the last state as well.

        Returns
        -------
        output : Tensor of shape (n_sites, n_times[, n_outputs])
            Predictions; the last axis is missing where ``n_outputs=1``.
        state : tuple of two Tensors
            LSTM state after the last day; only with ``return_state=True``.
        """
        hidden, state = self.hidden_states(forcing, attributes, state)
        output = self.output(hidden)
        output = output.squeeze(-1) if self.n_outputs == 1 else output
        return (output, state) if return_state else output
