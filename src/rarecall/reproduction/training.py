"""One unit trained: its settings from the protocol, its stages, its scores."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rarecall.comparison.stages import adapted
from rarecall.errors import ConfigurationError, RunError
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.reproduction.conditions import choose
from rarecall.reproduction.measures import measures_of, selection
from rarecall.reproduction.plan import method_parameters
from rarecall.reproduction.schedules import train_settings
from rarecall.training import CHECKPOINT_NAME, Technique, TrainSettings, predict_scores, train
from rarecall.training.two_stage import carry_over, earlier, joined, later, second_seed, shared_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.reproduction.encoding import Ground
    from rarecall.reproduction.plan import Plan
    from rarecall.reproduction.units import Unit
    from rarecall.training import EpochRecord, Fitted

    Told = Callable[[EpochRecord], None]
    Asked = Callable[[], bool]


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        validation: Raw scores, float64.
        test: Likewise; None for a trial.
        best_epoch: Evaluation whose weights were kept.
        selection: Of that evaluation.
        steps: Optimiser steps.
        rows: Training rows forwarded.
        seconds: Interruptions not counted.
        remarks: Sentences for the reader.
        history: One record an evaluation.
        conditions: What was found at every λ, for conditioned networks.
    """

    validation: NDArray[np.float64]
    test: NDArray[np.float64] | None
    best_epoch: int
    selection: float
    steps: int
    rows: int
    seconds: float
    remarks: list[str]
    history: list[dict[str, Any]]
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Job:
    """A unit to train, and all that belongs to training it.

    Attributes:
        unit: Which one.
        ground: Its data.
        folder: Where its checkpoints lie, and whence it goes on.
        on_epoch: Told of every evaluation.
        should_stop: Asked before every step.
    """

    unit: Unit
    ground: Ground
    folder: Path
    on_epoch: Told = field(default=lambda record: None)
    should_stop: Asked = field(default=lambda: False)


class Trainer:
    """Trains the units of a plan.

    Args:
        plan: Of the run.
        device: As of :class:`~rarecall.training.TrainSettings`.
        threads: Likewise.
    """

    def __init__(self, plan: Plan, *, device: str = "auto", threads: int | None = None) -> None:
        self.plan, self.device, self.threads = plan, device, threads
        self.measures = measures_of(plan["measures"], plan.mode)

    def train(self, job: Job) -> Trained:
        """Train one unit.

        Raises:
            Interrupted: ``should_stop`` was true; a checkpoint is written.
            ConfigurationError: It cannot be trained so, or diverged at once.
        """
        method, ground = parse(self.plan.row(job.unit.row).method), job.ground
        _refuse(method, ground)
        fit = self._two_stages if method.pretrain is not None else self._one_stage
        try:
            fitted, objective = fit(method, job)
        except RunError as error:
            # Begun with another number of threads, or by another version: nothing to go on from.
            for path in job.folder.rglob(CHECKPOINT_NAME):
                path.unlink()
            fitted, objective = fit(method, job)
            fitted = replace(fitted, remarks=[*fitted.remarks, f"Begun anew. {error}"])
        conditions = choose(method, job, fitted.network, objective, self.measures)
        final = job.unit.kind == "final"
        return Trained(
            validation=predict_scores(fitted.network, objective, ground.validation.inputs),
            test=predict_scores(fitted.network, objective, ground.test.inputs) if final else None,
            best_epoch=fitted.best_epoch,
            selection=float(fitted.history[fitted.best_epoch - 1].selection),
            steps=fitted.steps,
            rows=fitted.rows_forwarded,
            seconds=fitted.seconds,
            remarks=list(fitted.remarks),
            history=[record.to_dict() for record in fitted.history],
            conditions=conditions,
        )

    def settings(self, unit: Unit, n_train: int) -> TrainSettings:
        """Give the settings of a unit's last stage, or of its only one."""
        told = self.plan.training_of(unit.row, unit.setting, unit.parameters)
        return train_settings(told, n_train, device=self.device, threads=self.threads)

    def _build(
        self, method: Method, own: Mapping[str, Any], job: Job
    ) -> tuple[nn.Module, Objective]:
        """Make a network that is not adapted yet, and the objective, not bound yet."""
        objective = method.build(own).for_task(job.ground.task)
        name, options, weights = self.plan.network_of(job.unit.row, job.unit.setting)
        network = build_network(
            job.ground.spec,
            name=name,
            outputs=objective.outputs,
            seed=job.unit.seed,
            options=options,
            weights=weights,
        )
        return network, objective

    def _one_stage(self, method: Method, job: Job) -> tuple[Fitted, Objective]:
        own = method_parameters(method.name, job.unit.parameters)
        network, objective = self._build(method, own, job)
        settings = self.settings(job.unit, len(job.ground.train))
        fitted = _fit(network, objective, settings, Technique.of(method, own), job)
        return fitted, objective

    def _two_stages(self, method: Method, job: Job) -> tuple[Fitted, Objective]:
        """Train on the first objective, then on the second from its best weights."""
        assert method.pretrain is not None
        own = method_parameters(method.name, job.unit.parameters)
        early, late = self._both(method, own, job)
        total = early.steps + late.steps
        first_own = method.first_stage(own)
        network, objective = self._build(method.pretrain, first_own, job)
        first = _fit(
            network,
            objective,
            early,
            Technique.of(method.pretrain, first_own),
            replace(
                job,
                folder=job.folder / "pretrain",
                on_epoch=lambda record: job.on_epoch(earlier(record, total)),
            ),
        )
        network, objective = self._build(method, own, job)
        carry_over(
            first.network.state_dict(),
            network,
            fresh_head=method.option("pretrain", own)["fresh_head"],
            default=method.loss.fresh_head,
        )
        second = _fit(
            network,
            objective,
            late,
            Technique.of(method, own),
            replace(job, on_epoch=lambda record: job.on_epoch(later(record, first, total))),
            seed=second_seed(job.unit.seed),
        )
        shutil.rmtree(job.folder / "pretrain", ignore_errors=True)
        return joined(first, second, total), objective

    def _both(
        self, method: Method, own: Mapping[str, Any], job: Job
    ) -> tuple[TrainSettings, TrainSettings]:
        """Give both stages' settings: the first as ``pretrain`` says, else a share of all steps."""
        unit, n_train = job.unit, len(job.ground.train)
        last = self.settings(unit, n_train)
        told = self.plan.row(unit.row).more.get("pretrain") or self.plan.get("pretrain")
        if not told:
            return shared_out(last, method.option("pretrain", own)["share"])
        base = self.plan.training_of(unit.row, unit.setting, unit.parameters)
        if "steps" in told or "epochs" in told:
            base = {name: value for name, value in base.items() if name not in ("steps", "epochs")}
        early = train_settings({**base, **told}, n_train, device=self.device, threads=self.threads)
        return early, last


def _refuse(method: Method, ground: Ground) -> None:
    stages = [method] if method.pretrain is None else [method.pretrain, method]
    for stage in stages:
        if ground.task.kind not in stage.tasks:
            raise ConfigurationError(
                f"The method {method.name!r} is made for {' and '.join(stage.tasks)} tasks, "
                f"not for this {ground.task.kind} one."
            )


def _fit(
    network: nn.Module,
    objective: Objective,
    settings: TrainSettings,
    technique: Technique,
    job: Job,
    *,
    seed: int | None = None,
) -> Fitted:
    job.folder.mkdir(parents=True, exist_ok=True)
    return train(
        adapted(network, objective, job.unit.seed),
        objective,
        job.ground.train,
        job.ground.validation,
        settings=settings,
        measure=selection(job.ground.task),
        seed=job.unit.seed if seed is None else seed,
        technique=technique,
        folder=job.folder,
        task=job.ground.task,
        on_epoch=job.on_epoch,
        should_stop=job.should_stop,
    )
