"""The measure that chooses the best weights where validation rows do not count alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.metrics import auc, fpr_at_tpr
from rarecall.metrics.selection import SelectionMeasure
from rarecall.metrics.views import critical_masks, score_column
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightedMeasure(SelectionMeasure):
    """Weighted AUC, the mean over the critical classes; call it, higher is better.

    Attributes:
        weights: Of the validation rows, at least 0, shape ``(n,)``.
        task: The kind of problem.

    >>> weights = np.array([1.0, 3.0, 1.0])
    >>> measure = WeightedMeasure("weighted AUC", 0.95, False, weights=weights)
    >>> measure([1.0, 0.0, 2.0], [1, 0, 0])
    0.75
    """

    weights: NDArray[np.float64]
    task: Task = BINARY

    def __call__(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Measure scores ``(n,)`` or ``(n, C)`` against targets ``(n,)``.

        Raises:
            MetricError: Scores that are not finite, wrong shapes, or one class missing.
        """
        return self._mean(auc, scores, targets)

    def progress(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Drive an objective's schedules by the same measure."""
        return self(scores, targets)

    def fpr(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Weighted FPR at the target TPR, for the record."""
        return self._mean(partial(fpr_at_tpr, tpr=self.tpr), scores, targets)

    def auc(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Weighted AUC, for the record."""
        return self(scores, targets)

    def _mean(self, measure: Callable[..., float], scores: ArrayLike, targets: ArrayLike) -> float:
        values: NDArray[Any] = np.asarray(scores, dtype=np.float64)
        found = []
        for number in self.task.critical:
            masks = critical_masks(np.asarray(targets), self.task, number)
            rows = masks.rows
            column = score_column(values, self.task, number)[rows]
            positive = masks.positive[rows].astype(np.int64)
            found.append(measure(column, positive, weights=self.weights[rows]))
        return float(np.mean(found))
