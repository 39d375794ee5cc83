"""The subgroup of every sample, checked: none missing, and no group in two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def subgroup_names(by: ArrayLike, n: int | None) -> NDArray[np.str_]:
    """Read subgroups as text.

    Args:
        by: One value a sample, shape ``(n,)``: text, numbers, booleans.
        n: How many there must be, or None.

    Raises:
        DataError: Another shape, or a missing value.

    >>> subgroup_names([1, "b"], 2).tolist()
    ['1', 'b']
    """
    values = np.asarray(by, dtype=object)
    if values.ndim != 1 or (n is not None and len(values) != n):
        wanted = "(n,)" if n is None else f"({n},) as the scores do"
        raise DataError(f"The subgroups must have shape {wanted}, not {values.shape}.")
    missing = [at for at, value in enumerate(values.tolist()) if _is_missing(value)]
    if missing:
        raise DataError(
            f"{len(missing)} samples have no subgroup, the first at position {missing[0]}. "
            'Name one for them, such as "unknown", or leave them out.'
        )
    return values.astype(str)


def _is_missing(value: object) -> bool:
    # By name: pandas is not loaded for this.
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def each_in_one(groups: NDArray[np.str_], names: NDArray[np.str_]) -> None:
    """Make sure that every group (patient) lies in one subgroup.

    Raises:
        DataError: One does not.
    """
    pairs = np.unique(np.stack([groups.astype(str), names]), axis=1)
    group, times = np.unique(pairs[0], return_counts=True)
    if (times > 1).any():
        raise DataError(
            f"{int((times > 1).sum())} groups lie in more than one subgroup, such as "
            f"{str(group[np.argmax(times > 1)])!r}. Promises for subgroups need groups that lie in "
            "one each."
        )
