"""The rows that processes which train together hold, from one training to the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.utils import _pytree as pytree

from rarecall._reading import count_rows, rows_at_once
from rarecall.training.devices_words import Form, as_bytes, filled, leaves_of, outline_of

if TYPE_CHECKING:
    from rarecall.data import ArrayDataset


@dataclass(frozen=True, eq=False)
class Share:
    """What one process scores in an evaluation.

    Attributes:
        rank: Number of this process.
        sizes: Validation rows of every process, in their order.
        inputs: Its own rows, a pytree of tensors, leading dimension ``sizes[rank]``.
    """

    rank: int
    sizes: tuple[int, ...]
    inputs: Any

    @property
    def shared(self) -> bool:
        """Whether any process but the first has rows to score."""
        return any(self.sizes[1:])


def sizes_of(inputs: Any, count: int) -> tuple[int, ...]:
    """Cut rows between blocks that are forwarded at once, into a part a process.

    Args:
        inputs: A pytree of tensors.
        count: Of processes. Those that come last get nothing where blocks are fewer.

    Returns:
        The rows of every part.

    >>> sizes_of(torch.zeros(10_000, 2), 2)
    (4096, 5904)
    >>> sizes_of(torch.zeros(100, 2), 2)
    (100, 0)
    """
    rows, block = count_rows(inputs), rows_at_once(inputs)
    blocks = -(-rows // block)
    # The last block is a small one, so whoever comes last may have one more.
    cuts = [blocks * k // count if blocks >= count else min(k, blocks) for k in range(count + 1)]
    ends = [min(cut * block, rows) for cut in cuts]
    return tuple(end - start for start, end in pairwise(ends))


class Sets:
    """The training set, which every process has whole, and its part of the validation inputs.

    Args:
        rank: Number of this process.
        count: How many there are.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self._train_set: ArrayDataset | None = None
        self._watched: Any = None
        self._share: Share | None = None

    @property
    def train_set(self) -> ArrayDataset:
        """Of the present training."""
        assert self._train_set is not None  # the first training brings one
        return self._train_set

    @property
    def share(self) -> Share:
        """What this process scores in an evaluation of the present training."""
        assert self._share is not None  # the first training brings one
        return self._share

    def news(self, train_set: ArrayDataset, watched: Any) -> dict[str, Any]:
        """Say what helpers do not have yet, in forms without numbers.

        Args:
            train_set: Of the next training.
            watched: Its validation inputs.
        """
        known, seen = train_set is self._train_set, watched is self._watched
        form = pytree.tree_map(lambda leaf: Form(tuple(leaf.shape), leaf.dtype), watched)
        return {
            "set": None if known else outline_of(train_set),
            "watched": None if seen else (form, sizes_of(watched, self.count)),
        }

    def send(self, news: dict[str, Any], train_set: ArrayDataset, watched: Any) -> None:
        """Send the helpers what they do not have yet: of validation each its own rows."""
        if news["set"] is not None:
            for leaf in leaves_of(train_set):
                dist.broadcast(as_bytes(leaf), 0)
            self._train_set = train_set
        if news["watched"] is None:
            return
        sizes: tuple[int, ...] = news["watched"][1]
        parts = list(pairwise(accumulate(sizes, initial=0)))
        for rank in range(1, self.count):
            start, end = parts[rank]
            for leaf in pytree.tree_leaves(watched) if start < end else ():
                dist.send(as_bytes(leaf[start:end].cpu().contiguous()), rank)
        own = pytree.tree_map(lambda leaf: leaf[: sizes[0]], watched)
        self._watched, self._share = watched, Share(0, sizes, own)

    def receive(self, news: dict[str, Any]) -> None:
        """Take what the first process sends."""
        if news["set"] is not None:
            self._train_set = None  # so that two are never held
            self._train_set = filled(news["set"])
        if news["watched"] is None:
            return
        form, sizes = news["watched"]
        self._share = None

        def leaf_of(whole: Form) -> torch.Tensor:
            leaf = torch.empty((sizes[self.rank], *whole.shape[1:]), dtype=whole.dtype)
            if len(leaf):
                dist.recv(as_bytes(leaf), 0)
            return leaf

        self._share = Share(self.rank, sizes, pytree.tree_map(leaf_of, form))
