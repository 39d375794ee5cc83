"""The threshold that promises nothing: right on the samples at hand, and labelled."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.metrics import operating_point
from rarecall.roles import CalibrationScores, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import empirical_threshold, guaranteed_threshold


def scored(positives, negatives=(-1e3,), role=ValidationScores, groups=None, weights=None):
    scores = np.concatenate([positives, negatives]).astype(float)
    targets = np.repeat([1, 0], [len(positives), len(negatives)])
    ids = np.arange(len(scores)).astype(str)
    groups = None if groups is None else np.asarray(groups).astype(str)
    return role(scores, targets, ids, groups, weights)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-5, 5)), min_size=2, max_size=60),
    st.integers(1, 59),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_it_flags_what_the_operating_point_flags(values, split, tpr):
    split = min(split, len(values) - 1)
    data = scored(values[:split], values[split:])
    choice = empirical_threshold(data, tpr=tpr)
    point = operating_point(data.scores, data.targets, tpr)
    positives = np.sort(values[:split])
    assert positives[choice.rank - 1] == point.threshold
    assert choice.value <= point.threshold
    assert np.mean(positives >= choice.value) >= tpr
    between = (data.scores > choice.value) & (data.scores < point.threshold)
    assert not between.any()


def test_it_is_the_one_that_is_given_where_a_guarantee_is_out_of_reach():
    data = scored(np.random.default_rng(0).normal(size=40), role=CalibrationScores)
    one, other = empirical_threshold(data, tpr=0.95), guaranteed_threshold(data, tpr=0.95)
    assert (one.value, one.rank, one.needed) == (other.value, other.rank, other.needed)


def test_it_never_carries_a_guarantee_however_many_samples_there_are():
    choice = empirical_threshold(scored(np.arange(5000)), tpr=0.95)
    assert choice.guaranteed is False
    assert "no guarantee" in choice.statement
    assert "validation samples at hand" in choice.statement
    assert choice.assumption.startswith("None")
    assert json.loads(json.dumps(choice.to_dict(), allow_nan=False))["rank"] == 251


def test_an_integer_weight_is_a_repeated_row():
    rng = np.random.default_rng(2)
    for seed in range(50):
        positives = np.random.default_rng(seed).integers(0, 9, 20).astype(float)
        weights = rng.integers(0, 4, 21)
        weights[0] = 1
        once = empirical_threshold(scored(positives, weights=weights), tpr=0.8)
        again = empirical_threshold(scored(np.repeat(positives, weights[:20])), tpr=0.8)
        flagged = np.repeat(positives, weights[:20])
        assert np.array_equal(flagged >= once.value, flagged >= again.value)


def test_groups_are_counted():
    data = scored(np.arange(40.0), groups=[*np.repeat(np.arange(20), 2), 99])
    choice = empirical_threshold(data, tpr=0.95)
    assert (choice.unit, choice.n_positives, choice.rank) == ("group", 20, 2)
    assert choice.value == 2.5


@pytest.mark.parametrize("role", [TrainScores, TestScores])
def test_training_and_test_scores_may_not_choose(role):
    with pytest.raises(TypeError, match=f"{role.__name__} came"):
        empirical_threshold(scored([1.0], role=role), tpr=0.9)
    with pytest.raises(TypeError, match="ndarray came"):
        empirical_threshold(np.arange(3.0), tpr=0.9)


def test_bad_rates_scores_and_weights_are_refused():
    for tpr in (0.0, 1.0, 95):
        with pytest.raises(ConfigurationError):
            empirical_threshold(scored([1.0]), tpr=tpr)
    with pytest.raises(MetricError, match="finite"):
        empirical_threshold(scored([np.inf]), tpr=0.9)
    with pytest.raises(DataError, match="weigh nothing"):
        empirical_threshold(scored([1.0], weights=[0.0, 1.0]), tpr=0.9)
    with pytest.raises(DataError, match="weights and groups"):
        empirical_threshold(scored([1.0], weights=[1, 1], groups=["a", "b"]), tpr=0.9)
