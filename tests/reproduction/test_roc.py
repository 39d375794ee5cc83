"""ROC curves of several splits: their mean passes through the table's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.metrics import fpr_at_tpr, roc_curve
from rarecall.reproduction.roc import POINTS, roc_points
from rarecall.reproduction.uncertainty import Scored


def split(seed: int, negatives: int = 60, positives: int = 12) -> Scored:
    rng = np.random.default_rng(seed)
    targets = np.repeat([0, 1], [negatives, positives])
    return Scored(np.round(rng.normal(size=len(targets)) + targets, 1), targets, "a")


def test_the_mean_curve_holds_the_mean_fpr_at_every_tpr() -> None:
    splits = [split(seed) for seed in range(4)]
    told = roc_points(splits)
    assert told is not None
    assert told["splits"] == 4
    for fpr, low, high, tpr in zip(
        told["fpr"], told["low"], told["high"], told["tpr"], strict=True
    ):
        if tpr > 0:
            own = [fpr_at_tpr(one.scores, one.targets, tpr) for one in splits]
            assert (fpr, low, high) == pytest.approx((np.mean(own), min(own), max(own)))
    assert told["tpr"][0] == 0
    assert told["tpr"][-1] == 1
    assert told["fpr"] == sorted(told["fpr"])


def test_splits_of_other_sizes_share_no_levels_and_still_have_a_mean() -> None:
    splits = [split(0, positives=7), split(1, positives=5)]
    told = roc_points(splits)
    assert told is not None
    at = told["tpr"].index(3 / 7)
    own = [fpr_at_tpr(one.scores, one.targets, 3 / 7) for one in splits]
    assert told["fpr"][at] == pytest.approx(np.mean(own))


def test_one_split_keeps_its_own_curve() -> None:
    one = split(0)
    told, curve = roc_points([one]), roc_curve(one.scores, one.targets)
    assert told is not None
    assert set(told) == {"fpr", "tpr", "splits"}
    assert {*zip(told["fpr"], told["tpr"], strict=True)} <= {
        *zip(curve.fpr, curve.tpr, strict=True)
    }


def test_long_curves_are_thinned() -> None:
    told = roc_points([split(seed, 4000, 1000) for seed in range(3)])
    assert told is not None
    assert 50 < len(told["tpr"]) <= POINTS


def test_there_is_no_curve_of_several_classes_or_of_one() -> None:
    assert roc_points([]) is None
    assert roc_points([Scored(np.zeros((3, 2)), np.array([0, 1, 1]), "a")]) is None
    assert roc_points([Scored(np.zeros(3), np.zeros(3, int), "a")]) is None
