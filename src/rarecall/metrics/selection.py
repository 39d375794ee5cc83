"""What checkpoints, hyper-parameters and winners are chosen by, on validation scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.curves import auc
from rarecall.metrics.inputs import as_percent, by_class, checked_share, positives_to_catch
from rarecall.metrics.operating import fpr_at_tpr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MISSED_NEEDED = 5
"""Positives allowed below the threshold, n₊(1 − TPR), from which the tail can be trusted."""

_REACH = 0.75


@dataclass(frozen=True)
class SelectionMeasure:
    """A measure of validation scores; call it, higher is better.

    Attributes:
        name: What it measures, for tables and records.
        tpr: The target true positive rate.
        smoothed: Whether it looks at the tail (else it is the AUC).
        message: Why it is not the tail measure, in plain words, or None.

    >>> measure = selection_measure(n_positives=100, tpr=0.9)
    >>> measure.name
    'smoothed FPR at TPR 90%'
    >>> measure([3.0, 2.0, 1.0], [1, 0, 0])
    -0.0
    """

    name: str
    tpr: float
    smoothed: bool
    message: str | None = None

    def __call__(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Measure scores of shape ``(n,)`` against targets of shape ``(n,)``.

        Raises:
            MetricError: Scores that are not finite, wrong shapes, or one class missing.
        """
        return -smoothed_fpr(scores, targets, self.tpr) if self.smoothed else auc(scores, targets)

    def progress(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """AUC: what drives an objective's schedules, and breaks ties of the selection."""
        return auc(scores, targets)

    def fpr(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Raw FPR at the target TPR, for the record."""
        return fpr_at_tpr(scores, targets, self.tpr)

    def auc(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """AUC, for the record."""
        return auc(scores, targets)


def smoothed_fpr(scores: ArrayLike, targets: ArrayLike, tpr: float) -> float:
    """Mean FPR over the TPR levels of a band around the target.

    FPR at one TPR hangs on a single positive's score, and a choice among many checkpoints would
    mostly pick the luckiest. The band reaches three quarters of the allowed miss rate to either
    side (91.25% to 98.75% around 95%). In simulated choices among twelve candidates it lost up to
    half less FPR to luck than the raw measure; bands from a half to the whole do about as well,
    and short of the whole it leaves out the lowest positives, where mislabelled ones lie.

    Args:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The target true positive rate, in (0, 1].

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, or one class missing.
        ConfigurationError: ``tpr`` outside its range.

    >>> smoothed_fpr([4.0, 3.0, 2.0, 1.0], [1, 0, 1, 0], tpr=0.9)
    0.5
    """
    tpr = checked_share(tpr, "tpr", one=True)
    positives, negatives = by_class(scores, targets)
    reach = _REACH * (1.0 - tpr)
    first = positives_to_catch(tpr - reach, len(positives))
    last = positives_to_catch(tpr + reach, len(positives))
    thresholds = np.sort(positives)[::-1][first - 1 : last]
    below = np.searchsorted(np.sort(negatives), thresholds, "left")
    return float(1.0 - below.mean() / len(negatives))


def selection_measure(n_positives: int, tpr: float) -> SelectionMeasure:
    """Choose the smoothed FPR at the target TPR where the positives allow it, else the AUC.

    Args:
        n_positives: Critical samples in the validation part.
        tpr: The target true positive rate, in (0, 1].

    Raises:
        ConfigurationError: ``tpr`` outside its range.

    >>> selection_measure(n_positives=12, tpr=0.95).name
    'AUC'
    """
    tpr = checked_share(tpr, "tpr", one=True)
    if n_positives * (1.0 - tpr) >= MISSED_NEEDED - 1e-9:
        return SelectionMeasure(f"smoothed FPR at TPR {as_percent(tpr)}", tpr, smoothed=True)
    return SelectionMeasure("AUC", tpr, smoothed=False, message=_why_auc(n_positives, tpr))


def _why_auc(n_positives: int, tpr: float) -> str:
    if tpr == 1.0:
        return (
            "At TPR 100% the false positive rate hangs on the single lowest critical sample of the "
            "validation part, which is luck; checkpoints and settings are chosen by AUC instead."
        )
    missed = n_positives * (1.0 - tpr)
    needed = math.ceil(MISSED_NEEDED / (1.0 - tpr) - 1e-9)
    return (
        f"Validation holds {n_positives} critical samples; at TPR {as_percent(tpr)} the false "
        f"positive rate hangs on the lowest {missed:.2g} of them, which is luck. Checkpoints and "
        f"settings are chosen by AUC instead; {needed} critical samples would be enough to choose "
        "by the false positive rate itself."
    )
