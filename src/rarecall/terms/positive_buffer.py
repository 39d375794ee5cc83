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
    """Input samples of critical rows with their targets, scored anew at every forward.

    It fills up to its capacity; then each new critical sample takes the place of the one that
    ``evict`` names. A sample that is in the buffer already, known by its index, is refreshed, not
    doubled. Samples are kept as they were given to the model, after augmentation. In multi-class
    work it holds samples of every critical class, each with the score of its own class.

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
        self.targets = torch.zeros(0, dtype=torch.int64)
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
        targets = self.targets.to(batch.targets)[kept]
        return Batch(pytree.tree_unflatten(rows, spec), targets, index[kept])

    @staticmethod
    def staged(scored: Scored) -> Update:
        """Take from a forwarded batch its critical rows: inputs, targets and scores."""
        rows = torch.nonzero(scored.critical).squeeze(1)
        leaves = scored.leaves(rows)
        assert scored.index is not None  # the objective has checked
        targets, scores = scored.targets[rows], scored.scores.detach()[rows]
        if scores.ndim == 2:
            # Every row is of exactly one critical class, so this takes one value a row, in order.
            classes = torch.tensor(scored.task.critical, device=targets.device)
            scores = scores[targets[:, None] == classes[None, :]]
        return {
            "leaves": leaves,
            "index": scored.index[rows],
            "targets": targets,
            "scores": scores.double(),
        }

    def commit(self, updates: Sequence[Update]) -> None:
        """Refresh scores, admit new samples, let old ones go."""
        for update in updates:
            self._admit(**update)
        self.clock += 1
        if self.max_age is not None and len(self):
            self._keep(torch.nonzero(self.clock - self.entered < self.max_age).squeeze(1))

    def _admit(self, leaves: list[Tensor], index: Tensor, targets: Tensor, scores: Tensor) -> None:
        if not self.capacity or not len(index):
            return
        if not self.leaves:
            self.leaves = [leaf[:0] for leaf in leaves]
            self.targets = targets[:0]
        device, size = index.device, len(self)
        # There are few samples: plain numbers decide, then one gather a tensor moves the rows.
        slots = {sample: slot for slot, sample in enumerate(self.index.tolist())}
        # Of an index that came twice, the last row counts.
        rows = {sample: size + row for row, sample in enumerate(index.tolist())}
        source = [rows.get(sample, slot) for sample, slot in slots.items()]
        new = sorted(row for sample, row in rows.items() if sample not in slots)[-self.capacity :]
        merged = torch.cat([self.scores.to(scores), scores])
        leaving = max(0, size + len(new) - self.capacity)
        if leaving:
            known = merged.tolist()
            key: list[float] = {
                "most_confident": [-known[row] for row in source],
                "oldest": self.entered.tolist(),
                "least_confident": [known[row] for row in source],
            }[self.evict]
            gone = set(sorted(range(size), key=key.__getitem__)[:leaving])
            source = [row for slot, row in enumerate(source) if slot not in gone]
            self.entered = self.entered[[slot for slot in range(size) if slot not in gone]]
        take = torch.tensor([*source, *new], device=device)
        arrived = torch.full((len(new),), self.clock, dtype=torch.int64, device=device)
        self.entered = torch.cat([self.entered.to(device), arrived])
        self.index = torch.cat([self.index.to(device), index])[take]
        self.targets = torch.cat([self.targets.to(targets), targets])[take]
        self.scores = merged[take]
        self.leaves = [
            torch.cat([held.to(leaf), leaf])[take]
            for held, leaf in zip(self.leaves, leaves, strict=True)
        ]

    def _keep(self, slots: Tensor) -> None:
        self.index, self.targets, self.scores, self.entered = (
            part[slots] for part in (self.index, self.targets, self.scores, self.entered)
        )
        self.leaves = [leaf[slots] for leaf in self.leaves]

    def get_extra_state(self) -> dict[str, Any]:
        """Everything durable, as plain tensors and numbers."""
        return {
            "leaves": list(self.leaves),
            "index": self.index,
            "targets": self.targets,
            "scores": self.scores,
            "entered": self.entered,
            "clock": self.clock,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.leaves = [leaf.clone() for leaf in state["leaves"]]
        self.index = state["index"].clone()
        self.targets = state["targets"].clone()
        self.scores = state["scores"].clone()
        self.entered = state["entered"].clone()
        self.clock = int(state["clock"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device = fn(torch.empty(0)).device
        self.leaves = [leaf.to(device) for leaf in self.leaves]
        self.index, self.targets = self.index.to(device), self.targets.to(device)
        self.entered = self.entered.to(device)
        self.scores = self.scores.to(
            device, torch.float32 if device.type == "mps" else self.scores.dtype
        )
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"capacity={self.capacity}, evict={self.evict!r}, max_age={self.max_age}"
