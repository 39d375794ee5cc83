"""Every critical class or label as a binary question: its samples, and those it must outrank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rarecall.errors import MetricError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.task import Task


class Masks(NamedTuple):
    """Samples of one critical class, and those that it must outrank; shape ``(n,)`` each.

    In multi-class work the second are the samples of *no* critical class: which of two critical
    classes a sample is taken for is no false alarm. In multi-label work both leave out samples
    whose label is missing or uncertain.
    """

    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Samples that the question is about."""
        rows: NDArray[np.bool_] = self.positive | self.negative
        return rows


def critical_masks(targets: NDArray[Any], task: Task, number: int) -> Masks:
    """Part the samples for one critical class or label.

    Args:
        targets: As the task says: ``(n,)``, or ``(n, L)`` with NaN where a label is missing.
        task: The kind of problem.
        number: Of the class or label; 1 in binary work.

    >>> from rarecall.task import Task
    >>> masks = critical_masks(np.array([0, 1, 2, 0]), Task("multiclass", 3, (1, 2)), 2)
    >>> masks.positive, masks.negative
    (array([False, False,  True, False]), array([ True, False, False,  True]))
    """
    if task.kind == "multilabel":
        column = targets[:, number]
        return Masks(column == 1, column == 0)
    positive = targets == number
    return Masks(positive, ~np.isin(targets, task.critical))


def any_critical(targets: NDArray[Any], task: Task) -> Masks:
    """Part the samples into those of some critical class and those known to be of none."""
    if task.kind == "multilabel":
        return Masks((targets == 1).any(axis=1), (targets == 0).all(axis=1))
    positive = np.isin(targets, task.critical)
    return Masks(positive, ~positive)


def score_column(scores: NDArray[Any], task: Task, number: int) -> NDArray[Any]:
    """Give the scores of one critical class or label, shape ``(n,)``."""
    column: NDArray[Any] = scores if task.kind == "binary" else scores[:, number]
    return column


def checked_matrix(scores: ArrayLike, columns: int | None = None) -> NDArray[np.float64]:
    """Check scores of several classes or labels and give float64, shape ``(n, C)``.

    Raises:
        MetricError: Another shape, no number, NaN or infinity.

    >>> checked_matrix([[1, 2]])
    array([[1., 2.]])
    """
    try:
        array = np.asarray(scores).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"scores must be real numbers: {error}.") from error
    if array.ndim != 2 or (columns is not None and array.shape[1] != columns):
        width = "C" if columns is None else columns
        raise MetricError(
            f"scores must have shape (n, {width}), one column a class or label, not {array.shape}."
        )
    broken = ~np.isfinite(array)
    if broken.any():
        raise MetricError(
            f"scores must be finite so that they can be ranked: {int(broken.sum())} of "
            f"{array.size} are NaN or infinite. Training may have diverged; a lower learning rate "
            "or gradient clipping helps."
        )
    return array
