"""Sample weights: whole numbers repeat a row, others multiply its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from rarecall.comparison.networks import NetworkLearner
from rarecall.errors import ConfigurationError, DataError
from rarecall.objective import Objective
from rarecall.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.methods import Method
    from rarecall.parts import Prepared
    from rarecall.task import Kind

MOST_REPEATED = 10
"""Rows to which one row, on average, is repeated at most; beyond, weights multiply the loss."""


def repeated(
    weights: NDArray[Any] | None, n: int
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Say which rows to use, how often, and with what weight.

    A row of weight 2 is the row twice, exactly: in the loss, in class counts, in terms that
    remember rows, and in everything that is measured. Where a weight is no whole number, or rows
    would be repeated more than ten times on average, the weights multiply the losses instead.

    Args:
        weights: Finite, at least 0, shape ``(n,)``, or None.
        n: Number of rows.

    Returns:
        Positions of the rows, and their weights with mean 1, or None where all count alike.

    Raises:
        DataError: All weights are zero.

    >>> repeated(np.array([2.0, 0.0, 1.0]), 3)
    (array([0, 0, 2]), None)
    >>> repeated(np.array([0.5, 0.0, 1.5]), 3)
    (array([0, 2]), array([0.5, 1.5]))
    >>> repeated(np.array([0.5, 0.5]), 2)
    (array([0, 1]), None)
    """
    if weights is None:
        return np.arange(n), None
    rows = np.flatnonzero(weights > 0)
    if not len(rows):
        raise DataError("All sample weights are zero, so there is no row to learn from.")
    kept = np.asarray(weights[rows], dtype=np.float64)
    whole = bool((kept == np.floor(kept)).all())
    if whole and kept.sum() <= MOST_REPEATED * len(rows):
        return np.repeat(rows, kept.astype(np.int64)), None
    if kept.min() == kept.max():
        return rows, None
    return rows, kept / kept.mean()


class WeightedObjective(Objective):
    r"""An objective whose loss is a weighted mean, :math:`\frac{1}{B} \sum_i w_i \ell_i`.

    Args:
        objective: Gives the base loss and the conditioning.
        weights: Of the training rows in their order, mean 1, shape ``(n,)``.

    Raises:
        ConfigurationError: The loss is a measure of a set, or there are terms.

    >>> from rarecall.losses import BCELoss
    >>> objective = WeightedObjective(Objective(BCELoss()), torch.tensor([0.5, 1.5]))
    >>> _ = objective.bind(torch.tensor([0, 1]))
    >>> rows = (torch.zeros(2, 1), torch.tensor([0, 1]), torch.tensor([0, 1]))
    >>> round(float(objective(nn.Flatten(0), rows)), 4)
    0.6931
    """

    weights: Tensor

    def __init__(self, objective: Objective, weights: Tensor) -> None:
        parts = [] if objective.loss.per_sample else [type(objective.loss).__name__]
        parts += [type(term).__name__ for term in objective.terms]
        if parts:
            raise ConfigurationError(
                f"Sample weights multiply the loss of every sample, but {' and '.join(parts)} "
                "measures a whole set of samples and has no loss of each. Leave out the weights, "
                "use whole numbers (they repeat rows), or choose a loss of single samples, as bce."
            )
        super().__init__(objective.loss, conditioning=objective.conditioning)
        self.register_buffer("weights", weights.double(), persistent=False)

    def bind(
        self,
        train_targets: Any,
        task: Task | Kind = "binary",
        *,
        critical: int | Sequence[int] | None = None,
        stream: Sequence[float] | Tensor | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Self:
        """Fix the task as :meth:`Objective.bind` does; shares of classes are those by weight."""
        if stream is None:
            targets = torch.as_tensor(train_targets)
            least = task.classes if isinstance(task, Task) else 0
            stream = torch.bincount(targets.long(), self.weights.to(targets.device), least)
        return super().bind(
            train_targets, task, critical=critical, stream=stream, steps=steps, seed=seed
        )

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        """Scalar loss of forwarded rows; as :meth:`Objective.evaluate`."""
        assert prepared.index is not None
        weights = self.weights[prepared.index.to(self.weights.device)]

        def multiply(_: nn.Module, __: Any, losses: Tensor) -> Tensor:
            return losses * weights.to(losses)

        hook = self.loss.register_forward_hook(multiply)
        try:
            return super().evaluate(logits, prepared)
        finally:
            hook.remove()


class WeightedLearner(NetworkLearner):
    """A method of the library as a learner of weighted rows.

    Args:
        name: The method's name.
        material: Data, encoding and budget.
        config: Of the training.
        weights: Of the training rows, mean 1, or None.
    """

    def __init__(
        self,
        name: str,
        material: Material,
        config: CompareConfig,
        weights: NDArray[np.float64] | None,
    ) -> None:
        self.weights = None if weights is None else torch.from_numpy(weights)
        super().__init__(name, material, config)

    def _objective(self, method: Method, parameters: Mapping[str, Any]) -> Objective:
        objective = super()._objective(method, parameters)
        if self.weights is None:
            return objective
        return WeightedObjective(objective, self.weights).for_task(self.material.task)
