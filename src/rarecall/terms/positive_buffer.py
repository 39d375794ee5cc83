"""A small memory of critical samples that are replayed with every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from rarecall._checks import in_range
from rarecall._leaves import leaves_of, with_leaves
from rarecall.functional import shapes
from rarecall.parts import Batch
from rarecall.terms._held_samples import HeldSamples
from rarecall.terms._on_host import OnHost

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

    The samples lie where the model is; who stays is decided on the host. On a graphics processor
    the scores of a step travel there while its backward pass runs and are read when the next
    batch is prepared, so no step waits for the device; leave the batch's ``index`` on the host.

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
        return len(self._settled().index)

    def clear(self) -> None:
        """Forget every sample."""
        self._held = HeldSamples()
        self._waiting: list[Sequence[Update]] = []

    @property
    def leaves(self) -> list[Tensor]:
        """The samples: every tensor of the inputs, a row a sample."""
        return self._settled().leaves

    @property
    def targets(self) -> Tensor:
        """Their targets."""
        return self._settled().targets

    @property
    def index(self) -> Tensor:
        """Their positions in the training targets, int64, on the host."""
        return torch.tensor(self._settled().index, dtype=torch.int64)

    @property
    def scores(self) -> Tensor:
        """Their latest scores, float64, on the host."""
        return torch.tensor(self._settled().scores, dtype=torch.float64)

    def replay(self, batch: Batch) -> Batch | None:
        """Give the buffered rows that the batch does not hold itself, or None."""
        held = self._settled()
        if not len(held.index):
            return None
        leaves = leaves_of(batch.inputs)
        assert batch.index is not None  # the objective has checked
        known, met = np.array(held.index), np.sort(batch.index.detach().cpu().numpy())
        kept = met.take(np.searchsorted(met, known), mode="clip") != known
        rows = [part.to(leaf) for part, leaf in zip(held.leaves, leaves, strict=True)]
        targets, index = held.targets.to(batch.targets), torch.from_numpy(known)
        if not kept.all():
            places = torch.from_numpy(np.flatnonzero(kept))
            index = index.index_select(0, places)
            places = places.to(targets.device, non_blocking=True)
            rows = [part.index_select(0, places) for part in rows]
            targets = targets.index_select(0, places)
        return Batch(with_leaves(batch.inputs, rows), targets, index)

    @staticmethod
    def staged(scored: Scored) -> Update:
        """Take from a forwarded batch its critical rows: inputs, targets and scores.

        Where labels must decide no shape it takes all rows, and :meth:`commit` picks.
        """
        assert scored.index is not None  # the objective has checked
        scores = _of_own_class(scored)
        alone = scored.joined is None and scores.device.type != "mps"
        if alone and shapes.fixed_shapes(scored.scores):
            known = scored.index.double(), scored.critical.double(), scores.double()
            numbers = torch.stack(known)
            return {
                # A copy, since the caller may reuse the memory before the rows are picked.
                "leaves": [leaf.detach().clone() for leaf in leaves_of(scored.inputs)],
                "targets": scored.targets,
                "numbers": numbers if torch.compiler.is_compiling() else OnHost(numbers),
            }
        rows = torch.nonzero(scored.critical).squeeze(1)
        return {
            "leaves": scored.leaves(rows),
            "targets": scored.targets.index_select(0, rows),
            "index": scored.index.index_select(0, rows),
            "scores": scores.index_select(0, rows),
        }

    def commit(self, updates: Sequence[Update]) -> None:
        """Refresh scores, admit new samples, let old ones go."""
        for update in updates:
            if isinstance(update.get("numbers"), Tensor):
                update["numbers"] = OnHost(update["numbers"])
        self._waiting.append(updates)
        if not any("numbers" in update for update in updates):
            self._settled()

    def _settled(self) -> HeldSamples:
        """Give what is held after all steps committed so far."""
        waiting, self._waiting = self._waiting, []
        for updates in waiting:
            for update in updates:
                self._admit(update)
            held = self._held
            held.clock += 1
            if self.max_age is not None:
                since = held.clock - self.max_age
                held.keep([slot for slot, entered in enumerate(held.entered) if entered > since])
        return self._held

    def _admit(self, update: Update) -> None:
        leaves, targets = update["leaves"], update["targets"]
        if "numbers" in update:
            every, critical, found = update["numbers"].read()
            rows = np.flatnonzero(critical).tolist()
            index, scores = [int(every[row]) for row in rows], found[rows].tolist()
        else:
            index, scores = update["index"].tolist(), update["scores"].tolist()
            rows = list(range(len(index)))
        if not self.capacity or not index:
            return
        held = self._held
        size = len(held.index)
        # Of an index that came twice, the last row counts.
        met = {sample: place for place, sample in enumerate(index)}
        source = list(range(size))
        for slot, sample in enumerate(held.index):
            place = met.pop(sample, None)
            if place is not None:
                held.scores[slot], source[slot] = scores[place], size + rows[place]
        new = sorted(met.values())[-self.capacity :]
        slots = self._staying(max(size + len(new) - self.capacity, 0))
        picked = [source[slot] for slot in slots] + [size + rows[place] for place in new]
        held.index = [held.index[slot] for slot in slots] + [index[place] for place in new]
        held.scores = [held.scores[slot] for slot in slots] + [scores[place] for place in new]
        held.entered = [held.entered[slot] for slot in slots] + [held.clock] * len(new)
        take = torch.tensor(picked).to(targets.device, non_blocking=True)
        if not held.leaves:
            held.leaves, held.targets = [leaf[:0] for leaf in leaves], targets[:0]
        held.targets = torch.cat([held.targets.to(targets), targets]).index_select(0, take)
        held.leaves = [
            torch.cat([old.to(leaf), leaf]).index_select(0, take)
            for old, leaf in zip(held.leaves, leaves, strict=True)
        ]

    def _staying(self, leaving: int) -> list[int]:
        """Slots that are left when so many leave."""
        held = self._held
        key = held.entered if self.evict == "oldest" else held.scores
        slots = range(len(key))
        first = sorted(slots, key=key.__getitem__, reverse=self.evict == "most_confident")
        gone = set(first[:leaving])
        return [slot for slot in slots if slot not in gone]

    def get_extra_state(self) -> dict[str, Any]:
        """Everything durable, as plain tensors and numbers."""
        held = self._settled()
        return {
            "leaves": list(held.leaves),
            "index": torch.tensor(held.index, dtype=torch.int64),
            "targets": held.targets,
            "scores": torch.tensor(held.scores, dtype=torch.float64),
            "entered": torch.tensor(held.entered, dtype=torch.int64),
            "clock": held.clock,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self.clear()
        held = self._held
        held.leaves = [leaf.clone() for leaf in state["leaves"]]
        held.targets = state["targets"].clone()
        held.index = state["index"].tolist()
        held.scores = state["scores"].tolist()
        held.entered = state["entered"].tolist()
        held.clock = int(state["clock"])

    def __getstate__(self) -> dict[str, Any]:
        self._settled()  # a copy on its way to the host cannot be copied or stored
        return dict(self.__dict__)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        held, device = self._settled(), fn(torch.empty(0)).device
        held.leaves = [leaf.to(device) for leaf in held.leaves]
        held.targets = held.targets.to(device)
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"capacity={self.capacity}, evict={self.evict!r}, max_age={self.max_age}"


def _of_own_class(scored: Scored) -> Tensor:
    """Score of every row's own critical class, ``(n,)``; of other rows it means nothing."""
    scores = scored.scores.detach()
    if scores.ndim == 2:
        own = torch.zeros_like(scores[:, 0])
        for column, number in enumerate(scored.task.critical):
            own = torch.where(scored.targets == number, scores[:, column], own)
        scores = own
    return scores
