"""Measures of several classes against naive loops and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from rarecall.errors import MetricError
from rarecall.metrics import (
    accuracy,
    assign_classes,
    balanced_accuracy,
    class_accuracies,
    error_at_tpr,
    fpr_at_tpr,
    fpr_one_vs_rest,
)


@st.composite
def scored(draw):
    """Scores of 3 to 5 classes on a coarse grid, and targets in which every class occurs."""
    classes = draw(st.integers(3, 5))
    n = draw(st.integers(classes, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.integers(-6, 7, size=(n, classes)) / 4.0
    targets = rng.integers(0, classes, size=n)
    targets[:classes] = np.arange(classes)
    return scores, targets


def naive_error_at_tpr(scores, targets, critical, tpr):
    """The threshold by counting down, then one sample after the other."""
    own = sorted((row[critical] for row, t in zip(scores, targets, strict=True) if t == critical))
    threshold = own[::-1][math.ceil(tpr * len(own) - 1e-9) - 1]
    wrong = others = 0
    for row, target in zip(scores, targets, strict=True):
        if target == critical:
            continue
        others += 1
        if row[critical] >= threshold:
            wrong += 1
            continue
        best = None
        for number, value in enumerate(row):
            if number != critical and (best is None or value > row[best]):
                best = number
        wrong += best != target
    return wrong / others


@settings(max_examples=80, deadline=None)
@given(scored(), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_the_error_on_the_others_is_that_of_the_naive_loop(sample, tpr):
    scores, targets = sample
    for critical in range(scores.shape[1]):
        expected = naive_error_at_tpr(scores, targets, critical, tpr)
        assert error_at_tpr(scores, targets, critical, tpr) == pytest.approx(expected, abs=1e-12)


def test_a_perfect_ranking_leaves_no_error_on_the_others():
    targets = np.repeat(np.arange(4), 5)
    assert error_at_tpr(np.eye(4)[targets], targets, 3, tpr=1.0) == 0.0


def test_where_every_sample_scores_alike_all_others_are_taken_for_the_critical_class():
    targets = np.repeat(np.arange(3), 4)
    assert error_at_tpr(np.zeros((12, 3)), targets, 2, tpr=0.9) == 1.0


@settings(max_examples=60, deadline=None)
@given(scored())
def test_accuracies_are_scikit_learns(sample):
    scores, targets = sample
    chosen = scores.argmax(axis=1)
    assert accuracy(scores, targets) == pytest.approx(np.mean(chosen == targets))
    expected = reference.recall_score(targets, chosen, average=None)
    np.testing.assert_allclose(class_accuracies(scores, targets), expected)
    assert balanced_accuracy(scores, targets) == pytest.approx(
        reference.balanced_accuracy_score(targets, chosen)
    )


def test_an_absent_class_has_no_accuracy_and_leaves_the_balanced_one_alone():
    scores = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isnan(class_accuracies(scores, [0, 1])[2])
    assert balanced_accuracy(scores, [0, 1]) == 1.0


@settings(max_examples=40, deadline=None)
@given(scored(), st.sampled_from([0.5, 0.9]))
def test_one_against_the_rest_is_the_binary_measure(sample, tpr):
    scores, targets = sample
    for number in range(scores.shape[1]):
        binary = fpr_at_tpr(scores[:, number], (targets == number).astype(int), tpr)
        assert fpr_one_vs_rest(scores, targets, number, tpr) == binary


@settings(max_examples=60, deadline=None)
@given(scored(), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_assignment_follows_the_rule_sample_by_sample(sample, first, second):
    scores, _ = sample
    thresholds = {0: first, 2: second}
    for row, assigned in zip(scores, assign_classes(scores, thresholds), strict=True):
        above = {c: row[c] - t for c, t in thresholds.items() if row[c] >= t}
        if above:
            assert above[assigned] == max(above.values())
        else:
            assert assigned not in thresholds
            assert row[assigned] == max(v for c, v in enumerate(row) if c not in thresholds)


def test_a_sample_above_two_thresholds_goes_where_the_excess_is_larger():
    scores = [[0.0, 5.0, 6.0]]
    assert assign_classes(scores, {1: 1.0, 2: 5.0}).tolist() == [1]
    assert assign_classes(scores, {1: 4.5, 2: 1.0}).tolist() == [2]


def test_thresholds_of_all_classes_are_refused_as_nothing_would_be_left():
    with pytest.raises(MetricError, match="not of all"):
        assign_classes(np.zeros((2, 2)), {0: 0.0, 1: 0.0})
    with pytest.raises(MetricError, match="one or more of the 2 classes"):
        assign_classes(np.zeros((2, 2)), {2: 0.0})


@pytest.mark.parametrize(
    ("scores", "targets", "words"),
    [
        (np.zeros(3), [0, 1, 2], "shape"),
        (np.zeros((3, 2)), [0, 1], "integers of shape"),
        (np.zeros((3, 2)), [0, 1, 2], "from 0 to 1"),
        (np.zeros((3, 2)), [0.0, 1.0, 1.0], "integers"),
        ([[0.0, np.nan]], [0], "finite"),
    ],
)
def test_what_is_no_multi_class_sample_is_refused(scores, targets, words):
    with pytest.raises(MetricError, match=words):
        accuracy(scores, targets)
