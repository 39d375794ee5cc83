"""Whether probabilities mean what they say: the reliability curve and the calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rarecall.errors import ConfigurationError
from rarecall.metrics.binning import Strategy, binned
from rarecall.metrics.probabilities import checked_probabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """What was said and what happened, bin by bin; bins without samples are left out.

    Attributes:
        n: Rows in each bin, integers, shape ``(k,)``.
        probability: Their mean probability, rising, shape ``(k,)``.
        rate: Their share of critical samples, shape ``(k,)``.
        share: What part of all samples, or of their weight, each bin holds, shape ``(k,)``.
    """

    n: NDArray[np.int64]
    probability: NDArray[np.float64]
    rate: NDArray[np.float64]
    share: NDArray[np.float64]


def reliability_curve(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    bins: int | None = 10,
    strategy: Strategy = "quantile",
    weights: ArrayLike | None = None,
) -> ReliabilityCurve:
    """Compare the mean probability with the rate of critical samples, bin by bin.

    With a rare class most probabilities are small, and bins of equal width leave nearly all samples
    in the first; hence quantiles. The rate of a bin is unsure by
    :func:`rarecall.metrics.rate_interval`.

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        bins: How many, or None for one a distinct probability.
        strategy: ``"quantile"`` for bins of about equally many samples, ``"uniform"`` for bins of
            equal width. Equal probabilities share a bin, so there may be fewer.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.
        ConfigurationError: ``bins`` below 1, or an unknown strategy.

    Reference:
        Niculescu-Mizil & Caruana, *Predicting good probabilities with supervised learning*, ICML
        2005.

    >>> curve = reliability_curve([0.1, 0.3, 0.6, 0.8], [0, 0, 0, 1], bins=2)
    >>> curve.n, curve.probability, curve.rate
    (array([2, 2]), array([0.2, 0.7]), array([0. , 0.5]))
    """
    sample = checked_probabilities(probabilities, targets, weights)
    groups = binned(sample, bins, strategy)
    return ReliabilityCurve(
        np.bincount(groups.member).astype(np.int64),
        groups.probability,
        groups.rate,
        groups.mass / groups.mass.sum(),
    )


def calibration_error(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    bins: int | None = 10,
    norm: Literal["l1", "l2", "max"] = "l1",
    strategy: Strategy = "quantile",
    weights: ArrayLike | None = None,
) -> float:
    r"""Distance between probability and rate over the bins of a reliability curve.

    ``"l1"`` is the expected calibration error, :math:`\sum_k w_k |\bar p_k - \bar y_k|` with
    :math:`w_k` the bin's share of samples; ``"l2"`` the root of the mean square; ``"max"`` the
    largest distance of any bin.

    A perfectly calibrated model does not get 0: the rates of small bins vary by chance. Compare
    models on the same samples with the same bins only.

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        bins: How many, or None for one a distinct probability.
        norm: As above.
        strategy: As in :func:`reliability_curve`.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.
        ConfigurationError: ``bins`` below 1, an unknown strategy or norm.

    Reference:
        Naeini, Cooper & Hauskrecht, *Obtaining well calibrated probabilities using Bayesian
        binning*, AAAI 2015; Kumar, Liang & Ma, *Verified uncertainty calibration*, NeurIPS 2019.

    >>> round(calibration_error([0.1, 0.3, 0.6, 0.8], [0, 0, 0, 1], bins=2), 4)
    0.2
    """
    if norm not in {"l1", "l2", "max"}:
        raise ConfigurationError(f"norm must be 'l1', 'l2' or 'max', not {norm!r}.")
    curve = reliability_curve(probabilities, targets, bins=bins, strategy=strategy, weights=weights)
    distance = np.abs(curve.probability - curve.rate)
    if norm == "max":
        return float(distance.max())
    if norm == "l2":
        return float(np.sqrt(curve.share @ distance**2))
    return float(curve.share @ distance)
