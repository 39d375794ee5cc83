"""Measures of several labels: what is missing or uncertain is left out, label by label."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.errors import MetricError
from rarecall.metrics import auc, fpr_at_tpr, label_aucs, label_fprs, mean_auc


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    targets = (rng.random((80, 3)) < 0.4).astype(float)
    targets[rng.random(targets.shape) < 0.2] = np.nan
    targets[5, 1] = 0.7
    return np.round(rng.normal(size=(80, 3)) + np.nan_to_num(targets), 1), targets


def naive(scores, targets, label, measure):
    kept = [
        (row[label], int(known[label]))
        for row, known in zip(scores, targets, strict=True)
        if known[label] in (0.0, 1.0)
    ]
    return measure(np.array([s for s, _ in kept]), np.array([t for _, t in kept]))


def test_every_label_is_measured_on_its_own_known_samples(sample):
    scores, targets = sample
    for label in range(3):
        expected = naive(scores, targets, label, auc)
        assert label_aucs(scores, targets)[label] == expected
        rate = naive(scores, targets, label, lambda s, t: fpr_at_tpr(s, t, 0.9))
        assert label_fprs(scores, targets, 0.9)[label] == rate
    assert mean_auc(scores, targets) == pytest.approx(label_aucs(scores, targets).mean())


def test_the_score_of_an_unknown_label_changes_nothing(sample):
    scores, targets = sample
    before = label_aucs(scores, targets)
    unknown = ~((targets == 0) | (targets == 1))
    assert unknown.sum() > 20
    np.testing.assert_array_equal(label_aucs(np.where(unknown, 99.0, scores), targets), before)


def test_a_label_known_for_one_side_only_is_named():
    with pytest.raises(MetricError, match="Label 1"):
        label_aucs(np.zeros((3, 2)), [[0, 1], [1, 1], [0, np.nan]])


@pytest.mark.parametrize("targets", [np.full((3, 2), 2.0), np.zeros((3, 3)), np.zeros(3)])
def test_targets_of_another_form_are_refused(targets):
    with pytest.raises(MetricError, match="targets must"):
        label_aucs(np.zeros((3, 2)), targets)
