"""What is left to do: the trials of each stage of a search, then the final trainings.

Everything is a function of the records on disk, so that every worker comes to the same list.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.papers.protocol_checks import TRAINING
from rarecall.reproduction.records import read_record, read_scores
from rarecall.reproduction.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rarecall.reproduction.measures import Measure
    from rarecall.reproduction.plan import Plan


@dataclass(frozen=True)
class Stage:
    """One stage of a search.

    Attributes:
        name: Of the stage, unique in its protocol.
        rows: Rows that are searched.
        grid: Values of every parameter searched; all combinations are tried.
        measure: What decides, on validation.
        for_all: Whether all rows take what the searched row chose.
    """

    name: str
    rows: tuple[str, ...]
    grid: dict[str, list[Any]]
    measure: Measure
    for_all: bool = False

    def points(self) -> list[dict[str, Any]]:
        """List all combinations, in order."""
        return [
            dict(zip(self.grid, values, strict=True))
            for values in itertools.product(*self.grid.values())
        ]


@dataclass(frozen=True)
class Chosen:
    """What a finished stage chose.

    Attributes:
        stage: Name of the stage.
        row: Row searched.
        setting: Setting searched.
        parameters: The best combination on validation.
        trials: How many were tried.
    """

    stage: str
    row: str
    setting: str
    parameters: dict[str, Any]
    trials: int


class Work:
    """The units of a plan, and which of them are done.

    Args:
        plan: What is wanted.
        run: The run folder.
    """

    def __init__(self, plan: Plan, run: Path) -> None:
        self.plan, self.run = plan, run
        self.stages = [_stage(told, plan) for told in plan.get("search", [])]
        self._records: dict[str, dict[str, Any]] = {}

    def record(self, unit: Unit) -> dict[str, Any] | None:
        """Give the record of a unit, or None while it is not done."""
        if unit.name not in self._records:
            found = read_record(unit.folder(self.run))
            if found is None:
                return None
            self._records[unit.name] = found
        return self._records[unit.name]

    def done(self) -> list[dict[str, Any]]:
        """Give the records of the units that are done, trials among them."""
        self.todo()
        return list(self._records.values())

    def todo(self) -> list[Unit]:
        """Units that can be trained now, the most wanted first.

        Splits and members advance together over all rows and settings, so that rows can be
        compared however early a run is stopped.
        """
        wanted: list[Unit] = []
        ready: dict[tuple[str, str], dict[str, Any]] = {}
        for setting in self.plan.asked_settings:
            for row in self.plan.asked_rows:
                parameters, trials = self.parameters(setting, row)
                wanted += [unit for unit in trials if unit not in wanted]
                if parameters is not None:
                    ready[setting, row] = parameters
        finals = [
            unit
            for (setting, row), parameters in ready.items()
            for unit in self.finals(setting, row, parameters)
        ]
        finals.sort(key=lambda unit: (unit.split, unit.member))
        return [unit for unit in (*wanted, *finals) if self.record(unit) is None]

    def finals(
        self, setting: str, row: str, parameters: Mapping[str, Any] | None = None
    ) -> list[Unit]:
        """List the final units of a cell of the table: every member of every split."""
        given = dict(parameters or {})
        return [
            Unit(setting, row, split, member, parameters=given)
            for split in range(self.plan.splits)
            for member in range(self.plan.members_of(row))
        ]

    def complete(self) -> bool:
        """Whether nothing is left to do, now or later."""
        return not self.todo() and all(
            self.parameters(setting, row)[0] is not None
            for setting in self.plan.asked_settings
            for row in self.plan.asked_rows
        )

    def planned(self) -> int:
        """Units in all, trials among them."""
        rows, settings = self.plan.asked_rows, self.plan.asked_settings
        finals = sum(self.plan.splits * self.plan.members_of(row) for row in rows)
        searched = {
            (stage.name, row)
            for row in rows
            for _, row in ((None, own) for own in self._lineage(row))
            for stage in self.stages
            if row in stage.rows
        }
        sizes = {stage.name: len(stage.points()) for stage in self.stages}
        return len(settings) * (finals + sum(sizes[name] for name, _ in searched))

    def parameters(self, setting: str, row: str) -> tuple[dict[str, Any] | None, list[Unit]]:
        """Give a row's parameters, or None and the trials that must be done before.

        A row starts from what its baseline row chose, as far as it has such parameters: the
        learning rate is searched once, for the baseline. Its own values go before these, and what
        its own stages choose goes before both.
        """
        told = self.plan.row(row)
        given: dict[str, Any] = {}
        if told.baseline is not None and any(told.baseline in s.rows for s in self.stages):
            inherited, trials = self.parameters(setting, told.baseline)
            if inherited is None:
                return None, trials
            known = parse(told.method).parameters
            given = {k: v for k, v in inherited.items() if k in known or k in TRAINING}
        given |= told.given(setting)
        for stage in self.stages:
            if row not in stage.rows:
                if stage.for_all and stage.rows[0] not in self._lineage(row):
                    shared, trials = self._shared(stage, setting)
                    if shared is None:
                        return None, trials
                    known = parse(told.method).parameters
                    given |= {k: v for k, v in shared.items() if k in known or k in TRAINING}
                continue
            trials = self._trials(stage, setting, row, given)
            chosen = self._choice(stage, trials)
            if chosen is None:
                return None, [unit for unit in trials if self.record(unit) is None]
            given |= chosen
        return given, []

    def _shared(self, stage: Stage, setting: str) -> tuple[dict[str, Any] | None, list[Unit]]:
        """Give what the one row that a stage searches chose for all."""
        given = self.plan.row(stage.rows[0]).given(setting)
        trials = self._trials(stage, setting, stage.rows[0], given)
        return self._choice(stage, trials), [u for u in trials if self.record(u) is None]

    def choices(self) -> Iterator[Chosen]:
        """Tell what every finished stage chose."""
        seen = set()
        for setting in self.plan.asked_settings:
            rows = [own for row in self.plan.asked_rows for own in self._lineage(row)]
            for row in dict.fromkeys(rows):
                given = self.plan.row(row).given(setting)
                for stage in self.stages:
                    if row not in stage.rows or (stage.name, setting, row) in seen:
                        continue
                    seen.add((stage.name, setting, row))
                    trials = self._trials(stage, setting, row, given)
                    chosen = self._choice(stage, trials)
                    if chosen is not None:
                        yield Chosen(stage.name, row, setting, chosen, len(trials))

    def _lineage(self, row: str) -> list[str]:
        """Give a row and the baselines that it starts from."""
        found, told = [row], self.plan.row(row)
        while told.baseline is not None and told.baseline not in found:
            found.append(told.baseline)
            told = self.plan.row(told.baseline)
        return found

    def _trials(self, stage: Stage, setting: str, row: str, given: Mapping[str, Any]) -> list[Unit]:
        return [
            Unit(
                setting,
                row,
                kind="trial",
                stage=stage.name,
                number=number,
                parameters={**given, **point},
            )
            for number, point in enumerate(stage.points())
        ]

    def _choice(self, stage: Stage, trials: list[Unit]) -> dict[str, Any] | None:
        values = [self._value(stage, unit) for unit in trials]
        if any(value is None for value in values):
            return None
        best = max(range(len(trials)), key=lambda number: values[number])  # type: ignore[arg-type,return-value]  # none is None
        if values[best] == -math.inf:
            raise ConfigurationError(
                f"Every trial of the stage {stage.name!r} failed for {trials[0].row!r} at "
                f"{trials[0].setting!r}; see {trials[0].folder(self.run)}."
            )
        return {name: trials[best].parameters[name] for name in stage.grid}

    def _value(self, stage: Stage, unit: Unit) -> float | None:
        """Measure a trial on validation, higher is better; None while it is not done."""
        record = self.record(unit)
        if record is None:
            return None
        if record["failed"] is not None:
            return -math.inf
        key = f"search {stage.measure.label}"
        if key not in record:
            scores = read_scores(unit.folder(self.run))
            value = stage.measure(scores["validation_scores"], scores["validation_targets"])
            record[key] = stage.measure.sign * value if math.isfinite(value) else -math.inf
        return float(record[key])


def _stage(told: Mapping[str, Any], plan: Plan) -> Stage:
    # It brings PyTorch, which telling how far a run is does not need.
    from rarecall.reproduction.measures import Measure

    measure, of = told.get("measure", "auc"), told.get("of")
    if isinstance(measure, str):
        # Either a column of the table, or the bare name of a measure.
        columns = {str(label): column for label, column in plan["measures"].items()}
        measure = columns.get(measure, {"measure": measure})
    rows = tuple(plan["rows"]) if of is None else (of,) if isinstance(of, str) else tuple(of)
    return Stage(
        str(told["stage"]),
        rows,
        dict(told["grid"]),
        Measure.of("choice", measure, mode=plan.mode),
        told.get("for") == "all",
    )
