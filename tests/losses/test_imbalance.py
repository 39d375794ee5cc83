"""Losses that depend on the class ratio learn it, or take it as given."""

from __future__ import annotations

import pytest
import torch

from rarecall import Objective, VectorScalingLoss, WeightedBCELoss

TARGETS = torch.tensor([1, 0, 0, 0])
LOSSES = [WeightedBCELoss, VectorScalingLoss]


@pytest.mark.parametrize("make", LOSSES)
def test_the_ratio_is_learnt_from_the_training_targets(make) -> None:
    loss = make()
    Objective(loss).bind(TARGETS)
    assert loss.imbalance == 3.0
    assert "imbalance=3.0" in repr(loss)


@pytest.mark.parametrize("make", LOSSES)
def test_a_given_ratio_wins(make) -> None:
    loss = make(imbalance=50.0)
    Objective(loss).bind(TARGETS)
    assert loss.imbalance == 50.0


@pytest.mark.parametrize("make", LOSSES)
def test_an_unknown_ratio_is_an_error_that_says_what_to_do(make) -> None:
    logits = torch.zeros(1) if make.outputs == 1 else torch.zeros(1, 2)
    with pytest.raises(RuntimeError, match=r"imbalance=99\.0.*bind"):
        make()(logits, torch.tensor([1]))


def test_a_whole_class_ratio_gives_both_classes_the_same_weight() -> None:
    loss = WeightedBCELoss(scale=1.0)
    Objective(loss).bind(TARGETS)
    values = loss(torch.zeros(4), TARGETS)
    assert values[0].item() == pytest.approx(values[1:].sum().item())


@pytest.mark.parametrize("make", LOSSES)
def test_an_impossible_ratio_is_refused(make) -> None:
    with pytest.raises(ValueError, match="imbalance > 0"):
        make(imbalance=0.0)
