"""What schedules hear of validation: real changes, not the luck of a few positives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rarecall import ALMConstraint, BCELoss, Objective
from rarecall.metrics import auc
from rarecall.task import BINARY, Task
from rarecall.training.signal import heard, resolution, schedule_remarks

from .problem import data, fit


def falls(positives: int, *, worse: float, protected: bool, seed: int) -> int:
    """How often a schedule hears a fall in 25 evaluations; each loses ``worse`` of the signal."""
    random = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [positives, 400])
    scores = random.normal(size=len(targets)) + 1.5 * targets
    told: list[float] = []
    for epoch in range(25):
        jitter = 0.1 * random.normal(size=len(targets))
        area = auc(scores + jitter - worse * epoch * targets, targets)
        before = told[-1] if told else None
        told.append(heard(before, area, resolution(targets, BINARY)) if protected else area)
    return sum(b < a for a, b in pairwise(told))


@pytest.mark.parametrize("positives", [3, 10, 30])
def test_a_network_that_stays_as_good_is_heard_to_fall_hardly_ever(positives: int) -> None:
    plain = [falls(positives, worse=0.0, protected=False, seed=seed) for seed in range(20)]
    protected = [falls(positives, worse=0.0, protected=True, seed=seed) for seed in range(20)]
    # Five falls take the ranking constraint's penalty from its start to its cap.
    assert np.mean(plain) > 9
    assert np.mean(protected) < 1


@pytest.mark.parametrize("positives", [3, 30, 300])
def test_a_network_that_keeps_getting_worse_is_heard(positives: int) -> None:
    heard_falls = [falls(positives, worse=0.08, protected=True, seed=s) for s in range(20)]
    assert np.mean(heard_falls) > 1


def test_a_slow_decline_adds_up() -> None:
    told = [0.9]
    for area in (0.89, 0.88, 0.87, 0.86, 0.84):
        told.append(heard(told[-1], area, 0.05))
    assert told == [0.9, 0.9, 0.9, 0.9, 0.9, 0.84]


def test_the_resolution_is_that_of_the_measure() -> None:
    assert resolution([1, 1, 0, 0, 0], BINARY) == 0.25
    assert resolution([2, 1, 0, 0, 0], Task("multiclass", 3, (2,))) == 0.1
    labels = np.array([[1.0, 0.0], [np.nan, 1.0], [1.0, 0.0], [0.0, 0.5]])
    assert resolution(labels, Task.multilabel(2)) == 0.25


def test_few_validation_positives_are_told_where_a_schedule_follows_them() -> None:
    scheduled = Objective(BCELoss(), ALMConstraint())
    (text,) = schedule_remarks(scheduled, [1, 1, 1] + [0] * 50, BINARY)
    assert "ALMConstraint follows validation AUC" in text
    assert "only 3 critical samples: changes up to 0.17 were taken for chance" in text
    assert schedule_remarks(scheduled, [1] * 20 + [0] * 50, BINARY) == []
    assert schedule_remarks(Objective(BCELoss()), [1, 0], BINARY) == []


def test_the_remark_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rarecall.training.signal.FEW_POSITIVES", 25)
    assert int(data("table", seed=1).targets.sum()) == 24
    assert any("only 24 critical" in text for text in fit("table", "bce+alm").remarks)
