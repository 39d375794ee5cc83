"""Two models' areas under the ROC curve on the same samples, compared after DeLong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from rarecall.errors import MetricError
from rarecall.metrics.clusters import units_by_class
from rarecall.metrics.delong import auc_interval
from rarecall.metrics.inputs import checked_scores, checked_share, checked_targets
from rarecall.metrics.placements import disjoint_pairs, mean_spread, placements

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rarecall.metrics.placements import Placements


@dataclass(frozen=True)
class AUCDifference:
    """Difference in AUC between two models on the same samples.

    Attributes:
        difference: First model's AUC minus the second's, in [-1, 1]; above 0 the first is better.
        low: Lower bound of the difference.
        high: Upper bound of the difference.
        confidence: Of the interval, in (0, 1).
        p_value: Chance of a difference at least this large, either way, if both areas were equal.
        first: First model's AUC.
        second: Second model's AUC.
        standard_error: Of the difference, after DeLong; NaN where the samples cannot show it.
    """

    difference: float
    low: float
    high: float
    confidence: float
    p_value: float
    first: float
    second: float
    standard_error: float


def auc_difference(
    first: ArrayLike,
    second: ArrayLike,
    targets: ArrayLike,
    *,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
) -> AUCDifference:
    r"""Compare two correlated areas with DeLong's test; mid-ranks count ties one half.

    The variance is that of the sample-by-sample differences of both models' placements, so what
    the models have in common cancels. The quantile is Student's with Welch's degrees of freedom, as
    in :func:`auc_interval`; it comes to DeLong's normal one as samples grow. With ``groups`` the
    variance is Obuchowski's for clustered data.

    Scores that rank the samples alike, identical ones among them, differ by 0 with certainty
    and p = 1. Where the differences show no variance otherwise (two perfect rankings, a class of
    one sample or group), the interval is what the two areas' own intervals leave open at half of
    the error each, and the p-value takes the largest variance that is possible.

    Args:
        first: Scores of one model, higher is more critical, shape ``(n,)``.
        second: Scores of the other, on any scale, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        confidence: Of the interval, in (0, 1).
        groups: Group of every sample (patient, account), shape ``(n,)``.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``confidence`` outside its range.

    Reference:
        DeLong et al., *Comparing the areas under two or more correlated receiver operating
        characteristic curves*, Biometrics 1988; Obuchowski, *Nonparametric analysis of clustered
        ROC curve data*, Biometrics 1997.

    >>> rng = np.random.default_rng(0)
    >>> targets = np.repeat([0, 1], [400, 100])
    >>> good, bad = rng.normal(2 * targets), rng.normal(1 * targets)
    >>> result = auc_difference(good, bad, targets)
    >>> result.low > 0, result.p_value < 0.01
    (True, True)
    >>> auc_difference(good, 3 * good - 1, targets).p_value
    1.0
    """
    confidence = checked_share(confidence, "confidence", one=False)
    here, there = checked_scores(first, "first"), checked_scores(second, "second")
    if len(here) != len(there):
        raise MetricError(
            f"Both models must score the same samples; {len(here)} and {len(there)} scores came."
        )
    critical = checked_targets(targets, len(here))
    units = None if groups is None else units_by_class(groups, critical)
    one, two = (placements(scores[critical], scores[~critical]) for scores in (here, there))
    difference = (one.right_pairs - two.right_pairs) / one.all_pairs
    if _same_placements(one, two) and _same_ranking(here, there):
        return AUCDifference(0.0, 0.0, 0.0, confidence, 1.0, one.area, two.area, 0.0)
    gains = [a - b for a, b in zip(one.shares(), two.shares(), strict=True)]
    spread = mean_spread(gains[0], gains[1], units)
    if spread.variance == 0.0:
        half = 0.5 + confidence / 2
        ours, theirs = (auc_interval(s, critical, half, groups=groups) for s in (here, there))
        least = min(len(one.positives), len(one.negatives))
        pairs = least if units is None else max(1, disjoint_pairs(units))
        return AUCDifference(
            difference,
            ours.low - theirs.high,
            ours.high - theirs.low,
            confidence,
            _cautious_p_value(one.area, two.area, pairs),
            one.area,
            two.area,
            float("nan"),
        )
    error = spread.variance**0.5
    reach = -float(stdtrit(spread.freedom, (1.0 - confidence) / 2)) * error
    return AUCDifference(
        difference,
        max(-1.0, difference - reach),
        min(1.0, difference + reach),
        confidence,
        min(1.0, 2.0 * float(stdtr(spread.freedom, -abs(difference) / error))),
        one.area,
        two.area,
        error,
    )


def _same_placements(one: Placements, two: Placements) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def _same_ranking(here: ArrayLike, there: ArrayLike) -> bool:
    """Whether both order the samples alike, ties included."""
    numbers = [np.unique(scores, return_inverse=True)[1] for scores in (here, there)]
    return np.array_equal(numbers[0], numbers[1])


def _cautious_p_value(first: float, second: float, pairs: int) -> float:
    """Bound the p-value with the largest variances that two areas can have."""
    if first == second:
        return 1.0
    widest = sum((area * (1.0 - area) / pairs) ** 0.5 for area in (first, second))
    if widest == 0.0:
        # One ranks every pair rightly, the other none: A^m and (1 - A)^m at the same A.
        return min(1.0, 2.0 * 0.5**pairs)
    return min(1.0, 2.0 * float(stdtr(np.inf, -abs(first - second) / widest)))
