"""Scores of negatives beyond the batch: a ring of the most recent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from rarecall._checks import in_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from rarecall.parts import Update


class Recalled(NamedTuple):
    """What a memory gives for one critical class or label.

    Attributes:
        scores: Shape ``(size,)``, float64, no gradient.
        counts: 1 where a score counts, 0 where the ring is empty or the score too old, ``(size,)``.
    """

    scores: Tensor
    counts: Tensor


class NegativeMemory(nn.Module):
    """A ring of the latest scores of negatives, one for each critical class or label.

    Scores are kept as they were when the sample was last in a batch: they enter a constraint as
    constants. All shapes are fixed, so that nothing waits for a device.

    Args:
        size: How many scores each ring holds, >= 1; at most the negatives of the training set.
        staleness: For how many steps after its own a score counts, >= 1; None: until overwritten.

    >>> memory = NegativeMemory(size=2, staleness=None)
    >>> memory.start([9])
    >>> held = torch.tensor([[True, False, True, True]])
    >>> memory.commit([memory.staged([torch.tensor([0.1, 0.2, 0.3, 0.4])], held)])
    >>> memory.recall(0).scores
    tensor([0.4000, 0.3000], dtype=torch.float64)
    """

    scores: Tensor
    entered: Tensor
    cursor: Tensor
    clock: Tensor

    def __init__(self, size: int, staleness: int | None) -> None:
        super().__init__()
        in_range(self, 1, size=size, staleness=1 if staleness is None else staleness)
        self.size = size
        self.staleness = staleness
        self.register_buffer("scores", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("entered", torch.zeros(0, 0, dtype=torch.int64))
        self.register_buffer("cursor", torch.zeros(0, 1, dtype=torch.int64))
        self.register_buffer("clock", torch.zeros((), dtype=torch.int64))

    def start(self, negatives: Sequence[int]) -> None:
        """Start empty.

        Args:
            negatives: Negatives in the training set, one number a critical class or label. A ring
                that held more would hold samples twice.
        """
        shape = len(negatives), max(1, min(self.size, max(negatives)))
        self.scores = self.scores.new_zeros(shape)
        self.entered = self.entered.new_full(shape, -1)
        self.cursor = self.cursor.new_zeros(len(negatives), 1)
        self.clock.zero_()

    def recall(self, column: int) -> Recalled:
        """Give the scores of one critical class or label, and which of them count."""
        entered = self.entered[column]
        counted = entered >= 0
        if self.staleness is not None:
            counted = counted & (self.clock - entered <= self.staleness)
        return Recalled(self.scores[column], counted.to(self.scores.dtype))

    @staticmethod
    def staged(scores: Sequence[Tensor], held: Tensor) -> Update:
        """Take from a forwarded batch what is to be remembered.

        Args:
            scores: Of the batch's rows, one tensor ``(B,)`` a critical class or label.
            held: True for its negatives, shape ``(K, B)``.
        """
        return {"scores": torch.stack(list(scores)).detach().double(), "held": held}

    def commit(self, updates: Sequence[Update]) -> None:
        """Write the negatives of one step's batches over the oldest scores."""
        size = self.scores.shape[-1]
        # One place more takes what is not kept: positives, and more rows than the ring holds.
        scores, entered = (nn.functional.pad(part, (0, 1)) for part in (self.scores, self.entered))
        for update in updates:
            held = update["held"]
            number, count = held.cumsum(dim=-1), held.sum(dim=-1, keepdim=True)
            kept = held & (number > count - size)
            place = torch.where(kept, (self.cursor + number - 1) % size, size)
            scores = scores.scatter(-1, place, update["scores"].to(scores.dtype))
            entered = entered.scatter(-1, place, self.clock.expand_as(place))
            self.cursor.copy_((self.cursor + count) % size)
        self.scores.copy_(scores[..., :size])
        self.entered.copy_(entered[..., :size])
        self.clock.add_(1)

    def held(self) -> Tensor:
        """Count the scores that would count now, of all rings together, int64 ``()``."""
        counts = [self.recall(column).counts.sum() for column in range(len(self.scores))]
        return torch.stack(counts).sum().long()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Scores follow the device but no dtype cast, as the multipliers do.
        kept = self._buffers.pop("scores")
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        assert kept is not None
        device = fn(torch.empty(0, dtype=torch.float32, device=kept.device)).device
        dtype = torch.float32 if device.type == "mps" else torch.float64
        others = dict(self._buffers)
        self._buffers.clear()
        self._buffers.update({"scores": kept.to(device=device, dtype=dtype), **others})
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"size={self.size}, staleness={self.staleness}"
