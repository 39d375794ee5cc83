"""The losses of the tail against their equations, naive float64 loops, and against each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rarecall.functional import (
    implicit_fpr,
    implicit_threshold,
    matched_fpr,
    partial_auc,
    top_push,
)
from rarecall.losses import (
    ImplicitFPRLoss,
    OneWayPartialAUCLoss,
    PatMatLoss,
    RecallLagrangianLoss,
    TopPushLoss,
    TwoWayPartialAUCLoss,
)
from rarecall.metrics import fpr_at_tpr

DOUBLE = torch.float64
SCORES = arrays.arrays("float64", st.integers(1, 12), elements=st.floats(-4, 4, width=16))
DISTINCT = arrays.arrays(
    "float64", st.integers(1, 30), elements=st.integers(-400, 400).map(lambda n: n / 8), unique=True
)
SURROGATES = ("sigmoid", "hinge", "squared_hinge")


def phi(z: float, surrogate: str) -> float:
    """What an error costs: increasing in z."""
    if surrogate == "sigmoid":
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
    reach = max(0.0, 1 + z)
    return reach if surrogate == "hinge" else reach**2


def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def pair(z: float, surrogate: str) -> float:
    """What a pair costs: decreasing in z."""
    return max(0.0, 1 - z) ** 2 if surrogate == "squared_hinge" else softplus(-z)


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function is zero."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def threshold_by_loops(critical: list[float], tpr: float, surrogate: str, scale: float) -> float:
    def missing(t: float) -> float:
        return sum(phi(scale * (t - s), surrogate) for s in critical) / len(critical) - (1 - tpr)

    return root(missing, -500.0, 500.0)


def tensors(*values: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(value) for value in values]


def joined(critical: np.ndarray, others: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.cat(tensors(critical, others))
    return logits, torch.arange(len(logits)) < len(critical)


# The implicit threshold ---------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", SURROGATES)
@given(critical=SCORES, tpr=st.sampled_from([0.5, 0.9, 0.95, 0.99]), scale=st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_the_threshold_is_the_root_of_its_equation(
    surrogate: str, critical: np.ndarray, tpr: float, scale: float
) -> None:
    expected = threshold_by_loops(critical.tolist(), tpr, surrogate, scale)
    found = implicit_threshold(*tensors(critical), tpr=tpr, surrogate=surrogate, scale=scale)
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(critical=SCORES, tpr=st.sampled_from([0.6, 0.95]), scale=st.floats(0.2, 5))
@settings(max_examples=40, deadline=None)
def test_the_hinge_s_threshold_has_the_closed_form(
    critical: np.ndarray, tpr: float, scale: float
) -> None:
    """With the m lowest scores active, τ = mean of them + ((1 - β) P / m - 1) / ϑ."""
    ordered = np.sort(critical)
    fitting = []
    for m in range(1, len(ordered) + 1):
        t = ordered[:m].mean() + ((1 - tpr) * len(ordered) / m - 1) / scale
        active = 1 + scale * (t - ordered) > 0
        if active[:m].all() and not active[m:].any():
            fitting.append(t)
    assume(fitting)  # none where a score lies exactly at the kink
    found = implicit_threshold(*tensors(critical), tpr=tpr, surrogate="hinge", scale=scale)
    assert found.item() == pytest.approx(fitting[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_threshold_s_gradient_is_that_of_the_whole_map(surrogate: str, scale: float) -> None:
    generator = torch.Generator().manual_seed(1)
    critical = torch.randn(9, dtype=DOUBLE, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: implicit_threshold(s, tpr=0.8, surrogate=surrogate, scale=scale), critical
    )


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e4])
def test_the_threshold_moves_with_the_scores_however_far_apart_they_lie(
    surrogate: str, dtype: torch.dtype, spread: float
) -> None:
    """Its weights sum to one, although every slope of the sigmoid underflows at 1e4."""
    critical = (spread * torch.tensor([-1.0, 0.5, 1.0, 3.0], dtype=dtype)).requires_grad_()
    (slope,) = torch.autograd.grad(
        implicit_threshold(critical, tpr=0.6, surrogate=surrogate), critical
    )
    assert slope.sum().item() == pytest.approx(1, rel=1e-6)
    assert (slope >= 0).all()


@pytest.mark.parametrize("surrogate", ["hinge", "squared_hinge"])
@given(critical=SCORES, tpr=st.floats(0.05, 0.99), scale=st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_a_convex_threshold_misses_no_more_than_allowed(
    surrogate: str, critical: np.ndarray, tpr: float, scale: float
) -> None:
    (values,) = tensors(critical)
    threshold = implicit_threshold(values, tpr=tpr, surrogate=surrogate, scale=scale)
    assert (values < threshold).double().mean() <= 1 - tpr + 1e-9


# ICO ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", ["softplus", "sigmoid"])
@given(critical=SCORES, others=SCORES, temperature=st.floats(0.2, 4))
@settings(max_examples=40, deadline=None)
def test_ico_follows_its_equation(
    surrogate: str, critical: np.ndarray, others: np.ndarray, temperature: float
) -> None:
    tau = threshold_by_loops(critical.tolist(), 0.9, "sigmoid", 1 / temperature)
    cost = softplus if surrogate == "softplus" else lambda z: phi(z, "sigmoid")
    expected = sum(cost((s - tau) / temperature) for s in others) / len(others)
    loss = ImplicitFPRLoss(tpr=0.9, temperature=temperature, surrogate=surrogate)
    assert loss(*joined(critical, others)).item() == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(critical=DISTINCT, others=DISTINCT, tpr=st.sampled_from([0.5, 0.8, 0.95]))
@settings(max_examples=100, deadline=None)
def test_a_cold_ico_is_the_exact_false_positive_rate(
    critical: np.ndarray, others: np.ndarray, tpr: float
) -> None:
    """The ⌈β P⌉-th largest critical score is the threshold; others do not tie with it."""
    count = tpr * len(critical)
    assume(abs(count - round(count)) > 1e-6)  # a whole number leaves an interval of thresholds
    others = others + 1 / 16
    scores, critical_first = joined(critical, others)
    expected = fpr_at_tpr(scores.numpy(), critical_first.numpy(), tpr)
    cold = implicit_fpr(*tensors(critical, others), tpr=tpr, temperature=1e-4, surrogate="sigmoid")
    assert cold.item() == pytest.approx(expected, abs=1e-9)


def test_ico_without_one_class_is_its_cross_entropy_part() -> None:
    logits = torch.tensor([0.0, 0.0, 3.0], requires_grad=True)
    for targets in (torch.zeros(3), torch.ones(3)):
        assert ImplicitFPRLoss()(logits, targets).item() == 0
        mixed = ImplicitFPRLoss(cross_entropy=2.0)(logits, targets)
        toward = 3.0 if bool(targets[0]) else -3.0
        assert mixed.item() == pytest.approx(2 / 3 * (2 * math.log(2) + softplus(-toward)))


# Pat&Mat-NP and TopPush ---------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", ["hinge", "squared_hinge"])
@given(critical=SCORES, others=SCORES, scale=st.floats(0.1, 5))
@settings(max_examples=40, deadline=None)
def test_mirrored_patmat_np_is_the_original_on_negated_scores_with_classes_swapped(
    surrogate: str, critical: np.ndarray, others: np.ndarray, scale: float
) -> None:
    """Original: Σ_neg ℓ(ϑ (s - t)) = share · n_neg fixes t; the loss is the mean ℓ(t - s_pos)."""
    negatives, positives = [-s for s in critical.tolist()], [-s for s in others.tolist()]

    def above(t: float) -> float:  # falls in t
        return sum(phi(scale * (s - t), surrogate) for s in negatives) / len(negatives) - 0.1

    t = root(lambda value: -above(value), -500.0, 500.0)
    expected = sum(phi(t - s, surrogate) for s in positives) / len(positives)
    loss = PatMatLoss(tpr=0.9, scale=scale, surrogate=surrogate)
    assert loss(*joined(critical, others)).item() == pytest.approx(expected, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("surrogate", ["squared_hinge", "logistic"])
@given(critical=SCORES, others=SCORES)
@settings(max_examples=40, deadline=None)
def test_mirrored_toppush_is_the_original_on_negated_scores_with_classes_swapped(
    surrogate: str, critical: np.ndarray, others: np.ndarray
) -> None:
    """Original: the mean over positives of ℓ(max_neg s - s_pos), ℓ increasing."""
    negatives, positives = [-s for s in critical.tolist()], [-s for s in others.tolist()]
    expected = sum(pair(s - max(negatives), surrogate) for s in positives) / len(positives)
    loss = TopPushLoss(surrogate)
    assert loss(*joined(critical, others)).item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_toppush_pulls_only_the_lowest_critical_sample() -> None:
    logits = torch.tensor([3.0, 0.5, 2.0, 1.0, 0.0], requires_grad=True)
    targets = torch.tensor([1, 1, 1, 0, 0])
    (slope,) = torch.autograd.grad(TopPushLoss()(logits, targets), logits)
    # ℓ' at the gaps -0.5 and 0.5 is -3 and -1; the mean over two others halves it.
    assert slope.tolist() == [0.0, -2.0, 0.0, 1.5, 0.5]


# Partial areas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", ["squared_hinge", "logistic"])
@given(critical=SCORES, others=SCORES, hot=st.floats(0.3, 5), others_hot=st.floats(0.3, 5))
@settings(max_examples=40, deadline=None)
def test_mirrored_partial_areas_are_the_originals_on_negated_scores_with_classes_swapped(
    surrogate: str, critical: np.ndarray, others: np.ndarray, hot: float, others_hot: float
) -> None:
    """SOPA-s: mean over positives of λ log mean over negatives of exp(L / λ); SOTA-s: twice so."""
    negatives, positives = [-s for s in critical.tolist()], [-s for s in others.tolist()]
    each = []
    for p in positives:
        terms = [math.exp(pair(p - n, surrogate) / hot) for n in negatives]
        each.append(hot * math.log(sum(terms) / len(terms)))
    one_way = sum(each) / len(each)
    two_way = others_hot * math.log(sum(math.exp(e / others_hot) for e in each) / len(each))
    batch = joined(critical, others)
    one, two = (
        OneWayPartialAUCLoss(hot, surrogate),
        TwoWayPartialAUCLoss(hot, others_hot, surrogate),
    )
    assert one(*batch).item() == pytest.approx(one_way, rel=1e-7, abs=1e-9)
    assert two(*batch).item() == pytest.approx(two_way, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("surrogate", ["squared_hinge", "logistic"])
@given(critical=SCORES, others=SCORES)
@settings(max_examples=30, deadline=None)
def test_partial_areas_lie_between_the_mean_pair_and_the_worst(
    surrogate: str, critical: np.ndarray, others: np.ndarray
) -> None:
    one, two = tensors(critical, others)
    pairs = np.array([[pair(p - n, surrogate) for p in critical] for n in others])

    def area(**temperatures: float) -> float:
        return partial_auc(one, two, surrogate=surrogate, **temperatures).item()

    cold, hot = 1e-7, 1e7
    pushed = top_push(one, two, surrogate=surrogate).item()
    assert area(temperature=cold) == pytest.approx(pushed, abs=1e-5)
    assert area(temperature=hot) == pytest.approx(pairs.mean(), abs=1e-3)
    assert area(temperature=0.7, others_temperature=hot) == pytest.approx(
        area(temperature=0.7), abs=1e-3
    )
    assert area(temperature=cold, others_temperature=cold) == pytest.approx(pairs.max(), abs=1e-5)
    assert area(temperature=1.0) <= area(temperature=0.5) + 1e-12
    assert area(temperature=1.0) <= area(temperature=1.0, others_temperature=1.0) + 1e-12


def test_a_warm_partial_area_keeps_its_precision_in_single_precision() -> None:
    """A plain logsumexp - log(n) would lose every digit at T = 1e4."""
    generator = torch.Generator().manual_seed(2)
    critical, others = torch.randn(50, generator=generator), torch.randn(80, generator=generator)
    exact = partial_auc(critical.double(), others.double(), temperature=1e4)
    assert partial_auc(critical, others, temperature=1e4).item() == pytest.approx(
        exact.item(), rel=1e-5
    )


# What all of them share ---------------------------------------------------------------------------

MEASURES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "ico": lambda p, n: implicit_fpr(p, n, tpr=0.9),
    "ico-sigmoid": lambda p, n: implicit_fpr(p, n, tpr=0.9, temperature=0.5, surrogate="sigmoid"),
    "patmat-np": lambda p, n: matched_fpr(p, n, tpr=0.9, scale=0.5),
    "patmat-np-squared": lambda p, n: matched_fpr(p, n, tpr=0.9, surrogate="squared_hinge"),
    "toppush": top_push,
    "pauc-1way": lambda p, n: partial_auc(p, n, temperature=0.5),
    "pauc-2way": lambda p, n: partial_auc(p, n, temperature=0.5, others_temperature=2.0),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_common_shift_of_all_scores_changes_nothing(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    critical = torch.randn(7, dtype=DOUBLE, generator=generator)
    others = torch.randn(11, dtype=DOUBLE, generator=generator)
    torch.testing.assert_close(
        MEASURES[name](critical, others), MEASURES[name](critical + 123.0, others + 123.0)
    )


@pytest.mark.parametrize("name", MEASURES)
def test_the_gradient_is_that_of_the_whole_map_and_sums_to_zero(name: str) -> None:
    generator = torch.Generator().manual_seed(4)
    critical = torch.randn(7, dtype=DOUBLE, generator=generator).requires_grad_()
    others = torch.randn(11, dtype=DOUBLE, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(MEASURES[name], (critical, others))
    up, down = torch.autograd.grad(MEASURES[name](critical, others), (critical, others))
    assert (up <= 0).all()
    assert (down >= 0).all()
    assert up.sum().item() == pytest.approx(-down.sum().item())


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_ten_thousand_apart_stay_finite(name: str, dtype: torch.dtype) -> None:
    for sign in (1, -1):
        critical = (sign * torch.tensor([1e4, 1e4, 0.0], dtype=dtype)).requires_grad_()
        others = (sign * torch.tensor([-1e4, -1e4, 1.0], dtype=dtype)).requires_grad_()
        value = MEASURES[name](critical, others)
        slopes = torch.autograd.grad(value, (critical, others))
        assert torch.isfinite(value)
        assert all(torch.isfinite(slope).all() for slope in slopes)


# The Lagrangian -----------------------------------------------------------------------------------


@pytest.mark.parametrize("surrogate", ["hinge", "logistic"])
def test_the_lagrangian_s_mean_over_the_training_set_is_the_equation(surrogate: str) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(40, dtype=DOUBLE, generator=generator)
    targets = torch.arange(40) % 8 == 0
    beta, multiplier = 0.9, 2.5

    def cost(z: float) -> float:
        return max(0.0, 1 - z) if surrogate == "hinge" else softplus(-z) / math.log(2)

    pairs = list(zip(logits.tolist(), targets.tolist(), strict=True))
    false = [cost(-s) for s, critical in pairs if not critical]
    missed = [cost(s) for s, critical in pairs if critical]
    expected = sum(false) / len(false) + multiplier * (sum(missed) / len(missed) - (1 - beta))
    loss = RecallLagrangianLoss(beta, multiplier, pace=10.0, surrogate=surrogate, imbalance=7.0)
    values = loss(logits, targets)
    assert values.shape == (40,)
    assert values.mean().item() == pytest.approx(expected, rel=1e-6)
    # So is the mean over batches, of which only one in two holds a critical sample.
    batches = [loss(logits[i : i + 4], targets[i : i + 4]).mean() for i in range(0, 40, 4)]
    assert torch.stack(batches).mean().item() == pytest.approx(expected, rel=1e-6)
