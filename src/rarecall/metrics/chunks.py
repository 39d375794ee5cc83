"""Scores that come in chunks, checked chunk by chunk and parted by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.inputs import binary_targets, checked_scores

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Chunk: TypeAlias = "tuple[ArrayLike, ArrayLike]"
Chunks: TypeAlias = "Iterable[Chunk] | Callable[[], Iterable[Chunk]]"


@dataclass(frozen=True, eq=False)
class ArrayChunks:
    """Scores and targets in chunks, as often as they are asked for.

    Made for arrays that lie on disk, as of ``np.load(path, mmap_mode="r")``: a chunk is read when
    its turn comes.

    Attributes:
        scores: Shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        rows: Of a chunk, at least 1.

    Raises:
        MetricError: Scores and targets differ in shape.
        ConfigurationError: A chunk of no rows.

    >>> [len(scores) for scores, _ in ArrayChunks(np.arange(5.0), np.zeros(5), rows=2)]
    [2, 2, 1]
    """

    scores: NDArray[Any]
    targets: NDArray[Any]
    rows: int = 2**18

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ConfigurationError(f"A chunk needs at least one row, not {self.rows}.")
        if np.shape(self.scores) != np.shape(self.targets):
            raise MetricError(
                f"scores {np.shape(self.scores)} and targets {np.shape(self.targets)} must have "
                "the same shape, (n,)."
            )

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for start in range(0, len(self.scores), self.rows):
            stop = start + self.rows
            yield self.scores[start:stop], self.targets[start:stop]


def parted(chunks: Chunks) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Check every chunk; give its critical samples' scores and the others'.

    Raises:
        MetricError: A chunk that cannot be used; the message counts chunks from 0.

    >>> next(parted([([0.5, 0.1], [1, 0])]))
    (array([0.5]), array([0.1]))
    """
    for number, chunk in enumerate(chunks() if callable(chunks) else chunks):
        try:
            scores, targets = chunk
        except (TypeError, ValueError) as error:
            raise MetricError(
                f"Chunk {number} must be a pair, (scores, targets): {error}."
            ) from error
        try:
            values = checked_scores(scores)
            critical = binary_targets(targets, len(values))
        except MetricError as error:
            raise MetricError(f"Chunk {number}: {error}") from error
        yield values[critical], values[~critical]


def refuse_used_up(chunks: Chunks) -> None:
    """Refuse an iterator where several passes are needed.

    Raises:
        MetricError: It is one.
    """
    if not callable(chunks) and isinstance(chunks, Iterator):
        raise MetricError(
            "The chunks are read more than once, but an iterator is used up by the first pass. "
            "Give the function that makes it, or a list."
        )


def refuse_changed(before: tuple[int, int], now: tuple[int, int]) -> None:
    """Refuse passes that counted differently, critical samples first.

    Raises:
        MetricError: They did.
    """
    if before != now:
        raise MetricError(
            f"The chunks held {before[0]} critical and {before[1]} other samples in the first "
            f"pass, but {now[0]} and {now[1]} in a later one. They must be the same whenever they "
            "are read; a function must start anew when it is called again."
        )
