"""Measures of decisions: F, balanced accuracy and G-mean, at a threshold and at their best one.

The best value over thresholds is read off the samples that chose the threshold, so it is somewhat
too good; on new data use the threshold with the measure at a threshold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rarecall.errors import ConfigurationError
from rarecall.metrics.counts import counts_by_positive
from rarecall.metrics.operating import rates_at
from rarecall.metrics.samples import checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.metrics.counts import Counts


class BestThreshold(NamedTuple):
    """The highest value of a measure, and the lowest threshold that gives it: it misses fewest.

    Attributes:
        value: Of the measure.
        threshold: A sample is critical when ``score >= threshold``.
    """

    value: float
    threshold: float


def f_score(
    scores: ArrayLike,
    targets: ArrayLike,
    threshold: float,
    beta: float = 1.0,
    *,
    weights: ArrayLike | None = None,
) -> float:
    r"""F score of a threshold: recall counts :math:`\beta` times as much as precision.

    .. math:: F_\beta = \frac{(1 + \beta^2) TP}{(1 + \beta^2) TP + \beta^2 FN + FP}

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: A sample is critical when ``score >= threshold``.
        beta: Above 0; 1 gives the harmonic mean of precision and recall.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; 0 where no critical sample is flagged.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, one
            class missing, or a threshold that is NaN.
        ConfigurationError: ``beta`` outside its range.

    Reference:
        van Rijsbergen, *Information Retrieval*, 1979.

    >>> f_score([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], threshold=0.5)  # 4 / (4 + 1 + 1)
    0.6666666666666666
    """
    beta = _checked_beta(beta)
    sample = checked_sample(scores, targets, weights)
    return float(_f(*sample.counts_from(threshold), sample.positives, beta))


def best_f_score(
    scores: ArrayLike,
    targets: ArrayLike,
    beta: float = 1.0,
    *,
    weights: ArrayLike | None = None,
) -> BestThreshold:
    """Find the highest F score over all thresholds; see :func:`f_score`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        beta: How many times as much recall counts, above 0.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: ``beta`` outside its range.

    >>> best_f_score([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0])
    BestThreshold(value=0.8571428571428571, threshold=0.3)
    """
    beta = _checked_beta(beta)
    counts = counts_by_positive(checked_sample(scores, targets, weights))
    return _best(counts, _f(counts.caught, counts.alarms, counts.positives, beta))


def balanced_accuracy_at(
    scores: ArrayLike, targets: ArrayLike, threshold: float, *, weights: ArrayLike | None = None
) -> float:
    """Mean of the shares of both classes that a threshold gets right, (TPR + 1 - FPR) / 2.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: A sample is critical when ``score >= threshold``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; 0.5 for flagging all or none.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, one
            class missing, or a threshold that is NaN.

    >>> balanced_accuracy_at([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], threshold=0.8)
    0.8333333333333333
    """
    point = rates_at(scores, targets, threshold, weights=weights)
    return (point.tpr + (1.0 - point.fpr)) / 2


def best_balanced_accuracy(
    scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> BestThreshold:
    """Find the highest balanced accuracy over all thresholds; see :func:`balanced_accuracy_at`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    >>> best_balanced_accuracy([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0])
    BestThreshold(value=0.8333333333333333, threshold=0.8)
    """
    counts = counts_by_positive(checked_sample(scores, targets, weights))
    tpr, fpr = _rates(counts)
    return _best(counts, (tpr + (1.0 - fpr)) / 2)


def g_mean_at(
    scores: ArrayLike, targets: ArrayLike, threshold: float, *, weights: ArrayLike | None = None
) -> float:
    r"""Geometric mean of the shares that a threshold gets right, :math:`\sqrt{TPR (1 - FPR)}`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: A sample is critical when ``score >= threshold``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; 0 for flagging all or none.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, one
            class missing, or a threshold that is NaN.

    Reference:
        Kubat & Matwin, *Addressing the curse of imbalanced training sets*, ICML 1997.

    >>> round(g_mean_at([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], threshold=0.8), 4)
    0.8165
    """
    point = rates_at(scores, targets, threshold, weights=weights)
    return math.sqrt(point.tpr * (1.0 - point.fpr))


def best_g_mean(
    scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> BestThreshold:
    """Find the highest G-mean over all thresholds; see :func:`g_mean_at`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    >>> best_g_mean([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0]).threshold
    0.8
    """
    counts = counts_by_positive(checked_sample(scores, targets, weights))
    tpr, fpr = _rates(counts)
    return _best(counts, np.sqrt(tpr * (1.0 - fpr)))


def _checked_beta(beta: float) -> float:
    # Beyond these its square leaves the range of floating point.
    if not 1e-100 < beta < 1e100:
        raise ConfigurationError(
            f"beta must be a finite number above 0, not {beta:g}: how many times as much recall "
            "counts as precision."
        )
    return float(beta)


def _f(caught: Any, alarms: Any, positives: float, beta: float) -> Any:
    gain = (1.0 + beta**2) * caught
    return gain / (gain + beta**2 * (positives - caught) + alarms)


def _rates(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return counts.caught / counts.positives, counts.alarms / counts.negatives


def _best(counts: Counts, values: NDArray[np.float64]) -> BestThreshold:
    # Thresholds fall, so the last of the best is the lowest; the slack is for rounding.
    place = np.flatnonzero(values >= values.max() * (1.0 - 1e-12))[-1]
    return BestThreshold(float(values[place]), float(counts.thresholds[place]))
