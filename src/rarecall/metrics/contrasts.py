"""The false alarms of several models at thresholds that vary, the negatives redrawn each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rarecall.metrics.clusters import Models

    # Thresholds (R, S), masses of groups (R, G), and the sign of the models that alone flag one
    # negative that was not seen, 0 for none. Gives the signed sum of the models' FPR, (R,).
    Contrast = Callable[[NDArray[np.float64], NDArray[np.float64], int], NDArray[np.float64]]


def contrast_of_rows(samples: Models, signs: Sequence[int], rng: np.random.Generator) -> Contrast:
    """Redraw negatives that each are a unit.

    Given the thresholds only this matters: by how many models a negative is flagged, signed. The
    masses of all that are alike in that are drawn as one, which is gamma.
    """
    levels = np.arange(sum(s for s in signs if s < 0), sum(s for s in signs if s > 0) + 1)
    weights = np.array(signs, dtype=np.intp)

    def contrast(
        thresholds: NDArray[np.float64], masses: NDArray[np.float64], extreme: int
    ) -> NDArray[np.float64]:
        tuples, which = np.unique(thresholds, axis=0, return_inverse=True)
        flagged = samples.negatives >= tuples.max(axis=0)[:, None]
        unmoved = np.all(flagged | (samples.negatives < tuples.min(axis=0)[:, None]), axis=0)
        base = np.bincount(weights @ flagged[:, unmoved] - levels[0], minlength=len(levels))
        moved = samples.negatives[:, ~unmoved]
        counts = np.empty((len(tuples), len(levels)))
        for row, cuts in zip(counts, tuples, strict=True):
            sums = np.full(moved.shape[1], -levels[0], dtype=np.intp)
            for scores, cut, sign in zip(moved, cuts, signs, strict=True):
                (np.add if sign > 0 else np.subtract)(sums, scores >= cut, out=sums)
            row[:] = base + np.bincount(sums, minlength=len(levels))
        counts = counts[which.reshape(-1)]
        if extreme:
            counts[:, -1 if extreme > 0 else 0] += 1.0
        drawn = rng.standard_gamma(counts)
        shares: NDArray[np.float64] = drawn @ levels / drawn.sum(axis=1)
        return shares

    return contrast


def contrast_of_groups(samples: Models, signs: Sequence[int], rng: np.random.Generator) -> Contrast:
    """Redraw negatives with the masses of their groups, which positives may share."""
    units, count = samples.negative_units, samples.n_units
    sizes = np.bincount(units, minlength=count).astype(float)
    mean_size = sizes.sum() / np.count_nonzero(sizes)
    orders = [np.argsort(-scores) for scores in samples.negatives]
    falling = [-scores[order] for scores, order in zip(samples.negatives, orders, strict=True)]

    def contrast(
        thresholds: NDArray[np.float64], masses: NDArray[np.float64], extreme: int
    ) -> NDArray[np.float64]:
        total, sums = masses @ sizes, np.zeros(len(masses))
        for order, ladder, cuts, sign in zip(orders, falling, thresholds.T, signs, strict=True):
            places, which = np.unique(np.searchsorted(ladder, -cuts, "right"), return_inverse=True)
            flagged, before = np.zeros(count), 0
            for number, place in enumerate(places):
                flagged += np.bincount(units[order[before:place]], minlength=count)
                before = int(place)
                rows = np.flatnonzero(which == number)
                sums[rows] += sign * (masses[rows] @ flagged)
        if extreme:
            extra = mean_size * rng.exponential(size=len(masses))
            sums += extra * sum(sign for sign in signs if sign == extreme)
            total = total + extra
        shares: NDArray[np.float64] = sums / total
        return shares

    return contrast
