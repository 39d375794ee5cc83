"""Each method against its equation, written naively in float64 loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rarecall import (
    ALMConstraint,
    AsymmetricFocalLoss,
    BCELoss,
    FocalLoss,
    Objective,
    RankRegularizer,
    SymmetricFocalLoss,
    VectorScalingLoss,
    WeightedBCELoss,
)
from rarecall.functional import descending_ranks, hinge_violations, rank_penalty

DOUBLE = torch.float64


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


ONE_LOGIT = {
    "bce": (
        BCELoss(),
        lambda p, t: -math.log(p) if t else -math.log(1 - p),
    ),
    "w-bce": (
        WeightedBCELoss(scale=2 / 3, imbalance=9.0),
        lambda p, t: -2 / 3 * 9 * math.log(p) if t else -math.log(1 - p),
    ),
    "s-fl": (
        SymmetricFocalLoss(focus=0.5),
        lambda p, t: -((1 - p) ** 0.5) * math.log(p) if t else -(p**0.5) * math.log(1 - p),
    ),
    "a-fl": (
        AsymmetricFocalLoss(focus=2.0),
        lambda p, t: -math.log(p) if t else -(p**2) * math.log(1 - p),
    ),
    "focal": (
        FocalLoss(alpha=0.7, focus=1.5),
        lambda p, t: -0.7 * (1 - p) ** 1.5 * math.log(p) if t else -0.3 * p**1.5 * math.log(1 - p),
    ),
}


@pytest.mark.parametrize("name", ONE_LOGIT)
@given(z=st.floats(-15, 15), t=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_loss_of_one_logit_follows_its_equation(name: str, z: float, t: int) -> None:
    loss, equation = ONE_LOGIT[name]
    value = loss(torch.tensor([z], dtype=DOUBLE), torch.tensor([t]))
    assert value.item() == pytest.approx(equation(sigmoid(z), t), rel=1e-8, abs=1e-13)


@given(z=st.tuples(st.floats(-9, 9), st.floats(-9, 9)), t=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_vector_scaling_follows_its_equation(z: tuple[float, float], t: int) -> None:
    beta, gamma, tau = 99.0, 0.2, 1.5
    eta = z[1] / beta**gamma - (z[0] + tau * math.log(beta))
    expected = math.log(1 + math.exp(-eta if t else eta))
    loss = VectorScalingLoss(gamma=gamma, tau=tau, imbalance=beta)
    value = loss(torch.tensor([z], dtype=DOUBLE), torch.tensor([t]))
    assert value.item() == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_vector_scaling_without_gamma_and_tau_is_softmax_cross_entropy() -> None:
    logits = torch.randn(9, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 0, 0, 1, 0, 0, 0, 1])
    loss = VectorScalingLoss(gamma=0.0, tau=0.0, imbalance=50.0)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(loss(logits, targets), expected)


@pytest.mark.parametrize("focus", [0.3, 0.5, 1.0, 2.0])
def test_a_focal_gradient_stays_finite_where_the_probability_is_one(focus: float) -> None:
    logits = torch.tensor([200.0, -200.0, 20.0, -20.0], requires_grad=True)
    targets = torch.tensor([1, 0, 0, 1])
    for loss in (SymmetricFocalLoss(focus), AsymmetricFocalLoss(focus), FocalLoss(0.5, focus)):
        (gradient,) = torch.autograd.grad(loss(logits, targets).sum(), logits)
        assert torch.isfinite(gradient).all()


SCORES = arrays.arrays("float64", st.integers(2, 14), elements=st.floats(-3, 3, width=16))


@given(scores=SCORES, margin=st.floats(0, 2), data=st.data())
@settings(max_examples=60, deadline=None)
def test_hinge_violations_are_the_double_loop(scores, margin: float, data) -> None:
    critical = data.draw(arrays.arrays("bool", len(scores)))
    expected = [
        sum(max(0.0, margin - (s - n)) for n in scores[~critical]) for s in scores[critical]
    ]
    values = torch.from_numpy(scores)
    result = hinge_violations(
        values[torch.from_numpy(critical)], values[torch.from_numpy(~critical)], margin=margin
    )
    assert result.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def alm_by_loops(logits, targets, margin, multipliers, penalty, scores):
    value = [sigmoid(z) if scores == "probability" else z for z in logits]
    positives = [i for i, t in enumerate(targets) if t]
    negatives = [i for i, t in enumerate(targets) if not t]
    total, violations = 0.0, {}
    for j in positives:
        q = sum(max(0.0, -(value[j] - value[k]) + margin) for k in negatives)
        violations[j] = q
        pairs = len(positives) * len(negatives)
        total += penalty * q * q / (2 * pairs) + multipliers[j] * q / pairs
    return total, violations


@pytest.mark.parametrize("scores", ["probability", "logit"])
def test_the_alm_constraint_follows_algorithm_1_for_three_steps(scores: str) -> None:
    targets = [1, 0, 0, 1, 0, 1, 0]
    multipliers = [0.0] * 7
    margin, penalty = 0.4, 0.3
    term = ALMConstraint(margin, penalty, scores=scores)
    objective = Objective(BCELoss(), term).bind(torch.tensor(targets))
    generator = torch.Generator().manual_seed(4)
    for _ in range(3):
        logits = torch.randn(7, dtype=DOUBLE, generator=generator)
        base = BCELoss()(logits, torch.tensor(targets)).mean().item()
        expected, violations = alm_by_loops(
            logits.tolist(), targets, margin, multipliers, penalty, scores
        )
        batch = (logits, torch.tensor(targets), torch.arange(7))
        value = objective(torch.nn.Identity(), batch).item() - base
        assert value == pytest.approx(expected, rel=1e-12)
        objective.step()
        for j, q in violations.items():
            multipliers[j] += penalty * q
        held = [multipliers[j] for j in range(7) if targets[j]]
        assert term.multipliers.tolist() == pytest.approx(held, rel=1e-12)


def ranks_by_loops(scores, critical):
    """Rank 1 is the highest; critical samples lose ties against others, not among themselves."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], critical[i], i))
    return [order.index(i) + 1 for i in range(len(scores))]


@given(scores=SCORES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_ranks_are_those_of_a_sorted_list_with_ties_against_the_critical(scores, data) -> None:
    critical = data.draw(arrays.arrays("bool", len(scores)))
    ranks = descending_ranks(torch.from_numpy(scores), torch.from_numpy(critical)).tolist()
    assert ranks == ranks_by_loops(scores.tolist(), critical.tolist())
    assert sorted(ranks) == list(range(1, len(scores) + 1))


@pytest.mark.parametrize("strength", [0.1, 3.0, 100.0])
@given(scores=SCORES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_rank_gradient_is_that_of_black_box_differentiation(strength, scores, data) -> None:
    critical = data.draw(arrays.arrays("bool", len(scores)))
    n, count = len(scores), max(int(critical.sum()), 1)
    ranks = [rank / n for rank in ranks_by_loops(scores.tolist(), critical.tolist())]
    pull = [2 * r / count if c else 0.0 for r, c in zip(ranks, critical, strict=True)]
    moved = [s + strength * g for s, g in zip(scores.tolist(), pull, strict=True)]
    after = [rank / n for rank in ranks_by_loops(moved, critical.tolist())]
    expected = [-(r - a) / strength for r, a in zip(ranks, after, strict=True)]

    values = torch.from_numpy(scores).requires_grad_()
    total, gradient = rank_penalty(values, torch.from_numpy(critical), strength=strength)
    (backward,) = torch.autograd.grad(65536 * total, values)  # a loss scale changes nothing else
    assert gradient.tolist() == pytest.approx(expected, abs=1e-12)
    assert backward.tolist() == pytest.approx([65536 * g for g in expected], abs=1e-7)
    squares = [r**2 for r, c in zip(ranks, critical, strict=True) if c]
    assert total.item() == pytest.approx(sum(squares) / count, abs=1e-12)


@pytest.mark.parametrize(
    ("penalty", "function"),
    [
        ("linear", lambda r: r),
        ("squared", lambda r: r**2),
        ("cubed", lambda r: r**3),
        ("exponential", math.exp),
    ],
)
def test_every_rank_penalty_is_the_mean_over_positives(penalty, function) -> None:
    scores = torch.tensor([0.3, 2.0, -1.0, 0.5, 0.1], dtype=DOUBLE)
    critical = torch.tensor([True, False, True, False, False])
    value, _ = rank_penalty(scores, critical, strength=1.0, penalty=penalty)
    assert value.item() == pytest.approx((function(3 / 5) + function(5 / 5)) / 2)


def test_the_sum_of_ranks_is_the_area_under_the_curve() -> None:
    """Σ r = P(P+1)/2 + P N (1 − AUC), without ties."""
    from sklearn.metrics import roc_auc_score

    generator = torch.Generator().manual_seed(7)
    scores = torch.randn(60, dtype=DOUBLE, generator=generator)
    critical = torch.arange(60) % 5 == 0
    ranks = descending_ranks(scores, critical)[critical].sum().item()
    area = roc_auc_score(critical.numpy(), scores.numpy())
    assert ranks == pytest.approx(12 * 13 / 2 + 12 * 48 * (1 - area))


def test_rankreg_on_probabilities_tells_saturated_logits_apart() -> None:
    """A float32 sigmoid is 1 for all of these; as ties they would rank the positive last."""
    objective = Objective(BCELoss(), RankRegularizer(capacity=0, scores="probability"))
    objective.bind(torch.tensor([1, 0, 0]))
    logits = torch.tensor([45.0, 40.0, 20.0])
    batch = (logits, torch.tensor([1, 0, 0]), torch.arange(3))
    base = BCELoss()(logits, batch[1]).mean()
    value = objective(torch.nn.Identity(), batch) - base
    assert value.item() == pytest.approx((1 / 3) ** 2, rel=1e-4)
