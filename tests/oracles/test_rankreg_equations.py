"""The rank regularizer against equations 2 to 5, written as naive loops, with several classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rarecall import BaseLoss, BCELoss, Objective, RankRegularizer, Task
from rarecall.functional import descending_ranks, rank_penalty

DOUBLE = torch.float64
CLASSES = [0, 3, 1, 2, 0, 3, 1, 1, 2, 0]


class Nothing(BaseLoss):
    """A base loss of zero, so that the objective's value is the term's."""

    tasks = ("binary", "multiclass")

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 0 * (logits if logits.ndim == 1 else logits.sum(dim=1))


def ranks_by_loops(scores: list[float], positive: list[bool]) -> list[int]:
    """Rank 1 is the highest; positives lose ties against others, not among themselves."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], positive[i], i))
    return [order.index(i) + 1 for i in range(len(scores))]


def class_by_loops(
    scores: list[float], positive: list[bool], strength: float
) -> tuple[float, list[float]]:
    """Value of eq. 4 on normalised ranks, and the gradient of section 3.4."""
    n, count = len(scores), max(sum(positive), 1)
    ranks = [rank / n for rank in ranks_by_loops(scores, positive)]
    value = sum(r * r for r, p in zip(ranks, positive, strict=True) if p) / count
    pull = [2 * r / count if p else 0.0 for r, p in zip(ranks, positive, strict=True)]
    moved = [s + strength * g for s, g in zip(scores, pull, strict=True)]
    after = [rank / n for rank in ranks_by_loops(moved, positive)]
    return value, [-(r - a) / strength for r, a in zip(ranks, after, strict=True)]


@pytest.mark.parametrize("scores", ["probability", "logit"])
@pytest.mark.parametrize("critical", [(3,), (3, 2)])
def test_all_samples_are_ranked_by_each_critical_class_in_turn(
    critical: tuple[int, ...], scores: str
) -> None:
    term = RankRegularizer(weight=1.5, capacity=0, strength=2.0, scores=scores)
    objective = Objective(Nothing(), term).bind(
        torch.tensor(CLASSES), Task("multiclass", 4, critical)
    )
    logits = torch.randn(10, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(5))
    logits.requires_grad_()
    f = torch.softmax(logits, dim=1)
    ranked = f if scores == "probability" else torch.log(f) - torch.log1p(-f)
    expected, gradient = 0.0, torch.zeros_like(logits)
    for c in critical:
        column = ranked[:, c]
        value, slope = class_by_loops(column.tolist(), [t == c for t in CLASSES], strength=2.0)
        expected += 1.5 * value / len(critical)
        (part,) = torch.autograd.grad(
            column, logits, torch.tensor(slope, dtype=DOUBLE), retain_graph=True
        )
        gradient += 1.5 * part / len(critical)
    total = objective(torch.nn.Identity(), (logits, torch.tensor(CLASSES), torch.arange(10)))
    assert total.item() == pytest.approx(expected, rel=1e-12)
    (backward,) = torch.autograd.grad(total, logits)
    torch.testing.assert_close(backward, gradient, rtol=1e-9, atol=1e-12)


def test_replayed_rows_are_ranked_with_the_batch_and_counted_in_n() -> None:
    """Written out: positives at ranks 2 and 4 of four rows, two of them replayed."""
    objective = Objective(Nothing(), RankRegularizer(capacity=4)).bind(torch.tensor([1, 1, 0, 0]))
    first = (torch.tensor([2.0, -1.0]), torch.tensor([1, 1]), torch.tensor([0, 1]))
    objective(torch.nn.Identity(), first)
    objective.step()
    second = (torch.tensor([3.0, 1.0]), torch.tensor([0, 0]), torch.tensor([2, 3]))
    value = objective(torch.nn.Identity(), second)
    assert value.item() == pytest.approx((2**2 + 4**2) / 2 / 4**2)


@pytest.mark.parametrize("n_positive", [1, 2, 5, 17])
def test_the_least_value_is_that_of_positives_on_top(n_positive: int) -> None:
    """(P+1)(2P+1)/6 before normalising: the term never reaches 0."""
    scores = torch.arange(20.0, dtype=DOUBLE)
    critical = scores >= 20 - n_positive
    value, _ = rank_penalty(scores, critical, strength=1.0)
    least = (n_positive + 1) * (2 * n_positive + 1) / 6
    assert value.item() * 20**2 == pytest.approx(least)
    # Any other order costs more.
    worse, _ = rank_penalty(scores.flip(0).roll(1), critical, strength=1.0)
    assert worse.item() * 20**2 > least


@given(data=st.data(), n=st.integers(2, 20))
@settings(max_examples=60, deadline=None)
def test_the_sum_of_ranks_is_the_area_under_the_curve(data, n: int) -> None:
    """Σ r = P(P+1)/2 + P N (1 − AUC), where ties count against the positives."""
    scores = data.draw(arrays.arrays("float64", n, elements=st.integers(-3, 3)))
    critical = data.draw(arrays.arrays("bool", n))
    p, negatives = int(critical.sum()), int((~critical).sum())
    lost = sum(1 for s in scores[critical] for o in scores[~critical] if o >= s)  # P N (1 − AUC)
    ranks = descending_ranks(torch.from_numpy(scores), torch.from_numpy(critical))
    assert ranks[torch.from_numpy(critical)].sum().item() == p * (p + 1) // 2 + lost
    assert 0 <= lost <= p * negatives


def test_an_area_under_the_curve_prices_both_rows_of_the_figure_alike() -> None:
    """Figure 1's point: 1 + 4 = 2 + 3, but 1² + 4² = 17 and 2² + 3² = 13."""
    sums, squares = [], []
    for ranks in ((1, 4), (2, 3)):
        scores = -torch.arange(6, dtype=DOUBLE)
        critical = torch.tensor([rank in ranks for rank in range(1, 7)])
        one, _ = rank_penalty(scores, critical, strength=1.0, penalty="linear")
        two, _ = rank_penalty(scores, critical, strength=1.0, penalty="squared")
        sums.append(round(one.item() * 2 * 6, 9))
        squares.append(round(two.item() * 2 * 36, 9))
    assert (sums, squares) == ([5, 5], [17, 13])


def test_a_constant_model_gets_the_worst_value_not_the_best() -> None:
    """Equation 2 would give every tied sample rank 1, and so reward the collapse."""
    critical = torch.tensor([True, False, False, True])
    value, _ = rank_penalty(torch.zeros(4, dtype=DOUBLE), critical, strength=1.0)
    by_equation_2 = (1 / 4) ** 2
    assert value.item() == pytest.approx(((3 / 4) ** 2 + 1) / 2)
    assert value.item() > by_equation_2


@pytest.mark.parametrize("loss", [BCELoss, Nothing])
def test_the_base_loss_keeps_its_own_gradient_beside_the_term(loss) -> None:
    targets = torch.tensor([1, 0, 0, 1])
    logits = torch.tensor([0.3, 0.2, -0.4, -1.0], dtype=DOUBLE, requires_grad=True)
    gradients = []
    for weight in (0.0, 1.0):
        term = RankRegularizer(weight, capacity=0, strength=3.0)
        objective = Objective(loss(), term).bind(targets)
        total = objective(torch.nn.Identity(), (logits, targets, torch.arange(4)))
        gradients.append(torch.autograd.grad(total, logits)[0])
    alone = torch.autograd.grad(loss()(logits, targets).mean(), logits)[0]
    term = RankRegularizer(1.0, capacity=0, strength=3.0)
    p = torch.sigmoid(logits)
    _, pull = class_by_loops(p.tolist(), [True, False, False, True], strength=3.0)
    torch.testing.assert_close(gradients[0], alone)
    slope = (p * (1 - p)).detach()
    torch.testing.assert_close(gradients[1], alone + slope * torch.tensor(pull, dtype=DOUBLE))
