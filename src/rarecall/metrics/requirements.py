"""Measures at a requirement: the TPR at an FPR, the FPR at k misses, the precision at a recall."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.counts import counts_by_positive, counts_by_score
from rarecall.metrics.inputs import checked_rate, checked_share
from rarecall.metrics.samples import checked_sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_SLACK = 1e-12
"""Floating point turns 0.29 of 100 into 28.999999999999996; so much is rounding."""


def tpr_at_fpr(
    scores: ArrayLike, targets: ArrayLike, fpr: float, *, weights: ArrayLike | None = None
) -> float:
    r"""Measure the highest TPR of any threshold whose FPR is at most the one allowed.

    :math:`\lfloor \alpha n_0 \rfloor` false alarms are allowed; caught are the critical samples
    scored above the next negative. Nothing is interpolated; a positive tied with that negative is
    not caught, since flagging it would flag the negative.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        fpr: The false positive rate :math:`\alpha` allowed, in [0, 1]; 0 allows no false alarm.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In [0, 1]; higher is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: ``fpr`` outside its range.

    >>> tpr_at_fpr([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], fpr=0.1)
    0.6666666666666666
    """
    fpr = checked_rate(fpr, "fpr")
    sample = checked_sample(scores, targets, weights)
    if sample.weights is not None:
        counts = counts_by_score(sample)
        allowed = counts.alarms <= fpr * counts.negatives * (1.0 + _SLACK)
        return float(np.max(counts.caught[allowed], initial=0.0)) / counts.positives
    negatives = sample.scores[~sample.critical]
    count = math.floor(fpr * len(negatives) * (1.0 + _SLACK))
    if count >= len(negatives):
        return 1.0
    position = len(negatives) - 1 - count
    next_alarm = np.partition(negatives, position)[position]
    caught = int(np.count_nonzero(sample.scores[sample.critical] > next_alarm))
    return caught / sample.positives


def fpr_at_misses(scores: ArrayLike, targets: ArrayLike, misses: int) -> float:
    """Measure the FPR at the highest threshold that misses at most so many critical samples.

    With a dozen positives this says what a rate cannot: every single one counts. Rows are counted,
    so there are no weights.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        misses: Critical samples that may score below the threshold, from 0 to one fewer than there
            are.

    Returns:
        In [0, 1]; lower is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, one class missing, or no critical
            sample left to be caught.
        ConfigurationError: ``misses`` is negative or no whole number.

    >>> fpr_at_misses([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], misses=0)
    0.5
    >>> fpr_at_misses([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], misses=1)
    0.0
    """
    try:
        allowed = operator.index(misses)
    except TypeError:
        allowed = -1
    if allowed < 0:
        raise ConfigurationError(
            f"misses must be a whole number of samples, at least 0, not {misses!r}. For a rate use "
            "fpr_at_tpr."
        )
    sample = checked_sample(scores, targets)
    positives = sample.scores[sample.critical]
    if allowed >= len(positives):
        raise MetricError(
            f"{allowed} misses are allowed and there are only {len(positives)} critical samples: "
            "then nothing needs to be flagged. Allow fewer."
        )
    return sample.rates_from(float(np.partition(positives, allowed)[allowed]))[1]


def precision_at_recall(
    scores: ArrayLike, targets: ArrayLike, recall: float, *, weights: ArrayLike | None = None
) -> float:
    """Measure the highest precision of any threshold that reaches a recall (TPR).

    Precision may rise again below the first threshold that reaches it, so that one is not always
    the best. The precision depends on the share of critical samples; where that differs in use, see
    :func:`rarecall.metrics.expected_alarms`.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        recall: The least share of critical samples to flag, in (0, 1].
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        In (0, 1]; higher is better.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: ``recall`` outside its range.

    >>> precision_at_recall([0.9, 0.8, 0.3, 0.5, 0.2], [1, 1, 1, 0, 0], recall=0.95)
    0.75
    """
    recall = checked_share(recall, "recall", one=True)
    counts = counts_by_positive(checked_sample(scores, targets, weights))
    enough = counts.caught >= recall * counts.positives * (1.0 - _SLACK)
    return float(np.max((counts.caught / (counts.caught + counts.alarms))[enough]))
