"""What is said when a guarantee was asked for and cannot be given."""

from __future__ import annotations


class NoGuaranteeWarning(UserWarning):
    """The threshold carries no guarantee although one was asked for; the message says why.

    Turn it into an error where a threshold without a guarantee must not be used:
    ``warnings.simplefilter("error", NoGuaranteeWarning)``.
    """
