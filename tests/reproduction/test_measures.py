from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from rarecall.errors import ConfigurationError, MetricError
from rarecall.reproduction.measures import Measure, measure_names, selection
from rarecall.task import BINARY, Task

RNG = np.random.default_rng(3)
TARGETS = np.repeat([0, 1], [60, 40])
SCORES = RNG.normal(size=100) + TARGETS
CLASSES = RNG.integers(0, 3, 90)
LOGITS = RNG.normal(size=(90, 3)) + np.eye(3)[CLASSES]


def told(name: str, **parameters: Any) -> Measure:
    return Measure.of("x", {"measure": name, **parameters})


def test_the_measures_are_those_of_scikit_learn_where_it_has_them() -> None:
    assert told("auc")(SCORES, TARGETS) == pytest.approx(roc_auc_score(TARGETS, SCORES))
    assert told("accuracy")(SCORES, TARGETS) == accuracy_score(TARGETS, SCORES >= 0)
    assert told("balanced_accuracy")(SCORES, TARGETS) == pytest.approx(
        balanced_accuracy_score(TARGETS, SCORES >= 0)
    )
    assert told("accuracy")(LOGITS, CLASSES) == accuracy_score(CLASSES, LOGITS.argmax(axis=1))
    assert told("balanced_accuracy")(LOGITS, CLASSES) == pytest.approx(
        balanced_accuracy_score(CLASSES, LOGITS.argmax(axis=1))
    )


def test_accuracy_of_classes_is_the_mean_of_theirs() -> None:
    assigned = LOGITS.argmax(axis=1)
    by_hand = [float(np.mean(assigned[k == CLASSES] == k)) for k in range(3)]
    assert told("class_accuracy", **{"class": 2})(LOGITS, CLASSES) == pytest.approx(by_hand[2])
    several = told("class_accuracy", index=[0, 1])(LOGITS, CLASSES)
    assert several == pytest.approx(np.mean(by_hand[:2]))


def naive_fpr(scores: np.ndarray, targets: np.ndarray, tpr: float) -> float:
    rates = [
        float(np.mean(scores[targets == 0] >= threshold))
        for threshold in scores
        if np.mean(scores[targets == 1] >= threshold) >= tpr - 1e-12
    ]
    return min(rates)


@pytest.mark.parametrize("tpr", [0.98, 0.95, 0.9])
def test_strict_reaches_the_tpr_and_as_published_one_that_rounds_to_it(tpr: float) -> None:
    # 200 positives: half a percent is one of them.
    targets = np.repeat([0, 1], [300, 200])
    scores = np.random.default_rng(1).normal(size=500) + targets
    column = {"measure": "fpr_at_tpr", "tpr": tpr}
    strict, published = (Measure.of("x", column, mode=m) for m in ("strict", "as-published"))
    assert strict(scores, targets) == naive_fpr(scores, targets, tpr)
    assert published(scores, targets) == naive_fpr(scores, targets, tpr - 0.005)
    assert published(scores, targets) <= strict(scores, targets)


def test_a_tpr_of_one_is_never_rounded() -> None:
    column = {"measure": "fpr_at_tpr", "tpr": 1.0}
    assert Measure.of("x", column, mode="as-published").level == 1.0


def test_labels_are_averaged_and_missing_ones_left_out() -> None:
    targets = np.array([[0, 1], [1, 0], [np.nan, 0], [0, 1]])
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.5], [0.9, 0.4]])
    aucs = [
        roc_auc_score(column[known], score[known])
        for column, score in zip(targets.T, scores.T, strict=True)
        for known in [~np.isnan(column)]
    ]
    assert told("auc")(scores, targets) == pytest.approx(np.mean(aucs))
    assert told("label_auc", label=1)(scores, targets) == pytest.approx(aucs[1])


def test_every_measure_says_which_way_is_better() -> None:
    lower = {name for name in measure_names() if Measure("", name, {}).better == "lower"}
    assert {"fpr_at_tpr", "fpr_at_misses", "error_at_tpr", "brier_score"} <= lower
    assert not {"auc", "accuracy", "precision_at_recall", "tpr_at_fpr"} & lower


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"measure": "fpr_at_tp", "tpr": 0.9}, "Did you mean 'fpr_at_tpr'"),
        ({"measure": "fpr_at_tpr"}, "takes tpr, not nothing"),
        ({"measure": "auc", "tpr": 0.9}, "takes nothing, not tpr"),
        ({}, "There is no measure ''"),
    ],
)
def test_a_measure_that_cannot_be_is_told(column: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Measure.of("98", column)


def test_checkpoints_are_chosen_by_auc_or_accuracy() -> None:
    assert selection(BINARY)(SCORES, TARGETS) == pytest.approx(roc_auc_score(TARGETS, SCORES))
    several = selection(Task("multiclass", 3, (2,)))
    assert several(LOGITS, CLASSES) == accuracy_score(CLASSES, LOGITS.argmax(axis=1))


def test_networks_are_chosen_by_the_labels_that_validation_tells_apart() -> None:
    chosen_by = selection(Task("multilabel", 3, (0, 1, 2)))
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (40, 3)).astype(float)
    targets[:, 1] = 0.0
    scores = rng.normal(size=(40, 3))
    found = chosen_by(scores, targets)
    own = [roc_auc_score(targets[:, k], scores[:, k]) for k in (0, 2)]
    assert found == pytest.approx(np.mean(own))
    assert chosen_by.auc(scores, targets) == pytest.approx(found)
    targets[:, [0, 2]] = 1.0
    with pytest.raises(MetricError):
        chosen_by(scores, targets)
