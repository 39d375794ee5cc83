"""What an objective refuses, and how a user's own loss and term fit it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rarecall import ALMConstraint, BaseLoss, BCELoss, Objective, Term, TrainStep

TARGETS = torch.tensor([1, 0, 0, 1])
BATCH = (torch.zeros(4), TARGETS, torch.arange(4))


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([0, 1, 2], "1 for the critical class and 0 otherwise"),
        ([[0], [1]], r"shape \(n,\)"),
        ([0.0, 0.5], "values"),
        ([0, 0], "Both classes must occur"),
        ([1, 1], "Both classes must occur"),
    ],
)
def test_targets_that_are_not_binary_are_refused(targets, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Objective(BCELoss()).bind(targets)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="'binary'"):
        Objective(BCELoss()).bind(TARGETS, task="ordinal")


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_validation_score_that_is_not_finite_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Objective(BCELoss()).bind(TARGETS).end_epoch(score)


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ((torch.zeros(0), TARGETS[:0]), "B >= 1"),
        ((torch.zeros(4), TARGETS[:, None]), "targets must have shape"),
        ((torch.zeros(4), TARGETS, torch.arange(3)), "index must hold integers"),
        ((torch.zeros(4), TARGETS, torch.arange(4.0)), "index must hold integers"),
    ],
)
def test_a_batch_of_the_wrong_form_is_refused(batch, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Objective(BCELoss()).bind(TARGETS).prepare(batch)


def test_binding_again_starts_afresh() -> None:
    term = ALMConstraint(margin=0.5, penalty=1.0)
    objective = Objective(BCELoss(), term).bind(TARGETS)
    objective(nn.Identity(), BATCH)
    objective.step()
    assert term.multipliers.sum() > 0
    objective.bind(1 - TARGETS)
    assert term.multipliers.sum() == 0
    with pytest.raises(ValueError, match="does not fit the targets"):
        objective.prepare(BATCH)


class Temperature(BaseLoss):
    """A user's loss of a set, with a parameter of its own."""

    per_sample = False

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(1))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        toward = torch.where(targets == 1, logits, -logits)
        return -nn.functional.logsigmoid(toward / self.temperature).sum()


class Shrink(Term):
    """A user's term that counts its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, scored):
        return 0.1 * scored.scores.square().mean(), {"rows": torch.tensor(scored.fresh)}

    def commit(self, updates) -> None:
        self.steps += len(updates)


def test_a_users_own_loss_and_term_fit_the_interface() -> None:
    term = Shrink()
    objective = Objective(Temperature(), term).bind(TARGETS)
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    (group,) = objective.param_groups()
    assert group["params"] == [objective.loss.temperature]
    step = TrainStep(objective.adapt(model), objective)
    inputs = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    loss = step((inputs, TARGETS))
    loss.backward()
    objective.step()
    assert int(term.steps) == 1
    assert objective.loss.temperature.grad is not None
    assert {name.split(".")[0] for name in step.state_dict()} == {"model", "objective"}
    scores = model(inputs)
    expected = objective.loss(scores, TARGETS) + 0.1 * scores.square().mean()
    torch.testing.assert_close(loss, expected)


def test_an_objective_without_parameters_adds_no_group() -> None:
    assert Objective(BCELoss()).param_groups() == []
