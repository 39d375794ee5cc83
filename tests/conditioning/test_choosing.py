"""λ is chosen after training, with one pass of the backbone."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from rarecall import Objective, Task
from rarecall.conditioning import (
    ConditionChoice,
    Conditioning,
    LinearDensity,
    choose_condition,
    condition_grid,
)
from rarecall.metrics import auc, selection_measure
from rarecall.training import predict_scores

from .problem import BOTH, ImageNet, WeightedLoss, bound, shaken

N = 40
IMAGES = torch.randn(N, 1, 8, 8, generator=torch.Generator().manual_seed(3))
TARGETS = (torch.arange(N) % 4 == 0).long()
GRID = {"loss.weight": [0.25, 0.5, 0.75], "loss.shift": [0.0, 3.0]}


def made(place: str | None = None) -> tuple[nn.Module, Objective]:
    torch.manual_seed(0)
    objective = bound(TARGETS)
    return shaken(objective.adapt(ImageNet(), condition_at=place)), objective


def mean_score(scores: np.ndarray, targets: np.ndarray) -> float:
    return float(scores[targets == 1].mean())


@pytest.mark.parametrize("place", [None, "pool", "conv"])
def test_every_value_is_that_of_a_network_with_this_lambda(place: str | None) -> None:
    model, objective = made(place)
    choice = choose_condition(
        model, objective, IMAGES, TARGETS, mean_score, grid=GRID, batch_size=16
    )
    number = 0
    for weight in (0.25, 0.5, 0.75):
        for shift in (0.0, 3.0):
            model.set_condition({"loss.weight": weight, "loss.shift": shift})
            scores = predict_scores(model, objective, IMAGES)
            assert choice.values[number] == pytest.approx(mean_score(scores, TARGETS.numpy()))
            number += 1
    assert len(set(choice.values)) == number
    assert choice.best_value == max(choice.values)
    model.set_condition(choice.best)
    assert mean_score(predict_scores(model, objective, IMAGES), TARGETS.numpy()) == pytest.approx(
        choice.best_value
    )
    model.set_condition(choice.center)
    assert mean_score(predict_scores(model, objective, IMAGES), TARGETS.numpy()) == pytest.approx(
        choice.center_value
    )
    assert choice.head_only == (place is None)


def test_the_backbone_is_forwarded_once_a_sample() -> None:
    model, objective = made()
    choose_condition(model, objective, IMAGES, TARGETS, auc, grid=5, batch_size=16)
    assert model.forwards == 3  # batches of 16, 16 and 8
    inside, objective = made("pool")
    choose_condition(inside, objective, IMAGES, TARGETS, auc, grid=5, batch_size=40)
    assert inside.forwards == 26  # 25 points and the mean


class Scaled(ImageNet):
    """Does something to the logits after the head."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(images)


def test_a_network_that_goes_on_after_its_head_is_forwarded_for_every_lambda() -> None:
    torch.manual_seed(0)
    objective = bound(TARGETS)
    model = shaken(objective.adapt(Scaled()))
    choice = choose_condition(model, objective, IMAGES, TARGETS, mean_score, grid=GRID)
    assert not choice.head_only
    model.set_condition({"loss.weight": 0.75, "loss.shift": 3.0})
    scores = predict_scores(model, objective, IMAGES)
    assert choice.values[-1] == pytest.approx(mean_score(scores, TARGETS.numpy()))


def test_choosing_changes_nothing_until_it_is_applied() -> None:
    model, objective = made()
    model.train()
    model.norm.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    choice = choose_condition(model, objective, IMAGES, TARGETS, mean_score, grid=GRID)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training
    assert not model.norm.training
    assert model.model.head.training
    assert not model.head._forward_hooks
    choice.apply(model)
    assert model.condition.tolist() == pytest.approx(list(choice.best.values()))
    choice.apply(nn.Sequential(model))  # wrapped


def test_a_choice_survives_json() -> None:
    model, objective = made()
    measure = selection_measure(n_positives=10, tpr=0.5)
    choice = choose_condition(model, objective, IMAGES, TARGETS, measure)
    assert choice.measure == measure.name
    assert choice.samples == N
    assert len(choice.values) == 25
    assert ConditionChoice.from_json(json.loads(json.dumps(choice.to_json()))) == choice


def test_of_lambdas_that_do_as_well_the_tie_break_and_then_the_nearest_to_the_mean_wins() -> None:
    model, objective = made()

    def flat(scores: np.ndarray, targets: np.ndarray) -> float:
        return 1.0

    near = choose_condition(model, objective, IMAGES, TARGETS, flat, grid=GRID)
    assert near.best == {"loss.weight": 0.5, "loss.shift": 0.0}  # the means are 0.5 and 1
    second = choose_condition(
        model, objective, IMAGES, TARGETS, flat, grid=GRID, tie_break=mean_score
    )
    alone = choose_condition(model, objective, IMAGES, TARGETS, mean_score, grid=GRID)
    assert second.best == alone.best


def test_a_lambda_whose_measure_is_not_finite_is_never_chosen() -> None:
    model, objective = made()
    calls = []

    def broken(scores: np.ndarray, targets: np.ndarray) -> float:
        calls.append(1)
        return float("nan") if len(calls) == 1 else float(-len(calls))

    choice = choose_condition(model, objective, IMAGES, TARGETS, broken, grid=GRID)
    assert choice.values[0] is None
    assert choice.best_value == -2.0
    with pytest.raises(ValueError, match="finite at no λ"):
        choose_condition(model, objective, IMAGES, TARGETS, lambda s, t: float("inf"), grid=GRID)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_the_measure_sees_all_classes_or_labels(kind: str) -> None:
    torch.manual_seed(0)
    if kind == "multiclass":
        task, targets = Task("multiclass", 3, (2,)), torch.arange(N) % 3
    else:
        task = Task.multilabel(2)
        targets = torch.stack([TARGETS, 1 - TARGETS], dim=1).double()
        targets[0, 0] = torch.nan
    objective = Objective(WeightedLoss(), conditioning=Conditioning(BOTH)).bind(targets, task)
    model = shaken(objective.adapt(ImageNet(objective.outputs)))
    seen = []

    def measure(scores: np.ndarray, given: np.ndarray) -> float:
        seen.append((scores, given))
        return float(scores.sum())

    choice = choose_condition(model, objective, IMAGES, targets, measure, grid=GRID)
    choice.apply(model)
    scores, given = seen[choice.values.index(choice.best_value)]
    np.testing.assert_allclose(scores, predict_scores(model, objective, IMAGES), rtol=1e-6)
    np.testing.assert_array_equal(given, targets.numpy())


# Grids --------------------------------------------------------------------------------------------


def drawing(dimensions: int) -> Objective:
    class Many(WeightedLoss):
        conditionable = tuple("abcdefgh")

    names = Many.conditionable[:dimensions]
    densities = {f"loss.{name}": LinearDensity(0.0, 1.0) for name in names}
    densities["loss.h"] = LinearDensity(3.0, 3.0)
    return Objective(Many(), conditioning=Conditioning(densities))


@pytest.mark.parametrize(("dimensions", "points"), [(1, 5), (2, 25), (3, 64), (4, 81), (6, 64)])
def test_a_grid_has_five_points_a_dimension_and_a_hundred_at_most(
    dimensions: int, points: int
) -> None:
    axes = condition_grid(drawing(dimensions))
    assert np.prod([len(axis) for axis in axes]) == points
    assert axes[-1] == (3.0,)


def test_a_grid_can_be_asked_for() -> None:
    objective = bound(TARGETS)
    assert condition_grid(objective, 3) == ((0.25, 0.5, 0.75), (0.0, 1.5, 3.0))
    assert condition_grid(objective, {"loss.shift": [2, 1, 1], "loss.weight": [0.5]}) == (
        (0.5,),
        (1.0, 2.0),
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: condition_grid(Objective(WeightedLoss())), "draws no hyper-parameter"),
        (lambda: condition_grid(drawing(7)), "over 7 hyper-parameters is too large"),
        (lambda: condition_grid(bound(), {"loss.weight": [1.0]}), "values for each of"),
        (lambda: condition_grid(bound(), 0), "1 point or more"),
        (
            lambda: choose_condition(ImageNet(), bound(TARGETS, film=False), IMAGES, TARGETS, auc),
            "film=False",
        ),
        (
            lambda: choose_condition(ImageNet(), bound(TARGETS), IMAGES, TARGETS, auc),
            "the network takes none",
        ),
    ],
)
def test_there_is_not_always_something_to_choose(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()
