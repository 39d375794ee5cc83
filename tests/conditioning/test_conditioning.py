"""What is drawn, when, and for whom."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from rarecall import BCELoss, Objective
from rarecall.conditioning import Conditioning, LinearDensity

from .problem import BOTH, WEIGHT, ImageNet, WeightedLoss, bound, conditioning


def test_a_draw_depends_on_seed_step_and_count_and_on_nothing_else() -> None:
    drawn = conditioning()
    first = drawn.draw(3, 5, 1)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002  # it is the global state that must not matter
    assert torch.equal(conditioning().draw(3, 5, 1), first)
    others = [drawn.draw(4, 5, 1), drawn.draw(3, 6, 1), drawn.draw(3, 5, 2)]
    assert all(not torch.equal(first, other) for other in others)


def test_draws_made_together_are_those_of_single_steps() -> None:
    """In any order of steps and of accumulated batches, across blocks and seeds."""
    drawing = Conditioning(BOTH)
    found = {}
    for seed, step, count in (
        (0, 63, 0),
        (0, 64, 1),
        (0, 64, 0),
        (7, 64, 0),
        (0, 2, 0),
        (0, 65, 1),
    ):
        found[seed, step, count] = drawing.draw(seed, step, count)
    for (seed, step, count), drawn in found.items():
        key = np.random.SeedSequence([0x6C6374, seed, step, count])
        shares = np.random.Generator(np.random.Philox(key)).random(2)
        densities = drawing.densities.values()
        expected = [density.quantile(u) for density, u in zip(densities, shares, strict=True)]
        assert drawn.tolist() == expected
    found[0, 2, 0].zero_()
    assert drawing.draw(0, 2, 0).all()  # nobody can change what is to come


def test_a_draw_leaves_the_global_random_state_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    conditioning().draw(0, 0, 0)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_draws_are_independent_and_have_their_densities() -> None:
    drawn = torch.stack([conditioning().draw(0, step, 0) for step in range(4000)]).numpy()
    for column, density in zip(drawn.T, BOTH.values(), strict=True):
        assert density.a <= column.min() < column.max() <= density.b
        error = column.std() / 4000**0.5
        assert abs(column.mean() - density.mean) < 4 * error
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 4 / 4000**0.5


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**70])
def test_any_seed_is_fine(seed: int) -> None:
    assert conditioning().draw(seed, 0, 0).shape == (2,)


def test_values_are_0_dim_by_part_and_argument() -> None:
    values = conditioning().values(torch.tensor([0.5, 1.0], dtype=torch.float64))
    assert values == {"loss": {"weight": 0.5, "shift": 1.0}}
    assert all(value.ndim == 0 for value in values["loss"].values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_drawn_values_leave_the_dtype_of_the_loss_alone(dtype: torch.dtype) -> None:
    objective = bound()
    prepared = objective.prepare(batch())
    assert objective.evaluate(torch.zeros(4, dtype=dtype), prepared).dtype == dtype


def test_a_term_gets_its_own_arguments() -> None:
    mixed = Conditioning({**WEIGHT, "ALMConstraint.margin": LinearDensity(0.1, 0.5)})
    values = mixed.values(mixed.center)
    assert values["ALMConstraint"]["margin"] == pytest.approx(0.3)
    assert set(values) == {"loss", "ALMConstraint"}


@pytest.mark.parametrize(
    ("densities", "words"),
    [
        ({}, "one hyper-parameter or more"),
        ({"weight": LinearDensity(0, 1)}, "loss.<argument>"),
        ({"loss.": LinearDensity(0, 1)}, "loss.<argument>"),
        ({"loss.weight": (0, 1, 1)}, "LinearDensity"),
    ],
)
def test_densities_of_another_form_are_refused(densities, words) -> None:
    with pytest.raises(ValueError, match=words):
        Conditioning(densities)


def test_what_cannot_be_drawn_is_refused_when_the_objective_is_made() -> None:
    with pytest.raises(ValueError, match=r"BCELoss does not take 'weight'.*: none"):
        Objective(BCELoss(), conditioning=Conditioning(WEIGHT))
    with pytest.raises(ValueError, match="no 'ALMConstraint'; it has loss"):
        Objective(
            WeightedLoss(),
            conditioning=Conditioning({"ALMConstraint.margin": LinearDensity(0, 1)}),
        )
    with pytest.raises(ValueError, match="What it takes: weight, shift"):
        Objective(WeightedLoss(), conditioning=Conditioning({"loss.alpha": LinearDensity(0, 1)}))


def test_the_objective_shows_what_is_drawn() -> None:
    shown = repr(bound(hidden=64))
    assert "'loss.weight': LinearDensity(0.25, 0.75, 2)" in shown
    assert "hidden=64" in shown
    assert repr(bound()) != repr(bound(film=False))


# In the objective ---------------------------------------------------------------------------------


def batch(rows: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.zeros(rows, 1, 8, 8), torch.arange(rows) % 2, torch.arange(rows)


def test_training_draws_anew_for_every_step_and_accumulated_batch() -> None:
    objective = bound()
    model = objective.adapt(ImageNet())
    seen = []
    for _ in range(3):
        for _ in range(2):
            prepared = objective.prepare(batch())
            seen.append(tuple(prepared.condition.tolist()))
            objective(model, prepared)
        objective.step()
    assert len(set(seen)) == 6


def test_a_discarded_step_draws_the_same_again() -> None:
    objective = bound()
    first = objective.prepare(batch()).condition
    objective.discard()
    assert torch.equal(objective.prepare(batch()).condition, first)


def test_evaluation_takes_the_means() -> None:
    objective = bound().eval()
    torch.testing.assert_close(objective.prepare(batch()).condition, conditioning().center)


def test_the_loss_is_that_of_the_drawn_values() -> None:
    objective = bound()
    model = objective.adapt(ImageNet())
    prepared = objective.prepare(batch())
    weight, shift = prepared.condition.tolist()
    logits = model(*prepared.arguments)
    plain = WeightedLoss(weight, shift)(logits, prepared.targets).mean()
    torch.testing.assert_close(objective.evaluate(logits, prepared), plain)
    assert prepared.conditioned


def test_without_film_the_model_is_unchanged_and_takes_inputs_only() -> None:
    objective = bound(film=False)
    model = ImageNet()
    assert objective.adapt(model) is model
    prepared = objective.prepare(batch())
    assert prepared.arguments == (prepared.inputs,)
    weight, shift = prepared.condition.tolist()
    expected = WeightedLoss(weight, shift)(model(prepared.inputs), prepared.targets).mean()
    torch.testing.assert_close(objective(model, prepared), expected)


def test_a_resumed_training_draws_what_an_undisturbed_one_does() -> None:
    def train(model, objective, steps) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            inputs = torch.randn(4, 1, 8, 8, generator=generator)
            objective(model, (inputs, torch.arange(4) % 2, torch.arange(4))).backward()
            optimizer.step()
            optimizer.zero_grad()
            objective.step()

    torch.manual_seed(0)
    start = ImageNet()
    torch.manual_seed(1)
    model, objective = bound().adapt(copy.deepcopy(start)), bound()
    train(model, objective, range(6))
    torch.manual_seed(1)
    half, first = bound().adapt(copy.deepcopy(start)), bound()
    train(half, first, range(3))
    state = {"model": half.state_dict(), "objective": first.state_dict()}
    torch.manual_seed(2)  # another start, which the state replaces
    other, second = bound().adapt(ImageNet()), bound()
    other.load_state_dict(state["model"])
    second.load_state_dict(state["objective"])
    train(other, second, range(3, 6))
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
