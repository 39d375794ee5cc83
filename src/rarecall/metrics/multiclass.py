"""Measures of multi-class scores: accuracies, and the error on the others at a required TPR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.operating import fpr_at_tpr, operating_point
from rarecall.metrics.views import checked_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


def accuracy(scores: ArrayLike, targets: ArrayLike) -> float:
    """Share of samples whose own class scores highest.

    Args:
        scores: One column a class, on one scale, shape ``(n, C)``.
        targets: Class numbers from 0, shape ``(n,)``.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or no sample.

    >>> accuracy([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1])
    0.6666666666666666
    """
    values, classes = _checked(scores, targets)
    return float(np.mean(values.argmax(axis=1) == classes))


def class_accuracies(scores: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Share of each class's samples that are given to it, shape ``(C,)``; NaN for an absent class.

    Arguments and errors are those of :func:`accuracy`.

    >>> class_accuracies([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1])
    array([1. , 0.5])
    """
    values, classes = _checked(scores, targets)
    return recalls(values.argmax(axis=1), classes, values.shape[1])


def balanced_accuracy(scores: ArrayLike, targets: ArrayLike) -> float:
    """Mean of :func:`class_accuracies` over the classes that occur.

    >>> balanced_accuracy([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1])
    0.75
    """
    return float(np.nanmean(class_accuracies(scores, targets)))


def fpr_one_vs_rest(scores: ArrayLike, targets: ArrayLike, critical: int, tpr: float) -> float:
    """FPR at a required TPR of one class against the samples of all others.

    Args:
        scores: One column a class, shape ``(n, C)``.
        targets: Class numbers from 0, shape ``(n,)``.
        critical: Number of the class.
        tpr: The required true positive rate, in (0, 1].

    Raises:
        MetricError: As :func:`accuracy`, or the class (or every other) has no sample.

    >>> fpr_one_vs_rest([[1.0, 0.5], [0.0, 3.0], [1.0, 0.2]], [0, 1, 1], critical=1, tpr=0.9)
    1.0
    """
    values, classes = _checked(scores, targets)
    return fpr_at_tpr(values[:, critical], (classes == critical).astype(np.int64), tpr)


def error_at_tpr(scores: ArrayLike, targets: ArrayLike, critical: int, tpr: float) -> float:
    r"""Error on the other classes where one class is recognised at a required TPR.

    The class's score is thresholded where it just reaches the TPR. All samples at or above are
    assigned to it; the rest go to the best-scored of the other classes. Counted are the samples of
    the other classes that come out wrong.

    Args:
        scores: One column a class, on one scale, shape ``(n, C)``.
        targets: Class numbers from 0, shape ``(n,)``.
        critical: Number of the class that must not be missed.
        tpr: The required true positive rate, in (0, 1].

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: As :func:`accuracy`, or the class (or every other) has no sample.
        ConfigurationError: ``tpr`` outside its range.

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, table 4; they threshold the class's logit, and
        rarecall its log-odds, which do not change when a constant is added to a sample's logits.

    >>> scores = [[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 3.0, 2.0], [0.0, 0.0, 1.0]]
    >>> error_at_tpr(scores, [0, 1, 1, 2], critical=2, tpr=1.0)
    0.6666666666666666
    """
    values, classes = _checked(scores, targets)
    point = operating_point(values[:, critical], (classes == critical).astype(np.int64), tpr)
    assigned = assign_classes(values, {critical: point.threshold})
    others = classes != critical
    return float(np.mean(assigned[others] != classes[others]))


def assign_classes(scores: ArrayLike, thresholds: Mapping[int, float]) -> NDArray[np.int64]:
    """Assign every sample to one class, critical classes by their thresholds first.

    A sample at or above one threshold goes to that class; above several, to the class with the
    largest excess over its threshold; below all, to the best-scored of the other classes.

    Args:
        scores: One column a class, on one scale, shape ``(n, C)``.
        thresholds: Of every critical class, by its number; not of all classes.

    Returns:
        Class numbers, shape ``(n,)``.

    Raises:
        MetricError: Scores of another shape or not finite; thresholds that do not fit.

    >>> assign_classes([[0.0, 1.0, 2.0], [3.0, 1.0, 0.0], [0.0, 5.0, 2.0]], {1: 1.0, 2: 1.5})
    array([2, 1, 1])
    """
    values = checked_matrix(scores)
    numbers = np.asarray(sorted(thresholds), dtype=np.int64)
    rest = np.setdiff1d(np.arange(values.shape[1]), numbers)
    if not len(numbers) or not len(rest) or numbers[0] < 0 or numbers[-1] >= values.shape[1]:
        raise MetricError(
            f"thresholds must be of one or more of the {values.shape[1]} classes, and not of all; "
            f"they are of {numbers.tolist()}."
        )
    excess = values[:, numbers] - np.asarray([thresholds[int(number)] for number in numbers])
    assigned: NDArray[np.int64] = rest[values[:, rest].argmax(axis=1)]
    above = (excess >= 0).any(axis=1)
    assigned[above] = numbers[excess.argmax(axis=1)][above]
    return assigned


def recalls(
    assigned: NDArray[np.int64], classes: NDArray[np.int64], number: int
) -> NDArray[np.float64]:
    """Share of each class's samples that were assigned to it, shape ``(number,)``."""
    sizes = np.bincount(classes, minlength=number)
    hits = np.bincount(classes[assigned == classes], minlength=number)
    shares = np.full(number, np.nan)
    shares[sizes > 0] = hits[sizes > 0] / sizes[sizes > 0]
    return shares


def _checked(
    scores: ArrayLike, targets: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, classes = checked_matrix(scores), np.asarray(targets)
    n, number = values.shape
    whole = classes.dtype.kind in "iub"
    if classes.shape != (n,) or not n or not whole:
        raise MetricError(
            f"targets must be class numbers, integers of shape ({n},), one or more; "
            f"{classes.dtype} of shape {classes.shape} came."
        )
    classes = classes.astype(np.int64)
    if classes.min() < 0 or classes.max() >= number:
        raise MetricError(
            f"targets must be class numbers from 0 to {number - 1}, one a column of the scores; "
            f"{int(classes.min())} to {int(classes.max())} came."
        )
    return values, classes
