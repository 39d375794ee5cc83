"""The confidence interval of the false positive rate at a required true positive rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr, betainc

from rarecall.metrics.inputs import by_class, checked_share, positives_to_catch
from rarecall.metrics.intervals import Interval, clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

MISSED_FOR_MIXTURE = 5
"""Positives that the required TPR must allow to miss, n₁(1 − β), before ranks are mixed."""

_HALVINGS = 40


def fpr_at_tpr_interval(
    scores: ArrayLike, targets: ArrayLike, tpr: float, confidence: float = 0.95
) -> Interval:
    r"""Bound the FPR at the threshold whose *true* TPR is the one required.

    Two things are unsure: where that threshold lies among the positives, and how many negatives
    lie above it. The number of positives at or above it is binomial, :math:`K \sim B(n_1, \beta)`,
    so it lies between the :math:`K`-th and the next largest positive; at each of these the
    negatives give a Clopper–Pearson bound. The two are put together in one of two ways:

    - *mixture*, where :math:`n_1 (1 - \beta) \ge 5`: every bound is weighted with the probability
      of its rank, and the ends are quantiles of the mixture. This is the stratified bootstrap with
      its two steps, a rank and a count, replaced by exact ones and summed instead of drawn. The
      plain bootstrap centres the rank one positive too high and keeps 90% to 94% where 95% is
      promised; the mixture keeps 95% to 99%. A curve that jumps just at the threshold, as with a
      cluster of hard positives, can cost it up to four points.
    - *product*, below, and where ties leave few distinct scores: the error allowed is halved
      between a range of ranks and the bounds at its ends. It holds for any scores, and is a third
      wider. Where :math:`\beta^{n_1}` exceeds a quarter of the allowed error, no bound below 1
      exists, and 1 is what it returns.

    A binomial interval at the empirical threshold would take the threshold for known, and covers
    10% to 60%.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate :math:`\beta`, in (0, 1].
        confidence: In (0, 1).

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``tpr`` or ``confidence`` outside its range.

    >>> rng = np.random.default_rng(0)
    >>> targets = np.repeat([0, 1], [1000, 200])
    >>> interval = fpr_at_tpr_interval(rng.normal(2 * targets), targets, tpr=0.9)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.14, 0.267)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    confidence = checked_share(confidence, "confidence", one=False)
    positives, negatives = by_class(scores, targets)
    n = len(positives)
    tail = (1.0 - confidence) / 2
    falling = np.sort(positives)[::-1]
    alarms = _false_alarms(falling, negatives)
    weights: NDArray[np.float64] = np.diff(bdtr(np.arange(n + 1), n, tpr), prepend=0.0)
    mixed = n * (1.0 - tpr) >= MISSED_FOR_MIXTURE - 1e-9 and not _coarse(falling, weights)
    bounds = _mixture if mixed else _product
    low, high = bounds(alarms, weights, len(negatives), tail)
    # At a very low confidence the interval may be narrower than one step of the curve.
    observed = int(alarms[positives_to_catch(tpr, n)]) / len(negatives)
    return Interval(
        min(low, observed),
        max(high, observed),
        confidence,
        f"order statistics × Clopper–Pearson, {'mixture' if mixed else 'product'}",
    )


def _false_alarms(
    falling: NDArray[np.float64], negatives: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Count the negatives flagged from the k-th largest positive on, for k = 0..n₁ + 1.

    No negative at k = 0, where no positive is caught, and all of them at n₁ + 1, where the
    threshold lies somewhere below every positive and nothing is known.
    """
    from_each = len(negatives) - np.searchsorted(np.sort(negatives), falling, "left")
    return np.concatenate([[0], from_each, [len(negatives)]]).astype(np.int64)


def _coarse(falling: NDArray[np.float64], weights: NDArray[np.float64]) -> bool:
    """Whether most positives near the threshold share their score with another.

    The curve then climbs in few large steps, and a quantile of the mixture may fall within one.
    """
    near = np.flatnonzero(weights > 1e-4).clip(1, len(falling)) - 1
    around = falling[near[0] : near[-1] + 1]
    return 2 * len(np.unique(around)) < len(around)


def _product(
    alarms: NDArray[np.int64], weights: NDArray[np.float64], n: int, tail: float
) -> tuple[float, float]:
    reached = np.cumsum(weights)
    # P(K < least) and P(K > most) are at most half of the tail each.
    least = int(np.sum(reached <= tail / 2))
    most = int(np.sum(reached < 1.0 - tail / 2))
    low, _ = clopper_pearson(int(alarms[least]), n, tail / 2)
    _, high = clopper_pearson(int(alarms[most + 1]), n, tail / 2)
    return low, high


def _mixture(
    alarms: NDArray[np.int64], weights: NDArray[np.float64], n: int, tail: float
) -> tuple[float, float]:
    # Ranks that are never seen would only cost time: a million positives have a million ranks.
    ranks = np.flatnonzero(weights > 1e-15)
    above, below, weights = alarms[ranks], alarms[ranks + 1], weights[ranks]
    some, open_ended = above > 0, below < n
    without_alarm = float(weights[~some].sum())

    def lower(rate: float) -> float:
        bounds = betainc(above[some], n - above[some] + 1, rate)
        return without_alarm + float(weights[some] @ bounds)

    def upper(rate: float) -> float:
        bounds = betainc(below[open_ended] + 1, n - below[open_ended], rate)
        return float(weights[open_ended] @ bounds)

    return _where_reached(lower, tail), _where_reached(upper, 1.0 - tail)


def _where_reached(rising: Callable[[float], float], level: float) -> float:
    """Find the rate where a rising function comes to ``level``; 0 or 1 where it never does."""
    if rising(0.0) >= level:
        return 0.0
    if rising(1.0) < level:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= level else (middle, high)
    return high
