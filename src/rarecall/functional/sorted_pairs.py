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
_PAIRS_PER_SAMPLE = 64


def hinge_sums(
    critical: Tensor, others: Tensor, *, margin: float | Tensor, power: int = 1
) -> Tensor:
    r"""Sum a hinge, or its square, over all other samples, for every critical one.

    .. math:: q_j = \sum_{k \in N} \max(0,\ \delta - (s_j - s_k))^{p}

    The mirrored sums, one a sample of the others, are ``hinge_sums(-others, -critical)``.

    Args:
        critical: Scores of critical samples, floating, shape ``(..., P)``; P may be 0.
        others: Scores of the other samples, shape ``(..., N)`` with the same leading dimensions
            (ensemble members, classes); N may be 0.
        margin: :math:`\delta`, in the scores' units; a number, or a tensor of one.
        power: 1 or 2.

    Returns:
        One sum a critical sample, >= 0, shape ``(..., P)``, in the dtype of the scores; summed up
        in float64 where the device has it. Gradients are exact; at a tie, as of ``relu``, zero.
        It can be differentiated once.

    Raises:
        ValueError: Another power, or leading dimensions that differ.

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
    shifted = others + margin
    p, n = critical.shape[-1], others.shape[-1]
    if p * n == 0 or dense_is_faster(p, n):
        violations = torch.relu(shifted[..., None, :] - critical[..., :, None])
        return (violations if power == 1 else violations.square()).sum(dim=-1)
    dtype = torch.promote_types(critical.dtype, others.dtype)
    sums: Tensor = _HingeSums.apply(critical.to(dtype), shifted.to(dtype), power)[0]  # type: ignore[no-untyped-call]
    return sums


def dense_is_faster(critical: int, others: int) -> bool:
    """Whether the matrix of all pairs costs less than a sort, by the sizes alone.

    Measured on a processor: a sort pays from some hundred thousand pairs on, later where one side
    is tiny.

    >>> dense_is_faster(32, 32), dense_is_faster(8, 60_000), dense_is_faster(2000, 2000)
    (True, True, False)
    """
    return critical * others <= max(_FEW_PAIRS, _PAIRS_PER_SAMPLE * (critical + others))


class _HingeSums(torch.autograd.Function):
    """The sums by one sort; forward stores what backward needs, in the order of the sort."""

    generate_vmap_rule = True

    @staticmethod
    def forward(critical: Tensor, shifted: Tensor, power: int) -> tuple[Tensor, ...]:
        both = torch.cat([critical, shifted], dim=-1).to(_widest(critical))
        # Positives stand first and the sort is stable: at a tie no negative counts as passed.
        falling, order = both.sort(dim=-1, descending=True, stable=True)
        negative = order >= critical.shape[-1]
        steps = falling[..., :-1] - falling[..., 1:]
        passed = negative.to(both.dtype).cumsum(dim=-1)
        linear = _before(passed[..., :-1] * steps)
        sums = linear
        if power == 2:
            sums = _before((2 * linear[..., :-1] + passed[..., :-1] * steps) * steps)
        count = critical.shape[-1]
        unsorted = torch.zeros_like(sums).scatter(-1, order, sums)[..., :count]
        slopes = passed if power == 1 else 2 * linear
        return unsorted.to(critical.dtype), order, steps, slopes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        critical, _, power = inputs
        _, order, steps, slopes = output
        ctx.mark_non_differentiable(order, steps, slopes)
        ctx.save_for_backward(order, steps, slopes)
        ctx.count, ctx.power, ctx.dtype = critical.shape[-1], power, critical.dtype

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, None]:
        order, steps, slopes = ctx.saved_tensors
        wide = torch.zeros_like(slopes)
        wide[..., : ctx.count] = grad.to(slopes.dtype)
        weights = wide.gather(-1, order)
        below = _after(weights[..., 1:])
        pull = below if ctx.power == 1 else 2 * _after(steps * below[..., :-1])
        # A positive is drawn up by the negatives above it, a negative down by positives below.
        sorted_grads = torch.where(order < ctx.count, -weights * slopes, pull)
        grads = torch.zeros_like(slopes).scatter(-1, order, sorted_grads).to(ctx.dtype)
        return grads[..., : ctx.count], grads[..., ctx.count :], None


def _widest(scores: Tensor) -> torch.dtype:
    return torch.float32 if scores.device.type == "mps" else torch.float64


def _before(steps: Tensor) -> Tensor:
    """Sum what came before each place; zero at the first."""
    return torch.nn.functional.pad(steps.cumsum(dim=-1), (1, 0))


def _after(steps: Tensor) -> Tensor:
    """Sum what comes after each place; zero at the last."""
    return torch.nn.functional.pad(steps.flip(-1).cumsum(dim=-1).flip(-1), (0, 1))
