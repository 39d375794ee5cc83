"""Parts of one cohort: stratified by class, or by whole patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rarecall.data.allocation import allocate_grouped
from rarecall.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def strata_of(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Give the stratum of every sample: its class, or the rarest label that it has.

    Args:
        labels: Class numbers, shape ``(n,)``, or a table of labels, shape ``(n, L)``, where what is
            uncertain counts as absent.

    >>> strata_of(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, np.nan], [1.0, 0.0]])).tolist()
    [1, 2, 0, 1]
    """
    if labels.ndim == 1:
        return labels.astype(np.int64)
    present = labels == 1.0
    order = np.argsort(present.sum(axis=0), kind="stable")
    found = np.zeros(len(labels), dtype=np.int64)
    for label in order[::-1]:
        found[present[:, label]] = label + 1
    return found


def critical_rows(labels: NDArray[Any], critical: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say which samples are critical; in a table of labels, those with any of them."""
    return (labels == 1.0).any(axis=1) if labels.ndim == 2 else np.isin(labels, critical)


def cut_strata(
    rows: NDArray[np.int64],
    strata: NDArray[np.int64],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> list[NDArray[np.int64]]:
    """Cut shares out of every stratum, each rounded down; the last part is what is left.

    >>> rows = np.arange(10)
    >>> parts = cut_strata(rows, rows % 2, [0.2, 0.4], np.random.default_rng(0))
    >>> [len(part) for part in parts]
    [2, 4, 4]
    """
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(len(shares) + 1)]
    for stratum in np.unique(strata[rows]):
        mine = rng.permutation(rows[strata[rows] == stratum])
        # 0.2 of 1,805 is 361 of which floating point may have lost a bit.
        ends = np.cumsum([int(share * len(mine) + 1e-9) for share in shares])
        for part, piece in zip(parts, np.split(mine, ends), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]


def cut_groups(
    rows: NDArray[np.int64],
    targets: NDArray[np.bool_],
    groups: NDArray[Any],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> list[NDArray[np.int64]]:
    """Cut near the shares by whole groups, with positives near them too; the last part is the rest.

    A share of 0 gives an empty part.
    """
    wanted = {k: share for k, share in enumerate([*shares, 1.0 - sum(shares)]) if share > 1e-9}
    # The allocation works for any keys; roles are what its other callers have.
    found = cast(
        "dict[int, NDArray[np.int64]]",
        allocate_grouped(targets[rows].astype(np.int64), groups[rows], cast("Any", wanted), rng),
    )
    empty = np.empty(0, dtype=np.int64)
    return [rows[found[k]] if k in found else empty for k in range(len(shares) + 1)]


def checked_groups(groups: ArrayLike, count: int) -> NDArray[Any]:
    """Check that every sample of a pool has a group, a patient say.

    Raises:
        ConfigurationError: Their number is not that of the samples.
        DataError: Some are missing.
    """
    import pandas as pd

    array = np.asarray(groups)
    if array.shape != (count,):
        raise ConfigurationError(
            f"groups name the patient of every sample, shape ({count},), not {array.shape}."
        )
    missing = int(pd.isna(array).sum())
    if missing:
        raise DataError(
            f"{missing} of {count} samples have no patient. Give each an id; samples that are "
            "known to stand alone get one of their own."
        )
    return array


def refuse_shared(groups: NDArray[Any], test_groups: NDArray[Any]) -> None:
    """Refuse patients that stand in the training and in the test pool."""
    both = np.intersect1d(groups, test_groups)
    if len(both):
        shown = ", ".join(map(str, both[:3])) + (", …" if len(both) > 3 else "")
        raise DataError(
            f"{len(both)} patients ({shown}) have samples in the training "
            "and in the test pool: the measures would be too good. Take them out of one."
        )
