"""A worker: takes units from the queue, trains them and writes their records, until all is done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rarecall.errors import (
    ConfigurationError,
    DataError,
    Interrupted,
    MetricError,
    RunError,
    StorageError,
)
from rarecall.reproduction.grounds import Grounds
from rarecall.reproduction.helping import easy_scores
from rarecall.reproduction.records import RECORD, read_record, write_failure, write_record
from rarecall.reproduction.searching import Work
from rarecall.reproduction.training import Job, Trainer
from rarecall.reproduction.units import Unit
from rarecall.training import CHECKPOINT_NAME
from rarecall.work.loop import work_off
from rarecall.work.presence import Presence
from rarecall.work.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rarecall.reproduction.plan import Plan
    from rarecall.training import EpochRecord

_ATTEMPTS = 2


@dataclass
class Tally:
    """What a worker did.

    Attributes:
        done: Units trained.
        failed: Units closed as failed.
        seconds: Spent.
    """

    done: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass
class Events:
    """Whom a worker tells; every function may be left as it is.

    Attributes:
        began: Called with a unit.
        epoch: Called with a unit and the record of an evaluation.
        ended: Called with a unit and its record.
    """

    began: Callable[[Unit], None] = field(default=lambda unit: None)
    epoch: Callable[[Unit, EpochRecord], None] = field(default=lambda unit, record: None)
    ended: Callable[[Unit, dict[str, Any]], None] = field(default=lambda unit, record: None)


class Worker:
    """Trains the units of a run, as many as there are and time allows.

    Args:
        plan: Of the run.
        run: The run folder.
        study: Name of the queue's study.
        root: Folder of the data sets, or None.
        url: Database of the queue, or None.
        device: As of :class:`~rarecall.training.TrainSettings`.
        threads: Likewise.
        should_stop: Asked often; true ends the work at a safe place.
        events: Whom to tell.
    """

    def __init__(
        self,
        plan: Plan,
        run: Path,
        study: str,
        *,
        root: Path | None = None,
        url: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        events: Events | None = None,
    ) -> None:
        self.plan, self.run, self.should_stop = plan, run, should_stop
        self.events = events or Events()
        self.work_left = Work(plan, run)
        self.grounds = Grounds(
            plan,
            root,
            run,
            lambda setting, split, pools: easy_scores(
                plan,
                setting,
                split,
                pools,
                run,
                device=device,
                threads=threads,
                should_stop=should_stop,
            ),
        )
        self.trainer = Trainer(plan, device=device, threads=threads)
        self.queue = Queue(run, study, Unit, RECORD, url)
        self.presence = Presence(run)
        self.tally = Tally()
        self._attempts: dict[str, int] = {}

    def work(self) -> Tally:
        """Work until nothing is left or a stop is asked for.

        Raises:
            DataError: The data is missing, or other than the run's.
            StorageError: A file cannot be written.
            Interrupted: A stop was asked for; everything done is stored.
        """
        began = time.monotonic()
        try:
            with self.presence:
                work_off(self.queue, self.work_left, self._do, should_stop=self.should_stop)
        finally:
            self.tally.seconds = time.monotonic() - began
        return self.tally

    def _do(self, unit: Unit, folder: Path) -> bool:
        record = read_record(folder)
        if record is None:
            self.presence.tell(unit=str(unit))
            try:
                record = self._train(unit)
            finally:
                self.presence.tell(unit=None)
        if record is not None:
            self.events.ended(unit, record)
        return record is not None

    def _epoch(self, unit: Unit, told: EpochRecord) -> None:
        self.presence.tell(unit=str(unit), step=told.step, steps=told.steps)
        self.events.epoch(unit, told)

    def _train(self, unit: Unit) -> dict[str, Any] | None:
        folder, method = unit.folder(self.run), self.plan.row(unit.row).method
        self.events.began(unit)
        try:
            ground = self.grounds.ground(unit.setting, unit.split, unit.member)
            self.grounds.remember(unit.setting)
            job = Job(
                unit,
                ground,
                folder,
                on_epoch=lambda told: self._epoch(unit, told),
                should_stop=self.should_stop,
            )
            trained = self.trainer.train(job)
        except (Interrupted, DataError, StorageError, RunError):
            raise
        except (ConfigurationError, MetricError, ValueError, RuntimeError, MemoryError) as error:
            # A training that diverges or does not fit says so in the table; the others go on.
            sure = isinstance(error, (ConfigurationError, MetricError))
            self._attempts[unit.name] = self._attempts.get(unit.name, 0) + 1
            if not sure and self._attempts[unit.name] < _ATTEMPTS:
                return None
            write_failure(folder, unit, method, f"{type(error).__name__}: {error}")
            self.tally.failed += 1
        else:
            fingerprint = self.grounds.pools(unit.setting).fingerprint
            write_record(folder, method, job, trained, fingerprint)
            (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
            self.tally.done += 1
        return read_record(folder)
