"""The level of the paired test and the coverage of its interval, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rarecall.metrics import paired_difference

RESAMPLES = 150


def allowance(repeats: int, share: float = 0.05) -> float:
    """Three standard errors of a share seen in ``repeats`` independent simulations."""
    return 3 * (share * (1 - share) / repeats) ** 0.5


def two_models(rng, n_positives, n_negatives, distances, shared=0.7):
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    common = shared**0.5 * rng.normal(size=len(targets))
    first, second = (
        common + (1 - shared) ** 0.5 * rng.normal(size=len(targets)) + distance * targets
        for distance in distances
    )
    return first, second, targets


def true_difference(tpr, distances):
    first, second = (1 - ndtr(distance + ndtri(1 - tpr)) for distance in distances)
    return first - second


@pytest.mark.parametrize(("n_positives", "tpr"), [(13, 0.9), (30, 0.95), (60, 0.9), (200, 0.95)])
def test_equal_models_are_told_apart_no_more_often_than_the_level(n_positives, tpr):
    rng, repeats = np.random.default_rng(n_positives), 250
    rejected = 0
    for seed in range(repeats):
        first, second, targets = two_models(rng, n_positives, 300, (2.0, 2.0))
        result = paired_difference(first, second, targets, tpr, seed=seed, n_resamples=RESAMPLES)
        rejected += result.p_value <= 0.05
    assert rejected / repeats <= 0.05 + allowance(repeats)


@pytest.mark.parametrize("distances", [(2.0, 2.0), (2.8, 2.0)], ids=["equal", "unequal"])
@pytest.mark.parametrize(
    ("n_positives", "tpr"), [(13, 0.95), (30, 0.9), (60, 0.9), (60, 0.95), (200, 0.95)]
)
def test_the_interval_covers_the_true_difference(n_positives, tpr, distances):
    rng, repeats = np.random.default_rng(n_positives + 1), 200
    truth, held = true_difference(tpr, distances), 0
    for seed in range(repeats):
        first, second, targets = two_models(rng, n_positives, 300, distances)
        result = paired_difference(first, second, targets, tpr, seed=seed, n_resamples=RESAMPLES)
        held += result.low <= truth <= result.high
    assert held / repeats >= 0.95 - allowance(repeats)


def test_a_real_gain_is_found():
    rng, repeats = np.random.default_rng(5), 60
    found = 0
    for seed in range(repeats):
        first, second, targets = two_models(rng, 200, 600, (2.6, 2.0))
        result = paired_difference(first, second, targets, 0.95, seed=seed, n_resamples=RESAMPLES)
        found += result.high < 0 and result.p_value <= 0.05
    assert found / repeats > 0.6


def grouped_models(rng, distances, n_groups=60, rows=6):
    """Groups of one class each, whose rows share most of what each model sees in them."""
    targets = np.repeat(np.arange(n_groups) % 2, rows)
    groups = np.repeat(np.arange(n_groups), rows)
    first, second = (
        np.repeat(rng.normal(size=n_groups), rows) * 0.9**0.5
        + rng.normal(size=n_groups * rows) * 0.1**0.5
        + distance * targets
        for distance in distances
    )
    return first, second, targets, groups


def test_grouped_rows_keep_level_and_coverage_only_when_their_groups_are_given():
    rng, repeats, tpr = np.random.default_rng(6), 200, 0.8
    aware = {"rejected": 0, "held": 0}
    blind = {"rejected": 0, "held": 0}
    for seed in range(repeats):
        first, second, targets, groups = grouped_models(rng, (1.5, 1.5))
        for counts, given in ((aware, groups), (blind, None)):
            result = paired_difference(
                first, second, targets, tpr, seed=seed, n_resamples=RESAMPLES, groups=given
            )
            counts["rejected"] += result.p_value <= 0.05
            counts["held"] += result.low <= 0.0 <= result.high
    assert aware["rejected"] / repeats <= 0.05 + allowance(repeats)
    assert aware["held"] / repeats >= 0.95 - allowance(repeats)
    # The control: the same simulation catches a test that takes rows for independent.
    assert blind["rejected"] / repeats > 0.2
    assert blind["held"] / repeats < 0.85
