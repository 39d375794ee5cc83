"""How often the true TPR falls below the promise: at most one minus the confidence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from rarecall.roles import CalibrationScores
from rarecall.thresholds import guaranteed_threshold

REPEATS = 1500


def allowance(share: float) -> float:
    """Three standard errors of a share seen in ``REPEATS`` independent simulations."""
    return 3 * (share * (1 - share) / REPEATS) ** 0.5


def choices(seed, n_positives, tpr, confidence, step=0.0):
    rng = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [n_positives, 100])
    ids = np.arange(len(targets)).astype(str)
    for _ in range(REPEATS):
        scores = rng.normal(2 * targets)
        if step:
            scores = np.round(scores / step) * step
        calibration = CalibrationScores(scores, targets, ids)
        yield guaranteed_threshold(calibration, tpr=tpr, confidence=confidence)


@pytest.mark.parametrize(
    ("n_positives", "tpr", "confidence"),
    [(59, 0.95, 0.95), (93, 0.95, 0.95), (200, 0.95, 0.95), (29, 0.9, 0.95), (100, 0.9, 0.8)],
)
def test_the_promise_is_broken_no_more_often_than_stated(n_positives, tpr, confidence):
    # The promise is about the score alone: the gap below it, where no sample lies, only helps.
    broken = sum(
        1 - ndtr(choice.value - 2) < tpr for choice in choices(1, n_positives, tpr, confidence)
    )
    assert broken / REPEATS <= 1 - confidence + allowance(1 - confidence)


def test_the_promise_is_not_kept_by_flagging_everything():
    """The control: one rank higher and the promise would break too often."""
    rng = np.random.default_rng(2)
    broken = spared = 0
    for choice in choices(2, 200, 0.95, 0.95):
        assert choice.guaranteed
        spared += 1 - ndtr(choice.value - 2) < 0.99
    for _ in range(REPEATS):
        scores = np.sort(rng.normal(2, 1, 200))
        broken += 1 - ndtr(scores[choice.rank] - 2) < 0.95
    assert spared / REPEATS > 0.5
    assert broken / REPEATS > 0.05


@pytest.mark.parametrize("step", [0.25, 1.0])
def test_heavy_ties_do_not_break_the_promise(step):
    broken = 0
    for choice in choices(3, 100, 0.9, 0.95, step):
        # A rounded score reaches the threshold from the first grid point at or above it on.
        grid = np.ceil(choice.value / step) * step
        broken += 1 - ndtr(grid - step / 2 - 2) < 0.9
    assert broken / REPEATS <= 0.05 + allowance(0.05)


def group_scores(rng, n_groups, rows=4):
    """Scores of critical groups whose rows agree strongly."""
    return rng.normal(2, 1, (n_groups, 1)) + 0.3 * rng.normal(size=(n_groups, rows))


def test_the_promise_holds_for_groups_and_would_not_for_their_rows_taken_singly():
    rng = np.random.default_rng(4)
    n_groups, rows, tpr = 60, 4, 0.95
    population = group_scores(rng, 200_000, rows)
    best, single = np.sort(population.max(axis=1)), np.sort(population.ravel())
    groups = np.concatenate([np.repeat(np.arange(n_groups), rows), 1000 + np.arange(50)])
    targets = np.repeat([1, 0], [n_groups * rows, 50])
    ids = np.arange(len(targets)).astype(str)
    broken = broken_singly = 0
    for _ in range(REPEATS):
        scores = np.concatenate([group_scores(rng, n_groups, rows).ravel(), rng.normal(size=50)])
        whole = guaranteed_threshold(
            CalibrationScores(scores, targets, ids, groups.astype(str)), tpr=tpr
        )
        broken += 1 - np.searchsorted(best, whole.value) / len(best) < tpr
        singly = guaranteed_threshold(CalibrationScores(scores, targets, ids), tpr=tpr)
        broken_singly += 1 - np.searchsorted(single, singly.value) / len(single) < tpr
    assert broken / REPEATS <= 0.05 + allowance(0.05)
    # The control: rows of one group are no independent evidence.
    assert broken_singly / REPEATS > 0.1
