"""Numbers on a normal scale, and the bins of a piecewise encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_KNOTS = 256
MOST_BINS = 32

_ROWS_A_BIN = 40
_NARROWEST = 1e-3


def normal_knots(
    distinct: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Fit the map of a number to its normal score.

    A value with :math:`b` smaller and :math:`e` equal ones among :math:`n` goes to
    :math:`\Phi^{-1}((b + e/2) / n)`. Of many distinct values, those are kept that lie evenly in the
    score, so that the tails, where rare samples are, stay as finely resolved as the middle.

    Args:
        distinct: Ascending distinct values, two or more, finite.
        counts: How often each occurs.

    Returns:
        At most 256 values and their scores, both strictly ascending.

    >>> knots, scores = normal_knots(np.array([0.0, 1.0, 1000.0]), np.array([2, 4, 2]))
    >>> scores.round(2)
    array([-1.15,  0.  ,  1.15])
    """
    n = counts.sum()
    scores = ndtri((np.cumsum(counts) - counts / 2) / n)
    if len(distinct) <= MOST_KNOTS:
        return distinct, scores
    grid = np.linspace(scores[0], scores[-1], MOST_KNOTS)
    after = np.clip(np.searchsorted(scores, grid), 1, len(scores) - 1)
    nearer = np.where(grid - scores[after - 1] < scores[after] - grid, after - 1, after)
    kept = np.unique(np.concatenate([[0], nearer, [len(scores) - 1]]))
    return distinct[kept], scores[kept]


def bin_edges(values: NDArray[np.float64]) -> list[float]:
    """Place the edges of a piecewise linear encoding on the training values.

    The edges divide evenly the mean of two distributions, of the rows and of the distinct values,
    so that a value that fills half of the rows (a zero, a default) does not use up all edges.

    Args:
        values: Of one encoded column, shape ``(n,)``.

    Returns:
        Strictly ascending edges, two or more; at most 33, and fewer for few rows.

    >>> bin_edges(np.array([0.0, 0.0, 0.0, 1.0, 2.0]))
    [0.0, 1.0, 2.0]
    """
    distinct, counts = np.unique(values, return_counts=True)
    bins = int(np.clip(len(values) // _ROWS_A_BIN, 5, MOST_BINS))
    if len(distinct) <= bins:
        edges = distinct
    else:
        below = np.cumsum(counts / len(values) + 1 / len(distinct)) / 2
        inner = np.searchsorted(below, np.linspace(0.0, 1.0, bins + 1)[1:-1])
        edges = distinct[np.unique([0, *inner, len(distinct) - 1])]
    # Networks compute in single precision; an edge too near its neighbour would be a jump.
    kept = [float(edges[0])]
    for edge in edges[1:-1]:
        if edge - kept[-1] > _NARROWEST and edges[-1] - edge > _NARROWEST:
            kept.append(float(edge))
    return [*kept, float(edges[-1])]
