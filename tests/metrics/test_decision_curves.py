"""Net benefit against counting, and the properties that define a decision curve."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.calibration import shift_prior
from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.decision_curves import decision_curve, net_benefit


def made(n=400, seed=0):
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < 0.3).astype(int)
    return np.round(rng.beta(1 + 2 * targets, 2), 2), targets


def naive(probabilities, targets, threshold):
    real = false = 0
    for probability, target in zip(probabilities, targets, strict=True):
        if probability >= threshold:
            real += target == 1
            false += target == 0
    return (real - false * threshold / (1 - threshold)) / len(targets)


def test_net_benefit_is_counted_case_by_case():
    probabilities, targets = made()
    for threshold in (0.0, 0.05, 0.3, 0.5, 0.77, 0.99):
        value = net_benefit(probabilities, targets, threshold)
        assert value == pytest.approx(naive(probabilities, targets, threshold), abs=1e-12)


def test_the_curve_holds_the_net_benefit_of_each_threshold():
    probabilities, targets = made()
    curve = decision_curve(probabilities, targets)
    assert curve.thresholds.tolist() == [k / 100 for k in range(1, 100)]
    for threshold, model, everyone in zip(
        curve.thresholds, curve.model, curve.everyone, strict=True
    ):
        assert model == pytest.approx(naive(probabilities, targets, threshold), abs=1e-12)
        assert everyone == pytest.approx(naive(np.ones(len(targets)), targets, threshold))
    assert not curve.nobody.any()
    assert curve.prevalence == targets.mean()


def test_acting_on_everyone_breaks_even_where_the_threshold_is_the_prevalence():
    probabilities, targets = made()
    curve = decision_curve(probabilities, targets, [targets.mean()])
    assert curve.everyone[0] == pytest.approx(0.0, abs=1e-15)


def test_another_prevalence_weighs_the_classes():
    probabilities, targets = made()
    rows = np.concatenate([np.flatnonzero(targets == 1)] + [np.flatnonzero(targets == 0)] * 7)
    n1, n0 = (targets == 1).sum(), 7 * (targets == 0).sum()
    repeated = decision_curve(probabilities[rows], targets[rows])
    weighed = decision_curve(probabilities, targets, prevalence=n1 / (n1 + n0))
    np.testing.assert_allclose(weighed.model, repeated.model, atol=1e-12)
    np.testing.assert_allclose(weighed.everyone, repeated.everyone, atol=1e-12)


def test_weights_are_repeated_rows():
    probabilities, targets = made()
    weights = np.random.default_rng(1).integers(0, 4, len(targets))
    rows = np.repeat(np.arange(len(targets)), weights)
    weighed = decision_curve(probabilities, targets, weights=weights)
    repeated = decision_curve(probabilities[rows], targets[rows])
    np.testing.assert_allclose(weighed.model, repeated.model, atol=1e-12)
    assert weighed.prevalence == pytest.approx(repeated.prevalence)
    assert net_benefit(probabilities, targets, 0.2, weights=weights) == pytest.approx(
        net_benefit(probabilities[rows], targets[rows], 0.2)
    )


def test_probabilities_shifted_to_the_prevalence_are_no_worse_than_everyone_or_nobody():
    rng = np.random.default_rng(3)
    probabilities = rng.uniform(0.02, 0.98, 200_000)
    targets = (rng.random(len(probabilities)) < probabilities).astype(int)
    there = shift_prior(probabilities, before=0.5, after=0.02)
    levels = np.array([0.01, 0.03, 0.1])
    curve = decision_curve(there, targets, levels, prevalence=0.02)
    assert (curve.model > np.maximum(curve.everyone, 0)).all()
    unshifted = decision_curve(probabilities, targets, levels, prevalence=0.02)
    assert (curve.model > unshifted.model).all()


def test_scores_that_are_no_probabilities_are_sent_to_calibration():
    with pytest.raises(MetricError, match="Calibrate them first"):
        decision_curve([-2.0, 3.0], [0, 1])
    with pytest.raises(MetricError, match="finite"):
        decision_curve([np.nan, 0.5], [0, 1])
    with pytest.raises(MetricError, match="none of the 2 targets is critical"):
        net_benefit([0.1, 0.5], [0, 0], 0.2)
    with pytest.raises(MetricError, match="shape"):
        net_benefit([[0.1, 0.5]], [0, 1], 0.2)


@pytest.mark.parametrize("thresholds", [[1.0], [-0.1], [np.nan], [], [[0.1]]])
def test_thresholds_that_state_no_rate_of_exchange_are_refused(thresholds):
    with pytest.raises(ConfigurationError, match="threshold"):
        decision_curve([0.1, 0.5], [0, 1], thresholds)


def test_a_prevalence_out_of_range_is_refused():
    with pytest.raises(ConfigurationError, match="prevalence"):
        decision_curve([0.1, 0.5], [0, 1], prevalence=0)
