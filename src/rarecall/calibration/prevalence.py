"""How rare the critical class is in new, unlabelled data: estimated from its probabilities."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.calibration.prior_shift import shifted, unlabelled_probabilities
from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.inputs import checked_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROUNDS = 10_000
_TOLERANCE = 1e-9
_CELLS = 500
_HALVINGS = 40


@dataclass(frozen=True)
class PrevalenceEstimate:
    """The prevalence under which new probabilities are likeliest.

    Attributes:
        value: In [0, 1].
        low: Lower bound of the interval.
        high: Upper bound.
        confidence: Of the interval, over the draw of the new samples alone; that the probabilities
            were right is taken for granted.
        iterations: Rounds of EM.
        converged: Whether the last round moved the estimate by no more than 1e-9.
        before: Prevalence that the probabilities were right at.
        n: New samples.
    """

    value: float
    low: float
    high: float
    confidence: float
    iterations: int
    converged: bool
    before: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def estimate_prevalence(
    probabilities: ArrayLike,
    *,
    before: float,
    confidence: float = 0.95,
    n_resamples: int = 500,
    seed: int = 0,
) -> PrevalenceEstimate:
    r"""Estimate the prevalence of new samples by EM, from their probabilities alone.

    Round by round the probabilities are shifted to the estimate, and their mean is the next one:

    .. math:: \pi_{k+1} = \frac{1}{n} \sum_i \mathrm{shift}(p_i; \pi_0 \to \pi_k)

    It ends at the prevalence of highest likelihood. What it asks for: probabilities that are
    calibrated at ``before``, and classes that look as they did then. It cannot notice that they do
    not; new samples of a kind never seen may well be counted as critical.

    Args:
        probabilities: Of the new samples, right at the prevalence ``before``, shape ``(n,)``.
        before: Prevalence :math:`\pi_0` of the part that they were fitted on, in (0, 1).
        confidence: Of the percentile bootstrap interval, in (0, 1).
        n_resamples: Bootstrap samples, at least 1.
        seed: Of the bootstrap.

    Raises:
        MetricError: No values, or values that are no probabilities.
        ConfigurationError: An argument outside its range.

    Reference:
        Saerens, Latinne & Decaestecker, *Adjusting the outputs of a classifier to new a priori
        probabilities*, Neural Computation 2002, section 2.2.

    >>> estimate = estimate_prevalence([0.0] * 60 + [0.5] * 20 + [1.0] * 20, before=0.5)
    >>> round(estimate.value, 6), estimate.converged  # of the certain ones 20 in 80 are critical
    (0.25, True)
    """
    values = unlabelled_probabilities(probabilities)
    if not values.size:
        raise MetricError("A prevalence is estimated from samples, but there is none.")
    before = checked_share(before, "before", one=False)
    confidence = checked_share(confidence, "confidence", one=False)
    if n_resamples < 1:
        raise ConfigurationError(f"n_resamples must be at least 1, not {n_resamples}.")
    value, move, rounds = before, 1.0, 0
    while rounds < _ROUNDS and move > _TOLERANCE:
        after = float(np.mean(shifted(values, before, value)))
        move, value, rounds = abs(after - value), after, rounds + 1
    redrawn = _bootstrap(values, before, n_resamples, np.random.default_rng(seed))
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(redrawn, [tail, 1.0 - tail])
    return PrevalenceEstimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        confidence=confidence,
        iterations=rounds,
        converged=move <= _TOLERANCE,
        before=before,
        n=len(values),
    )


def _bootstrap(
    values: NDArray[np.float64], before: float, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Estimate again on redrawn samples; all at once, by halving where EM would climb."""
    ordered = np.sort(values)
    # Neighbours share a cell, so that a resample costs the same at any size.
    cells = np.array_split(ordered, min(_CELLS, len(ordered)))
    likely = np.array([cell.mean() for cell in cells])
    counts = rng.multinomial(
        len(values), np.array([len(cell) for cell in cells]) / len(values), n_resamples
    )
    gain = likely / before - (1.0 - likely) / (1.0 - before)
    base = (1.0 - likely) / (1.0 - before)
    low, high = np.zeros(n_resamples), np.ones(n_resamples)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The likelihood is concave in the prevalence: its slope changes sign once.
        rises = np.sum(counts * (gain / (base + middle[:, None] * gain)), axis=1) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return (low + high) / 2
