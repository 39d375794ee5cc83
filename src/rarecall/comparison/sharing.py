"""A comparison that several processes and machines share: begun, worked off, assembled."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.comparison.events import UnitEnded, unit_ended
from rarecall.comparison.finishing import finish, finished
from rarecall.comparison.planning import make_plan, store_plan
from rarecall.comparison.run_folder import BEGINNING, read_result
from rarecall.comparison.runner import Runner
from rarecall.comparison.units_left import Piece, UnitsLeft
from rarecall.comparison.worker import Worker, start_child
from rarecall.errors import ConfigurationError, Interrupted, RunError
from rarecall.files import read_json, write_json
from rarecall.work.claims import alone, claimed, me
from rarecall.work.presence import Presence, forget_the_dead
from rarecall.work.processes import error_named, supervise
from rarecall.work.storage import check_storage, hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rarecall.comparison.events import Event
    from rarecall.comparison.planning import RunPlan
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.comparison.units_left import WorkRecord

_PAUSE = 0.5


@dataclass(frozen=True)
class Sharing:
    """How a run is shared out; none of it changes its results.

    Attributes:
        jobs: Processes on this machine.
        storage: Database of the queue, or None for a journal file in the run folder.
    """

    jobs: int = 1
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigurationError(f"jobs must be 1 or more, but {self.jobs} came.")
        check_storage(self.storage)

    @property
    def options(self) -> str:
        """Words of the command line that say the same, but for a password.

        >>> Sharing(4).options
        ' --jobs 4'
        """
        storage = "" if self.storage is None else f" --storage {hidden(self.storage)}"
        return f" --jobs {self.jobs}{storage}"


def begin(plan: RunPlan, folder: RunFolder, sharing: Sharing) -> tuple[RunPlan, WorkRecord, bool]:
    """Begin a run, or join the one that is there.

    Returns:
        The plan, with the threads of the run; what the run consists of; whether it is new.

    Raises:
        RunError: The run there has other options, data, split or queue.
    """
    storage = None if sharing.storage is None else hidden(sharing.storage)
    with alone(folder / BEGINNING) as mine:
        if not mine:
            raise RunError(f"Another process holds {folder / BEGINNING}. Try again.")
        fresh = not folder.config_file.exists()
        if fresh:
            folder.start(plan.config)
        else:
            folder.refuse_if_changed(plan.config)
        # Somebody may have begun since the plan was made.
        threads = folder / "environment.json"
        if threads.exists() and read_json(threads)["threads"] != plan.threads:
            plan = make_plan(plan.config, plan.material.samples, folder)
        record = store_plan(plan, folder, storage)
    if record.storage != storage:
        there = record.storage or "a file in the run folder (give no --storage)"
        raise RunError(
            f"The queue of the run in {folder.root} is {there}, but {storage or 'none'} was "
            "given. All who share a run need the same one."
        )
    if plan.notes:
        write_json(folder / "environments" / f"{me()['host']}.json", plan.notes)
    return plan, record, fresh


def work_shared(
    plan: RunPlan,
    folder: RunFolder,
    record: WorkRecord,
    sharing: Sharing,
    *,
    log: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> tuple[dict[str, Any], Path]:
    """Work until every training of the run is done, by whomever; then one process assembles.

    Returns:
        The content of ``results.json``, and the report.

    Raises:
        Interrupted: ``should_stop`` was true.
        RarecallError: Trainings failed, or all workers ended early.
    """
    found = finished(folder)
    if found is not None:
        return found
    left = UnitsLeft(folder.root, record)
    left.forgive()
    news = _News(plan, left, log)
    if sharing.jobs == 1:
        Worker(
            plan,
            folder,
            record,
            storage=sharing.storage,
            log=news.own,
            should_stop=should_stop,
            look=news.look,
        ).work()
    else:
        children = range(sharing.jobs)
        supervise(
            [start_child(plan, folder, k, storage=sharing.storage) for k in children],
            should_stop=should_stop,
            complete=left.complete,
            look=news.look,
        )
    news.look()
    _raise_failures(left)
    return _assemble(plan, folder, should_stop)


def _assemble(
    plan: RunPlan, folder: RunFolder, should_stop: Callable[[], bool]
) -> tuple[dict[str, Any], Path]:
    """Let one process make the results; the others wait for them, or take its place if it dies."""
    while True:
        found = finished(folder)
        if found is not None:
            return found
        with claimed(folder / "workers" / ".assembly") as mine:
            found = finished(folder)
            if mine and found is None:
                with Presence(folder.root) as presence:
                    presence.tell(unit="results and report")
                    forget_the_dead(folder.root)
                    return finish(plan, folder, _all_trained(plan, folder), _notes(plan, folder))
        if should_stop():
            raise Interrupted("Stopped before the results were made.")
        time.sleep(_PAUSE)


def _all_trained(plan: RunPlan, folder: RunFolder) -> list[Any]:
    reading = Runner(
        plan.material,
        plan.config,
        folder,
        log=lambda event: None,
        should_stop=lambda: False,
        units=plan.units,
    )
    return [reading.train(learner) for learner in plan.learners]


def _notes(plan: RunPlan, folder: RunFolder) -> list[str]:
    """Collect what workers on other machines found different there."""
    files = sorted((folder / "environments").glob("*.json"))
    told = [note for file in files for note in read_json(file)]
    return [note for note in dict.fromkeys(told) if note not in plan.notes]


def _raise_failures(left: UnitsLeft) -> None:
    failures = left.failures()
    if not failures:
        return
    told = "\n".join(f"- {piece}: {failure['text']}" for piece, failure in failures.items())
    count = "1 training" if len(failures) == 1 else f"{len(failures)} trainings"
    first = next(iter(failures.values()))
    raise error_named(first["error"])(
        f"{count} of {len(left.all())} failed; the others are stored.\n{told}"
    )


class _News:
    """Tells of trainings that ended, each once, whoever did them.

    Args:
        plan: Of the run.
        left: Knows what is done.
        log: Told.
    """

    def __init__(self, plan: RunPlan, left: UnitsLeft, log: Callable[[Event], None]) -> None:
        self.plan, self.left, self.log = plan, left, log
        self.told = left.done()

    def own(self, event: Event) -> None:
        """Pass on what this process does itself."""
        if isinstance(event, UnitEnded):
            kind: Any = event.kind
            self.told.add(Piece(event.method, kind, event.number))
        self.log(event)

    def look(self) -> None:
        """Tell what others have done."""
        config = self.plan.config
        counts = {"trial": config.tune, "seed": config.seeds}
        for piece in self.left.done() - self.told:
            self.told.add(piece)
            result = read_result(piece.folder(self.left.run))
            if result is not None:
                self.log(unit_ended(result, counts[piece.kind], resumed=False))
