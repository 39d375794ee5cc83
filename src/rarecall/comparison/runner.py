"""Runs trainings one after another; what is stored already is not run again."""

from __future__ import annotations

import json
import math
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.comparison.events import EpochEnded, UnitEnded, UnitStarted, finite
from rarecall.comparison.learner import Unit, validation_measures
from rarecall.comparison.run_folder import read_result
from rarecall.comparison.score_files import write_scores
from rarecall.comparison.tuning import best_trial, propose
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.files import write_json, write_text
from rarecall.roles import Role
from rarecall.training import CHECKPOINT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from rarecall.comparison.events import Log
    from rarecall.comparison.learner import Learner
    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig
    from rarecall.training import EpochRecord

# Tuning draws its own weights and row order, so that no final seed has been selected on.
_TUNING_SEED = 1_000_003


@dataclass(frozen=True)
class Trained:
    """All trainings of one method: the chosen parameters, what tuning cost, one record a seed."""

    learner: Learner
    parameters: dict[str, Any]
    trials: int
    tuning_seconds: float
    seeds: list[dict[str, Any]]


class Runner:
    """Trains units in a run folder and tells the log.

    Args:
        material: Shared by all methods.
        config: Of the run.
        folder: Where units are stored.
        log: Told of everything.
        should_stop: Asked between and within trainings.
        units: How many trainings the run has in all.
    """

    def __init__(
        self,
        material: Material,
        config: CompareConfig,
        folder: RunFolder,
        *,
        log: Log,
        should_stop: Callable[[], bool],
        units: int,
    ) -> None:
        self.material = material
        self.config = config
        self.folder = folder
        self.log = log
        self.should_stop = should_stop
        self.units_left = units
        self.durations: list[float] = []

    def train(self, learner: Learner) -> Trained:
        """Tune one method if the run tunes, then train its seeds."""
        parameters, trials = dict(learner.defaults), self._tune(learner)
        seconds = sum(trial["seconds"] for trial in trials)
        best = best_trial([(trial["parameters"], trial["selection"]) for trial in trials])
        if best is not None:
            parameters.update(trials[best]["parameters"])
        units = [
            Unit(learner.name, "seed", k, self.config.seeds, self.config.seed + k, parameters)
            for k in range(self.config.seeds)
        ]
        seeds = [self._run(learner, unit) for unit in units]
        return Trained(learner, parameters, len(trials), seconds, seeds)

    def _tune(self, learner: Learner) -> list[dict[str, Any]]:
        trials: list[dict[str, Any]] = []
        searched = {name: learner.defaults[name] for name in learner.space}
        for number in range(self.config.tune):
            proposed = propose(
                learner.space,
                searched,
                [(trial["proposed"], trial["selection"]) for trial in trials],
                seed=self.config.seed,
                name=learner.name,
            )
            unit = Unit(
                learner.name,
                "trial",
                number,
                self.config.tune,
                self.config.seed + _TUNING_SEED,
                {**learner.defaults, **proposed},
            )
            trials.append(self._run(learner, unit, proposed=proposed))
        return trials

    def _run(self, learner: Learner, unit: Unit, **more: Any) -> dict[str, Any]:
        folder = self.folder.unit(unit.method, unit.kind, unit.number)
        result, resumed = read_result(folder), True
        if result is None:
            if self.should_stop():
                raise Interrupted("Stopped between two trainings.")
            resumed = False
            self.log(UnitStarted(unit.method, unit.kind, unit.number, unit.of))
            result = {**self._attempt(learner, unit), **more}
            write_json(folder / "result.json", result)
            # Needed only until the result is there.
            (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
            for member in folder.glob("member-*"):
                shutil.rmtree(member)
            self.durations.append(result["seconds"])
        self.units_left -= 1
        self.log(
            UnitEnded(
                unit.method,
                unit.kind,
                unit.number,
                unit.of,
                _or_nan(result["validation"]["fpr"]),
                _or_nan(result["validation"]["auc"]),
                result["seconds"],
                resumed,
            )
        )
        return result

    def _attempt(self, learner: Learner, unit: Unit) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            return self._fit(learner, unit)
        except ConfigurationError as error:
            # A proposal may diverge at once: that is what the search learns from it. The first
            # trial is the defaults; if they fail, so does the run.
            if unit.kind != "trial" or unit.number == 0:
                raise
            return {
                **self._described(unit),
                "selection": None,
                "validation": {"selection": None, "fpr": None, "auc": None},
                "seconds": time.perf_counter() - began,
                "remarks": [str(error)],
            }

    def _fit(self, learner: Learner, unit: Unit) -> dict[str, Any]:
        folder = self.folder.unit(unit.method, unit.kind, unit.number)
        outcome = learner.fit(
            unit, folder, lambda record: self.log(self._epoch(unit, record)), self.should_stop
        )
        measures = validation_measures(self.material, outcome.scores[Role.VALIDATION])
        if unit.kind == "seed":
            write_scores(folder / "scores.npz", outcome.scores, self.material.parts)
            lines = [json.dumps(finite(record)) for record in outcome.history]
            write_text(folder / "history.jsonl", "".join(line + "\n" for line in lines))
        return {
            **self._described(unit),
            "selection": measures["selection"],
            "validation": measures,
            "best_epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "rows": outcome.rows,
            "seconds": outcome.seconds,
            "remarks": outcome.remarks,
            **({"conditions": outcome.conditions} if outcome.conditions else {}),
        }

    @staticmethod
    def _described(unit: Unit) -> dict[str, Any]:
        return {
            "method": unit.method,
            "kind": unit.kind,
            "number": unit.number,
            "seed": unit.seed,
            "parameters": dict(unit.parameters),
        }

    def _epoch(self, unit: Unit, record: EpochRecord) -> EpochEnded:
        a_unit = record.seconds + record.seconds_left
        if self.durations:
            a_unit = sum(self.durations) / len(self.durations)
        return EpochEnded(
            method=unit.method,
            kind=unit.kind,
            number=unit.number,
            epoch=record.epoch,
            step=record.step,
            steps=record.steps,
            train_loss=record.train_loss,
            selection=record.selection,
            fpr=record.fpr,
            auc=record.auc,
            best=record.best,
            seconds_left=record.seconds_left + a_unit * (self.units_left - 1),
            monitor=dict(record.monitor),
        )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
