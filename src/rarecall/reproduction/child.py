"""Workers of a reproduction: in this process, or each in one of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.comparison.machine import torch_threads
from rarecall.reproduction.run_folder import Begun, opened
from rarecall.reproduction.ways import Ways
from rarecall.reproduction.worker import Events, Tally, Worker
from rarecall.work.processes import Child, serve

if TYPE_CHECKING:
    from collections.abc import Callable


def start_worker(
    begun: Begun, ways: Ways, should_stop: Callable[[], bool], events: Events
) -> Tally:
    """Work in this process until nothing is left; errors are those of :class:`Worker`."""
    with torch_threads(ways.threads_each):
        return Worker(
            begun.plan,
            begun.folder,
            begun.study,
            root=ways.data_root,
            url=ways.storage,
            device=ways.device,
            threads=ways.threads_each,
            should_stop=should_stop,
            events=events,
        ).work()


def start_child(folder: Path, ways: Ways, number: int) -> Child:
    """Start a worker in a process of its own.

    Args:
        folder: Of the run, which is begun already.
        ways: How it works.
        number: Of the worker, from 0.
    """
    return Child(
        "rarecall.reproduction.child",
        {"folder": str(folder), "ways": ways.to_json()},
        folder / "workers" / f"{os.getpid()}-{number}.log",
        threads=ways.threads_each,
        device=ways.device,
        number=number,
    )


def _work(told: dict[str, Any], should_stop: Callable[[], bool]) -> None:
    begun, ways = opened(Path(told["folder"])), Ways.of(told["ways"])
    start_worker(begun, ways, should_stop, Events())


if __name__ == "__main__":
    raise SystemExit(serve(_work))
