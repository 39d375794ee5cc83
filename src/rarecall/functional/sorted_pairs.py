r"""Sums over all pairs of a critical and another sample, without making the pairs.

Positives :math:`s_i` and shifted negatives :math:`u_j = t_j + \delta` are put in one falling order.
Walking down it, the number of negatives passed, :math:`c`, and the sums

.. math::
    D(x) = \sum_{u_j > x} (u_j - x), \qquad Q(x) = \sum_{u_j > x} (u_j - x)^2

grow at a step of length :math:`\Delta` by :math:`c \Delta` and :math:`2 D \Delta + c \Delta^2`.
Every term is positive, so nothing cancels, wherever on the scale the scores lie; differences of
prefix sums of the scores themselves would lose digits at large offsets. Time
:math:`O(n \log n)`, memory :math:`O(n)`; the result is the same in every run, also on a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_FEW_PAIRS = 1 << 17
_FEW_PAIRS_ACCELERATED = 1 << 22
_PAIRS_PER_SAMPLE = 64


def hinge_sums(
    critical: Tensor,
    others: Tensor,
    *,
    margin: float | Tensor,
    power: int = 1,
    counts: Tensor | None = None,
) -> Tensor:
    r"""Sum a hinge, or its square, over all other samples, for every critical one.

    .. math:: q_j = \sum_{k \in N} w_k \max(0,\ \delta - (s_j - s_k))^{p}

    The mirrored sums, one a sample of the others, are ``hinge_sums(-others, -critical)``.

    Args:
        critical: Scores of critical samples, floating, shape ``(..., P)``; P may be 0.
        others: Scores of the other samples, shape ``(..., N)`` with the same leading dimensions
            (ensemble members, classes); N may be 0.
        margin: :math:`\delta`, in the scores' units; a number, or a tensor of one.
        power: 1 or 2.
        counts: :math:`w_k \ge 0`, how often each other sample counts, shaped like ``others``; a 0
            leaves it out, so that shapes need not depend on labels. None for once each. No
            gradient flows to it.

    Returns:
        One sum a critical sample, >= 0, shape ``(..., P)``, in the dtype of the scores. Sorted
        sums are found in float64 where the device has it; small matrices of pairs in float32 at
        least. Gradients are exact; at a tie, as of ``relu``, zero. It can be differentiated once.

    Raises:
        ValueError: Another power, or shapes that do not go together.

    >>> hinge_sums(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=1.0)
    tensor([0., 2.])
    >>> hinge_sums(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=1.0, power=2)
    tensor([0.0000, 2.5000])
    """
    if power not in (1, 2):
        raise ValueError(f"power must be 1 (hinge) or 2 (squared hinge), not {power}.")
    if critical.shape[:-1] != others.shape[:-1]:
        raise ValueError(
            "critical and others must agree in all dimensions but the last; they have shapes "
            f"{tuple(critical.shape)} and {tuple(others.shape)}."
        )
    if counts is not None and counts.shape != others.shape:
        raise ValueError(
            "counts must hold one number for each of the others; they have shapes "
            f"{tuple(counts.shape)} and {tuple(others.shape)}."
        )
    p, n = critical.shape[-1], others.shape[-1]
    dtype = torch.promote_types(critical.dtype, others.dtype)
    if p * n == 0 or dense_is_faster(p, n, critical.device.type != "cpu"):
        sums = _all_pairs(critical, others, margin, power, counts)
    else:
        # The margin is added to wide numbers: narrow ones far from 0 would swallow it.
        wide = widest(critical)
        shifted = others.to(wide) + margin
        counts = None if counts is None else counts.detach().to(wide)
        sums = _HingeSums.apply(critical.to(wide), shifted.to(wide), counts, power)[0]  # type: ignore[no-untyped-call]
    return sums.to(dtype)


def dense_is_faster(critical: int, others: int, accelerated: bool = False) -> bool:
    """Whether the matrix of all pairs costs less than a sort, by the sizes alone.

    Measured on a processor: a sort pays from some hundred thousand pairs on, later where one side
    is tiny. On an accelerator, where every kernel takes a fixed time to start and a sort has more
    of them, the limit is an estimate; ``benchmarks/pairwise_terms.py --device cuda`` measures it.

    >>> dense_is_faster(32, 32), dense_is_faster(8, 60_000), dense_is_faster(2000, 2000)
    (True, True, False)
    """
    few = _FEW_PAIRS_ACCELERATED if accelerated else _FEW_PAIRS
    return critical * others <= max(few, _PAIRS_PER_SAMPLE * (critical + others))


def _all_pairs(
    critical: Tensor, others: Tensor, margin: float | Tensor, power: int, counts: Tensor | None
) -> Tensor:
    dtype = torch.promote_types(torch.promote_types(critical.dtype, others.dtype), torch.float32)
    # Differences first: they keep their digits wherever on the scale the scores lie. As a sum with
    # the few negated: the gradient of a difference would negate the whole matrix before its sum.
    gaps = others.to(dtype)[..., None, :] + critical.to(dtype).neg()[..., :, None]
    # In place: a matrix of pairs is read and written no oftener than it must be.
    gaps = gaps + margin if isinstance(margin, Tensor) else gaps.add_(margin)
    violations = gaps.relu_() if power == 1 else gaps.relu_().square()
    if counts is None:
        return violations.sum(dim=-1)
    return (violations @ counts.detach().to(violations.dtype)[..., None]).squeeze(-1)


class _HingeSums(torch.autograd.Function):
    """The sums by one sort; forward stores what backward needs, in the order of the sort."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        critical: Tensor, shifted: Tensor, counts: Tensor | None, power: int
    ) -> tuple[Tensor, ...]:
        count = critical.shape[-1]
        both = torch.cat([critical, shifted], dim=-1)
        # Positives stand first and the sort is stable: at a tie no negative counts as passed.
        falling, order = both.sort(dim=-1, descending=True, stable=True)
        if counts is None:
            counted = (order >= count).to(both.dtype)
        else:
            counted = torch.cat([torch.zeros_like(critical), counts], dim=-1).gather(-1, order)
        steps = falling[..., :-1] - falling[..., 1:]
        passed = counted.cumsum(dim=-1)
        linear = _before(passed[..., :-1] * steps)
        sums = linear
        if power == 2:
            sums = _before((2 * linear[..., :-1] + passed[..., :-1] * steps) * steps)
        unsorted = torch.zeros_like(sums).scatter(-1, order, sums)[..., :count]
        slopes = passed if power == 1 else 2 * linear
        return unsorted, order, steps, slopes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        critical, _, counts, power = inputs
        _, order, steps, slopes = output
        ctx.mark_non_differentiable(order, steps, slopes)
        ctx.save_for_backward(order, steps, slopes, counts)
        ctx.count, ctx.power = critical.shape[-1], power

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, None, None]:
        order, steps, slopes, counts = ctx.saved_tensors
        wide = torch.nn.functional.pad(grad, (0, slopes.shape[-1] - ctx.count))
        weights = wide.gather(-1, order)
        below = _after(weights[..., 1:])
        pull = below if ctx.power == 1 else 2 * _after(steps * below[..., :-1])
        # A positive is drawn up by the negatives above it, a negative down by positives below.
        sorted_grads = torch.where(order < ctx.count, -weights * slopes, pull)
        grads = torch.zeros_like(slopes).scatter(-1, order, sorted_grads)
        mine, theirs = grads[..., : ctx.count], grads[..., ctx.count :]
        return mine, theirs if counts is None else theirs * counts, None, None


def widest(scores: Tensor) -> torch.dtype:
    """Give the widest floating type that the scores' device knows."""
    return torch.float32 if scores.device.type == "mps" else torch.float64


def _before(steps: Tensor) -> Tensor:
    """Sum what came before each place; zero at the first."""
    return torch.nn.functional.pad(steps.cumsum(dim=-1), (1, 0))


def _after(steps: Tensor) -> Tensor:
    """Sum what comes after each place; zero at the last."""
    return torch.nn.functional.pad(steps.flip(-1).cumsum(dim=-1).flip(-1), (0, 1))
