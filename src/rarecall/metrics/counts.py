"""How many samples of each class every threshold flags: one sort, from which the curves follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.metrics.samples import Sample


@dataclass(frozen=True, eq=False)
class Counts:
    """Samples flagged by ``score >= threshold``, by falling thresholds; tied ones pass together.

    Attributes:
        thresholds: Distinct scores, falling, shape ``(k,)``.
        caught: Critical samples flagged, rising, shape ``(k,)``; the sum of their weights where
            there are weights, else integers.
        alarms: Other samples flagged, likewise.
        positives: All critical samples: the last of ``caught``.
        negatives: All other samples.
    """

    thresholds: NDArray[np.float64]
    caught: NDArray[Any]
    alarms: NDArray[Any]
    positives: float
    negatives: float


def counts_by_score(sample: Sample) -> Counts:
    """Count at every distinct score.

    >>> from rarecall.metrics.samples import checked_sample
    >>> counts = counts_by_score(checked_sample([0.4, 0.8, 0.4, 0.1], [1, 1, 0, 0]))
    >>> counts.thresholds, counts.caught, counts.alarms
    (array([0.8, 0.4, 0.1]), array([1, 2, 2]), array([0, 1, 2]))
    """
    if sample.weights is not None:
        return _weighted(sample, sample.weights)
    rising = np.sort(sample.scores)
    n, positives = len(rising), int(sample.positives)
    starts = np.concatenate([[0], 1 + np.flatnonzero(rising[1:] != rising[:-1])])
    # Which of the distinct scores, from the highest on, each positive has. Between two of them the
    # number caught stays as it is.
    own = np.searchsorted(rising, np.sort(sample.scores[sample.critical]), "left")
    if len(starts) < n:
        own = np.searchsorted(starts, own)
    lengths = np.diff(len(starts) - 1 - own[::-1], prepend=0, append=len(starts))
    caught = np.repeat(np.arange(positives + 1), lengths)
    alarms = (n - starts)[::-1] - caught
    return Counts(rising[starts][::-1], caught, alarms, positives, n - positives)


def counts_by_positive(sample: Sample) -> Counts:
    """Count at every distinct score of a critical sample: where most measures have their best.

    >>> from rarecall.metrics.samples import checked_sample
    >>> counts = counts_by_positive(checked_sample([0.4, 0.8, 0.4, 0.1], [1, 1, 0, 0]))
    >>> counts.thresholds, counts.caught, counts.alarms
    (array([0.8, 0.4]), array([1, 2]), array([0, 1]))
    """
    if sample.weights is not None:
        every = _weighted(sample, sample.weights)
        gains = np.diff(every.caught, prepend=0.0) > 0.0
        return Counts(
            every.thresholds[gains],
            every.caught[gains],
            every.alarms[gains],
            every.positives,
            every.negatives,
        )
    positives = np.sort(sample.scores[sample.critical])
    starts = np.concatenate([[0], 1 + np.flatnonzero(positives[1:] != positives[:-1])])[::-1]
    thresholds, caught = positives[starts], len(positives) - starts
    n = len(sample.scores)
    # Searched in rising order, where the neighbours are still at hand.
    flagged = n - np.searchsorted(np.sort(sample.scores), thresholds[::-1], "left")[::-1]
    return Counts(thresholds, caught, flagged - caught, len(positives), n - len(positives))


def _weighted(sample: Sample, weights: NDArray[np.float64]) -> Counts:
    order = np.argsort(sample.scores)[::-1]
    falling, critical, weights = sample.scores[order], sample.critical[order], weights[order]
    ends = np.concatenate([np.flatnonzero(falling[1:] != falling[:-1]), [len(falling) - 1]])
    caught = np.cumsum(np.where(critical, weights, 0.0))[ends]
    alarms = np.cumsum(np.where(critical, 0.0, weights))[ends]
    return Counts(falling[ends], caught, alarms, float(caught[-1]), float(alarms[-1]))
