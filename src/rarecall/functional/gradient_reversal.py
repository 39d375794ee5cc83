"""Gradient reversal: a minimiser ascends on what passes through it."""

from __future__ import annotations

from torch import Tensor


def reverse_gradient(values: Tensor) -> Tensor:
    """Give the same values, whose gradient comes back with its sign changed.

    A parameter that enters a loss through it is *maximised* by any optimiser that minimises the
    loss.

    Args:
        values: Any shape.

    Reference:
        Ganin and Lempitsky, *Unsupervised Domain Adaptation by Backpropagation*, ICML 2015.

    >>> import torch
    >>> multiplier = torch.tensor([2.0], requires_grad=True)
    >>> (3 * reverse_gradient(multiplier)).backward()
    >>> multiplier.grad
    tensor([-3.])
    """
    # 2 x - x is x without any rounding.
    return 2 * values.detach() - values
