"""Losses of the tail: what they lower in training, their multiplier, what they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from rarecall import Objective
from rarecall.functional import reverse_gradient
from rarecall.losses import (
    ImplicitFPRLoss,
    OneWayPartialAUCLoss,
    PatMatLoss,
    RecallLagrangianLoss,
    TopPushLoss,
    TwoWayPartialAUCLoss,
)
from rarecall.methods import parse
from rarecall.metrics import fpr_at_tpr
from rarecall.objective import BaseLoss

WORDS = ("ico", "recall-lagrangian", "patmat-np", "toppush", "pauc-1way", "pauc-2way")


def problem() -> tuple[torch.Tensor, torch.Tensor]:
    """Critical rows of two kinds; the second, one in five, shows in the second column only."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(600, 3, generator=generator, dtype=torch.float64)
    targets = (torch.arange(600) % 10 == 0).long()
    second = torch.arange(600) % 50 == 0
    rows[:, 0] += 3 * (targets == 1) * ~second
    rows[:, 1] += 3 * second
    return rows, targets


def fitted(loss: BaseLoss, steps: int = 300) -> tuple[list[np.ndarray], Objective]:
    """Scores before and after full-batch training of a linear model from a bad start."""
    rows, targets = problem()
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.5, -0.5, 0.5]]))
        model[0].bias.zero_()
    objective = Objective(loss).bind(targets)
    optimizer = torch.optim.Adam(
        [{"params": model.parameters()}, *objective.param_groups()], lr=0.02
    )
    before = model(rows).detach().numpy()
    for _ in range(steps):
        value = objective(model, (rows, targets, torch.arange(600)))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        objective.step()
    return [before, model(rows).detach().numpy()], objective


def rate(scores: np.ndarray, tpr: float) -> float:
    return float(fpr_at_tpr(scores, problem()[1].numpy(), tpr))


def bce_rate(tpr: float) -> float:
    (_, after), _ = fitted(parse("bce").build().loss)
    return rate(after, tpr)


@pytest.mark.parametrize("surrogate", ["softplus", "sigmoid"])
def test_ico_lowers_the_exact_false_positive_rate_below_that_of_cross_entropy(
    surrogate: str,
) -> None:
    (before, after), _ = fitted(ImplicitFPRLoss(tpr=0.95, surrogate=surrogate))
    assert rate(after, 0.95) < 0.5 * rate(before, 0.95)
    assert rate(after, 0.95) < bce_rate(0.95)


def test_ico_trades_one_required_rate_for_another() -> None:
    (_, low), _ = fitted(ImplicitFPRLoss(tpr=0.5, surrogate="sigmoid", temperature=0.3))
    (_, high), _ = fitted(ImplicitFPRLoss(tpr=0.97, surrogate="sigmoid", temperature=0.3))
    assert rate(high, 0.97) < rate(low, 0.97)
    assert rate(low, 0.5) < rate(high, 0.5)


@pytest.mark.parametrize("surrogate", ["squared_hinge", "hinge"])
def test_patmat_lowers_the_exact_false_positive_rate_below_that_of_cross_entropy(
    surrogate: str,
) -> None:
    (before, after), _ = fitted(PatMatLoss(tpr=0.95, scale=1.0, surrogate=surrogate))
    assert rate(after, 0.95) < 0.5 * rate(before, 0.95)
    assert rate(after, 0.95) < bce_rate(0.95)


@pytest.mark.parametrize("loss", [TopPushLoss(), TopPushLoss("logistic")])
def test_toppush_lowers_the_share_of_others_above_the_lowest_critical_score(
    loss: BaseLoss,
) -> None:
    (before, after), _ = fitted(loss)
    assert rate(after, 1.0) < 0.7 * rate(before, 1.0)
    assert rate(after, 1.0) < bce_rate(1.0)


@pytest.mark.parametrize("loss", [OneWayPartialAUCLoss(0.3), TwoWayPartialAUCLoss(0.3, 0.3)])
def test_partial_area_losses_lower_the_area_beside_the_tail(loss: BaseLoss) -> None:
    """The mean FPR at TPR 0.8 to 1 is what one minus the normalised partial area measures."""
    (before, after), _ = fitted(loss)
    tail = np.linspace(0.8, 1, 13)
    area = [np.mean([rate(scores, tpr) for tpr in tail]) for scores in (before, after)]
    assert area[1] < 0.6 * area[0]
    assert area[1] < np.mean([bce_rate(tpr) for tpr in tail])


@pytest.mark.parametrize("surrogate", ["hinge", "logistic"])
def test_the_lagrangian_meets_its_recall_at_the_score_zero(surrogate: str) -> None:
    loss = RecallLagrangianLoss(tpr=0.9, surrogate=surrogate, pace=10.0)
    (before, after), objective = fitted(loss, steps=1200)
    critical = problem()[1].numpy() == 1
    assert (before[critical] >= 0).mean() < 0.85
    assert (after[critical] >= 0).mean() >= 0.9
    values = torch.from_numpy(after)
    # At a saddle point the constraint on the surrogate is tight.
    missed = loss._surrogate(values[torch.from_numpy(critical)]).mean()
    assert missed.item() == pytest.approx(0.1, abs=0.02)
    assert objective.monitor()["RecallLagrangianLoss.multiplier"] > 1


@pytest.mark.parametrize(("optimizer", "moved"), [("SGD", 0.1 * 5 * 0.15), ("Adam", 0.1 * 5)])
def test_the_multiplier_moves_up_at_its_pace_while_recall_lacks(
    optimizer: str, moved: float
) -> None:
    loss = RecallLagrangianLoss(tpr=0.9, multiplier=2.0, pace=5.0, imbalance=1.0)
    step = getattr(torch.optim, optimizer)(loss.parameters(), lr=0.1)
    # φ of the critical sample is 0.25, 0.15 more than allowed.
    loss(torch.tensor([0.75, -3.0]), torch.tensor([1, 0])).mean().backward()
    step.step()
    loss.after_step()
    assert loss.multiplier == pytest.approx(2 + moved, rel=1e-4)


def test_the_multiplier_never_falls_below_zero_and_starts_afresh_when_bound() -> None:
    loss = RecallLagrangianLoss(tpr=0.5, multiplier=0.1)
    objective = Objective(loss).bind([0, 1])
    step = torch.optim.SGD(objective.parameters(), lr=10.0)
    objective(nn.Identity(), (torch.tensor([-3.0, 3.0]), torch.tensor([0, 1]))).backward()
    step.step()
    assert loss.multiplier < 0
    objective.step()
    assert loss.multiplier == 0
    (group,) = objective.param_groups()
    assert group["dual"]
    assert group["weight_decay"] == 0
    objective.bind([0, 1])
    assert loss.multiplier == pytest.approx(0.1)


def test_the_multiplier_keeps_its_precision_through_a_cast() -> None:
    loss = RecallLagrangianLoss(multiplier=1 / 3)
    before = copy.deepcopy(loss.state_dict())
    assert torch.equal(loss.half().float().state_dict()["paced"], before["paced"])


def test_the_lagrangian_asks_for_the_class_ratio() -> None:
    with pytest.raises(RuntimeError, match="class ratio"):
        RecallLagrangianLoss()(torch.zeros(2), torch.tensor([0, 1]))


def test_a_reversed_gradient_leaves_the_value_as_it_is_to_the_bit() -> None:
    values = torch.tensor([0.1, -1e-30, 3e7], requires_grad=True)
    reversed_ = reverse_gradient(values)
    assert torch.equal(reversed_, values)
    (slope,) = torch.autograd.grad((2 * reversed_).sum(), values)
    assert slope.tolist() == [-2.0, -2.0, -2.0]


@pytest.mark.parametrize("word", WORDS)
def test_a_method_is_parsed_built_and_paired_with_any_term(word: str) -> None:
    method = parse(f"{word}+alm+balanced")
    assert method.tasks == ("binary",)
    loss = method.build().loss
    assert loss.outputs == 1
    assert loss.per_sample == (word == "recall-lagrangian")


@pytest.mark.parametrize("word", ["ico", "recall-lagrangian", "patmat-np"])
def test_the_required_rate_comes_from_the_run(word: str) -> None:
    parameter = parse(word).parameters[f"{word}.tpr"]
    assert parameter.from_run == "tpr"
    assert parse(word).build({f"{word}.tpr": 0.8}).loss.tpr == 0.8
    assert "tpr=0.8" in repr(parse(word).build({f"{word}.tpr": 0.8}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImplicitFPRLoss(tpr=1.0), r"ImplicitFPRLoss needs tpr=1.0 to be inside \(0.0, 1"),
        (lambda: ImplicitFPRLoss(temperature=0.0), "temperature=0.0 to be finite and > 0"),
        (lambda: ImplicitFPRLoss(temperature=float("nan")), "temperature=nan"),
        (lambda: ImplicitFPRLoss(cross_entropy=-1.0), "cross_entropy=-1.0 to be >= 0"),
        (lambda: ImplicitFPRLoss(surrogate="hinge"), "'softplus' or 'sigmoid', not 'hinge'"),
        (lambda: PatMatLoss(tpr=0.0), "tpr=0.0"),
        (lambda: PatMatLoss(scale=float("inf")), "scale=inf"),
        (lambda: PatMatLoss(surrogate="logistic"), "'squared_hinge' or 'hinge'"),
        (lambda: TopPushLoss("hinge"), "'squared_hinge' or 'logistic'"),
        (lambda: OneWayPartialAUCLoss(0.0), "temperature=0.0"),
        (lambda: TwoWayPartialAUCLoss(1.0, -1.0), "others_temperature=-1.0"),
        (lambda: TwoWayPartialAUCLoss(surrogate="square"), "'logistic' or 'squared_hinge'"),
        (lambda: RecallLagrangianLoss(tpr=1.5), "tpr=1.5"),
        (lambda: RecallLagrangianLoss(pace=0.0), "pace=0.0"),
        (lambda: RecallLagrangianLoss(multiplier=-0.5), "multiplier=-0.5"),
        (lambda: RecallLagrangianLoss(surrogate="square"), "'hinge' or 'logistic'"),
    ],
)
def test_impossible_arguments_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
