"""Measures at one threshold: the false positive rate at a required true positive rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import by_class, checked_share, positives_to_catch

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


def operating_point(scores: ArrayLike, targets: ArrayLike, tpr: float) -> OperatingPoint:
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

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``tpr`` outside its range.

    >>> operating_point([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], tpr=0.6)
    OperatingPoint(threshold=0.8, tpr=0.6666666666666666, fpr=0.0)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    positives, negatives = by_class(scores, targets)
    position = len(positives) - positives_to_catch(tpr, len(positives))
    threshold = float(np.partition(positives, position)[position])
    return OperatingPoint(
        threshold,
        tpr=float(np.mean(positives >= threshold)),
        fpr=float(np.mean(negatives >= threshold)),
    )


def fpr_at_tpr(scores: ArrayLike, targets: ArrayLike, tpr: float) -> float:
    """Measure the FPR at the highest threshold that reaches a true positive rate.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate, in (0, 1].

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``tpr`` outside its range.

    >>> fpr_at_tpr([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], tpr=0.95)
    0.5
    """
    return operating_point(scores, targets, tpr).fpr


def rates_at(scores: ArrayLike, targets: ArrayLike, threshold: float) -> OperatingPoint:
    """Measure the rates of a given threshold, ``score >= threshold`` being critical.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: Any number; infinities flag everything or nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, one class missing, or a threshold
            that is NaN.

    >>> rates_at([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], threshold=0.5)
    OperatingPoint(threshold=0.5, tpr=0.6666666666666666, fpr=0.5)
    """
    if np.isnan(threshold):
        raise MetricError("The threshold is NaN; give a number on the scale of the scores.")
    positives, negatives = by_class(scores, targets)
    return OperatingPoint(
        float(threshold),
        tpr=float(np.mean(positives >= threshold)),
        fpr=float(np.mean(negatives >= threshold)),
    )
