"""Worked numbers that the papers print, or that follow from their equations."""

from __future__ import annotations

import pytest
import torch

from rarecall import ALMConstraint, BCELoss, Objective, RankRegularizer
from rarecall.functional import descending_ranks, hinge_violations, rank_penalty

TOY = "NNPNNPPNPP"  # the ALM paper's figure 1, low to high, unit gaps


def violations(order: str, gap: float = 1.0) -> torch.Tensor:
    scores = gap * torch.arange(10, dtype=torch.float64)
    critical = torch.tensor([letter == "P" for letter in order])
    return hinge_violations(scores[critical], scores[~critical], margin=0.0)


def test_the_toy_example_has_the_violations_of_the_alm_paper() -> None:
    # Written out: the lowest P (at 2) is below N at 3, 4, 7, and so on.
    expected = [(3 - 2) + (4 - 2) + (7 - 2), 7 - 5, 7 - 6, 0, 0]
    assert violations(TOY).tolist() == [8.0, 2.0, 1.0, 0.0, 0.0] == [float(q) for q in expected]


@pytest.mark.parametrize(("order", "quadratic"), [("NNNPNPPNPP", 39 / 50), ("NNPNNPNPPP", 19 / 50)])
@pytest.mark.parametrize("gap", [1.0, 0.5])
def test_swapping_neighbours_lowers_the_cost_as_derived(
    order: str, quadratic: float, gap: float
) -> None:
    """39μΔ²/50 for the lowest positive, 19μΔ²/50 for the highest negative.

    The linear term falls by 3λΔ/25 in both cases; the paper prints 11λΔ/25 for the second, where
    11 is the sum of the violations itself.
    """
    before, after = violations(TOY, gap), violations(order, gap)
    pairs = 25
    fall = (before.square().sum() - after.square().sum()) / (2 * pairs)
    assert fall.item() == pytest.approx(quadratic * gap**2)
    assert ((before.sum() - after.sum()) / pairs).item() == pytest.approx(3 * gap / 25)


def test_the_toy_cost_is_what_the_constraint_adds() -> None:
    critical = torch.tensor([letter == "P" for letter in TOY])
    term = ALMConstraint(margin=0.0, penalty=1.0, scores="logit")
    objective = Objective(BCELoss(), term).bind(critical.long())
    scores = torch.arange(10, dtype=torch.float64)
    base = BCELoss()(scores, critical.long()).mean()
    batch = (scores, critical.long(), torch.arange(10))
    value = objective(torch.nn.Identity(), batch) - base
    assert value.item() == pytest.approx((64 + 4 + 1) / 50)


@pytest.mark.parametrize(("positives", "cost"), [((1, 4), 17), ((2, 3), 13)])
def test_the_rank_penalty_of_six_samples_is_17_or_13(positives: tuple[int, int], cost: int) -> None:
    scores = -torch.arange(6, dtype=torch.float64)
    critical = torch.tensor([rank in positives for rank in range(1, 7)])
    value, _ = rank_penalty(scores, critical, strength=1.0)
    assert value.item() * 2 * 6**2 == pytest.approx(cost)
    assert descending_ranks(scores, critical)[critical].tolist() == list(positives)


def test_the_rank_term_enters_the_objective_normalised() -> None:
    critical = torch.tensor([True, False, False, True, False, False])
    objective = Objective(BCELoss(), RankRegularizer(capacity=0)).bind(critical.long())
    scores = -torch.arange(6, dtype=torch.float64)
    batch = (scores, critical.long(), torch.arange(6))
    base = BCELoss()(scores, critical.long()).mean()
    value = objective(torch.nn.Identity(), batch) - base
    assert value.item() == pytest.approx(17 / 2 / 6**2)
