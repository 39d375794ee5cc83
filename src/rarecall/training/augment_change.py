"""A random change in two steps: drawn for a whole batch, made in those rows that are at hand.

Several processes that share a batch draw alike for all of its rows, which is cheap, and change
their own ones only, which is dear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall._reading import count_rows

Rows = slice | Tensor
"""Rows of a batch: a slice, or positions, int64."""

ALL = slice(None)

Made = Callable[[Any, Rows], Any]
"""Changes some rows of a batch: given their inputs, and which rows of the batch they are."""


class Change:
    """A random change of a batch's inputs, from the global random state.

    Args:
        draw: Given some rows of a batch (their number does not matter, their shapes, dtypes and
            device do) and the number of rows of the whole batch, it draws for the whole batch and
            returns what changes rows of it. What it draws depends on no value.

    >>> def shift(inputs, count):
    ...     by = torch.rand(count, 1)
    ...     return lambda inputs, rows: inputs + by[rows]
    >>> change, batch = Change(shift), torch.zeros(6, 2)
    >>> _ = torch.manual_seed(0)
    >>> whole = change(batch)
    >>> _ = torch.manual_seed(0)
    >>> own = slice(2, 4)
    >>> torch.equal(change.draw(batch[own], 6)(batch[own], own), whole[own])
    True
    """

    def __init__(self, draw: Callable[[Any, int], Made]) -> None:
        self.draw = draw

    def __call__(self, inputs: Any) -> Any:
        """Draw for a batch and change all of it; shapes and dtypes stay."""
        return self.draw(inputs, count_rows(inputs))(inputs, ALL)


def in_turn(changes: Sequence[Change]) -> Change:
    """Join changes into one that makes them in their order.

    >>> halved = Change(lambda inputs, count: lambda inputs, rows: inputs / 2)
    >>> in_turn([halved, halved])(torch.ones(1))
    tensor([0.2500])
    """

    def draw(inputs: Any, count: int) -> Made:
        made = [change.draw(inputs, count) for change in changes]

        def make(inputs: Any, rows: Rows) -> Any:
            for change in made:
                inputs = change(inputs, rows)
            return inputs

        return make

    return Change(draw)


def part_by_part(changes: dict[str, Change]) -> Change:
    """Join changes of the parts of a mapping, drawn in the order given; other parts stay."""

    def draw(inputs: dict[str, Any], count: int) -> Made:
        made = {part: change.draw(inputs[part], count) for part, change in changes.items()}

        def make(inputs: dict[str, Any], rows: Rows) -> dict[str, Any]:
            return inputs | {part: change(inputs[part], rows) for part, change in made.items()}

        return make

    return Change(draw)


def mirroring(axis: int = -1) -> Change:
    """Mirror every sample along an axis with probability one half; all its tensors alike.

    Args:
        axis: -1 mirrors left to right, -2 upside down.

    >>> pair = {"t1": torch.rand(9, 1, 2, 3), "t2": torch.rand(9, 1, 2, 3)}
    >>> _ = torch.manual_seed(0)
    >>> found = mirroring()(pair)
    >>> same = [(found[name] == pair[name]).flatten(1).all(dim=1) for name in pair]
    >>> torch.equal(*same), 0 < int(same[0].sum()) < 9
    (True, True)
    """

    def draw(inputs: Any, count: int) -> Made:
        first = pytree.tree_leaves(inputs)[0]
        drawn = torch.rand(count, *[1] * (first.ndim - 1), device=first.device) < 0.5

        def make(inputs: Any, rows: Rows) -> Any:
            mirrored = drawn[rows]
            return pytree.tree_map(
                lambda leaf: torch.where(mirrored, leaf.flip(axis), leaf), inputs
            )

        return make

    return Change(draw)
