"""Strict reading of a certificate: what is missing or mistyped is said, nothing guessed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rarecall.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class FieldError(Exception):
    """A field is missing, unknown or not what it must be."""


def seal(content: Mapping[str, Any]) -> str:
    """Hash plain values in one fixed form: sorted keys, no spaces, ASCII.

    >>> seal({"b": 1, "a": 0.5}) == seal({"a": 0.5, "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def read(path: Path, largest: int) -> object:
    """Read a JSON file of at most ``largest`` bytes; NaN and infinity are refused.

    Raises:
        RunError: It cannot be read, is too large, or is no JSON.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(largest + 1)
    except OSError as error:
        raise RunError(
            f"Cannot read the certificate {path}: {error.strerror or error}. Check the path."
        ) from error
    if len(raw) > largest:
        raise RunError(f"{path} is larger than any certificate; give the file rarecall wrote.")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    # A text may nest deeper than the parser can follow.
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"{path} is not a certificate: it is cut off or no JSON ({error}). Use the file as "
            "rarecall wrote it, or certify again."
        ) from error


def content_of(given: object, newest: int) -> Mapping[str, Any]:
    """Check that there is a mapping in a format that this version reads.

    Raises:
        RunError: There is not.
    """
    if not isinstance(given, Mapping) or "promises" not in given or "seal" not in given:
        raise RunError(
            "This is not a certificate: it has no promises and seal. Give the file that "
            "`rarecall threshold --out` or Certificate.save wrote."
        )
    form = given.get("format")
    if type(form) is int and form > newest:
        raise RunError(
            f"The certificate has format {form}, newer than {newest}, the newest that this "
            f"version reads; rarecall {given.get('rarecall')!r} wrote it. Update rarecall."
        )
    if form != newest or type(form) is not int:
        raise RunError(f"The certificate has format {form!r}; this version reads {newest}.")
    return given


def check_seal(given: Mapping[str, Any], expected: str) -> None:
    """Compare the seal in the file with that of its content."""
    if text(given, "seal") != expected:
        raise FieldError("its seal does not fit: it was changed after it was issued")


def only(given: Mapping[str, Any], known: set[str]) -> None:
    """Refuse fields that are not known."""
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise FieldError(f"unknown field {unknown[0]!r}")


def mapping(given: object, name: str) -> Mapping[str, Any]:
    """Read a mapping."""
    if not isinstance(given, Mapping):
        raise FieldError(f"{name} must be a mapping, not {type(given).__name__}")
    return given


def _field(given: Mapping[str, Any], name: str) -> object:
    if name not in given:
        raise FieldError(f"the field {name!r} is missing")
    return given[name]


def text(given: Mapping[str, Any], name: str) -> str:
    """Read a text."""
    value = _field(given, name)
    if type(value) is not str:
        raise FieldError(f"{name!r} must be a text, not {type(value).__name__}")
    return value


def text_or_none(given: Mapping[str, Any], name: str) -> str | None:
    """Read a text or null."""
    return None if _field(given, name) is None else text(given, name)


def texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a list of texts."""
    values = items(given, name, 0, 100)
    return tuple(text({name: value}, name) for value in values)


def items(given: Mapping[str, Any], name: str, fewest: int, most: int) -> Sequence[Any]:
    """Read a list with a bounded number of items."""
    value = _field(given, name)
    if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
        raise FieldError(f"{name!r} must be a list of {fewest} to {most} items")
    return value


def one_of(given: Mapping[str, Any], name: str, words: Sequence[str]) -> str:
    """Read one of some words."""
    value = text(given, name)
    if value not in words:
        raise FieldError(f"{name!r} must be one of {', '.join(words)}, not {value!r}")
    return value


def number(given: Mapping[str, Any], name: str) -> float:
    """Read a finite decimal number."""
    value = _field(given, name)
    if type(value) is not float or not math.isfinite(value):
        raise FieldError(f"{name!r} must be a finite decimal number, not {value!r:.40}")
    return value


def share(given: Mapping[str, Any], name: str) -> float:
    """Read a number in (0, 1)."""
    value = number(given, name)
    if not 0.0 < value < 1.0:
        raise FieldError(f"{name!r} must be above 0 and below 1, not {value!r}")
    return value


def share_or_none(given: Mapping[str, Any], name: str) -> float | None:
    """Read a number in (0, 1) or null."""
    return None if _field(given, name) is None else share(given, name)


def count(given: Mapping[str, Any], name: str) -> int:
    """Read a whole number of at least 0."""
    value = _field(given, name)
    if type(value) is not int or value < 0:
        raise FieldError(f"{name!r} must be a whole number of at least 0, not {value!r:.40}")
    return value


def digest(given: Mapping[str, Any], name: str) -> str:
    """Read a SHA-256 in hexadecimal digits."""
    value = text(given, name)
    if not is_digest(value):
        raise FieldError(f"{name!r} must be 64 hexadecimal digits")
    return value


def is_digest(value: str) -> bool:
    """Say whether a text can be a SHA-256.

    >>> is_digest("a" * 64), is_digest("patient-1")
    (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{64}", value) is not None


def moment(given: Mapping[str, Any], name: str) -> str:
    """Read a date with time after ISO 8601."""
    value = text(given, name)
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise FieldError(f"{name!r} must be a date with time after ISO 8601") from error
    return value


def reference(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read the calibration scores that are kept for checks of drift."""
    held = mapping(_field(given, name), repr(name))
    only(held, {"n", "positives", "scores", "positive_scores"})
    found: dict[str, Any] = {key: count(held, key) for key in ("n", "positives")}
    for key in ("scores", "positive_scores"):
        values = items(held, key, 1, 2001)
        numbers = [number({key: value}, key) for value in values]
        if any(one > other for one, other in pairwise(numbers)):
            raise FieldError(f"{key!r} must be sorted")
        found[key] = numbers
    return found


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")
