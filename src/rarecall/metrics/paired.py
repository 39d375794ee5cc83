"""Two models on the same samples: how sure it is that one raises fewer false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.inputs import checked_scores, checked_share, checked_targets
from rarecall.metrics.redraws import redrawn_contrast
from rarecall.metrics.resampling import rank_pair, swapped_excess

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.metrics.clusters import Models


@dataclass(frozen=True)
class PairedDifference:
    """Difference in FPR at a required TPR between two models on the same samples.

    Attributes:
        difference: First model's FPR minus the second's, in [-1, 1]; below 0 the first is better.
        low: Lower bound of the difference.
        high: Upper bound of the difference.
        confidence: Of the interval, in (0, 1).
        p_value: Chance of a difference at least this large, either way, if the models were
            interchangeable, in (0, 1].
    """

    difference: float
    low: float
    high: float
    confidence: float
    p_value: float


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    targets: ArrayLike,
    tpr: float,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    n_resamples: int = 2000,
    groups: ArrayLike | None = None,
) -> PairedDifference:
    """Compare two models' FPR at a required TPR on the same samples.

    The p-value is a permutation test: each sample's two ranks, one under each model, change sides
    with probability one half (ranks, because two models' scores share no scale). The interval is a
    stratified Bayesian bootstrap that redraws positives and negatives for both models at once.
    Where the TPR allows fewer than three positives to be missed, it becomes the widest that the
    unseen could make it: with so few positives nobody knows where the threshold belongs.

    Args:
        first: Scores of one model, higher is more critical, shape ``(n,)``.
        second: Scores of the other, on any scale, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate, in (0, 1].
        confidence: Of the interval, in (0, 1).
        seed: Of the resamples.
        n_resamples: Permutations, and as many bootstrap resamples.
        groups: Group of every sample (patient, account), shape ``(n,)``; its rows then change
            sides and are resampled together.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: A number outside its range.

    Reference:
        Venkatraman & Begg, *A distribution-free procedure for comparing receiver operating
        characteristic curves from a paired experiment*, Biometrika 1996; Rubin, *The Bayesian
        bootstrap*, Annals of Statistics 1981.

    >>> rng = np.random.default_rng(0)
    >>> targets = np.repeat([0, 1], [400, 100])
    >>> good, bad = rng.normal(3 * targets), rng.normal(1 * targets)
    >>> result = paired_difference(good, bad, targets, tpr=0.9)
    >>> result.high < 0, result.p_value < 0.01
    (True, True)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    confidence = checked_share(confidence, "confidence", one=False)
    if n_resamples < 1:
        raise ConfigurationError(f"n_resamples must be at least 1, not {n_resamples}.")
    here, there = checked_scores(first, "first"), checked_scores(second, "second")
    if len(here) != len(there):
        raise MetricError(
            f"Both models must score the same samples; {len(here)} and {len(there)} scores came."
        )
    pair = rank_pair(here, there, checked_targets(targets, len(here)), groups)
    if np.array_equal(pair.positives[0], pair.positives[1]) and np.array_equal(
        pair.negatives[0], pair.negatives[1]
    ):
        return PairedDifference(0.0, 0.0, 0.0, confidence, p_value=1.0)
    # The same draws for both orders of the models, so that changing places mirrors all of it.
    mirrored = _comes_second(pair)
    if mirrored:
        pair = pair._replace(positives=pair.positives[::-1], negatives=pair.negatives[::-1])
    swapping, redrawing = np.random.default_rng(seed).spawn(2)
    alarms = pair.false_alarms(tpr)
    excess = int(alarms[0] - alarms[1])
    swapped = swapped_excess(pair, tpr, n_resamples, swapping)
    drawn = redrawn_contrast(pair, (1, -1), tpr, n_resamples=n_resamples, rng=redrawing)
    tail = (1.0 - confidence) / 2
    difference = excess / pair.negatives.shape[1]
    low = min(difference, float(np.quantile(drawn.lower, tail)))
    high = max(difference, float(np.quantile(drawn.upper, 1.0 - tail)))
    if mirrored:
        difference, low, high = 0.0 - difference, -high, -low
    return PairedDifference(
        difference=difference,
        low=low,
        high=high,
        confidence=confidence,
        # The samples as they came are one of the equally likely ways to swap them.
        p_value=(1 + int(np.sum(np.abs(swapped) >= abs(excess)))) / (1 + n_resamples),
    )


def _comes_second(pair: Models) -> bool:
    """Whether the first model ranks the first sample on which the two differ above the second."""
    for first, second in (pair.positives, pair.negatives):
        differ = np.flatnonzero(first != second)
        if differ.size:
            return bool(first[differ[0]] > second[differ[0]])
    return False


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for the number of comparisons, after Holm.

    Args:
        p_values: In [0, 1], shape ``(m,)``.

    Returns:
        Adjusted p-values in the same order, shape ``(m,)``; rejecting those at most α keeps the
        chance of any false rejection at most α, whatever the dependence.

    Raises:
        MetricError: A p-value outside [0, 1], or a wrong shape.

    Reference:
        Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of
        Statistics 1979.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = checked_scores(p_values, "p_values")
    if values.size and (values.min() < 0.0 or values.max() > 1.0):
        raise MetricError(f"p_values must lie in [0, 1]; {values.min()} to {values.max()} came.")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
