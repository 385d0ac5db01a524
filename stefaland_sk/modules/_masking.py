"""Which values are hidden from the encoder in pretraining.

In every mask True means hidden. The masks of a sample follow from its key and
from nothing else; they are drawn for a whole batch at once, on the device of
the keys, and never touch the global random state.
"""

import torch

from ._keyed import KeyedRandom


def sample_masks(config, groups, keys, n_times, n_forcings, n_attributes, *, never_hidden=()):
    """Draw the masks of a batch.

    Parameters
    ----------
    config : MaskConfig
        Sampler, ratios and span lengths.
    groups : sequence of VariableGroup
        Variables hidden together. A variable in no group is one of its own.
    keys : int64 Tensor of shape (n_samples,)
        Keys of the samples, as of `make_keys`.
    n_times, n_forcings, n_attributes : int
        Sizes of a sample; each may be 0.
    never_hidden : sequence of int, default=()
        Attributes that are never hidden.

    Returns
    -------
    forcing_hidden : bool Tensor of shape (n_samples, n_times, n_forcings)
        True = hidden. On the device of the keys.
    attributes_hidden : bool Tensor of shape (n_samples, n_attributes)
        True = hidden.

    Raises
    ------
    TypeError
        If `keys` is not a tensor of int64.
    ValueError
        If a column of `groups` or `never_hidden` does not exist or stands in
        two groups.

    See Also
    --------
    make_keys : Keys of samples in an epoch.

    Notes
    -----
    exact
        Per forcing variable (or group of forcing variables), spans that do not
        overlap and cover exactly the ratio of the window (to one day, rounded
        at random so that the mean is exact), on a circle: the first day is
        hidden as often as any other, a span may leave at the end and come back
        at the beginning, and the last span drawn is cut to fit. Of the groups
        of attributes, a random subset of the ratio's size (rounded likewise) is
        hidden whole; of two or more, at least one is hidden and at least one
        is not, except at ratios 0 and 1. Attributes that are never hidden are
        left out of groups and ratio. A group that holds forcing and attributes
        is two groups, hidden independently.
    code
        As in the authors' programs: spans may overlap and never cross the
        edges of the window, so that at a ratio of 0.5 only 0.38 of the days
        are hidden, mostly in the middle; groups of attributes are visited in
        the order given until a budget is used up, so that the last ones are
        hidden less often, and sometimes nothing is. Attributes that are never
        hidden become visible again afterwards, at the cost of the ratio.
        Groups of forcing variables are ignored.
    paper
        As in the paper: one window per sample, shared by all forcing; each
        group is hidden, in the window, with a probability of the ratio (that
        of forcing if the group holds any). Attributes of a group share its
        draw.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk.modules import MaskConfig, VariableGroup, make_keys
    >>> soil, climate = VariableGroup(attributes=[0, 1]), VariableGroup(attributes=[2, 3])
    >>> forcing_hidden, attributes_hidden = sample_masks(
    ...     MaskConfig(), [soil, climate], make_keys(0, 0, torch.arange(4)), 364, 2, 4
    ... )
    >>> forcing_hidden.sum(dim=1)[0]
    tensor([182, 182])
    >>> attributes_hidden.sum(dim=1)  # one of the two groups
    tensor([2, 2, 2, 2])
    """
    _check_columns(groups, n_forcings, n_attributes, never_hidden)
    sampler = {"exact": _sample_exact, "code": _sample_code, "paper": _sample_paper}[config.sampler]
    sizes = (n_times, n_forcings, n_attributes)
    forcing_hidden, attributes_hidden = sampler(
        config, groups, KeyedRandom(keys), sizes, never_hidden
    )
    if never_hidden:
        attributes_hidden[:, list(never_hidden)] = False
    return forcing_hidden, attributes_hidden


def _check_columns(groups, n_forcings, n_attributes, never_hidden):
    """Raise unless each column exists and stands in one group at most."""
    for kind, n_columns in (("forcings", n_forcings), ("attributes", n_attributes)):
        seen = set()
        for group in groups:
            for column in getattr(group, kind):
                if column >= n_columns:
                    raise ValueError(
                        f"`groups` names column {column} of the {kind}, which are {n_columns}."
                    )
                if column in seen:
                    raise ValueError(f"`groups` holds column {column} of the {kind} twice.")
                seen.add(column)
    wrong = [column for column in never_hidden if not 0 <= column < n_attributes]
    if wrong:
        raise ValueError(
            f"`never_hidden` must hold columns of the {n_attributes} attributes. "
            f"Got {wrong} instead."
        )


def _units(groups, kind, n_columns, without=()):
    """Number the groups and the ungrouped columns; give each column its number.

    Columns in `without` get the number -1, and a group of only such columns none.
    """
    unit_of, n_units = [-1] * n_columns, 0
    singles = [(column,) for column in range(n_columns)]
    for columns in [*(getattr(group, kind) for group in groups), *singles]:
        members = [c for c in columns if c not in without and unit_of[c] < 0]
        for column in members:
            unit_of[column] = n_units
        n_units += bool(members)
    return unit_of, n_units


def _spread(unit_hidden, unit_of):
    """Give each column the mask of its unit; columns without one stay visible."""
    none = unit_hidden.new_zeros(len(unit_hidden), 1)
    return torch.cat([unit_hidden, none], dim=1)[:, unit_of]


def _round_randomly(value, random, *shape):
    """Round down or up at random, so that the mean is `value`."""
    return int(value) + (random.uniform(*shape) < value - int(value)).long()


def _paint(start, length, n_times):
    """Turn spans on a circle of steps into a mask.

    Parameters
    ----------
    start, length : int64 Tensor of shape (..., n_spans)
        First step (before `n_times`) and number of steps of each span.
    n_times : int
        Steps of the circle, at least 1.

    Returns
    -------
    bool Tensor of shape (..., n_times)
        True inside any span.
    """
    end = start + length
    change = torch.zeros(*start.shape[:-1], n_times, dtype=torch.int16, device=start.device)
    one = torch.ones_like(start, dtype=torch.int16)
    change.scatter_add_(-1, start, one)
    change.scatter_add_(-1, end % n_times, -one)
    change[..., 0] += (end >= n_times).sum(-1)  # spans that come back at the beginning
    return change.cumsum(-1, dtype=torch.int16) > 0


def _sample_exact(config, groups, random, sizes, never_hidden):
    """Hide exactly the ratio, everywhere with the same probability."""
    n_times, n_forcings, n_attributes = sizes
    unit_of, n_units = _units(groups, "attributes", n_attributes, without=never_hidden)
    ratio = config.attribute_ratio
    n_chosen = _round_randomly(n_units * ratio, random, 1)
    if n_units > 1 and 0 < ratio < 1:
        n_chosen = n_chosen.clamp(1, n_units - 1)
    units_hidden = random.order(n_units) < n_chosen
    pattern_of, n_patterns = _units(groups, "forcings", n_forcings)
    patterns = _exact_spans(config, random, n_times, n_patterns)
    return patterns[:, pattern_of].transpose(1, 2), _spread(units_hidden, unit_of)


def _exact_spans(config, random, n_times, n_patterns):
    """Draw spans that cover the exact ratio; shape (n_samples, n_patterns, n_times)."""
    n_hidden = _round_randomly(n_times * config.forcing_ratio, random, n_patterns, 1)
    if n_times == 0:
        return torch.zeros(*n_hidden.shape[:2], 0, dtype=torch.bool, device=n_hidden.device)
    shortest, longest = (min(limit, n_times) for limit in config.span)
    n_spans = -(-(int(n_times * config.forcing_ratio) + 1) // shortest)
    # Spans are laid end to end and cut where the wanted number of days is full ...
    length = random.integers(shortest, longest, n_patterns, n_spans)
    end = torch.minimum(length.cumsum(-1), n_hidden)
    length = torch.diff(end, dim=-1, prepend=torch.zeros_like(end[..., :1]))
    # ... then pushed apart by the visible days, shared out at random ...
    before = random.integers(0, n_times - n_hidden, n_patterns, n_spans).sort(-1).values
    # ... and turned by a random angle, which makes all days equal.
    turn = random.integers(0, n_times - 1, n_patterns, 1)
    return _paint((before + end - length + turn) % n_times, length, n_times)


def _sample_code(config, groups, random, sizes, never_hidden):
    """Hide as the authors' programs do, bias included."""
    n_times, n_forcings, n_attributes = sizes
    unit_of, n_units = _units(groups, "attributes", n_attributes)
    n_groups = sum(bool(group.attributes) for group in groups)
    budget = int(n_units * config.attribute_ratio)
    groups_hidden = random.uniform(n_groups) < config.attribute_ratio
    groups_hidden &= groups_hidden.cumsum(1) <= budget
    left = budget - groups_hidden.sum(1, keepdim=True)
    others_hidden = random.order(n_units - n_groups) < left
    units_hidden = torch.cat([groups_hidden, others_hidden], dim=1)
    return _code_spans(config, random, n_times, n_forcings), _spread(units_hidden, unit_of)


def _code_spans(config, random, n_times, n_forcings):
    """Draw overlapping spans until a count that counts overlaps twice is full."""
    wanted = int(n_times * config.forcing_ratio)
    shortest, longest = config.span
    count = torch.zeros(len(random.keys), n_forcings, dtype=torch.long, device=random.keys.device)
    if wanted == 0:
        return torch.zeros(len(count), n_times, n_forcings, dtype=torch.bool, device=count.device)
    starts, lengths, last = [], [], count
    for _ in range(-(-wanted // shortest)):
        room = (n_times - count).clamp(max=longest)
        length = random.integers(room.clamp(max=shortest), room, n_forcings)
        length = torch.where(count < wanted, length, 0)
        start = random.integers(0, n_times - length.clamp(min=1), n_forcings)
        last = torch.where(length > 0, start + length, last)
        count = count + length
        starts.append(start)
        lengths.append(length)
    hidden = _paint(torch.stack(starts, -1), torch.stack(lengths, -1), n_times)
    # Surplus days of the last span become visible, even if an earlier one had hidden them.
    days = torch.arange(n_times, device=count.device)
    last, surplus = last[..., None], (count - wanted)[..., None]
    return (hidden & ~((days >= last - surplus) & (days < last))).transpose(1, 2)


def _sample_paper(config, groups, random, sizes, never_hidden):
    """Hide groups at random inside one window shared by all forcing."""
    n_times, n_forcings, n_attributes = sizes
    # Groups stand first, then each forcing and each attribute as a group of its own.
    n_groups, n_columns = len(groups), n_forcings + n_attributes
    group_of = list(range(n_groups, n_groups + n_columns))
    for number, group in enumerate(groups):
        for column in (*group.forcings, *(n_forcings + column for column in group.attributes)):
            group_of[column] = number
    ratios = [
        config.forcing_ratio if group.forcings else config.attribute_ratio for group in groups
    ]
    ratios += [config.forcing_ratio] * n_forcings + [config.attribute_ratio] * n_attributes
    chosen = random.uniform(len(ratios)) < torch.tensor(ratios, device=random.keys.device)
    chosen = chosen[:, group_of]
    shortest, longest = (min(limit, n_times) for limit in config.span)
    length = random.integers(shortest, longest, 1)
    start = random.integers(0, n_times - length, 1)
    days = torch.arange(n_times, device=random.keys.device)
    window = (days >= start) & (days < start + length)
    return window[..., None] & chosen[:, None, :n_forcings], chosen[:, n_forcings:]
