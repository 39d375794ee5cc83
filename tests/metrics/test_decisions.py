"""F, balanced accuracy and G-mean, at a threshold and at their best, against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import (
    balanced_accuracy_at,
    best_balanced_accuracy,
    best_f_score,
    best_g_mean,
    f_score,
    g_mean_at,
)


@st.composite
def scored(draw):
    n = draw(st.integers(2, 40))
    grid = draw(st.sampled_from([1, 3, 10, 1000]))
    scores = draw(st.lists(st.integers(-grid, grid), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    targets[:2] = [1, 0]
    return np.array(scores, dtype=float), np.array(targets)


@settings(max_examples=80, deadline=None)
@given(scored(), st.sampled_from([0.5, 1.0, 2.0, 7.3]))
def test_measures_at_a_threshold_are_scikit_learns(sample, beta):
    scores, targets = sample
    for threshold in [*np.unique(scores), np.inf, -np.inf]:
        flagged = (scores >= threshold).astype(int)
        expected = reference.fbeta_score(targets, flagged, beta=beta, zero_division=0)
        assert f_score(scores, targets, threshold, beta) == pytest.approx(expected, abs=1e-12)
        expected = reference.balanced_accuracy_score(targets, flagged)
        value = balanced_accuracy_at(scores, targets, threshold)
        assert value == pytest.approx(expected, abs=1e-12)
        found, kept = reference.recall_score(
            targets, flagged, labels=[1, 0], average=None, zero_division=0
        )
        value = g_mean_at(scores, targets, threshold)
        assert value == pytest.approx(math.sqrt(found * kept), abs=1e-12)


BEST = [
    (best_f_score, f_score),
    (
        lambda s, y: best_f_score(s, y, 3.0),
        lambda s, y, t: f_score(s, y, t, 3.0),
    ),
    (best_balanced_accuracy, balanced_accuracy_at),
    (best_g_mean, g_mean_at),
]


@pytest.mark.parametrize(("best", "at"), BEST, ids=["F1", "F3", "balanced accuracy", "G-mean"])
@settings(max_examples=80, deadline=None)
@given(sample=scored())
def test_the_best_is_the_highest_over_all_thresholds_at_the_lowest_that_gives_it(best, at, sample):
    scores, targets = sample
    value, threshold = best(scores, targets)
    values = {t: at(scores, targets, t) for t in [*np.unique(scores), np.inf]}
    assert value == pytest.approx(max(values.values()), abs=1e-12)
    assert at(scores, targets, threshold) == pytest.approx(value, abs=1e-12)
    critical = np.unique(scores[targets == 1])
    assert all(values[t] < value + 1e-12 for t in critical[critical < threshold])
    assert not any(values[t] > value - 1e-13 for t in critical[critical < threshold])


def test_where_several_thresholds_are_best_the_one_that_misses_fewest_is_named():
    # Two of two right without an alarm, or all with one: (1/2 + 1) / 2 = (1 + 1/2) / 2.
    best = best_balanced_accuracy([4, 3, 2, 1], [1, 0, 1, 0])
    assert best == (0.75, 2.0)


def test_a_constant_score_decides_nothing():
    targets = [1, 0, 0, 0]
    assert best_balanced_accuracy(np.zeros(4), targets).value == 0.5
    assert best_g_mean(np.zeros(4), targets).value == 0.0
    assert best_f_score(np.zeros(4), targets) == (0.4, 0.0)


def test_nothing_flagged_scores_zero_and_not_nan():
    assert f_score([1, 2], [0, 1], 3.0) == 0.0
    assert g_mean_at([1, 2], [0, 1], 3.0) == 0.0
    assert f_score([1, 2], [0, 1], 3.0, 1e-50) == 0.0


@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_beta_is_refused(beta):
    with pytest.raises(ConfigurationError, match="beta must be a finite number above 0"):
        f_score([0, 1], [0, 1], 0.5, beta)
    with pytest.raises(ConfigurationError, match="beta must be a finite number above 0"):
        best_f_score([0, 1], [0, 1], beta)


@pytest.mark.parametrize("at", [f_score, balanced_accuracy_at, g_mean_at])
def test_what_cannot_be_decided_is_refused(at):
    with pytest.raises(MetricError, match="threshold is NaN"):
        at([0, 1], [0, 1], np.nan)
    with pytest.raises(MetricError, match=r"none of the 2 targets is critical \(1\)"):
        at([0, 1], [0, 0], 0.5)
