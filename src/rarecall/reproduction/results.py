"""The results of a run, finished or not: one JSON document, made from the units' folders alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall import metrics
from rarecall.comparison.events import finite
from rarecall.comparison.machine import environment
from rarecall.files import read_json, write_json
from rarecall.methods import parse
from rarecall.reproduction.cells import Cell, own_numbers, read_cell, told_once
from rarecall.reproduction.figures import draw_figures
from rarecall.reproduction.heading import heading_of
from rarecall.reproduction.measures import Measure, measures_of
from rarecall.reproduction.printed_cells import Printed
from rarecall.reproduction.roc import roc_points
from rarecall.reproduction.run_folder import RESULTS, Begun, opened
from rarecall.reproduction.searching import Work
from rarecall.reproduction.uncertainty import paired

if TYPE_CHECKING:
    from pathlib import Path

CONFIDENCE = 0.95

Cells = dict[tuple[str, str], Cell]


def write_results(
    folder: Path, *, confidence: float = CONFIDENCE, against: str | None = None
) -> dict[str, Any]:
    """Make the results of a run from what its folder holds, and write ``results.json``.

    Args:
        folder: Of a run; it may be unfinished, and others may be working in it.
        confidence: Of all intervals.
        against: Row that all others are compared with; None for each row's own baseline.

    Raises:
        ConfigurationError: There is no such row in the run.
        RunError: The folder holds no run, or a damaged one.
        StorageError: The file cannot be written.
    """
    results = make_results(folder, confidence=confidence, against=against)
    write_json(folder / RESULTS, results)
    return results


def make_results(
    folder: Path, *, confidence: float = CONFIDENCE, against: str | None = None
) -> dict[str, Any]:
    """Make the document; arguments and errors as for :func:`write_results`."""
    return dict(finite(_Maker(opened(folder), confidence, against).document()))


class _Maker:
    """Makes the document of a run."""

    def __init__(self, begun: Begun, confidence: float, against: str | None) -> None:
        self.begun, self.plan, self.confidence = begun, begun.plan, confidence
        self.against = None if against is None else self.plan.asked_row(against)
        self.work = Work(begun.plan, begun.folder)
        self.measures = measures_of(self.plan["measures"], self.plan.mode)
        self.printed = Printed(self.plan.get("printed", []))
        self.cells: Cells = {}
        for setting in self.plan.asked_settings:
            for label in self.plan.asked_rows:
                parameters, _ = self.work.parameters(setting, label)
                units = self.work.finals(setting, label, parameters)
                self.cells[setting, label] = read_cell(self.work, units, begun.folder)

    def document(self) -> dict[str, Any]:
        """Give all of it."""
        document = {
            **_opening(self.begun, self.work, self.cells),
            "confidence": self.confidence,
            "measures": [measure.to_json() for measure in self.measures],
            "settings": [self._setting(setting) for setting in self.plan.asked_settings],
            "search": [
                {
                    "stage": chosen.stage,
                    "row": chosen.row,
                    "setting": chosen.setting,
                    "chosen": chosen.parameters,
                    "trials": chosen.trials,
                }
                for chosen in self.work.choices()
            ],
            "doubts": list(self.plan.get("doubts", [])),
            "notes": _notes(self.begun, self.cells),
        }
        # Only now: figures are drawn from the numbers.
        return {
            **document,
            "figures": draw_figures(self.plan, document, self.cells, self.begun.folder),
        }

    def _setting(self, name: str) -> dict[str, Any]:
        cells = [self.cells[name, label] for label in self.plan.asked_rows]
        first: dict[str, Any] = next((cell.records[0] for cell in cells if cell.records), {})
        rows = [self._row(name, label) for label in self.plan.asked_rows]
        _correct(rows, self.measures)
        told = self.plan["settings"][name]
        return {
            "name": name,
            "collection": told["collection"],
            "task": told.get("task", "binary"),
            "labels": first.get("classes"),
            "sizes": first.get("sizes", {}),
            "counts": first.get("counts", {}),
            "rows": rows,
        }

    def _row(self, setting: str, label: str) -> dict[str, Any]:
        row, cell = self.plan.row(label), self.cells[setting, label]
        parameters, _ = self.work.parameters(setting, label)
        baseline = row.baseline if self.against is None else self.against
        if baseline == label:
            baseline = None
        against = {}
        if baseline is not None and (setting, baseline) in self.cells:
            against = self._against(cell, self.cells[setting, baseline], baseline)
        return {
            "label": label,
            "method": parse(row.method).name,
            "parameters": row.given(setting) if parameters is None else parameters,
            "baseline": baseline if (setting, baseline) in self.cells else None,
            "printed": {} if row.more.get("printed") is False else self._printed(setting, label),
            "own": {m.label: own_numbers(cell, m, self.confidence) for m in self.measures},
            "against": against,
            "training": {
                "trainings": len(cell.records),
                "steps": sum(record["steps"] for record in cell.records),
                "rows": sum(record["rows"] for record in cell.records),
                "seconds": cell.seconds,
            },
            "units": {
                "wanted": len(cell.units),
                "done": len(cell.records),
                "failed": len(cell.failures),
            },
            "roc": roc_points(cell.splits),
            "remarks": told_once(cell),
        }

    def _printed(self, setting: str, label: str) -> dict[str, Any]:
        found = {m.label: self.printed.cell(label, setting, m.label) for m in self.measures}
        return {name: cell for name, cell in found.items() if cell is not None}

    def _against(self, own: Cell, base: Cell, baseline: str) -> dict[str, Any]:
        """Compare on the splits that both rows have."""
        found = {}
        for measure in self.measures:
            ours, theirs = (
                dict(zip(cell.numbers, cell.splits_for(measure), strict=False))
                for cell in (own, base)
            )
            shared = [number for number in ours if number in theirs]
            difference = paired(
                measure,
                [ours[number] for number in shared],
                [theirs[number] for number in shared],
                self.confidence,
            )
            if difference is not None:
                found[measure.label] = {
                    "baseline": baseline,
                    "difference": difference.value,
                    "low": difference.low,
                    "high": difference.high,
                    "p": difference.p_value,
                    "holm": None,
                }
        return found


def _opening(begun: Begun, work: Work, cells: Cells) -> dict[str, Any]:
    plan, data = begun.plan, {}
    for path in sorted((begun.folder / "data").glob("*.json")):
        data[path.stem] = read_json(path)
    unfinished = any(
        len(cell.records) + len(cell.failures) < len(cell.units) for cell in cells.values()
    )
    return {
        **heading_of(begun),
        "unfinished": unfinished or not work.complete(),
        "data": data,
        "environment": environment(1),
        "members": plan.members,
        "splits": plan.splits,
        "network": plan.get("network", {}),
        "training": plan.get("training", {}),
    }


def _correct(rows: list[dict[str, Any]], measures: list[Measure]) -> None:
    """Correct the p-values of a setting's rows for their number, measure by measure."""
    for measure in measures:
        told = [row["against"][measure.label] for row in rows if measure.label in row["against"]]
        if told:
            for entry, value in zip(told, metrics.holm([t["p"] for t in told]), strict=True):
                entry["holm"] = float(value)


def _notes(begun: Begun, cells: Cells) -> list[str]:
    plan = begun.plan
    notes = []
    if plan.mode == "as-published":
        notes.append(
            "As published: every network of an ensemble draws its positives anew from the whole "
            "pool, validation may overlap with training, and a TPR counts as reached when it "
            "rounds to the required one at two decimals. Numbers of this mode flatter all methods."
        )
    else:
        notes.append(
            "Strict: all networks of an ensemble share one rare training set, validation is "
            "disjoint from it, and a TPR is reached exactly or exceeded."
        )
    if plan.test_views and any(told.get("views") for told in plan["measures"].values()):
        notes.append(
            f"Measures of augmented copies are of the mean score of {plan.test_views} copies of "
            "every test sample, each changed as training changes its batches."
        )
    if any(record["made_up"] for cell in cells.values() for record in cell.records):
        notes.append("The data are made up: the numbers mean nothing.")
    partial = [f"{row} at {setting}" for (setting, row), cell in cells.items() if cell.partial]
    if partial:
        notes.append(
            f"Ensembles of fewer members than planned, because the run is not finished: "
            f"{', '.join(partial)}."
        )
    return notes
