"""The cost curve against the least cost over every threshold, and against its chosen threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import auc, rates_at, roc_curve
from rarecall.metrics.cost_curves import cost_curve, probability_cost
from rarecall.roles import ValidationScores
from rarecall.thresholds import cost_threshold

PLACES = np.linspace(0, 1, 41)


def naive(scores, targets, place):
    """The least of all lines, one a threshold."""
    curve = roc_curve(scores, targets)
    return np.min((1 - curve.tpr) * place + curve.fpr * (1 - place))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_curve_is_the_least_cost_over_all_thresholds(data):
    n = data.draw(st.integers(2, 40))
    grid = data.draw(st.sampled_from([1, 3, 20, 1000]))
    scores = np.array(data.draw(st.lists(st.integers(0, grid), min_size=n, max_size=n)), float)
    targets = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    targets[:2] = [1, 0]
    curve = cost_curve(scores, targets)
    assert curve.probability_cost[0] == 0.0
    assert curve.probability_cost[-1] == 1.0
    assert (np.diff(curve.probability_cost) > 0).all()
    assert (np.diff(curve.thresholds) < 0).all()
    expected = [naive(scores, targets, place) for place in PLACES]
    np.testing.assert_allclose(curve.cost_at(PLACES), expected, atol=1e-12)


def test_each_stretch_has_the_threshold_that_reaches_its_cost():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 300)
    scores = rng.normal(targets)
    curve = cost_curve(scores, targets)
    middles = (curve.probability_cost[1:] + curve.probability_cost[:-1]) / 2
    for place, tpr, fpr in zip(middles, curve.tpr, curve.fpr, strict=True):
        point = rates_at(scores, targets, curve.threshold_at(place))
        assert (point.tpr, point.fpr) == (tpr, fpr)
        assert curve.cost_at(place) == pytest.approx((1 - tpr) * place + fpr * (1 - place))


def test_it_never_costs_more_than_flagging_all_or_none():
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 200)
    costs = cost_curve(-rng.normal(targets), targets).cost_at(PLACES)
    assert (costs <= np.minimum(PLACES, 1 - PLACES) + 1e-15).all()


def test_a_perfect_ranking_costs_nothing_and_a_constant_one_all_or_none():
    perfect = cost_curve([1, 2, 3, 4], [0, 0, 1, 1])
    assert not perfect.cost.any()
    assert perfect.thresholds.tolist() == [3.0]
    constant = cost_curve(np.zeros(10), np.arange(10) < 3)
    np.testing.assert_allclose(constant.cost_at(PLACES), np.minimum(PLACES, 1 - PLACES))
    assert constant.thresholds.tolist() == [np.inf, 0.0]


def test_the_best_threshold_costs_what_cost_threshold_finds():
    rng = np.random.default_rng(2)
    targets = (rng.random(400) < 0.1).astype(int)
    scores = rng.normal(2 * targets)
    curve = cost_curve(scores, targets)
    for miss, alarm, prevalence in [(10, 1, 0.1), (1, 1, 0.01), (500, 2, 0.3)]:
        found = cost_threshold(
            ValidationScores(scores, targets, np.arange(400).astype(str)),
            miss_cost=miss,
            alarm_cost=alarm,
            prevalence=prevalence,
        )
        place = probability_cost(prevalence, miss, alarm)
        most = prevalence * miss + (1 - prevalence) * alarm
        assert curve.cost_at(place) * most * 1000 == pytest.approx(found.cost)
        point = rates_at(scores, targets, curve.threshold_at(place))
        assert (point.tpr, point.fpr) == pytest.approx((found.tpr, found.fpr))


def test_the_corners_lie_on_the_convex_hull_whose_area_is_no_less_than_the_auc():
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 2, 500)
    scores = rng.normal(targets)
    curve = cost_curve(scores, targets)
    assert trapezoid([0, *curve.tpr, 1], [0, *curve.fpr, 1]) > auc(scores, targets)


def test_weights_are_repeated_rows():
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 200)
    scores = np.round(rng.normal(targets), 1)
    weights = rng.integers(0, 4, 200)
    rows = np.repeat(np.arange(200), weights)
    weighed = cost_curve(scores, targets, weights=weights)
    repeated = cost_curve(scores[rows], targets[rows])
    np.testing.assert_allclose(weighed.cost_at(PLACES), repeated.cost_at(PLACES), atol=1e-12)
    assert weighed.thresholds.tolist() == repeated.thresholds.tolist()


def test_huge_and_tiny_scores_keep_their_order():
    scores = np.array([-1e300, 5e-324, 0.0, 1e300])
    assert cost_curve(scores, [0, 1, 0, 1]).thresholds.tolist() == [5e-324]


def test_bad_input_is_refused():
    with pytest.raises(MetricError, match="finite"):
        cost_curve([np.inf, 1.0], [0, 1])
    with pytest.raises(MetricError, match="both classes"):
        cost_curve([0.0, 1.0], [1, 1])
    with pytest.raises(ConfigurationError, match="prevalence"):
        probability_cost(0, 1, 1)
    for costs in [(0, 1), (1, np.inf), (np.nan, 1), (1, -2)]:
        with pytest.raises(ConfigurationError, match="_cost must be"):
            probability_cost(0.1, *costs)


def test_extreme_prices_stay_within_the_curve():
    assert probability_cost(0.5, 1e308, 1e-308) == 1.0
    assert probability_cost(0.5, 1e-308, 1e308) == 0.0
