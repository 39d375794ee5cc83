"""Sums over the pairs of a critical and another sample."""

from __future__ import annotations

import torch
from torch import Tensor


def hinge_violations(critical: Tensor, others: Tensor, *, margin: float | Tensor) -> Tensor:
    r"""How far, summed over the other samples, each critical score misses the margin.

    .. math:: q_j = \sum_{k \in N} \max(0,\ \delta - (s_j - s_k))

    Args:
        critical: Scores of critical samples, shape ``(P,)``; P may be 0.
        others: Scores of the other samples, shape ``(N,)``; N may be 0.
        margin: :math:`\delta \ge 0`, in the scores' units.

    Returns:
        One violation a critical sample, >= 0, shape ``(P,)``.

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, eq. 4 and 5.

    >>> hinge_violations(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=0.0)
    tensor([0.0000, 0.5000])
    """
    return torch.relu(margin - (critical[:, None] - others[None, :])).sum(dim=1)
