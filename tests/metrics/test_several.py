"""The selection measure of several critical classes is the mean of the binary ones."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.errors import MetricError
from rarecall.metrics import accuracy, auc, fpr_at_tpr, mean_auc, selection_measure, smoothed_fpr
from rarecall.metrics.several import task_measure
from rarecall.metrics.views import any_critical, critical_masks
from rarecall.task import BINARY, Task

TASK = Task("multiclass", 4, (1, 3))


def multiclass(n=600, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 4, size=n)
    return rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[targets], targets


def binary_views(scores, targets):
    """Each critical class against the samples of no critical class, by hand."""
    views = []
    for number in (1, 3):
        rows = [k for k, t in enumerate(targets) if t == number or t in (0, 2)]
        views.append((scores[rows, number], np.array([int(targets[k] == number) for k in rows])))
    return views


def test_in_multi_class_work_it_is_the_mean_over_the_critical_classes():
    scores, targets = multiclass()
    measure = task_measure(targets, TASK, 0.9)
    assert measure.smoothed
    views = binary_views(scores, targets)
    expected = -np.mean([smoothed_fpr(s, t, 0.9) for s, t in views])
    assert measure(scores, targets) == pytest.approx(expected)
    assert measure.fpr(scores, targets) == pytest.approx(
        np.mean([fpr_at_tpr(s, t, 0.9) for s, t in views])
    )
    assert measure.auc(scores, targets) == pytest.approx(np.mean([auc(s, t) for s, t in views]))
    assert measure.progress(scores, targets) == accuracy(scores, targets)
    assert measure.name == "mean smoothed FPR at TPR 90% of 2 critical classes"


def test_one_class_with_too_few_samples_turns_all_to_the_auc_and_the_message_names_it():
    scores, targets = multiclass()
    targets = np.where((targets == 3) & (np.arange(len(targets)) > 60), 0, targets)
    measure = task_measure(targets, TASK, 0.9, names=("a", "b", "c", "d"))
    assert not measure.smoothed
    assert "d (" in measure.message
    assert "b (" not in measure.message
    expected = np.mean([auc(s, t) for s, t in binary_views(scores, targets)])
    assert measure(scores, targets) == pytest.approx(expected)


def test_in_multi_label_work_missing_and_uncertain_labels_are_left_out():
    rng = np.random.default_rng(1)
    targets = (rng.random((500, 2)) < 0.3).astype(float)
    targets[rng.random((500, 2)) < 0.2] = np.nan
    targets[7] = 0.5
    scores = rng.normal(size=(500, 2)) + np.nan_to_num(targets)
    measure = task_measure(targets, Task.multilabel(2), 0.9)
    known = [(targets[:, k] == 0) | (targets[:, k] == 1) for k in range(2)]
    expected = -np.mean(
        [smoothed_fpr(scores[known[k], k], targets[known[k], k], 0.9) for k in range(2)]
    )
    assert measure(scores, targets) == pytest.approx(expected)
    assert measure.progress(scores, targets) == pytest.approx(mean_auc(scores, targets))
    assert measure.name.endswith("of 2 labels")


def test_a_binary_task_keeps_its_own_measure():
    targets = np.repeat([0, 1], [300, 80])
    assert task_measure(targets, BINARY, 0.9) == selection_measure(80, 0.9)


def test_scores_with_another_number_of_columns_are_refused():
    _, targets = multiclass(50)
    with pytest.raises(MetricError, match="shape"):
        task_measure(targets, TASK, 0.9)(np.zeros((50, 3)), targets)


def test_which_critical_class_it_is_is_no_false_alarm():
    targets = np.array([0, 1, 2, 3])
    masks = critical_masks(targets, TASK, 1)
    assert masks.positive.tolist() == [False, True, False, False]
    assert masks.negative.tolist() == [True, False, True, False]
    assert any_critical(targets, TASK).positive.tolist() == [False, True, False, True]


def test_without_any_label_are_only_samples_whose_labels_are_all_known():
    targets = np.array([[0.0, 0.0], [0.0, np.nan], [1.0, np.nan], [0.0, 0.4]])
    masks = any_critical(targets, Task.multilabel(2))
    assert masks.positive.tolist() == [False, False, True, False]
    assert masks.negative.tolist() == [True, False, False, False]
