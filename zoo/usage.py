"""The error of wrong use of the zoo."""


class UsageError(ValueError):
    """The caller asked for something that does not exist or does not fit."""
