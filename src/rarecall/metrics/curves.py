"""Measures of the whole ranking: the ROC curve, the area under it, average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.counts import counts_by_positive, counts_by_score
from rarecall.metrics.samples import checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class RocCurve:
    """One point for every distinct score, from (0, 0) to (1, 1).

    Attributes:
        fpr: False positive rates, rising, shape ``(k,)``.
        tpr: True positive rates, rising, shape ``(k,)``.
        thresholds: Falling; a sample is critical when ``score >= threshold``. The first one is
            ``inf``: nothing is flagged there.
    """

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc_curve(
    scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> RocCurve:
    """Every operating point that some threshold reaches; tied scores are passed together.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    >>> curve = roc_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> curve.fpr, curve.tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    counts = counts_by_score(checked_sample(scores, targets, weights))
    k = len(counts.thresholds)
    curve = RocCurve(np.zeros(k + 1), np.zeros(k + 1), np.full(k + 1, np.inf))
    np.divide(counts.alarms, counts.negatives, out=curve.fpr[1:])
    np.divide(counts.caught, counts.positives, out=curve.tpr[1:])
    curve.thresholds[1:] = counts.thresholds
    return curve


def auc(scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    r"""Area under the ROC curve: the share of pairs ranked rightly, ties counting one half.

    .. math:: \frac{1}{n_1 n_0} \sum_{j,k} [s_j > s_k] + \tfrac{1}{2} [s_j = s_k]

    Without weights the pairs are counted in integers, so the value is exact up to its last
    division. With weights a pair counts for the product of its two.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; 0.5 for a ranking that knows nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    sample = checked_sample(scores, targets, weights)
    if sample.weights is not None:
        counts = counts_by_score(sample)
        gained = np.diff(counts.caught, prepend=0.0)
        above = counts.negatives - counts.alarms + 0.5 * np.diff(counts.alarms, prepend=0.0)
        return min(1.0, float(gained @ above) / (counts.positives * counts.negatives))
    rising = np.sort(sample.scores)
    positives = np.sort(sample.scores[sample.critical])
    left = np.searchsorted(rising, positives, "left")
    right = left + 1
    # Ties are few as a rule: only those are searched for again.
    tied = np.flatnonzero(rising[np.minimum(right, len(rising) - 1)] == positives)
    tied = tied[right[tied] < len(rising)]
    right[tied] = np.searchsorted(rising, positives[tied], "right")
    # Twice the right pairs of positives among themselves, each with itself too, are n₁².
    doubled = int(left.sum()) + int(right.sum()) - len(positives) ** 2
    return doubled / (2 * len(positives) * (len(rising) - len(positives)))


def average_precision(
    scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> float:
    r"""Precision averaged over recall, :math:`\sum_i (R_i - R_{i-1}) P_i`, without interpolation.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In (0, 1]; the share of critical samples for a ranking that knows nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    >>> average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])  # (1 + 2/3) / 2
    0.8333333333333333
    """
    counts = counts_by_positive(checked_sample(scores, targets, weights))
    gained = np.diff(counts.caught, prepend=0)
    precision = counts.caught / (counts.caught + counts.alarms)
    return float(np.sum(gained * precision) / counts.positives)
