"""Measures at one threshold: the false positive rate at a required true positive rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.inputs import checked_share, positives_to_catch
from rarecall.metrics.samples import Sample, checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and the rates it had on the samples at hand.

    Attributes:
        threshold: A sample is critical when ``score >= threshold``.
        tpr: Share of the critical samples flagged, in [0, 1].
        fpr: Share of the other samples flagged, in [0, 1].
    """

    threshold: float
    tpr: float
    fpr: float


def operating_point(
    scores: ArrayLike, targets: ArrayLike, tpr: float, *, weights: ArrayLike | None = None
) -> OperatingPoint:
    r"""Find the highest threshold that reaches a TPR on these samples, and its rates.

    The threshold is the :math:`\lceil \beta n_1 \rceil`-th largest score of a critical sample.
    Nothing is interpolated: between two scores there is no further operating point, and a line
    through the ROC curve is points too pessimistic at a hundred positives. With tied scores the
    TPR reached may exceed the one asked for.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``. They are ranked in float64; a
            float32 sigmoid would tie every logit above 17.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate :math:`\beta`, in (0, 1].
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: ``tpr`` outside its range.

    >>> operating_point([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], tpr=0.6)
    OperatingPoint(threshold=0.8, tpr=0.6666666666666666, fpr=0.0)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    sample = checked_sample(scores, targets, weights)
    threshold = _highest_reaching(sample, tpr)
    return OperatingPoint(threshold, *sample.rates_from(threshold))


def fpr_at_tpr(
    scores: ArrayLike, targets: ArrayLike, tpr: float, *, weights: ArrayLike | None = None
) -> float:
    """Measure the FPR at the highest threshold that reaches a true positive rate.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate, in (0, 1].
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: ``tpr`` outside its range.

    >>> fpr_at_tpr([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], tpr=0.95)
    0.5
    """
    return operating_point(scores, targets, tpr, weights=weights).fpr


def rates_at(
    scores: ArrayLike, targets: ArrayLike, threshold: float, *, weights: ArrayLike | None = None
) -> OperatingPoint:
    """Measure the rates of a given threshold, ``score >= threshold`` being critical.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: Any number; infinities flag everything or nothing.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, one
            class missing, or a threshold that is NaN.

    >>> rates_at([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], threshold=0.5)
    OperatingPoint(threshold=0.5, tpr=0.6666666666666666, fpr=0.5)
    """
    sample = checked_sample(scores, targets, weights)
    return OperatingPoint(float(threshold), *sample.rates_from(threshold))


def _highest_reaching(sample: Sample, tpr: float) -> float:
    positives = sample.scores[sample.critical]
    if sample.weights is None:
        position = len(positives) - positives_to_catch(tpr, len(positives))
        return float(np.partition(positives, position)[position])
    falling = np.argsort(positives)[::-1]
    caught = np.cumsum(sample.weights[sample.critical][falling])
    # The slack of positives_to_catch: 0.07 of 100 is 7.000000000000001 in floating point.
    enough = np.argmax(caught >= tpr * caught[-1] * (1.0 - 1e-12))
    return float(positives[falling[enough]])
