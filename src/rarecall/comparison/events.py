"""What a comparison tells while it runs: events, and the log of them in the run folder."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rarecall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["EpochEnded", "Event", "Note", "RunStarted", "UnitEnded", "UnitStarted"]


@dataclass(frozen=True)
class Event:
    """Anything that happens in a run."""


@dataclass(frozen=True)
class RunStarted(Event):
    """The plan is made: ``units`` trainings of ``steps`` steps, of which ``done`` are stored.

    ``progress`` names what ``EpochEnded.auc`` holds: AUC, or accuracy in multi-class work.
    ``critical`` counts the critical classes or labels; with several, rates are their means.
    """

    folder: str
    methods: tuple[str, ...]
    units: int
    done: int
    steps: int
    tpr: float
    progress: str = "AUC"
    critical: int = 1


@dataclass(frozen=True)
class UnitStarted(Event):
    """One training begins: ``kind`` is ``trial`` or ``seed``, ``number`` counts from 0."""

    method: str
    kind: str
    number: int
    of: int


@dataclass(frozen=True)
class EpochEnded(Event):
    """One evaluation on validation; rates in [0, 1], times in seconds (NaN when unknown).

    With several critical classes ``fpr`` is the mean over them.
    """

    method: str
    kind: str
    number: int
    epoch: int
    step: int
    steps: int
    train_loss: float
    selection: float
    fpr: float
    auc: float
    best: bool
    seconds_left: float
    monitor: dict[str, float]


@dataclass(frozen=True)
class UnitEnded(Event):
    """One training is stored; ``resumed`` when it had been before this process began."""

    method: str
    kind: str
    number: int
    of: int
    fpr: float
    auc: float
    seconds: float
    resumed: bool


@dataclass(frozen=True)
class Note(Event):
    """A sentence for the user."""

    text: str


class Log:
    """Append events as JSON lines to ``log.jsonl`` and pass them on.

    Raises:
        StorageError: The line cannot be written.
    """

    def __init__(self, path: Path, watch: Callable[[Event], None] | None = None) -> None:
        self.path = path
        self.watch = watch

    def __call__(self, event: Event) -> None:
        record = {"event": type(event).__name__, "at": datetime.now(UTC).isoformat()}
        line = json.dumps({**record, **finite(asdict(event))}, ensure_ascii=False)
        try:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StorageError(f"Cannot write {self.path}: {error.strerror or error}.") from error
        if self.watch is not None:
            self.watch(event)


def unit_ended(result: Mapping[str, Any], of: int, *, resumed: bool) -> UnitEnded:
    """Tell of a training by what it stored.

    Args:
        result: Content of its ``result.json``.
        of: How many of its kind the method has.
        resumed: Whether it was stored before.
    """
    measures = {
        name: math.nan if result["validation"][name] is None else result["validation"][name]
        for name in ("fpr", "auc")
    }
    return UnitEnded(
        method=result["method"],
        kind=result["kind"],
        number=result["number"],
        of=of,
        seconds=result["seconds"],
        resumed=resumed,
        **measures,
    )


def finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
