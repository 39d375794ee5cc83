"""A sampler of batches with a guaranteed number of critical samples, for any data loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from rarecall.data.streams import RowStream, positives_of
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class BalancedSampler(Sampler[list[int]]):
    """Batches with a guaranteed number of critical samples, for any ``DataLoader``.

    Give it as ``batch_sampler``, and its :attr:`stream` to ``bind``, so that losses which weigh
    the classes know the shares that they really see. Batches do not end with a pass over the
    data: they all have one size, and every sample of a class comes equally often.

    In a distributed job give every process its ``rank``: they deal the batches of one joint stream
    among them. The order is a function of the seed and the batch's number alone; what has to be
    saved is that number.

    Args:
        targets: 1 for the critical class and 0 otherwise, or class numbers, shape ``(n,)``.
        batch_size: Samples a batch and process, >= 2.
        share: Share of critical samples in a batch, in (0, 1), rounded down to whole samples.
        count: Their number instead of ``share``, from 1 to ``batch_size - 1``.
        critical: In multi-class work the class or classes that must not be missed; they take
            equal parts of the share. None for binary targets.
        seed: Fixes the order, >= 0.
        batches: Batches an epoch and process; by default as many as the samples would fill.
        rank: Number of this process, from 0.
        world_size: Number of processes.

    Raises:
        ValueError: An argument is out of its range, or a class has no sample.

    >>> sampler = BalancedSampler(torch.tensor([0] * 12 + [1] * 2), batch_size=4, share=0.25)
    >>> [sum(row >= 12 for row in batch) for batch in sampler], sampler.stream
    ([1, 1, 1], tensor([0.7500, 0.2500], dtype=torch.float64))
    """

    def __init__(
        self,
        targets: Any,
        batch_size: int,
        *,
        share: float = 0.5,
        count: int | None = None,
        critical: int | Sequence[int] | None = None,
        seed: int = 0,
        batches: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        labels = torch.as_tensor(targets)
        if labels.ndim != 1 or labels.dtype.is_floating_point:
            raise ValueError(
                "BalancedSampler needs one whole number a sample, 1 for critical or the class; "
                f"got {labels.dtype} of shape {tuple(labels.shape)}."
            )
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to {world_size - 1}, not {rank}.")
        task = BINARY
        if critical is not None:
            numbers = (critical,) if isinstance(critical, int) else tuple(critical)
            task = Task("multiclass", int(labels.max()) + 1, numbers)
        elif int(labels.max()) > 1:
            raise ValueError(
                "The targets hold more than two classes: name those that must not be missed, "
                "critical=9 or critical=(8, 9)."
            )
        positives = positives_of(batch_size, share) if count is None else count
        self._rows = RowStream(labels, batch_size, seed=seed, positives=positives, task=task)
        self._batches = max(len(labels) // (batch_size * world_size), 1)
        if batches is not None:
            if batches < 1:
                raise ValueError(f"An epoch has one batch or more, not {batches}.")
            self._batches = batches
        self._rank, self._world_size = rank, world_size
        self._drawn = 0

    @property
    def stream(self) -> Tensor:
        """Shares of the classes in the batches, float64, shape ``(C,)``; for ``bind``."""
        shares = self._rows.shares
        assert shares is not None  # positives are always set here
        return shares

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[list[int]]:
        # To the end of the epoch: the rest of one, after a resume in its midst.
        for _ in range(self._batches - self._drawn % self._batches):
            number = self._drawn * self._world_size + self._rank
            self._drawn += 1
            yield self._rows.rows(number).tolist()

    def state_dict(self, used: int | None = None) -> dict[str, int]:
        """Give what a checkpoint has to hold.

        Args:
            used: Batches that this process has trained on since the very start. Needed with
                ``num_workers > 0``, where the loader draws ahead; None for all drawn ones.
        """
        return {"drawn": self._drawn if used is None else used}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that :meth:`state_dict` counted."""
        self._drawn = int(state["drawn"])
