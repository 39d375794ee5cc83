"""Class weights by the effective number of samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def class_balanced_weights(counts: Tensor, *, beta: float, normalize: bool = True) -> Tensor:
    r"""Weight of every class, the inverse of its effective number of samples.

    .. math:: w_c = \frac{1 - \beta}{1 - \beta^{n_c}}

    :math:`\beta = 0` weighs all classes alike, :math:`\beta \to 1` by the inverse of their counts.

    Args:
        counts: :math:`n_c > 0`, floating, shape ``(C,)``, or ``(L, 2)``.
        beta: :math:`\beta`, in [0, 1).
        normalize: Whether to rescale so that the weights average to 1 over the last dimension.
            Without, they are at most 1 and shrink with the counts, and gradients with them.

    Returns:
        Weights, shaped like the counts.

    Reference:
        Cui et al., *Class-Balanced Loss Based on Effective Number of Samples*, CVPR 2019, eq. 3
        and 4, section 4.

    >>> class_balanced_weights(torch.tensor([1000.0, 10.0]), beta=0.99)
    tensor([0.1746, 1.8254])
    >>> class_balanced_weights(torch.tensor([1000.0, 10.0]), beta=0.99, normalize=False)
    tensor([0.0100, 0.1046])
    """
    if not 0 <= beta < 1:
        raise ValueError(f"Class-balanced weights need beta in [0, 1), not {beta}.")
    if beta == 0:
        return torch.ones_like(counts)
    # 1 - β^n would lose its digits where β^n is near 1.
    weights = (1 - beta) / -torch.expm1(counts * math.log(beta))
    return weights / weights.mean(dim=-1, keepdim=True) if normalize else weights
