"""Do the intervals hold the truth as often as they say? Simulations with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rarecall.metrics import auc_interval, fpr_at_tpr_interval, rate_interval
from rarecall.metrics.auc_differences import auc_difference

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


def test_a_percentile_bootstrap_of_few_positives_would_not_cover():
    repeats, distance, tpr = 300, 2.0, 0.95
    truth, held = true_fpr(tpr, distance), 0
    for scores, targets in normal_samples(7, repeats, 30, 500, distance):
        interval = fpr_at_tpr_interval(scores, targets, tpr, method="bootstrap", n_resamples=500)
        held += interval.low <= truth <= interval.high
    assert 0.7 < held / repeats < 0.9


def test_the_bootstrap_comes_near_where_five_positives_may_be_missed():
    repeats, distance, tpr = 500, 2.0, 0.9
    truth, held = true_fpr(tpr, distance), 0
    for scores, targets in normal_samples(8, repeats, 200, 1000, distance):
        interval = fpr_at_tpr_interval(scores, targets, tpr, method="bootstrap", n_resamples=500)
        held += interval.low <= truth <= interval.high
    assert 0.9 <= held / repeats <= 0.98


@pytest.mark.parametrize(
    ("n_positives", "n_negatives", "distance"),
    [(13, 200, 1.5), (13, 1000, 2.7), (100, 100, 0.5), (30, 300, 2.5)],
)
def test_the_auc_interval_covers_the_true_auc(n_positives, n_negatives, distance):
    repeats, truth = 1000, ndtr(distance / 2**0.5)
    held = 0
    for scores, targets in normal_samples(6, repeats, n_positives, n_negatives, distance):
        interval = auc_interval(scores, targets, CONFIDENCE)
        held += interval.low <= truth <= interval.high
    # Documented as 91% in the worst case.
    assert held / repeats >= 0.93 - allowance(repeats, 0.07)


def test_hard_positives_that_a_small_sample_lacks_do_not_deceive_the_auc_interval():
    """A tenth of the positives looks like negatives; a quarter of samples of 13 holds none."""
    repeats, held = 600, 0
    rng, targets = np.random.default_rng(9), np.repeat([1, 0], [13, 1000])
    truth = 0.9 * ndtr(3 / 2**0.5) + 0.1 * 0.5
    for _ in range(repeats):
        hard = rng.random(13) < 0.1
        scores = np.concatenate([rng.normal(np.where(hard, 0.0, 3.0)), rng.normal(size=1000)])
        interval = auc_interval(scores, targets)
        held += interval.low <= truth <= interval.high
    assert held / repeats >= 0.9


@pytest.mark.parametrize(("n_positives", "kept"), [(13, 0.9), (60, 0.94), (200, 0.95)])
def test_delongs_comparison_keeps_its_level_and_its_coverage(n_positives, kept):
    repeats, distances = 600, (2.2, 1.7)
    rng, targets = np.random.default_rng(n_positives), np.repeat([1, 0], [n_positives, 500])
    truth = np.subtract(*ndtr(np.array(distances) / 2**0.5))
    rejected = held = 0
    for _ in range(repeats):
        shared = 0.7**0.5 * rng.normal(size=len(targets))
        first, second, same = (
            shared + 0.3**0.5 * rng.normal(size=len(targets)) + distance * targets
            for distance in (*distances, distances[0])
        )
        rejected += auc_difference(first, same, targets).p_value <= 1 - CONFIDENCE
        interval = auc_difference(first, second, targets)
        held += interval.low <= truth <= interval.high
    assert rejected / repeats <= 0.06 + allowance(repeats)
    # Documented: unequal areas of a dozen positives are covered at 90%.
    assert held / repeats >= kept - allowance(repeats, 1 - kept)
