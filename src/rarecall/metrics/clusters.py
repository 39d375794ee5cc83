"""Groups of rows (patients, accounts), and several models' scores on the same samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import positives_to_catch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Models(NamedTuple):
    """What S models say of one set of samples, parted by class; scores or ranks.

    Attributes:
        positives: Shape ``(S, n₁)``.
        negatives: Shape ``(S, n₀)``.
        positive_units: What is swapped and redrawn together, numbered, shape ``(n₁,)``.
        negative_units: Likewise, shape ``(n₀,)``.
        n_units: How many units there are.
        grouped: Whether a unit may hold several samples.
    """

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    positive_units: NDArray[np.intp]
    negative_units: NDArray[np.intp]
    n_units: int
    grouped: bool

    def position(self, tpr: float) -> int:
        """Where the threshold stands among the positives in rising order."""
        n = len(self.positive_units)
        return n - positives_to_catch(tpr, n)

    def thresholds(self, tpr: float) -> NDArray[np.float64]:
        """Find every model's highest threshold that reaches the TPR, shape ``(S,)``."""
        position = self.position(tpr)
        return np.partition(self.positives, position, axis=1)[:, position]

    def false_alarms(self, tpr: float) -> NDArray[np.int64]:
        """Count every model's false alarms at its threshold for the TPR, shape ``(S,)``."""
        thresholds = self.thresholds(tpr)
        flagged = [
            np.count_nonzero(row >= threshold)
            for row, threshold in zip(self.negatives, thresholds, strict=True)
        ]
        return np.array(flagged, dtype=np.int64)


def unit_numbers(groups: ArrayLike, n: int) -> NDArray[np.intp]:
    """Give the groups of ``n`` rows numbers from 0 on.

    Raises:
        MetricError: Groups of another shape.

    >>> unit_numbers(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise MetricError(f"groups must have shape ({n},) as the scores do, not {labels.shape}.")
    if labels.dtype.kind == "O":
        # Objects of several kinds have no order.
        labels = labels.astype(str)
    return np.unique(labels, return_inverse=True)[1]


def units_by_class(
    groups: ArrayLike, critical: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the groups of the positives and those of the negatives numbers from 0 on.

    Raises:
        MetricError: Groups of another shape.
    """
    units = unit_numbers(groups, len(critical))
    return units[critical], units[~critical]


def models(
    values: NDArray[np.float64], critical: NDArray[np.bool_], groups: ArrayLike | None
) -> Models:
    """Part the values of S models, shape ``(S, n)``, by class; without groups each row is a unit.

    Raises:
        MetricError: Groups of another shape.

    >>> several = models(np.array([[0.1, 0.7, 0.9]]), np.array([False, False, True]), None)
    >>> several.false_alarms(tpr=0.5)
    array([0])
    """
    n = len(critical)
    units = np.arange(n) if groups is None else unit_numbers(groups, n)
    n_units = int(units.max()) + 1
    return Models(
        np.ascontiguousarray(values[:, critical]),
        np.ascontiguousarray(values[:, ~critical]),
        units[critical],
        units[~critical],
        n_units=n_units,
        # Groups of one row each are no groups, and rows allow exact shortcuts.
        grouped=n_units < n,
    )
