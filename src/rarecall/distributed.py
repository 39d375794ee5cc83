r"""One joint batch out of those of several processes, so that a sum over pairs sees all pairs.

A pairwise loss on every rank's own rows is another loss: pairs of rows of different ranks are
missing. Here the logits of all ranks are gathered, every rank computes the loss of the joint batch,
and backward sums over ranks. With gradients averaged over ranks, as DDP and FSDP do, parameters get
exactly the gradient of one process on the joint batch:

.. math:: \frac{1}{k} \sum_r J_r^T \sum_{s} \frac{\partial L}{\partial z_r}
          = \sum_r J_r^T \frac{\partial L}{\partial z_r}
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rarecall.parts import Batch, Prepared


@dataclass(frozen=True)
class Ranks:
    """The processes that train one network together.

    Attributes:
        own: Number of this one, from 0.
        count: How many there are, at least 2.
        group: Of torch's; None for all processes.
    """

    own: int
    count: int
    group: Any = None

    def sizes(self, *numbers: int, device: torch.device) -> list[list[int]]:
        """Give every rank's numbers, a list a rank."""
        mine = torch.tensor(numbers, device=self._cheapest(device))
        found = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(found, mine, group=self.group)
        return torch.stack(found).tolist()

    def gather(self, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        """Give the rows of all ranks, in the order of ranks; backward sums over ranks.

        Args:
            rows: Of this rank, shape ``(sizes[own], ...)``.
            sizes: Rows of every rank.
        """
        gathered: Tensor = _Gather.apply(rows, tuple(sizes), self)  # type: ignore[no-untyped-call]
        return gathered

    def share(self, batch: Batch) -> Batch:
        """Give this rank's part of rows that all ranks hold."""
        rows = len(batch.targets)
        part = slice(rows * self.own // self.count, rows * (self.own + 1) // self.count)
        inputs = pytree.tree_map(lambda leaf: leaf[part], batch.inputs)
        index = None if batch.index is None else batch.index[part]
        return type(batch)(inputs, batch.targets[part], index)

    def _cheapest(self, device: torch.device) -> torch.device:
        # Where processors have a backend of their own, a graphics processor need not be awaited.
        on_processor = "gloo" in str(dist.get_backend_config(self.group))
        return torch.device("cpu") if on_processor else device


_apart: list[bool] = []


@contextmanager
def apart() -> Iterator[None]:
    """Let this process train and score by itself in the body, though torch connects several."""
    _apart.append(True)
    try:
        yield
    finally:
        _apart.pop()


@contextmanager
def together() -> Iterator[None]:
    """Let processes that are :func:`apart` be one in the body."""
    before = list(_apart)
    _apart.clear()
    try:
        yield
    finally:
        _apart.extend(before)


def ranks(group: Any = None) -> Ranks | None:
    """Give the processes that train together; None where there is one only.

    >>> ranks() is None
    True
    """
    if _apart or not dist.is_available() or not dist.is_initialized():
        return None
    count = dist.get_world_size(group)
    return Ranks(dist.get_rank(group), count, group) if count > 1 else None


@dataclass(frozen=True, eq=False)
class Joined:
    """How the rows of all ranks lie in the joint batch: new rows first, replayed ones after them.

    Attributes:
        ranks: The processes.
        sizes: Rows of every rank.
        fresh: New rows of all ranks.
        order: Where every row of the joint batch comes from in the order of ranks; None where
            that is the order.
    """

    ranks: Ranks
    sizes: tuple[int, ...]
    fresh: int
    order: Tensor | None

    @classmethod
    def of(cls, prepared: Prepared, ranks: Ranks) -> Joined:
        """Let every rank know how many rows the others have."""
        device = prepared.targets.device
        counts = ranks.sizes(prepared.fresh, len(prepared.targets), device=device)
        fresh, sizes = [one[0] for one in counts], [one[1] for one in counts]
        order = None
        if fresh != sizes:
            starts = [0, *accumulate(sizes)]
            new = [range(at, at + n) for at, n in zip(starts, fresh, strict=False)]
            old = [
                range(at + n, at + size) for at, n, size in zip(starts, fresh, sizes, strict=False)
            ]
            order = torch.tensor([row for part in (*new, *old) for row in part], device=device)
        return cls(ranks, tuple(sizes), sum(fresh), order)

    def rows(self, own: Tensor) -> Tensor:
        """Give the rows of the joint batch; backward sums over ranks."""
        found = self.ranks.gather(own, self.sizes)
        return found if self.order is None else found[self.order]

    def leaves(self, own: Sequence[Tensor], rows: Tensor) -> list[Tensor]:
        """Give some rows of the joint batch of tensors that every rank holds its own rows of.

        Args:
            own: This rank's, leading dimension ``sizes[own]``.
            rows: Positions in the joint batch, the same on every rank.
        """
        places = rows if self.order is None else self.order[rows]
        ends = torch.tensor(list(accumulate(self.sizes)), device=rows.device)
        owners = torch.searchsorted(ends, places, right=True)
        counts = torch.bincount(owners, minlength=self.ranks.count).tolist()
        start = sum(self.sizes[: self.ranks.own])
        mine = places[owners == self.ranks.own] - start
        # Gathered by rank; put back into the order that was asked for.
        back = torch.argsort(torch.argsort(owners, stable=True), stable=True)
        return [
            self.ranks.gather(leaf.detach()[mine.to(leaf.device)], counts)[back.to(leaf.device)]
            for leaf in own
        ]


class _Gather(torch.autograd.Function):
    """All-gather of rows, uneven ones included; its backward is the sum over ranks."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], ranks: Ranks) -> Tensor:
        ctx.sizes, ctx.ranks = sizes, ranks
        kept = rows.to(torch.uint8) if rows.dtype == torch.bool else rows
        most = max(sizes)
        mine = kept.new_zeros((most, *kept.shape[1:]))
        mine[: len(kept)] = kept
        found = [torch.empty_like(mine) for _ in sizes]
        dist.all_gather(found, mine, group=ranks.group)
        parts = [part[:size] for part, size in zip(found, sizes, strict=True)]
        return torch.cat(parts).to(rows.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=ctx.ranks.group)
        own = ctx.ranks.own
        start = sum(ctx.sizes[:own])
        return total[start : start + ctx.sizes[own]], None, None
