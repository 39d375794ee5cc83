"""Expected alarms against counting them one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rarecall.errors import ConfigurationError
from rarecall.metrics import rates_at
from rarecall.metrics.alarms import expected_alarms


def test_the_counts_are_those_of_the_samples_themselves_at_their_own_prevalence():
    rng = np.random.default_rng(0)
    targets = (rng.random(500) < 0.2).astype(int)
    scores = rng.normal(targets)
    point = rates_at(scores, targets, 0.7)
    alarms = expected_alarms(point.tpr, point.fpr, targets.mean(), per=500)
    flagged = [t for s, t in zip(scores, targets, strict=True) if s >= 0.7]
    assert alarms.flagged == pytest.approx(len(flagged))
    assert alarms.real == pytest.approx(sum(flagged))
    assert alarms.false == pytest.approx(len(flagged) - sum(flagged))
    assert alarms.missed == pytest.approx(targets.sum() - sum(flagged))
    assert alarms.precision == pytest.approx(np.mean(flagged))


def test_a_weighted_count_gives_the_same_at_another_prevalence():
    rng = np.random.default_rng(1)
    targets = np.repeat([1, 0], [50, 150])
    flagged = rng.random(200) < 0.3 + 0.5 * targets
    weights = np.where(targets == 1, 0.01 / 50, 0.99 / 150) * 1000
    alarms = expected_alarms(flagged[:50].mean(), flagged[50:].mean(), 0.01)
    assert alarms.flagged == pytest.approx(weights[flagged].sum())
    assert alarms.real == pytest.approx(weights[flagged & (targets == 1)].sum())
    assert alarms.missed == pytest.approx(weights[~flagged & (targets == 1)].sum())


def test_without_an_alarm_there_is_no_precision():
    alarms = expected_alarms(0.0, 0.0, 0.1)
    assert math.isnan(alarms.precision)
    assert (alarms.flagged, alarms.missed) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((95, 0.1, 0.1), "For 95% give 0.95"),
        ((0.9, -0.1, 0.1), "fpr must lie between 0 and 1"),
        ((math.nan, 0.1, 0.1), "tpr must lie"),
        ((0.9, 0.1, 0.0), "prevalence must be above 0"),
        ((0.9, 0.1, 1.0), "prevalence"),
        ((0.9, 0.1, 0.1, 0), "per must be"),
        ((0.9, 0.1, 0.1, math.inf), "per must be"),
    ],
)
def test_values_out_of_range_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        expected_alarms(*arguments)
