"""Which constraints the augmented Lagrangian holds, and where each one's multiplier lies."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.task import Population, Task

Kind = Literal["positive", "negative", "pair"]
MOST_PAIRS = 20_000_000
"""Multipliers of pairs that are still kept: 160 MB."""

_FEW = 128
"""Up to so many numbers a comparison of all with all costs less than a sort."""


def copies(index: Tensor) -> Tensor:
    """How often each number occurs among all.

    >>> copies(torch.tensor([4, 1, 4]))
    tensor([2, 1, 2])
    """
    if len(index) <= _FEW:
        return (index[:, None] == index).sum(dim=1)
    ordered = index.sort().values
    return torch.searchsorted(ordered, index, right=True) - torch.searchsorted(ordered, index)


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


class Keys(NamedTuple):
    """Which multipliers the constraints of a batch have.

    Attributes:
        keys: Places in the vector of multipliers, one a constraint.
        copies: How often the batch holds each of these constraints, >= 1.
    """

    keys: Tensor
    copies: Tensor


class Layout:
    """Where in one flat vector the multiplier of each constraint lies.

    Class by class; of a class in the order of the training samples that have a constraint, or of
    pairs row by row. Only such samples take memory: a sample is found by a binary search.

    Args:
        kind: One constraint for every positive, negative or pair.
        training: The training set.

    Attributes:
        pairs: Positives and negatives in the training set of every critical class or label.
        size: Length of the vector.
        rows: Positions of the samples of every class's side or sides, int64, rising within each.

    Raises:
        ValueError: There are too many pairs.
    """

    def __init__(self, kind: Kind, training: Population) -> None:
        split = sides(training.targets, training.task)
        self.kind = kind
        self.pairs = [(int(one.sum()), int(other.sum())) for one, other in split]
        chosen = {"positive": (0,), "negative": (1,), "pair": (0, 1)}[kind]
        held = [torch.nonzero(parts[side]).squeeze(1) for parts in split for side in chosen]
        self.rows = torch.cat(held)
        ends = [0, *accumulate(len(rows) for rows in held)]
        spans = [slice(start, stop) for start, stop in pairwise(ends)]
        each = len(chosen)
        self._spans = [spans[k * each : (k + 1) * each] for k in range(len(split))]
        # A class without samples keeps a place that no constraint raises.
        sizes = [max(1, math.prod(pair[side] for side in chosen)) for pair in self.pairs]
        self.size = sum(sizes)
        self._offsets = [0, *accumulate(sizes)]
        if kind == "pair" and self.size > MOST_PAIRS:
            raise ValueError(
                f"ALMConstraint with constraints='pair' keeps one multiplier for each pair of "
                f"training samples, at most {MOST_PAIRS:,}; this training set has {self.size:,}. "
                "Use constraints='positive' or 'negative', or fewer samples of the other classes."
            )

    def keys(self, rows: Tensor, column: int, holders: Sequence[Tensor]) -> Keys:
        """Keys of the constraints of a batch, in the order of their violations.

        Args:
            rows: The attribute ``rows``, on the batch's device.
            column: Of the critical class or label.
            holders: Positions in the training set of the batch's samples that have a constraint;
                for pairs of both sides. Where shapes are fixed, of all its samples: those without
                a constraint get some key.
        """
        places, counts = [], []
        for span, index in zip(self._spans[column], holders, strict=True):
            last = max(span.stop - span.start - 1, 0)
            # Contiguous and not strided: a search for strided numbers warns of a copy.
            place = torch.searchsorted(rows[span], index.contiguous())
            places.append(place.clamp_(max=last))
            counts.append(copies(index))
        if len(places) == 1:
            return Keys(places[0] + self._offsets[column], counts[0])
        keys = places[0][:, None] * self.pairs[column][1] + places[1]
        return Keys(
            keys.flatten() + self._offsets[column], (counts[0][:, None] * counts[1]).flatten()
        )
