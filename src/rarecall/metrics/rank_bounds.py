"""The ranks at which the true threshold may lie, and what each of them means for the FPR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr, betainc

from rarecall.metrics.inputs import positives_to_catch
from rarecall.metrics.intervals import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class RankLadder:
    """How many negatives are flagged from each rank on where the true threshold may lie.

    Attributes:
        alarms: Negatives flagged from the k-th largest positive on, for the ranks k from ``first``
            to one more than the last, shape ``(m + 1,)``. None at k = 0, where no positive is
            caught; all of them at n₁ + 1, where the threshold lies below every positive and
            nothing is known.
        weights: Probability that exactly k positives reach the true threshold, shape ``(m,)``; what
            is left out together is below 10⁻¹⁵.
        first: The smallest of the ranks.
        catch: The rank of the empirical threshold.
        n_positives: n₁.
        n_negatives: n₀.
        coarse: Whether most positives near the threshold share their score with another. The curve
            then climbs in few large steps, and a quantile of the mixture may fall within one.
    """

    alarms: NDArray[np.int64]
    weights: NDArray[np.float64]
    first: int
    catch: int
    n_positives: int
    n_negatives: int
    coarse: bool

    @property
    def observed(self) -> float:
        """The FPR at the empirical threshold."""
        return int(self.alarms[self.catch - self.first]) / self.n_negatives


def rank_ladder(
    positives: NDArray[np.float64], negatives: NDArray[np.float64], tpr: float
) -> RankLadder:
    """Count the false alarms at the ranks that matter; one partition, not a sort of everything.

    >>> ladder = rank_ladder(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.5, 2.5, 4.0]), tpr=0.5)
    >>> ladder.alarms, ladder.weights
    (array([0, 1, 2, 3, 4]), array([0.125, 0.375, 0.375, 0.125]))
    """
    n, n_negatives = len(positives), len(negatives)
    reach = 9.0 * math.sqrt(n * tpr * (1.0 - tpr)) + 10.0
    first, last = max(0, math.floor(n * tpr - reach)), min(n, math.ceil(n * tpr + reach))
    weights: NDArray[np.float64] = np.diff(bdtr(np.arange(first, last + 1), n, tpr), prepend=0.0)
    ranks = np.arange(first, last + 2)
    falling = np.sort(positives)[::-1]
    known = (ranks >= 1) & (ranks <= n)
    thresholds = falling[ranks[known] - 1]
    flagged = np.sort(negatives[negatives >= thresholds[-1]])
    alarms = np.where(ranks == 0, 0, n_negatives).astype(np.int64)
    alarms[known] = len(flagged) - np.searchsorted(flagged, thresholds, "left")
    near = first + np.flatnonzero(weights > 1e-4)
    around = falling[max(near[0], 1) - 1 : near[-1]]
    return RankLadder(
        alarms,
        weights,
        first,
        positives_to_catch(tpr, n),
        n,
        n_negatives,
        coarse=2 * len(np.unique(around)) < len(around),
    )


def product(ladder: RankLadder, tail: float) -> tuple[float, float]:
    """Halve the error between a range of ranks and the Clopper–Pearson bounds at its ends."""
    reached = np.cumsum(ladder.weights)
    # P(K < least) and P(K > most) are at most half of the tail each.
    least = int(np.sum(reached <= tail / 2))
    most = int(np.sum(reached < 1.0 - tail / 2))
    low, _ = clopper_pearson(int(ladder.alarms[least]), ladder.n_negatives, tail / 2)
    _, high = clopper_pearson(int(ladder.alarms[most + 1]), ladder.n_negatives, tail / 2)
    return low, high


def mixture(ladder: RankLadder, tail: float) -> tuple[float, float]:
    """Weight every rank's bounds with its probability, and take quantiles of the mixture."""
    n, weights = ladder.n_negatives, ladder.weights
    above, below = ladder.alarms[:-1], ladder.alarms[1:]
    some, open_ended = above > 0, below < n
    without_alarm = float(weights[~some].sum())

    def lower(rate: float) -> float:
        bounds = betainc(above[some], n - above[some] + 1, rate)
        return without_alarm + float(weights[some] @ bounds)

    def upper(rate: float) -> float:
        bounds = betainc(below[open_ended] + 1, n - below[open_ended], rate)
        return float(weights[open_ended] @ bounds)

    return _where_reached(lower, tail), _where_reached(upper, 1.0 - tail)


def bootstrapped(
    ladder: RankLadder, tail: float, n_resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    r"""Take percentiles of the stratified bootstrap, by its two steps.

    The k-th largest of :math:`n_1` positives drawn with replacement is the r-th largest that was
    seen, with :math:`r = \lceil n_1 U_{(k)} \rceil` and :math:`U_{(k)}` the k-th smallest of
    :math:`n_1` uniform numbers, which is Beta(k, n₁ − k + 1). Of the redrawn negatives a binomial
    number reaches it.
    """
    n = ladder.n_positives
    drawn = np.ceil(n * rng.beta(ladder.catch, n - ladder.catch + 1, n_resamples))
    # No draw in 10¹⁵ leaves the ladder; the largest rank on it that has a score is n.
    ranks = drawn.clip(max(ladder.first, 1), n).astype(np.int64) - ladder.first
    alarms = ladder.alarms[ranks.clip(0, len(ladder.alarms) - 1)]
    rates = rng.binomial(ladder.n_negatives, alarms / ladder.n_negatives) / ladder.n_negatives
    low, high = np.quantile(rates, [tail, 1.0 - tail])
    return float(low), float(high)


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
