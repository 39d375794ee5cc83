"""Weights: a row that counts twice is the row twice, for every measure that takes them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from rarecall import metrics
from rarecall.errors import MetricError
from rarecall.metrics import (
    auc,
    average_precision,
    balanced_accuracy_at,
    best_balanced_accuracy,
    best_f_score,
    best_g_mean,
    brier_decomposition,
    brier_score,
    calibration_error,
    cost_curve,
    decision_curve,
    f_score,
    fpr_at_tpr,
    g_mean_at,
    net_benefit,
    operating_point,
    partial_auc,
    precision_at_recall,
    rates_at,
    reliability_curve,
    roc_curve,
    tpr_at_fpr,
)

SCALARS = {
    "auc": auc,
    "average_precision": average_precision,
    "fpr_at_tpr": lambda s, y, **w: fpr_at_tpr(s, y, 0.8, **w),
    "operating_point": lambda s, y, **w: operating_point(s, y, 0.6, **w).threshold,
    "rates_at": lambda s, y, **w: rates_at(s, y, 0.4, **w).fpr,
    "tpr_at_fpr": lambda s, y, **w: tpr_at_fpr(s, y, 0.3, **w),
    "precision_at_recall": lambda s, y, **w: precision_at_recall(s, y, 0.7, **w),
    "partial_auc": lambda s, y, **w: partial_auc(s, y, max_fpr=0.35, min_tpr=0.25, **w),
    "f_score": lambda s, y, **w: f_score(s, y, 0.4, 2.0, **w),
    "best_f_score": lambda s, y, **w: best_f_score(s, y, **w).value,
    "balanced_accuracy_at": lambda s, y, **w: balanced_accuracy_at(s, y, 0.4, **w),
    "best_balanced_accuracy": lambda s, y, **w: best_balanced_accuracy(s, y, **w).value,
    "g_mean_at": lambda s, y, **w: g_mean_at(s, y, 0.4, **w),
    "best_g_mean": lambda s, y, **w: best_g_mean(s, y, **w).value,
    "brier_score": brier_score,
    "brier_decomposition": lambda s, y, **w: brier_decomposition(s, y, bins=4, **w).resolution,
    "calibration_error": lambda s, y, **w: calibration_error(s, y, bins=3, **w),
    "reliability_curve": lambda s, y, **w: reliability_curve(s, y, bins=3, **w).rate.sum(),
    "net_benefit": lambda s, y, **w: net_benefit(s, y, 0.3, **w),
    "decision_curve": lambda s, y, **w: decision_curve(s, y, **w).model.sum(),
    "cost_curve": lambda s, y, **w: cost_curve(s, y, **w).cost_at([0.2, 0.5, 0.7]).sum(),
    "roc_curve": lambda s, y, **w: roc_curve(s, y, **w).tpr.sum(),
}


@st.composite
def weighed(draw):
    """Scores in [0, 1] with ties, targets of both classes, and small whole weights."""
    n = draw(st.integers(2, 40))
    scores = draw(st.lists(st.integers(0, 16), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    targets[:2], weights[:2] = [1, 0], [2, 1]
    return np.array(scores) / 16, np.array(targets), np.array(weights)


def test_every_measure_that_takes_weights_is_held_to_the_rule():
    takes = {
        name
        for name in metrics.__all__
        if inspect.isfunction(value := getattr(metrics, name))
        and "weights" in inspect.signature(value).parameters
    }
    assert takes == set(SCALARS)


@pytest.mark.parametrize("name", SCALARS)
@settings(max_examples=40, deadline=None)
@given(sample=weighed())
def test_a_whole_weight_is_the_row_so_many_times(name, sample):
    scores, targets, weights = sample
    rows = np.repeat(np.arange(len(scores)), weights)
    expected = SCALARS[name](scores[rows], targets[rows])
    assert SCALARS[name](scores, targets, weights=weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", SCALARS)
def test_weights_of_one_change_nothing_and_their_unit_does_not_matter(name):
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 300)
    scores = np.round(rng.beta(1 + targets, 2), 2)
    plain = SCALARS[name](scores, targets)
    assert SCALARS[name](scores, targets, weights=np.ones(300)) == pytest.approx(plain, abs=1e-12)
    weights = rng.exponential(size=300)
    one = SCALARS[name](scores, targets, weights=weights)
    for unit in (1e-9, 0.1, 3e12):
        other = SCALARS[name](scores, targets, weights=unit * weights)
        assert other == pytest.approx(one, abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(weighed(), st.integers(0, 2**32 - 1))
def test_weighted_measures_are_scikit_learns(sample, seed):
    scores, targets, _ = sample
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, len(scores))
    curve = roc_curve(scores, targets, weights=weights)
    expected = reference.roc_curve(targets, scores, sample_weight=weights, drop_intermediate=False)
    for mine, theirs in zip((curve.fpr, curve.tpr), expected, strict=False):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, expected[2])
    pairs = [
        (auc, reference.roc_auc_score),
        (average_precision, reference.average_precision_score),
        (brier_score, reference.brier_score_loss),
    ]
    for mine, theirs in pairs:
        assert mine(scores, targets, weights=weights) == pytest.approx(
            theirs(targets, scores, sample_weight=weights), abs=1e-12
        )
    flagged = (scores >= 0.4).astype(int)
    assert f_score(scores, targets, 0.4, 2.0, weights=weights) == pytest.approx(
        reference.fbeta_score(targets, flagged, beta=2.0, sample_weight=weights, zero_division=0),
        abs=1e-12,
    )


def test_a_row_that_weighs_nothing_makes_no_point_of_the_curve():
    curve = roc_curve([1, 2, 3, 4], [0, 1, 0, 1], weights=[1, 1, 0, 1])
    assert curve.thresholds.tolist() == [np.inf, 4, 2, 1]
    assert auc([1, 2, 3, 4], [0, 1, 0, 1], weights=[1, 1, 0, 1]) == 1.0


def test_the_rates_of_the_operating_point_are_those_at_its_threshold():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 2000)
    scores, weights = rng.normal(targets), rng.exponential(size=2000)
    for tpr in (0.1, 0.5, 0.95, 1.0):
        point = operating_point(scores, targets, tpr, weights=weights)
        assert point == rates_at(scores, targets, point.threshold, weights=weights)
        assert point.tpr >= tpr - 1e-12
        above = np.nextafter(point.threshold, np.inf)
        assert rates_at(scores, targets, above, weights=weights).tpr < tpr


def test_equal_weights_that_no_float_holds_ask_for_no_row_more():
    scores, targets = np.arange(200.0), np.repeat([0, 1], 100)
    for tpr in (0.07, 0.29, 0.57, 0.95, 1.0):
        weighted = operating_point(scores, targets, tpr, weights=np.full(200, 0.1))
        assert weighted.threshold == operating_point(scores, targets, tpr).threshold


def test_flagging_all_gives_rates_of_one_however_the_weights_round():
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 10_000)
    weights = rng.exponential(size=10_000) ** 9
    point = rates_at(rng.normal(size=10_000), targets, -np.inf, weights=weights)
    assert (point.tpr, point.fpr) == (1.0, 1.0)


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([1, 1, -0.5, 1], r"at least 0.*1 are negative, the first, -0\.5, at position 2"),
        ([1, np.nan, 1, 1], "weights must be finite"),
        ([1, np.inf, 1, 1], "weights must be finite"),
        ([1, 1, 1], r"weights must have shape \(4,\)"),
        ([[1], [1], [1], [1]], r"weights must have shape \(n,\)"),
        ([1, 0, 1, 0], r"critical \(1\) samples sum to 0"),
        ([0, 1, 0, 1], r"non-critical \(0\) samples sum to 0"),
        ([1, 1e308, 1, 1.7e308], "more than can be added up"),
        (["a", "b", "c", "d"], "weights must be real numbers"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_words(name, weights, says):
    with pytest.raises(MetricError, match=says):
        SCALARS[name]([0.1, 0.9, 0.4, 0.8], [0, 1, 0, 1], weights=weights)


def test_the_callers_weights_are_left_alone():
    weights = np.array([1.0, 0.0, 2.0, 1.0])
    auc([0.1, 0.9, 0.4, 0.8], [0, 1, 0, 1], weights=weights)
    assert weights.tolist() == [1, 0, 2, 1]
