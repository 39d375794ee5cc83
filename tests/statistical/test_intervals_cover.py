"""Do the intervals hold the truth as often as they say? Simulations with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rarecall.metrics import auc_interval, fpr_at_tpr_interval, rate_interval

CONFIDENCE = 0.95


def allowance(repeats: int, share: float = 1 - CONFIDENCE) -> float:
    """Three standard errors of a share seen in ``repeats`` independent simulations."""
    return 3 * (share * (1 - share) / repeats) ** 0.5


def normal_samples(seed, repeats, n_positives, n_negatives, distance):
    rng = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    for _ in range(repeats):
        yield rng.normal(distance * targets), targets


def true_fpr(tpr, distance):
    return 1 - ndtr(distance + ndtri(1 - tpr))


@pytest.mark.parametrize("n_positives", [13, 30, 60, 200])
@pytest.mark.parametrize(
    ("tpr", "n_negatives", "distance"), [(0.95, 500, 2.0), (0.9, 200, 2.5), (0.8, 60, 0.5)]
)
def test_the_fpr_interval_covers_the_fpr_at_the_true_threshold(
    n_positives, tpr, n_negatives, distance
):
    repeats, truth = 300, true_fpr(tpr, distance)
    held = 0
    for scores, targets in normal_samples(1, repeats, n_positives, n_negatives, distance):
        interval = fpr_at_tpr_interval(scores, targets, tpr, CONFIDENCE)
        held += interval.low <= truth <= interval.high
    assert held / repeats >= CONFIDENCE - allowance(repeats)


def test_the_fpr_interval_is_not_wider_than_it_must_be_on_many_samples():
    """Its mean width against the central 95% of the estimates themselves."""
    repeats, distance, tpr = 300, 2.0, 0.95
    widths, estimates = [], []
    for scores, targets in normal_samples(2, repeats, 400, 2000, distance):
        interval = fpr_at_tpr_interval(scores, targets, tpr)
        widths.append(interval.high - interval.low)
        threshold = np.sort(scores[:400])[20]
        estimates.append(np.mean(scores[400:] >= threshold))
    spread = np.subtract(*np.quantile(estimates, [0.975, 0.025]))
    assert spread * 0.85 <= np.mean(widths) <= spread * 1.35


def test_each_side_of_the_fpr_interval_errs_no_more_than_its_half():
    repeats, distance, tpr = 500, 2.0, 0.95
    truth = true_fpr(tpr, distance)
    above = below = 0
    for scores, targets in normal_samples(3, repeats, 120, 1000, distance):
        interval = fpr_at_tpr_interval(scores, targets, tpr)
        above += truth > interval.high
        below += truth < interval.low
    assert max(above, below) / repeats <= 0.025 + allowance(repeats, 0.025)


@pytest.mark.parametrize("n_positives", [30, 200])
def test_heavy_ties_leave_the_fpr_interval_its_coverage(n_positives):
    """Scores on a grid of halves; the truth is that of the lowest grid point still allowed."""
    repeats, distance, tpr = 500, 1.5, 0.9
    # The rounded score is at least g exactly when the raw one is at least g - 1/4.
    grid = np.floor((distance + ndtri(1 - tpr) + 0.25) * 2) / 2
    truth = 1 - ndtr(grid - 0.25)
    held = 0
    for scores, targets in normal_samples(4, repeats, n_positives, 400, distance):
        interval = fpr_at_tpr_interval(np.round(scores * 2) / 2, targets, tpr)
        held += interval.low <= truth <= interval.high
    assert held / repeats >= CONFIDENCE - allowance(repeats)


def test_a_binomial_interval_at_the_empirical_threshold_would_not_cover():
    """The control: the same simulation tells a wrong interval from a right one."""
    repeats, distance, tpr = 300, 2.0, 0.95
    truth = true_fpr(tpr, distance)
    held = 0
    for scores, _ in normal_samples(5, repeats, 200, 2000, distance):
        threshold = np.sort(scores[:200])[10]
        interval = rate_interval(int(np.sum(scores[200:] >= threshold)), 2000)
        held += interval.low <= truth <= interval.high
    assert held / repeats < 0.6


@pytest.mark.parametrize(
    ("n_positives", "n_negatives", "distance", "kept"),
    [(13, 200, 1.5, 0.93), (100, 100, 0.5, 0.95), (30, 300, 2.5, 0.9)],
)
def test_the_auc_interval_covers_the_true_auc_as_often_as_it_documents(
    n_positives, n_negatives, distance, kept
):
    repeats, truth = 1000, ndtr(distance / 2**0.5)
    held = 0
    for scores, targets in normal_samples(6, repeats, n_positives, n_negatives, distance):
        interval = auc_interval(scores, targets, CONFIDENCE)
        held += interval.low <= truth <= interval.high
    assert held / repeats >= kept - allowance(repeats, 1 - kept)
