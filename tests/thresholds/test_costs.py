"""The threshold with the lowest expected cost, against trying every threshold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import CalibrationScores, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import cost_threshold


def scored(positives, negatives, role=ValidationScores, groups=None, weights=None):
    scores = np.concatenate([positives, negatives]).astype(float)
    targets = np.repeat([1, 0], [len(positives), len(negatives)])
    ids = np.arange(len(scores)).astype(str)
    groups = None if groups is None else np.asarray(groups).astype(str)
    return role(scores, targets, ids, groups, weights)


def naive_cost(data, threshold, miss_cost, alarm_cost, prevalence):
    """Per 1000 cases, one case at a time."""
    weights = np.ones(len(data.scores)) if data.weights is None else data.weights
    lost, of, raised, among = 0.0, 0.0, 0.0, 0.0
    for score, target, weight in zip(data.scores, data.targets, weights, strict=True):
        if target == 1:
            of += weight
            lost += weight * (score < threshold)
        else:
            among += weight
            raised += weight * (score >= threshold)
    if prevalence is None:
        prevalence = of / (of + among)
    return 1000 * (
        prevalence * miss_cost * lost / of + (1 - prevalence) * alarm_cost * raised / among
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-5, 5)), min_size=2, max_size=30),
    st.integers(1, 29),
    st.sampled_from([(1, 1), (20, 1), (1, 7.5)]),
    st.sampled_from([None, 0.01, 0.5]),
    st.booleans(),
)
def test_no_threshold_costs_less(values, split, prices, prevalence, weighted):
    # Between neighbouring floats there is no middle, and the lower score is flagged too.
    distinct = np.unique(values)
    assume((distinct[:-1] / 2 + distinct[1:] / 2 > distinct[:-1]).all())
    split = min(split, len(values) - 1)
    weights = 0.5 + np.arange(len(values)) % 3 if weighted else None
    data = scored(values[:split], values[split:], weights=weights)
    found = cost_threshold(data, miss_cost=prices[0], alarm_cost=prices[1], prevalence=prevalence)
    tried = [naive_cost(data, t, *prices, prevalence) for t in [*values, np.inf]]
    assert found.cost == pytest.approx(min(tried), abs=1e-9)
    assert naive_cost(data, found.value, *prices, prevalence) == pytest.approx(found.cost, abs=1e-9)
    assert found.cost_of_all == pytest.approx(
        naive_cost(data, -np.inf, *prices, prevalence), abs=1e-9
    )
    assert found.cost_of_none == pytest.approx(tried[-1], abs=1e-9)


def test_dear_misses_flag_everything_and_dear_alarms_nothing():
    data = scored([0.0, 1, 2], [0.5, 1.5, 3.0])
    everything = cost_threshold(data, miss_cost=1e6, alarm_cost=1)
    assert (everything.tpr, everything.fpr, everything.cost) == (1.0, 1.0, 500.0)
    assert everything.value < 0.0
    nothing = cost_threshold(data, miss_cost=1, alarm_cost=1e6)
    assert (nothing.tpr, nothing.fpr) == (0.0, 0.0)
    assert nothing.cost == pytest.approx(500.0)
    assert np.isfinite(nothing.value)
    assert nothing.value > 3.0


def test_of_equal_costs_the_lowest_threshold_is_taken():
    # At 1:1 flagging all costs 500 and flagging none too.
    assert cost_threshold(scored([0.0], [1.0]), miss_cost=1, alarm_cost=1).tpr == 1.0
    assert cost_threshold(scored([5.0] * 3, [5.0] * 3), miss_cost=0.3, alarm_cost=0.3).tpr == 1.0


def test_the_prevalence_reweights_the_classes():
    rng = np.random.default_rng(0)
    data = scored(rng.normal(2, 1, 500), rng.normal(0, 1, 500))
    common = cost_threshold(data, miss_cost=10, alarm_cost=1)
    rare = cost_threshold(data, miss_cost=10, alarm_cost=1, prevalence=0.01)
    assert (common.prevalence, rare.prevalence) == (0.5, 0.01)
    # Normal classes: the best threshold is 1 + ln(odds against * price ratio) / 2.
    assert common.value == pytest.approx(1 + np.log(1 / 10) / 2, abs=0.35)
    assert rare.value == pytest.approx(1 + np.log(99 / 10) / 2, abs=0.35)
    assert "prevalence of 1%" in rare.statement


def test_an_integer_weight_is_a_repeated_row():
    rng = np.random.default_rng(1)
    positives, negatives = rng.normal(1, 1, 20), rng.normal(0, 1, 30)
    weights = rng.integers(1, 4, 50)
    once = cost_threshold(scored(positives, negatives, weights=weights), miss_cost=3, alarm_cost=1)
    repeated = cost_threshold(
        scored(np.repeat(positives, weights[:20]), np.repeat(negatives, weights[20:])),
        miss_cost=3,
        alarm_cost=1,
    )
    assert once.value == repeated.value
    for name in ("cost", "tpr", "fpr", "prevalence"):
        assert getattr(once, name) == pytest.approx(getattr(repeated, name), abs=1e-12)


def test_with_groups_a_case_is_a_group():
    data = scored([1.0, 9.0], [0.0, 8.0, 2.0], groups=["a", "a", "b", "b", "c"])
    found = cost_threshold(data, miss_cost=1, alarm_cost=1)
    assert (found.unit, found.n_positives, found.n_negatives) == ("group", 1, 2)
    assert (found.value, found.cost) == (8.5, 0.0)


def test_it_carries_no_guarantee_and_says_so():
    found = cost_threshold(scored([1.0], [0.0], role=CalibrationScores), miss_cost=2, alarm_cost=1)
    assert found.guaranteed is False
    assert "no guarantee" in found.statement
    assert "calibration part" in found.statement
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["role"] == "calibration"


@pytest.mark.parametrize("role", [TrainScores, TestScores])
def test_training_and_test_scores_may_not_choose(role):
    with pytest.raises(TypeError, match="ValidationScores or CalibrationScores"):
        cost_threshold(scored([1.0], [0.0], role=role), miss_cost=1, alarm_cost=1)


def test_bad_prices_prevalences_scores_and_weights_are_refused():
    data = scored([1.0], [0.0])
    for price in (0, -1, np.inf, np.nan):
        with pytest.raises(ConfigurationError, match="miss_cost"):
            cost_threshold(data, miss_cost=price, alarm_cost=1)
        with pytest.raises(ConfigurationError, match="alarm_cost"):
            cost_threshold(data, miss_cost=1, alarm_cost=price)
    for prevalence in (0.0, 1.0, 5):
        with pytest.raises(ConfigurationError, match="prevalence"):
            cost_threshold(data, miss_cost=1, alarm_cost=1, prevalence=prevalence)
    with pytest.raises(MetricError, match="finite"):
        cost_threshold(scored([np.nan], [0.0]), miss_cost=1, alarm_cost=1)
    grouped = scored([1.0], [0.0], groups=["a", "a"])
    with pytest.raises(MetricError, match="Every group"):
        cost_threshold(grouped, miss_cost=1, alarm_cost=1)
    weightless = scored([1.0], [0.0], weights=[0.0, 1.0])
    with pytest.raises(DataError, match="weigh nothing"):
        cost_threshold(weightless, miss_cost=1, alarm_cost=1)
    muddled = scored([1.0], [0.0], weights=[1.0, 1.0], groups=["a", "b"])
    with pytest.raises(DataError, match="weights and groups"):
        cost_threshold(muddled, miss_cost=1, alarm_cost=1)
