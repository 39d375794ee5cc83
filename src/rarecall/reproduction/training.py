"""One unit trained: its settings from the protocol, its stages, its scores."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rarecall._mirrors import MIRRORS
from rarecall.errors import RunError
from rarecall.reproduction.conditions import choose
from rarecall.reproduction.jobs import Job
from rarecall.reproduction.measures import measures_of
from rarecall.reproduction.staging import FIRST, IMAGE, Stages
from rarecall.training import CHECKPOINT_NAME, predict_scores
from rarecall.training.scoring import view_scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rarecall.reproduction.plan import Plan
    from rarecall.reproduction.staging import Outcome

__all__ = ["Job", "Trained", "Trainer"]


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        validation: Raw scores, float64.
        test: Likewise; None for a trial.
        views: Of the test part, averaged over augmented copies; None where no measure wants them.
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
    views: NDArray[np.float64] | None
    best_epoch: int
    selection: float
    steps: int
    rows: int
    seconds: float
    remarks: list[str]
    history: list[dict[str, Any]]
    conditions: dict[str, Any] = field(default_factory=dict)


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
        stages = self._stages(job)
        try:
            outcome = stages.run()
        except RunError as error:
            # Begun with another number of threads, or by another version: nothing to go on from.
            for path in job.folder.rglob(CHECKPOINT_NAME):
                path.unlink()
            outcome = self._stages(job).run()
            remarks = [*outcome.fitted.remarks, f"Begun anew. {error}"]
            outcome = replace(outcome, fitted=replace(outcome.fitted, remarks=remarks))
        fitted, objective, ground = outcome.fitted, outcome.objective, outcome.ground
        job = replace(job, ground=ground)
        conditions = choose(stages.method, job, fitted.network, objective, self.measures)
        final = job.unit.kind == "final"
        trained = Trained(
            validation=self._scored(outcome, job, ground.validation.inputs),
            test=self._scored(outcome, job, ground.test.inputs) if final else None,
            views=self._views(outcome, job, stages.told) if final else None,
            best_epoch=fitted.best_epoch,
            selection=float(fitted.history[fitted.best_epoch - 1].selection),
            steps=fitted.steps,
            rows=fitted.rows_forwarded,
            seconds=fitted.seconds,
            remarks=list(fitted.remarks),
            history=[record.to_dict() for record in fitted.history],
            conditions=conditions,
        )
        # Only now: a stop before it goes on from the stages that are done.
        for name in (FIRST, IMAGE):
            shutil.rmtree(job.folder / name, ignore_errors=True)
        return trained

    def _stages(self, job: Job) -> Stages:
        return Stages(self.plan, job, device=self.device, threads=self.threads)

    def _scored(self, outcome: Outcome, job: Job, inputs: Any) -> NDArray[np.float64]:
        """Score rows as they are, or mirrored too, as the row says."""
        tta = self.plan.row(job.unit.row).more.get("tta", "none")
        if tta == "none":
            return predict_scores(outcome.fitted.network, outcome.objective, inputs)
        views = len(MIRRORS[tta])
        network, objective = outcome.fitted.network, outcome.objective
        return view_scores(network, objective, inputs, augment=tta, views=views)

    def _views(
        self, outcome: Outcome, job: Job, told: Mapping[str, Any]
    ) -> NDArray[np.float64] | None:
        """Score the test part by augmented copies, where a measure wants them."""
        views = self.plan.test_views
        if not views or not any(measure.views for measure in self.measures):
            return None
        return view_scores(
            outcome.fitted.network,
            outcome.objective,
            outcome.ground.test.inputs,
            augment=told.get("augment") or "none",
            views=views,
            seed=job.unit.seed,
        )
