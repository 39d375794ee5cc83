"""A worker of a comparison that several processes share; as a program, one in its own process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.comparison.events import Log
from rarecall.comparison.machine import torch_threads
from rarecall.comparison.material import load_samples
from rarecall.comparison.planning import make_plan
from rarecall.comparison.run_folder import RunFolder
from rarecall.comparison.runner import Runner
from rarecall.comparison.units_left import FAILURE, RESULT, Piece, UnitsLeft, WorkRecord
from rarecall.config import load_config
from rarecall.errors import (
    ConfigurationError,
    DataError,
    Interrupted,
    MetricError,
    RunError,
    StorageError,
)
from rarecall.training.devices_start import kept
from rarecall.work.loop import work_off
from rarecall.work.presence import Presence
from rarecall.work.processes import Child, serve
from rarecall.work.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from rarecall.comparison.events import Event
    from rarecall.comparison.planning import RunPlan

_ATTEMPTS = 2


class Worker:
    """Trains what is left of a run, as long as anything is.

    Args:
        plan: Of the run.
        folder: Of the run, begun already.
        record: What the run consists of.
        storage: Database of the queue, or None.
        log: Told of everything.
        should_stop: Asked between and within trainings.
        look: Called between two trainings.
    """

    def __init__(
        self,
        plan: RunPlan,
        folder: RunFolder,
        record: WorkRecord,
        *,
        storage: str | None = None,
        log: Callable[[Event], None],
        should_stop: Callable[[], bool],
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan, self.should_stop, self.look = plan, should_stop, look
        self.left = UnitsLeft(folder.root, record)
        self.queue = Queue(folder.root, record.study, Piece, RESULT, storage)
        self.presence = Presence(folder.root)
        self.runner = Runner(
            plan.material,
            plan.config,
            folder,
            log=log,
            should_stop=should_stop,
            units=len(self.left.all()),
            presence=self.presence,
        )
        self.learners = {learner.name: learner for learner in plan.learners}
        self._attempts: dict[Piece, int] = {}

    def work(self) -> None:
        """Work until nothing is left or a stop is asked for.

        A training that fails is closed, and the others go on; who assembles the results tells.

        Raises:
            Interrupted: ``should_stop`` was true; everything done is stored.
            StorageError: A file cannot be written.
        """
        with self.presence:
            work_off(self.queue, self.left, self._do, should_stop=self.should_stop, look=self._look)

    def _look(self) -> None:
        self.look()
        self.runner.units_left = len(self.left.all()) - len(self.left.done())

    def _do(self, piece: Piece, folder: Path) -> bool:
        if (folder / RESULT).exists():
            return True
        learner = self.learners[piece.method]
        trials = self.runner.trials(learner)
        before = piece.number if piece.kind == "trial" else self.plan.config.tune
        if (folder / FAILURE).exists() or len(trials) < before:
            return False
        try:
            self.runner.run(learner, piece.kind, piece.number, trials)
        except (Interrupted, DataError, StorageError, RunError):
            raise
        except (ConfigurationError, MetricError, ValueError, RuntimeError, MemoryError) as error:
            sure = isinstance(error, (ConfigurationError, MetricError))
            self._attempts[piece] = self._attempts.get(piece, 0) + 1
            if sure or self._attempts[piece] >= _ATTEMPTS:
                self.left.fail(piece, error)
            return False
        return True


def start_child(
    plan: RunPlan, folder: RunFolder, number: int, *, storage: str | None = None
) -> Child:
    """Start a worker in a process of its own, which reads the data again.

    Args:
        plan: Of the run.
        folder: Of the run, begun already.
        number: Of the worker, from 0.
        storage: Database of the queue, or None.
    """
    # What may differ from one machine to another.
    options = {"data": plan.config.data, "devices": plan.config.devices}
    return Child(
        "rarecall.comparison.worker",
        {"folder": str(folder.root), "storage": storage, "options": options},
        folder / "workers" / f"{os.getpid()}-{number}.log",
        threads=plan.threads,
        device=plan.config.device,
        devices=plan.config.devices,
        number=number,
    )


def _work(told: dict[str, Any], should_stop: Callable[[], bool]) -> None:
    folder = RunFolder(told["folder"])
    config = load_config({**folder.stored_config(), **told["options"]})
    plan = make_plan(config, load_samples(config), folder)
    with torch_threads(plan.threads), folder.locked(shared=True), kept():
        worker = Worker(
            plan,
            folder,
            WorkRecord.read(folder.root),
            storage=told["storage"],
            log=lambda event: None,
            should_stop=should_stop,
        )
        # Each its own: lines of several machines in one file would run into each other.
        worker.runner.log = Log(worker.presence.path.with_suffix(".jsonl"))
        worker.work()


if __name__ == "__main__":
    raise SystemExit(serve(_work))
