"""Resamples of two models' ranks on the same samples: what swapping and redrawing them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import positives_to_catch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

MISSED_FOR_OBSERVED = 3
"""Positives that the TPR must allow to miss, n₁(1 − β), to look for the threshold among those seen.

In simulation the interval keeps its confidence from here on, and loses it below.
"""

_CELLS = 4_000_000
"""Cells of the largest array that a block of resamples may fill."""

_ABOVE_ALL = np.iinfo(np.int64).max
_BELOW_ALL = -1


class RankPair(NamedTuple):
    """Ranks of one set of samples under two models; integers, so that every count is exact.

    Attributes:
        positives: Shape ``(2, n₁)``.
        negatives: Shape ``(2, n₀)``.
        positive_units: What is swapped and redrawn together, numbered, shape ``(n₁,)``.
        negative_units: Likewise, shape ``(n₀,)``.
        n_units: How many units there are.
        grouped: Whether a unit may hold several samples.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    positive_units: NDArray[np.intp]
    negative_units: NDArray[np.intp]
    n_units: int
    grouped: bool

    def position(self, tpr: float) -> int:
        """Where the threshold stands among the positives in rising order."""
        n = len(self.positive_units)
        return n - positives_to_catch(tpr, n)


def rank_pair(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    critical: NDArray[np.bool_],
    groups: ArrayLike | None,
) -> RankPair:
    """Rank the samples under each model; twice the mid-ranks, so that ties stay ties.

    Raises:
        MetricError: Groups of another shape.
    """
    n = len(critical)
    unit: NDArray[np.intp] = np.arange(n)
    if groups is not None:
        labels = np.asarray(groups)
        if labels.shape != (n,):
            raise MetricError(
                f"groups must have shape ({n},) as the scores do, not {labels.shape}."
            )
        unit = np.unique(labels, return_inverse=True)[1]
    ranks = np.stack([_doubled_ranks(first), _doubled_ranks(second)])
    return RankPair(
        ranks[:, critical],
        ranks[:, ~critical],
        unit[critical],
        unit[~critical],
        n_units=int(unit.max()) + 1,
        grouped=groups is not None,
    )


def excess_alarms(pair: RankPair, tpr: float) -> int:
    """Count the first model's false alarms at the TPR less the second's."""
    position = pair.position(tpr)
    thresholds = np.partition(pair.positives, position, axis=1)[:, position]
    alarms = np.sum(pair.negatives >= thresholds[:, None], axis=1)
    return int(alarms[0]) - int(alarms[1])


def swapped_excess(
    pair: RankPair, tpr: float, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Excess alarms after each unit's ranks changed sides with probability one half."""
    position = pair.position(tpr)
    smaller, larger = np.sort(pair.negatives, axis=0)
    blocks = []
    for size in _block_sizes(n_resamples, pair.n_units):
        swap = rng.integers(0, 2, (size, pair.n_units), dtype=np.bool_)
        swap_positives = swap[:, pair.positive_units]
        thresholds = [
            np.partition(np.where(swap_positives, there, here), position, axis=1)[:, [position]]
            for here, there in (pair.positives, pair.positives[::-1])
        ]
        # A negative above or below every threshold adds the same to both sides.
        open_ = (smaller < np.max(thresholds)) & (larger >= np.min(thresholds))
        here, there = pair.negatives[:, open_]
        swap_negatives = swap[:, pair.negative_units[open_]]
        first = np.where(swap_negatives, there, here) >= thresholds[0]
        second = np.where(swap_negatives, here, there) >= thresholds[1]
        blocks.append(first.sum(axis=1) - second.sum(axis=1))
    return np.concatenate(blocks).astype(np.int64)


def difference_bounds(
    pair: RankPair, tpr: float, tail: float, n_resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Bound the first model's FPR less the second's by a stratified Bayesian bootstrap.

    Every unit gets an exponential mass, and so does one positive that was not seen: without it
    the threshold stands one rank too high. Where the positives are many it is put first or last by
    the toss of a coin; where they are few, wherever it harms the bound, and one unseen negative
    with it.
    """
    units = len(np.unique(pair.positive_units))
    observed = units * (1.0 - tpr) >= MISSED_FOR_OBSERVED - 1e-9
    uppers, lowers = [], []
    width = pair.n_units if pair.grouped else len(pair.positive_units)
    for size in _block_sizes(n_resamples, max(width, len(pair.negative_units) * pair.grouped)):
        masses = rng.exponential(size=(size, width))
        mass = masses[:, pair.positive_units] if pair.grouped else masses
        unseen = rng.exponential(size=size) * (mass.shape[1] / units)
        negatives = masses[:, pair.negative_units] if pair.grouped else None
        if observed:
            top = rng.integers(0, 2, size, dtype=np.bool_)
            first, second = (
                _thresholds(ranks, mass, unseen, top, tpr, clip=True) for ranks in pair.positives
            )
            uppers.append(_differences(pair, first, second, mass=negatives, unseen=0, rng=rng))
            continue
        top = np.ones(size, dtype=np.bool_)
        highest, lowest = (
            [_thresholds(ranks, mass, unseen, side, tpr, clip=False) for ranks in pair.positives]
            for side in (top, ~top)
        )
        uppers.append(_differences(pair, lowest[0], highest[1], mass=negatives, unseen=1, rng=rng))
        lowers.append(_differences(pair, highest[0], lowest[1], mass=negatives, unseen=-1, rng=rng))
    high = float(np.quantile(np.concatenate(uppers), 1.0 - tail))
    low = float(np.quantile(np.concatenate(lowers or uppers), tail))
    return low, high


def _doubled_ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.sort(scores)
    ranks = np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right")
    return ranks.astype(np.int64)


def _block_sizes(n_resamples: int, cells: int) -> Iterator[int]:
    """Part the resamples so that no array of ``cells`` a resample outgrows the memory."""
    size = max(1, _CELLS // max(1, cells))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)


def _thresholds(
    ranks: NDArray[np.int64],
    mass: NDArray[np.float64],
    unseen: NDArray[np.float64],
    top: NDArray[np.bool_],
    tpr: float,
    *,
    clip: bool,
) -> NDArray[np.int64]:
    """Find each resample's threshold, the unseen positive standing above or below all others."""
    n = len(ranks)
    order = np.argsort(-ranks, kind="stable")
    caught = np.cumsum(mass[:, order], axis=1)
    wanted = (caught[:, -1] + unseen) * (tpr * (1.0 - 1e-12)) - np.where(top, unseen, 0.0)
    place = np.sum(caught < wanted[:, None], axis=1) - (wanted <= 0.0)
    if clip:
        place = place.clip(0, n - 1)
    ladder = np.concatenate([[_ABOVE_ALL], ranks[order], [_BELOW_ALL]]).astype(np.int64)
    found: NDArray[np.int64] = ladder[place + 1]
    return found


def _differences(
    pair: RankPair,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    *,
    mass: NDArray[np.float64] | None,
    unseen: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Difference in FPR at two thresholds a resample, the negatives redrawn.

    ``unseen`` adds a negative that only the first model (1) or only the second (-1) flags.
    """
    if mass is not None:
        extra = rng.exponential(size=len(mass)) * abs(unseen)
        extra *= mass.shape[1] / len(np.unique(pair.negative_units))
        flagged = [
            np.sum(mass * (ranks >= thresholds[:, None]), axis=1)
            for ranks, thresholds in zip(pair.negatives, (first, second), strict=True)
        ]
        total: NDArray[np.float64] = mass.sum(axis=1) + extra
        shares: NDArray[np.float64] = (flagged[0] - flagged[1] + unseen * extra) / total
        return shares
    pairs, which = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
    # Given the thresholds, only three counts matter: flagged by the first model alone, by the
    # second alone, by both or none. Their masses are gamma, so no negative is drawn singly.
    smaller, larger = pair.negatives.min(axis=0), pair.negatives.max(axis=0)
    here, there = pair.negatives[:, (smaller < pairs.max()) & (larger >= pairs.min())]
    alone = np.array(
        [(np.sum((here >= a) & (there < b)), np.sum((here < a) & (there >= b))) for a, b in pairs.T]
    )[which.reshape(-1)]
    rest = pair.negatives.shape[1] - alone.sum(axis=1)
    counts = np.column_stack([alone[:, 0] + (unseen > 0), alone[:, 1] + (unseen < 0), rest])
    masses = rng.standard_gamma(counts)
    differences: NDArray[np.float64] = (masses[:, 0] - masses[:, 1]) / masses.sum(axis=1)
    return differences
