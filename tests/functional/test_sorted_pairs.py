"""Sums over pairs by one sort: equal to loops over all pairs, wherever the scores lie."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rarecall.functional import hinge_sums
from rarecall.functional import sorted_pairs as module


@pytest.fixture(autouse=True)
def always_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the path of large batches for small ones too."""
    monkeypatch.setattr(module, "dense_is_faster", lambda *_: False)


def looped(
    critical: list[float], others: list[float], margin: float, power: int, weights: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Sums, and the gradients of their weighted total, pair by pair."""
    sums = [0.0] * len(critical)
    up, down = [0.0] * len(critical), [0.0] * len(others)
    for j, high in enumerate(critical):
        for k, low in enumerate(others):
            gap = (low + margin) - high
            if gap > 0:
                sums[j] += gap**power
                slope = weights[j] * power * gap ** (power - 1)
                up[j] -= slope
                down[k] += slope
    return sums, up, down


def computed(
    critical: Tensor, others: Tensor, margin: float, power: int, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    critical, others = critical.clone().requires_grad_(), others.clone().requires_grad_()
    sums = hinge_sums(critical, others, margin=margin, power=power)
    return (sums.detach(), *torch.autograd.grad((sums * weights).sum(), (critical, others)))


scores = st.lists(
    st.one_of(
        st.integers(-3, 3).map(float),  # many ties
        st.floats(-20, 20, allow_nan=False),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(scores, scores, st.sampled_from([0.0, 0.25, 1.0, 3.0]), st.sampled_from([1, 2]))
def test_sums_and_gradients_are_those_of_a_loop(
    critical: list[float], others: list[float], margin: float, power: int
) -> None:
    weights = [math.sin(1.0 + j) for j in range(len(critical))]
    expected = looped(critical, others, margin, power, weights)
    found = computed(*(torch.tensor(x, dtype=torch.float64) for x in (critical, others)), margin,
                     power, torch.tensor(weights, dtype=torch.float64))  # fmt: skip
    for here, there in zip(found, expected, strict=True):
        wanted = torch.tensor(there, dtype=torch.float64)
        torch.testing.assert_close(here, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
def test_an_offset_of_all_scores_costs_no_digits(offset: float, power: int) -> None:
    generator = torch.Generator().manual_seed(0)
    # On a grid, so that the offset itself rounds nothing.
    grid = torch.randint(-4096, 4096, (900,), generator=generator, dtype=torch.float64) / 1024
    critical, others = grid[:100], grid[100:]
    weights = torch.linspace(-1.0, 1.0, 100, dtype=torch.float64)
    here = computed(critical, others, 0.5, power, weights)
    there = computed(critical + offset, others + offset, 0.5, power, weights)
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 2e-7), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)]
)
@pytest.mark.parametrize("power", [1, 2])
def test_narrow_scores_err_by_their_last_rounding_only(
    dtype: torch.dtype, bound: float, power: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    critical = torch.rand(60, generator=generator).to(dtype)
    others = torch.rand(200, generator=generator).to(dtype)
    found = hinge_sums(critical, others, margin=0.0, power=power)
    gaps = torch.relu(others.double()[None, :] - critical.double()[:, None])
    exact = (gaps**power).sum(dim=1)
    assert found.dtype == dtype
    assert ((found.double() - exact).abs() <= bound * exact).all()


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)]
)
@pytest.mark.parametrize("dense", [False, True], ids=["sort", "matrix"])
@pytest.mark.parametrize("power", [1, 2])
def test_narrow_scores_far_from_zero_do_not_swallow_the_margin(
    dtype: torch.dtype, bound: float, dense: bool, power: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores as they are given are exact; only what is made of them may round."""
    monkeypatch.setattr(module, "dense_is_faster", lambda *_: dense)
    generator = torch.Generator().manual_seed(6)
    critical = (1e4 + 4 * torch.randn(40, generator=generator)).to(dtype)
    others = (1e4 + 4 * torch.randn(90, generator=generator)).to(dtype)
    exact = hinge_sums(critical.double(), others.double(), margin=0.3, power=power)
    found = hinge_sums(critical, others, margin=0.3, power=power)
    torch.testing.assert_close(found.double(), exact, rtol=bound, atol=bound)


@settings(deadline=None, max_examples=60)
@given(scores, st.data(), st.sampled_from([1, 2]), st.booleans())
def test_a_count_is_as_many_samples(
    critical: list[float], data: st.DataObject, power: int, dense: bool
) -> None:
    others = data.draw(scores)
    numbers = st.lists(st.integers(0, 3), min_size=len(others), max_size=len(others))
    counts = torch.tensor(data.draw(numbers))
    high, low = (torch.tensor(x, dtype=torch.float64) for x in (critical, others))
    weights = torch.linspace(-1.0, 2.0, len(critical), dtype=torch.float64)
    many, _, pulls = computed(high, low.repeat_interleave(counts), 0.5, power, weights)
    chosen = module.dense_is_faster
    module.dense_is_faster = lambda *_: dense
    try:
        high.requires_grad_()
        low.requires_grad_()
        counted = hinge_sums(high, low, margin=0.5, power=power, counts=counts.double())
        _, pull = torch.autograd.grad((counted * weights).sum(), (high, low))
    finally:
        module.dense_is_faster = chosen
    torch.testing.assert_close(counted.detach(), many, rtol=1e-12, atol=1e-12)
    summed = torch.zeros_like(pull).index_add(
        0, torch.arange(len(others)).repeat_interleave(counts), pulls
    )
    torch.testing.assert_close(pull, summed, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [1e4, -1e4, 88.0])
def test_extreme_scores_stay_finite(value: float) -> None:
    critical = torch.tensor([value, -value, 0.0])
    others = torch.tensor([value, -value])
    for power in (1, 2):
        for part in computed(critical, others, 1.0, power, torch.ones(3)):
            assert torch.isfinite(part).all()


def test_a_side_may_be_empty_and_stays_in_the_graph() -> None:
    for p, n in ((0, 4), (4, 0), (0, 0)):
        critical = torch.zeros(p, requires_grad=True)
        others = torch.zeros(n, requires_grad=True)
        sums = hinge_sums(critical, others, margin=1.0, power=2)
        assert sums.shape == (p,)
        assert not sums.any()
        up, down = torch.autograd.grad(sums.sum(), (critical, others))
        assert not up.any()
        assert not down.any()


@pytest.mark.parametrize("power", [1, 2])
def test_members_and_classes_are_summed_each_for_itself(power: int) -> None:
    generator = torch.Generator().manual_seed(2)
    critical = torch.randn(2, 3, 7, generator=generator, dtype=torch.float64)
    others = torch.randn(2, 3, 11, generator=generator, dtype=torch.float64)
    together = hinge_sums(critical, others, margin=0.5, power=power)
    mapped = torch.func.vmap(lambda c, o: hinge_sums(c, o, margin=0.5, power=power))
    torch.testing.assert_close(mapped(critical, others), together)
    for a in range(2):
        for b in range(3):
            alone = hinge_sums(critical[a, b], others[a, b], margin=0.5, power=power)
            torch.testing.assert_close(together[a, b], alone, rtol=1e-14, atol=0)


@pytest.mark.parametrize("power", [1, 2])
def test_gradients_agree_with_differences(power: int) -> None:
    generator = torch.Generator().manual_seed(3)
    critical = torch.randn(5, generator=generator, dtype=torch.float64, requires_grad=True)
    others = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    margin = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda c, o, m: hinge_sums(c, o, margin=m, power=power), (critical, others, margin)
    )


# PyTorch's own tracer makes the instance that it warns of.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_it_compiles_in_one_graph_to_the_same_numbers() -> None:
    generator = torch.Generator().manual_seed(4)
    critical = torch.randn(50, generator=generator)
    others = torch.randn(70, generator=generator)

    def total(high: Tensor, low: Tensor) -> Tensor:
        return hinge_sums(high, low, margin=0.5, power=2).sum()

    compiled = torch.compile(total, backend="aot_eager", fullgraph=True)
    pairs = [(critical.clone().requires_grad_(), others.clone().requires_grad_()) for _ in "ab"]
    for call, pair in zip((total, compiled), pairs, strict=True):
        call(*pair).backward()
    for plain, made in zip(*pairs, strict=True):
        torch.testing.assert_close(made.grad, plain.grad, rtol=0, atol=0)


def test_both_paths_agree_at_the_size_where_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(5)
    critical = torch.randn(300, generator=generator, dtype=torch.float64)
    others = torch.randn(400, generator=generator, dtype=torch.float64)
    for power in (1, 2):
        by_sort = computed(critical, others, 0.5, power, torch.ones(300, dtype=torch.float64))
        monkeypatch.setattr(module, "dense_is_faster", lambda *_: True)
        dense = computed(critical, others, 0.5, power, torch.ones(300, dtype=torch.float64))
        monkeypatch.setattr(module, "dense_is_faster", lambda *_: False)
        for one, other in zip(by_sort, dense, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_what_cannot_be_summed_is_refused() -> None:
    with pytest.raises(ValueError, match="power must be 1"):
        hinge_sums(torch.zeros(2), torch.zeros(2), margin=0.0, power=3)
    with pytest.raises(ValueError, match="agree in all dimensions but the last"):
        hinge_sums(torch.zeros(2, 3), torch.zeros(3, 3), margin=0.0)
    with pytest.raises(ValueError, match="one number for each of the others"):
        hinge_sums(torch.zeros(2), torch.zeros(3), margin=0.0, counts=torch.ones(2))
