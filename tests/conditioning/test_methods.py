"""The words ``lct`` and ``lct-nofilm``, with every part of the registry that can be drawn."""

from __future__ import annotations

import inspect
import math

import pytest
import torch

from rarecall import Task
from rarecall.conditioning import Conditioning, LinearDensity
from rarecall.errors import MethodError
from rarecall.methods import all_methods, parse

DRAWN = [
    (component, key, parameter)
    for component in all_methods()
    for key, parameter in component.parameters.items()
    if parameter.density is not None
]
TARGETS = torch.tensor([1, 0, 0, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ("component", "key", "parameter"), DRAWN, ids=lambda one: getattr(one, "name", str(one)[:20])
)
def test_a_registered_density_lies_in_the_range_of_its_parameter(component, key, parameter) -> None:
    density = LinearDensity(*parameter.density)
    for end in (density.a, density.b):
        component.make({key: end})  # the constructor checks its range


def test_both_words_have_the_constructor_s_defaults() -> None:
    known = inspect.signature(Conditioning).parameters
    assert {"film", "hidden", "identity", "standardize", "channels"} <= set(known)
    assert parse("vs+lct").option("lct") == {"densities": None, "grid": None}
    assert parse("vs+lct-nofilm").option("lct-nofilm") == {"densities": None}


def test_by_default_all_that_can_be_drawn_is_drawn_from_its_registered_density() -> None:
    method = parse("vs+alm+lct")
    drawn = method.build().conditioning
    assert set(drawn.names) == {
        "loss.gamma",
        "loss.tau",
        "ALMConstraint.margin",
        "ALMConstraint.penalty",
    }
    assert drawn.film
    assert not parse("vs+lct-nofilm").build().conditioning.film
    gamma = drawn.densities["loss.gamma"]
    assert (gamma.a, gamma.b, gamma.h_b) == method.conditionable["vs.gamma"]


def test_densities_can_be_given_and_fix_the_others() -> None:
    given = {"lct.densities": {"vs.gamma": [0.1, 0.3, 5]}, "vs.tau": 2.0}
    objective = parse("vs+lct").build(given).bind(TARGETS)
    assert objective.conditioning.names == ("loss.gamma",)
    assert objective.loss.tau == 2.0
    uniform = parse("vs+lct").build({"lct.densities": {"vs.gamma": [0.1, 0.3]}})
    assert uniform.conditioning.densities["loss.gamma"].h_b == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("densities", "words"),
    [
        ({"focal.focus": [1, 3, 2]}, r"L\(1, 3, 2\) is no density.* = 1\."),
        ({"focal.gamma": [0, 1, 1]}, "cannot draw 'focal.gamma'; it can draw focal.alpha"),
        ({}, "one hyper-parameter or more"),
    ],
)
def test_an_impossible_density_is_an_error_of_the_method(densities, words) -> None:
    with pytest.raises(MethodError, match=words):
        parse("focal+lct").build({"lct.densities": densities})


def test_the_loss_of_a_batch_is_equation_4_at_the_drawn_gamma_and_tau() -> None:
    objective = parse("vs+lct-nofilm").build().bind(TARGETS, seed=3)
    logits = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    beta, seen = 6 / 2, set()
    for _ in range(4):
        prepared = objective.prepare((torch.zeros(8), TARGETS, torch.arange(8)))
        gamma, tau = prepared.condition.tolist()
        total = 0.0
        for (other, critical), target in zip(logits.tolist(), TARGETS.tolist(), strict=True):
            eta = critical / beta**gamma - (other + tau * math.log(beta))
            total += math.log(1 + math.exp(-eta if target else eta))
        assert objective.evaluate(logits, prepared).item() == pytest.approx(total / 8)
        objective.step()
        seen.add((gamma, tau))
    assert len(seen) == 4


def test_the_loss_of_a_batch_is_equation_2_at_the_drawn_alpha_and_focus() -> None:
    objective = parse("focal+lct-nofilm").build().bind(TARGETS, seed=3)
    logits = torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    prepared = objective.prepare((torch.zeros(8), TARGETS, torch.arange(8)))
    values = dict(zip(objective.conditioning.names, prepared.condition.tolist(), strict=True))
    alpha, focus = values["loss.alpha"], values["loss.focus"]
    total = 0.0
    for z, target in zip(logits.tolist(), TARGETS.tolist(), strict=True):
        p = 1 / (1 + math.exp(-z if target else z))
        total += -(alpha if target else 1 - alpha) * (1 - p) ** focus * math.log(p)
    assert objective.evaluate(logits, prepared).item() == pytest.approx(total / 8)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_what_fits_other_tasks_can_be_drawn_there(kind: str) -> None:
    able = [c.name for c in all_methods() if c.role == "loss" and kind in c.tasks]
    names = [
        name
        for name in able
        if any(p.density for c in all_methods() if c.name == name for p in c.parameters.values())
    ]
    assert names
    targets = torch.arange(9) % 3
    task = Task("multiclass", 3, (2,))
    if kind == "multilabel":
        targets = torch.stack([targets == 0, targets == 1], dim=1).double()
        task = Task.multilabel(2)
    for name in names:
        objective = parse(f"{name}+lct").build().bind(targets, task)
        model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Linear(4, objective.outputs))
        loss = objective(objective.adapt(model), (torch.randn(9, 2), targets, torch.arange(9)))
        loss.backward()
        assert torch.isfinite(loss)
