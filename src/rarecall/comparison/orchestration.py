"""One comparison from data to report: load, split, train every method, judge, deliver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall._asked import WORDS
from rarecall._launched import by_all_processes
from rarecall.comparison.devices import refuse_devices
from rarecall.comparison.events import Log, Note, RunStarted
from rarecall.comparison.finishing import finish, finished
from rarecall.comparison.machine import torch_threads
from rarecall.comparison.material import load_samples
from rarecall.comparison.planning import make_plan, store_plan
from rarecall.comparison.runner import Runner
from rarecall.comparison.settling import settle
from rarecall.comparison.sharing import Sharing, begin, work_shared
from rarecall.comparison.telling import told
from rarecall.comparison.units_left import UnitsLeft
from rarecall.data import Samples
from rarecall.delivery.delivered import Delivered
from rarecall.errors import ConfigurationError
from rarecall.report import terminal_table
from rarecall.training.devices_start import kept
from rarecall.work.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType

    from rarecall.comparison.events import Event
    from rarecall.comparison.material import Material
    from rarecall.comparison.planning import RunPlan
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.comparison.units_left import WorkRecord


@dataclass(frozen=True, eq=False)
class Comparison:
    """A finished comparison.

    Attributes:
        folder: The run folder.
        results: The content of its ``results.json``.
        report: The report, one HTML file.
    """

    folder: Path
    results: dict[str, Any]
    report: Path

    @property
    def winner(self) -> str:
        """Name of the method that was best on validation."""
        return str(self.results["winner"]["name"])

    @property
    def model_folder(self) -> Path:
        """Folder of the delivered model."""
        return self.folder / "model"

    def model(self) -> Delivered:
        """Load the delivered model: the winner's seed ensemble."""
        return Delivered.load(self.model_folder)

    def table(self) -> RenderableType:
        """Lay the findings out for the terminal."""
        return terminal_table(self.results)


@by_all_processes()
def compare(
    data: str | Path | Samples | None = None,
    *,
    target: str | Sequence[str] | None = None,
    critical: str | Sequence[str] | None = None,
    tpr: float | None = None,
    methods: Sequence[str] | str | None = None,
    seeds: int | None = None,
    tune: int | None = None,
    out: str | Path | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    resume: bool = False,
    jobs: int | None = None,
    storage: str | None = None,
    watch: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **options: Any,
) -> Comparison:
    """Train several methods on the same data and compare them at the required TPR.

    Every method gets the same split, preprocessing, steps, rows a step and tuning trials. The
    winner is chosen on validation; its seed ensemble is delivered with a threshold certified on
    calibration; all are measured on test, at the end.

    Args:
        data: File, image folder, bundled set (``"digits"``, ``"breast-cancer"``), or samples that
            are loaded already. Not needed to resume.
        target: Column that holds the label; several are the labels of a multi-label task.
        critical: Label that must not be missed; several are those of a multi-class task.
        tpr: Required true positive rate, in (0, 1); .95 by default.
        methods: Names as ``"bce+alm"``; a usual set by default.
        seeds: Networks a method, 5 by default.
        tune: Tuning trials a method, 0 by default.
        out: Run folder; ``runs/<data>-<date>-<time>`` by default.
        config: YAML file or mapping with any of the names of
            :class:`~rarecall.config.CompareConfig`; what is given here wins.
        resume: Continue the run in ``out`` with the options that it was started with.
        jobs: Processes that share the work, on this machine; the same call on other machines
            joins them, and so does one more here. None trains in this process alone.
        storage: Address of a database for who does what (``"postgresql://…"``), in place of a
            file in the run folder.
        watch: Called with every event of the run.
        should_stop: Asked often; true stops at the next safe place.
        options: Any other name of :class:`~rarecall.config.CompareConfig`.

    Returns:
        The findings; everything is also in the run folder.

    Raises:
        ConfigurationError: Options that cannot be used, all at once.
        DataError: Data that cannot be read or answer the question.
        RunError: The folder is taken, or its run was started otherwise.
        StorageError: A file cannot be written; the run can be resumed.
        Interrupted: Stopped on request; the run can be resumed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     comparison = compare("breast-cancer", methods="bce,a-fl", seeds=1, steps=20, threads=1,
    ...                          trees=False, out=folder + "/run")
    ...     sorted(method["name"] for method in comparison.results["methods"])
    ['a-fl', 'bce']
    """
    named = {"target": target, "critical": critical, "tpr": tpr, "methods": methods}
    given = {**options, **named, "seeds": seeds, "tune": tune}
    given = {name: value for name, value in given.items() if value is not None}
    samples = data if isinstance(data, Samples) else None
    if samples is not None and samples.task.kind != "binary":
        # They are read already: how they were read says which kind of problem it is.
        given.setdefault("task", samples.task.kind)
        if given["task"] == samples.task.kind == "multilabel":
            given.setdefault("target", samples.classes)
    if data is not None:
        given["data"] = samples.name if samples is not None else str(data)
    sharing = (
        None if jobs is None and storage is None else Sharing(1 if jobs is None else jobs, storage)
    )
    settings, folder = settle(given, config, out, resume=resume, join=sharing is not None)
    if samples is not None and sharing is not None and sharing.jobs > 1:
        raise ConfigurationError(
            "jobs starts processes that read the data themselves, but samples in memory were "
            "given. Give the file or folder, or leave jobs out."
        )
    samples = load_samples(settings) if samples is None else samples
    if samples.task.kind != settings.problem:
        raise ConfigurationError(
            f"The samples were loaded for a {WORDS[samples.task.kind]} task, but the options ask "
            f"for a {WORDS[settings.problem]} one. Load them with the same target, critical and "
            "task, or leave these out here."
        )
    # Everything that can be wrong with data or options is found before the folder is made.
    plan = make_plan(settings, samples, folder, jobs=1 if sharing is None else sharing.jobs)
    refuse_devices(settings, plan.material, jobs=sharing is not None)
    stop = should_stop or (lambda: False)
    if sharing is not None:
        return Comparison(folder.root, *_run_together(plan, folder, sharing, watch, stop))
    fresh = not folder.config_file.exists()
    if fresh:
        folder.start(settings)
    with folder.locked(), told(folder, fresh=fresh), torch_threads(plan.threads), kept():
        found = _run_alone(plan, folder, Log(folder / "log.jsonl", watch), stop)
    return Comparison(folder.root, *found)


def _run_together(
    plan: RunPlan,
    folder: RunFolder,
    sharing: Sharing,
    watch: Callable[[Event], None] | None,
    should_stop: Callable[[], bool],
) -> tuple[dict[str, Any], Path]:
    """Share the work with the processes of this machine and of others."""
    plan, record, fresh = begin(plan, folder, sharing)
    found = finished(folder)
    if found is not None:
        return found
    with (
        folder.locked(shared=True),
        told(folder, fresh=fresh, more=sharing.options),
        torch_threads(plan.threads),
        kept(),
    ):
        # Each its own: lines of several machines in one file would run into each other.
        log = Log(Presence(folder.root).path.with_suffix(".jsonl"), watch)
        _tell_start(plan, folder, record, log)
        return work_shared(plan, folder, record, sharing, log=log, should_stop=should_stop)


def _run_alone(
    plan: RunPlan, folder: RunFolder, log: Log, should_stop: Callable[[], bool]
) -> tuple[dict[str, Any], Path]:
    """Train everything in this process, one training after another."""
    record = store_plan(plan, folder)
    _tell_start(plan, folder, record, log)
    with Presence(folder.root) as presence:
        runner = Runner(
            plan.material,
            plan.config,
            folder,
            log=log,
            should_stop=should_stop,
            units=plan.units,
            presence=presence,
        )
        trained = [runner.train(learner) for learner in plan.learners]
        return finish(plan, folder, trained)


def _tell_start(
    plan: RunPlan, folder: RunFolder, record: WorkRecord, log: Callable[[Event], None]
) -> None:
    material = plan.material
    log(
        RunStarted(
            str(folder.root),
            tuple(learner.name for learner in plan.learners),
            plan.units,
            len(UnitsLeft(folder.root, record).done()),
            material.settings.steps,
            plan.config.tpr,
            _progress(material),
            len(material.task.critical),
        )
    )
    for note in (*material.samples.notes, material.split.how, *plan.notes):
        log(Note(note))
    if material.measure.message:
        log(Note(material.measure.message))


def _progress(material: Material) -> str:
    names = {"binary": "AUC", "multiclass": "accuracy", "multilabel": "mean AUC"}
    return names[material.task.kind]
