"""Scores, targets and weights as the measures take them, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import checked_scores, checked_targets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """Checked scores of both classes, in the order in which they came.

    Attributes:
        scores: Finite, float64, shape ``(n,)``; maybe the caller's own array, so never written to.
        critical: True for the critical class, shape ``(n,)``.
        weights: Above 0, shape ``(n,)``, or None, where every row counts once.
        positives: Rows of the critical class, or the sum of their weights.
        negatives: Of the other class.
    """

    scores: NDArray[np.float64]
    critical: NDArray[np.bool_]
    weights: NDArray[np.float64] | None
    positives: float
    negatives: float

    def counts_from(self, threshold: float) -> tuple[float, float]:
        """Count, or weigh, what ``score >= threshold`` flags of each class, critical ones first.

        Raises:
            MetricError: A threshold that is NaN.

        >>> checked_sample([0.9, 0.2, 0.5], [1, 1, 0]).counts_from(0.5)
        (1, 1)
        """
        if np.isnan(threshold):
            raise MetricError("The threshold is NaN; give a number on the scale of the scores.")
        flagged = self.scores >= threshold
        caught = flagged & self.critical
        if self.weights is None:
            found = int(np.count_nonzero(caught))
            return found, int(np.count_nonzero(flagged)) - found
        false_alarms = flagged & ~self.critical
        # A sum over some of the rows may be rounded up beyond the one over all.
        return (
            min(self.positives, float(self.weights[caught].sum())),
            min(self.negatives, float(self.weights[false_alarms].sum())),
        )

    def rates_from(self, threshold: float) -> tuple[float, float]:
        """TPR and FPR of ``score >= threshold``; nothing is copied or sorted.

        Raises:
            MetricError: A threshold that is NaN.

        >>> checked_sample([0.9, 0.2, 0.5], [1, 1, 0]).rates_from(0.5)
        (0.5, 1.0)
        """
        caught, alarms = self.counts_from(threshold)
        return caught / self.positives, alarms / self.negatives

    def mean(self, values: NDArray[Any]) -> float:
        """Average over the rows, by weight where there are any."""
        if self.weights is None:
            return float(values.mean())
        return float(self.weights @ values) / float(self.weights.sum())


def checked_sample(
    scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None, name: str = "scores"
) -> Sample:
    """Check scores, targets and weights; rows that weigh nothing are left out.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, shape ``(n,)``: 2 is the same as the row twice, 0 the
            same as no such row. None for 1 each.
        name: Of the scores, for errors.

    Raises:
        MetricError: Scores or weights that are not finite, wrong shapes, weights that are negative
            or sum to 0 in a class, or one class missing.

    >>> checked_sample([0.1, 0.9, 0.4], [0, 1, 0], weights=[2, 1, 0]).scores
    array([0.1, 0.9])
    """
    values = checked_scores(scores, name)
    critical = checked_targets(targets, len(values))
    if weights is None:
        count = int(np.count_nonzero(critical))
        return Sample(values, critical, None, count, len(values) - count)
    counts = checked_weights(weights, critical)
    some = counts > 0.0
    if not some.all():
        values, critical, counts = values[some], critical[some], counts[some]
    return Sample(
        values, critical, counts, float(counts[critical].sum()), float(counts[~critical].sum())
    )


def checked_weights(weights: ArrayLike, critical: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Check weights against the classes and give float64 of shape ``(n,)``.

    Raises:
        MetricError: Another shape, a value that is not finite or negative, or a class whose weights
            sum to 0 or to infinity.

    >>> checked_weights([1, 2.5], np.array([True, False]))
    array([1. , 2.5])
    """
    values = checked_scores(weights, "weights")
    if values.shape != critical.shape:
        raise MetricError(
            f"weights must have shape {critical.shape} as the scores do, not {values.shape}."
        )
    negative = values < 0.0
    if negative.any():
        raise MetricError(
            f"weights must be at least 0, for a row cannot be there less than not at all: "
            f"{int(negative.sum())} are negative, the first, {values[negative][0]:g}, at position "
            f"{int(np.argmax(negative))}."
        )
    for kind, rows in (("critical (1)", critical), ("non-critical (0)", ~critical)):
        with np.errstate(over="ignore"):
            total = values[rows].sum()
        if not (0.0 < total < np.inf):
            what = "0, so that none of them counts" if total == 0.0 else "more than can be added up"
            raise MetricError(f"The weights of the {kind} samples sum to {what}.")
    return values
