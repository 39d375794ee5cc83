"""Measures of the whole ranking: the ROC curve, the area under it, average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.inputs import by_class

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


def roc_curve(scores: ArrayLike, targets: ArrayLike) -> RocCurve:
    """Every operating point that some threshold reaches; tied scores are passed together.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.

    >>> curve = roc_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> curve.fpr, curve.tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    positives, negatives = by_class(scores, targets)
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    return RocCurve(
        fpr=np.concatenate([[0.0], _count_from(negatives, thresholds) / len(negatives)]),
        tpr=np.concatenate([[0.0], _count_from(positives, thresholds) / len(positives)]),
        thresholds=np.concatenate([[np.inf], thresholds]),
    )


def auc(scores: ArrayLike, targets: ArrayLike) -> float:
    r"""Area under the ROC curve: the share of pairs ranked rightly, ties counting one half.

    .. math:: \frac{1}{n_1 n_0} \sum_{j,k} [s_j > s_k] + \tfrac{1}{2} [s_j = s_k]

    The pairs are counted in integers, so the value is exact up to its last division.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.

    Returns:
        In [0, 1]; 0.5 for a ranking that knows nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.

    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    positives, negatives = by_class(scores, targets)
    order = np.sort(negatives)
    doubled = np.searchsorted(order, positives, "left") + np.searchsorted(order, positives, "right")
    return int(doubled.sum()) / (2 * len(positives) * len(negatives))


def average_precision(scores: ArrayLike, targets: ArrayLike) -> float:
    r"""Precision averaged over recall, :math:`\sum_i (R_i - R_{i-1}) P_i`, without interpolation.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.

    Returns:
        In (0, 1]; the share of critical samples for a ranking that knows nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.

    >>> average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])  # (1 + 2/3) / 2
    0.8333333333333333
    """
    positives, negatives = by_class(scores, targets)
    thresholds, gained = np.unique(positives, return_counts=True)
    caught = gained[::-1].cumsum()[::-1]
    flagged = caught + _count_from(negatives, thresholds)
    return float(np.sum(gained * (caught / flagged)) / len(positives))


def _count_from(values: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.intp]:
    return len(values) - np.searchsorted(np.sort(values), thresholds, "left")
