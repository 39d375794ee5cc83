"""What every imbalance protocol checks before it draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

MODES = ("strict", "as-published")


def checked_labels(labels: ArrayLike) -> NDArray[np.int64]:
    """Check class numbers and give int64, shape ``(n,)``."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ConfigurationError(
            f"labels must be class numbers, shape (n,), not {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.int64)


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


def check_enough(there: int, needed: int, what: str, remedy: str) -> None:
    """Refuse to draw more samples than there are."""
    if there < needed:
        raise ConfigurationError(
            f"{needed} {what} are needed, but {max(there, 0)} are there. Use {remedy}."
        )


def digest_of(labels: NDArray[np.int64], test_labels: NDArray[np.int64]) -> str:
    """Hash the labels of both pools."""
    found = hashlib.sha256(np.ascontiguousarray(labels, dtype="<i8").tobytes() + b"|")
    found.update(np.ascontiguousarray(test_labels, dtype="<i8").tobytes())
    return found.hexdigest()
