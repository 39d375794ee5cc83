"""Sharpness-aware steps: the gradient at the worst weights nearby, the weights put back exactly."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall import ALMConstraint, BCELoss, Objective
from rarecall.optim.sam import SAM, frozen_statistics


def quadratic(weights: list[nn.Parameter], curvature: Tensor) -> Tensor:
    return 0.5 * (curvature * torch.cat(weights).square()).sum()


def sharpen(sam: SAM, loss: Any) -> Tensor | None:
    def closure() -> Tensor:
        sam.zero_grad()
        value: Tensor = loss()
        value.backward()
        return value

    return sam.step(closure)


def test_a_step_uses_the_gradient_at_the_worst_weights_of_the_ball() -> None:
    curvature = torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64)
    start = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)
    weights = [nn.Parameter(start[:1].clone()), nn.Parameter(start[1:].clone())]
    sam = SAM(torch.optim.SGD([{"params": [w]} for w in weights], lr=0.1), radius=0.05)
    loss = sharpen(sam, lambda: quadratic(weights, curvature))
    # The equation, coordinate by coordinate: one norm over both groups.
    gradient = [float(c * w) for c, w in zip(curvature, start, strict=True)]
    norm = math.sqrt(sum(g * g for g in gradient))
    expected = [
        float(w) - 0.1 * float(c) * (float(w) + 0.05 * g / norm)
        for c, w, g in zip(curvature, start, gradient, strict=True)
    ]
    assert torch.cat([w.detach() for w in weights]).tolist() == pytest.approx(expected, abs=1e-15)
    assert loss is not None
    assert float(loss.detach()) == pytest.approx(float(0.5 * (curvature * start**2).sum()))


def test_maximised_parameters_are_stepped_but_neither_perturbed_nor_counted() -> None:
    weight, dual = nn.Parameter(torch.tensor([2.0])), nn.Parameter(torch.tensor([5.0]))
    groups = [{"params": [weight]}, {"params": [dual], "dual": True}]
    sam = SAM(torch.optim.SGD(groups, lr=1.0), radius=0.5)
    seen: list[tuple[float, float]] = []

    def loss() -> Tensor:
        seen.append((weight.item(), dual.item()))
        return (weight * dual).sum()

    sharpen(sam, loss)
    # The gradient of the weight is 5: its own norm, so it moves by the whole radius.
    assert seen == [(2.0, 5.0), (2.5, 5.0)]
    assert (weight.item(), dual.item()) == (2.0 - 5.0, 5.0 - 2.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gradient", [0.0, 1e-42, 1e-30, 1e18, math.inf, math.nan])
def test_no_gradient_however_small_or_large_breaks_the_weights(
    gradient: float, dtype: torch.dtype
) -> None:
    weight = nn.Parameter(torch.tensor([1.0, 2.0], dtype=dtype))
    sam = SAM(torch.optim.SGD([weight], lr=0.0))
    weight.grad = torch.full_like(weight, gradient)
    norm = sam.perturb()
    moved = (weight.detach() - torch.tensor([1.0, 2.0], dtype=dtype)).norm()
    assert bool(weight.isfinite().all())
    if 0 < norm < math.inf:
        assert float(moved) == pytest.approx(0.1, rel=1e-5)
    else:
        assert float(moved) == 0.0
    sam.restore()
    assert weight.tolist() == [1.0, 2.0]
    assert math.isfinite(norm) == math.isfinite(gradient)


def test_the_weights_come_back_bit_for_bit() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 1))
    before = {name: part.clone() for name, part in network.state_dict().items()}
    sam = SAM(torch.optim.SGD(network.parameters(), lr=0.1), radius=1.0)
    network(torch.randn(9, 7)).square().sum().backward()
    sam.perturb()
    assert not any(torch.equal(before[name], part) for name, part in network.state_dict().items())
    sam.restore()
    assert all(torch.equal(before[name], part) for name, part in network.state_dict().items())


def test_the_weights_come_back_when_the_second_pass_fails() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    sam = SAM(torch.optim.SGD([weight], lr=0.1))
    calls: list[float] = []

    def loss() -> Tensor:
        calls.append(weight.item())
        if len(calls) == 2:
            raise KeyboardInterrupt
        return weight.square().sum()

    with pytest.raises(KeyboardInterrupt):
        sharpen(sam, loss)
    assert calls[1] != 1.0
    assert weight.item() == 1.0


def test_by_hand_it_is_the_same_as_with_a_closure() -> None:
    curvature = torch.tensor([3.0, 1.0])
    one, other = (nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2))
    first = SAM(torch.optim.Adam([one], lr=0.1))
    second = SAM(torch.optim.Adam([other], lr=0.1))
    for _ in range(5):
        sharpen(first, lambda: quadratic([one], curvature))
        second.zero_grad()
        quadratic([other], curvature).backward()
        second.perturb()
        second.zero_grad()
        quadratic([other], curvature).backward()
        second.restore()
        second.step()
    assert torch.equal(one, other)


def test_its_state_is_the_base_optimisers_and_goes_on_bit_for_bit() -> None:
    def fresh() -> tuple[nn.Parameter, SAM]:
        weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        return weight, SAM(torch.optim.AdamW([weight], lr=0.1))

    curvature = torch.tensor([3.0, 1.0])
    whole, sam = fresh()
    for _ in range(6):
        sharpen(sam, lambda: quadratic([whole], curvature))
    half, first = fresh()
    for _ in range(3):
        sharpen(first, lambda: quadratic([half], curvature))
    assert first.state_dict().keys() == torch.optim.AdamW([half]).state_dict().keys()
    resumed, second = fresh()
    resumed.data.copy_(half.data)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        sharpen(second, lambda: quadratic([resumed], curvature))
    assert torch.equal(whole, resumed)


def test_a_schedule_on_the_base_optimiser_is_seen() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    sam = SAM(torch.optim.SGD([weight], lr=0.5))
    schedule = torch.optim.lr_scheduler.StepLR(sam.base, 1, gamma=0.1)
    sharpen(sam, weight.sum)
    schedule.step()
    assert sam.param_groups[0]["lr"] == pytest.approx(0.05)


def test_wrong_orders_are_refused() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    sam = SAM(torch.optim.SGD([weight], lr=0.5))
    weight.sum().backward()
    with pytest.raises(RuntimeError, match=r"needs perturb\(\) and a second backward"):
        sam.step()
    sam.perturb()
    with pytest.raises(RuntimeError, match="called twice"):
        sam.perturb()
    with pytest.raises(RuntimeError, match=r"needs restore\(\)"):
        sam.step()
    sam.restore()
    sam.step()
    with pytest.raises(RuntimeError, match="perturb"):
        sam.step()


@pytest.mark.parametrize("radius", [0.0, -1.0, math.inf, math.nan])
def test_a_radius_that_is_none_is_refused(radius: float) -> None:
    with pytest.raises(ValueError, match="finite radius above 0"):
        SAM(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1), radius=radius)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(3), (8, 3)),
        (nn.BatchNorm2d(3, momentum=None), (8, 3, 4, 4)),
        (nn.InstanceNorm1d(3, track_running_stats=True), (8, 3, 5)),
        (nn.BatchNorm1d(3, track_running_stats=False), (8, 3)),
        (nn.GroupNorm(1, 3), (8, 3, 4)),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_frozen_statistics_change_no_result_and_remember_nothing(
    layer: nn.Module, shape: tuple[int, ...], training: bool
) -> None:
    layer.train(training)
    inputs = 3 + torch.randn(shape)
    with torch.no_grad():
        layer(inputs)
        before = {name: part.clone() for name, part in layer.state_dict().items()}
        settings = {
            k: v for k, v in vars(layer).items() if k in ("momentum", "track_running_stats")
        }
        with frozen_statistics(layer):
            frozen = layer(inputs)
        assert all(torch.equal(part, before[name]) for name, part in layer.state_dict().items())
        assert all(vars(layer)[name] == value for name, value in settings.items())
        torch.testing.assert_close(frozen, layer(inputs), rtol=0, atol=0)


def test_an_objective_stages_one_batch_once() -> None:
    torch.manual_seed(0)
    term = ALMConstraint(margin=0.5, penalty=1.0)
    targets = torch.tensor([1, 0, 0, 1])
    objective = Objective(BCELoss(), term).bind(targets)
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    groups = [{"params": model.parameters()}, *objective.param_groups()]
    sam = SAM(torch.optim.SGD(groups, lr=0.1))
    prepared = objective.prepare((torch.randn(4, 2), targets, torch.arange(4)))
    with torch.no_grad():
        p = torch.sigmoid(model(prepared.inputs)).double()
    q = (0.5 - (p[[0, 3], None] - p[None, [1, 2]])).clamp(min=0).sum(1)
    sharpen(sam, lambda: objective(model, prepared))
    objective.step()
    # The multipliers move by the violations at the weights before the step.
    torch.testing.assert_close(term.multipliers, q, atol=1e-6, rtol=0)
