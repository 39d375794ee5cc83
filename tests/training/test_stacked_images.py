"""Residual networks side by side: each as if alone, whatever lays out their images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall import BCELoss, Objective
from rarecall.data import ArrayDataset
from rarecall.models import build_network
from rarecall.models.resnet import channels_last
from rarecall.training import Fitted, train
from rarecall.training.members import fit_members
from rarecall.training.stackable import can_stack, no_faster

from .problem import data, measure, objective, settings, spec

CHANGES: dict[str, Any] = {
    "steps": 8,
    "evaluate_every": 4,
    "batch_size": 16,
    "augment": "crop+flip",
    "optimizer": "sgd",
    "learning_rate": 0.01,
}
NETWORKS: dict[str, dict[str, Any]] = {
    "resnet10": {"widths": [4, 4, 8, 8]},
    "resnet20": {"widths": [4, 4, 8], "activation": "elu"},
    "resnet18": {"widths": [4, 4, 8, 8]},
}


def nets(name: str, count: int = 3) -> list[nn.Module]:
    options = NETWORKS[name]
    made = [build_network(spec("images"), name=name, seed=k, options=options) for k in range(count)]
    return [one.double() for one in made]


def rows(seed: int = 0) -> ArrayDataset:
    return data("images", 96, 12, seed=seed)


def fit(networks: list[nn.Module], goals: list[Objective], **how: Any) -> list[Fitted]:
    found: list[Fitted] = fit_members(
        networks,
        goals,
        rows(),
        rows(1),
        settings=settings(**CHANGES),
        measure=measure(),
        seeds=list(range(len(networks))),
        **how,
    )
    return found


@pytest.mark.parametrize("name", list(NETWORKS))
def test_stacked_residual_networks_end_as_in_turn(name: str) -> None:
    stacked = fit(nets(name), [Objective(BCELoss()) for _ in range(3)], together=True)
    alone = fit(nets(name), [Objective(BCELoss()) for _ in range(3)], together=False)
    for one, other in zip(stacked, alone, strict=True):
        assert (one.best_epoch, one.rows_forwarded) == (other.best_epoch, other.rows_forwarded)
        weights = other.network.state_dict()
        for key, value in one.network.state_dict().items():
            torch.testing.assert_close(value, weights[key], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("method", ["bce+alm", "bce+rankreg"])
def test_terms_keep_what_is_theirs(method: str) -> None:
    goals = [objective(method) for _ in range(2)]
    stacked = fit(nets("resnet10", 2), goals, together=True)
    for seed, found in enumerate(stacked):
        goal, network = objective(method), nets("resnet10", 2)[seed]
        alone = train(
            network,
            goal,
            rows(),
            rows(1),
            settings=settings(**CHANGES),
            measure=measure(),
            seed=seed,
        )
        for key, value in found.network.state_dict().items():
            torch.testing.assert_close(value, alone.network.state_dict()[key], rtol=1e-8, atol=1e-8)


def test_on_a_processor_images_take_turns_and_nothing_but_speed_says_so() -> None:
    networks, goals = nets("resnet10"), [Objective(BCELoss()) for _ in range(3)]
    told = can_stack(networks, goals, rows().inputs, settings=settings(**CHANGES))
    assert told is not None
    assert "take longer together" in told
    assert (
        can_stack(networks, goals, rows().inputs, settings=settings(**CHANGES), even_if_slower=True)
        is None
    )


def test_timing_says_what_it_found_and_leaves_the_networks_alone() -> None:
    networks = nets("resnet10", 2)
    before = [{k: v.clone() for k, v in one.state_dict().items()} for one in networks]
    drawn = torch.random.get_rng_state()
    where = torch.device("cpu")
    told = no_faster(networks, (), rows().inputs, settings=settings(**CHANGES), device=where)
    assert told is None or "of the time in turn" in told
    for one, kept in zip(networks, before, strict=True):
        assert all(torch.equal(value, kept[key]) for key, value in one.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_twenty_tiny_networks_are_faster_stacked() -> None:
    many = [nn.Sequential(nn.Flatten(), nn.Linear(256, 2), nn.Linear(2, 1)) for _ in range(20)]
    inputs = rows().inputs.float()
    where = torch.device("cpu")
    told = no_faster(many, (), inputs, settings=settings(**CHANGES), device=where)
    assert told is None


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_laid_out_pixel_by_pixel_as_torch_does_it(channels: int) -> None:
    images = torch.randn(2, channels, 4, 6)
    found = channels_last(images)
    assert torch.equal(found, images)
    assert found.is_contiguous(memory_format=torch.channels_last)
    again = channels_last(found)
    assert again.data_ptr() == found.data_ptr()


def test_laying_out_can_be_differentiated_and_stacked() -> None:
    images = torch.randn(3, 2, 3, 4, 4, dtype=torch.float64, requires_grad=True)

    def squares(part: Tensor) -> Tensor:
        return channels_last(part).square().sum()

    torch.func.vmap(squares)(images).sum().backward()
    assert images.grad is not None
    assert torch.equal(images.grad, 2 * images.detach())
