"""The threshold whose TPR holds on average: ranks, numbers needed, and that it says so."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import CalibrationScores, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import conformal_threshold, guaranteed_threshold


def calibration(positives, negatives=(-1e3,), groups=None, role=CalibrationScores, weights=None):
    scores = np.concatenate([positives, negatives]).astype(float)
    targets = np.repeat([1, 0], [len(positives), len(negatives)])
    ids = np.arange(len(scores)).astype(str)
    groups = None if groups is None else np.asarray(groups).astype(str)
    return role(scores, targets, ids, groups, weights)


@pytest.mark.parametrize(
    ("tpr", "needed"), [("0.95", 19), ("0.9", 9), ("0.98", 49), ("0.99", 99), ("0.5", 1)]
)
def test_the_numbers_needed_are_tpr_over_one_minus_tpr(tpr, needed):
    assert conformal_threshold(calibration(np.arange(5)), tpr=float(tpr)).needed == needed
    assert Fraction(tpr) / (1 - Fraction(tpr)) == needed


@pytest.mark.parametrize("tpr", ["0.95", "0.9", "0.7", "0.125", "0.999"])
def test_the_rank_is_the_largest_whose_share_of_n_plus_one_is_allowed(tpr):
    for n in (1, 5, 9, 10, 19, 20, 39, 199, 999, 1000):
        choice = conformal_threshold(calibration(np.arange(n)), tpr=float(tpr))
        allowed = (1 - Fraction(tpr)) * (n + 1)
        assert choice.on_average == (allowed >= 1) == (n >= choice.needed)
        if choice.on_average:
            assert choice.rank == int(allowed)
            assert np.sum(np.arange(n) < choice.value) == choice.rank - 1


def test_the_expected_miss_rate_is_the_rank_over_n_plus_one():
    """Enumerated: each of n + 1 exchangeable scores is the new one once."""
    values = np.arange(40.0)
    missed = below = 0
    for new in values:
        others = values[values != new]
        choice = conformal_threshold(calibration(others), tpr=0.9)
        below += new < others[choice.rank - 1]
        missed += new < choice.value
    assert below / 40 == choice.rank / 40 == 0.1
    # In the gap a threshold spares some of those below the score.
    assert missed / 40 == 0.075


def test_it_is_never_stricter_than_a_guarantee_and_needs_fewer():
    for n in (59, 100, 500):
        data = calibration(np.arange(n))
        average, sure = conformal_threshold(data, tpr=0.95), guaranteed_threshold(data, tpr=0.95)
        assert average.value >= sure.value
        assert average.needed < sure.needed


def test_it_speaks_of_an_average_and_never_of_confidence():
    choice = conformal_threshold(calibration(np.arange(30)), tpr=0.95)
    assert choice.guaranteed is False
    assert "On average" in choice.statement
    assert "confidence" not in choice.statement + choice.assumption
    few = conformal_threshold(calibration(np.arange(18)), tpr=0.95)
    assert (few.on_average, few.needed, few.rank) == (False, 19, 1)
    assert "not even on average" in few.statement
    assert "confidence" not in few.statement


def test_groups_are_counted():
    groups = np.append(np.arange(38) // 2, 999)
    choice = conformal_threshold(calibration(np.arange(38), groups=groups), tpr=0.95)
    assert (choice.unit, choice.n_positives, choice.on_average) == ("group", 19, True)
    assert choice.value == 0.5


def test_the_choice_is_plain_json_and_a_time_split_is_labelled():
    choice = conformal_threshold(calibration(np.arange(30)), tpr=0.95, time_split=True)
    stored = json.loads(json.dumps(choice.to_dict(), allow_nan=False))
    assert stored["guaranteed"] is False
    assert stored["value"] == choice.value
    assert "No drift assumed" in choice.assumption


@pytest.mark.parametrize("role", [TrainScores, ValidationScores, TestScores])
def test_another_role_is_refused(role):
    with pytest.raises(TypeError, match="average needs CalibrationScores"):
        conformal_threshold(calibration(np.arange(30), role=role), tpr=0.9)


def test_weights_bad_scores_and_a_bad_rate_are_refused():
    with pytest.raises(DataError, match="weighted"):
        conformal_threshold(calibration([1.0], weights=[1, 1]), tpr=0.9)
    with pytest.raises(MetricError, match="finite"):
        conformal_threshold(calibration([np.nan]), tpr=0.9)
    with pytest.raises(MetricError, match="both classes"):
        conformal_threshold(calibration(np.arange(30), []), tpr=0.9)
    for tpr in (0.0, 1.0, 95):
        with pytest.raises(ConfigurationError):
            conformal_threshold(calibration(np.arange(30)), tpr=tpr)
