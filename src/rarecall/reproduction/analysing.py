"""Protocols that train nothing for a table: their numbers in the form of all other results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.comparison.events import finite
from rarecall.comparison.machine import environment
from rarecall.files import write_json
from rarecall.reproduction.heading import heading_of
from rarecall.reproduction.run_folder import RESULTS, begin

if TYPE_CHECKING:
    from pathlib import Path

    from rarecall.reproduction.plan import Plan

VALUE = "value"


def analysis_results(plan: Plan, folder: Path, *, confidence: float) -> dict[str, Any]:
    """Run the analysis that a protocol names, and write its results.

    Its values stand as rows of one measure, so that they are shown beside the printed ones; they
    have no interval, since nothing in them is drawn at random but seeds.

    Args:
        plan: Of a protocol with ``analysis``.
        folder: The run folder.
        confidence: For the document; there are no intervals.

    Raises:
        ConfigurationError: There is no such analysis.
        RunError: The folder holds another run.
        StorageError: It cannot be written.
    """
    from rarecall.papers.analyses import analyse

    begun = begin(folder, plan)
    found = analyse(plan["analysis"])
    document = finite(
        {
            **heading_of(begun),
            "unfinished": False,
            "data": {},
            "environment": environment(1),
            "confidence": confidence,
            "measures": [{"label": VALUE, "measure": VALUE, "better": "higher", "percent": False}],
            "settings": [
                {
                    "name": plan.get("place", plan["name"]),
                    "counts": {},
                    "rows": [_row(entry) for entry in found.values],
                }
            ]
            if found.values
            else [],
            "figures": found.figures,
            "search": [],
            "doubts": list(plan.get("doubts", [])),
            "notes": list(found.notes),
        }
    )
    write_json(folder / RESULTS, document)
    return dict(document)


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    printed, value = entry.get("printed"), entry["value"]
    own = {
        "ensemble": value,
        **dict.fromkeys(("low", "high", "split_mean", "split_sd", "split_low", "split_high"), None),
        "single_mean": None,
        "single_sd": None,
        "splits": [value],
    }
    cell = {"value": printed, "spread": None, "marked": False}
    return {
        "label": entry["label"],
        "method": "",
        "parameters": {},
        "baseline": None,
        "printed": {} if printed is None else {VALUE: cell},
        "own": {VALUE: own},
        "against": {},
        "training": {"trainings": 0, "steps": 0, "rows": 0, "seconds": 0.0},
        "units": {"wanted": 0, "done": 0, "failed": 0},
        "roc": None,
        "remarks": [],
    }
