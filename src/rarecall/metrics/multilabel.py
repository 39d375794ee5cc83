"""Measures of multi-label scores; samples whose label is missing or uncertain are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.curves import auc
from rarecall.metrics.operating import fpr_at_tpr
from rarecall.metrics.views import checked_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray


def label_aucs(scores: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Area under the ROC curve of every label, shape ``(L,)``.

    Args:
        scores: One column a label, shape ``(n, L)``.
        targets: 1 and 0, NaN where a label is missing, a value between where it is uncertain;
            shape ``(n, L)``.

    Raises:
        MetricError: Scores that are not finite, wrong shapes or values, or a label that is known
            for samples of one kind only.

    >>> label_aucs([[0.1, 0.9], [0.8, 0.2], [0.3, 0.5]], [[0, 1], [1, 0], [np.nan, 0]])
    array([1., 1.])
    """
    return _by_label(scores, targets, auc)


def mean_auc(scores: ArrayLike, targets: ArrayLike) -> float:
    """Mean of :func:`label_aucs` over the labels."""
    return float(label_aucs(scores, targets).mean())


def label_fprs(scores: ArrayLike, targets: ArrayLike, tpr: float) -> NDArray[np.float64]:
    """FPR at a required TPR of every label, shape ``(L,)``; arguments as :func:`label_aucs`.

    >>> label_fprs([[0.1, 0.9], [0.8, 0.2], [0.3, 0.5]], [[0, 1], [1, 0], [np.nan, 0]], tpr=0.9)
    array([0., 0.])
    """
    return _by_label(scores, targets, lambda column, known: fpr_at_tpr(column, known, tpr))


def _by_label(
    scores: ArrayLike,
    targets: ArrayLike,
    measure: Callable[[NDArray[np.float64], NDArray[np.int64]], float],
) -> NDArray[np.float64]:
    values = checked_matrix(scores)
    labels = np.asarray(targets, dtype=np.float64)
    if labels.shape != values.shape:
        raise MetricError(f"targets must have shape {values.shape} as the scores, {labels.shape}.")
    if ((labels < 0) | (labels > 1)).any():
        raise MetricError("targets must lie in [0, 1], NaN where a label is missing.")
    found = []
    for number in range(values.shape[1]):
        known = (labels[:, number] == 0) | (labels[:, number] == 1)
        try:
            found.append(measure(values[known, number], labels[known, number].astype(np.int64)))
        except MetricError as error:
            raise MetricError(f"Label {number}: {error}") from error
    return np.asarray(found, dtype=np.float64)
