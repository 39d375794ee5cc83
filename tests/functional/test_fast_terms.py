"""Pairs, ranks and tails without their matrices: equal to loops, row by row, in one graph."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rarecall.functional import (
    class_violations,
    descending_ranks,
    pairwise_square,
    pairwise_squared_hinge,
    partial_auc,
    rank_penalty,
    sorted_pairs,
)
from rarecall.functional import pairwise as pairwise_module
from rarecall.functional.pairwise import class_violation_sums, count_violated

DOUBLE = torch.float64


areas = functools.partial(partial_auc, surrogate="logistic")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


# Ranks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_tiebreak", [False, True])
def test_every_row_is_ranked_for_itself(with_tiebreak: bool) -> None:
    scores = drawn(2, 3, 30).round(decimals=1)  # with ties
    critical = drawn(2, 3, 30, seed=1) > 0.5
    tiebreak = drawn(2, 3, 30, seed=2).round(decimals=1) if with_tiebreak else None
    ranks = descending_ranks(scores, critical, tiebreak=tiebreak)
    values, gradients = rank_penalty(scores, critical, strength=2.0)
    for a in range(2):
        for b in range(3):
            second = None if tiebreak is None else tiebreak[a, b]
            row = scores[a, b], critical[a, b]
            assert torch.equal(ranks[a, b], descending_ranks(*row, tiebreak=second))
            value, gradient = rank_penalty(*row, strength=2.0)
            assert torch.equal(values[a, b], value)
            assert torch.equal(gradients[a, b], gradient)
            order = sorted(
                range(30),
                key=lambda i: (
                    -float(scores[a, b, i]),
                    0.0 if second is None else -float(second[i]),
                    bool(critical[a, b, i]),
                    i,
                ),
            )
            assert [order.index(i) + 1 for i in range(30)] == ranks[a, b].tolist()


@given(data=st.data(), n=st.integers(1, 30), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
@settings(max_examples=200, deadline=None)
def test_narrow_scores_have_the_order_of_wide_ones(
    data: st.DataObject, n: int, dtype: torch.dtype
) -> None:
    """Ties, zeros of both signs, the smallest and the largest numbers, infinities."""
    hard = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3.4e38, math.inf, -math.inf])
    numbers = hard | st.floats(-5, 5, width=32)
    scores = torch.tensor(data.draw(st.lists(numbers, min_size=n, max_size=n))).to(dtype)
    critical = torch.tensor(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    expected = descending_ranks(scores.double(), critical)
    assert torch.equal(descending_ranks(scores, critical), expected)
    several = descending_ranks(scores.expand(2, n), torch.stack([critical, ~critical]))
    assert torch.equal(several[0], expected)
    assert torch.equal(several[1], descending_ranks(scores.double(), ~critical))


def test_ranks_of_stacked_networks_are_those_of_each() -> None:
    scores, critical = torch.randn(4, 50), torch.rand(4, 50) < 0.3
    together = torch.func.vmap(descending_ranks)(scores, critical)
    assert torch.equal(together, descending_ranks(scores, critical))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_scores_are_ranked_as_wide_ones(dtype: torch.dtype) -> None:
    scores = (1e4 * drawn(50)).to(dtype)
    critical = drawn(50, seed=1) > 1
    exact = descending_ranks(scores.double(), critical)
    assert torch.equal(descending_ranks(scores, critical), exact)


# Several classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["critical", "others"])
@pytest.mark.parametrize("dense", [False, True], ids=["sort", "matrix"])
def test_sums_over_classes_are_those_of_the_matrix(
    side: str, dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pairwise_module, sorted_pairs):
        monkeypatch.setattr(module, "dense_is_faster", lambda *_: dense)
    critical = drawn(9, 4).requires_grad_()
    others = drawn(21, 4, seed=1).requires_grad_()
    classes = torch.arange(21) % 3  # nobody is of the last class
    found = class_violation_sums(critical, others, classes, margin=0.4, side=side)
    matrix = class_violations(critical, others, classes, margin=0.4)
    wanted = matrix.sum(dim=1 if side == "critical" else 0)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    weights = torch.linspace(-1, 1, len(wanted), dtype=DOUBLE)
    slopes = [
        torch.autograd.grad((sums * weights).sum(), (critical, others)) for sums in (found, wanted)
    ]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


# Partial areas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_partial_areas_by_the_binomial_theorem_are_those_of_the_pairs(
    temperature: float, scale: float
) -> None:
    critical = (scale * drawn(7) + 1e4).requires_grad_()
    others = (scale * drawn(11, seed=1) + 1e4).requires_grad_()
    found = areas(critical, others, temperature=temperature, others_temperature=2.0)
    pairs = -torch.nn.functional.logsigmoid(critical[:, None] - others) / temperature
    each = temperature * (pairs.logsumexp(dim=0) - math.log(7))
    wanted = 2.0 * ((each / 2.0).logsumexp(dim=0) - math.log(11))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(value, (critical, others)) for value in (found, wanted)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_a_small_partial_area_keeps_its_digits_in_single_precision(temperature: float) -> None:
    critical, others = 30 + drawn(40), drawn(60, seed=1)
    exact = areas(critical, others, temperature=temperature)
    single = areas(critical.float(), others.float(), temperature=temperature)
    assert 0 < exact < 1e-10
    assert single.item() == pytest.approx(exact.item(), rel=1e-4)
    far = areas(critical.float() + 1e4, others.float() + 1e4, temperature=temperature)
    assert far.item() == pytest.approx(exact.item(), rel=2e-2)  # the scores are that much rounded


def test_whole_powers_only_are_expanded() -> None:
    from rarecall.functional.partial_area import _whole_power

    assert [_whole_power(t) for t in (1.0, 0.1, 1 / 3, 1 / 16)] == [1, 10, 3, 16]
    assert [_whole_power(t) for t in (0.3, 10.0, 1e4, 1 / 17, 1e-3)] == [None] * 5


# Squares ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [pairwise_square, pairwise_squared_hinge])
@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)]
)
@pytest.mark.parametrize("count", [60, 600], ids=["small", "large"])
def test_squares_of_narrow_scores_err_by_their_last_rounding(
    function, dtype: torch.dtype, bound: float, count: int
) -> None:
    scores = (1e4 + 4 * drawn(count)).to(dtype)
    critical = torch.arange(count) % 9 == 0
    exact = function(scores.double(), critical.double(), 1 - critical.double(), margin=0.5)
    found = function(scores, critical.to(dtype), 1 - critical.to(dtype), margin=0.5)
    assert found.dtype == dtype
    assert found.item() == pytest.approx(exact.item(), rel=bound)


def test_two_groups_far_apart_do_not_cancel() -> None:
    """Differences of sums of squares would lose every digit here, and could turn negative."""
    scores = torch.cat([1e4 + drawn(500), -1e4 + drawn(500, seed=1)])
    critical = torch.arange(1000) % 2 == 0
    gaps = (0.5 - (scores[critical][:, None] - scores[~critical])).relu()
    wanted = gaps.square().mean()
    found = pairwise_squared_hinge(scores, critical.double(), 1 - critical.double(), margin=0.5)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
    ordered = torch.cat([scores[:500], scores[500:]]), (torch.arange(1000) < 500).double()
    assert pairwise_squared_hinge(ordered[0], ordered[1], 1 - ordered[1], margin=0.5) == 0


# Compilation --------------------------------------------------------------------------------------

CRITICAL = torch.arange(400) % 7 == 0  # so many that sums of pairs are sorted
ONE, OTHER = CRITICAL.double(), 1 - CRITICAL.double()
CALLS = {
    "squared hinge": lambda s: pairwise_squared_hinge(s, ONE, OTHER, margin=0.5),
    "square": lambda s: pairwise_square(s, ONE, OTHER, margin=0.5),
    "ranks": lambda s: rank_penalty(s, CRITICAL, strength=1.0)[0],
    "partial area": lambda s: areas(s[:50], s[50:], temperature=0.1),
}


# PyTorch's own tracer makes the instance that it warns of.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_it_compiles_in_one_graph_to_the_same_numbers(name: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(CALLS[name], backend="aot_eager", fullgraph=True)
    results = []
    for call in (CALLS[name], compiled):
        scores = drawn(400).requires_grad_()
        value = call(scores)
        results.append((value.detach(), *torch.autograd.grad(value, scores)))
    for plain, made in zip(*results, strict=True):
        torch.testing.assert_close(made, plain, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("p", "n"), [(3, 40), (40, 3), (1, 1), (0, 4), (4, 0)])
def test_violated_pairs_are_counted_alike_whichever_side_is_sorted(p: int, n: int) -> None:
    generator = torch.Generator().manual_seed(p + n)
    critical, others = (
        torch.randint(0, 6, (2, size), generator=generator).double() for size in (p, n)
    )
    pairs = critical[:, :, None] - others[:, None, :] < 2.0
    assert torch.equal(count_violated(critical, others, margin=2.0), pairs.sum(dim=(1, 2)))
