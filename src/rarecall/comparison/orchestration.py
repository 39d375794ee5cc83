"""One comparison from data to report: load, split, train every method, judge, deliver."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall._asked import WORDS
from rarecall.comparison.delivering import deliver
from rarecall.comparison.events import Log, Note, RunStarted
from rarecall.comparison.machine import changes, default_threads, environment, torch_threads
from rarecall.comparison.material import load_samples, prepare, split_samples
from rarecall.comparison.networks import NetworkLearner, with_controls
from rarecall.comparison.results import find
from rarecall.comparison.run_folder import read_result
from rarecall.comparison.runner import Runner
from rarecall.comparison.settling import settle
from rarecall.comparison.trees import TreeLearner
from rarecall.data import Samples, Split
from rarecall.delivery.delivered import Delivered
from rarecall.errors import ConfigurationError, DataError, Interrupted, RarecallError, RunError
from rarecall.files import read_json, write_json
from rarecall.report import terminal_table, write_report
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from rarecall.comparison.events import Event
    from rarecall.comparison.learner import Learner
    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig


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
    settings, folder = settle(given, config, out, resume=resume)
    samples = load_samples(settings) if samples is None else samples
    if samples.task.kind != settings.problem:
        raise ConfigurationError(
            f"The samples were loaded for a {WORDS[samples.task.kind]} task, but the options ask "
            f"for a {WORDS[settings.problem]} one. Load them with the same target, critical and "
            "task, or leave these out here."
        )
    # Everything that can be wrong with data or options is found before the folder is made.
    plan = _plan(settings, samples, folder)
    fresh = not folder.config_file.exists()
    if fresh:
        folder.start(settings)
    with folder.locked(), _told(folder, fresh=fresh), torch_threads(plan.threads):
        return _run(plan, folder, Log(folder / "log.jsonl", watch), should_stop or (lambda: False))


@dataclass(frozen=True)
class _Plan:
    """All that is needed to train, and the environment to do it in."""

    config: CompareConfig
    material: Material
    learners: list[Learner]
    environment: dict[str, Any]
    notes: list[str]

    @property
    def threads(self) -> int:
        return int(self.environment["threads"])

    @property
    def units(self) -> int:
        return len(self.learners) * (self.config.seeds + self.config.tune)


def _plan(config: CompareConfig, samples: Samples, folder: RunFolder) -> _Plan:
    now, notes = _environment(config, samples, folder)
    _refuse_other_data(samples, folder)
    split = split_samples(config, samples)
    material = prepare(config, samples, split, threads=int(now["threads"]))
    learners: list[Learner] = [
        NetworkLearner(name, material, config) for name in with_controls(config)
    ]
    if config.trees and samples.kind == "table":
        learners.append(TreeLearner(material))
    return _Plan(config, material, learners, now, notes)


def _run(plan: _Plan, folder: RunFolder, log: Log, should_stop: Callable[[], bool]) -> Comparison:
    config, material = plan.config, plan.material
    _store(plan, folder)
    log(
        RunStarted(
            str(folder.root),
            tuple(learner.name for learner in plan.learners),
            plan.units,
            _done(plan, folder),
            material.settings.steps,
            config.tpr,
            _progress(material),
            len(material.task.critical),
        )
    )
    for note in (*material.samples.notes, material.split.how, *plan.notes):
        log(Note(note))
    if material.measure.message:
        log(Note(material.measure.message))
    runner = Runner(material, config, folder, log=log, should_stop=should_stop, units=plan.units)
    trained = [runner.train(learner) for learner in plan.learners]

    findings = find(
        trained, material, config, folder, environment=plan.environment, notes=plan.notes
    )
    deliver(findings, material, config, folder, environment=plan.environment)
    write_json(folder / "results.json", findings.document)
    report = write_report(folder.root)
    return Comparison(folder.root, findings.document, report)


def _progress(material: Material) -> str:
    names = {"binary": "AUC", "multiclass": "accuracy", "multilabel": "mean AUC"}
    return names[material.task.kind]


def _store(plan: _Plan, folder: RunFolder) -> None:
    """Write what describes the run, or check it against what is there."""
    samples, split = plan.material.samples, plan.material.split
    if not (folder / "environment.json").exists():
        write_json(folder / "environment.json", plan.environment)
    if not (folder / "data.json").exists():
        write_json(folder / "data.json", {**samples.summary(), "fingerprint": samples.fingerprint})
    if (folder / "split.csv").exists():
        stored = Split.load(folder / "split.csv", samples)
        if any(not np.array_equal(stored.positions[role], split.positions[role]) for role in Role):
            raise RunError(
                f"{folder / 'split.csv'} is not the split that these data and options give; it was "
                "edited, or made by another version. Start a new run with another --out."
            )
    else:
        split.save(folder / "split.csv", samples)
    write_json(folder / "preprocessing.json", plan.material.preprocessor.to_json())


def _environment(
    config: CompareConfig, samples: Samples, folder: RunFolder
) -> tuple[dict[str, Any], list[str]]:
    """Describe the environment; a resumed run keeps its own threads and says what changed."""
    path = folder / "environment.json"
    if not path.exists():
        return environment(default_threads(config.threads, samples.kind)), []
    stored: dict[str, Any] = read_json(path)
    changed = changes(stored, environment(int(stored["threads"])))
    if not changed:
        return stored, []
    return stored, [
        "The run was resumed in another environment, so its parts may differ in the last digits: "
        + "; ".join(changed)
        + "."
    ]


def _refuse_other_data(samples: Samples, folder: RunFolder) -> None:
    path = folder / "data.json"
    if path.exists() and read_json(path)["fingerprint"] != samples.fingerprint:
        raise RunError(
            f"The data are not those that the run in {folder.root} was started with: their content "
            "differs. Give the same data, or start a new run with another --out."
        )


def _done(plan: _Plan, folder: RunFolder) -> int:
    kinds = (("trial", plan.config.tune), ("seed", plan.config.seeds))
    return sum(
        read_result(folder.unit(learner.name, kind, number)) is not None
        for learner in plan.learners
        for kind, count in kinds
        for number in range(count)
    )


@contextmanager
def _told(folder: RunFolder, *, fresh: bool) -> Iterator[None]:
    """Keep ``status.json`` true, and tell whoever stops how to go on."""
    folder.status("running")
    try:
        yield
    except BaseException as error:
        useless = isinstance(error, ConfigurationError | DataError)
        if fresh and useless and not any(folder.root.glob("units/*/*/result.json")):
            # Found by the first training only, as a device that is not there: nothing to continue.
            shutil.rmtree(folder.root, ignore_errors=True)
            raise
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        how = f"rarecall compare --resume --out {shlex.quote(str(folder.root))}"
        # The disk may be full; then the first error is the one to tell.
        with suppress(RarecallError):
            folder.status("interrupted" if stopped else "failed", reason=str(error), resume=how)
        if isinstance(error, RarecallError):
            error.args = (f"{error}\nContinue with: {how}",)
        raise
    folder.status("finished")
