"""Measures of probabilities: the Brier score, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.binning import Strategy, binned
from rarecall.metrics.samples import Sample, checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class BrierParts:
    """A Brier score and its parts: ``reliability - resolution + uncertainty + within``.

    Attributes:
        value: The Brier score, in [0, 1]; lower is better.
        reliability: Mean squared distance of each bin's probability from its rate; 0 when the
            probabilities mean what they say.
        resolution: Mean squared distance of each bin's rate from the overall one; higher is better,
            at most ``uncertainty``.
        uncertainty: What answering with the overall rate scores, p (1 - p).
        within: What varies inside the bins; 0 where every bin holds one probability.
    """

    value: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier_score(
    probabilities: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> float:
    r"""Mean squared error of probabilities, :math:`\frac{1}{n} \sum_i (p_i - y_i)^2`.

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``: calibrated scores.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; lower is better. With a rare class it is small for any model: compare it with
        the uncertainty, p (1 - p), that :func:`brier_decomposition` gives.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.

    Reference:
        Brier, *Verification of forecasts expressed in terms of probability*, Monthly Weather
        Review 1950.

    >>> round(brier_score([0.9, 0.6, 0.2, 0.1], [1, 0, 0, 0]), 4)
    0.105
    """
    sample = checked_probabilities(probabilities, targets, weights)
    return sample.mean((sample.scores - sample.critical) ** 2)


def brier_decomposition(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    bins: int | None = 10,
    strategy: Strategy = "quantile",
    weights: ArrayLike | None = None,
) -> BrierParts:
    r"""Part the Brier score into what calibration mends, what the ranking gives, and the task.

    With bin k of :math:`n_k` samples, mean probability :math:`\bar p_k` and rate :math:`\bar y_k`:

    .. math::
        \frac{1}{n} \sum_k n_k (\bar p_k - \bar y_k)^2
        - \frac{1}{n} \sum_k n_k (\bar y_k - \bar y)^2 + \bar y (1 - \bar y)
        + \frac{1}{n} \sum_k \sum_{i \in k} \left[ (p_i - \bar p_k)^2
        - 2 (y_i - \bar y_k)(p_i - \bar p_k) \right]

    The last sum, ``within``, is Stephenson's: Murphy's three parts alone add up only where every
    bin holds one probability (``bins=None``).

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        bins: How many, or None for one a distinct probability: for probabilities of few values.
        strategy: ``"quantile"`` for bins of about equally many samples, ``"uniform"`` for bins of
            equal width. Equal probabilities share a bin.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.
        ConfigurationError: ``bins`` below 1, or an unknown strategy.

    Reference:
        Murphy, *A new vector partition of the probability score*, Journal of Applied Meteorology
        1973; Stephenson, Coelho & Jolliffe, *Two extra components in the Brier score
        decomposition*, Weather and Forecasting 2008.

    >>> parts = brier_decomposition([0.2, 0.2, 0.2, 0.8, 0.8], [0, 0, 1, 1, 1], bins=None)
    >>> round(parts.reliability, 4), round(parts.resolution, 4), round(parts.uncertainty, 4)
    (0.0267, 0.1067, 0.24)
    """
    sample = checked_probabilities(probabilities, targets, weights)
    p, y = sample.scores, sample.critical.astype(np.float64)
    groups = binned(sample, bins, strategy)
    shares, base = groups.mass / groups.mass.sum(), sample.mean(y)
    inner = p - groups.probability[groups.member]
    return BrierParts(
        value=sample.mean((p - y) ** 2),
        reliability=float(shares @ (groups.probability - groups.rate) ** 2),
        resolution=float(shares @ (groups.rate - base) ** 2),
        uncertainty=base * (1.0 - base),
        within=sample.mean(inner**2 - 2.0 * (y - groups.rate[groups.member]) * inner),
    )


def checked_probabilities(
    probabilities: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
) -> Sample:
    """Check as :func:`rarecall.metrics.samples.checked_sample` does, and that all lie in [0, 1].

    Raises:
        MetricError: Values outside [0, 1], or as there.
    """
    sample = checked_sample(probabilities, targets, weights, "probabilities")
    lowest, highest = float(sample.scores.min()), float(sample.scores.max())
    if lowest < 0.0 or highest > 1.0:
        raise MetricError(
            f"Probabilities lie in [0, 1]; these values reach from {lowest:g} to {highest:g}. Are "
            "they scores? Calibrate them first (rarecall.calibration.fit_calibrator)."
        )
    return sample
