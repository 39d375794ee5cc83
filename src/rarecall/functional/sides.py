"""Critical and other scores of a batch, whether or not the labels may decide shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rarecall.functional import shapes

if TYPE_CHECKING:
    from collections.abc import Callable

Counted = tuple[Tensor, Tensor]
"""True for the critical and the other scores that count, so that labels need decide no shape."""


def split(scores: Tensor, critical: Tensor) -> tuple[Tensor, Tensor, Counted | None]:
    """Critical and other scores, picked by the labels; where those may decide no shape, all twice.

    Args:
        scores: Shape ``(B,)``.
        critical: True for critical samples, shape ``(B,)``.

    Returns:
        What the functions here take: ``critical``, ``others`` and ``counted``.

    >>> split(torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
    (tensor([1.]), tensor([2.]), None)
    """
    if shapes.fixed_shapes(scores):
        return scores, scores, (critical, ~critical)
    return picked(scores, critical), picked(scores, ~critical), None


def picked(values: Tensor, rows: Tensor) -> Tensor:
    """Give the values of some rows, which a mask names.

    >>> picked(torch.tensor([1.0, 2.0]), torch.tensor([False, True]))
    tensor([2.])
    """
    # By number, not by mask: a mask is searched anew in the backward pass.
    return values.index_select(0, torch.nonzero(rows).squeeze(1))


def where_both(
    critical: Tensor,
    others: Tensor,
    counted: Counted | None,
    measure: Callable[[Tensor, Tensor, Counted | None], Tensor],
) -> Tensor:
    """Measure, or give a graph-connected zero where a class is missing.

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        counted: As :func:`split` gives it; None: all scores count.
        measure: Called with the same three, of which each side counts one score or more.
    """
    nothing = 0 * (critical.sum() + others.sum())
    if not critical.numel() or not others.numel():
        return nothing
    if counted is None:
        return measure(critical, others, None)
    present = [side.any() for side in counted]
    # Where a class is missing all scores stand in for it: what is not used must be finite.
    known = [side | ~some for side, some in zip(counted, present, strict=True)]
    value = measure(critical, others, (known[0], known[1]))
    return torch.where(present[0] & present[1], value, nothing)


def counted_mean(values: Tensor, counted: Tensor | None) -> Tensor:
    """Mean along the first dimension of what counts, one value or more.

    >>> counted_mean(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([True, True, False]))
    tensor(1.5000)
    """
    if counted is None:
        return values.mean(dim=0)
    return torch.where(counted, values, 0.0).sum(dim=0) / counted.sum()


def masks(counted: Counted | None) -> tuple[Tensor | None, Tensor | None]:
    """Masks of the critical and the other scores; None for no mask."""
    return (None, None) if counted is None else counted
