"""The stratified Bayesian bootstrap of FPR at a required TPR, for one model or several at once.

Every unit (a row, or a group of rows) gets a random mass instead of being drawn or not. Masses are
drawn one by one only where they decide where a threshold falls; the others are drawn as sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rarecall.metrics.contrasts import contrast_of_groups, contrast_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rarecall.metrics.clusters import Models

MISSED_FOR_OBSERVED = 3
"""Positives that the TPR must allow to miss, n₁(1 − β), to look for the threshold among those seen.

In simulation the interval keeps its confidence from here on, and loses it below.
"""

CELLS = 4_000_000
"""Cells of the largest array that a block of resamples may fill."""

_SPREADS = 8.0
"""Standard deviations of a threshold's rank beyond which no resample puts it: once in 10¹⁵."""


class Redraws(NamedTuple):
    """A contrast of the models' FPR in every resample, seen from its two ends, shape ``(R,)``."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


class _Atoms(NamedTuple):
    """What gets one mass each: a group; or a row, or rows that no threshold can fall between.

    Attributes:
        shapes: Gamma shape of each mass, ``(A,)``: how many rows share it undivided.
        sizes: Rows that carry the mass in full, ``(A,)``: those of a group, else 1.
        above: Rows above the window of each model, likewise, ``(S, A)``.
        columns: Atom of every positive in the window of each model, in falling order.
        ladders: Scores of these, between those that mean "above all" and "below all".
    """

    shapes: NDArray[np.float64]
    sizes: NDArray[np.float64]
    above: NDArray[np.float64]
    columns: list[NDArray[np.intp]]
    ladders: list[NDArray[np.float64]]


def redrawn_contrast(
    samples: Models,
    signs: Sequence[int],
    tpr: float,
    *,
    n_resamples: int,
    rng: np.random.Generator,
) -> Redraws:
    """Redraw the samples, and give the sum of the models' FPR at the TPR, each times its sign.

    One positive that was not seen gets a mass too: without it the threshold stands one rank too
    high. Where the positive units are many it is put first or last by the toss of a coin; where
    they are few, wherever it harms the bound, and one unseen negative with it.

    Args:
        samples: Of S models.
        signs: 1 or -1 for each model: ``(1, -1)`` gives a difference.
        tpr: The required true positive rate, in (0, 1].
        n_resamples: R.
        rng: Source of the masses.
    """
    units = len(np.unique(samples.positive_units)) if samples.grouped else len(samples.positives.T)
    observed = units * (1.0 - tpr) >= MISSED_FOR_OBSERVED - 1e-9
    share = samples.positives.shape[1] / units
    atoms = _atoms(samples, tpr)
    prepare = contrast_of_groups if samples.grouped else contrast_of_rows
    contrast = prepare(samples, signs, rng)
    lowers: list[NDArray[np.float64]] = []
    uppers: list[NDArray[np.float64]] = []
    for size in block_sizes(n_resamples, max(len(atoms.shapes), *map(len, atoms.columns))):
        masses = _masses(atoms, size, grouped=samples.grouped, rng=rng)
        unseen = share * rng.exponential(size=size)
        if observed:
            top = rng.integers(0, 2, size, dtype=np.bool_)
            found = _thresholds(atoms, masses, unseen, [top] * len(signs), tpr, clip=True)
            uppers.append(contrast(found, masses, 0))
            continue
        for extreme, draws in ((1, uppers), (-1, lowers)):
            # Highest thresholds raise fewest alarms: for the upper end of those counted negative.
            tops = [np.full(size, sign != extreme) for sign in signs]
            found = _thresholds(atoms, masses, unseen, tops, tpr, clip=False)
            draws.append(contrast(found, masses, extreme))
    return Redraws(np.concatenate(lowers or uppers), np.concatenate(uppers))


def block_sizes(n_resamples: int, cells: int) -> Iterator[int]:
    """Part the resamples so that no array of ``cells`` a resample outgrows the memory."""
    size = max(1, CELLS // max(1, cells))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)


def _atoms(samples: Models, tpr: float) -> _Atoms:
    values, units = samples.positives, samples.positive_units
    count, n = values.shape
    rows = np.bincount(units) if samples.grouped else np.ones(1)
    reach = _SPREADS * (tpr * (1.0 - tpr) * n * float(rows @ rows) / rows.sum()) ** 0.5
    reach += 20 * rows.max()
    start, stop = max(0, int(tpr * n - reach)), min(n, int(tpr * n + reach) + 2)
    order = np.argsort(-values, axis=1, kind="stable")
    above = np.zeros((count, n), dtype=np.bool_)
    np.put_along_axis(above, order[:, :start], values=True, axis=1)
    near = order[:, start:stop]
    ladders = [
        np.concatenate([[np.inf], row[index], [-np.inf]])
        for row, index in zip(values, near, strict=True)
    ]
    if samples.grouped:
        sums = [np.bincount(units[row], minlength=samples.n_units) for row in above]
        sizes = np.bincount(units, minlength=samples.n_units).astype(float)
        columns = [units[index] for index in near]
        shapes = np.ones(samples.n_units)
        return _Atoms(shapes, sizes, np.array(sums, dtype=float), columns, ladders)
    kept, places = np.unique(near, return_inverse=True)
    rest = np.ones(n, dtype=np.bool_)
    rest[kept] = False
    patterns, counts = np.unique(above[:, rest], axis=1, return_counts=True)
    return _Atoms(
        np.concatenate([np.ones(len(kept)), counts]),
        np.ones(len(kept) + len(counts)),
        np.concatenate([above[:, kept], patterns], axis=1).astype(float),
        list(places.reshape(near.shape)),
        ladders,
    )


def _thresholds(
    atoms: _Atoms,
    masses: NDArray[np.float64],
    unseen: NDArray[np.float64],
    tops: Sequence[NDArray[np.bool_]],
    tpr: float,
    *,
    clip: bool,
) -> NDArray[np.float64]:
    """Find each resample's threshold of each model, the unseen positive above or below all others.

    Returns:
        Shape ``(R, S)``; infinite where the threshold lies beyond all that was seen.
    """
    wanted = (masses @ atoms.sizes + unseen) * (tpr * (1.0 - 1e-12))
    found = np.empty((len(masses), len(tops)))
    for model, top in enumerate(tops):
        columns, ladder = atoms.columns[model], atoms.ladders[model]
        needed = wanted - np.where(top, unseen, 0.0)
        caught = np.cumsum(masses[:, columns], axis=1)
        caught += (masses @ atoms.above[model])[:, None]
        place = np.count_nonzero(caught < needed[:, None], axis=1) - (needed <= 0.0)
        if clip:
            place = place.clip(0, len(columns) - 1)
        found[:, model] = ladder[place + 1]
    return found


def _masses(
    atoms: _Atoms, size: int, *, grouped: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    if grouped:
        return rng.standard_exponential((size, len(atoms.shapes)))
    shared = np.flatnonzero(atoms.shapes != 1.0)
    single = int(shared[0]) if shared.size else len(atoms.shapes)
    return np.hstack(
        [
            rng.standard_exponential((size, single)),
            rng.standard_gamma(atoms.shapes[single:], (size, len(atoms.shapes) - single)),
        ]
    )
