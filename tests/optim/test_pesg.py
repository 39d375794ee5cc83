"""PESG against its equation, its stages, its dual groups, and resuming bit for bit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall import Objective
from rarecall.losses import AUCMarginLoss
from rarecall.methods import parse
from rarecall.optim import PESG

DOUBLE = torch.float64


def slope_at(weight: list[float], step: int) -> list[float]:
    """Gradient of a quadratic whose centre moves with the step."""
    return [2 * (w - (0.3 * step - i)) for i, w in enumerate(weight)]


def by_loops(
    start: list[float], stages: list[int], eta: float, gamma: float, decay: float, momentum: float
) -> list[list[float]]:
    """Algorithm 1 in plain numbers; the rate falls to a half between stages."""
    weight, reference, speed = list(start), list(start), [0.0] * len(start)
    found, step = [], 0
    for number, steps in enumerate(stages):
        seen: list[list[float]] = []
        for _ in range(steps):
            slopes = slope_at(weight, step)
            for i, w in enumerate(weight):
                g = slopes[i] + gamma * (w - reference[i]) + decay * w
                speed[i] = momentum * speed[i] + g
                weight[i] = w - eta / 2**number * speed[i]
            seen.append(list(weight))
            found.append(list(weight))
            step += 1
        reference = [sum(values) / len(seen) for values in zip(*seen, strict=True)]
    return found


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("gamma", "decay"), [(0.5, 0.0), (0.002, 1e-4), (0.0, 0.1)])
def test_the_steps_of_three_stages_follow_algorithm_1(
    gamma: float, decay: float, momentum: float
) -> None:
    start, stages = [1.0, -2.0, 0.5], [4, 3, 5]
    parts = [
        nn.Parameter(torch.tensor(start[:1], dtype=DOUBLE)),
        nn.Parameter(torch.tensor(start[1:], dtype=DOUBLE)),
    ]
    optimizer = PESG(parts, lr=0.05, proximal=gamma, weight_decay=decay, momentum=momentum)
    found, step = [], 0
    for number, steps in enumerate(stages):
        if number:
            optimizer.new_stage(decay=2.0)
        for _ in range(steps):
            slopes = slope_at([*parts[0].tolist(), *parts[1].tolist()], step)
            parts[0].grad = torch.tensor(slopes[:1], dtype=DOUBLE)
            parts[1].grad = torch.tensor(slopes[1:], dtype=DOUBLE)
            optimizer.step()
            found.append([*parts[0].tolist(), *parts[1].tolist()])
            step += 1
    expected = by_loops(start, stages, 0.05, gamma, decay, momentum)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_without_a_pull_it_is_gradient_descent_as_torch_has_it(
    dtype: torch.dtype, momentum: float
) -> None:
    one = nn.Parameter(torch.tensor([1.0, -2.0], dtype=dtype))
    other = nn.Parameter(one.detach().clone())
    ours = PESG([one], lr=0.1, proximal=0.0, weight_decay=0.01, momentum=momentum)
    theirs = torch.optim.SGD([other], lr=0.1, weight_decay=0.01, momentum=momentum)
    for _ in range(20):
        for weight, optimizer in ((one, ours), (other, theirs)):
            optimizer.zero_grad()
            (weight - 3).square().sum().backward()
            optimizer.step()
    assert one.dtype == dtype
    torch.testing.assert_close(one, other)


def test_the_first_reference_is_where_the_weights_are_at_the_first_step() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = PESG([weight], lr=0.1, proximal=1.0, weight_decay=0.0)
    with torch.no_grad():
        weight.fill_(5.0)  # pre-trained weights, loaded after the optimiser was made
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() == 5.0


def test_the_pull_ends_where_the_average_of_the_stage_was() -> None:
    weight = nn.Parameter(torch.zeros(1, dtype=DOUBLE))
    optimizer = PESG([weight], lr=1.0, proximal=0.5, weight_decay=0.0)
    with torch.no_grad():
        for value in (1.0, 2.0, 6.0):
            weight.fill_(value)
            weight.grad = 0.5 * (optimizer.state.get(weight, {}).get("reference", weight) - weight)
            optimizer.step()
            assert weight.item() == value
    optimizer.new_stage()
    weight.grad = torch.zeros(1, dtype=DOUBLE)
    for _ in range(60):
        optimizer.step()
    assert weight.item() == pytest.approx(3.0)


def test_dual_groups_take_plain_steps() -> None:
    weight, dual = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    groups = [{"params": [weight]}, {"params": [dual], "dual": True}]
    optimizer = PESG(groups, lr=0.1, proximal=0.5, weight_decay=0.1, momentum=0.9)
    for _ in range(3):
        dual.grad = torch.tensor([-2.0])
        weight.grad = torch.tensor([-2.0])
        optimizer.step()
    optimizer.new_stage()
    dual.grad = torch.tensor([-2.0])
    optimizer.step()
    assert dual.item() == pytest.approx(1.0 + 4 * 0.1 * 2.0)
    assert dual not in optimizer.state
    assert weight.item() > 1.8  # momentum has carried it further


def test_a_new_stage_divides_every_rate_and_leaves_the_weights_where_they_are() -> None:
    weight, dual = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))
    groups = [{"params": [weight]}, {"params": [dual], "dual": True, "lr": 0.5}]
    optimizer = PESG(groups, lr=0.1)
    optimizer.new_stage(decay=10.0)  # before the first step there is nothing to average
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.05])
    assert not optimizer.state
    weight.grad = torch.ones(2)
    optimizer.step()
    before = weight.detach().clone()
    optimizer.new_stage()
    reference = optimizer.state[weight]["reference"].clone()
    optimizer.new_stage()  # an empty stage keeps the reference
    assert torch.equal(weight, before)
    assert torch.equal(optimizer.state[weight]["reference"], reference)
    assert torch.equal(reference, before)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_parameters_without_a_gradient_stay() -> None:
    moved, still = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = PESG([moved, still], lr=0.1, weight_decay=0.5)
    moved.grad = torch.ones(1)
    optimizer.step()
    optimizer.new_stage()
    assert still.item() == 1.0
    assert moved.item() < 1.0
    assert still not in optimizer.state


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    optimizer = PESG([weight], lr=0.1)

    def closure() -> float:
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return float(loss.detach())

    assert optimizer.step(closure) == 4.0
    assert weight.item() == pytest.approx(2.0 - 0.1 * (4.0 + 2e-4))


def test_torch_s_schedules_set_its_rate() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = PESG([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    weight.grad = torch.ones(1)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": 0.0}, "learning rate above 0, not 0.0"),
        ({"lr": float("nan")}, "learning rate above 0"),
        ({"lr": 0.1, "proximal": -1.0}, "proximal of 0 or more, not -1.0"),
        ({"lr": 0.1, "weight_decay": -1.0}, "weight_decay of 0 or more"),
        ({"lr": 0.1, "momentum": 1.0}, r"momentum in \[0, 1\), not 1.0"),
    ],
)
def test_options_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    weight = nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match=message):
        PESG([weight], **given)
    with pytest.raises(ValueError, match=message):
        PESG([{"params": [weight], **given}], lr=0.1)
    with pytest.raises(ValueError, match="decay of 1 or more"):
        PESG([weight], lr=0.1).new_stage(decay=0.5)


# With objectives ----------------------------------------------------------------------------------


def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 3, generator=generator)
    targets = (torch.arange(64) % 4 == 0).long()
    inputs[:, 0] += 2 * targets
    return inputs, targets


class Training:
    """A model, an objective and the optimiser, stepped in two stages of five steps each."""

    def __init__(self, method: str, decay: float = 2.0) -> None:
        torch.manual_seed(1)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
        self.objective = parse(method).build().bind(rows()[1])
        groups = [{"params": self.model.parameters()}, *self.objective.param_groups()]
        self.decay = decay
        self.optimizer = PESG(groups, lr=0.1, proximal=0.1, momentum=0.5)

    def run(self, steps: range) -> list[float]:
        inputs, targets = rows()
        losses = []
        for step in steps:
            if step and step % 5 == 0:
                self.optimizer.new_stage(self.decay)
            index = torch.arange(16) + 16 * (step % 4)
            loss = self.objective(self.model, (inputs[index], targets[index], index))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.objective.step()
            losses.append(float(loss.detach()))
        return losses

    def parts(self) -> dict[str, Any]:
        return {"m": self.model, "o": self.objective, "p": self.optimizer}

    def state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts().items()}


def tensors(state: Any) -> list[Tensor]:
    leaves = torch.utils._pytree.tree_leaves(state)
    return [torch.as_tensor(leaf) for leaf in leaves if isinstance(leaf, (Tensor, int, float))]


@pytest.mark.parametrize("stop", [3, 5, 7])
@pytest.mark.parametrize("method", ["auc-margin", "bce+alm"])
def test_a_resumed_training_is_the_undisturbed_one_bit_for_bit(
    method: str, stop: int, tmp_path: Path
) -> None:
    whole, first, second = Training(method), Training(method), Training(method)
    whole.run(range(12))
    first.run(range(stop))
    torch.save(first.state(), tmp_path / "state.pt")
    stored = torch.load(tmp_path / "state.pt", weights_only=True)
    for name, part in second.parts().items():
        part.load_state_dict(stored[name])
    second.run(range(stop, 12))
    expected, found = tensors(whole.state()), tensors(second.state())
    assert len(expected) == len(found) > 20
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    copied = copy.deepcopy(second.optimizer)
    assert copied.state_dict()["param_groups"] == second.optimizer.state_dict()["param_groups"]


@pytest.mark.parametrize("method", ["bce", "bce+alm", "focal", "pairwise"])
def test_it_trains_any_objective(method: str) -> None:
    losses = Training(method, decay=1.0).run(range(60))
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_alpha_is_neither_pulled_nor_decayed() -> None:
    objective = Objective(AUCMarginLoss()).bind(rows()[1])
    with torch.no_grad():
        objective.loss.alpha.fill_(0.5)
    optimizer = PESG(objective.param_groups(), lr=0.1, proximal=0.5, weight_decay=0.5)
    for parameter in objective.parameters():
        parameter.grad = torch.zeros(1)
    with torch.no_grad():
        objective.loss.a.fill_(0.5)
    optimizer.step()
    assert objective.loss.alpha.item() == 0.5
    assert objective.loss.a.item() == pytest.approx(0.5 - 0.1 * 0.5 * 0.5)
