"""The errors that a user can cause and mend; the command line prints them without a traceback."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RarecallError(Exception):
    """Base of every error that says what is needed, what came and what to do.

    ``exit_code`` is what the command line returns for it.
    """

    exit_code = 2


class ConfigurationError(RarecallError, ValueError):
    """An option or configuration value cannot be used."""


class MethodError(ConfigurationError):
    """A method name is unknown or its parts do not go together."""


class PackageError(ConfigurationError):
    """A package that is asked for by what is used is missing, or of a version that does not fit."""


class DataError(RarecallError, ValueError):
    """The data cannot be read or cannot answer the question."""

    exit_code = 3


class MetricError(RarecallError, ValueError):
    """A measure is not defined on these scores."""

    exit_code = 3


class RunError(RarecallError, RuntimeError):
    """A run folder is in the way, incomplete, or belongs to another run."""

    exit_code = 4


class StorageError(RarecallError, OSError):
    """A file could not be written: disk full, no permission."""

    exit_code = 5


class Interrupted(RarecallError):  # noqa: N818  (it is a state, not a fault)
    """The work was stopped on request after saving what was done."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known words nearest to ``word``, as a sentence, or an empty string.

    >>> did_you_mean("focl", ["focal", "bce"])
    " Did you mean 'focal'?"
    >>> did_you_mean("xyz", ["focal", "bce"])
    ''
    """
    near = get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(name) for name in near)}?"
