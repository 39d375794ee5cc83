"""One cell of a table: a row at a setting, from the scores of its units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from rarecall.errors import MetricError
from rarecall.reproduction.records import read_scores
from rarecall.reproduction.uncertainty import Scored, sample_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rarecall.reproduction.measures import Measure
    from rarecall.reproduction.searching import Work
    from rarecall.reproduction.units import Unit

_REMARKS = 12


@dataclass
class Cell:
    """What the finished units of a row at a setting gave.

    Attributes:
        units: Final units wanted.
        records: Of those that are done and did not fail, in order.
        failures: Why others failed.
        splits: Ensemble of every split: the mean of its members' scores. Only splits whose
            members are all there, unless none is.
        numbers: Number of every one of these splits.
        singles: Scores of every network.
        view_splits: As ``splits``, of scores averaged over augmented copies; empty without them.
        view_singles: As ``singles``, likewise.
        partial: Whether no split has all its members.
    """

    units: list[Unit]
    records: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    splits: list[Scored] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    singles: list[Scored] = field(default_factory=list)
    view_splits: list[Scored] = field(default_factory=list)
    view_singles: list[Scored] = field(default_factory=list)
    partial: bool = False

    @property
    def seconds(self) -> float:
        """Spent on training."""
        return float(sum(record["seconds"] for record in self.records))

    def splits_for(self, measure: Measure) -> list[Scored]:
        """Give what a measure is of: scores of the samples as they are, or of their copies."""
        return self.view_splits if measure.views else self.splits

    def singles_for(self, measure: Measure) -> list[Scored]:
        """Likewise for single networks."""
        return self.view_singles if measure.views else self.singles


def read_cell(work: Work, units: Sequence[Unit], run: Path) -> Cell:
    """Read what there is of a cell.

    Raises:
        RunError: A record or a file of scores is damaged.
    """
    cell = Cell(list(units))
    by_split: dict[int, list[Scored]] = {}
    by_views: dict[int, list[Scored]] = {}
    wanted: dict[int, int] = {}
    for unit in units:
        wanted[unit.split] = wanted.get(unit.split, 0) + 1
        record = work.record(unit)
        if record is None:
            continue
        if record["failed"] is not None:
            cell.failures.append(record["failed"])
            continue
        stored = read_scores(unit.folder(run))
        scored = Scored(stored["test_scores"], stored["test_targets"], record["test"])
        cell.records.append(record)
        cell.singles.append(scored)
        by_split.setdefault(unit.split, []).append(scored)
        if "test_view_scores" in stored:
            averaged = scored._replace(scores=stored["test_view_scores"])
            cell.view_singles.append(averaged)
            by_views.setdefault(unit.split, []).append(averaged)
    whole = {split: ones for split, ones in by_split.items() if len(ones) == wanted[split]}
    cell.partial = bool(by_split) and not whole
    for split, ones in sorted((whole or by_split).items()):
        cell.splits.append(_ensemble(ones))
        cell.numbers.append(split)
        if len(by_views.get(split, ())) == len(ones):
            cell.view_splits.append(_ensemble(by_views[split]))
    return cell


def _ensemble(members: Sequence[Scored]) -> Scored:
    return members[0]._replace(scores=np.mean([one.scores for one in members], axis=0))


def own_numbers(cell: Cell, measure: Measure, confidence: float) -> dict[str, Any]:
    """Measure a cell: ensemble and single networks, over test samples and over splits.

    Values are shares; None where there are too few units or the measure is undefined.
    """
    splits = cell.splits_for(measure)
    values, singles = _values(measure, splits), _values(measure, cell.singles_for(measure))
    interval = sample_interval(measure, splits, confidence) if values else None
    over = _over_splits(values, confidence)
    return {
        "ensemble": _mean(values),
        "low": None if interval is None else interval[0],
        "high": None if interval is None else interval[1],
        **over,
        "single_mean": _mean(singles),
        "single_sd": float(np.std(singles, ddof=1)) if len(singles) > 1 else None,
        "splits": values,
    }


def _values(measure: Measure, scored: Sequence[Scored]) -> list[float]:
    found = []
    for one in scored:
        try:
            value = measure(one.scores, one.targets)
        except MetricError:
            return []
        if not np.isfinite(value):
            return []
        found.append(float(value))
    return found


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _over_splits(values: Sequence[float], confidence: float) -> dict[str, float | None]:
    """Mean, deviation and Student's interval over splits."""
    found: dict[str, float | None] = {
        "split_mean": _mean(values),
        "split_sd": None,
        "split_low": None,
        "split_high": None,
    }
    if len(values) < 2:
        return found
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = -float(stdtrit(len(values) - 1, (1 - confidence) / 2)) * deviation / len(values) ** 0.5
    return found | {"split_sd": deviation, "split_low": mean - reach, "split_high": mean + reach}


def told_once(cell: Cell) -> list[str]:
    """Collect the remarks of a cell's trainings and the reasons of failures, each once."""
    found: dict[str, int] = {}
    for record in cell.records:
        for remark in dict.fromkeys(record["remarks"]):
            found[remark] = found.get(remark, 0) + 1
    count = len(cell.records)
    told = [
        text if times == count else f"{times} of {count} trainings: {text}"
        for text, times in found.items()
    ]
    failed: dict[str, int] = {}
    for text in cell.failures:
        failed[text] = failed.get(text, 0) + 1
    told += [f"{times} failed: {text}" for text, times in failed.items()]
    if len(told) > _REMARKS:
        told = [
            *told[:_REMARKS],
            f"{len(told) - _REMARKS} further remarks are in the units' folders.",
        ]
    return told
