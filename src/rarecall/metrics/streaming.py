"""FPR at a required TPR for more scores than memory holds: exact, a few passes over chunks.

The threshold is the k-th largest score of a critical sample. Critical samples are rare: where
their scores fit into memory the first pass finds it, and the second counts the others above it.
Where they do not fit, each pass narrows down where it lies, and what lies there is soon few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.chunks import ArrayChunks, parted, refuse_changed, refuse_used_up
from rarecall.metrics.inputs import checked_share, positives_to_catch, refuse_one_class
from rarecall.metrics.narrowing import Window, survey
from rarecall.metrics.operating import OperatingPoint

if TYPE_CHECKING:
    from rarecall.metrics.chunks import Chunks

__all__ = [
    "ArrayChunks",
    "streaming_fpr_at_tpr",
    "streaming_operating_point",
    "streaming_rates_at",
]

_MEMORY = 2**22


def streaming_operating_point(
    chunks: Chunks, tpr: float, *, memory: int = _MEMORY
) -> OperatingPoint:
    r"""Find the highest threshold that reaches a TPR, and its rates, chunk by chunk.

    Exact, ties included: the very numbers of :func:`rarecall.metrics.operating_point` on all rows
    at once. Held are one chunk, at most ``2 * memory`` scores and 8 MiB of counts, however many
    rows there are. One pass is enough where all scores fit, two where those of the critical
    samples do; otherwise two again unless more than ``memory`` scores lie near the threshold, and
    five always are.

    Args:
        chunks: Gives ``(scores, targets)`` of some rows at a time, in any order and of any sizes:
            a list, an :class:`ArrayChunks`, or a function that starts anew whenever it is called.
            Scores are raw, higher is more critical; targets 1 for the critical class, else 0.
        tpr: The required true positive rate :math:`\beta`, in (0, 1].
        memory: Scores of a class that may be held at once, at least 1.

    Raises:
        MetricError: Scores that are not finite, wrong shapes or targets (the message names the
            chunk), one class missing in all chunks, chunks that can be read only once, or that
            differ from pass to pass.
        ConfigurationError: ``tpr`` or ``memory`` outside its range.

    >>> def chunks():
    ...     yield [0.9, 0.8], [1, 1]
    ...     yield [0.3, 0.5, 0.2], [1, 0, 0]
    >>> streaming_operating_point(chunks, tpr=0.6)
    OperatingPoint(threshold=0.8, tpr=0.6666666666666666, fpr=0.0)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    if memory < 1:
        raise ConfigurationError(f"memory must be at least one score, not {memory}.")
    refuse_used_up(chunks)
    seen = survey(chunks, Window(), memory)
    counts = seen.counts
    refuse_one_class(*counts)
    wanted = positives_to_catch(tpr, counts[0])
    while (threshold := seen.threshold(wanted)) is None:
        seen = survey(chunks, seen.narrowed(wanted), memory)
        refuse_changed(counts, seen.counts)
    flagged = seen.flagged(threshold)
    if flagged is None:
        flagged = _flagged(chunks, threshold, counts)
    return OperatingPoint(threshold, flagged[0] / counts[0], flagged[1] / counts[1])


def streaming_fpr_at_tpr(chunks: Chunks, tpr: float, *, memory: int = _MEMORY) -> float:
    """Measure the FPR at the highest threshold that reaches a TPR, chunk by chunk.

    Args:
        chunks: As for :func:`streaming_operating_point`.
        tpr: The required true positive rate, in (0, 1].
        memory: Scores of a class that may be held at once, at least 1.

    Returns:
        In [0, 1], the very number of :func:`rarecall.metrics.fpr_at_tpr` on all rows at once.

    Raises:
        MetricError: As :func:`streaming_operating_point`.
        ConfigurationError: ``tpr`` or ``memory`` outside its range.

    >>> scores, targets = np.array([0.9, 0.8, 0.3, 0.5, 0.2]), np.array([1, 1, 1, 0, 0])
    >>> streaming_fpr_at_tpr(ArrayChunks(scores, targets, rows=2), tpr=0.95)
    0.5
    """
    return streaming_operating_point(chunks, tpr, memory=memory).fpr


def streaming_rates_at(chunks: Chunks, threshold: float) -> OperatingPoint:
    """Measure the rates of a given threshold in one pass, ``score >= threshold`` being critical.

    Args:
        chunks: As for :func:`streaming_operating_point`; an iterator, used up by it, will do.
        threshold: Any number; infinities flag everything or nothing.

    Raises:
        MetricError: Scores that are not finite, wrong shapes or targets, one class missing in all
            chunks, or a threshold that is NaN.

    >>> streaming_rates_at([([0.9, 0.8, 0.3], [1, 1, 1]), ([0.5, 0.2], [0, 0])], threshold=0.5)
    OperatingPoint(threshold=0.5, tpr=0.6666666666666666, fpr=0.5)
    """
    if np.isnan(threshold):
        raise MetricError("The threshold is NaN; give a number on the scale of the scores.")
    caught, alarms, positives, negatives = _counted(chunks, threshold)
    refuse_one_class(positives, negatives)
    return OperatingPoint(float(threshold), caught / positives, alarms / negatives)


def _flagged(chunks: Chunks, threshold: float, counts: tuple[int, int]) -> tuple[int, int]:
    caught, alarms, *now = _counted(chunks, threshold)
    refuse_changed(counts, (now[0], now[1]))
    return caught, alarms


def _counted(chunks: Chunks, threshold: float) -> tuple[int, int, int, int]:
    caught = alarms = positives = negatives = 0
    for critical, others in parted(chunks):
        caught += int(np.count_nonzero(critical >= threshold))
        alarms += int(np.count_nonzero(others >= threshold))
        positives += len(critical)
        negatives += len(others)
    return caught, alarms, positives, negatives
