"""Strict reading of a stored map: nothing missing, mistyped or unknown is taken for something."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FORMAT = 1
"""Of a stored map; a reader refuses a newer one."""


def content_of(mapping: object, known: set[str] | None = None) -> Mapping[str, Any]:
    """Check that there is a mapping of this format, with known fields only where these are given.

    Raises:
        RunError: There is not.
    """
    if not isinstance(mapping, Mapping) or "format" not in mapping:
        raise _wrong("it is no mapping with a format")
    form = mapping["format"]
    if type(form) is int and form > FORMAT:
        raise RunError(
            f"The calibration map has format {form}, newer than {FORMAT}, the newest that this "
            "version reads. Update rarecall."
        )
    if type(form) is not int or form != FORMAT:
        raise _wrong(f"its format is {form!r:.40}")
    unknown = sorted(str(key) for key in mapping if known is not None and key not in known)
    if unknown:
        raise _wrong(f"the field {unknown[0]!r:.40} is unknown")
    return mapping


def number(
    given: Mapping[str, Any], name: str, at_least: float = -math.inf, at_most: float = math.inf
) -> float:
    """Read a finite number within bounds.

    Raises:
        RunError: It is missing, no number, or out of bounds.

    >>> number({"slope": 2}, "slope")
    2.0
    """
    value = _field(given, name)
    if type(value) not in {int, float} or not math.isfinite(value):
        raise _wrong(f"{name!r} must be a finite number, not {value!r:.40}")
    if not at_least <= value <= at_most:
        raise _wrong(f"{name!r} must lie between {at_least:g} and {at_most:g}, not {value!r:.40}")
    return float(value)


def rising(given: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """Read a list of one finite number or more that never fall.

    Raises:
        RunError: It is missing, or something else.

    >>> rising({"scores": [1, 2.5]}, "scores")
    array([1. , 2.5])
    """
    values = _field(given, name)
    if not isinstance(values, list) or not values:
        raise _wrong(f"{name!r} must be a list of numbers")
    array = np.array([number({name: value}, name) for value in values])
    if (np.diff(array) < 0).any():
        raise _wrong(f"{name!r} must be sorted")
    return array


def count(given: Mapping[str, Any], name: str) -> int:
    """Read a whole number above 0.

    Raises:
        RunError: It is missing, or something else.
    """
    value = _field(given, name)
    if type(value) is not int or value < 1:
        raise _wrong(f"{name!r} must be a whole number above 0, not {value!r:.40}")
    return value


def one_of(given: Mapping[str, Any], name: str, words: Sequence[str]) -> str:
    """Read one of some words.

    Raises:
        RunError: It is missing, or something else.
    """
    value = _field(given, name)
    if type(value) is not str or value not in words:
        raise _wrong(f"{name!r} must be {' or '.join(map(repr, words))}, not {value!r:.40}")
    return value


def _field(given: Mapping[str, Any], name: str) -> Any:
    if name not in given:
        raise _wrong(f"the field {name!r} is missing")
    return given[name]


def _wrong(what: str) -> RunError:
    return RunError(
        f"This is no calibration map: {what}. Use it as Calibrator.to_json gave it, or fit again."
    )
