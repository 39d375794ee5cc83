"""Pairwise and AUC losses against naive loops, closed forms and the papers' worked numbers."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from rarecall.functional import (
    auc_saddle,
    batch_normalized,
    pairwise_square,
    pairwise_squared_hinge,
)
from rarecall.losses import AUCMarginLoss, AUCSquareLoss, MiniBatchAUCLoss, PairwiseHingeLoss
from rarecall.metrics import auc
from rarecall.task import Task

DOUBLE = torch.float64
SCORES = arrays.arrays("float64", st.integers(1, 10), elements=st.floats(-4, 4, width=32))
MARGINS = st.sampled_from([0.0, 0.3, 1.0, 2.5])


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def joined(critical: np.ndarray, others: np.ndarray) -> tuple[Tensor, Tensor]:
    """Scores in an order that mixes the classes, and which are critical."""
    scores = torch.from_numpy(np.concatenate([critical, others]))
    flags = torch.arange(len(scores)) < len(critical)
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(3))
    return scores[order], flags[order]


def weights_of(critical: Tensor) -> tuple[Tensor, Tensor]:
    return critical.to(DOUBLE), (~critical).to(DOUBLE)


# Pairs --------------------------------------------------------------------------------------------


@given(critical=SCORES, others=SCORES)
@settings(max_examples=60, deadline=None)
def test_mbauc_is_the_double_loop_over_pairs_of_probabilities(
    critical: np.ndarray, others: np.ndarray
) -> None:
    pairs = [(1 - (sigmoid(j) - sigmoid(k))) ** 2 for j in critical for k in others]
    logits, flags = joined(critical, others)
    found = MiniBatchAUCLoss()(logits, flags).item()
    assert found == pytest.approx(sum(pairs) / len(pairs), rel=1e-12, abs=1e-12)


@given(critical=SCORES, others=SCORES, margin=MARGINS)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("scores", ["logit", "probability"])
def test_pairwise_is_the_double_loop_over_hinges(
    scores: Any, critical: np.ndarray, others: np.ndarray, margin: float
) -> None:
    read = sigmoid if scores == "probability" else float
    pairs = [max(0.0, margin - (read(j) - read(k))) ** 2 for j in critical for k in others]
    logits, flags = joined(critical, others)
    found = PairwiseHingeLoss(margin, scores)(logits, flags).item()
    assert found == pytest.approx(sum(pairs) / len(pairs), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("function", [pairwise_square, pairwise_squared_hinge])
def test_the_gradient_of_the_pairs_is_that_of_the_matrix(function: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(30, dtype=DOUBLE, generator=generator).requires_grad_()
    critical = torch.arange(30) % 4 == 0
    gaps = 0.7 - (scores[critical][:, None] - scores[~critical][None, :])
    dense = (gaps if function is pairwise_square else gaps.relu()).square().mean()
    found = function(scores, *weights_of(critical), margin=0.7)
    torch.testing.assert_close(found, dense, rtol=1e-13, atol=1e-13)
    (expected,) = torch.autograd.grad(dense, scores)
    (slope,) = torch.autograd.grad(found, scores)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", [pairwise_square, pairwise_squared_hinge])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_weights_share_a_sample_out_to_both_classes(function: Any, data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 6))
    cells = arrays.arrays("float64", (count, 2), elements=st.floats(-3, 3, width=16))
    scores = torch.from_numpy(data.draw(cells))
    shares = st.sampled_from([0.0, 0.25, 1.0])
    present = torch.from_numpy(
        data.draw(arrays.arrays("float64", (count, 2), elements=shares, fill=st.nothing()))
    )
    absent = 1 - present
    found = function(scores, present, absent, margin=1.0)
    for label in range(2):
        total = weight = 0.0
        for j, k in product(range(count), repeat=2):
            gap = 1 - float(scores[j, label] - scores[k, label])
            pair = float(present[j, label] * absent[k, label])
            weight += pair
            total += pair * (gap if function is pairwise_square else max(0.0, gap)) ** 2
        assert found[label].item() == pytest.approx(total / weight if weight else 0, abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_the_sums_keep_their_digits_far_from_zero(offset: float) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(200, generator=generator).to(DOUBLE).round(decimals=3)
    critical = torch.arange(200) % 9 == 0
    for function in (pairwise_square, pairwise_squared_hinge):
        near = function(scores, *weights_of(critical), margin=0.5)
        far = function(scores + offset, *weights_of(critical), margin=0.5)
        torch.testing.assert_close(far, near, rtol=1e-10, atol=0)


# The min-max form ---------------------------------------------------------------------------------


def saddle_by_loops(
    scores: list[float], targets: list[float], a: float, b: float, alpha: float, p: float, m: float
) -> list[float]:
    """Equation 8, sample by sample."""
    values = []
    for h, t in zip(scores, targets, strict=True):
        value = (1 - p) * (h - a) ** 2 if t else p * (h - b) ** 2
        value -= p * (1 - p) * alpha**2
        value += 2 * alpha * (p * (1 - p) * m + (-(1 - p) * h if t else p * h))
        values.append(value)
    return values


def placed(loss: Any, a: float, b: float, alpha: float) -> Any:
    with torch.no_grad():
        for parameter, value in ((loss.a, a), (loss.b, b), (loss.alpha, alpha)):
            parameter.fill_(value)
    return loss


@pytest.mark.parametrize("kind", [AUCSquareLoss, AUCMarginLoss])
@pytest.mark.parametrize("normalize", ["sigmoid", "batch", "none"])
@given(critical=SCORES, others=SCORES, margin=st.sampled_from([0.3, 1.0]))
@settings(max_examples=25, deadline=None)
def test_the_auc_losses_follow_equation_8(
    kind: Any, normalize: Any, critical: np.ndarray, others: np.ndarray, margin: float
) -> None:
    logits, flags = joined(critical, others)
    loss = placed(kind(margin, normalize, imbalance=9.0), 0.5, -0.25, 0.75)
    norm = math.sqrt(sum(z * z for z in logits.tolist())) or 1.0
    read = {"sigmoid": sigmoid, "batch": lambda z: z / norm, "none": float}[normalize]
    scores = [read(z) for z in logits.tolist()]
    expected = saddle_by_loops(scores, flags.tolist(), 0.5, -0.25, 0.75, 0.1, margin)
    found = loss(logits, flags)
    assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def mean_saddle(scores: Tensor, critical: Tensor, margin: float, **where: Tensor) -> Tensor:
    p = critical.double().mean()
    saddle = auc_saddle(scores, *weights_of(critical), share=p, margin=margin, **where)
    return saddle.mean()


def moments(scores: Tensor, critical: Tensor) -> tuple[float, float, float]:
    """Both means, and the sum of both variances."""
    one, other = scores[critical], scores[~critical]
    spread = one.var(correction=0) + other.var(correction=0)
    return float(one.mean()), float(other.mean()), float(spread)


def number(value: float) -> Tensor:
    return torch.tensor([value], dtype=DOUBLE, requires_grad=True)


@pytest.mark.parametrize("margin", [0.1, 1.0, 3.0])
@given(critical=SCORES, others=SCORES)
@settings(max_examples=40, deadline=None)
def test_the_saddle_value_has_the_closed_form(
    margin: float, critical: np.ndarray, others: np.ndarray
) -> None:
    """min over a, b and max over α >= 0 is p(1 - p)[var₊ + var₋ + (m - a + b)₊²]: theorem 1."""
    scores, flags = joined(critical, others)
    mean_one, mean_other, spread = moments(scores, flags)
    gap = margin - mean_one + mean_other
    p = len(critical) / len(scores)
    for bound in (0.0, -math.inf):  # the margin form, the square form
        at = {"a": number(mean_one), "b": number(mean_other), "alpha": number(max(bound, gap))}
        value = mean_saddle(scores, flags, margin, **at)
        reached = max(gap, 0.0) if bound == 0.0 else gap
        expected = p * (1 - p) * (spread + reached**2)
        assert value.item() == pytest.approx(expected, rel=1e-10, abs=1e-11)
        slopes = torch.autograd.grad(value, list(at.values()))
        # Stationary in a and b; in α too, or held at 0 by a slope that points below it.
        assert max(abs(float(slope)) for slope in slopes[:2]) < 1e-11
        held = bound == 0.0 and gap < 0
        assert float(slopes[2]) < 0 if held else abs(float(slopes[2])) < 1e-11
        for step in (-0.5, 0.5):
            for name in ("a", "b"):
                moved = at | {name: number(at[name].item() + step)}
                assert mean_saddle(scores, flags, margin, **moved) > value
            moved = at | {"alpha": number(max(bound, at["alpha"].item() + step))}
            assert mean_saddle(scores, flags, margin, **moved) <= value + 1e-12


@given(critical=SCORES, others=SCORES, margin=MARGINS)
@settings(max_examples=40, deadline=None)
def test_solved_the_square_form_is_the_mean_over_all_pairs(
    critical: np.ndarray, others: np.ndarray, margin: float
) -> None:
    """Equation 5 and appendix B, with the factor p(1 - p) of theorem 1."""
    pairs = [(margin - (j - k)) ** 2 for j in critical for k in others]
    scores, flags = joined(critical, others)
    one, other, _ = moments(scores, flags)
    at = {"a": number(one), "b": number(other), "alpha": number(margin - one + other)}
    p = len(critical) / len(scores)
    value = mean_saddle(scores, flags, margin, **at).item()
    assert value == pytest.approx(p * (1 - p) * sum(pairs) / len(pairs), rel=1e-10, abs=1e-11)


@given(critical=SCORES, others=SCORES, margin=st.floats(1, 3))
@settings(max_examples=40, deadline=None)
def test_on_probabilities_with_a_margin_of_one_or_more_alpha_is_not_held(
    critical: np.ndarray, others: np.ndarray, margin: float
) -> None:
    """The best α is m - a + b >= 0 anyway, so AUC-M is AUC-S of the same margin."""
    scores, flags = joined(critical, others)
    one, other, _ = moments(scores.sigmoid(), flags)
    assert margin - one + other >= 0


@given(critical=SCORES, others=SCORES)
@settings(max_examples=60, deadline=None)
def test_normalised_over_the_batch_the_means_are_at_most_that_far_apart(
    critical: np.ndarray, others: np.ndarray
) -> None:
    """√(1/P + 1/N): a larger margin makes AUC-M the square loss."""
    scores, flags = joined(critical, others)
    one, other, _ = moments(batch_normalized(scores), flags)
    bound = math.sqrt(1 / len(critical) + 1 / len(others))
    assert one - other <= bound + 1e-12


def test_that_distance_is_reached() -> None:
    flags = torch.arange(128) < 64
    direction = torch.where(flags, 1 / 64, -1 / 64).to(DOUBLE)
    one, other, _ = moments(batch_normalized(3 * direction), flags)
    assert one - other == pytest.approx(math.sqrt(1 / 64 + 1 / 64))
    assert one - other == pytest.approx(0.18, abs=0.005)


def test_the_mean_over_the_batches_is_the_objective_with_one_class_batches_among_them() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(40, dtype=DOUBLE, generator=generator)
    targets = (torch.arange(40) < 6).long()  # in batches of 5: critical, mixed, six of others only
    loss = placed(AUCMarginLoss(imbalance=34 / 6), 0.25, -0.5, 0.5)
    batches = [loss(logits[i : i + 5], targets[i : i + 5]).mean() for i in range(0, 40, 5)]
    torch.testing.assert_close(torch.stack(batches).mean(), loss(logits, targets).mean())


def test_missing_and_uncertain_labels_follow_the_equation() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(5, 2, dtype=DOUBLE, generator=generator)
    nan = math.nan
    targets = torch.tensor([[1, 0], [0, nan], [0.3, 1], [nan, nan], [0, 0.8]], dtype=DOUBLE)
    loss = AUCMarginLoss(0.7)
    loss.for_task(Task.multilabel(2))
    loss.shown = torch.tensor([[3.0, 1.0], [1.0, 1.0]], dtype=DOUBLE)
    centres = ((0.5, 0.25, 0.75), (-0.5, 0.125, 0.25))
    with torch.no_grad():
        for label, values in enumerate(centres):
            for parameter, value in zip((loss.a, loss.b, loss.alpha), values, strict=True):
                parameter[label] = value
    expected = [0.0] * 5
    for label, (values, p) in enumerate(zip(centres, (0.25, 0.5), strict=True)):
        for i in range(5):
            t, h = float(targets[i, label]), sigmoid(float(logits[i, label]))
            if not math.isnan(t):
                one, other = (saddle_by_loops([h], [c], *values, p, 0.7)[0] for c in (1, 0))
                expected[i] += (t * one + (1 - t) * other) / 2
    assert loss(logits, targets).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_missing_label_does_not_enter_the_norm_of_the_batch() -> None:
    logits = torch.tensor([[3.0, 1.0], [4.0, 1.0], [50.0, 1.0]], dtype=DOUBLE)
    known = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]], dtype=DOUBLE)
    found = batch_normalized(logits, known)
    torch.testing.assert_close(found[:2, 0], torch.tensor([0.6, 0.8], dtype=DOUBLE))
    torch.testing.assert_close(found[:, 1], torch.full((3,), 3**-0.5, dtype=DOUBLE))


# Worked numbers -----------------------------------------------------------------------------------

HALF = 0.5


def direction(x: float, t: int, *, a: float, b: float, alpha: float) -> float:
    """B or C of appendix E for h = w x at w = 1: dF/dh without its factor 2(1 - p) or 2p."""
    w = torch.ones(1, dtype=DOUBLE, requires_grad=True)
    present = torch.tensor([float(t)], dtype=DOUBLE)
    at = {"a": number(a), "b": number(b), "alpha": number(alpha)}
    value = auc_saddle(w * x, present, 1 - present, share=HALF, margin=1.0, **at)
    (slope,) = torch.autograd.grad(value.sum(), w)
    return float(slope) / x / (2 * HALF)


def test_appendix_e_easy_data_and_the_square_loss() -> None:
    at = {"a": 0.5, "b": -0.5, "alpha": 1 + -0.5 - 0.5}
    # The best α is 0, so the example holds for the margin loss with m = 1 just as well.
    assert at["alpha"] == max(0.0, at["alpha"])
    assert direction(1.0, 1, **at) == pytest.approx(0.5)
    assert direction(-1.0, 0, **at) == pytest.approx(-0.5)
    # The paper steps by 0.1 times the sign: both scores move to 0.9 of what they were.
    assert 1 - 0.1 * math.copysign(1, 0.5) * 1.0 == pytest.approx(0.9)
    assert 1 - 0.1 * math.copysign(1, -0.5) * -1.0 == pytest.approx(0.9)


@pytest.mark.parametrize(("x", "expected"), [(0.75, -0.25), (1.25, 0.25)])
def test_appendix_e_easy_data_and_the_margin_loss_where_the_classes_are_apart(
    x: float, expected: float
) -> None:
    alpha = max(0.0, 1 + -0.5 - 1.0)
    assert direction(x, 1, a=1.0, b=-0.5, alpha=alpha) == pytest.approx(expected)
    # The square loss goes on pulling the upper one down, and the lower one with it.
    square = 1 + -0.5 - 1.0
    assert direction(x, 1, a=1.0, b=-0.5, alpha=square) == pytest.approx(expected + 0.5)


def test_appendix_e_easy_data_and_the_margin_loss_where_they_are_not() -> None:
    step = direction(0.25, 1, a=0.0, b=-0.5, alpha=max(0.0, 1 + -0.5 - 0.0))
    assert step == pytest.approx(-0.25)
    moved = 1 - 0.1 * math.copysign(1, step) * 0.25
    assert moved == pytest.approx(1.025)
    assert moved * 0.25 == pytest.approx(0.25625)  # printed as 0.2562


@pytest.mark.parametrize("margin", [0.8, 1.0, 2.0])
def test_appendix_e_noisy_data_pull_as_hard_as_the_margin(margin: float) -> None:
    """E.3 is the margin 1, E.4 any: C = m."""
    alpha = max(0.0, margin + -0.5 - 0.25)
    assert direction(0.25, 0, a=0.25, b=-0.5, alpha=alpha) == pytest.approx(margin)


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.75])
def test_appendix_e_4_has_a_least_pull(margin: float) -> None:
    """Its classes are 0.75 apart: below that margin α is 0, and C = h - b no longer falls."""
    alpha = max(0.0, margin + -0.5 - 0.25)
    assert direction(0.25, 0, a=0.25, b=-0.5, alpha=alpha) == pytest.approx(0.75)


TAIL = [0.39 - 0.01 * i for i in range(15)]  # the rows that table 6 leaves out, all below 0.40
TABLE_6 = [
    ([0.9, 0.8, 0.7], [0.6, 0.6, 0.47, 0.47, 0.45, 0.43, 0.42], 0.92, 66 / 66, 1.00),
    ([0.9, 0.41, 0.7], [0.6, 0.49, 0.47, 0.47, 0.45, 0.43, 0.42], 0.92, 59 / 66, 0.89),
    ([0.9, 0.41, 0.40], [0.49, 0.48, 0.47, 0.47, 0.45, 0.43, 0.42], 0.92, 52 / 66, 0.78),
]


def test_appendix_f_the_area_falls_where_the_accuracy_does_not() -> None:
    """Table 6; its third area, 52/66 = 0.788, is printed cut off as 0.78."""
    costs = []
    for critical, others, accuracy, area, printed in TABLE_6:
        scores = torch.tensor([*critical, *others, *TAIL], dtype=DOUBLE)
        flags = torch.arange(25) < 3
        assert ((scores >= 0.5) == flags).double().mean().item() == pytest.approx(accuracy)
        assert auc(scores.numpy(), flags.numpy()) == pytest.approx(area)
        assert area == pytest.approx(printed, abs=0.01)
        hinge = pairwise_squared_hinge(scores, *weights_of(flags), margin=0.1).item()
        square = pairwise_square(scores, *weights_of(flags), margin=1.0).item()
        costs.append((hinge, square))
    assert costs == sorted(costs)
    assert sorted(square for _, square in costs) == [square for _, square in costs]
