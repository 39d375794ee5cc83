"""What a helper does: it trains its part of every batch until the first process lets it go.

``python -m rarecall.training.devices_help ADDRESS PORT COUNT RANK`` is one; it is started by
:func:`rarecall.training.devices_start.team_of` and is of no use by itself.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from torch._C._distributed_c10d import TCPStore

from rarecall.errors import Interrupted
from rarecall.training.devices import Team, connection_lost
from rarecall.training.devices_run import JointRun, follow_training
from rarecall.training.devices_words import put

if TYPE_CHECKING:
    from collections.abc import Callable


def helping(team: Team, asked: Callable[[], bool]) -> None:
    """Train with the leader until it says that all is over.

    Args:
        team: This process is a helper in it.
        asked: Whether this process was asked to stop, which stops all.
    """
    try:
        while (job := team.job()) is not None:
            arguments, train_set = job
            _one(team, arguments, train_set, asked)
    except BaseException as error:
        # What lost another process is not what failed.
        if not connection_lost(error):
            with suppress(RuntimeError):
                team.failed(error)
        raise


def _one(team: Team, arguments: dict[str, Any], train_set: Any, asked: Callable[[], bool]) -> None:
    state = arguments.pop("state")
    run = JointRun(
        team,
        arguments.pop("network"),
        arguments.pop("objective"),
        train_set,
        # Of the validation rows it has its part of the inputs only: the leader measures.
        train_set,
        measure=SimpleNamespace(name=""),
        folder=None,
        **arguments,
    )
    try:
        follow_training(run, state, asked)
    except Interrupted:
        return


def main() -> None:
    """Help the process that started this one; leaves without a word."""
    import signal

    stopped: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    address, port, count, rank = sys.argv[1], *map(int, sys.argv[2:5])
    store = TCPStore(address, port, None, False, timedelta(minutes=5))
    put(store, f"ready/{rank}")
    while not store.check(["go"]):
        time.sleep(0.01)
    code = 1
    try:
        helping(Team(rank, count, rank, store), lambda: bool(stopped))
        code = 0
    finally:
        # Nothing here is worth the risk of an abort in what would follow.
        os._exit(code)


if __name__ == "__main__":
    main()
