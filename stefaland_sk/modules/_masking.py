"""Which values are hidden from the encoder in pretraining.

In every mask True means hidden. Masks are drawn on the device of the
generator, for a whole batch at once, and never touch the global random state.
"""

import torch

from stefaland_sk._core._config import VariableGroup


def sample_masks(
    config, groups, n_samples, n_times, n_forcings, n_attributes, *, generator, device=None, skip=()
):
    """Draw the masks of a batch.

    Parameters
    ----------
    config : MaskConfig
        Sampler, ratios and span lengths.
    groups : sequence of VariableGroup
        Variables hidden together. A variable in no group is one of its own.
    n_samples, n_times, n_forcings, n_attributes : int
        Sizes of the batch; `n_times`, `n_forcings` and `n_attributes` may be 0.
    generator : torch.Generator
        Source of randomness; masks are drawn on its device.
    device : torch.device or str, default=None
        Where the masks are wanted; None leaves them on the generator's device.
    skip : sequence of int, default=()
        Attributes that are never hidden.

    Returns
    -------
    forcing_mask : bool Tensor of shape (n_samples, n_times, n_forcings)
        True = hidden.
    attribute_mask : bool Tensor of shape (n_samples, n_attributes)
        True = hidden.

    Raises
    ------
    ValueError
        If a column of `groups` or `skip` does not exist or stands in two groups.

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
        is not, except at ratios 0 and 1.
    code
        As in the authors' programs: spans may overlap and never cross the
        edges of the window, so that at a ratio of 0.5 only 0.38 of the days
        are hidden, mostly in the middle; groups of attributes are visited in
        the order given until a budget is used up, so that the last ones are
        hidden less often, and sometimes nothing is.
    paper
        As in the paper: one window per sample, shared by all forcing; each
        group is hidden, in the window, with a probability of the ratio (that
        of forcing if the group holds any). Attributes of a group share its
        draw.

    In the first sampler the forcing variables of a group share their spans; in
    the second, groups of forcing variables are ignored.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk._core._config import MaskConfig, VariableGroup
    >>> soil, climate = VariableGroup(attributes=[0, 1]), VariableGroup(attributes=[2, 3])
    >>> forcing_mask, attribute_mask = sample_masks(
    ...     MaskConfig(), [soil, climate], 4, 364, 2, 4, generator=torch.Generator().manual_seed(0)
    ... )
    >>> forcing_mask.sum(dim=1)[0]
    tensor([182, 182])
    >>> attribute_mask.sum(dim=1)  # one of the two groups
    tensor([2, 2, 2, 2])
    """
    _check_groups(groups, n_forcings, n_attributes, skip)
    sampler = {"exact": _sample_exact, "code": _sample_code, "paper": _sample_paper}[config.sampler]
    forcing_mask, attribute_mask = sampler(
        config, groups, (n_samples, n_times, n_forcings, n_attributes), skip, generator
    )
    if skip:
        attribute_mask[:, list(skip)] = False
    if device is not None:
        return forcing_mask.to(device), attribute_mask.to(device)
    return forcing_mask, attribute_mask


def _check_groups(groups, n_forcings, n_attributes, skip):
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
    wrong = [column for column in skip if not 0 <= column < n_attributes]
    if wrong:
        raise ValueError(
            f"`skip` must hold columns of the {n_attributes} attributes. Got {wrong} instead."
        )


def _units(groups, kind, n_columns, without=()):
    """Number the groups and the ungrouped columns; give each column its number.

    Columns in `without` get the number -1, and a group of only such columns none.
    """
    unit_of = [-1] * n_columns
    n_units = 0
    singles = [VariableGroup(**{kind: (column,)}) for column in range(n_columns)]
    for group in [*groups, *singles]:
        members = [c for c in getattr(group, kind) if c not in without and unit_of[c] < 0]
        for column in members:
            unit_of[column] = n_units
        n_units += bool(members)
    return unit_of, n_units


def _randint(low, high, generator):
    """Draw whole numbers from low to high (inclusive), which may be tensors."""
    draw = torch.rand(high.shape, generator=generator, device=high.device, dtype=torch.float64)
    return low + (draw * (high - low + 1)).long().clamp(max=high - low)


def _rand(*shape, generator):
    """Draw uniform numbers where the generator lives."""
    return torch.rand(*shape, generator=generator, device=generator.device)


def _round_randomly(value, shape, generator):
    """Round down or up at random, so that the mean is `value`."""
    return torch.floor(value + _rand(*shape, generator=generator).double()).long()


def _choose(n_chosen, n_units, generator):
    """Choose n_chosen[i] of `n_units` units in row i, all equally likely."""
    ranks = _rand(len(n_chosen), n_units, generator=generator).argsort(1).argsort(1)
    return ranks < n_chosen[:, None]


def _paint(start, length, n_times):
    """Turn spans that do not overlap, of shape (..., n_spans), into a mask over time."""
    change = torch.zeros(*start.shape[:-1], n_times + 1, dtype=torch.int32, device=start.device)
    one = torch.ones_like(start, dtype=torch.int32)
    change.scatter_add_(-1, start, one)
    change.scatter_add_(-1, start + length, -one)
    return change[..., :n_times].cumsum(-1) > 0


def _exact_spans(config, n_samples, n_times, n_patterns, generator):
    """Draw spans that cover the exact ratio; shape (n_samples, n_times, n_patterns)."""
    shape = (n_samples, n_patterns)
    if 0 in shape or n_times == 0:
        return torch.zeros(n_samples, n_times, n_patterns, dtype=bool, device=generator.device)
    n_hidden = _round_randomly(n_times * config.forcing_ratio, shape, generator).unsqueeze(-1)
    n_hidden = n_hidden.clamp(max=n_times)
    shortest, longest = (min(limit, n_times) for limit in config.span)
    n_spans = -(-(int(n_times * config.forcing_ratio) + 1) // shortest)
    # Spans are laid end to end and cut where the wanted number of days is full ...
    length = torch.randint(
        shortest, longest + 1, (*shape, n_spans), generator=generator, device=generator.device
    )
    end = torch.minimum(length.cumsum(-1), n_hidden)
    length = torch.diff(end, dim=-1, prepend=torch.zeros_like(end[..., :1]))
    # ... then pushed apart by the visible days, shared out at random ...
    n_visible = (n_times - n_hidden).expand_as(end)
    before = _randint(torch.zeros_like(n_visible), n_visible, generator).sort(-1).values
    mask = _paint(before + end - length, length, n_times)
    # ... and turned by a random angle, which makes all days equal.
    turn = torch.randint(0, n_times, (*shape, 1), generator=generator, device=generator.device)
    days = torch.arange(n_times, device=generator.device)
    return mask.gather(-1, (days + turn) % n_times).transpose(1, 2)


def _sample_exact(config, groups, sizes, skip, generator):
    """Hide exactly the ratio, everywhere with the same probability."""
    n_samples, n_times, n_forcings, n_attributes = sizes
    pattern_of, n_patterns = _units(groups, "forcings", n_forcings)
    spans = _exact_spans(config, n_samples, n_times, n_patterns, generator)
    unit_of, n_units = _units(groups, "attributes", n_attributes, without=skip)
    ratio = config.attribute_ratio
    n_chosen = _round_randomly(n_units * ratio, (n_samples,), generator)
    if n_units > 1 and 0 < ratio < 1:
        n_chosen = n_chosen.clamp(1, n_units - 1)
    return spans[:, :, pattern_of], _spread(_choose(n_chosen, n_units, generator), unit_of)


def _spread(unit_mask, unit_of):
    """Give each column the mask of its unit; columns without one stay visible."""
    none = torch.zeros(len(unit_mask), 1, dtype=bool, device=unit_mask.device)
    return torch.cat([unit_mask, none], dim=1)[:, unit_of]


def _sample_code(config, groups, sizes, skip, generator):
    """Hide as the authors' programs do, bias included."""
    n_samples, n_times, n_forcings, n_attributes = sizes
    spans = _code_spans(config, (n_samples, n_forcings), n_times, generator)
    members = [list(group.attributes) for group in groups if group.attributes]
    grouped = {column for group in members for column in group}
    alone = [column for column in range(n_attributes) if column not in grouped]
    n_units, ratio = len(members) + len(alone), config.attribute_ratio
    budget = torch.full((n_samples,), int(n_units * ratio), device=generator.device)
    mask = torch.zeros(n_samples, n_attributes, dtype=bool, device=generator.device)
    for group in members:
        hide = (_rand(n_samples, generator=generator) < ratio) & (budget > 0)
        mask[:, group] = hide[:, None]
        budget = budget - hide.long()
    mask[:, alone] = _choose(budget, len(alone), generator)
    return spans, mask  # the skipped attributes come back afterwards, uncounted


def _code_spans(config, shape, n_times, generator):
    """Draw overlapping spans until a count that counts overlaps twice is full."""
    mask = torch.zeros(*shape, n_times, dtype=bool, device=generator.device)
    wanted = int(n_times * config.forcing_ratio)
    count = torch.zeros(shape, dtype=torch.long, device=generator.device)
    days = torch.arange(n_times, device=generator.device)
    shortest, longest = config.span
    for _ in range(-(-wanted // shortest) if 0 not in shape else 0):
        room = (n_times - count).clamp(max=longest)
        length = torch.where(count < wanted, _randint(room.clamp(max=shortest), room, generator), 0)
        start = _randint(torch.zeros_like(length), n_times - length, generator)
        count = count + length
        surplus = torch.where(length > 0, (count - wanted).clamp(min=0), 0)
        after_start = days >= start[..., None]
        after_kept = days >= (start + length - surplus)[..., None]
        inside = after_start & (days < (start + length)[..., None])
        # Surplus days become visible again even if an earlier span had hidden them.
        mask = (mask | inside) & ~(inside & after_kept)
    return mask.transpose(1, 2)


def _sample_paper(config, groups, sizes, skip, generator):
    """Hide groups at random inside one window shared by all forcing."""
    n_samples, n_times, n_forcings, n_attributes = sizes
    group_of_forcing, group_of_attribute = [-1] * n_forcings, [-1] * n_attributes
    singles = [VariableGroup(forcings=(column,)) for column in range(n_forcings)]
    singles += [VariableGroup(attributes=(column,)) for column in range(n_attributes)]
    ratios = []
    for group in [*groups, *singles]:
        for kind, owner in (("forcings", group_of_forcing), ("attributes", group_of_attribute)):
            for column in getattr(group, kind):
                if owner[column] < 0:
                    owner[column] = len(ratios)
        ratios.append(config.forcing_ratio if group.forcings else config.attribute_ratio)
    device = generator.device
    drawn = _rand(n_samples, len(ratios), generator=generator) < torch.tensor(ratios, device=device)
    shortest, longest = (torch.full((n_samples, 1), min(s, n_times)) for s in config.span)
    length = _randint(shortest.to(device), longest.to(device), generator)
    start = _randint(torch.zeros_like(length), n_times - length, generator)
    days = torch.arange(n_times, device=device)
    window = (days >= start) & (days < start + length)
    return window.unsqueeze(-1) & drawn[:, None, group_of_forcing], drawn[:, group_of_attribute]
