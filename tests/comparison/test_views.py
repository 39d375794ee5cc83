"""Scores of several classes: their views, their roles, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.comparison.views import assignment, task_limits, together
from rarecall.metrics import assign_classes
from rarecall.roles import (
    CalibrationScores,
    Role,
    Scores,
    TaskScores,
    TestScores,
    ValidationScores,
)
from rarecall.task import BINARY, Task
from rarecall.thresholds import guaranteed_threshold

CLASSES = Task("multiclass", 4, (1, 3))
LABELS = Task.multilabel(2)


def scored(task, role=Role.CALIBRATION, n=400, groups=None):
    rng = np.random.default_rng(0)
    ids = np.arange(n).astype(str)
    if task.kind == "multilabel":
        targets = (rng.random((n, 2)) < 0.4).astype(float)
        targets[rng.random((n, 2)) < 0.2] = np.nan
        scores = rng.normal(size=(n, 2)) + 2 * np.nan_to_num(targets)
    else:
        targets = rng.integers(0, task.classes, size=n)
        scores = rng.normal(size=(n, task.classes)) + 2 * np.eye(task.classes)[targets]
    return TaskScores(scores, targets, ids, groups, role, task)


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        (Role.VALIDATION, ValidationScores),
        (Role.CALIBRATION, CalibrationScores),
        (Role.TEST, TestScores),
    ],
)
def test_a_view_has_the_type_of_its_role(role, kind):
    assert type(scored(CLASSES, role).view(1)) is kind


def test_a_guarantee_takes_a_view_of_calibration_and_of_nothing_else():
    assert guaranteed_threshold(scored(LABELS).view(0), tpr=0.8).guaranteed
    with pytest.raises(TypeError, match="CalibrationScores"):
        guaranteed_threshold(scored(LABELS, Role.TEST).view(0), tpr=0.8)


def test_a_view_keeps_ids_and_groups_beside_their_scores():
    groups = np.array([f"p{k // 4}" for k in range(400)])
    whole = scored(CLASSES, groups=groups)
    view = whole.view(3)
    for score, target, name, group in zip(
        view.scores, view.targets, view.ids, view.groups, strict=True
    ):
        row = int(name)
        assert score == whole.scores[row, 3]
        assert target == int(whole.targets[row] == 3)
        assert whole.targets[row] != 1  # another critical class is not in question
        assert group == groups[row]


def test_the_binary_view_is_all_of_the_scores():
    scores, targets = np.array([0.1, 0.9, 0.4]), np.array([0, 1, 0])
    ids = np.array(["a", "b", "c"])
    view = TaskScores(scores, targets, ids, None, Role.TEST, BINARY).view(1)
    plain: Scores = TestScores(scores, targets, ids)
    np.testing.assert_array_equal(view.scores, plain.scores)
    np.testing.assert_array_equal(view.targets, plain.targets)


def test_scores_of_another_shape_are_refused():
    ids = np.array(["a", "b"])
    with pytest.raises(ValueError, match=r"scores of a multiclass task .* shape \(2, 4\)"):
        TaskScores(np.zeros(2), np.zeros(2, int), ids, None, Role.TEST, CLASSES)
    with pytest.raises(ValueError, match=r"targets of a multilabel task"):
        TaskScores(np.zeros((2, 2)), np.zeros(2), ids, None, Role.TEST, LABELS)


def test_an_ensemble_is_the_mean_of_its_members_and_of_one_order():
    first = scored(CLASSES)
    second = TaskScores(first.scores + 2, first.targets, first.ids, None, first.role, first.task)
    np.testing.assert_allclose(TaskScores.mean([first, second]).scores, first.scores + 1)
    swapped = TaskScores(first.scores, first.targets, first.ids[::-1], None, first.role, first.task)
    with pytest.raises(ValueError, match="one order"):
        TaskScores.mean([first, swapped])


def test_the_assignment_counts_what_the_rule_gives():
    whole = scored(CLASSES, Role.TEST)
    thresholds = {
        number: guaranteed_threshold(scored(CLASSES).view(number), tpr=0.9) for number in (1, 3)
    }
    found = assignment(whole, thresholds, ("a", "b", "c", "d"))
    given = assign_classes(whole.scores, {k: choice.value for k, choice in thresholds.items()})
    hits = given == whole.targets
    assert found["accuracy"] == pytest.approx(hits.mean())
    assert found["classes"]["d"] == pytest.approx(hits[whole.targets == 3].mean())
    others = np.isin(whole.targets, [0, 2])
    assert found["error_on_others"] == pytest.approx(1 - hits[others].mean())


def test_samples_with_an_unknown_label_are_not_called_harmless():
    targets = np.array([[0, 0], [np.nan, 0], [1, np.nan], [0, 1.0]])
    scores = np.array([[9, 9], [9, 9], [-9, -9], [-9, 9.0]])
    whole = TaskScores(scores, targets, np.arange(4).astype(str), None, Role.TEST, LABELS)
    choices = {
        number: guaranteed_threshold(scored(LABELS).view(number), tpr=0.8) for number in (0, 1)
    }
    assert together(whole, choices) == {
        "positives": 2,
        "misses": 1,
        "negatives": 1,
        "false_alarms": 1,
        "flagged": 3,
        "flagged_for_several": 2,
    }


def test_limits_speak_of_several_guarantees_only_where_there_are_several():
    assert task_limits(BINARY) == []
    assert any("not all at once" in text for text in task_limits(LABELS))
    alone = task_limits(Task("multiclass", 4, (3,)))
    assert not any("not all at once" in text for text in alone)
    assert any("fpr_one_vs_rest" in text for text in alone)
