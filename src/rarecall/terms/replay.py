"""Replay of positives without a rank term: the control that tells the two effects apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from rarecall.objective import Batch, Scored, Term, Update
from rarecall.terms.positive_buffer import Evict, PositiveBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.task import Population


class BufferedTerm(Term):
    """A term that replays a :class:`PositiveBuffer` of critical samples with every batch."""

    tasks = ("binary", "multiclass")
    needs_index = "recognises by its index a sample that its buffer holds already"

    def __init__(self, capacity: int, evict: Evict, max_age: int | None) -> None:
        super().__init__()
        self.buffer = PositiveBuffer(capacity, evict, max_age)
        self.replay_capacity = capacity

    def bind(self, training: Population) -> None:
        """Start with an empty buffer."""
        self.buffer.clear()
        self.buffer.to(training.targets.device)

    def replay(self, batch: Batch) -> Batch | None:
        """Give the buffered rows that the batch does not hold itself."""
        return self.buffer.replay(batch)

    def commit(self, updates: Sequence[Update]) -> None:
        """Update the buffer."""
        self.buffer.commit(updates)

    def monitor(self) -> dict[str, float]:
        """How many samples the buffer holds."""
        return {"buffered": float(len(self.buffer))}


class Replay(BufferedTerm):
    """A buffer of positives that the base loss counts too, and nothing else.

    RankReg's buffer is itself a rebalancer: a comparison that has RankReg needs this control to
    tell the rank term's effect from that of more positives in every batch.

    Args:
        capacity: How many positives are replayed with a batch, >= 1.
        evict: Whom a new positive replaces, see :class:`PositiveBuffer`.
        max_age: After how many steps a positive leaves in any case; None for never.

    In multi-class work the buffer holds samples of every critical class. In multi-label work
    nearly every row has some label, so there are no positives to keep apart.

    Raises:
        ValueError: The capacity is 0: that would be the base loss alone.

    >>> import torch
    >>> from rarecall import BCELoss, Objective
    >>> objective = Objective(BCELoss(), Replay(capacity=2)).bind(torch.tensor([1, 0, 0]))
    >>> _ = objective(torch.nn.Identity(), (torch.zeros(1), torch.tensor([1]), torch.tensor([0])))
    >>> objective.step()
    >>> objective.prepare((torch.ones(1), torch.tensor([0]), torch.tensor([1]))).targets
    tensor([0, 1])
    """

    replay_in_base_loss = True

    def __init__(
        self, capacity: int = 32, evict: Evict = "most_confident", max_age: int | None = None
    ) -> None:
        if capacity < 1:
            raise ValueError("Replay needs capacity >= 1; with 0 it would be the base loss alone.")
        super().__init__(capacity, evict, max_age)

    def forward(self, scored: Scored) -> tuple[Tensor, Update]:
        """Add nothing, remember the batch's positives."""
        return scored.scores.sum() * 0, PositiveBuffer.staged(scored)
