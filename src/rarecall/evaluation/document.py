"""The findings about given scores as one JSON document, of the form that a comparison has."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import scipy

from rarecall import __version__
from rarecall.errors import DataError
from rarecall.evaluation import judging
from rarecall.evaluation.cases import Looks
from rarecall.evaluation.insights import Model, insights
from rarecall.evaluation.limits import evaluation_limits
from rarecall.evaluation.pairs import auc_differences
from rarecall.metrics import average_precision
from rarecall.roles import CalibrationScores, TestScores
from rarecall.thresholds import guaranteed_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.data.score_tables import ScoreTable
    from rarecall.evaluation.insights import Wishes
    from rarecall.roles import Scores
    from rarecall.thresholds import ThresholdChoice

FORMAT = 1
ONE_MODEL = "is the only model whose scores were given."
FIRST = (
    "is the model named first: nothing was chosen here, since a choice on these samples would "
    "make its numbers worthless."
)


T = TypeVar("T", bound="Scores")


def scored(table: ScoreTable, name: str, kind: type[T]) -> T:
    """Give one model's scores as the type that says what they may be used for."""
    if table.targets is None:
        raise DataError(f"Measures need labels, but {table.name} has none. Name `target`.")
    return kind(table.scores[name], table.targets, table.ids, table.groups, table.weights)


def evaluation_document(
    table: ScoreTable,
    calibration: ScoreTable | None,
    wishes: Wishes,
    *,
    baseline: str,
    apart: bool,
    files: Mapping[str, str],
    options: Mapping[str, Any],
    seed: int = 0,
) -> tuple[dict[str, Any], ThresholdChoice | None]:
    """Measure all models, compare them, and look closely at the first.

    Args:
        table: Labelled samples, with the scores of every model.
        calibration: Samples that the first model's threshold is chosen on, or None.
        wishes: What was asked.
        baseline: The model that the others are compared with.
        apart: Whether calibration samples are other ones than the table's.
        files: Where each model's scores are stored, by name.
        options: As given, for the document.
        seed: Of the resamples.

    Returns:
        The document and the first model's threshold.
    """
    first = next(iter(table.scores))
    test = {name: scored(table, name, TestScores) for name in table.scores}
    choice, mine = None, None
    if calibration is not None:
        mine = scored(calibration, first, CalibrationScores)
        choice = guaranteed_threshold(mine, tpr=wishes.tpr, confidence=wishes.confidence)
    threshold = None
    if choice is not None:
        counted = judging.threshold_on_test(choice, test[first]) if apart else None
        threshold = {**choice.to_dict(), "test": counted}
    model = Model(
        name=first,
        test=test[first],
        calibration=mine,
        choice=choice,
        subgroups=table.subgroups,
        looks=Looks(rows=table.rows),
        apart=apart,
    )
    document = {
        "format": FORMAT,
        "kind": "evaluation",
        "rarecall": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _data(table, calibration, apart=apart),
        "question": {
            "tpr": wishes.tpr,
            "confidence": wishes.confidence,
            "levels": list(wishes.levels),
            "seeds": 1,
            "baseline": baseline,
        },
        "selection": {"measure": "", "message": None},
        "methods": _methods(test, wishes, baseline, files, seed=seed),
        "winner": {"name": first, "why": f"{first} {ONE_MODEL if len(test) == 1 else FIRST}"},
        "threshold": threshold,
        "insights": insights(model, wishes),
        "config": dict(options),
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "limits": evaluation_limits(table, calibration, wishes, choice, apart=apart),
    }
    return document, choice


def _methods(
    test: Mapping[str, TestScores],
    wishes: Wishes,
    baseline: str,
    files: Mapping[str, str],
    *,
    seed: int,
) -> list[dict[str, Any]]:
    # Resampling with weights has no one meaning: see the limits.
    weighted = any(scores.weights is not None for scores in test.values())
    against, areas = {}, {}
    if not weighted:
        against = judging.differences(
            test, baseline, wishes.tpr, confidence=wishes.confidence, seed=seed
        )
        areas = auc_differences(test, baseline, confidence=wishes.confidence)
    methods = []
    for name, scores in test.items():
        precision = average_precision(scores.scores, scores.targets, weights=scores.weights)
        measured = judging.test_measures(scores, wishes.levels, confidence=wishes.confidence)
        methods.append(
            {
                "name": name,
                "reference": False,
                "parameters": {},
                "tuned": False,
                "trials": 0,
                "test": {**measured, "average_precision": {"value": precision}},
                "difference": against.get(name),
                "auc_difference": areas.get(name),
                "remarks": [],
                "seeds": [],
                "scores": files.get(name),
            }
        )
    return methods


def _data(table: ScoreTable, calibration: ScoreTable | None, *, apart: bool) -> dict[str, Any]:
    parts = {"test" if apart or calibration is None else "calibration": table}
    how = "The samples are those that were given; nothing was split."
    if calibration is not None and apart:
        parts = {"calibration": calibration, "test": table}
        how = "The parts are those that were given; nothing was split."
    return {
        "name": table.name,
        "kind": "scores",
        "n": len(table),
        "positives": table.positives,
        "critical": table.critical,
        "target": table.target_name,
        "class_counts": dict(table.class_counts),
        "fingerprint": table.fingerprint,
        "notes": list(table.notes),
        "groups": None if table.groups is None else len(np.unique(table.groups)),
        "times": None,
        "split": {
            "how": how,
            "seed": 0,
            "parts": {
                role: {"n": len(part), "positives": part.positives} for role, part in parts.items()
            },
        },
    }
