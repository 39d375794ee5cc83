"""Every critical class or label judged as the binary question it is, and what holds for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rarecall.evaluation import judging
from rarecall.metrics import (
    accuracy,
    assign_classes,
    auc,
    balanced_accuracy,
    class_accuracies,
    error_at_tpr,
    fpr_at_tpr,
    fpr_one_vs_rest,
)
from rarecall.metrics.multiclass import recalls
from rarecall.metrics.views import any_critical, score_column
from rarecall.roles import TestScores, ValidationScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.roles import Scores, TaskScores
    from rarecall.task import Task
    from rarecall.thresholds import ThresholdChoice

PAPER_LEVELS = (0.80, 0.90)
"""TPR levels at which the literature reports the error on the other classes."""

T = TypeVar("T", bound="Scores")


def typed(scores: Scores, kind: type[T]) -> T:
    """Check that scores have the role that the call needs."""
    if not isinstance(scores, kind):
        raise TypeError(f"{kind.__name__} needed, {type(scores).__name__} came.")
    return scores


def judge(
    number: int,
    test: Mapping[str, TaskScores],
    validation: Mapping[str, TaskScores],
    by_seed: Mapping[str, Sequence[TaskScores]],
    config: CompareConfig,
) -> dict[str, dict[str, Any]]:
    """Measure every method for one critical class or label, as binary work is measured.

    Args:
        number: Of the class or label; 1 in binary work.
        test: Ensembles' scores by method.
        validation: The same on validation.
        by_seed: Test scores of every single model.
        config: Of the run.

    Returns:
        For each method: test, seeds, seed_spread, validation, difference; in multi-class work
        accuracy, error_at_tpr and fpr_one_vs_rest too.
    """
    views = {name: typed(scores.view(number), TestScores) for name, scores in test.items()}
    against = judging.differences(
        views,
        config.baseline_name,
        config.tpr,
        confidence=config.confidence,
        seed=config.seed,
    )
    found = {}
    for name, view in views.items():
        seeds = [
            judging.seed_measures(typed(scores.view(number), TestScores), config.levels)
            for scores in by_seed[name]
        ]
        seen = typed(validation[name].view(number), ValidationScores)
        found[name] = {
            "test": judging.test_measures(view, config.levels, confidence=config.confidence),
            "seeds": seeds,
            "seed_spread": judging.seed_spread(seeds, config.levels),
            "validation": {
                "fpr": fpr_at_tpr(seen.scores, seen.targets, config.tpr),
                "auc": auc(seen.scores, seen.targets),
            },
            "difference": against.get(name),
            **_among_classes(test[name], number, config.tpr),
        }
    return found


def _among_classes(whole: TaskScores, number: int, tpr: float) -> dict[str, Any]:
    if whole.task.kind != "multiclass":
        return {}
    levels = sorted({*PAPER_LEVELS, tpr})
    return {
        "accuracy": float(class_accuracies(whole.scores, whole.targets)[number]),
        "error_at_tpr": {
            str(level): error_at_tpr(whole.scores, whole.targets, number, level) for level in levels
        },
        "fpr_one_vs_rest": fpr_one_vs_rest(whole.scores, whole.targets, number, tpr),
    }


def means(
    each: Sequence[Mapping[str, Any]],
    test: TaskScores,
    by_seed: Sequence[TaskScores],
    task: Task,
    levels: Sequence[float],
) -> dict[str, Any]:
    """Average one method's measures over the critical classes; they carry no interval.

    Args:
        each: What :func:`judge` found of the method, for every critical class.
        test: Its ensemble's test scores.
        by_seed: Those of every single model.
        task: The kind of problem.
        levels: TPR levels.
    """
    mean: dict[str, Any] = {
        "fpr": {
            str(level): {"value": _mean([one["test"]["fpr"][str(level)]["value"] for one in each])}
            for level in levels
        },
        "auc": {"value": _mean([one["test"]["auc"]["value"] for one in each])},
    }
    seeds: list[dict[str, Any]] = [
        {
            "fpr": {
                str(level): _mean([one["seeds"][k]["fpr"][str(level)] for one in each])
                for level in levels
            },
            "auc": _mean([one["seeds"][k]["auc"] for one in each]),
        }
        for k in range(len(by_seed))
    ]
    if task.kind == "multiclass":
        mean |= _accuracies(test)
        seeds = [seed | _accuracies(scores) for seed, scores in zip(seeds, by_seed, strict=True)]
    validation = {key: _mean([one["validation"][key] for one in each]) for key in ("fpr", "auc")}
    return {"test": mean, "seeds": seeds, "validation": validation, "difference": None}


def _accuracies(scores: TaskScores) -> dict[str, float]:
    return {
        "accuracy": accuracy(scores.scores, scores.targets),
        "balanced_accuracy": balanced_accuracy(scores.scores, scores.targets),
    }


def task_records(
    material: Material,
    classes: Sequence[tuple[Mapping[str, Mapping[str, Any]], dict[str, Any], dict[str, Any]]],
    winner: TaskScores,
    thresholds: Mapping[int, ThresholdChoice],
) -> dict[str, Any]:
    """Give what only the results of several classes or labels hold.

    Args:
        material: Of the run.
        classes: What was found of every method, the threshold record, and what was found of the
            winner in use, for every critical class.
        winner: Test scores of the delivered ensemble.
        thresholds: Its thresholds by class number.

    Returns:
        ``task``; ``classes``, a record each; ``together``, all thresholds at once; in multi-class
        work ``assignment``, every sample given to one class.
    """
    samples = material.samples
    records = []
    for (number, name), (judged, threshold, closely) in zip(
        samples.critical_names.items(), classes, strict=True
    ):
        parts = {}
        for role, part in material.parts.items():
            masks = part.masks(number)
            parts[str(role)] = {
                "n": int(masks.rows.sum()),
                "positives": int(masks.positive.sum()),
            }
        records.append(
            {
                "name": name,
                "number": number,
                "parts": parts,
                "methods": [{"name": method, **found} for method, found in judged.items()],
                "threshold": threshold,
                "insights": closely,
            }
        )
    found = {
        "task": {**samples.task.to_json(), "names": list(samples.classes)},
        "classes": records,
        "together": together(winner, thresholds),
    }
    if samples.task.kind == "multiclass":
        found["assignment"] = assignment(winner, thresholds, samples.classes)
    return found


def together(test: TaskScores, thresholds: Mapping[int, ThresholdChoice]) -> dict[str, int]:
    """Count what all thresholds at once do on test: who is flagged for at least one class.

    In multi-label work a sample counts as harmless only where every label is known to be absent.
    """
    flagged = np.stack(
        [
            score_column(test.scores, test.task, number) >= choice.value
            for number, choice in thresholds.items()
        ],
        axis=1,
    )
    masks, any_flag = any_critical(test.targets, test.task), flagged.any(axis=1)
    return {
        "positives": int(masks.positive.sum()),
        "misses": int((masks.positive & ~any_flag).sum()),
        "negatives": int(masks.negative.sum()),
        "false_alarms": int((masks.negative & any_flag).sum()),
        "flagged": int(any_flag.sum()),
        "flagged_for_several": int((flagged.sum(axis=1) > 1).sum()),
    }


def assignment(
    test: TaskScores, thresholds: Mapping[int, ThresholdChoice], names: Sequence[str]
) -> dict[str, Any]:
    """Measure the rule that gives every test sample to one class, critical classes first."""
    values = {number: choice.value for number, choice in thresholds.items()}
    assigned = assign_classes(test.scores, values)
    shares = recalls(assigned, test.targets, len(names))
    others = ~np.isin(test.targets, list(values))
    return {
        "accuracy": float(np.mean(assigned == test.targets)),
        "error_on_others": float(np.mean(assigned[others] != test.targets[others])),
        "classes": {
            name: None if np.isnan(share) else float(share)
            for name, share in zip(names, shares, strict=True)
        },
    }


def task_limits(task: Task) -> list[str]:
    """Say what a reader of several classes or labels must keep in mind."""
    if task.kind == "binary":
        return []
    limits = []
    if len(task.critical) > 1:
        noun = "label" if task.kind == "multilabel" else "critical class"
        limits += [
            f"Every {noun} has its own threshold and its own guarantee. Each holds by itself, not "
            f"all at once: with {len(task.critical)} of them the chance that one fails is larger.",
            f"Differences are adjusted for the number of methods (Holm) within a {noun}, not over "
            f"all {len(task.critical)}; among so many comparisons one may be shown by chance.",
        ]
    if task.kind == "multiclass":
        limits.append(
            "The false positive rate of a critical class is taken over the samples of no critical "
            "class; fpr_one_vs_rest counts the other critical classes too."
        )
    else:
        limits.append(
            "Samples whose label is missing or uncertain are left out of that label's numbers; if "
            "labels are missing for a reason, the numbers hold only for such samples as are known."
        )
    return limits


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
