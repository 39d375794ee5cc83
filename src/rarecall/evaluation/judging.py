"""From stored scores to findings: ensembles, the winner, intervals, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.metrics import (
    auc,
    auc_interval,
    fpr_at_tpr,
    fpr_at_tpr_interval,
    holm,
    paired_difference,
    rate_interval,
    rates_at,
)
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rarecall.metrics import Interval, SelectionMeasure
    from rarecall.roles import TaskScores, TestScores, ValidationScores
    from rarecall.thresholds import ThresholdChoice

LOWER, HIGHER, NOT_SHOWN = "lower", "higher", "no difference shown"


def choose_winner(
    ensembles: Mapping[str, ValidationScores | TaskScores], measure: SelectionMeasure
) -> tuple[str, dict[str, float]]:
    """Name the ensemble that is best on validation, the first of equals.

    Args:
        ensembles: Validation scores of every candidate's ensemble, in order.
        measure: Higher is better.

    Returns:
        The winner, and every candidate's value.

    Raises:
        TypeError: Scores of another role came.
    """
    for scores in ensembles.values():
        if scores.role is not Role.VALIDATION:
            raise TypeError(
                "The winner is chosen on ValidationScores; "
                f"those of the {scores.role} part came. Choosing on them would make them "
                "worthless."
            )
    values = {name: measure(part.scores, part.targets) for name, part in ensembles.items()}
    return max(values, key=lambda name: values[name]), values


def reason(
    winner: str,
    values: Mapping[str, float],
    references: AbstractSet[str],
    measure: SelectionMeasure,
) -> str:
    """Say why the winner won, and whether a reference that cannot win is better.

    Args:
        winner: Name of the delivered method.
        values: The selection measure of every method on validation, higher is better.
        references: Names of those that stand for scale only.
        measure: What ``values`` hold.
    """
    rivals = len(values.keys() - references)
    why = f"{winner} is the only method compared."
    if rivals > 1:
        why = f"{winner} is the best of {rivals} methods on validation, by {measure.name}."
    for name in sorted(references & values.keys()):
        if values[name] > values[winner]:
            why += (
                f" But the reference, {name}, is better on validation "
                f"({_shown(values[name])} against {_shown(values[winner])}): consider it instead."
            )
    return why


def _shown(value: float) -> str:
    # The smoothed FPR is held negated, so that higher is better for every measure.
    return f"{abs(value):.4f}"


def test_measures(
    scores: TestScores, levels: Sequence[float], *, confidence: float
) -> dict[str, Any]:
    """FPR at every level and AUC of one model or ensemble, with intervals over test samples.

    Where the samples have groups, it is groups that the intervals resample. Weighted measures
    carry no interval: how far they would move depends on where the weights come from.
    """
    if scores.weights is not None:
        return _weighted_measures(scores, levels)
    fpr = {}
    for level in levels:
        interval = fpr_at_tpr_interval(
            scores.scores, scores.targets, level, confidence, groups=scores.groups
        )
        fpr[str(level)] = _with(fpr_at_tpr(scores.scores, scores.targets, level), interval)
    interval = auc_interval(scores.scores, scores.targets, confidence, groups=scores.groups)
    return {"fpr": fpr, "auc": _with(auc(scores.scores, scores.targets), interval)}


def _weighted_measures(scores: TestScores, levels: Sequence[float]) -> dict[str, Any]:
    none = {"low": None, "high": None, "method": None}
    arrays, weights = (scores.scores, scores.targets), scores.weights
    return {
        "fpr": {
            str(level): {"value": fpr_at_tpr(*arrays, level, weights=weights), **none}
            for level in levels
        },
        "auc": {"value": auc(*arrays, weights=weights), **none},
    }


def seed_measures(scores: TestScores, levels: Sequence[float]) -> dict[str, Any]:
    """FPR at every level and AUC of one seed's model, without intervals."""
    return {
        "fpr": {str(tpr): fpr_at_tpr(scores.scores, scores.targets, tpr) for tpr in levels},
        "auc": auc(scores.scores, scores.targets),
    }


def seed_spread(seeds: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation over seeds; the deviation of one seed is unknown."""
    return {
        "fpr": {
            str(level): _spread([seed["fpr"][str(level)] for seed in seeds]) for level in levels
        },
        "auc": _spread([seed["auc"] for seed in seeds]),
    }


def differences(
    ensembles: Mapping[str, TestScores],
    baseline: str,
    tpr: float,
    *,
    confidence: float,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Compare every ensemble's test FPR at the target TPR with the baseline's, sample by sample.

    A difference is called shown only where the interval leaves out zero and the p-value, adjusted
    after Holm for the number of comparisons, is at most ``1 - confidence``.

    Args:
        ensembles: Test scores of every ensemble, the baseline's among them.
        baseline: Name of the one that the others are compared with.
        tpr: The required true positive rate.
        confidence: Of intervals and verdicts.
        seed: Of the resamples.

    Returns:
        For every other ensemble: value, low, high, p_value, p_adjusted, verdict, words.
    """
    base = ensembles[baseline]
    found = {
        name: paired_difference(
            scores.scores,
            base.scores,
            base.targets,
            tpr,
            confidence=confidence,
            seed=seed,
            groups=base.groups,
        )
        for name, scores in ensembles.items()
        if name != baseline
    }
    if not found:
        return {}
    adjusted = holm([item.p_value for item in found.values()])
    results = {}
    for (name, item), p_adjusted in zip(found.items(), adjusted, strict=True):
        shown = not item.low <= 0.0 <= item.high and p_adjusted <= 1.0 - confidence + 1e-12
        verdict = NOT_SHOWN if not shown else LOWER if item.difference < 0 else HIGHER
        results[name] = {
            "value": item.difference,
            "low": item.low,
            "high": item.high,
            "p_value": item.p_value,
            "p_adjusted": float(p_adjusted),
            "verdict": verdict,
            "words": _words(name, baseline, verdict, item.difference),
        }
    return results


def threshold_on_test(choice: ThresholdChoice, scores: TestScores) -> dict[str, Any]:
    """Count what the threshold did on test: rates with intervals, and counts.

    The threshold came from calibration, so binomial intervals of these rates are right. What is
    counted is what the guarantee speaks of: rows, or groups where it was certified by group.
    """
    if choice.unit == "group":
        scores = scores.by_group()
    point = rates_at(scores.scores, scores.targets, choice.value)
    positives = int(scores.targets.sum())
    negatives = len(scores.targets) - positives
    caught, alarms = round(point.tpr * positives), round(point.fpr * negatives)
    return {
        "tpr": _with(point.tpr, rate_interval(caught, positives, choice.confidence)),
        "fpr": _with(point.fpr, rate_interval(alarms, negatives, choice.confidence)),
        "misses": positives - caught,
        "positives": positives,
        "false_alarms": alarms,
        "negatives": negatives,
    }


def _with(value: float, interval: Interval) -> dict[str, Any]:
    return {
        "value": float(value),
        "low": float(interval.low),
        "high": float(interval.high),
        "method": interval.method,
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": deviation}


def _words(name: str, baseline: str, verdict: str, difference: float) -> str:
    if verdict == NOT_SHOWN:
        return f"{NOT_SHOWN} between {name} and {baseline}"
    way = "fewer" if verdict == LOWER else "more"
    points = f"{100 * abs(difference):.1f} percentage points"
    return f"{name} flags {points} {way} of the negatives than {baseline}"
