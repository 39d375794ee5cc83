"""Brier score, its parts and calibration against scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import binary_calibration_error

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import (
    brier_decomposition,
    brier_score,
    calibration_error,
    reliability_curve,
)


def made(n=500, seed=0, decimals=9):
    rng = np.random.default_rng(seed)
    truth = rng.beta(1, 4, n)
    targets = (rng.random(n) < truth).astype(int)
    targets[:2] = [0, 1]
    return np.round(np.clip(truth + rng.normal(0, 0.1, n), 0, 1), decimals), targets


@st.composite
def said(draw):
    n = draw(st.integers(2, 50))
    grid = draw(st.sampled_from([1, 4, 1000]))
    values = draw(st.lists(st.integers(0, grid), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    targets[:2] = [1, 0]
    return np.array(values) / grid, np.array(targets)


@settings(max_examples=60, deadline=None)
@given(said())
def test_the_brier_score_is_scikit_learns(sample):
    probabilities, targets = sample
    expected = reference.brier_score_loss(targets, probabilities)
    assert brier_score(probabilities, targets) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(said(), st.sampled_from([None, 1, 3, 10]), st.sampled_from(["quantile", "uniform"]))
def test_the_parts_of_the_brier_score_add_up_to_it(sample, bins, strategy):
    probabilities, targets = sample
    parts = brier_decomposition(probabilities, targets, bins=bins, strategy=strategy)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert total == pytest.approx(parts.value, abs=1e-12)
    assert parts.value == pytest.approx(brier_score(probabilities, targets), abs=1e-15)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0.0
    assert parts.resolution <= parts.uncertainty + 1e-12
    if bins is None:
        assert parts.within == pytest.approx(0.0, abs=1e-15)


def test_murphys_parts_are_sums_over_distinct_probabilities():
    probabilities, targets = made(decimals=1)
    base = targets.mean()
    reliability = resolution = 0.0
    for level in set(probabilities):
        there = targets[probabilities == level]
        reliability += len(there) / len(targets) * (level - there.mean()) ** 2
        resolution += len(there) / len(targets) * (there.mean() - base) ** 2
    parts = brier_decomposition(probabilities, targets, bins=None)
    assert parts.reliability == pytest.approx(reliability, abs=1e-12)
    assert parts.resolution == pytest.approx(resolution, abs=1e-12)
    assert parts.uncertainty == pytest.approx(base * (1 - base), abs=1e-12)


def test_answering_with_the_rate_has_nothing_but_uncertainty():
    targets = np.repeat([0, 1], [90, 10])
    parts = brier_decomposition(np.full(100, 0.1), targets)
    assert parts.value == pytest.approx(parts.uncertainty) == pytest.approx(0.09)
    assert (parts.reliability, parts.resolution) == (pytest.approx(0), pytest.approx(0))


@pytest.mark.parametrize("bins", [2, 5, 10, 20])
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_the_reliability_curve_is_scikit_learns(bins, strategy):
    # 500 samples divide into these bins; elsewhere scikit-learn's quantiles lie between samples.
    probabilities, targets = made()
    rate, mean = calibration_curve(targets, probabilities, n_bins=bins, strategy=strategy)
    curve = reliability_curve(probabilities, targets, bins=bins, strategy=strategy)
    np.testing.assert_allclose(curve.probability, mean, atol=1e-12)
    np.testing.assert_allclose(curve.rate, rate, atol=1e-12)
    assert curve.n.sum() == 500
    np.testing.assert_allclose(curve.share, curve.n / 500)


def test_quantile_bins_hold_equally_many_and_equal_probabilities_stay_together():
    targets = np.arange(103) % 2
    curve = reliability_curve(np.linspace(0, 1, 103), targets, bins=10)
    assert curve.n.tolist() == [11, 10, 10, 11, 10, 10, 11, 10, 10, 10]
    tied = np.repeat([0.1, 0.2, 0.9], [90, 5, 5])
    assert reliability_curve(tied, np.arange(100) % 2, bins=4).n.tolist() == [90, 10]
    assert reliability_curve(tied, np.arange(100) % 2, bins=None).n.tolist() == [90, 5, 5]


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_the_calibration_error_is_torchmetrics_on_uniform_bins(norm):
    probabilities, targets = made()
    expected = binary_calibration_error(
        torch.tensor(probabilities), torch.tensor(targets), n_bins=15, norm=norm
    )
    mine = calibration_error(probabilities, targets, bins=15, norm=norm, strategy="uniform")
    assert mine == pytest.approx(float(expected), abs=2e-7)  # torchmetrics counts in float32


def test_the_calibration_error_is_a_mean_over_bins():
    probabilities, targets = made(103, seed=3)
    order = np.argsort(probabilities)
    ends = np.ceil(np.arange(1, 5) / 4 * 103).astype(int)
    bins = np.split(order, ends[:-1])
    gaps = np.array([abs(probabilities[b].mean() - targets[b].mean()) for b in bins])
    share = np.array([len(b) for b in bins]) / 103
    error = {
        n: calibration_error(probabilities, targets, bins=4, norm=n) for n in ("l1", "l2", "max")
    }
    assert error["l1"] == pytest.approx(share @ gaps, abs=1e-12)
    assert error["l2"] == pytest.approx(np.sqrt(share @ gaps**2), abs=1e-12)
    assert error["max"] == pytest.approx(gaps.max(), abs=1e-12)


MEASURES = [brier_score, brier_decomposition, reliability_curve, calibration_error]


@pytest.mark.parametrize("measure", MEASURES)
def test_scores_that_are_no_probabilities_are_sent_to_calibration(measure):
    with pytest.raises(MetricError, match=r"from -2 to 3\. Are they scores\? Calibrate them first"):
        measure([-2.0, 3.0], [0, 1])
    with pytest.raises(MetricError, match="probabilities must be finite"):
        measure([np.nan, 0.5], [0, 1])
    with pytest.raises(MetricError, match="both classes"):
        measure([0.2, 0.5], [1, 1])


@pytest.mark.parametrize("measure", MEASURES)
def test_certain_probabilities_are_fine(measure):
    measure([0.0, 1.0, -0.0], [0, 1, 0])


@pytest.mark.parametrize("measure", MEASURES[1:])
def test_impossible_bins_are_refused(measure):
    with pytest.raises(ConfigurationError, match="bins must be a whole number"):
        measure([0.1, 0.2], [0, 1], bins=0)
    with pytest.raises(ConfigurationError, match="bins must be a whole number"):
        measure([0.1, 0.2], [0, 1], bins=2.5)
    with pytest.raises(ConfigurationError, match="strategy must be"):
        measure([0.1, 0.2], [0, 1], strategy="width")


def test_an_unknown_norm_is_refused():
    with pytest.raises(ConfigurationError, match="norm must be 'l1', 'l2' or 'max', not 'l3'"):
        calibration_error([0.1, 0.2], [0, 1], norm="l3")
