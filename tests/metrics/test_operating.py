"""FPR at a required TPR against its definition, and the gate for bad input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import auc, fpr_at_tpr, operating_point, rates_at, roc_curve, smoothed_fpr
from rarecall.metrics.inputs import positives_to_catch

LEVELS = ["0.05", "0.07", "0.5", "0.9", "0.92", "0.95", "0.98", "0.999", "1.0"]


def naive_fpr(scores, targets, numerator, denominator):
    """The least FPR over all thresholds at which enough positives are caught, in integers."""
    positives = [s for s, t in zip(scores, targets, strict=True) if t == 1]
    negatives = [s for s, t in zip(scores, targets, strict=True) if t == 0]
    best = 1.0
    for threshold in positives:
        caught = sum(p >= threshold for p in positives)
        if caught * denominator >= numerator * len(positives):
            best = min(best, sum(q >= threshold for q in negatives) / len(negatives))
    return best


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_fpr_at_tpr_is_the_least_over_thresholds_that_reach_it(data):
    n = data.draw(st.integers(2, 50))
    grid = data.draw(st.sampled_from([1, 3, 10, 1000]))
    scores = np.array(data.draw(st.lists(st.integers(0, grid), min_size=n, max_size=n)))
    targets = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    targets[:2] = [1, 0]
    level = data.draw(st.sampled_from(LEVELS))
    expected = naive_fpr(scores, targets, round(float(level) * 1000), 1000)
    point = operating_point(scores, targets, float(level))
    assert point.fpr == fpr_at_tpr(scores, targets, float(level)) == pytest.approx(expected)
    assert point.tpr >= float(level) - 1e-12
    assert rates_at(scores, targets, point.threshold) == point


@pytest.mark.parametrize("n", [1, 7, 20, 100, 1000, 4000])
def test_no_rounding_error_asks_for_one_positive_more(n):
    for thousandths in range(1, 1001):
        exact = max(1, -(-thousandths * n // 1000))
        assert positives_to_catch(thousandths / 1000, n) == exact


def test_sums_that_miss_a_level_by_a_rounding_error_mean_that_level():
    assert positives_to_catch(0.1 + 0.2, 10) == 3
    assert positives_to_catch(1 - 0.05, 20) == 19


def test_the_rate_is_a_point_of_the_roc_curve_and_not_between_two():
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 300)
    scores = rng.normal(targets)
    curve = roc_curve(scores, targets)
    assert fpr_at_tpr(scores, targets, 0.95) == curve.fpr[curve.tpr >= 0.95 - 1e-12].min()


def test_ties_between_the_classes_count_against_the_model():
    assert fpr_at_tpr([1, 1, 1, 0], [1, 0, 0, 0], 0.95) == pytest.approx(2 / 3)
    assert operating_point([2, 1, 1, 1], [1, 1, 1, 0], 0.5).tpr == 1.0


def test_infinite_thresholds_flag_everything_or_nothing():
    assert rates_at([1, 2], [0, 1], -np.inf).fpr == 1.0
    assert rates_at([1, 2], [0, 1], np.inf).tpr == 0.0
    with pytest.raises(MetricError, match="NaN"):
        rates_at([1, 2], [0, 1], np.nan)


def test_a_constant_score_flags_all():
    assert fpr_at_tpr(np.zeros(30), np.arange(30) % 2, 0.9) == 1.0


def test_the_smoothed_rate_is_the_mean_over_its_band():
    rng = np.random.default_rng(3)
    targets = np.repeat([1, 0], [200, 500])
    scores = rng.normal(1.5 * targets)
    # 91.25% to 98.75% of 200 positives: the 183rd to the 198th largest.
    levels = [fpr_at_tpr(scores, targets, k / 200) for k in range(183, 199)]
    assert smoothed_fpr(scores, targets, 0.95) == pytest.approx(np.mean(levels), abs=1e-12)


@pytest.mark.parametrize("measure", [auc, roc_curve, lambda s, t: fpr_at_tpr(s, t, 0.9)])
@pytest.mark.parametrize(
    ("scores", "targets", "says"),
    [
        ([0.1, np.nan], [0, 1], "1 of 2 are NaN or infinite, the first at position 1"),
        ([-np.inf, 0.0], [0, 1], "NaN or infinite"),
        ([[0.1], [0.2]], [0, 1], r"shape \(n,\)"),
        (0.5, 1, r"shape \(n,\)"),
        ([0.1, 0.2, 0.3], [0, 1], r"shape \(3,\)"),
        ([0.1, 0.2], [1, 1], r"none of the 2 targets is non-critical \(0\)"),
        ([0.1, 0.2], [0, 0], r"none of the 2 targets is critical \(1\)"),
        ([], [], "both classes"),
        ([0.1, 0.2], [0, 2], "1 .critical. or 0; .*2.* came at position 1"),
        ([0.1, 0.2], [0.0, np.nan], "came at position 1"),
        ([0.1, 0.2], ["no", "yes"], "came at position 0"),
        ([0.1, 0.2], [None, 1], "came at position 0"),
        (["a", "b"], [0, 1], "real numbers"),
        ([1j, 0.2], [0, 1], "real numbers"),
        ([[0.1], [0.2, 0.3]], [0, 1], "real numbers"),
    ],
)
def test_scores_that_cannot_be_measured_are_refused_in_words(measure, scores, targets, says):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MetricError, match=says):
            measure(scores, targets)


@pytest.mark.parametrize("tpr", [0.0, -0.1, 1.2, np.nan, np.inf])
def test_an_impossible_rate_is_refused(tpr):
    with pytest.raises(ConfigurationError, match="tpr must be above 0"):
        fpr_at_tpr([0.1, 0.2], [0, 1], tpr)


def test_a_percentage_is_recognised():
    with pytest.raises(ConfigurationError, match=r"For 95% give 0\.95"):
        fpr_at_tpr([0.1, 0.2], [0, 1], 95)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, np.bool_, object])
def test_any_number_type_serves_as_scores_and_targets(kind):
    scores = np.array([0, 0, 1, 1]).astype(kind)
    targets = np.array([0, 1, 1, 1]).astype(kind)
    assert fpr_at_tpr(scores, targets, 0.5) == 0.0
    assert auc(scores, targets) == pytest.approx(5 / 6)


def test_the_callers_arrays_are_left_alone():
    scores, targets = np.array([3.0, 1.0, 2.0]), np.array([1, 0, 1])
    fpr_at_tpr(scores, targets, 0.5)
    assert scores.tolist() == [3.0, 1.0, 2.0]
    assert targets.tolist() == [1, 0, 1]
