"""Curves, AUC and average precision against naive loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from rarecall.metrics import auc, average_precision, fpr_at_tpr, roc_curve


@st.composite
def scored(draw, distinct=40):
    """Scores on a coarse grid, so that ties are common, and targets of both classes."""
    n = draw(st.integers(2, 60))
    grid = draw(st.integers(1, distinct))
    scores = draw(st.lists(st.integers(-grid, grid), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    targets[0], targets[1] = 1, 0
    return np.array(scores) / 8.0, np.array(targets)


@settings(max_examples=80, deadline=None)
@given(scored())
def test_the_auc_is_the_share_of_pairs_in_order(sample):
    scores, targets = sample
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p in scores[targets == 1]
        for q in scores[targets == 0]
    ]
    assert auc(scores, targets) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert auc(scores, targets) == pytest.approx(
        reference.roc_auc_score(targets, scores), abs=1e-12
    )


@settings(max_examples=80, deadline=None)
@given(scored())
def test_average_precision_is_scikit_learns(sample):
    scores, targets = sample
    expected = reference.average_precision_score(targets, scores)
    assert average_precision(scores, targets) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(scored())
def test_the_roc_curve_is_scikit_learns_point_for_point(sample):
    scores, targets = sample
    fpr, tpr, thresholds = reference.roc_curve(targets, scores, drop_intermediate=False)
    curve = roc_curve(scores, targets)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)


@settings(max_examples=60, deadline=None)
@given(scored(), st.randoms(use_true_random=False), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_no_measure_depends_on_the_order_of_the_samples(sample, random, tpr):
    scores, targets = sample
    order = list(range(len(scores)))
    random.shuffle(order)
    for measure in (auc, average_precision, lambda s, t: fpr_at_tpr(s, t, tpr)):
        assert measure(scores[order], targets[order]) == measure(scores, targets)


@settings(max_examples=60, deadline=None)
@given(scored(), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_no_measure_depends_on_the_scale_of_the_scores(sample, tpr):
    scores, targets = sample
    for stretched in (np.exp(scores), 3 * scores - 7, scores**3 + scores, scores * 1e-200):
        for measure in (auc, average_precision, lambda s, t: fpr_at_tpr(s, t, tpr)):
            assert measure(stretched, targets) == measure(scores, targets)


@settings(max_examples=60, deadline=None)
@given(scored())
def test_negating_the_scores_mirrors_the_auc(sample):
    scores, targets = sample
    assert auc(-scores, targets) == pytest.approx(1 - auc(scores, targets), abs=1e-12)
    assert auc(-scores, 1 - targets) == pytest.approx(auc(scores, targets), abs=1e-12)


def test_a_constant_score_ranks_nothing():
    targets = [0, 0, 1, 1, 1]
    assert auc(np.zeros(5), targets) == 0.5
    assert average_precision(np.zeros(5), targets) == 0.6
    curve = roc_curve(np.zeros(5), targets)
    assert curve.fpr.tolist() == [0, 1]
    assert curve.tpr.tolist() == [0, 1]


def test_scores_that_differ_only_past_single_precision_are_still_ranked():
    scores = 1.0 - np.array([3e-12, 2e-12, 1e-12])
    assert len(np.unique(scores.astype(np.float32))) == 1
    assert auc(scores, [0, 0, 1]) == 1.0


def test_a_large_offset_changes_nothing():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=500), 3)
    targets = rng.integers(0, 2, 500)
    assert auc(scores * 1024 + 2.0**40, targets) == auc(scores, targets)


def test_scores_at_the_ends_of_floating_point_are_ranked():
    ends = np.array([-1.7e308, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, 1.7e308])
    targets = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    ranks = np.array([0, 1, 2, 3, 3, 4, 5, 6])
    for measure in (auc, average_precision, lambda s, t: fpr_at_tpr(s, t, 1.0)):
        assert measure(ends, targets) == measure(ranks, targets)
    curve = roc_curve(ends, targets)
    assert curve.thresholds.tolist() == [np.inf, 1.7e308, 1, 5e-324, 0, -5e-324, -1, -1.7e308]


@settings(max_examples=60, deadline=None)
@given(scored(distinct=6))
def test_more_positives_than_negatives_are_counted_as_well(sample):
    scores, targets = np.tile(sample[0], 5), np.tile(sample[1], 5)
    targets[: len(sample[0]) * 4] |= 1
    if targets.all():
        targets[-1] = 0
    curve = roc_curve(scores, targets)
    fpr, tpr, thresholds = reference.roc_curve(targets, scores, drop_intermediate=False)
    np.testing.assert_allclose([curve.fpr, curve.tpr], [fpr, tpr], atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
