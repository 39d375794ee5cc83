"""Another prevalence: the correction against Bayes' rule, the estimate against its likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from scipy.stats import norm

from rarecall.calibration import estimate_prevalence, shift_prior
from rarecall.errors import ConfigurationError, MetricError


def posterior(x, prevalence):
    """Two normal classes, one unit apart twice."""
    critical = prevalence * norm.pdf(x, 2)
    return critical / (critical + (1 - prevalence) * norm.pdf(x, 0))


def draw(n, prevalence, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(2.0 * (rng.random(n) < prevalence))


def test_the_correction_is_bayes_rule():
    x = np.linspace(-4, 6, 200)
    for before, after in [(0.5, 0.01), (0.02, 0.4), (0.3, 0.3)]:
        found = shift_prior(posterior(x, before), before=before, after=after)
        np.testing.assert_allclose(found, posterior(x, after), rtol=1e-9)


def test_the_correction_moves_all_log_odds_by_the_same():
    p = np.linspace(0.01, 0.99, 99)
    moved = logit(shift_prior(p, before=0.2, after=0.05)) - logit(p)
    np.testing.assert_allclose(moved, logit(0.05) - logit(0.2), rtol=1e-9)


def test_there_and_back_changes_nothing_and_certainty_stays():
    p = np.array([0.0, 1e-300, 0.2, 0.9, 1.0])
    there = shift_prior(p, before=0.5, after=0.001)
    np.testing.assert_allclose(shift_prior(there, before=0.001, after=0.5), p, rtol=1e-12)
    assert there[[0, -1]].tolist() == [0.0, 1.0]
    assert shift_prior([], before=0.5, after=0.1).shape == (0,)


def test_bad_values_are_refused():
    with pytest.raises(MetricError, match="Calibrate them first"):
        shift_prior([2.0], before=0.5, after=0.1)
    with pytest.raises(MetricError, match="finite"):
        shift_prior([np.nan], before=0.5, after=0.1)
    with pytest.raises(ConfigurationError, match=r"For 5% give 0\.05"):
        shift_prior([0.5], before=5, after=0.1)
    with pytest.raises(ConfigurationError, match="after"):
        shift_prior([0.5], before=0.5, after=1.0)


@pytest.mark.parametrize("prevalence", [0.01, 0.1, 0.6])
def test_the_estimate_is_where_the_likelihood_is_highest(prevalence):
    x = draw(4000, prevalence, seed=1)
    found = estimate_prevalence(posterior(x, 0.2), before=0.2, n_resamples=50)

    def loss(share):
        return -np.mean(np.log(share * norm.pdf(x, 2) + (1 - share) * norm.pdf(x, 0)))

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-10})
    assert found.converged
    assert found.value == pytest.approx(best.x, abs=1e-5)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(prevalence, abs=0.03)


def test_the_interval_keeps_its_confidence_about():
    held = [
        (found.low <= 0.05 <= found.high)
        for seed in range(200)
        for found in [
            estimate_prevalence(
                posterior(draw(1500, 0.05, seed), 0.3), before=0.3, n_resamples=200, seed=seed
            )
        ]
    ]
    assert np.mean(held) > 0.87


def test_probabilities_that_know_nothing_leave_the_prevalence_where_it_was():
    found = estimate_prevalence(np.full(50, 0.2), before=0.2)
    assert found.value == pytest.approx(0.2)


def test_data_of_one_class_alone_are_seen_as_such():
    sure = estimate_prevalence(np.zeros(30), before=0.5)
    assert (sure.value, sure.low) == (0.0, 0.0)
    assert estimate_prevalence(np.ones(30), before=0.5).value == 1.0
    low = estimate_prevalence(posterior(draw(3000, 1e-9, 0), 0.1), before=0.1)
    assert low.value < 0.01


def test_one_sample_and_many_ties_are_fine():
    assert 0 <= estimate_prevalence([0.3], before=0.5).value <= 1
    tied = estimate_prevalence(np.repeat([0.1, 0.9], [700, 300]), before=0.5)
    assert tied.value == pytest.approx(0.25, abs=1e-6)


def test_the_same_seed_gives_the_same_interval():
    p = expit(np.random.default_rng(0).normal(size=300))
    assert estimate_prevalence(p, before=0.5, seed=3) == estimate_prevalence(p, before=0.5, seed=3)


def test_the_estimate_gives_plain_values():
    values = estimate_prevalence([0.2, 0.7], before=0.5).to_dict()
    assert all(type(value) in {int, float, bool} for value in values.values())


def test_an_estimate_needs_samples_and_sensible_arguments():
    with pytest.raises(MetricError, match="there is none"):
        estimate_prevalence([], before=0.5)
    with pytest.raises(MetricError, match="Calibrate"):
        estimate_prevalence([-3.0], before=0.5)
    with pytest.raises(ConfigurationError, match="before"):
        estimate_prevalence([0.5], before=0)
    with pytest.raises(ConfigurationError, match="n_resamples"):
        estimate_prevalence([0.5], before=0.5, n_resamples=0)
