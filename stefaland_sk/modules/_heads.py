"""What turns features or raw inputs into the target: recurrent heads."""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_number, check_option

from ._adapters import LOOKS_AHEAD, READS_ATTRIBUTES, make_adapter
from ._dropout import Dropout
from ._mixing import DayConvolution
from ._recurrent import ConcatLinear, Recurrent, concat_linear

_D_DECODER = 64  # width of the small network that reads a variable out, as in pretraining


def _clean(values, name, shape):
    """Return the values with 0 (the mean, after scaling) where they are missing."""
    if values is None and 0 in shape:
        return None
    if values is None or tuple(values.shape) != tuple(shape):
        got = None if values is None else tuple(values.shape)
        raise ValueError(f"`{name}` must have shape {tuple(shape)}; got {got}.")
    return values.masked_fill(torch.isnan(values), 0.0)


def _read_raw(forcing, attributes, n_forcings, n_attributes):
    """Return raw inputs without NaN, the attributes with a time axis, and (n_sites, n_times)."""
    given = forcing if forcing is not None else attributes
    if given is None:
        raise ValueError("`forcing` and `attributes` are both None; give at least one.")
    if forcing is None and n_forcings == 0:
        forcing = given.new_zeros(len(given), 1, 0)
    if forcing is None or forcing.ndim != 3 or forcing.shape[1] == 0:
        raise ValueError(
            f"`forcing` must have shape (n_sites, n_times >= 1, {n_forcings}); "
            f"got {None if forcing is None else tuple(forcing.shape)}."
        )
    n_sites, n_times, _ = forcing.shape
    forcing = _clean(forcing, "forcing", (n_sites, n_times, n_forcings))
    attributes = _clean(attributes, "attributes", (n_sites, n_attributes))
    return forcing, None if attributes is None else attributes.unsqueeze(1), (n_sites, n_times)


def _days_first(layer, *inputs):
    """Apply a layer to (site, time, ...) inputs laid out in memory as the LSTM wants them."""
    turned = [None if part is None else part.transpose(0, 1).contiguous() for part in inputs]
    return layer(*turned).transpose(0, 1)


def _check_pairing(head, adapter, residual, d_encoder, n_inputs):
    """Raise a ValueError where parts of a head make no sense together."""
    if head == "decoder" and residual is not False:
        raise ValueError(
            "`head`='decoder' reads the features alone, as the decoder of the pretraining does; "
            f"got residual={residual!r}. Use residual=False, or head='lstm'."
        )
    if d_encoder:
        return
    if n_inputs == 0:
        raise ValueError(
            "With `d_encoder`=0 a head reads raw inputs only; got n_forcings=0 and "
            "n_attributes=0. Give at least one, or features of an encoder."
        )
    if adapter != "none":
        raise ValueError(
            f"`adapter`={adapter!r} joins raw inputs with features, and with d_encoder=0 there are "
            "none. Use adapter='none'."
        )
    if head == "decoder" or residual == "cnn":
        wrong = "head='decoder'" if head == "decoder" else "residual='cnn'"
        raise ValueError(
            f"{wrong} needs features, and with `d_encoder`=0 there are none. Use head='lstm' (or "
            "'linear') with residual=True or False."
        )


class FinetuneHead(nn.Module):
    """Predict the target from features of an encoder and the raw inputs.

    Parameters
    ----------
    d_encoder : int
        Width of the features. 0 = there is no encoder: raw inputs alone, the
        matched comparator of a head with one.
    n_forcings, n_attributes : int
        Number of raw inputs; either may be 0.
    d_hidden : int, default=256
        Width of adapter and LSTM. Features are projected to it where
        `d_encoder` differs.
    adapter : {"auto", "none", "gated", "residual", "bottleneck", "feedforward", "conv", \
            "attention", "moe"} or None, default="auto"
        How raw inputs join the features; None is "none". "auto" is "residual" with
        ``residual=True``, "gated" with an LSTM and ``residual=False``, "none" otherwise.
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
    head : {"lstm", "linear", "decoder"}, default="lstm"
        What stands between: an LSTM; nothing (with ``adapter="none"`` and
        ``residual=False`` that is a linear probe, one linear layer per day, without
        dropout or projection); or what reads the variables out in pretraining, an LSTM,
        layer norm, dropout and a small network, as if the target were one
        channel more to be reconstructed. The last one needs ``residual=False``.
    causal : bool, default=False
        Whether the convolutions and the attention of "conv", "attention" and "cnn" are kept
        from reading later days. Features of an encoder have seen the whole window all the same.

    Raises
    ------
    ValueError
        If a parameter is not legal, parts make no sense together, or (in the
        call) shapes do not fit.

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

    Without an encoder a is left out, and with False u = relu(W_pre [x; c]) takes
    its place. ``head="linear"`` has h = u in place of h = LSTM(u).

    Names of parameters begin with the part that they belong to: ``project.``
    (features to `d_hidden`), ``adapter.``, ``pre.``, ``skip.``, ``convolve.`` and ``mix.``
    (before the LSTM; the last three of "cnn"), ``recurrent.``, ``post.``, ``output.``.

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
        head="lstm",
        causal=False,
    ):
        super().__init__()
        for name, size, low in (
            ("d_encoder", d_encoder, 0),
            ("n_forcings", n_forcings, 0),
            ("n_attributes", n_attributes, 0),
            ("d_hidden", d_hidden, 1),
            ("n_outputs", n_outputs, 1),
        ):
            check_number(name, size, low=low, integer=True)
        for name, rate in (("dropout", dropout), ("weight_dropout", weight_dropout)):
            check_number(name, rate, low=0, high=1)
        check_option("residual", residual, [True, False, "cnn"])
        check_option("head", head, ["lstm", "linear", "decoder"])
        check_option("causal", causal, [True, False])
        if adapter == "auto":
            plain = residual == "cnn" or head != "lstm"
            by_default = "residual" if residual is True else "none" if plain else "gated"
            adapter = by_default if d_encoder else "none"
        adapter = "none" if adapter is None else adapter
        _check_pairing(head, adapter, residual, d_encoder, n_forcings + n_attributes)
        self.d_encoder, self.n_forcings, self.n_attributes = d_encoder, n_forcings, n_attributes
        self.residual, self.n_outputs = residual, n_outputs
        wired = residual is not False or adapter in READS_ATTRIBUTES or not d_encoder
        self.reads_attributes = bool(n_attributes and wired)
        if d_encoder and (head, adapter, residual) == ("linear", "none", False):
            d_hidden = d_encoder
        same = d_encoder in (0, d_hidden)
        self.project = nn.Identity() if same else nn.Linear(d_encoder, d_hidden)
        options = {"feature_scale": feature_scale} if adapter == "residual" else {}
        if adapter in LOOKS_AHEAD:
            options["causal"] = causal
        self.adapter = make_adapter(
            adapter, d_hidden, n_forcings, n_attributes, dropout=dropout, **options
        )
        raw = [n_forcings, n_attributes]
        if residual is True or not d_encoder:
            self.pre = ConcatLinear([d_hidden * bool(d_encoder), *raw], d_hidden)
        if residual is True:
            self.post = ConcatLinear([d_hidden, *raw], d_hidden)
        elif residual == "cnn":
            self.skip = ConcatLinear(raw, d_hidden)
            self.convolve = DayConvolution(d_hidden, d_hidden, causal)
            self.mix = nn.Linear(d_hidden, d_hidden)
        self.recurrent = None
        if head != "linear":
            self.recurrent = Recurrent(d_hidden, d_hidden, forget_bias, weight_dropout)
        self.dropout = Dropout(dropout if head == "lstm" else 0.0)
        self.output = nn.Linear(d_hidden, n_outputs)
        if head == "decoder":
            self.output = nn.Sequential(
                nn.LayerNorm(d_hidden),
                Dropout(dropout),
                nn.Linear(d_hidden, _D_DECODER),
                nn.GELU(),
                nn.Linear(_D_DECODER, n_outputs),
            )

    def _read(self, features, forcing, attributes):
        """Return the inputs in order, the attributes with a time axis, and (n_sites, n_times)."""
        if self.d_encoder == 0:
            if features is not None:
                raise ValueError(
                    "`features` must be None for a head without an encoder (d_encoder=0); got "
                    f"shape {tuple(features.shape)}."
                )
            raw = _read_raw(forcing, attributes, self.n_forcings, self.n_attributes)
            return features, *raw
        shape = None if features is None else tuple(features.shape)
        if shape is None or len(shape) != 3 or shape[1] == 0 or shape[2] != self.d_encoder:
            raise ValueError(
                f"`features` must have shape (n_sites, n_times >= 1, {self.d_encoder}); "
                f"got {shape}."
            )
        n_sites, n_times, _ = shape
        if n_times == 1 and forcing is not None and forcing.ndim == 3:
            n_times = forcing.shape[1]  # one feature for all days
        forcing = _clean(forcing, "forcing", (n_sites, n_times, self.n_forcings))
        attributes = _clean(attributes, "attributes", (n_sites, self.n_attributes))
        site = None if attributes is None else attributes.unsqueeze(1)
        return features, forcing, site, (n_sites, n_times)

    def _adapt(self, features, forcing, site, n_times):
        """Return the adapted features, or None where there is no encoder."""
        if self.d_encoder == 0:
            return None
        features = self.project(features)
        if self.n_forcings == 0:  # nothing else tells the adapter of the days
            features = features.expand(-1, n_times, -1)
        return self.adapter(features, forcing, None if site is None else site.squeeze(1))

    def hidden_states(self, features=None, forcing=None, attributes=None, state=None):
        """Return what the output layer reads, and the LSTM's last state.

        For models that put something else than one linear layer on top, such
        as parameters of a physical model.

        Parameters
        ----------
        features : Tensor of shape (n_sites, n_times or 1, d_encoder), default=None
            Features of the encoder; one step = the same on all days of the
            forcing. None only if there is no encoder.
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
        state : tuple of two Tensors or None
            LSTM state after the last day; None with ``head="linear"``.
        """
        inputs = self._read(features, forcing, attributes)
        hidden, state = self._run(*inputs, state)
        if self.residual is True:
            _, forcing, site, _ = inputs
            hidden = _days_first(self.post, hidden, forcing, site) + hidden
        return hidden, state

    def _run(self, features, forcing, site, shape, state):
        """Return hidden states before raw inputs rejoin them, and the LSTM's last state."""
        n_sites, n_times = shape
        inputs = self._adapt(features, forcing, site, n_times)
        if self.residual is True:
            inputs = _days_first(self.pre, inputs, forcing, site)
        elif self.residual == "cnn":
            skip = self.skip(forcing, site)
            smooth = F.relu(self.convolve((inputs + skip).expand(-1, n_times, -1)))
            inputs = self.mix(smooth) + skip
        elif self.d_encoder == 0:
            inputs = _days_first(self.pre, None, forcing, site).relu()
        hidden = inputs.expand(n_sites, n_times, -1)
        if self.recurrent is not None:
            hidden, state = self.recurrent(hidden, state)
            hidden = self.dropout(hidden)
        return hidden, state

    def _output_of_post(self):
        """Return weights and bias of the output on [h; x; c]: post and output are both linear."""
        last = self.output.weight
        weight = last @ self.post.weight
        weight = torch.cat([weight[:, : last.shape[1]] + last, weight[:, last.shape[1] :]], dim=1)
        return weight, F.linear(self.post.bias, last, self.output.bias)

    def forward(self, features=None, forcing=None, attributes=None, state=None, return_state=False):
        """Return the predictions.

        A long series can be run in pieces by passing on the state; with
        "conv", "attention" and "cnn" the pieces then differ from one long
        run, since no day reads beyond a joint there.

        Parameters
        ----------
        features : Tensor of shape (n_sites, n_times or 1, d_encoder), default=None
            Features of the encoder; one step = the same on all days of the
            forcing. None only if there is no encoder.
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
        state : tuple of two Tensors or None
            LSTM state after the last day; only with ``return_state=True``.
        """
        inputs = self._read(features, forcing, attributes)
        hidden, state = self._run(*inputs, state)
        if self.residual is True:
            _, forcing, site, _ = inputs
            weight, bias = self._output_of_post()

            def layer(*inputs):
                return concat_linear(inputs, weight, bias, self.post.sizes)

            output = _days_first(layer, hidden, forcing, site)
        else:
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
        forcing, site, (n_sites, n_times) = _read_raw(
            forcing, attributes, self.n_forcings, self.n_attributes
        )
        inputs = _days_first(self.pre, forcing, site).relu().expand(n_sites, n_times, -1)
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
