"""Calibration maps against scikit-learn, against SciPy's minimiser, and on hard data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from rarecall.calibration import (
    METHODS,
    BetaCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    TemperatureCalibrator,
    fit_calibrator,
)
from rarecall.metrics import auc
from rarecall.roles import CalibrationScores, ValidationScores


def calibration(scores, targets, weights=None):
    ids = np.arange(len(scores)).astype(str)
    return CalibrationScores(scores, targets, ids, None, weights)


def made(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < 0.08).astype(int)
    return 3 * rng.normal(1.5 * targets) - 4, targets


def soft(targets):
    n1, n0 = targets.sum(), len(targets) - targets.sum()
    return np.where(targets == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))


def least(features, targets, bounds):
    """Minimise the cross-entropy to Platt's targets with SciPy, from several beginnings."""
    wanted = soft(targets)

    def loss(c):
        logits = features @ c
        return np.mean(np.logaddexp(0, logits) - wanted * logits)

    def slope(c):
        return features.T @ (expit(features @ c) - wanted) / len(wanted)

    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000}
    found = [
        minimize(loss, start, jac=slope, method="L-BFGS-B", bounds=bounds, options=options)
        for start in (np.zeros(features.shape[1]), np.ones(features.shape[1]) * 0.3)
    ]
    return min(found, key=lambda one: one.fun).x


def test_platt_is_the_minimum_that_scipy_finds():
    scores, targets = made()
    features = np.column_stack([scores, np.ones(len(scores))])
    slope, intercept = least(features, targets, [(0, None), (None, None)])
    fitted = PlattCalibrator().fit(calibration(scores, targets))
    assert fitted.slope == pytest.approx(slope, rel=1e-5)
    np.testing.assert_allclose(
        fitted.probability(scores), expit(slope * scores + intercept), rtol=1e-4
    )


def test_platt_agrees_with_an_unpenalised_logistic_regression_of_many_samples():
    scores, targets = made(n=200_000)
    model = LogisticRegression(C=1e12, tol=1e-10).fit(scores[:, None], targets)
    fitted = PlattCalibrator().fit(calibration(scores, targets))
    theirs = model.predict_proba(scores[:, None])[:, 1]
    np.testing.assert_allclose(fitted.probability(scores), theirs, atol=2e-4)


def test_temperature_is_the_minimum_that_scipy_finds():
    scores, targets = made()
    scores = scores * 2 + 1
    (slope,) = least(scores[:, None], targets, [(0, None)])
    fitted = TemperatureCalibrator().fit(calibration(scores, targets))
    assert fitted.inverse_temperature == pytest.approx(slope, rel=1e-5)
    assert fitted.temperature == pytest.approx(1 / slope, rel=1e-5)


@pytest.mark.parametrize("given", ["logits", "probabilities"])
def test_beta_is_the_minimum_that_scipy_finds(given):
    rng = np.random.default_rng(1)
    targets = (rng.random(3000) < 0.2).astype(int)
    p = rng.beta(2 + targets, 3 - targets / 2)
    scores = p if given == "probabilities" else logit(p)
    features = np.column_stack([np.log(p), -np.log1p(-p), np.ones(len(p))])
    a, b, c = least(features, targets, [(0, None), (0, None), (None, None)])
    assert min(a, b) > 0.05
    fitted = BetaCalibrator(given).fit(calibration(scores, targets))
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx((a, b, c), rel=1e-3)


def test_beta_keeps_a_bound_that_binds_as_scipy_does():
    rng = np.random.default_rng(0)
    scores, targets = made()
    scores = scores + 0.1 * rng.normal(size=len(scores))
    features = np.column_stack(
        [-np.logaddexp(0, -scores), np.logaddexp(0, scores), np.ones(len(scores))]
    )
    bounds = [(0, None), (0, None), (None, None)]
    scores_up = scores + 9
    lifted = np.column_stack(
        [-np.logaddexp(0, -scores_up), np.logaddexp(0, scores_up), np.ones(len(scores))]
    )
    for x, values in ((features, scores), (lifted, scores_up)):
        a, b, c = least(x, targets, bounds)
        fitted = BetaCalibrator().fit(calibration(values, targets))
        found = x @ [fitted.a, fitted.b, fitted.c]
        wanted = soft(targets)

        def loss(logits, wanted=wanted):
            return np.mean(np.logaddexp(0, logits) - wanted * logits)

        assert fitted.a >= 0 <= fitted.b
        assert loss(found) <= loss(x @ [a, b, c]) + 1e-9


def test_isotonic_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    targets = (rng.random(800) < 0.3).astype(int)
    scores = np.round(rng.normal(targets), 1)
    weights = rng.integers(1, 4, 800).astype(float)
    at = np.concatenate([np.linspace(-6, 6, 500), scores])
    for given in (None, weights):
        theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        theirs.fit(scores, targets, sample_weight=given)
        fitted = IsotonicCalibrator().fit(calibration(scores, targets, given))
        np.testing.assert_allclose(fitted.probability(at), theirs.predict(at), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_right_where_the_form_is_right(method):
    rng = np.random.default_rng(2)
    true = rng.normal(size=60_000) * 2 - 2
    targets = (rng.random(len(true)) < expit(true)).astype(int)
    found = fit_calibrator(calibration(1.7 * true, targets), method).probability(1.7 * true)
    assert np.mean(np.abs(found - expit(true))) < 0.012


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_repeated_rows(method):
    scores, targets = made(200, seed=4)
    weights = np.random.default_rng(0).integers(0, 4, 200)
    rows = np.repeat(np.arange(200), weights)
    one = fit_calibrator(calibration(scores, targets, weights.astype(float)), method)
    two = fit_calibrator(calibration(scores[rows], targets[rows]), method)
    at = np.linspace(scores[rows].min(), scores[rows].max(), 50)
    np.testing.assert_allclose(one.probability(at), two.probability(at), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["good", "reversed", "noise"])
def test_no_map_turns_the_order_round_and_strict_ones_keep_every_difference(method, kind):
    scores, targets = made(500, seed=5)
    if kind == "reversed":
        scores = -scores
    if kind == "noise":
        scores = np.random.default_rng(0).normal(size=500)
    fitted = fit_calibrator(calibration(scores, targets), method)
    order = np.sort(scores)
    steps = np.diff(fitted.probability(order))
    assert (steps >= 0).all()
    if fitted.strict:
        assert (steps[np.diff(order) > 0] > 0).all()
        assert auc(fitted.probability(scores), targets) == auc(scores, targets)


def test_isotonic_says_that_it_is_not_strict_and_indeed_has_plateaus():
    scores, targets = made(500, seed=5)
    fitted = IsotonicCalibrator().fit(calibration(scores, targets))
    assert not fitted.strict
    assert len(np.unique(fitted.probability(scores))) < len(np.unique(scores)) / 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "scores",
    [
        np.repeat([-1e4, 1e4], [400, 300]),
        np.repeat([-1e300, 1e308], [5, 5]),
        np.repeat([0.0, 5e-324], [5, 5]),
        np.append(np.zeros(9), 1e30),
        np.array([1.0, 2.0]),
        1e8 + np.arange(50.0) / 100,
        np.linspace(-760, -730, 50),
    ],
    ids=["separated", "huge", "least", "outlier", "two", "far", "vanishing"],
)
def test_hard_scores_give_finite_maps_and_rising_probabilities(method, scores):
    targets = (scores > np.median(scores)).astype(int)
    fitted = fit_calibrator(calibration(scores, targets), method)
    numbers = [v for v in fitted.to_json().values() if isinstance(v, float)]
    assert np.isfinite(numbers).all()
    at = np.array([-1.7e308, scores.min(), scores.max(), 1.7e308])
    probabilities = fitted.probability(at)
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities[0] >= 0
    assert probabilities[-1] <= 1


@pytest.mark.parametrize("kind", [PlattCalibrator, BetaCalibrator])
def test_separated_classes_are_as_sure_as_their_numbers_allow(kind):
    scores = np.repeat([-3.0, 3.0], [300, 200])
    fitted = kind().fit(calibration(scores, (scores > 0).astype(int)))
    np.testing.assert_allclose(fitted.probability([-3.0, 3.0]), [1 / 302, 201 / 202], rtol=1e-6)


def test_fitting_again_starts_anew():
    scores, targets = made(300)
    fitted = (
        PlattCalibrator()
        .fit(calibration(scores, targets))
        .fit(calibration(scores[:200], targets[:200]))
    )
    assert (
        fitted.to_json()
        == PlattCalibrator().fit(calibration(scores[:200], targets[:200])).to_json()
    )
    assert fitted.n == 200
    assert fitted.positives == targets[:200].sum()


def test_validation_scores_may_fit_too_and_it_is_remembered():
    scores, targets = made(300)
    part = ValidationScores(scores, targets, np.arange(300).astype(str))
    assert fit_calibrator(part).role == "validation"
    assert fit_calibrator(calibration(scores, targets)).role == "calibration"
