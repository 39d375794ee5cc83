"""Which rows make up the batch of a step: pure functions of the seed and the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rarecall.errors import ConfigurationError
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Kept = NDArray[np.signedinteger[Any]]


class Passes:
    """An endless sequence of shuffled passes over ``n`` things, read by position.

    It keeps the order of the pass that is being read, 4 bytes a thing (8 from 2^31 on), and of
    two passes only while a batch is cut from both.

    Args:
        n: How many things, >= 1.
        seed: Numbers >= 0 that fix the order.

    >>> passes = Passes(4, 0)
    >>> sorted(passes.read(0, 4).tolist()), sorted(passes.read(4, 8).tolist())
    ([0, 1, 2, 3], [0, 1, 2, 3])
    >>> passes.read(2, 6).tolist() == passes.read(0, 8).tolist()[2:6]
    True
    """

    def __init__(self, n: int, *seed: int) -> None:
        self._n = n
        self._seed = seed
        self._orders: dict[int, Kept] = {}

    def read(self, start: int, stop: int) -> Rows:
        """Give the entries from position ``start`` up to ``stop`` (exclusive)."""
        if stop <= start:
            return np.zeros(0, dtype=np.int64)
        first, last = start // self._n, (stop - 1) // self._n
        for gone in [number for number in self._orders if number < first]:
            del self._orders[gone]
        parts = []
        for number in range(first, last + 1):
            if number not in self._orders:
                order = np.arange(self._n, dtype=_narrowest(self._n))
                np.random.default_rng([*self._seed, number]).shuffle(order)
                self._orders[number] = order
            begin = number * self._n
            # Cut first: a whole pass is copied in no step.
            parts.append(self._orders[number][max(start - begin, 0) : stop - begin])
        return np.concatenate(parts, dtype=np.int64)


def _narrowest(n: int) -> np.dtype[np.signedinteger[Any]]:
    return np.dtype(np.int32 if n <= np.iinfo(np.int32).max else np.int64)


def critical_rows(targets: Tensor, task: Task) -> Tensor:
    """Tell which rows are of a critical class, or have any label, bool ``(n,)``.

    >>> critical_rows(torch.tensor([0, 2, 1]), Task("multiclass", 3, (1, 2)))
    tensor([False,  True,  True])
    """
    if task.kind == "multilabel":
        return (targets == 1).any(dim=1)
    # Number by number: a tensor of the numbers would have to travel to the device in every step.
    found = targets == task.critical[0]
    for number in task.critical[1:]:
        found = found | (targets == number)
    return found


def positives_of(size: int, share: float) -> int:
    """How many of ``size`` rows are critical: the share rounded down, but one of each side.

    Raises:
        ConfigurationError: The share is not between 0 and 1, or the batch too small.

    >>> positives_of(9, 0.5), positives_of(8, 0.01), positives_of(8, 0.99)
    (4, 1, 7)
    """
    if not 0 < share < 1:
        raise ConfigurationError(
            f"The share of critical samples in a batch lies between 0 and 1, not {share!r}."
        )
    if size < 2:
        raise ConfigurationError(
            "A balanced batch needs room for a critical and another new row, but has room for "
            f"{size}. Choose a larger batch_size."
        )
    return min(max(int(size * share + 1e-9), 1), size - 1)


class RowStream:
    """Batches of one constant size from shuffled passes over the rows, cut across passes.

    A resumed run needs no stored state: the rows of any step follow from the seed. With
    ``positives`` every batch holds that many critical rows. Several critical classes take equal
    parts of them, in turn, however rare each is, since none of them must be missed; the other
    classes keep their proportions. Every row of a class comes equally often.

    Args:
        targets: 1 for the critical class and 0 otherwise, or class numbers, shape ``(n,)``; with
            ``positives=None`` anything with ``n`` rows.
        size: Rows a batch, >= 1.
        seed: Fixes the order, >= 0.
        positives: Critical rows in every batch, from 1 to ``size - 1``; None draws all rows alike.
        task: The kind of problem, which names the critical classes.

    Raises:
        ConfigurationError: ``positives`` leaves no room for others, or in multi-label work, where
            a row can be critical for one label and not for the next.

    >>> stream = RowStream(torch.tensor([0, 0, 0, 0, 0, 1]), 4, seed=0, positives=2)
    >>> rows = stream.rows(step=7)
    >>> (rows == 5).sum(), stream.shares
    (tensor(2), tensor([0.5000, 0.5000], dtype=torch.float64))
    """

    def __init__(
        self,
        targets: Tensor,
        size: int,
        *,
        seed: int,
        positives: int | None = None,
        task: Task = BINARY,
    ) -> None:
        self.size = size
        self.positives = positives
        # None where positions are the rows themselves.
        self._classes: list[Kept | None] = [None]
        self._passes = [Passes(len(targets), seed, 2)]
        self._shares: Tensor | None = None
        if positives is None:
            return
        if task.kind == "multilabel":
            raise ConfigurationError(
                "Batches cannot be balanced in multi-label work: a row can be critical for one "
                "label and not for the next. Weigh the labels in the loss instead."
            )
        if not 0 < positives < size:
            raise ConfigurationError(
                f"A batch of {size} rows cannot hold {positives} critical ones: at least one, and "
                "room for another row."
            )
        labels, kept = targets.cpu().numpy(), _narrowest(len(targets))
        critical = [np.flatnonzero(labels == number).astype(kept) for number in task.critical]
        others = np.flatnonzero(~np.isin(labels, task.critical)).astype(kept)
        empty = [n for n, rows in zip(task.critical, critical, strict=True) if not len(rows)]
        if empty or not len(others):
            missing = (
                f"of the critical class {empty[0]}" if empty else "outside the critical classes"
            )
            raise ConfigurationError(f"No training row is {missing}, so none can be drawn.")
        self._classes = [others, *critical]
        self._passes = [
            Passes(len(others), seed, 0),
            Passes(len(critical[0]), seed, 1),
            *(Passes(len(rows), seed, 3 + k) for k, rows in enumerate(critical[1:])),
        ]
        counts = [np.count_nonzero(labels == number) for number in range(task.classes)]
        shares = np.array(counts, dtype=np.float64)
        shares[list(task.critical)] = 0
        shares *= (size - positives) / size / shares.sum()
        shares[list(task.critical)] = positives / size / len(critical)
        self._shares = torch.from_numpy(shares)

    @property
    def shares(self) -> Tensor | None:
        """Shares of the classes in the batches, float64 ``(C,)``; None where as in the data."""
        return self._shares

    def rows(self, step: int) -> Tensor:
        """Give the rows of a step (counted from 0), int64, shape ``(size,)``."""
        if self.positives is None:
            return torch.from_numpy(self._read(0, step * self.size, (step + 1) * self.size))
        first, last = step * self.positives, (step + 1) * self.positives
        # The positives' places, counted over all steps, go to the critical classes in turn.
        turns = len(self._classes) - 1
        picked = [
            self._read(1 + turn, -((turn - first) // turns), -((turn - last) // turns))
            for turn in range(turns)
        ]
        rest = self.size - self.positives
        picked.append(self._read(0, step * rest, (step + 1) * rest))
        return torch.from_numpy(np.concatenate(picked))

    def _read(self, which: int, start: int, stop: int) -> Rows:
        places, rows = self._passes[which].read(start, stop), self._classes[which]
        return places if rows is None else rows[places].astype(np.int64)
