"""The cost curve: what a model costs at best, over all prevalences and prices of the two errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from rarecall.errors import ConfigurationError
from rarecall.metrics.inputs import checked_share
from rarecall.metrics.samples import checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class CostCurve:
    """The lowest normalised expected cost over all thresholds; exact, with straight lines between.

    On the way from ``probability_cost[j]`` to ``probability_cost[j + 1]`` one threshold is best:
    ``thresholds[j]``.

    Attributes:
        probability_cost: Corners of the curve, rising from 0 to 1, shape ``(k + 1,)``.
        cost: Normalised expected cost there, in [0, 0.5], shape ``(k + 1,)``.
        thresholds: Falling, shape ``(k,)``; a sample is critical when ``score >= threshold``. An
            infinite one flags nothing.
        tpr: True positive rate of each threshold, shape ``(k,)``.
        fpr: False positive rate of each threshold, shape ``(k,)``.
    """

    probability_cost: NDArray[np.float64]
    cost: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    tpr: NDArray[np.float64]
    fpr: NDArray[np.float64]

    def cost_at(self, probability_cost: ArrayLike) -> NDArray[np.float64]:
        """Read the curve at any place in [0, 1]; flagging all or none costs the lesser of x, 1 - x.

        >>> curve = cost_curve([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0])
        >>> curve.cost_at([0.0, 0.5, 1.0])  # at 0.5 half of (FPR + 1 - TPR)
        array([0.        , 0.16666667, 0.        ])
        """
        places = np.asarray(probability_cost, dtype=np.float64)
        return np.asarray(np.interp(places, self.probability_cost, self.cost))

    def threshold_at(self, probability_cost: float) -> float:
        """Give the threshold that is best at a place in [0, 1] on these samples; no guarantee.

        >>> curve = cost_curve([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0])
        >>> curve.threshold_at(probability_cost(prevalence=0.1, miss_cost=20, alarm_cost=1))
        0.3
        """
        inner = self.probability_cost[1:-1]
        return float(self.thresholds[np.searchsorted(inner, probability_cost, "right")])


def probability_cost(prevalence: float, miss_cost: float, alarm_cost: float) -> float:
    r"""Where a deployment stands on a cost curve, :math:`\pi c_m / (\pi c_m + (1 - \pi) c_a)`.

    Args:
        prevalence: Share :math:`\pi` of critical cases in use, in (0, 1).
        miss_cost: Of a critical case that is not flagged, above 0.
        alarm_cost: Of another case that is flagged, above 0, in the same currency.

    Raises:
        ConfigurationError: A value outside its range.

    >>> round(probability_cost(prevalence=0.01, miss_cost=99, alarm_cost=1), 12)
    0.5
    """
    prevalence = checked_share(prevalence, "prevalence", one=False)
    for name, cost in (("miss_cost", miss_cost), ("alarm_cost", alarm_cost)):
        if not (math.isfinite(cost) and cost > 0):
            raise ConfigurationError(f"{name} must be a finite number above 0, not {cost:g}.")
    odds = prevalence / (1.0 - prevalence) * (float(miss_cost) / float(alarm_cost))
    return 1.0 if math.isinf(odds) else odds / (1.0 + odds)


def cost_curve(
    scores: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> CostCurve:
    r"""Find the lowest cost that any threshold reaches, over all prevalences and prices.

    An operating point is a straight line, :math:`(1 - \mathrm{TPR}) \, x + \mathrm{FPR} (1 - x)`,
    in the probability cost :math:`x` (:func:`probability_cost`). The curve is the lower envelope of
    these lines; its corners are the sides of the convex hull of the ROC curve.

    These samples choose the thresholds and are judged at them, so the curve is somewhat too low.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.

    Reference:
        Drummond & Holte, *Cost curves: an improved method for visualizing classifier performance*,
        Machine Learning 2006.

    >>> curve = cost_curve([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0])
    >>> curve.thresholds, curve.probability_cost
    (array([0.8, 0.3]), array([0. , 0.6, 1. ]))
    """
    sample = checked_sample(scores, targets, weights)
    values, tied = np.unique(sample.scores, return_inverse=True)
    mass = np.ones(len(tied)) if sample.weights is None else sample.weights
    n = np.bincount(tied, mass)
    critical = np.bincount(tied, mass * sample.critical)
    others = np.bincount(tied, mass * ~sample.critical)
    # The pools of an isotonic regression are the sides of the convex hull.
    starts = isotonic_regression(critical / n, weights=n).blocks[:-1]
    caught = np.append(np.cumsum(critical[::-1])[::-1][starts], 0)[::-1]
    alarms = np.append(np.cumsum(others[::-1])[::-1][starts], 0)[::-1]
    tpr, fpr = caught / caught[-1], alarms / alarms[-1]
    thresholds = np.append(values[starts], np.inf)[::-1]
    gained, paid = np.diff(tpr), np.diff(fpr)
    corners = np.concatenate([[0.0], paid / (paid + gained), [1.0]])
    real = np.diff(corners) > 0.0
    last = np.flatnonzero(real)[-1]
    at = np.append(corners[:-1][real], 1.0)
    # The line of each threshold at its left corner, and the last one's at the right end.
    cost = (1.0 - tpr) * corners[:-1] + fpr * (1.0 - corners[:-1])
    return CostCurve(
        probability_cost=at,
        cost=np.append(cost[real], 1.0 - tpr[last]),
        thresholds=thresholds[real],
        tpr=tpr[real],
        fpr=fpr[real],
    )
