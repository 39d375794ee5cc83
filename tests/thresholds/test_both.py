"""A TPR and an FPR at once: when there is a threshold, which, and what is said without one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import CalibrationScores, TestScores, ValidationScores
from rarecall.thresholds import guaranteed_fpr_threshold, guaranteed_threshold, threshold_between


def calibration(positives, negatives, groups=None, role=CalibrationScores, weights=None):
    scores = np.concatenate([positives, negatives]).astype(float)
    targets = np.repeat([1, 0], [len(positives), len(negatives)])
    ids = np.arange(len(scores)).astype(str)
    return role(
        scores, targets, ids, None if groups is None else np.asarray(groups).astype(str), weights
    )


def normal(distance, n_positives=200, n_negatives=1000, seed=0):
    rng = np.random.default_rng(seed)
    return calibration(rng.normal(distance, 1, n_positives), rng.normal(0, 1, n_negatives))


def test_each_bound_is_that_of_its_own_guarantee_at_half_of_the_error():
    data = normal(4.0)
    both = threshold_between(data, tpr=0.95, fpr=0.1)
    tpr = guaranteed_threshold(data, tpr=0.95, confidence=0.975)
    fpr = guaranteed_fpr_threshold(data, fpr=0.1, confidence=0.975)
    assert (both.high, both.tpr_rank) == (tpr.value, tpr.rank)
    assert (both.low, both.fpr_rank) == (fpr.value, fpr.rank)
    assert both.satisfiable
    assert both.guaranteed
    assert both.low <= both.value == both.high
    assert (both.positives_needed, both.negatives_needed) == (72, 36)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-4, 4).map(float), st.integers(0, 3).map(lambda k: 1 + k * 2e-16)),
        min_size=20,
        max_size=60,
    ),
    st.integers(5, 15),
    st.sampled_from([(0.6, 0.4), (0.8, 0.3), (0.5, 0.9)]),
)
def test_the_threshold_keeps_both_ranks_and_exists_exactly_when_they_do_not_cross(
    values, split, bounds
):
    positives, negatives = np.sort(values[:split]), np.sort(values[split:])[::-1]
    data = calibration(positives, negatives)
    found = threshold_between(data, tpr=bounds[0], fpr=bounds[1], confidence=0.5)
    if found.tpr_rank is None or found.fpr_rank is None:
        assert found.value is None
        return
    caught, alarm = positives[found.tpr_rank - 1], negatives[found.fpr_rank - 1]
    assert found.satisfiable == (alarm < caught)
    if found.satisfiable:
        assert alarm < found.value <= caught
        assert found.low <= found.value


def test_overlapping_classes_have_no_threshold_and_the_answer_says_what_would_do():
    data = normal(1.0)
    found = threshold_between(data, tpr=0.95, fpr=0.1)
    assert (found.value, found.satisfiable, found.guaranteed) == (None, False, False)
    assert found.low > found.high
    for part in ("No threshold satisfies both", "can be promised", "it takes a better model"):
        assert part in found.statement
    # What is named as achievable is: the same question with it has an answer.
    looser = threshold_between(data, tpr=np.floor(found.achievable_tpr * 1000) / 1000, fpr=0.1)
    assert looser.satisfiable
    assert threshold_between(
        data, tpr=0.95, fpr=np.ceil(found.achievable_fpr * 1000) / 1000
    ).satisfiable


def test_the_achievable_rates_are_one_sided_clopper_pearson_bounds():
    data = normal(1.0)
    found = threshold_between(data, tpr=0.95, fpr=0.1, confidence=0.9)
    positive = data.targets == 1
    hits = np.sum(data.scores[positive] >= found.low)
    alarms = np.sum(data.scores[~positive] >= found.high)
    assert found.achievable_tpr == pytest.approx(beta.ppf(0.05, hits, 200 - hits + 1), abs=1e-12)
    assert found.achievable_fpr == pytest.approx(
        beta.ppf(0.95, alarms + 1, 1000 - alarms), abs=1e-12
    )


def test_where_the_samples_nearly_show_it_more_of_them_may_help():
    found = threshold_between(normal(3.0, n_positives=80), tpr=0.95, fpr=0.1)
    assert not found.satisfiable
    assert "more calibration samples may" in found.statement


@pytest.mark.parametrize(("n_positives", "n_negatives"), [(71, 500), (500, 35), (10, 10)])
def test_too_few_samples_of_either_class_are_named_with_what_it_takes(n_positives, n_negatives):
    found = threshold_between(normal(9.0, n_positives, n_negatives), tpr=0.95, fpr=0.1)
    assert not found.satisfiable
    assert "takes 72 critical and 36 other" in found.statement
    assert f"there are {n_positives} and {n_negatives}" in found.statement
    assert (found.high is None) == (n_positives < 72)
    assert (found.low is None) == (n_negatives < 36)
    assert (found.achievable_tpr is None) == (n_negatives < 36)
    assert (found.achievable_fpr is None) == (n_positives < 72)
    assert "more calibration samples may" in found.statement
    hopeless = threshold_between(normal(0.0, n_positives, n_negatives), tpr=0.95, fpr=0.1)
    assert "it takes a better model" in hopeless.statement
    assert threshold_between(normal(9.0, 72, 36), tpr=0.95, fpr=0.1).satisfiable


def test_neighbouring_floats_leave_room_for_a_threshold_between_them():
    low, high = 1.0, np.nextafter(1.0, 2.0)
    found = threshold_between(calibration(np.full(80, high), np.full(80, low)), tpr=0.95, fpr=0.1)
    assert found.value == found.low == high


def test_constant_scores_satisfy_nothing():
    found = threshold_between(calibration(np.ones(80), np.ones(80)), tpr=0.95, fpr=0.1)
    assert not found.satisfiable
    assert "costs an FPR of 100%" in found.statement


def test_groups_are_counted_in_both_classes():
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.repeat(np.arange(80), 3), 1000 + np.repeat(np.arange(50), 4)])
    data = calibration(rng.normal(9, 1, 240), rng.normal(0, 1, 200), groups)
    found = threshold_between(data, tpr=0.95, fpr=0.1)
    assert (found.unit, found.n_positives, found.n_negatives) == ("group", 80, 50)
    assert found.satisfiable
    assert "critical groups" in found.statement


def test_where_every_group_is_critical_there_is_no_threshold():
    data = calibration(np.arange(80), np.arange(80), groups=np.tile(np.arange(80), 2))
    found = threshold_between(data, tpr=0.95, fpr=0.1)
    assert (found.satisfiable, found.n_negatives, found.achievable_fpr) == (False, 0, None)


def test_the_answer_is_plain_json_either_way():
    for distance in (1.0, 4.0):
        found = threshold_between(normal(distance), tpr=0.95, fpr=0.1, time_split=True)
        stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert stored["value"] == found.value
        assert stored["satisfiable"] is (distance == 4.0)
        assert "No drift assumed" in stored["assumption"]


@pytest.mark.parametrize("role", [ValidationScores, TestScores])
def test_another_role_is_refused(role):
    with pytest.raises(TypeError, match="CalibrationScores"):
        threshold_between(calibration([1.0], [0.0], role=role), tpr=0.9, fpr=0.1)


def test_weights_bad_scores_and_bad_bounds_are_refused():
    with pytest.raises(DataError, match="weighted"):
        threshold_between(calibration([1.0], [0.0], weights=[1, 1]), tpr=0.9, fpr=0.1)
    with pytest.raises(MetricError, match="finite"):
        threshold_between(calibration([np.inf], [0.0]), tpr=0.9, fpr=0.1)
    for bad in ({"tpr": 1.0}, {"fpr": 0.0}, {"confidence": 1.0}, {"confidence": 95}):
        with pytest.raises(ConfigurationError):
            threshold_between(normal(1.0), **{"tpr": 0.9, "fpr": 0.1, **bad})
