"""What a finished comparison stored, with every optional piece in a typed place.

``results.json`` may lack intervals, seeds, a difference or a threshold; here each of them is a
value or None, so that the pages need no guesses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import RunError
from rarecall.files import read_json
from rarecall.report.records import (
    Difference,
    Estimate,
    Method,
    Part,
    Seed,
    Spread,
    Threshold,
    number,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

FORMAT = 1


@dataclass(frozen=True)
class Comparison:
    """A finished comparison as stored in ``results.json``; ``raw`` is the whole of it."""

    raw: dict[str, Any] = field(repr=False)
    tpr: float
    confidence: float
    levels: tuple[float, ...]
    seeds: int
    baseline: str | None
    methods: tuple[Method, ...]
    winner: Method
    why: str
    measure: str
    message: str | None
    threshold: Threshold | None
    parts: tuple[Part, ...]

    @classmethod
    def read(cls, results: Mapping[str, Any]) -> Self:
        """Order and type the content of ``results.json``.

        Methods come winner first, then as validation ranks them; references come last.

        Raises:
            RunError: The content is of another format or lacks what no report can do without.
        """
        if results.get("format") != FORMAT:
            raise RunError(
                f"This version of rarecall reads results of format {FORMAT}; these have format "
                f"{results.get('format')!r}. Use the version that wrote them: "
                f"rarecall {results.get('rarecall', 'unknown')}."
            )
        try:
            return cls._read(dict(results))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                "The results are incomplete or damaged: cannot use "
                f"{error if isinstance(error, KeyError) else str(error)!r}. "
                "Run the comparison again with --resume to write them anew."
            ) from error

    @classmethod
    def _read(cls, raw: dict[str, Any]) -> Self:
        question, winner_name = raw["question"], raw["winner"]["name"]
        tpr, baseline = float(question["tpr"]), question.get("baseline")
        methods = [_method(stored, winner_name, baseline, tpr) for stored in raw["methods"]]
        winner = next((method for method in methods if method.winner), None)
        if winner is None:
            raise ValueError(f"the winner {winner_name!r} is not among the methods")
        selection = raw.get("selection") or {}
        return cls(
            raw=raw,
            tpr=tpr,
            confidence=float(question.get("confidence") or 0.95),
            levels=tuple(sorted({round(float(v), 9) for v in (*question.get("levels", ()), tpr)})),
            seeds=int(question.get("seeds") or 1),
            baseline=baseline if any(method.baseline for method in methods) else None,
            methods=tuple(sorted(methods, key=_rank)),
            winner=winner,
            why=str(raw["winner"].get("why") or ""),
            measure=str(selection.get("measure") or ""),
            message=selection.get("message") or None,
            threshold=_threshold(raw["threshold"]) if raw.get("threshold") else None,
            parts=tuple(
                Part(role, int(part["n"]), int(part["positives"]))
                for role, part in raw["data"]["split"]["parts"].items()
            ),
        )

    @property
    def base(self) -> Method | None:
        """The baseline's row, if it ran."""
        return next((method for method in self.methods if method.baseline), None)

    @property
    def references(self) -> tuple[Method, ...]:
        """Rows that stand for scale only and could not win."""
        return tuple(method for method in self.methods if method.reference)

    @property
    def compared(self) -> int:
        """How many methods were tested against the baseline."""
        return sum(method.difference is not None for method in self.methods)

    def part(self, role: str) -> Part | None:
        """Size of one part of the split, if it is there."""
        return next((part for part in self.parts if part.role == role), None)


def read_comparison(run_folder: str | Path) -> Comparison:
    """Read ``results.json`` of a run folder.

    Raises:
        RunError: The folder holds no finished comparison.
    """
    path = Path(run_folder) / "results.json"
    try:
        results = read_json(path)
    except FileNotFoundError as error:
        raise RunError(
            f"A report needs the results of a finished comparison, but {path} does not exist. "
            "Finish the run (rarecall compare ... --resume), or name another folder."
        ) from error
    except (OSError, ValueError) as error:
        raise RunError(
            f"Cannot read {path}: {error}. Run the comparison again with --resume."
        ) from error
    if not isinstance(results, dict):
        raise RunError(f"{path} does not hold the results of a comparison. Name another folder.")
    return Comparison.read(results)


def _rank(method: Method) -> tuple[bool, bool, float]:
    selection = method.validation_selection
    return (
        method.reference,
        not method.winner,
        math.inf if selection is None else -selection,
    )


def _method(stored: dict[str, Any], winner: str, baseline: str | None, tpr: float) -> Method:
    test = stored.get("test") or {}
    spread = stored.get("seed_spread") or {}
    validation = stored.get("validation") or {}
    cost = stored.get("cost") or {}
    reference = bool(stored.get("reference"))
    return Method(
        name=str(stored["name"]),
        reference=reference,
        winner=stored["name"] == winner,
        baseline=stored["name"] == baseline,
        parameters=dict(stored.get("parameters") or {}),
        tuned=bool(stored.get("tuned")),
        trials=int(stored.get("trials") or 0),
        fpr={key: Estimate.read(value) for key, value in _levels(test.get("fpr"))},
        auc=Estimate.read(test.get("auc")),
        fpr_spread={key: Spread.read(value) for key, value in _levels(spread.get("fpr"))},
        auc_spread=Spread.read(spread.get("auc")),
        validation_selection=number(validation.get("selection")),
        validation_fpr=_at(validation.get("fpr"), tpr),
        difference=_difference(stored.get("difference")),
        seconds=number(cost.get("seconds")),
        tuning_seconds=number(cost.get("tuning_seconds")),
        steps=whole(cost.get("steps")),
        rows=whole(cost.get("rows")),
        seeds=tuple(_seed(seed, tpr) for seed in stored.get("seeds") or ()),
        remarks=tuple(str(remark) for remark in stored.get("remarks") or ()),
        scores=stored.get("scores"),
    )


def _seed(stored: dict[str, Any], tpr: float) -> Seed:
    test = stored.get("test") or {}
    return Seed(
        number=int(stored["seed"]),
        best_epoch=whole(stored.get("best_epoch")),
        steps=whole(stored.get("steps")),
        seconds=number(stored.get("seconds")),
        fpr=_at(test.get("fpr"), tpr),
        auc=Estimate.read(test.get("auc")).value,
    )


def _difference(stored: dict[str, Any] | None) -> Difference | None:
    if not stored:
        return None
    estimate = Estimate.read(stored)
    if estimate.value is None:
        return None
    return Difference(
        estimate,
        number(stored.get("p_value")),
        number(stored.get("p_adjusted")),
        str(stored.get("verdict") or "no difference shown"),
    )


def _threshold(stored: dict[str, Any]) -> Threshold:
    test = stored.get("test") or {}
    return Threshold(
        value=number(stored.get("value")),
        tpr=float(stored["tpr"]),
        confidence=float(stored["confidence"]),
        guaranteed=bool(stored["guaranteed"]),
        positives=whole(stored.get("n_positives")),
        needed=whole(stored.get("needed")),
        unit=str(stored.get("unit") or "row"),
        assumption=str(stored.get("assumption") or ""),
        test_tpr=Estimate.read(test.get("tpr")),
        test_fpr=Estimate.read(test.get("fpr")),
        test_misses=whole(test.get("misses")),
        test_positives=whole(test.get("positives")),
        test_false_alarms=whole(test.get("false_alarms")),
        test_negatives=whole(test.get("negatives")),
    )


def _levels(stored: object) -> list[tuple[float, Any]]:
    if not isinstance(stored, dict):
        return []
    return [(round(float(level), 9), value) for level, value in stored.items()]


def _at(stored: object, tpr: float) -> float | None:
    """Read a rate kept either alone or by TPR level."""
    by_level = dict(_levels(stored))
    return Estimate.read(by_level.get(round(tpr, 9)) if by_level else stored).value
