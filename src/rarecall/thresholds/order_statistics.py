"""The binomial tail behind every guarantee: how many samples, which rank, and where in the gap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr

from rarecall.errors import MetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLACK = 1.0 + 1e-12
"""Lets 0.5² = 0.25 count as reached although 1 - 0.75 may round below it."""


def units_needed(kept: float, confidence: float) -> int:
    r"""Count the fewest samples of a class with which a share of it can be promised at all.

    The outermost threshold on offer lies beyond the most extreme of :math:`n` scores. It leaves
    more than :math:`1-\beta` beyond it with probability :math:`\beta^n`; that must not exceed
    one minus the confidence.

    Args:
        kept: The share :math:`\beta` on the right side of the threshold, in (0, 1).
        confidence: In (0, 1).

    >>> units_needed(0.95, 0.95)
    59
    """
    allowed = math.log((1.0 - confidence) * _SLACK)
    return max(1, math.ceil(allowed / math.log(kept)))


def largest_rank(n: int, lost: float, confidence: float) -> int:
    r"""Find the largest rank r whose score leaves at most a share beyond it, with confidence.

    Beyond the :math:`r`-th most extreme of :math:`n` scores lies at most the share :math:`\alpha`
    of all future ones with probability :math:`P(B(n, \alpha) \ge r)`, whatever their
    distribution; ties only help.

    Args:
        n: Number of samples, at least :func:`units_needed`.
        lost: The share :math:`\alpha` allowed beyond the score, in (0, 1).
        confidence: In (0, 1).

    Returns:
        In 1..n.

    >>> largest_rank(59, 0.05, 0.95), largest_rank(1000, 0.05, 0.95)
    (1, 39)
    """
    failing = bdtr(np.arange(n), n, lost) > (1.0 - confidence) * _SLACK
    # At r = 1 the binomial rounds otherwise than the logarithms of `units_needed`.
    return max(1, int(np.argmax(failing)) if failing.any() else n)


def gap_below(chosen: float, scores: NDArray[np.float64]) -> float:
    """Halve the way to the next lower score; a small step below where there is none.

    Between neighbouring floats there is no middle: then the lower score itself is given, since
    it is better to flag one score more than to lose the chosen one.

    >>> gap_below(2.0, np.array([1.0, 2.0, 5.0])), gap_below(1.0, np.array([1.0, 2.0]))
    (1.5, 0.999999)
    """
    lower = scores[scores < chosen]
    if lower.size:
        beneath = float(lower.max())
        middle = beneath / 2 + chosen / 2
        return middle if middle < chosen else beneath
    stepped = chosen - (1e-6 * max(abs(chosen), float(np.ptp(scores / 2))) or 1e-6)
    if not math.isfinite(stepped):
        stepped = math.nextafter(chosen, -math.inf)
    return stepped if math.isfinite(stepped) else chosen


def gap_above(chosen: float, scores: NDArray[np.float64]) -> float:
    """Halve the way to the next higher score: the mirror image of :func:`gap_below`.

    Raises:
        MetricError: The chosen score is the largest of all floats: nothing lies above it.

    >>> gap_above(2.0, np.array([1.0, 2.0, 5.0])), gap_above(2.0, np.array([1.0, 2.0]))
    (3.5, 2.000002)
    """
    value = -gap_below(-chosen, -scores)
    if value <= chosen:
        raise MetricError(
            f"The threshold must lie above a score of {chosen:g}, and no number does. "
            "Give the scores on a smaller scale; only their order matters."
        )
    return value
