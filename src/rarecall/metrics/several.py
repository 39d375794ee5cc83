"""The selection measure of several critical classes or labels: the mean of the binary ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.metrics.curves import auc
from rarecall.metrics.inputs import as_percent
from rarecall.metrics.multiclass import accuracy
from rarecall.metrics.operating import fpr_at_tpr
from rarecall.metrics.selection import SelectionMeasure, selection_measure, smoothed_fpr
from rarecall.metrics.views import checked_matrix, critical_masks
from rarecall.task import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from rarecall.task import Task


@dataclass(frozen=True)
class SeveralMeasure(SelectionMeasure):
    """A measure of validation scores of several classes or labels; call it, higher is better.

    Attributes:
        task: The kind of problem, and which classes are critical.

    >>> from rarecall.task import Task
    >>> targets = np.array([0, 1, 2, 0])
    >>> measure = task_measure(targets, Task("multiclass", 3, (1, 2)), tpr=0.9)
    >>> measure.name
    'mean AUC of 2 critical classes'
    >>> measure(np.eye(3)[targets], targets), measure.progress(np.eye(3)[targets], targets)
    (1.0, 1.0)
    """

    task: Task = BINARY

    def __call__(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Measure scores ``(n, C)`` or ``(n, L)`` against targets ``(n,)`` or ``(n, L)``.

        Raises:
            MetricError: Scores that are not finite, wrong shapes, or a critical class missing.
        """
        if not self.smoothed:
            return self._mean(auc, scores, targets)
        return -self._mean(lambda s, t: smoothed_fpr(s, t, self.tpr), scores, targets)

    def progress(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Accuracy in multi-class work, as the papers drive schedules; mean AUC of the labels."""
        if self.task.kind == "multiclass":
            return accuracy(scores, targets)
        return self._mean(auc, scores, targets)

    def fpr(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Mean FPR at the target TPR over the critical classes, for the record."""
        return self._mean(lambda s, t: fpr_at_tpr(s, t, self.tpr), scores, targets)

    def auc(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Mean AUC over the critical classes, for the record."""
        return self._mean(auc, scores, targets)

    def _mean(
        self,
        measure: Callable[[NDArray[np.float64], NDArray[np.int64]], float],
        scores: ArrayLike,
        targets: ArrayLike,
    ) -> float:
        values, known = checked_matrix(scores, self.task.classes), np.asarray(targets)
        found = []
        for number in self.task.critical:
            masks = critical_masks(known, self.task, number)
            rows = masks.rows
            found.append(measure(values[rows, number], masks.positive[rows].astype(np.int64)))
        return float(np.mean(found))


def task_measure(
    targets: NDArray[Any], task: Task, tpr: float, names: Sequence[str] = ()
) -> SelectionMeasure:
    """Choose the measure that the validation part allows.

    The smoothed FPR at the target TPR where every critical class has positives enough, else AUC
    for all of them: a mean of both would weigh one against the other.

    Args:
        targets: Of the validation part, as the task says.
        task: The kind of problem.
        tpr: The target true positive rate, in (0, 1].
        names: Of all classes or labels, for the message; their numbers by default.
    """
    counts = {
        number: int(critical_masks(targets, task, number).positive.sum())
        for number in task.critical
    }
    if task.kind == "binary":
        return selection_measure(counts[1], tpr)
    fewest = min(counts.values())
    single = selection_measure(fewest, tpr)
    noun = "label" if task.kind == "multilabel" else "critical class"
    plural = "labels" if task.kind == "multilabel" else "critical classes"
    of = f"{len(counts)} {plural}" if len(counts) > 1 else f"the {noun}"
    message = single.message
    if message is not None and len(counts) > 1 and tpr < 1.0:
        scarce = [
            f"{names[number] if names else number} ({count})"
            for number, count in counts.items()
            if not selection_measure(count, tpr).smoothed
        ]
        message = (
            f"Validation holds too few samples of {', '.join(scarce)} to choose by the false "
            f"positive rate at TPR {as_percent(tpr)}, which hangs on the lowest of them. "
            f"Checkpoints and settings are chosen by the mean AUC of the {len(counts)} {plural} "
            "instead."
        )
    name = f"{'mean ' if len(counts) > 1 else ''}{single.name} of {of}"
    return SeveralMeasure(name, tpr, single.smoothed, message, task)
