"""What every imbalance protocol checks before it draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

MODES = ("strict", "as-published")


def checked_labels(labels: ArrayLike) -> NDArray[np.int64]:
    """Check class numbers and give int64, shape ``(n,)``; whole numbers may come as floats."""
    array = np.asarray(labels)
    if array.ndim == 1 and array.dtype.kind == "f" and np.array_equal(array, np.trunc(array)):
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iub":
        raise ConfigurationError(
            f"labels must be class numbers, shape (n,), not {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.int64)


def checked_pool(labels: ArrayLike) -> NDArray[Any]:
    """Check class numbers, or a table of labels with one column each.

    Returns:
        int64 of shape ``(n,)``, or float64 of shape ``(n, L)`` where uncertain labels are NaN or
        between 0 and 1.
    """
    array = np.asarray(labels)
    if array.ndim != 2:
        return checked_labels(array)
    if array.dtype.kind not in "iubf":
        raise ConfigurationError(f"a table of labels must hold numbers, not {array.dtype}.")
    table = array.astype(np.float64)
    known = table[~np.isnan(table)]
    if len(known) and not 0.0 <= known.min() <= known.max() <= 1.0:
        raise ConfigurationError(
            "a table of labels holds 0, 1, NaN, or something between for what is uncertain; its "
            f"values run from {known.min():g} to {known.max():g}."
        )
    return table


def as_classes(given: int | Sequence[int]) -> tuple[int, ...]:
    """Give one class or several as a tuple."""
    return tuple(int(x) for x in given) if isinstance(given, Iterable) else (int(given),)


def positions_of(
    labels: NDArray[np.int64], classes: tuple[int, ...], side: str
) -> NDArray[np.int64]:
    """Find the samples of some classes; every class must have one."""
    found = np.flatnonzero(np.isin(labels, classes))
    missing = sorted(set(classes) - set(np.unique(labels[found]).tolist()))
    if missing:
        raise ConfigurationError(f"The pool has no sample of the {side} classes {missing}.")
    return found


def check_positive(value: float, name: str) -> None:
    """Refuse what is no finite number above 0."""
    if not (value > 0.0 and np.isfinite(value)):
        raise ConfigurationError(f"{name} must be a number above 0, not {value:g}.")


def check_mode(mode: str) -> None:
    """Refuse an unknown mode."""
    if mode not in MODES:
        raise ConfigurationError(f"mode must be {' or '.join(MODES)}, not {mode!r}.")


def check_share(value: float, name: str, *, zero: bool = False) -> None:
    """Refuse what does not lie between 0 and 1; 0 itself only where it has a meaning."""
    if not (0.0 < value < 1.0 or (zero and value == 0.0)):
        raise ConfigurationError(f"{name} must lie between 0 and 1, not {value:g}.")


def check_members(members: int) -> None:
    """Refuse fewer than one member."""
    if members < 1:
        raise ConfigurationError(f"members must be at least 1, not {members}.")


def check_enough(there: int, needed: int, what: str, remedy: str) -> None:
    """Refuse to draw more samples than there are."""
    if there < needed:
        raise ConfigurationError(
            f"{needed} {what} are needed, but {max(there, 0)} are there. Use {remedy}."
        )


def digest_of(labels: NDArray[Any], test_labels: NDArray[Any]) -> str:
    """Hash the labels of both pools."""
    found = hashlib.sha256(_bytes_of(labels) + b"|")
    found.update(_bytes_of(test_labels))
    return found.hexdigest()


def _bytes_of(labels: NDArray[Any]) -> bytes:
    if labels.ndim == 1:
        return np.ascontiguousarray(labels, dtype="<i8").tobytes()
    # There are many NaNs; one stands for all.
    table = np.where(np.isnan(labels), np.nan, labels).astype("<f8")
    return repr(table.shape).encode() + np.ascontiguousarray(table).tobytes()
