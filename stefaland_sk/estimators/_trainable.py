"""Which weights a finetuning trains, and from which epoch on."""

from fnmatch import fnmatchcase

WORDS = ("head", "adapter", "all")
# The part of a head that "adapter" leaves as it is.
_RECURRENT = "head.recurrent."


def resolve_stages(trainable, names):
    """Turn the parameter `trainable` into the weights trained from each epoch on.

    Parameters
    ----------
    trainable : str, list of str, or dict of int to str or list
        "head": all but the encoder; "adapter": of the head, all but its LSTM; "all"; or patterns
        of names such as ``"encoder.backbone.*"``. A dictionary unfreezes step by step: epoch
        (from 0) -> what is trained from then on, besides what was before.
    names : sequence of str
        Names of all weights: those of the head begin with "head.", of the encoder with
        "encoder.".

    Returns
    -------
    list of (int, frozenset of str)
        Epochs in ascending order, beginning with 0, and the names trained from then on.

    Raises
    ------
    TypeError, ValueError
        If `trainable` is of another kind, a pattern matches nothing, or there is nothing to
        train in the first epoch.

    Examples
    --------
    >>> names = ["head.output.bias", "encoder.backbone.norm.bias"]
    >>> resolve_stages({0: "head", 3: ["encoder.*"]}, names)[1]
    (3, frozenset({...}))
    """
    stages = trainable if isinstance(trainable, dict) else {0: trainable}
    for epoch in stages:
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
            raise ValueError(
                f"The keys of `trainable` are epochs, whole numbers from 0. Got {epoch!r}."
            )
    if 0 not in stages:
        raise ValueError(
            f"`trainable` must say what is trained from epoch 0 on. Got {trainable!r}."
        )
    resolved, chosen = [], frozenset()
    for epoch in sorted(stages):
        chosen |= _match(stages[epoch], names)
        resolved.append((epoch, chosen))
    return resolved


def trains_encoder(stages):
    """Tell whether any weight of the encoder is ever trained."""
    return any(name.startswith("encoder.") for _, chosen in stages for name in chosen)


def _match(what, names):
    """Give the names that one word, or a list of patterns, stands for."""
    if isinstance(what, str) and what in WORDS:
        return frozenset(
            name
            for name in names
            if what == "all"
            or (name.startswith("head.") and (what == "head" or not name.startswith(_RECURRENT)))
        )
    if isinstance(what, str):
        raise ValueError(
            f"`trainable` must be one of {list(WORDS)}, a list of name patterns, or a dictionary "
            f"of epochs. Got {what!r}; patterns go into a list: [{what!r}]."
        )
    if not isinstance(what, list | tuple) or not what:
        raise TypeError(
            f"`trainable` must be one of {list(WORDS)}, a list of name patterns, or a dictionary "
            f"of epochs. Got {what!r}."
        )
    chosen = frozenset()
    for pattern in what:
        found = frozenset(name for name in names if fnmatchcase(name, pattern))
        if not found:
            parts = sorted({".".join(name.split(".")[:2]) for name in names})
            raise ValueError(
                f"The pattern {pattern!r} of `trainable` matches no weight. Their names begin with "
                f"{parts}; '*' stands for the rest."
            )
        chosen |= found
    return chosen
