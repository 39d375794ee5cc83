"""Groups of rows, and trainings by seed: what takes them for independent fails where ours holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rarecall.metrics import auc_interval, fpr_at_tpr_interval
from rarecall.metrics.auc_differences import auc_difference
from rarecall.metrics.seeds import fpr_over_seeds

DISTANCE = 2.0


def allowance(repeats: int, share: float = 0.05) -> float:
    """Three standard errors of a share seen in ``repeats`` independent simulations."""
    return 3 * (share * (1 - share) / repeats) ** 0.5


def group_samples(rng, critical, others, *, mixed):
    """Give scores, targets and groups of six rows that share 70% of their variance."""
    unit = np.repeat(np.arange(critical + others), 6)
    targets = (unit < critical) & ((rng.random(len(unit)) < 0.4) if mixed else True)
    targets[0] = True
    common = rng.normal(size=critical + others)[unit]
    scores = 0.7**0.5 * common + 0.3**0.5 * rng.normal(size=len(unit)) + DISTANCE * targets
    return scores, targets.astype(np.int64), unit


@pytest.mark.parametrize("mixed", [False, True], ids=["one class a group", "both classes"])
@pytest.mark.parametrize(("critical", "tpr"), [(10, 0.8), (20, 0.8), (40, 0.9)])
def test_groups_keep_the_coverage_that_their_rows_lose(critical, tpr, mixed):
    rng, repeats = np.random.default_rng(critical), 250
    truths = {"fpr": 1 - ndtr(DISTANCE + ndtri(1 - tpr)), "auc": ndtr(DISTANCE / 2**0.5)}
    held = dict.fromkeys(["fpr", "fpr by row", "auc", "auc by row"], 0)
    for seed in range(repeats):
        scores, targets, groups = group_samples(rng, critical, 3 * critical, mixed=mixed)
        for name, given in (("", groups), (" by row", None)):
            found = {
                "fpr": fpr_at_tpr_interval(
                    scores, targets, tpr, groups=given, seed=seed, n_resamples=300
                ),
                "auc": auc_interval(scores, targets, groups=given),
            }
            for key, interval in found.items():
                held[key + name] += interval.low <= truths[key] <= interval.high
    assert held["fpr"] / repeats >= 0.95 - allowance(repeats)
    assert held["auc"] / repeats >= 0.93 - allowance(repeats)
    if not mixed:
        # The control: six rows of one patient are no six patients.
        assert held["fpr by row"] / repeats < 0.88
        assert held["auc by row"] / repeats < 0.85


def test_the_comparison_of_two_areas_keeps_its_level_by_group_only():
    rng, repeats = np.random.default_rng(1), 400
    rejected = dict.fromkeys(["by group", "by row"], 0)
    unit = np.repeat(np.arange(80), 6)
    targets = (unit < 30).astype(np.int64)
    for _ in range(repeats):
        first, second = (
            0.7**0.5 * rng.normal(size=80)[unit] + 0.3**0.5 * rng.normal(size=480) + 2 * targets
            for _ in range(2)
        )
        for name, given in (("by group", unit), ("by row", None)):
            rejected[name] += auc_difference(first, second, targets, groups=given).p_value <= 0.05
    assert rejected["by group"] / repeats <= 0.06 + allowance(repeats)
    assert rejected["by row"] / repeats > 0.2


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("n_seeds", [2, 3, 5])
def test_the_interval_over_seeds_covers_the_expected_rate(n_seeds, spread):
    rng, repeats, tpr = np.random.default_rng(n_seeds), 200, 0.9
    shifts = np.random.default_rng(0).normal(size=100_000)
    truth = float(np.mean(1 - ndtr(DISTANCE + spread * shifts + ndtri(1 - tpr))))
    targets = np.repeat([1, 0], [80, 300])
    held = alone = 0
    for seed in range(repeats):
        shared = 0.7**0.5 * rng.normal(size=len(targets))
        own = 0.3**0.5 * rng.normal(size=(n_seeds, len(targets)))
        quality = DISTANCE + spread * rng.normal(size=(n_seeds, 1))
        scores = shared + own + quality * targets
        found = fpr_over_seeds(scores, targets, tpr, seed=seed, n_resamples=200)
        held += found.low <= truth <= found.high
        alone += abs(found.mean - truth) <= 1.96 * found.sd_samples
    assert held / repeats >= 0.95 - allowance(repeats)
    if spread == 0.5:
        # The control: the samples alone know nothing of other trainings.
        assert alone / repeats < 0.85
