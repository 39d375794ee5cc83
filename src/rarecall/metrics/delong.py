"""The area under the ROC curve with its uncertainty, after DeLong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit, stdtrit

from rarecall.metrics.inputs import by_class, checked_share
from rarecall.metrics.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def auc_interval(scores: ArrayLike, targets: ArrayLike, confidence: float = 0.95) -> Interval:
    r"""Bound the AUC with DeLong's variance, on the logit scale so that it stays in [0, 1].

    Each positive's share of negatives below it, and each negative's share of positives above it,
    give the variance; mid-ranks count ties one half. The quantile is Student's, with Welch's
    degrees of freedom: a dozen positives know their own variance poorly. In simulation a promise
    of 95% is kept at 93% to 95%, and at 90% where few positives meet an area above 0.96.

    Where the sample shows no variance (a class of one sample, all scores tied) the largest that
    is possible, :math:`A(1-A)/\min(n_1, n_0)`, stands in. Where all or none of the pairs are
    ranked rightly, the bound is exact: :math:`m = \min(n_1, n_0)` disjoint pairs are all right
    with probability at most :math:`A^m`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        confidence: In (0, 1).

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``confidence`` outside its range.

    Reference:
        DeLong et al., *Comparing the areas under two or more correlated receiver operating
        characteristic curves*, Biometrics 1988; the largest variance: Birnbaum & Klose, *Bounds
        for the variance of the Mann–Whitney statistic*, Annals of Mathematical Statistics 1957.

    >>> interval = auc_interval([1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1])
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.088, 0.998)
    """
    confidence = checked_share(confidence, "confidence", one=False)
    positives, negatives = by_class(scores, targets)
    tail = (1.0 - confidence) / 2
    below = _share_below(positives, negatives)
    above = 1.0 - _share_below(negatives, positives)
    area = float(below.mean())
    pairs = min(len(positives), len(negatives))
    # Compared with the extremes of the shares, not of their mean, which rounds.
    if below.min() == 1.0:
        return Interval(tail ** (1.0 / pairs), 1.0, confidence, "disjoint pairs")
    if below.max() == 0.0:
        return Interval(0.0, 1.0 - tail ** (1.0 / pairs), confidence, "disjoint pairs")
    variance, freedom = area * (1.0 - area) / pairs, np.inf
    if pairs > 1:
        parts = below.var(ddof=1) / len(positives), above.var(ddof=1) / len(negatives)
        if sum(parts) > 1e-20:
            variance = float(sum(parts))
            freedom = variance**2 / (
                parts[0] ** 2 / (len(positives) - 1) + parts[1] ** 2 / (len(negatives) - 1)
            )
    reach = -stdtrit(freedom, tail) * np.sqrt(variance) / (area * (1.0 - area))
    centre = logit(area)
    return Interval(
        float(expit(centre - reach)), float(expit(centre + reach)), confidence, "DeLong, logit"
    )


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.sort(others)
    doubled = np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")
    return doubled / (2 * len(others))
