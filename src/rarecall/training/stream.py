"""Which rows make up the batch of a step: a pure function of the seed and the step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Passes:
    """An endless sequence of shuffled passes over ``n`` things, read by position.

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
        self._orders: dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}

    def read(self, start: int, stop: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Give the entries from position ``start`` up to ``stop`` (exclusive, > start)."""
        first, last = start // self._n, (stop - 1) // self._n
        for gone in [number for number in self._orders if number < first]:
            del self._orders[gone]
        for number in range(first, last + 1):
            if number not in self._orders:
                random = np.random.default_rng([*self._seed, number])
                self._orders[number] = random.permutation(self._n)
        rows = np.concatenate([self._orders[number] for number in range(first, last + 1)])
        return rows[start - first * self._n : stop - first * self._n]


class RowStream:
    """Batches of one constant size from shuffled passes over the rows, cut across passes.

    A resumed run needs no stored state: the rows of any step follow from the seed.

    Args:
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        size: Rows a batch, >= 1.
        seed: Fixes the order, >= 0.
        balanced: Whether half of every batch (rounded down, one at least) is critical rows.

    >>> stream = RowStream(torch.tensor([0, 0, 0, 0, 0, 1]), 4, seed=0, balanced=True)
    >>> rows = stream.rows(step=7)
    >>> (rows == 5).sum()
    tensor(2)
    """

    def __init__(self, targets: Tensor, size: int, *, seed: int, balanced: bool = False) -> None:
        self._parts: list[tuple[Passes, np.ndarray[tuple[int], np.dtype[np.int64]], int]] = []
        labels = targets.cpu().numpy()
        if balanced:
            critical = min(max(size // 2, 1), size)
            self._add(np.flatnonzero(labels == 1), critical, seed, 1)
            self._add(np.flatnonzero(labels != 1), size - critical, seed, 0)
        else:
            self._add(np.arange(len(labels)), size, seed, 2)

    def _add(
        self, members: np.ndarray[tuple[int], np.dtype[np.int64]], size: int, *seed: int
    ) -> None:
        if size:
            self._parts.append((Passes(len(members), *seed), members, size))

    def rows(self, step: int) -> Tensor:
        """Give the rows of a step (counted from 0), int64, shape ``(size,)``."""
        picked = [
            members[passes.read(step * size, (step + 1) * size)]
            for passes, members, size in self._parts
        ]
        return torch.from_numpy(np.concatenate(picked))
