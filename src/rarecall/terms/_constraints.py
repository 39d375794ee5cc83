"""Which constraints the augmented Lagrangian holds, and where each one's multiplier lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from rarecall.task import Population, Task

Kind = Literal["positive", "negative", "pair"]
MOST_PAIRS = 20_000_000
"""Multipliers of pairs that are still kept: 160 MB."""


def copies(keys: Tensor) -> Tensor:
    """How often each key occurs among the keys.

    >>> copies(torch.tensor([4, 1, 4]))
    tensor([2, 1, 2])
    """
    ordered = keys.sort().values
    return torch.searchsorted(ordered, keys, right=True) - torch.searchsorted(ordered, keys)


def sides(targets: Tensor, task: Task) -> list[tuple[Tensor, Tensor]]:
    """Split a training set, once for every critical class or label, as the views do a batch."""
    if task.kind == "binary":
        return [(targets == 1, targets == 0)]
    if task.kind == "multilabel":
        return [(column == 1, column == 0) for column in targets.unbind(dim=1)]
    others = torch.ones_like(targets, dtype=torch.bool)
    for number in task.critical:
        others = others & (targets != number)
    return [(targets == number, others) for number in task.critical]


class Layout:
    """Where in one flat vector the multiplier of each constraint lies.

    One constraint a sample has the sample's index as its key, times the number of critical
    classes, plus the class's column, where a sample can have several. Constraints of pairs lie
    class by class, row by row.

    Args:
        kind: One constraint for every positive, negative or pair.
        training: The training set.

    Attributes:
        pairs: Positives and negatives in the training set of every critical class or label.
        size: Length of the vector.
        places: Position of each sample among those of its side, ``(n, K)``; empty unless ``pair``.

    Raises:
        ValueError: There are too many pairs.
    """

    def __init__(self, kind: Kind, training: Population) -> None:
        split = sides(training.targets, training.task)
        self.kind = kind
        self.pairs = [(int(one.sum()), int(other.sum())) for one, other in split]
        several = training.task.kind == "multilabel" or kind == "negative"
        self.width = len(split) if several else 1
        self.size = len(training.targets) * self.width
        self.places = torch.zeros(0, 0, dtype=torch.int64, device=training.targets.device)
        if kind != "pair":
            return
        sizes = [one * other for one, other in self.pairs]
        self.size = sum(sizes)
        self.offsets = [sum(sizes[:column]) for column in range(len(sizes))]
        if self.size > MOST_PAIRS:
            raise ValueError(
                f"ALMConstraint with constraints='pair' keeps one multiplier for each pair of "
                f"training samples, at most {MOST_PAIRS:,}; this training set has {self.size:,}. "
                "Use constraints='positive' or 'negative', or fewer samples of the other classes."
            )
        self.places = self.places.new_zeros(len(training.targets), len(split))
        for column, parts in enumerate(split):
            for part, count in zip(parts, self.pairs[column], strict=True):
                self.places[part, column] = torch.arange(count, device=part.device)

    def keys(
        self,
        index: Tensor,
        places: Tensor,
        column: int,
        positive: Tensor,
        negative: Tensor,
        *,
        whole: bool = False,
    ) -> Tensor:
        """Keys of the constraints of a batch, in the order of their violations.

        Args:
            index: Of the batch's rows in the training set.
            places: The attribute ``places``, on the batch's device.
            column: Of the critical class or label.
            positive: True for its samples.
            negative: True for what they must outrank.
            whole: Whether every row is to have a key, where shapes are fixed.
        """
        if self.kind == "pair":
            rows, columns = places[index[positive], column], places[index[negative], column]
            pairs = rows[:, None] * self.pairs[column][1] + columns[None, :]
            return pairs.flatten() + self.offsets[column]
        keys = index
        if not whole:
            keys = index[positive if self.kind == "positive" else negative]
        return keys if self.width == 1 else keys * self.width + column
