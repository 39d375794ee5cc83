"""The measure behind ``score``: how well a model ranks where no critical row may be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics import fpr_at_tpr
from rarecall.metrics.views import critical_masks, score_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.task import Task


def specificity_at_tpr(
    scores: NDArray[np.float64],
    targets: NDArray[np.int64],
    task: Task,
    tpr: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Measure one minus the FPR at a TPR, the mean over the critical classes.

    Args:
        scores: Shape ``(n,)``, or ``(n, C)`` with several classes.
        targets: 1 for the critical one of two classes, else class numbers, shape ``(n,)``.
        task: The kind of problem.
        tpr: In (0, 1].
        weights: What each row counts for, shape ``(n,)``, or None.

    Returns:
        In [0, 1], higher is better.

    Raises:
        MetricError: A critical class or the others are missing.

    >>> from rarecall.task import BINARY
    >>> specificity_at_tpr(np.array([3.0, 2, 1, 0]), np.array([1, 0, 1, 0]), BINARY, 0.9)
    0.5
    """
    found = []
    for number in task.critical:
        masks = critical_masks(targets, task, number)
        rows = masks.rows
        column = score_column(scores, task, number)[rows]
        weighed = {} if weights is None else {"weights": weights[rows]}
        positive = masks.positive[rows].astype(np.int64)
        found.append(1.0 - fpr_at_tpr(column, positive, tpr, **weighed))
    return float(np.mean(found))
