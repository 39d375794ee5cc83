"""What every worker does: take a unit, claim it, do it, close it, until nothing is left."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from rarecall.errors import Interrupted, StorageError
from rarecall.work.claims import claimed
from rarecall.work.queue import AwayError, Unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rarecall.work.queue import Queue

_PAUSE = 0.5
_BETWEEN_RECOVERIES = 5.0

PATIENCE = 300.0
"""Seconds for which workers wait for a database that does not answer."""

U = TypeVar("U", bound=Unit)


class Left(Protocol[U]):
    """What is left to do, by the records on disk, so that every worker comes to the same list."""

    def todo(self) -> list[U]:
        """Units that can be done now and are not, those under way among them."""

    def complete(self) -> bool:
        """Whether nothing is left to do, now or later."""


def work_off(
    queue: Queue[U],
    left: Left[U],
    do: Callable[[U, Path], bool],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Do units until nothing is left, whoever else works on them.

    Args:
        queue: Says who does what.
        left: What is left.
        do: Does a unit in its folder, where it may be done already; False if it must be done
            again. What it raises ends the work, and the unit goes back.
        should_stop: Asked between two units.
        look: Called between two units, and every half second while others do what is left.

    Raises:
        Interrupted: ``should_stop`` was true; everything done is stored.
        StorageError: The queue's database did not answer for five minutes.
    """
    recovered, heard = float("-inf"), time.monotonic()
    while True:
        look()
        if should_stop():
            raise Interrupted("Stopped between two trainings; the same command goes on.")
        try:
            if time.monotonic() - recovered > _BETWEEN_RECOVERIES:
                queue.recover()
                recovered = time.monotonic()
            taken = queue.take()
            units = left.todo() if taken is None else []
            if taken is None and not units and left.complete():
                return
            filled = taken is None and queue.fill(units)
        except AwayError as error:
            _wait(queue, error, time.monotonic() - heard)
            continue
        if taken is not None:
            _do(queue, *taken, do)
        elif not filled:
            # Others do what is left, or what the next stage waits for.
            time.sleep(_PAUSE)
        heard = time.monotonic()


def _wait(queue: Queue[U], error: AwayError, silent: float) -> None:
    """Wait a moment for a database and look whether it is back, if it was not away for long."""
    if silent > PATIENCE:
        raise StorageError(
            f"{error} It was asked again for {PATIENCE / 60:g} minutes. What is done is stored; "
            "the same command goes on once the database answers."
        ) from error
    time.sleep(_PAUSE)
    # Emptied meanwhile, or its tables lost, it is filled anew.
    with suppress(StorageError):
        queue.open(times=1)


def _do(queue: Queue[U], number: int, unit: U, do: Callable[[U, Path], bool]) -> None:
    folder = unit.folder(queue.run)
    with claimed(folder) as mine:
        done = False
        try:
            if mine:
                done = do(unit, folder)
        finally:
            queue.close(number, 0.0 if done else None)
