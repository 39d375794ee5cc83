"""A protocol reproduced: workers started, watched and joined, results written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import Interrupted
from rarecall.reproduction.analysing import analysis_results
from rarecall.reproduction.child import start_child, start_worker
from rarecall.reproduction.plan import Plan, plain
from rarecall.reproduction.results import CONFIDENCE, write_results
from rarecall.reproduction.run_folder import Begun, begin
from rarecall.reproduction.searching import Work
from rarecall.reproduction.ways import Ways
from rarecall.reproduction.worker import Events
from rarecall.work.processes import supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Watch:
    """Whom a run tells of itself.

    Attributes:
        begun: Called once, with the run, the units planned and those done before.
        events: Told of units, where one process does the work.
        progress: Called now and then with the units done so far.
    """

    begun: Callable[[Begun, int, int], None] = field(default=lambda run, planned, done: None)
    events: Events = field(default_factory=Events)
    progress: Callable[[int], None] = field(default=lambda done: None)


def describe(
    name: str,
    *,
    scale: str = "smoke",
    mode: str = "strict",
    weights: str | Path | None = None,
) -> dict[str, Any]:
    """Give a protocol at one scale and in one mode, in plain values.

    Args:
        name: Of a protocol of the papers, or a file of one's own (``.yaml``).
        scale: ``"smoke"``, ``"small"`` or ``"full"``.
        mode: ``"strict"`` or ``"as-published"``.
        weights: File of pre-trained weights that every network starts from, or a folder with a
            file of each network's name; it goes before what the protocol names.

    Raises:
        ConfigurationError: There is no such protocol, scale or mode.
    """
    from rarecall.papers.protocol import protocol, read_protocol, resolve

    own = name.endswith((".yaml", ".yml"))
    told: dict[str, Any] = plain(
        resolve(read_protocol(name) if own else protocol(name), scale, mode)
    )
    if weights is not None:
        told["weights"] = str(weights)
    return told


def reproduce(
    name: str,
    *,
    scale: str = "smoke",
    mode: str = "strict",
    rows: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    data_root: str | Path | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    device: str = "auto",
    threads: int | None = None,
    minutes: float | None = None,
    storage: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
    weights: str | Path | None = None,
    against: str | None = None,
) -> dict[str, Any]:
    """Reproduce a table, figure or analysis of the papers; goes on where a run in ``out`` stopped.

    Args:
        name: As ``"alm-table-1"``; :func:`rarecall.papers.protocol_names` lists all. Or a file
            of one's own in their form.
        scale: ``"smoke"`` (a minute), ``"small"`` (an hour on two cores) or ``"full"``.
        mode: ``"strict"`` or ``"as-published"``.
        rows: Labels as printed or names of methods; None for all of the scale.
        settings: As printed; None for all of the scale.
        data_root: Folder of the data sets; see :func:`rarecall.data.collections.data_root`.
        out: Run folder; by default ``runs/NAME-SCALE-MODE``.
        jobs: Processes that train at once.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
        threads: Processor threads of each process.
        minutes: Stop at a safe place after so long; the results say that they are unfinished.
        storage: Database of the queue, for many machines; by default a file in the run folder.
        should_stop: Asked often; true stops at a safe place.
        watch: Whom to tell.
        weights: File of pre-trained weights that every network starts from, or a folder with a
            file of each network's name.
        against: Row that all others are compared with; None for each row's own baseline.

    Returns:
        The content of ``results.json``.

    Raises:
        ConfigurationError: Something asked for is unknown.
        DataError: The data is missing or other than the run's.
        RunError: The folder holds another run, or all workers died.
        StorageError: A file cannot be written.
        Interrupted: ``should_stop`` was true; results so far are written.
    """
    ways = Ways(
        None if data_root is None else Path(data_root), jobs, device, threads, minutes, storage
    )
    told = describe(name, scale=scale, mode=mode, weights=weights)
    plan = Plan.of(told, rows, settings)
    folder = Path(out) if out is not None else usual_folder(name, scale, mode)
    return run_plan(plan, folder, ways, should_stop=should_stop, watch=watch, against=against)


def usual_folder(name: str, scale: str, mode: str) -> Path:
    """Say where a run goes that was given no folder.

    >>> usual_folder("alm-table-1", "small", "strict").as_posix()
    'runs/alm-table-1-small-strict'
    """
    return Path("runs") / f"{Path(name).stem}-{scale}-{mode}"


def run_plan(
    plan: Plan,
    folder: Path,
    ways: Ways,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
    against: str | None = None,
) -> dict[str, Any]:
    """Work off a plan in a folder; arguments and errors as for :func:`reproduce`."""
    watch = watch or Watch()
    if plan.get("analysis"):
        return analysis_results(plan, folder, confidence=CONFIDENCE)
    plan.check()
    if against is not None:
        against = plan.asked_row(against)
    begun = begin(folder, plan)
    left = Work(begun.plan, folder)
    planned = left.planned()
    watch.begun(begun, planned, planned - len(left.todo()))
    until = None if ways.minutes is None else time.monotonic() + 60 * ways.minutes

    def stop() -> bool:
        return should_stop() or (until is not None and time.monotonic() > until)

    interrupted: Interrupted | None = None
    try:
        if ways.jobs == 1:
            start_worker(begun, ways, stop, watch.events)
        else:
            _together(begun, ways, stop, watch)
    except Interrupted as error:
        interrupted = error
    results = write_results(folder, against=against)
    # A time limit is no interruption: what it leaves is told in the results.
    if interrupted is not None and should_stop():
        raise interrupted
    return results


def _together(begun: Begun, ways: Ways, stop: Callable[[], bool], watch: Watch) -> None:
    """Start processes and wait for them; on a stop they are asked to stop, each at a safe place."""
    workers = [start_child(begun.folder, ways, number) for number in range(ways.jobs)]
    work = Work(begun.plan, begun.folder)
    planned = work.planned()
    supervise(
        workers,
        should_stop=stop,
        complete=work.complete,
        look=lambda: watch.progress(planned - len(work.todo())),
    )
