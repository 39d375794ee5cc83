"""TPR at FPR, FPR at k misses and precision at recall against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import fpr_at_misses, fpr_at_tpr, precision_at_recall, roc_curve, tpr_at_fpr


@st.composite
def scored(draw):
    n = draw(st.integers(2, 50))
    grid = draw(st.sampled_from([1, 3, 10, 1000]))
    scores = draw(st.lists(st.integers(0, grid), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    targets[:2] = [1, 0]
    return np.array(scores), np.array(targets)


@settings(max_examples=150, deadline=None)
@given(scored(), st.integers(0, 100))
def test_tpr_at_fpr_is_the_most_over_thresholds_that_keep_it(sample, percent):
    scores, targets = sample
    positives, negatives = scores[targets == 1], scores[targets == 0]
    best = 0.0
    for threshold in scores:
        if 100 * sum(negatives >= threshold) <= percent * len(negatives):
            best = max(best, sum(positives >= threshold) / len(positives))
    assert tpr_at_fpr(scores, targets, percent / 100) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 20, 100, 1000])
def test_no_rounding_error_allows_one_false_alarm_fewer(n):
    # Every positive lies above one negative more than the positive before.
    scores = np.concatenate([np.arange(n), np.arange(n) + 0.5])
    targets = np.repeat([0, 1], n)
    for thousandths in range(0, 1001, 3):
        allowed = thousandths * n // 1000
        assert tpr_at_fpr(scores, targets, thousandths / 1000) == min(allowed + 1, n) / n


def test_tpr_at_fpr_is_a_point_of_the_curve():
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 2, 400)
    scores = np.round(rng.normal(targets), 2)
    curve = roc_curve(scores, targets)
    for fpr in (0.0, 0.01, 0.1, 0.5, 1.0):
        assert tpr_at_fpr(scores, targets, fpr) == curve.tpr[curve.fpr <= fpr + 1e-12].max()


def test_a_positive_tied_with_the_next_false_alarm_is_not_caught():
    assert tpr_at_fpr([1, 1, 0], [1, 0, 0], 0.4) == 0.0
    assert tpr_at_fpr([1, 1, 0], [1, 0, 0], 0.5) == 1.0


@settings(max_examples=100, deadline=None)
@given(scored(), st.data())
def test_fpr_at_misses_is_the_least_over_thresholds_that_miss_no_more(sample, data):
    scores, targets = sample
    positives, negatives = scores[targets == 1], scores[targets == 0]
    misses = data.draw(st.integers(0, len(positives) - 1))
    rates = [
        np.mean(negatives >= threshold)
        for threshold in positives
        if sum(positives < threshold) <= misses
    ]
    assert fpr_at_misses(scores, targets, misses) == pytest.approx(min(rates), abs=1e-12)


def test_no_misses_is_a_tpr_of_one_and_one_of_twenty_is_95_percent():
    rng = np.random.default_rng(3)
    targets = np.repeat([1, 0], [20, 100])
    scores = rng.normal(targets)
    assert fpr_at_misses(scores, targets, 0) == fpr_at_tpr(scores, targets, 1.0)
    assert fpr_at_misses(scores, targets, np.int64(1)) == fpr_at_tpr(scores, targets, 0.95)


def test_misses_that_cannot_be_counted_are_refused():
    for misses in (-1, 0.05, 1.0, "2", None):
        with pytest.raises(ConfigurationError, match="whole number"):
            fpr_at_misses([0, 1], [0, 1], misses)
    with pytest.raises(MetricError, match="only 1 critical samples"):
        fpr_at_misses([0, 1], [0, 1], 1)


@settings(max_examples=100, deadline=None)
@given(scored(), st.sampled_from([0.05, 0.3, 0.5, 0.9, 0.95, 1.0]))
def test_precision_at_recall_is_the_best_on_scikit_learns_curve(sample, recall):
    scores, targets = sample
    precisions, recalls, _ = precision_recall_curve(targets, scores)
    # Its last point, (1, 0), belongs to no threshold.
    expected = precisions[:-1][recalls[:-1] >= recall - 1e-12].max()
    assert precision_at_recall(scores, targets, recall) == pytest.approx(expected, abs=1e-12)


def test_precision_may_be_best_below_the_first_threshold_that_reaches_the_recall():
    scores, targets = [9, 8, 7, 6, 5], [0, 1, 1, 1, 1]
    assert precision_at_recall(scores, targets, 0.25) == 0.8


@pytest.mark.parametrize("fpr", [-0.1, 1.1, np.nan, 5])
def test_an_impossible_rate_is_refused(fpr):
    with pytest.raises(ConfigurationError, match="fpr must be above 0"):
        tpr_at_fpr([0, 1], [0, 1], fpr)


def test_an_impossible_recall_is_refused():
    with pytest.raises(ConfigurationError, match="recall must be above 0"):
        precision_at_recall([0, 1], [0, 1], 0.0)
    with pytest.raises(MetricError, match="finite"):
        precision_at_recall([0, np.nan], [0, 1], 0.5)
