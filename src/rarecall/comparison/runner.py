"""Runs trainings; what is stored already is not run again."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.comparison.events import EpochEnded, UnitStarted, finite, unit_ended
from rarecall.comparison.learner import Unit, validation_measures
from rarecall.comparison.run_folder import read_result
from rarecall.comparison.score_files import write_scores
from rarecall.comparison.tuning import best_trial, propose
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.files import write_json, write_text
from rarecall.roles import Role
from rarecall.training import CHECKPOINT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rarecall.comparison.events import Event
    from rarecall.comparison.learner import Learner
    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig
    from rarecall.training import EpochRecord
    from rarecall.work.presence import Presence

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
        presence: Shows others what is being trained, or None.
    """

    def __init__(
        self,
        material: Material,
        config: CompareConfig,
        folder: RunFolder,
        *,
        log: Callable[[Event], None],
        should_stop: Callable[[], bool],
        units: int,
        presence: Presence | None = None,
    ) -> None:
        self.material = material
        self.config = config
        self.folder = folder
        self.log = log
        self.should_stop = should_stop
        self.units_left = units
        self.presence = presence
        self.durations: list[float] = []

    def train(self, learner: Learner) -> Trained:
        """Tune one method if the run tunes, then train its seeds."""
        trials: list[dict[str, Any]] = []
        for number in range(self.config.tune):
            trials.append(self.run(learner, "trial", number, trials))
        seeds = [self.run(learner, "seed", k, trials) for k in range(self.config.seeds)]
        seconds = sum(trial["seconds"] for trial in trials)
        return Trained(learner, _chosen(learner, trials), len(trials), seconds, seeds)

    def run(
        self, learner: Learner, kind: str, number: int, trials: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Do one training, or read what it gave.

        Args:
            learner: Of the method.
            kind: ``trial`` or ``seed``.
            number: From 0.
            trials: Results of the method's trials: those before this one, or all for a seed.

        Returns:
            The content of its ``result.json``.
        """
        config = self.config
        if kind == "seed":
            parameters = _chosen(learner, trials)
            seed, of, more = config.seed + number, config.seeds, {}
        else:
            proposed = propose(
                learner.space,
                {name: learner.defaults[name] for name in learner.space},
                [(trial["proposed"], trial["selection"]) for trial in trials],
                seed=config.seed,
                name=learner.name,
            )
            parameters = {**learner.defaults, **proposed}
            seed, of, more = config.seed + _TUNING_SEED, config.tune, {"proposed": proposed}
        unit = Unit(learner.name, kind, number, of, seed, parameters)
        return self._run(learner, unit, **more)

    def trials(self, learner: Learner) -> list[dict[str, Any]]:
        """Read the results of a method's trials, up to the first that is not done."""
        found: list[dict[str, Any]] = []
        for number in range(self.config.tune):
            result = read_result(self.folder.unit(learner.name, "trial", number))
            if result is None:
                break
            found.append(result)
        return found

    def _run(self, learner: Learner, unit: Unit, **more: Any) -> dict[str, Any]:
        folder = self.folder.unit(unit.method, unit.kind, unit.number)
        result, resumed = read_result(folder), True
        if result is None:
            if self.should_stop():
                raise Interrupted("Stopped between two trainings.")
            resumed = False
            self.log(UnitStarted(unit.method, unit.kind, unit.number, unit.of))
            self._tell(_named(unit))
            try:
                result = {**self._attempt(learner, unit), **more}
            finally:
                self._tell(None)
            write_json(folder / "result.json", result)
            # Needed only until the result is there.
            (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
            for member in folder.glob("member-*"):
                shutil.rmtree(member)
            self.durations.append(result["seconds"])
        self.units_left -= 1
        self.log(unit_ended(result, unit.of, resumed=resumed))
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

        def on_epoch(record: EpochRecord) -> None:
            self._tell(_named(unit), step=record.step, steps=record.steps)
            self.log(self._epoch(unit, record))

        outcome = learner.fit(unit, folder, on_epoch, self.should_stop)
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

    def _tell(self, unit: str | None, **more: Any) -> None:
        if self.presence is not None:
            self.presence.tell(unit=unit, **more)

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


def _chosen(learner: Learner, trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give a method's parameters: its defaults, and on top what its best trial tried."""
    best = best_trial([(trial["parameters"], trial["selection"]) for trial in trials])
    return {**learner.defaults, **({} if best is None else trials[best]["parameters"])}


def _named(unit: Unit) -> str:
    return f"{unit.method} {unit.kind} {unit.number + 1}"
