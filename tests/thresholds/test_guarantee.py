"""The threshold with a guarantee: numbers needed, ranks, the gap, roles, what it says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import operating_point
from rarecall.roles import CalibrationScores, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import guaranteed_threshold, positives_needed


def calibration(positives, negatives=(-1e3,), groups=None, role=CalibrationScores):
    scores = np.concatenate([positives, negatives]).astype(float)
    targets = np.repeat([1, 0], [len(positives), len(negatives)])
    ids = np.arange(len(scores)).astype(str)
    return role(scores, targets, ids, None if groups is None else np.asarray(groups).astype(str))


@pytest.mark.parametrize(
    ("tpr", "confidence", "n"),
    [(0.95, 0.95, 59), (0.98, 0.95, 149), (0.90, 0.95, 29), (0.5, 0.75, 2), (0.9, 0.1, 1)],
)
def test_the_numbers_needed_are_the_known_ones(tpr, confidence, n):
    assert positives_needed(tpr, confidence) == n


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 999), st.integers(1, 999))
def test_the_number_needed_is_the_smallest_that_suffices(tpr, confidence):
    n = positives_needed(tpr / 1000, confidence / 1000)
    # In integers: tpr^n <= 1 - confidence, exactly.
    assert tpr**n * 1000 <= (1000 - confidence) * 1000**n
    assert n == 1 or tpr ** (n - 1) * 1000 > (1000 - confidence) * 1000 ** (n - 1)


@pytest.mark.parametrize("tpr", [0.9, 0.95, 0.98])
@pytest.mark.parametrize("extra", [0, 1, 40, 500, 3000])
def test_the_rank_is_the_largest_that_keeps_the_confidence(tpr, extra):
    n = positives_needed(tpr) + extra
    choice = guaranteed_threshold(calibration(np.arange(n)), tpr=tpr)
    assert choice.guaranteed
    assert binom.sf(choice.rank - 1, n, 1 - tpr) >= 0.95
    assert binom.sf(choice.rank, n, 1 - tpr) < 0.95
    assert choice.value == (choice.rank - 1.5 if choice.rank > 1 else -500.0)


def test_one_positive_too_few_carries_no_guarantee_and_says_how_many_are_needed():
    choice = guaranteed_threshold(calibration(np.arange(58)), tpr=0.95)
    assert not choice.guaranteed
    assert (choice.n_positives, choice.needed) == (58, 59)
    assert "no guarantee" in choice.statement
    assert "59" in choice.statement
    assert "58" in choice.statement
    # 56 of 58 positives are 96.6%, 55 are 94.8%.
    assert choice.rank == 3
    assert guaranteed_threshold(calibration(np.arange(59)), tpr=0.95).guaranteed


def test_without_a_guarantee_the_empirical_threshold_is_given():
    rng = np.random.default_rng(0)
    given_scores = calibration(rng.normal(2, 1, 40), rng.normal(0, 1, 200))
    choice = guaranteed_threshold(given_scores, tpr=0.95)
    empirical = operating_point(given_scores.scores, given_scores.targets, 0.95)
    assert choice.value < empirical.threshold
    between = (given_scores.scores >= choice.value) & (given_scores.scores < empirical.threshold)
    assert not between.any()


def test_the_threshold_lies_midway_to_the_next_lower_score_of_any_class():
    positives = np.arange(10, 69)
    assert guaranteed_threshold(calibration(positives, [0.0, 9.0]), tpr=0.95).value == 9.5
    assert guaranteed_threshold(calibration(positives, [0.0, 10.0]), tpr=0.95).value == 5.0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(-1, 1),
            st.integers(-3, 3).map(float),
            st.integers(0, 3).map(lambda k: 1.0 + k * np.spacing(1.0)),
        ),
        min_size=2,
        max_size=80,
    ),
    st.integers(1, 78),
)
def test_the_threshold_is_finite_just_below_its_score_and_flags_no_further_one(values, split):
    split = min(split, len(values) - 1)
    given_scores = calibration(values[:split], values[split:])
    choice = guaranteed_threshold(given_scores, tpr=0.9)
    chosen = np.sort(values[:split])[choice.rank - 1]
    assert math.isfinite(choice.value)
    if chosen > -np.finfo(float).max:
        assert choice.value < chosen
    lower = np.array([v for v in values if v < chosen])
    if lower.size and np.nextafter(lower.max(), np.inf) < chosen:
        assert choice.value > lower.max()


def test_neighbouring_floats_keep_the_chosen_score_above_the_threshold():
    low, high = 1.0, np.nextafter(1.0, 2.0)
    choice = guaranteed_threshold(calibration(np.full(59, high), [low]), tpr=0.95)
    assert choice.value == low


def test_huge_scores_do_not_overflow():
    top = np.finfo(float).max
    assert guaranteed_threshold(calibration(np.full(59, top), [-top]), tpr=0.95).value == 0.0
    assert math.isfinite(
        guaranteed_threshold(calibration(np.full(59, -top), [top]), tpr=0.95).value
    )


@pytest.mark.parametrize("score", [0.0, 1.0, -4.0, 1e-12, 1e12])
def test_with_nothing_below_it_the_threshold_is_a_small_step_below(score):
    choice = guaranteed_threshold(calibration(np.full(59, score), [score]), tpr=0.95)
    assert choice.value < score
    assert score - choice.value == pytest.approx(1e-6 * (abs(score) or 1.0), rel=1e-3)


def test_rounding_to_single_precision_does_not_flip_the_chosen_score():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=300)
    choice = guaranteed_threshold(calibration(scores[:100], scores[100:]), tpr=0.95)
    flagged = scores >= choice.value
    assert np.array_equal(scores.astype(np.float32) >= choice.value, flagged)


@pytest.mark.parametrize("role", [TrainScores, ValidationScores, TestScores])
def test_only_calibration_scores_carry_a_guarantee(role):
    with pytest.raises(TypeError, match=f"CalibrationScores.*{role.__name__} came"):
        guaranteed_threshold(calibration(np.arange(100), role=role), tpr=0.95)


def test_a_bare_array_is_refused():
    with pytest.raises(TypeError, match="ndarray came"):
        guaranteed_threshold(np.arange(100), tpr=0.95)


@pytest.mark.parametrize(("tpr", "confidence"), [(1.0, 0.95), (0.95, 1.0), (0.0, 0.9), (95, 0.95)])
def test_a_promise_that_no_data_could_keep_is_refused(tpr, confidence):
    with pytest.raises(ConfigurationError):
        guaranteed_threshold(calibration(np.arange(100)), tpr=tpr, confidence=confidence)
    with pytest.raises(ConfigurationError):
        positives_needed(tpr, confidence)


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(MetricError, match="finite"):
        guaranteed_threshold(calibration([np.inf, 1.0]), tpr=0.95)


def test_groups_are_counted_instead_of_rows():
    positives = np.arange(118.0)
    groups = np.concatenate([np.arange(118) // 2, [999]])
    choice = guaranteed_threshold(calibration(positives, groups=groups), tpr=0.95)
    assert (choice.unit, choice.n_positives, choice.guaranteed) == ("group", 59, True)
    # The best of the lowest group is row 1: row 0 may be missed, its group is still caught.
    assert choice.value == 0.5
    assert "groups" in choice.statement


def test_many_rows_of_few_groups_carry_no_guarantee():
    choice = guaranteed_threshold(
        calibration(np.arange(500.0), groups=np.append(np.arange(500) % 20, 999)), tpr=0.95
    )
    assert not choice.guaranteed
    assert choice.n_positives == 20


def test_any_flagged_row_catches_a_group():
    positives, negatives = np.arange(59.0), np.array([30.5])
    groups = [*range(59), 0]
    choice = guaranteed_threshold(calibration(positives, negatives, groups=groups), tpr=0.95)
    # Group 0's positive row scores 0, its other row 30.5: the lowest group is now group 1.
    assert choice.value == 0.5


def test_the_choice_is_plain_json():
    for n in (10, 80):
        choice = guaranteed_threshold(calibration(np.arange(n)), tpr=0.95)
        stored = json.loads(json.dumps(choice.to_dict(), allow_nan=False))
        assert stored["value"] == choice.value
        assert stored["guaranteed"] is (n == 80)
        assert set(stored) == set(choice.__dataclass_fields__)


def test_the_statement_is_one_sentence_that_names_the_promise():
    choice = guaranteed_threshold(calibration(np.arange(80)), tpr=0.95, confidence=0.9)
    assert choice.statement.count(". ") == 0
    assert choice.statement.endswith(".")
    for part in ("90% confidence", "at least 95%", "80 critical calibration samples"):
        assert part in choice.statement
    assert "exchangeable" in choice.assumption
    assert "neither for training nor for tuning" in choice.assumption
