"""A small memory of critical samples that are replayed with every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rarecall._checks import in_range
from rarecall.objective import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from rarecall.objective import Scored, Update

Evict = Literal["most_confident", "oldest", "least_confident"]


class PositiveBuffer(nn.Module):
    """Input samples of critical rows, scored anew at every forward.

    It fills up to its capacity; then each new critical sample takes the place of the one that
    ``evict`` names. A sample that is in the buffer already, known by its index, is refreshed, not
    doubled. Samples are kept as they were given to the model, after augmentation.

    Args:
        capacity: How many samples it holds, >= 0.
        evict: Whom a new sample replaces: the ``"most_confident"`` (highest score), the
            ``"oldest"``, or the ``"least_confident"``.
        max_age: After how many steps a sample leaves in any case; None for never. Evicting the
            most confident hoards mislabelled samples, which never become confident.

    Reference:
        Mohammadi et al., *Ranking Regularization for Critical Rare Classes*, CVPR 2023, section
        3.5; what the paper leaves open is decided as described here.
    """

    def __init__(
        self, capacity: int = 32, evict: Evict = "most_confident", max_age: int | None = None
    ) -> None:
        super().__init__()
        in_range(self, 0, capacity=capacity)
        in_range(self, 1, max_age=1 if max_age is None else max_age)
        if evict not in ("most_confident", "oldest", "least_confident"):
            raise ValueError(
                f"evict must be 'most_confident', 'oldest' or 'least_confident', not {evict!r}."
            )
        self.capacity = capacity
        self.evict = evict
        self.max_age = max_age
        self.clear()

    def __len__(self) -> int:
        return len(self.index)

    def clear(self) -> None:
        """Forget every sample."""
        self.leaves: list[Tensor] = []
        self.index = torch.zeros(0, dtype=torch.int64)
        self.scores = torch.zeros(0, dtype=torch.float64)
        self.entered = torch.zeros(0, dtype=torch.int64)
        self.clock = 0

    def replay(self, batch: Batch) -> Batch | None:
        """Give the buffered rows that the batch does not hold itself, or None."""
        if not len(self):
            return None
        device = batch.targets.device
        index = self.index.to(device)
        leaves, spec = pytree.tree_flatten(batch.inputs)
        assert batch.index is not None  # the objective has checked
        kept = torch.nonzero(~torch.isin(index, batch.index)).squeeze(1)
        rows = [
            held.to(leaf.device, leaf.dtype)[kept]
            for held, leaf in zip(self.leaves, leaves, strict=True)
        ]
        return Batch(
            pytree.tree_unflatten(rows, spec), batch.targets.new_ones(len(kept)), index[kept]
        )

    @staticmethod
    def staged(scored: Scored) -> Update:
        """Take from a forwarded batch its critical rows, their inputs and their scores."""
        rows = torch.nonzero(scored.critical).squeeze(1)
        leaves = [leaf.detach()[rows] for leaf in pytree.tree_leaves(scored.inputs)]
        assert scored.index is not None  # the objective has checked
        scores = scored.scores.detach()[rows]
        return {"leaves": leaves, "index": scored.index[rows], "scores": scores.double()}

    def commit(self, updates: Sequence[Update]) -> None:
        """Refresh scores, admit new samples, let old ones go."""
        for update in updates:
            self._admit(**update)
        self.clock += 1
        if self.max_age is not None and len(self):
            self._keep(torch.nonzero(self.clock - self.entered < self.max_age).squeeze(1))

    def _admit(self, leaves: list[Tensor], index: Tensor, scores: Tensor) -> None:
        if not self.capacity or not len(index):
            return
        if not self.leaves:
            self.leaves = [leaf[:0] for leaf in leaves]
        device = index.device
        self.index, self.scores, self.entered = (
            part.to(device) for part in (self.index, self.scores, self.entered)
        )
        self.leaves = [held.to(leaf) for held, leaf in zip(self.leaves, leaves, strict=True)]
        # Of an index that came twice, the last row counts.
        same = index[:, None] == index[None, :]
        last = ~torch.triu(same, diagonal=1).any(dim=1)
        held = torch.isin(index, self.index)
        known = torch.nonzero(last & held).squeeze(1)
        rows = torch.nonzero(last & ~held).squeeze(1)
        if len(known):
            slots = (self.index[None, :] == index[known][:, None]).to(torch.int8).argmax(dim=1)
            self.scores[slots] = scores[known]
            for held_leaf, leaf in zip(self.leaves, leaves, strict=True):
                held_leaf[slots] = leaf[known]
        rows = rows[-self.capacity :]
        leaving = max(0, len(self) + len(rows) - self.capacity)
        if leaving:
            key = {
                "most_confident": -self.scores,
                "oldest": self.entered.double(),
                "least_confident": self.scores,
            }[self.evict]
            gone = torch.argsort(key, stable=True)[:leaving]
            stays = torch.ones(len(self), dtype=torch.bool, device=device)
            stays[gone] = False
            self._keep(torch.nonzero(stays).squeeze(1))
        self.index = torch.cat([self.index, index[rows]])
        self.scores = torch.cat([self.scores, scores[rows]])
        self.entered = torch.cat([self.entered, torch.full_like(index[rows], self.clock)])
        self.leaves = [
            torch.cat([held, leaf[rows]]) for held, leaf in zip(self.leaves, leaves, strict=True)
        ]

    def _keep(self, slots: Tensor) -> None:
        self.index, self.scores, self.entered = (
            part[slots] for part in (self.index, self.scores, self.entered)
        )
        self.leaves = [leaf[slots] for leaf in self.leaves]

    def get_extra_state(self) -> dict[str, Any]:
        """Everything durable, as plain tensors and numbers."""
        return {
            "leaves": list(self.leaves),
            "index": self.index,
            "scores": self.scores,
            "entered": self.entered,
            "clock": self.clock,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.leaves = [leaf.clone() for leaf in state["leaves"]]
        self.index = state["index"].clone()
        self.scores = state["scores"].clone()
        self.entered = state["entered"].clone()
        self.clock = int(state["clock"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = fn(torch.empty(0)).device
        self.leaves = [leaf.to(device) for leaf in self.leaves]
        self.index, self.entered = self.index.to(device), self.entered.to(device)
        self.scores = self.scores.to(
            device, torch.float32 if device.type == "mps" else self.scores.dtype
        )
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"capacity={self.capacity}, evict={self.evict!r}, max_age={self.max_age}"
