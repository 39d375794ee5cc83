"""What a calibration map refuses, and what it stores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rarecall.calibration import (
    METHODS,
    BetaCalibrator,
    PlattCalibrator,
    fit_calibrator,
    load_calibrator,
)
from rarecall.errors import ConfigurationError, DataError, MetricError, RunError
from rarecall.roles import CalibrationScores, TestScores, TrainScores

SCORES = np.array([-2.0, -1, 0, 1, 2, 3])
TARGETS = np.array([0, 0, 1, 0, 1, 1])
IDS = np.arange(6).astype(str)


def calibration(scores=SCORES, targets=TARGETS, weights=None):
    return CalibrationScores(scores, targets, IDS[: len(scores)], None, weights)


@pytest.mark.parametrize("role", [TrainScores, TestScores])
def test_training_and_test_scores_are_refused_with_the_reason(role):
    with pytest.raises(TypeError, match=rf"{role.__name__} came.*test scores have fitted"):
        fit_calibrator(role(SCORES, TARGETS, IDS))


def test_a_bare_array_is_refused():
    with pytest.raises(TypeError, match="ndarray came"):
        PlattCalibrator().fit(SCORES)


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_teach_nothing_are_refused(method):
    with pytest.raises(MetricError, match="All 6 scores are 1"):
        fit_calibrator(calibration(np.ones(6)), method)
    with pytest.raises(MetricError, match="both classes"):
        fit_calibrator(calibration(targets=np.zeros(6, int)), method)
    with pytest.raises(MetricError, match="finite"):
        fit_calibrator(calibration(np.where(SCORES == 3, np.nan, SCORES)), method)
    with pytest.raises(DataError, match="weigh nothing"):
        fit_calibrator(calibration(weights=TARGETS.astype(float)), method)


def test_a_map_that_is_not_fitted_says_so():
    for call in (lambda: PlattCalibrator().probability([1.0]), lambda: BetaCalibrator().to_json()):
        with pytest.raises(ConfigurationError, match="not fitted"):
            call()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"Did you mean 'platt'.*isotonic"):
        fit_calibrator(calibration(), "plat")
    with pytest.raises(ConfigurationError, match="'logits' or 'probabilities'"):
        BetaCalibrator("scores")


def test_new_scores_are_checked():
    fitted = fit_calibrator(calibration())
    with pytest.raises(MetricError, match="finite"):
        fitted.probability([np.inf])
    with pytest.raises(MetricError, match="shape"):
        fitted.probability([[1.0]])
    assert fitted.probability([]).shape == (0,)


def test_beta_on_probabilities_refuses_logits():
    with pytest.raises(MetricError, match="Are they logits"):
        BetaCalibrator("probabilities").fit(calibration())
    inside = BetaCalibrator("probabilities").fit(calibration(np.linspace(0, 1, 6)))
    assert np.isfinite(inside.probability([0.0, 1.0])).all()
    with pytest.raises(MetricError, match="Are they logits"):
        inside.probability([1.5])


@pytest.mark.parametrize("method", METHODS)
def test_a_stored_map_gives_the_same_probabilities_to_the_last_digit(method):
    fitted = fit_calibrator(calibration(), method)
    again = load_calibrator(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    at = np.linspace(-4, 5, 100)
    assert type(again) is type(fitted)
    assert again.to_json() == fitted.to_json()
    assert np.array_equal(again.probability(at), fitted.probability(at))
    assert (again.n, again.positives, again.role) == (6, 3, "calibration")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "newer"),
        ({"format": True}, "its format is True"),
        ({"method": "pickle"}, "'method' must be"),
        ({"method": ["platt"]}, "'method' must be"),
        ({"slope": "1"}, "'slope' must be a finite number"),
        ({"slope": True}, "'slope' must be a finite number"),
        ({"slope": float("nan")}, "'slope' must be a finite number"),
        ({"slope": -1.0}, "'slope' must lie between"),
        ({"n": 0}, "'n' must be a whole number"),
        ({"n": 2.5}, "'n' must be a whole number"),
        ({"role": "test"}, "'role' must be"),
        ({"hook": "import os"}, "'hook' is unknown"),
    ],
)
def test_a_changed_map_is_refused(change, message):
    with pytest.raises(RunError, match=message):
        load_calibrator({**fit_calibrator(calibration()).to_json(), **change})


@pytest.mark.parametrize("method", METHODS)
def test_a_map_without_one_of_its_fields_is_refused(method):
    stored = fit_calibrator(calibration(), method).to_json()
    for name in stored:
        with pytest.raises(RunError):
            load_calibrator({key: value for key, value in stored.items() if key != name})


@pytest.mark.parametrize("thing", [None, [], "platt", {}, {"method": "platt"}])
def test_what_is_no_map_is_refused(thing):
    with pytest.raises(RunError, match="no calibration map"):
        load_calibrator(thing)


@pytest.mark.parametrize(
    "change",
    [
        {"scores": [1.0, 0.0]},
        {"scores": []},
        {"scores": [0.0]},
        {"scores": "0"},
        {"probabilities": [0.0, 2.0]},
        {"probabilities": [0.9, 0.1]},
        {"probabilities": [0.0, None]},
    ],
)
def test_a_stored_isotonic_map_must_rise_within_bounds(change):
    stored = fit_calibrator(calibration(SCORES[:2], np.array([0, 1])), "isotonic").to_json()
    assert len(stored["scores"]) == 2
    with pytest.raises(RunError, match="no calibration map"):
        load_calibrator({**stored, **change})


def test_a_map_is_read_by_its_own_kind_only():
    stored = fit_calibrator(calibration(), "temperature").to_json()
    with pytest.raises(RunError, match="'method' must be 'platt'"):
        PlattCalibrator.from_json(stored)
