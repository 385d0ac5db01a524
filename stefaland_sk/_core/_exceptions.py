"""Warnings and errors that callers may want to catch by type."""


class DataWarning(UserWarning):
    """Something about the data deserves a look, but the work goes on."""


class SplitWarning(UserWarning):
    """A split deals the days of one site to both sides, or leaves a part empty."""


class LeakageWarning(UserWarning):
    """The model has already seen what it is about to be judged on."""


class CheckpointError(ValueError):
    """A saved model is damaged, of an unknown format, or does not fit the data."""
