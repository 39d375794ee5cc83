"""Labels of any kind as class numbers, and which of them must not be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from rarecall.errors import DataError, did_you_mean
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


def checked_labels(estimator: Any, y: Any) -> NDArray[Any]:
    """Check labels as scikit-learn does, shape ``(n,)``.

    Raises:
        ValueError: No labels, continuous ones, missing ones, or several columns.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    labels = column_or_1d(y, warn=True)
    if not len(labels):
        raise ValueError("Found array with 0 sample(s) in y while a minimum of 1 is required.")
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return np.asarray(labels)


def critical_labels(critical: Any, labels: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Find the classes, and the numbers of those that must not be missed.

    Args:
        critical: A label, or in multi-class work several; None for the default: of two classes
            named by numbers the greater one, else the rarest class, the last one of equals.
        labels: Of the training rows, shape ``(n,)``.

    Raises:
        DataError: One class only, or a critical label that is not there.

    >>> critical_labels(None, np.array(["ok", "fraud", "ok"]))
    (array(['fraud', 'ok'], dtype='<U5'), (0,))
    >>> critical_labels(None, np.array([0, 1, 1]))[1], critical_labels("b", np.array(["b", "a"]))[1]
    ((1,), (1,))
    """
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise DataError(
            "Two classes are needed to tell the critical one from the others, but y holds one "
            f"class only, {classes[0]!r}. Add rows of the other class."
        )
    if critical is None:
        if len(classes) == 2 and classes.dtype.kind in "iufb":
            return classes, (1,)
        return classes, (int(np.flatnonzero(counts == counts.min())[-1]),)
    wanted = list(critical) if isinstance(critical, (list, tuple, set, np.ndarray)) else [critical]
    numbers = sorted({_number_of(label, classes) for label in wanted})
    if not 0 < len(numbers) < len(classes):
        raise DataError(
            f"critical must name one class or more, and not all of the {len(classes)}; "
            f"{critical!r} came."
        )
    return classes, tuple(numbers)


def task_of(classes: NDArray[Any], critical: tuple[int, ...]) -> Task:
    """Make the kind of problem: binary with two classes, else multi-class."""
    return BINARY if len(classes) == 2 else Task("multiclass", len(classes), critical)


def as_targets(
    labels: NDArray[Any], classes: NDArray[Any], critical: tuple[int, ...], name: str = "y"
) -> NDArray[np.int64]:
    """Turn labels into targets: 1 for the critical one of two classes, else class numbers.

    Raises:
        DataError: A label that ``fit`` has not seen.
    """
    places = np.searchsorted(classes, labels) if labels.dtype.kind == classes.dtype.kind else None
    if places is None:
        known = {label: k for k, label in enumerate(classes.tolist())}
        places = np.asarray([known.get(label, len(classes)) for label in labels.tolist()])
    places = np.minimum(places, len(classes) - 1)
    strange = np.unique(labels[classes[places] != labels])
    if len(strange):
        raise DataError(
            f"{name} holds labels that the training rows do not have: {strange[:5].tolist()}. "
            f"The classes are {classes.tolist()[:20]}."
        )
    if len(classes) == 2:
        return np.asarray(places == critical[0], dtype=np.int64)
    return np.asarray(places, dtype=np.int64)


def _number_of(label: Any, classes: NDArray[Any]) -> int:
    for number, known in enumerate(classes.tolist()):
        same_kind = isinstance(label, (str, np.str_)) == isinstance(known, str)
        if same_kind and label == known:
            return number
    near = did_you_mean(str(label), [str(known) for known in classes.tolist()])
    raise DataError(
        f"The critical label {label!r} is none of the classes in y: "
        f"{classes.tolist()[:20]}.{near} Give it as it stands in y."
    )
