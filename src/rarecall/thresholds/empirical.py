"""The threshold that keeps a TPR on the samples at hand, and promises nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import DataError
from rarecall.metrics.inputs import as_percent, checked_share, positives_to_catch
from rarecall.roles import CalibrationScores, Scores, ValidationScores
from rarecall.thresholds.counting import counted
from rarecall.thresholds.guarantee import ThresholdChoice, positives_needed
from rarecall.thresholds.order_statistics import gap_below
from rarecall.thresholds.wording import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray


def empirical_threshold(scores: Scores, *, tpr: float, confidence: float = 0.95) -> ThresholdChoice:
    """Find the highest threshold that reaches a TPR on these samples; it carries no guarantee.

    For exploring, and where a guarantee is out of reach. More than half of such thresholds miss
    more of the critical samples to come than they should.

    Args:
        scores: Of the validation or the calibration part. Weights count as repeated rows. With
            groups it is the groups that are counted.
        tpr: The true positive rate to reach on these samples, in (0, 1).
        confidence: Only to say how many critical samples a guarantee would take, in (0, 1).

    Returns:
        A choice with ``guaranteed=False``; its ``rank`` is that of the critical score just above
        the threshold.

    Raises:
        TypeError: Training scores, which are too good; test scores, which are for looking at once;
            or a bare array.
        DataError: Weights together with groups, or no weight on the critical samples.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr`` or ``confidence`` outside its range.

    >>> samples = np.arange(10.0), np.repeat([0, 1], 5), np.arange(10).astype(str)
    >>> choice = empirical_threshold(ValidationScores(*samples), tpr=0.8)
    >>> choice.value, choice.guaranteed, choice.rank
    (5.5, False, 2)
    """
    may_choose(scores)
    tpr = checked_share(tpr, "tpr", one=False)
    units = counted(scores)
    n = len(units.positives)
    needed = positives_needed(tpr, confidence)
    if scores.weights is None:
        rank = n + 1 - positives_to_catch(tpr, n)
    else:
        rank = _weighted_rank(units.positives, scores.weights[scores.targets == 1], tpr)
    name = NAMES[units.unit]
    return ThresholdChoice(
        value=gap_below(float(np.sort(units.positives)[rank - 1]), units.scores),
        tpr=tpr,
        confidence=float(confidence),
        guaranteed=False,
        n_positives=n,
        needed=needed,
        rank=rank,
        unit=units.unit,
        assumption="None: nothing is promised for samples to come.",
        statement=(
            f"This threshold flags at least {as_percent(tpr)} of the {n} critical "
            f"{scores.role.value} {name} at hand and carries no guarantee: more often "
            f"than not such a threshold flags fewer of the critical {name} to come."
        ),
    )


def may_choose(scores: Scores) -> None:
    """Refuse scores whose role may not choose a threshold, and weights where groups are counted.

    Raises:
        TypeError: Not validation or calibration scores.
        DataError: Weights together with groups.
    """
    if not isinstance(scores, (ValidationScores, CalibrationScores)):
        raise TypeError(
            "A threshold is chosen on ValidationScores or CalibrationScores; "
            f"{type(scores).__name__} came. Training scores are better than those of new samples, "
            "and what test scores have chosen they can no longer test."
        )
    if scores.weights is not None and scores.groups is not None:
        raise DataError(
            "The scores have weights and groups, and what a group of weighted rows counts for is "
            "not defined. Leave out one of the two."
        )


def _weighted_rank(positives: NDArray[np.float64], weights: NDArray[np.float64], tpr: float) -> int:
    """Find the rank, from below, of the highest score with enough weight at or above it."""
    total = float(weights.sum())
    if total <= 0:
        raise DataError("The critical samples weigh nothing, so no TPR is defined on them.")
    order = np.argsort(positives, kind="stable")[::-1]
    reached = np.cumsum(weights[order]) >= tpr * total * (1.0 - 1e-12)
    return len(positives) - int(np.argmax(reached))
