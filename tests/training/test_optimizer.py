"""The optimiser: what decays, and how the learning rate moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from rarecall import BCELoss, Objective
from rarecall.models import build_network
from rarecall.training import TrainSettings
from rarecall.training.optimizer import make_optimizer, parameter_groups, schedule_factor

SPEC: dict[str, Any] = {
    "kind": "table",
    "n_numeric": 1,
    "bins": [[-1.0, 0.0, 1.0]],
    "cardinalities": [3],
}
SETTINGS: dict[str, Any] = {"steps": 100, "evaluate_every": 10, "batch_size": 4}


class WithDual(Objective):
    """Has a maximised variable of its own, as AUC margin losses do."""

    def __init__(self) -> None:
        super().__init__(BCELoss())
        self.dual = nn.Parameter(torch.zeros(1))

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.dual], "dual": True}]


def names_in(group: dict[str, Any], network: nn.Module) -> set[str]:
    inside = {id(parameter) for parameter in group["params"]}
    return {name for name, parameter in network.named_parameters() if id(parameter) in inside}


def test_biases_norms_and_embeddings_do_not_decay() -> None:
    table = build_network(SPEC)
    decaying, free = parameter_groups(table, Objective(BCELoss()), 0.1)
    assert names_in(decaying, table) >= {"fc.weight", "body.0.weight", "encoding.weight"}
    assert names_in(free, table) >= {
        "fc.bias",
        "body.0.bias",
        "encoding.bias",
        "embedding.table.weight",
    }
    spec = {"kind": "images", "channels": 1, "size": [8, 8], "mean": [0.5], "std": [0.5]}
    network = build_network(spec)
    decaying, free = parameter_groups(network, Objective(BCELoss()), 0.1)
    assert "stem.weight" in names_in(decaying, network)
    assert names_in(free, network) >= {"bn.weight", "bn.bias", "stages.0.bn1.weight"}
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.1, 0.0)


def test_every_parameter_is_in_exactly_one_group() -> None:
    network = build_network(SPEC)
    groups = parameter_groups(network, WithDual(), 0.1)
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(listed) == len(set(listed)) == len(list(network.parameters())) + 1


def test_an_objectives_own_parameters_keep_their_mark_and_do_not_decay() -> None:
    optimizer = make_optimizer(build_network(SPEC), WithDual(), TrainSettings(**SETTINGS))
    last = optimizer.param_groups[-1]
    assert last["dual"] is True
    assert last["weight_decay"] == 0.0


def test_frozen_parameters_are_left_out() -> None:
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    groups = parameter_groups(network, Objective(BCELoss()), 0.1)
    assert [len(group["params"]) for group in groups] == [1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_every_optimizer_moves_the_weights(
    name: Any, kind: type[torch.optim.Optimizer], scaled: bool
) -> None:
    network = nn.Linear(3, 1)
    settings = TrainSettings(**SETTINGS, optimizer=name)
    optimizer = make_optimizer(network, Objective(BCELoss()), settings, scaled=scaled)
    assert isinstance(optimizer, kind)
    before = network.weight.detach().clone()
    network(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    assert not torch.equal(network.weight, before)


def test_the_cosine_rises_through_the_warm_up_and_falls_to_the_end() -> None:
    settings = TrainSettings(**SETTINGS, warmup_steps=10)
    factors = [schedule_factor(settings, step) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == 1.0
    assert all(a > b for a, b in pairwise(factors[10:]))
    assert 0 < factors[-1] < 0.001


def test_a_constant_schedule_stays_after_the_warm_up() -> None:
    settings = TrainSettings(**SETTINGS, warmup_steps=2, schedule="constant")
    assert [schedule_factor(settings, step) for step in (0, 1, 2, 99)] == [0.5, 1.0, 1.0, 1.0]


def test_a_warm_up_longer_than_the_training_still_reaches_the_last_step() -> None:
    settings = TrainSettings(**(SETTINGS | {"steps": 1}), warmup_steps=50)
    assert schedule_factor(settings, 0) == 1.0


def test_momentum_is_that_of_the_settings() -> None:
    for momentum in (0.0, 0.5):
        settings = TrainSettings(**SETTINGS, optimizer="sgd", momentum=momentum)
        optimizer = make_optimizer(nn.Linear(1, 1), Objective(BCELoss()), settings)
        assert {group["momentum"] for group in optimizer.param_groups} == {momentum}


def test_steps_fall_at_each_milestone_by_the_factor_as_torchs_scheduler_does() -> None:
    settings = TrainSettings(**SETTINGS, schedule="steps", milestones=(0.5, 0.75), factor=0.2)
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 75], gamma=0.2)
    for step in range(100):
        assert schedule_factor(settings, step) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
