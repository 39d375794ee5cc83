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
from rarecall.report.in_use.stored import InUse
from rarecall.report.reading import read_method, read_threshold
from rarecall.report.records import Part

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from rarecall.report.records import Method, Threshold

FORMAT = 1


@dataclass(frozen=True)
class Comparison:
    """A finished comparison as stored in ``results.json``; ``raw`` is the whole of it.

    ``given`` says that only scores were given: nothing was trained, and the first model is the one
    in use, not a winner.
    """

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
    given: bool
    in_use: InUse | None

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
        given = raw.get("kind") == "evaluation"
        if given and len(raw["methods"]) == 1:
            baseline = None
        methods = [
            read_method(stored, winner_name, baseline, tpr, given=given)
            for stored in raw["methods"]
        ]
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
            threshold=read_threshold(raw["threshold"]) if raw.get("threshold") else None,
            parts=tuple(
                Part(role, int(part["n"]), int(part["positives"]))
                for role, part in raw["data"]["split"]["parts"].items()
            ),
            given=given,
            in_use=InUse.read(raw["insights"]) if raw.get("insights") else None,
        )

    @property
    def measured_on(self) -> str:
        """The part that the measures were taken on: ``test``, or the only one there is."""
        return self.parts[0].role if len(self.parts) == 1 else "test"

    @property
    def has_intervals(self) -> bool:
        """Whether any measure carries an interval; those of weighted samples do not."""
        return any(
            estimate.has_interval
            for method in self.methods
            for estimate in (method.auc, *method.fpr.values())
        )

    @property
    def noun(self) -> str:
        """What one of the rows is called: a method that was trained, or a given model."""
        return "model" if self.given else "method"

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
