"""The k-th largest of more numbers than memory holds, narrowed down from pass to pass.

A finite float64 maps to an unsigned integer of the same order, its key. A pass looks at the keys
within a window: it holds what lies there as long as it fits, and else counts the critical samples
in 2**20 bins, one of which is the next window. Four windows settle the 64 bits of a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rarecall.metrics.chunks import parted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.metrics.chunks import Chunks

_BITS = 20
_SIGN = np.uint64(1 << 63)
_LARGEST = (1 << 64) - 1


@dataclass(frozen=True)
class Window:
    """Keys between which the threshold lies, both included; all of them at first.

    >>> Window().shift, Window(0, 2**44 - 1).shift, Window(7, 7).shift
    (44, 24, 0)
    """

    low: int = 0
    high: int = _LARGEST

    @property
    def shift(self) -> int:
        """How far the keys within are shifted to give the numbers of their bins."""
        return max((self.high - self.low).bit_length() - _BITS, 0)


@dataclass
class Held:
    """Scores of a class within the window, as long as they fit into memory."""

    memory: int
    size: int = 0
    parts: list[NDArray[np.float64]] | None = field(default_factory=list)

    def add(self, part: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Hold the part; give what must be let go, this part among it, where all is too much."""
        self.size += len(part)
        before, fits = self.parts, self.size <= self.memory
        if before is not None and fits:
            before.append(part)
            return []
        self.parts = None
        return [*(before or []), part]

    @property
    def values(self) -> NDArray[np.float64] | None:
        """All of them, or None where they did not fit."""
        return None if self.parts is None else np.concatenate([np.zeros(0), *self.parts])


@dataclass
class Survey:
    """What one pass saw: of the critical samples and of the others, in this order.

    Attributes:
        window: Where it looked.
        within: Scores in the window.
        above: How many lie above it.
        total: How many there are.
        bins: Critical samples in every bin of the window, once they did not fit.
    """

    window: Window
    within: tuple[Held, Held]
    above: list[int] = field(default_factory=lambda: [0, 0])
    total: list[int] = field(default_factory=lambda: [0, 0])
    bins: NDArray[np.int64] | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """All samples of both classes."""
        return self.total[0], self.total[1]

    def threshold(self, wanted: int) -> float | None:
        """Give the so-many-th largest critical score, if this pass tells it."""
        values, rank = self.within[0].values, wanted - self.above[0]
        if values is not None:
            place = len(values) - rank
            return float(np.partition(values, place)[place])
        if self.window.low == self.window.high:
            return _number(self.window.low)
        return None

    def flagged(self, threshold: float) -> tuple[int, int] | None:
        """Count both classes from a threshold within the window upwards, if this pass tells it."""
        found = []
        for held, above in zip(self.within, self.above, strict=True):
            values = held.values
            if self.window.low == self.window.high:  # all of them are the threshold
                found.append(above + held.size)
            elif values is None:
                return None
            else:
                found.append(above + int(np.count_nonzero(values >= threshold)))
        return found[0], found[1]

    def narrowed(self, wanted: int) -> Window:
        """Find the bin of the so-many-th largest critical score."""
        assert self.bins is not None
        from_above = self.above[0] + np.cumsum(self.bins[::-1])
        number = len(self.bins) - 1 - int(np.argmax(from_above >= wanted))
        low = self.window.low + (number << self.window.shift)
        return Window(low, low + (1 << self.window.shift) - 1)


def survey(chunks: Chunks, window: Window, memory: int) -> Survey:
    """Read all chunks once.

    Args:
        chunks: Of scores and targets.
        window: Where the threshold is known to lie.
        memory: Scores of a class that may be held.

    Raises:
        MetricError: A chunk that cannot be used.
    """
    seen = Survey(window, (Held(memory), Held(memory)))
    whole = window == Window()
    low, high = np.uint64(window.low), np.uint64(window.high)
    for parts in parted(chunks):
        for k, part in enumerate(parts):
            seen.total[k] += len(part)
            inside = part
            if not whole:
                keys = _keys(part)
                seen.above[k] += int(np.count_nonzero(keys > high))
                inside = part[(keys >= low) & (keys <= high)]
            gone = seen.within[k].add(inside)
            if k == 0 and gone:
                if seen.bins is None:
                    seen.bins = np.zeros(2**_BITS, dtype=np.int64)
                for values in gone:
                    seen.bins += _binned(values, window)
    return seen


def _binned(values: NDArray[np.float64], window: Window) -> NDArray[np.int64]:
    within = (_keys(values) - np.uint64(window.low)) >> np.uint64(window.shift)
    return np.bincount(within.astype(np.int64), minlength=2**_BITS)


def _keys(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Map numbers to unsigned integers of the same order."""
    # Adding 0 makes one zero of two.
    bits = (values + 0.0).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _number(key: int) -> float:
    bits = key ^ int(_SIGN) if key & int(_SIGN) else key ^ _LARGEST
    return float(np.uint64(bits).view(np.float64))
