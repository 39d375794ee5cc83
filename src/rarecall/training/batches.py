"""The batch of a step: its rows gathered, changed and blended, all of them or a process's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.data.streams import critical_rows
from rarecall.training.ahead import Ahead, placed, takes_time
from rarecall.training.augment import make_augmentation
from rarecall.training.augment_change import ALL, Made
from rarecall.training.blending import Blending, blend, check_blend

if TYPE_CHECKING:
    from rarecall.data import ArrayDataset
    from rarecall.data.streams import RowStream
    from rarecall.objective import Batch
    from rarecall.task import Task
    from rarecall.training.settings import TrainSettings


class Batches:
    """Makes the batches of a training.

    Everything is drawn for the whole batch, from the global random state, and done to the rows
    that are wanted: parts made by several processes are those of the whole, to the bit.

    Args:
        train_set: Moved to the device where it fits there.
        stream: Says which rows a step has.
        device: Where batches are to lie.
        settings: Names the augmentation, and the noise of a table's numbers.
        blend: As in :class:`~rarecall.training.Technique`.
        task: Says which rows are critical.

    Raises:
        ConfigurationError: The augmentation is not made for these inputs, or there is nothing to
            blend.
    """

    def __init__(
        self,
        train_set: ArrayDataset,
        stream: RowStream,
        *,
        device: torch.device,
        settings: TrainSettings,
        blend: float | None,
        task: Task,
    ) -> None:
        self.stream, self.device, self.task = stream, device, task
        self.train_set = placed(train_set, device)
        if blend is not None:
            check_blend(train_set.inputs)
        self.blend = blend
        self.augmentation = make_augmentation(
            self.train_set.inputs, settings.augment, settings.input_noise
        )
        self.ahead = Ahead(self._read) if takes_time(self.train_set, device) else None
        self._critical: Tensor | None = None

    def of(self, step: int, own: slice | None = None, *, then: int | None = None) -> Batch:
        """Make the batch of a step; all its draws come from the global random state.

        Args:
            step: Counted from 0.
            own: Which of its rows are wanted, a part of ``slice(0, stream.size)``; None for all.
            then: The step whose batch, of the same ``own``, is to follow; its rows are gathered
                meanwhile where that takes time.
        """
        rows = self.stream.rows(step)
        wanted = rows if own is None else rows[own]
        batch = self._gathered(wanted)
        if then is not None and (own is None or self.blend is None):
            self.ask(then, own)
        made: Made | None = None
        if self.augmentation is not None:
            made = self.augmentation.draw(batch.inputs, len(rows))
            inputs = made(batch.inputs, ALL if own is None else own)
            batch = batch._replace(inputs=inputs)
        if self.blend is not None:
            batch = batch._replace(inputs=self._blended(batch, rows, own, made))
            if then is not None and own is not None:
                # Only now: the one thread also gathers what is laid over the own rows.
                self.ask(then, own)
        return batch

    def ask(self, step: int, own: slice | None = None) -> None:
        """Let the rows of a step be gathered meanwhile, where that takes time."""
        if self.ahead is not None:
            rows = self.stream.rows(step)
            self.ahead.ask(rows if own is None else rows[own])

    def close(self) -> None:
        """End the thread that gathers, if there is one."""
        if self.ahead is not None:
            self.ahead.close()

    # Rows -------------------------------------------------------------------------------------

    def _gathered(self, rows: Tensor) -> Batch:
        """Give rows on the device.

        Their index stays on the host, where a buffer of positives reads it without waiting.
        """
        if self.ahead is None:
            return self._read(rows)._replace(index=rows)
        batch = self.ahead.take(rows)
        inputs = pytree.tree_map(self._there, batch.inputs)
        return type(batch)(inputs, self._there(batch.targets), rows)

    def _read(self, rows: Tensor) -> Batch:
        there = rows.to(self.train_set.targets.device, non_blocking=True)
        batch = self.train_set.gather(there)
        if self.ahead is None or self.device.type != "cuda":
            return batch
        return type(batch)(pytree.tree_map(_pinned, batch.inputs), _pinned(batch.targets), rows)

    def _there(self, leaf: Tensor) -> Tensor:
        return leaf.to(self.device, non_blocking=self.device.type == "cuda")

    # Blending ---------------------------------------------------------------------------------

    def _blended(self, batch: Batch, rows: Tensor, own: slice | None, made: Made | None) -> Any:
        assert self.blend is not None  # the caller has asked
        if own is None:
            critical = critical_rows(batch.targets, self.task)
            return blend(batch.inputs, critical, amount=self.blend)
        known = self._known_critical()[rows]
        drawn = Blending(known.to(self.device, non_blocking=True), amount=self.blend)
        # How many there are is known on the host: a graphics processor is not awaited.
        places = torch.nonzero(known[own]).squeeze(1)
        if not len(places):
            return batch.inputs
        there = places.to(self.device, non_blocking=True)
        others = drawn.other[there + own.start]
        # Where rows lie on the host, a graphics processor is awaited, before it has work to do.
        at = self.train_set.targets.device
        over = self._gathered(rows.to(at, non_blocking=True)[others.to(at)]).inputs
        if made is not None:
            over = made(over, others)
        return drawn.laid(batch.inputs, there, over, there + own.start)

    def _known_critical(self) -> Tensor:
        if self._critical is None:
            self._critical = critical_rows(self.train_set.targets, self.task).cpu()
        return self._critical


def _pinned(leaf: Tensor) -> Tensor:
    # From such memory a copy to a graphics processor makes nobody wait.
    return leaf.pin_memory() if leaf.device.type == "cpu" else leaf
