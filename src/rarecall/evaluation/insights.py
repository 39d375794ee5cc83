"""What a model does in use: alarms, probabilities, subgroups, cases to look at, the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.evaluation.cases import Looks, hardest_cases
from rarecall.evaluation.claims import claims
from rarecall.evaluation.probabilities import Mapped, decision_record, probability_record
from rarecall.evaluation.subgroup_rates import subgroup_rates
from rarecall.metrics import expected_alarms, operating_point, rates_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from rarecall.roles import CalibrationScores, TestScores
    from rarecall.thresholds import ThresholdChoice

PER = 1000
"""Alarms are counted among so many cases."""


@dataclass(frozen=True)
class Wishes:
    """What the user asked of the findings.

    Attributes:
        tpr: The required true positive rate.
        levels: TPR levels reported, the required one among them.
        confidence: Of all intervals.
        prevalence: Share of critical cases where the model is used; None takes the test part's.
        cases: Misses and false alarms shown, of each; 0 stores none.
        probabilities: Whether the scores are probabilities already, by the user's word.
    """

    tpr: float
    levels: Sequence[float]
    confidence: float = 0.95
    prevalence: float | None = None
    cases: int = 8
    probabilities: bool = False


@dataclass(frozen=True)
class Model:
    """One model's scores and what was chosen for it.

    Attributes:
        name: Of the model.
        test: Scores that the findings are measured on.
        calibration: Scores that the threshold and the probabilities come from, or None.
        choice: The threshold, or None.
        subgroups: Text, a row a test sample, or None.
        looks: What can be shown of the test samples.
        apart: Whether test and calibration samples are different ones; on its own samples
            a map to probabilities cannot be judged, nor an interval of a rate be trusted.
    """

    name: str
    test: TestScores
    calibration: CalibrationScores | None = None
    choice: ThresholdChoice | None = None
    subgroups: pd.DataFrame | None = None
    looks: Looks = field(default_factory=Looks)
    apart: bool = True


def insights(model: Model, wishes: Wishes) -> dict[str, Any]:
    """Find what the curves do not say, in plain values that JSON can hold.

    Without a threshold the rates are those at the threshold that reaches the required TPR on the
    test samples themselves (``source`` is then ``"test"``), and carry no interval.

    Args:
        model: Whose scores.
        wishes: What was asked.

    Returns:
        ``of``, ``confidence``, ``prevalence``, ``alarms``, ``probability``, ``decision_curve``,
        ``subgroups``, ``misses``, ``false_alarms``, ``claims``; None or empty where it does not
        apply.

    >>> from rarecall.roles import TestScores
    >>> targets = np.repeat([1, 0], [20, 80])
    >>> test = TestScores(np.arange(100.0)[::-1], targets, np.arange(100).astype(str))
    >>> found = insights(Model("mine", test), Wishes(0.95, (0.95,), prevalence=0.01))
    >>> found["prevalence"], found["alarms"]["flagged"], found["alarms"]["source"]
    ({'value': 0.01, 'source': 'given'}, 9.5, 'test')
    """
    test, choice = model.test, model.choice
    given = wishes.prevalence is not None
    prevalence = float(np.average(test.targets, weights=test.weights))
    if wishes.prevalence is not None:
        prevalence = float(wishes.prevalence)
    if choice is None:
        point = operating_point(test.scores, test.targets, wishes.tpr, weights=test.weights)
        source = "test"
    else:
        point = rates_at(test.scores, test.targets, choice.value, weights=test.weights)
        source = "calibration"
    probability, mapped = None, None
    if test.weights is None:
        probability, mapped = probability_record(
            test,
            model.calibration if model.apart else None,
            given=wishes.probabilities,
            confidence=wishes.confidence,
        )
    rates = point.tpr, point.fpr
    misses, false_alarms = hardest_cases(
        test, None if choice is None else choice.value, model.looks, wishes.cases
    )
    return {
        "of": model.name,
        "confidence": wishes.confidence,
        "prevalence": {"value": prevalence, "source": "given" if given else "test"},
        "alarms": {
            **_alarms(rates, prevalence),
            "threshold": point.threshold,
            "tpr": point.tpr,
            "fpr": point.fpr,
            "source": source,
        },
        "probability": probability,
        "decision_curve": _decision(mapped, test, prevalence, given=given),
        "subgroups": []
        if model.subgroups is None
        else subgroup_rates(
            test,
            model.subgroups,
            point.threshold,
            confidence=wishes.confidence,
            intervals=choice is not None and model.apart,
        ),
        "misses": misses,
        "false_alarms": false_alarms,
        "claims": claims(
            test, wishes.levels, choice, model.calibration, calibrated=probability is not None
        ),
    }


def _alarms(rates: tuple[float, float], prevalence: float) -> dict[str, Any]:
    found = expected_alarms(*rates, prevalence, per=PER)
    precision = float(found.precision)
    return {
        "per": PER,
        "flagged": float(found.flagged),
        "real": float(found.real),
        "false": float(found.false),
        "missed": float(found.missed),
        "precision": precision if math.isfinite(precision) else None,
    }


def _decision(
    mapped: Mapped | None, test: TestScores, prevalence: float, *, given: bool
) -> dict[str, Any] | None:
    if mapped is None:
        return None
    return decision_record(mapped, test.targets, prevalence, given=given)
