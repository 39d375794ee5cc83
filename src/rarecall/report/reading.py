"""The pieces of ``results.json`` read into typed records, whatever is missing."""

from __future__ import annotations

from typing import Any

from rarecall.report.records import (
    Difference,
    Estimate,
    Method,
    Seed,
    Spread,
    Threshold,
    number,
    whole,
)


def read_method(
    stored: dict[str, Any], winner: str, baseline: str | None, tpr: float, *, given: bool = False
) -> Method:
    """Read one row of the comparison.

    Args:
        stored: An entry of ``methods``.
        winner: Name of the row that is delivered.
        baseline: Name of the row that the others are compared with, or None.
        tpr: The required rate.
        given: Whether only the model's scores are known: it was not trained here.

    Raises:
        KeyError, TypeError, ValueError: The entry has no name or is no such record.
    """
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
        given=given,
        auc_difference=_difference(stored.get("auc_difference")),
        average_precision=Estimate.read(test.get("average_precision")).value,
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


def read_threshold(stored: dict[str, Any]) -> Threshold:
    """Read the delivered threshold.

    Raises:
        KeyError, TypeError, ValueError: It lacks its rate, confidence or whether it is guaranteed.

    >>> stored = {"value": 1.5, "tpr": 0.95, "confidence": 0.9, "guaranteed": True}
    >>> read_threshold(stored).value
    1.5
    """
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
