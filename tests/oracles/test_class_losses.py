"""Losses of single samples against their equations, written naively in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall import Objective, Task
from rarecall.functional import class_balanced_weights, ldam_margins
from rarecall.methods import parse

DOUBLE = torch.float64
CRITICAL = (2, 3)
CLASSES = Task("multiclass", 4, CRITICAL)
TRAIN = [0] * 50 + [1] * 30 + [2] * 15 + [3] * 5
COUNTS = [50, 30, 15, 5]
N_OTHERS, N_CRITICAL = 80, 20


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def softmax(z: list[float]) -> list[float]:
    whole = sum(math.exp(value) for value in z)
    return [math.exp(value) / whole for value in z]


def effective(n: float, beta: float) -> float:
    """(1 - β) / (1 - βⁿ), the inverse of the effective number."""
    return (1 - beta) / (1 - beta**n)


def balanced(beta: float, counts: list[int]) -> list[float]:
    weights = [effective(n, beta) for n in counts]
    return [weight * len(weights) / sum(weights) for weight in weights]


def bound(name: str, arguments: dict[str, object], task: Task | str = "binary") -> Objective:
    targets = torch.tensor(TRAIN)
    targets = (targets >= 2).long() if task == "binary" else targets
    return parse(name).build(arguments).bind(targets, task, steps=10)


# One logit ----------------------------------------------------------------------------------------

ONE_LOGIT: dict[str, tuple[dict[str, object], Callable[[float, int], float]]] = {
    "s-ml": (
        {"s-ml.margin": 2.0},
        lambda z, t: -math.log(sigmoid(z - 2)) if t else -math.log(1 - sigmoid(z + 2)),
    ),
    "a-ml": (
        {"a-ml.margin": 0.5},
        lambda z, t: -math.log(sigmoid(z - 0.5)) if t else -math.log(1 - sigmoid(z)),
    ),
    "cb-bce": (
        {"cb-bce.beta": 0.99, "cb-bce.normalize": False},
        lambda z, t: (
            -effective(N_CRITICAL, 0.99) * math.log(sigmoid(z))
            if t
            else -effective(N_OTHERS, 0.99) * math.log(1 - sigmoid(z))
        ),
    ),
    "w-bce": (
        {"w-bce.scale": 1 / 3},
        lambda z, t: -4 / 3 * math.log(sigmoid(z)) if t else -math.log(1 - sigmoid(z)),
    ),
    "mse": ({}, lambda z, t: 0.5 * (t - sigmoid(z)) ** 2),
}


@pytest.mark.parametrize("name", ONE_LOGIT)
@given(z=st.floats(-12, 12), t=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_loss_of_one_logit_follows_its_equation(name: str, z: float, t: int) -> None:
    arguments, equation = ONE_LOGIT[name]
    value = bound(name, arguments).loss(torch.tensor([z], dtype=DOUBLE), torch.tensor([t]))
    assert value.item() == pytest.approx(equation(z, t), rel=1e-7, abs=1e-12)


# Several logits -----------------------------------------------------------------------------------


def cross_entropy(z: list[float], y: int) -> float:
    return -math.log(softmax(z)[y])


def margin(z: list[float], y: int, m: float) -> float:
    return cross_entropy([value - m * (c == y) for c, value in enumerate(z)], y)


def scaled(z: list[float], y: int, gamma: float, tau: float, counts: list[int]) -> float:
    moved = [
        (n / max(counts)) ** gamma * value + tau * math.log(n / sum(counts))
        for n, value in zip(counts, z, strict=True)
    ]
    return cross_entropy(moved, y)


def ldam(z: list[float], y: int, counts: list[int]) -> float:
    margins = [n**-0.25 for n in counts]
    margins = [0.5 * m / max(margins) for m in margins]
    return cross_entropy([30 * (v - margins[y] * (c == y)) for c, v in enumerate(z)], y)


def focal(z: list[float], y: int, weight: float, focus: float) -> float:
    p = softmax(z)[y]
    return -weight * (1 - p) ** focus * math.log(p)


MULTICLASS: dict[str, tuple[dict[str, object], Callable[[list[float], int], float]]] = {
    "ce": ({}, cross_entropy),
    "cb-ce": (
        {"cb-ce.beta": 0.999},
        lambda z, y: balanced(0.999, COUNTS)[y] * cross_entropy(z, y),
    ),
    "s-ml": ({"s-ml.margin": 2.0}, lambda z, y: margin(z, y, 2.0)),
    "a-ml": ({"a-ml.margin": 2.0}, lambda z, y: margin(z, y, 2.0 * (y in CRITICAL))),
    "s-fl": ({"s-fl.focus": 0.5}, lambda z, y: focal(z, y, 1.0, 0.5)),
    "a-fl": ({"a-fl.focus": 2.0}, lambda z, y: focal(z, y, 1.0, 2.0 * (y not in CRITICAL))),
    "focal": (
        {"focal.alpha": 0.7, "focal.focus": 1.5},
        lambda z, y: focal(z, y, 0.7 if y in CRITICAL else 0.3, 1.5),
    ),
    "vs": (
        {"vs.gamma": 0.2, "vs.tau": 1.5},
        lambda z, y: scaled(z, y, 0.2, 1.5, COUNTS),
    ),
    "la": ({"la.tau": 2.0}, lambda z, y: scaled(z, y, 0.0, 2.0, COUNTS)),
    "ldam": ({}, lambda z, y: ldam([value / 10 for value in z], y, COUNTS)),
}

LOGITS = st.lists(st.floats(-8, 8), min_size=4, max_size=4)


@pytest.mark.parametrize("name", MULTICLASS)
@given(z=LOGITS, y=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_loss_of_several_classes_follows_its_equation(name: str, z: list[float], y: int) -> None:
    arguments, equation = MULTICLASS[name]
    logits = torch.tensor([z], dtype=DOUBLE) / (10 if name == "ldam" else 1)
    value = bound(name, arguments, CLASSES).loss(logits, torch.tensor([y]))
    assert value.item() == pytest.approx(equation(z, y), rel=1e-7, abs=1e-11)


TWO_LOGITS: dict[str, Callable[[list[float], int], float]] = {
    "ce": cross_entropy,
    "cb-ce": lambda z, t: balanced(0.999, [80, 20])[t] * cross_entropy(z, t),
    "vs": lambda z, t: scaled(z, t, 0.1, 1.0, [80, 20]),
    "la": lambda z, t: scaled(z, t, 0.0, 1.0, [80, 20]),
    "ldam": lambda z, t: ldam([value / 10 for value in z], t, [80, 20]),
}


@pytest.mark.parametrize("name", TWO_LOGITS)
@given(z=st.lists(st.floats(-8, 8), min_size=2, max_size=2), t=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_binary_loss_of_two_logits_is_the_softmax_one(name: str, z: list[float], t: int) -> None:
    logits = torch.tensor([z], dtype=DOUBLE) / (10 if name == "ldam" else 1)
    value = bound(name, {}).loss(logits, torch.tensor([t]))
    assert value.item() == pytest.approx(TWO_LOGITS[name](z, t), rel=1e-7, abs=1e-11)


# Labels -------------------------------------------------------------------------------------------

LABELS = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
LABEL_LOSSES: dict[str, Callable[[float, int], float]] = {
    "bce": lambda z, t: -math.log(sigmoid(z if t else -z)),
    "w-bce": lambda z, t: -(2.0 if t else 1.0) * math.log(sigmoid(z if t else -z)),
    "cb-bce": lambda z, t: -balanced(0.999, [4, 2])[t] * math.log(sigmoid(z if t else -z)),
    "s-ml": lambda z, t: -math.log(sigmoid((z if t else -z) - 0.5)),
    "a-ml": lambda z, t: -math.log(sigmoid(z - 0.5 if t else -z)),
    "s-fl": lambda z, t: -(1 - sigmoid(z if t else -z)) * math.log(sigmoid(z if t else -z)),
    "a-fl": lambda z, t: -math.log(sigmoid(z)) if t else -sigmoid(z) * math.log(sigmoid(-z)),
    "focal": lambda z, t: (
        -0.75 * sigmoid(-z) ** 2 * math.log(sigmoid(z))
        if t
        else -0.25 * sigmoid(z) ** 2 * math.log(sigmoid(-z))
    ),
    "mse": lambda z, t: 0.5 * (t - sigmoid(z)) ** 2,
}
LABEL = st.sampled_from([0.0, 1.0, 0.3, math.nan])


@pytest.mark.parametrize("name", LABEL_LOSSES)
@given(
    z=st.lists(st.floats(-9, 9), min_size=2, max_size=2),
    t=st.lists(LABEL, min_size=2, max_size=2),
)
@settings(max_examples=60, deadline=None)
def test_labels_are_averaged_masked_and_smoothed(name: str, z: list[float], t: list[float]) -> None:
    equation, parts = LABEL_LOSSES[name], []
    for logit, target in zip(z, t, strict=True):
        if not math.isnan(target):
            parts.append(target * equation(logit, 1) + (1 - target) * equation(logit, 0))
    expected = sum(parts) / len(parts) if parts else 0.0
    objective = parse(name).build().bind(LABELS, "multilabel")
    logits = torch.tensor([z], dtype=DOUBLE, requires_grad=True)
    value = objective.loss(logits, torch.tensor([t]).double())
    assert value.item() == pytest.approx(expected, rel=1e-7, abs=1e-11)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert torch.isfinite(gradient).all()
    assert (gradient[0][torch.tensor(t).isnan()] == 0).all()


def test_every_label_has_its_own_ratio_and_weights() -> None:
    labels = torch.tensor([[1.0, 0.0], [0.0, torch.nan], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    loss = parse("w-bce").build().bind(labels, "multilabel").loss
    logits = torch.zeros(1, 2, dtype=DOUBLE)
    each = [
        loss(logits, torch.tensor([row])).item() / math.log(2)
        for row in ([1.0, math.nan], [math.nan, 1.0], [0.0, math.nan])
    ]
    assert each == pytest.approx([4.0, 3.0, 1.0])
    balanced_loss = parse("cb-bce").build().bind(labels, "multilabel").loss
    expected = [balanced(0.999, [4, 1]), balanced(0.999, [3, 1])]
    torch.testing.assert_close(balanced_loss.weights(), torch.tensor(expected, dtype=DOUBLE))


# Sets ---------------------------------------------------------------------------------------------


def false_errors_by_loops(logits: list[float], targets: list[int]) -> tuple[float, float]:
    errors: dict[int, list[float]] = {0: [], 1: []}
    for z, t in zip(logits, targets, strict=True):
        errors[t].append(0.5 * (t - sigmoid(z)) ** 2)
    means = [sum(part) / len(part) if part else 0.0 for part in (errors[0], errors[1])]
    return means[0], means[1]


@pytest.mark.parametrize(("name", "power"), [("mfe", 1), ("msfe", 2)])
@given(rows=st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 1)), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_false_errors_follow_their_equation(
    name: str, power: int, rows: list[tuple[float, int]]
) -> None:
    logits, targets = [z for z, _ in rows], [t for _, t in rows]
    expected = sum(error**power for error in false_errors_by_loops(logits, targets))
    loss = bound(name, {}).loss
    value = loss(torch.tensor(logits, dtype=DOUBLE), torch.tensor(targets))
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", ["mfe", "msfe"])
def test_false_errors_of_labels_are_the_mean_over_the_labels(name: str) -> None:
    logits = torch.randn(6, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    several = parse(name).build().bind(LABELS, "multilabel").loss
    single = bound(name, {}).loss
    one = torch.stack([single(logits[:, label], LABELS[:, label]) for label in (0, 1)]).mean()
    torch.testing.assert_close(several(logits, LABELS.double()), one)
    masked = LABELS.double().clone()
    masked[0, 0] = torch.nan
    one = (single(logits[1:, 0], LABELS[1:, 0]) + single(logits[:, 1], LABELS[:, 1])) / 2
    torch.testing.assert_close(several(logits, masked), one)


# Closed forms -------------------------------------------------------------------------------------


@given(
    counts=st.lists(st.integers(1, 10**6), min_size=2, max_size=6),
    beta=st.sampled_from([0.0, 0.9, 0.99, 0.9999, 1 - 1e-9]),
)
@settings(max_examples=60, deadline=None)
def test_class_balanced_weights_average_to_one_and_favour_rare_classes(
    counts: list[int], beta: float
) -> None:
    weights = class_balanced_weights(torch.tensor(counts, dtype=DOUBLE), beta=beta)
    assert weights.mean().item() == pytest.approx(1.0)
    order = sorted(range(len(counts)), key=counts.__getitem__)
    assert all(weights[a] >= weights[b] for a, b in pairwise(order))


def test_class_balanced_weights_tend_to_the_inverse_counts() -> None:
    counts = torch.tensor([990.0, 10.0], dtype=DOUBLE)
    weights = class_balanced_weights(counts, beta=1 - 1e-12, normalize=False)
    assert (weights * counts).tolist() == pytest.approx([1.0, 1.0])
    assert class_balanced_weights(counts, beta=0.0).tolist() == [1.0, 1.0]


def test_unnormalised_weights_shrink_gradients_a_hundredfold_at_beta_99() -> None:
    """What Sangalli et al. trained with: at 4410 to 44 samples both weights are tiny."""
    counts = torch.tensor([4410.0, 44.0], dtype=DOUBLE)
    weights = class_balanced_weights(counts, beta=0.99, normalize=False)
    assert weights[0].item() == pytest.approx(1 / 100, rel=1e-3)
    assert weights[1].item() < 1 / 35


def test_ldam_margins_are_the_fourth_roots_with_the_largest_as_asked() -> None:
    margins = ldam_margins(torch.tensor([1600.0, 100.0, 10000.0]), max_margin=0.5)
    assert margins.tolist() == pytest.approx([0.25, 0.5, 0.5 / 10**0.5])


def test_vector_scaling_of_two_classes_is_its_multi_class_form() -> None:
    logits = torch.randn(9, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    numbers = torch.arange(9) % 2
    two = torch.tensor([0] * 80 + [1] * 20)
    arguments = {"vs.gamma": 0.3, "vs.tau": 2.0}
    binary = parse("vs").build(arguments).bind(two)
    several = parse("vs").build(arguments).bind(two, "multiclass", critical=1)
    torch.testing.assert_close(binary.loss(logits, numbers), several.loss(logits, numbers))


@pytest.mark.parametrize("name", ["s-fl", "a-fl", "s-ml", "a-ml", "focal"])
def test_the_softmax_form_of_two_classes_is_the_binary_one(name: str) -> None:
    logits = torch.randn(9, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    numbers = torch.arange(9) % 2
    binary = parse(name).build().bind(numbers)
    several = parse(name).build().bind(numbers, "multiclass", critical=1)
    torch.testing.assert_close(
        binary.loss(logits[:, 1] - logits[:, 0], numbers), several.loss(logits, numbers)
    )
