"""The threshold with a guaranteed FPR: the mirror image of the one with a guaranteed TPR."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import CalibrationScores, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import (
    guaranteed_fpr_threshold,
    guaranteed_threshold,
    negatives_needed,
    positives_needed,
)
from rarecall.thresholds.order_statistics import gap_above


def calibration(negatives, positives=(1e3,), groups=None, role=CalibrationScores, weights=None):
    scores = np.concatenate([negatives, positives]).astype(float)
    targets = np.repeat([0, 1], [len(negatives), len(positives)])
    ids = np.arange(len(scores)).astype(str)
    groups = None if groups is None else np.asarray(groups).astype(str)
    return role(scores, targets, ids, groups, weights)


@pytest.mark.parametrize(
    ("fpr", "confidence", "n"),
    [(0.05, 0.95, 59), (0.02, 0.95, 149), (0.1, 0.95, 29), (0.5, 0.75, 2), (0.001, 0.95, 2995)],
)
def test_the_numbers_of_negatives_needed_are_the_known_ones(fpr, confidence, n):
    assert negatives_needed(fpr, confidence) == n
    assert n == positives_needed(1 - fpr, confidence)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 999), st.integers(1, 999))
def test_the_number_needed_is_the_smallest_that_suffices(fpr, confidence):
    n = negatives_needed(fpr / 1000, confidence / 1000)
    kept = 1000 - fpr
    assert kept**n * 1000 <= (1000 - confidence) * 1000**n
    assert n == 1 or kept ** (n - 1) * 1000 > (1000 - confidence) * 1000 ** (n - 1)


@pytest.mark.parametrize("fpr", [0.1, 0.05, 0.01])
@pytest.mark.parametrize("extra", [0, 1, 40, 500, 3000])
def test_the_rank_is_the_largest_that_keeps_the_confidence(fpr, extra):
    n = negatives_needed(fpr) + extra
    choice = guaranteed_fpr_threshold(calibration(np.arange(n), [-1.0, 9e9]), fpr=fpr)
    assert choice.guaranteed
    assert binom.sf(choice.rank - 1, n, fpr) >= 0.95
    assert binom.sf(choice.rank, n, fpr) < 0.95
    assert np.sum(np.arange(n) >= choice.value) == choice.rank - 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)), min_size=40),
    st.sampled_from([0.05, 0.1, 0.3]),
)
def test_it_is_the_guaranteed_tpr_of_the_mirrored_problem(values, rate):
    split = len(values) // 2
    rest, negatives = values[:split], values[split:]
    one = guaranteed_fpr_threshold(calibration(negatives, rest), fpr=rate)
    mirrored = calibration(-np.array(rest), -np.array(negatives))
    other = guaranteed_threshold(mirrored, tpr=1 - rate)
    assert (one.needed, one.guaranteed, one.n_negatives) == (
        other.needed,
        other.guaranteed,
        other.n_positives,
    )
    assert one.rank == other.rank
    assert one.value == -other.value


def test_one_negative_too_few_carries_no_guarantee_and_says_how_many_are_needed():
    choice = guaranteed_fpr_threshold(calibration(np.arange(28)), fpr=0.1)
    assert not choice.guaranteed
    assert (choice.n_negatives, choice.needed) == (28, 29)
    for part in ("no guarantee", "29", "28", "at most 10%"):
        assert part in choice.statement
    # 2 of 28 are 7.1%, 3 are 10.7%: the empirical threshold lets 2 through.
    assert choice.value == 25.5
    assert guaranteed_fpr_threshold(calibration(np.arange(29)), fpr=0.1).guaranteed


@pytest.mark.parametrize(("fpr", "through"), [(0.3, 3), (0.29999, 2), (0.1, 1), (0.01, 0)])
def test_the_empirical_threshold_keeps_the_bound_on_the_samples_at_hand(fpr, through):
    choice = guaranteed_fpr_threshold(calibration(np.arange(10)), fpr=fpr, confidence=0.999)
    assert not choice.guaranteed
    assert np.sum(np.arange(10) >= choice.value) == through


def test_tied_negatives_are_all_kept_below_the_threshold():
    choice = guaranteed_fpr_threshold(calibration(np.zeros(40), [0.0, 1.0]), fpr=0.1)
    assert 0.0 < choice.value < 1.0


def test_neighbouring_floats_keep_the_chosen_negative_below_the_threshold():
    low, high = 1.0, np.nextafter(1.0, 2.0)
    choice = guaranteed_fpr_threshold(calibration(np.full(29, low), [high]), fpr=0.1)
    assert choice.value == high


def test_above_the_largest_float_there_is_no_threshold():
    top = np.finfo(float).max
    with pytest.raises(MetricError, match="smaller scale"):
        guaranteed_fpr_threshold(calibration(np.full(29, top), [0.0]), fpr=0.1)
    assert gap_above(-top, np.array([-top, top])) == 0.0


@pytest.mark.parametrize("score", [0.0, 1.0, -4.0, 1e-12, 1e12, -1e300])
def test_with_nothing_above_it_the_threshold_is_a_small_step_above(score):
    value = guaranteed_fpr_threshold(calibration(np.full(29, score), [score]), fpr=0.1).value
    assert value > score
    assert value - score == pytest.approx(1e-6 * (abs(score) or 1.0), rel=1e-3)


def test_groups_without_a_critical_row_are_counted_by_their_highest_row():
    # 29 harmless groups of two rows; group 28's best row is 57.
    groups = [*np.repeat(np.arange(29), 2), 99, 99]
    data = calibration(np.append(np.arange(58.0), 500.0), [1000.0], groups=groups)
    choice = guaranteed_fpr_threshold(data, fpr=0.1)
    assert (choice.unit, choice.n_negatives, choice.guaranteed) == ("group", 29, True)
    # The harmless row of the critical group, 500, is no false alarm but bounds the gap.
    assert choice.value == (57 + 500) / 2
    assert "groups" in choice.statement


def test_where_every_group_is_critical_the_error_says_so():
    data = calibration(np.arange(40), np.arange(40), groups=np.tile(np.arange(40), 2))
    with pytest.raises(MetricError, match="Every group has a critical row"):
        guaranteed_fpr_threshold(data, fpr=0.1)


@pytest.mark.parametrize("role", [TrainScores, ValidationScores, TestScores])
def test_only_calibration_scores_carry_a_guarantee(role):
    with pytest.raises(TypeError, match=f"CalibrationScores.*{role.__name__} came"):
        guaranteed_fpr_threshold(calibration(np.arange(100), role=role), fpr=0.1)


def test_weighted_scores_are_refused_with_the_reason():
    with pytest.raises(DataError, match="weighted samples cannot be counted"):
        guaranteed_fpr_threshold(calibration(np.arange(99), weights=np.ones(100)), fpr=0.1)
    with pytest.raises(DataError, match="weighted samples cannot be counted"):
        guaranteed_threshold(calibration(np.arange(99), weights=np.ones(100)), tpr=0.9)


@pytest.mark.parametrize(("fpr", "confidence"), [(0.0, 0.95), (1.0, 0.95), (5, 0.95), (0.1, 1.0)])
def test_a_promise_that_no_data_could_keep_is_refused(fpr, confidence):
    with pytest.raises(ConfigurationError):
        guaranteed_fpr_threshold(calibration(np.arange(100)), fpr=fpr, confidence=confidence)
    with pytest.raises(ConfigurationError):
        negatives_needed(fpr, confidence)


def test_scores_that_cannot_be_ranked_and_a_missing_class_are_refused():
    with pytest.raises(MetricError, match="finite"):
        guaranteed_fpr_threshold(calibration([np.nan, 1.0]), fpr=0.1)
    with pytest.raises(MetricError, match="both classes"):
        guaranteed_fpr_threshold(calibration(np.arange(50), []), fpr=0.1)


def test_the_choice_is_plain_json_and_a_time_split_is_labelled():
    choice = guaranteed_fpr_threshold(calibration(np.arange(80)), fpr=0.1, time_split=True)
    stored = json.loads(json.dumps(choice.to_dict(), allow_nan=False))
    assert stored["value"] == choice.value
    assert set(stored) == set(choice.__dataclass_fields__)
    assert "No drift assumed" in choice.assumption
    assert (
        "No drift" not in guaranteed_fpr_threshold(calibration(np.arange(80)), fpr=0.1).assumption
    )
    tpr = guaranteed_threshold(calibration(np.arange(80)), tpr=0.1, time_split=True)
    assert "No drift assumed" in tpr.assumption
