"""Two models' ranks on the same samples, swapped at random: what chance alone would show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.clusters import models
from rarecall.metrics.redraws import block_sizes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.metrics.clusters import Models

_AT_ONCE = 400
"""Resamples whose thresholds share one table of counts; it grows with their square."""


def rank_pair(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    critical: NDArray[np.bool_],
    groups: ArrayLike | None,
) -> Models:
    """Rank the samples under each model; twice the mid-ranks, so that ties stay ties.

    Raises:
        MetricError: Groups of another shape.
    """
    return models(np.stack([_doubled_ranks(first), _doubled_ranks(second)]), critical, groups)


def swapped_excess(
    pair: Models, tpr: float, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Count the first model's false alarms at the TPR less the second's, after swaps.

    Each unit's two ranks change sides with probability one half.
    """
    position = pair.position(tpr)
    smaller, larger = np.sort(pair.positives, axis=0)
    # No swap puts a threshold outside these; what lies beyond them on both sides need not be drawn.
    lowest, highest = (np.partition(ranks, position)[position] for ranks in (smaller, larger))
    below = larger < lowest
    open_ = np.flatnonzero(~below & (smaller <= highest))
    position -= int(np.count_nonzero(below))
    ranks, units = pair.positives[:, open_], pair.positive_units[open_]
    width = pair.n_units if pair.grouped else len(open_)
    blocks = []
    for size in block_sizes(n_resamples, max(width, len(open_))):
        swap = rng.integers(0, 2, (size, width), dtype=np.bool_)
        swapped = swap[:, units] if pair.grouped else swap
        thresholds = np.column_stack(
            [
                np.partition(np.where(swapped, there, here), position, axis=1)[:, position]
                for here, there in (ranks, ranks[::-1])
            ]
        )
        if pair.grouped:
            blocks.append(_grouped_alarms(pair, thresholds, swap))
            continue
        blocks += [
            _swapped_alarms(pair.negatives, part, rng)
            for part in np.array_split(thresholds, -(-size // _AT_ONCE))
        ]
    return np.concatenate(blocks).astype(np.int64)


def _swapped_alarms(
    negatives: NDArray[np.float64], thresholds: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Swap the negatives too, and give the excess of alarms at each pair of thresholds.

    How a swap changes the excess depends only on how many of the two thresholds each of a
    sample's ranks reaches. All samples alike in that are swapped by one binomial draw.
    """
    cuts, places = np.unique(thresholds, return_inverse=True)
    smaller, larger = negatives.min(axis=0), negatives.max(axis=0)
    # A negative above or below every threshold adds the same to both sides.
    open_ = (smaller < cuts[-1]) & (larger >= cuts[0])
    here, there = (np.searchsorted(cuts, ranks[open_], "right") for ranks in negatives)
    size = len(cuts) + 1
    table = np.bincount(here * size + there, minlength=size**2).reshape(size, size)
    # below[i, j]: samples whose ranks reach fewer than i and fewer than j cuts.
    below = np.zeros((size + 1, size + 1), dtype=np.int64)
    below[1:, 1:] = table.cumsum(axis=0).cumsum(axis=1)
    first, second = places.reshape(thresholds.shape).T + 1
    low, high, end = np.minimum(first, second), np.maximum(first, second), np.full(1, size)
    excess: NDArray[np.int64] = below[end, second] - below[first, end]
    edges = (np.zeros_like(low), low, high, np.broadcast_to(end, low.shape))

    def alike(reached: int, other: int) -> NDArray[np.int64]:
        rows, columns = edges[reached : reached + 2], edges[other : other + 2]
        found: NDArray[np.int64] = (
            below[rows[1], columns[1]]
            - below[rows[0], columns[1]]
            - below[rows[1], columns[0]]
            + below[rows[0], columns[0]]
        )
        return found

    gains = {
        1: alike(0, 1) + alike(1, 2),
        2: alike(0, 2),
        -1: alike(1, 0) + alike(2, 1),
        -2: alike(2, 0),
    }
    for gain, count in gains.items():
        excess += gain * rng.binomial(count, 0.5)
    return excess


def _grouped_alarms(
    pair: Models, thresholds: NDArray[np.float64], swap: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Give the excess of alarms where the rows of a group change sides together."""
    smaller, larger = pair.negatives.min(axis=0), pair.negatives.max(axis=0)
    open_ = (smaller < thresholds.max()) & (larger >= thresholds.min())
    (here, there), units = pair.negatives[:, open_], pair.negative_units[open_]
    excess = np.empty(len(thresholds), dtype=np.int64)
    for number, (first, second) in enumerate(thresholds):
        stayed = (here >= first).astype(np.int8) - (there >= second)
        turned = (there >= first).astype(np.int8) - (here >= second)
        excess[number] = np.where(swap[number][units], turned, stayed).sum(dtype=np.int64)
    return excess


def _doubled_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the first plus the last place of every score among all, so that tied ones share it."""
    order = np.argsort(scores)
    rising = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]]))
    ends = np.append(starts[1:], len(scores))
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(starts + ends, ends - starts)
    return ranks
