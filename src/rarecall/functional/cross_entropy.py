"""Binary cross-entropy of every sample, through the log-sigmoid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def toward_truth(logits: Tensor, targets: Tensor) -> Tensor:
    """Logit of the true class: ``logits`` where critical, ``-logits`` elsewhere, ``(B,)``."""
    return torch.where(targets == 1, logits, -logits)


def by_class(
    targets: Tensor, critical: float | Tensor, others: float | Tensor, like: Tensor
) -> Tensor:
    """One value where critical and another elsewhere, in the precision of ``like``, ``(B,)``."""
    first, second = (
        value.to(like) if isinstance(value, Tensor) else like.new_full((), value)
        for value in (critical, others)
    )
    return torch.where(targets == 1, first, second)


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, critical_weight: float | Tensor = 1.0
) -> Tensor:
    r"""Binary cross-entropy of every sample, the critical class weighted.

    .. math:: \ell_i = -w_i \log p_i, \quad p_i \text{ the probability of the true class}

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
        critical_weight: Weight :math:`w` of critical samples, > 0; the others weigh 1.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    >>> binary_cross_entropy(torch.zeros(2), torch.tensor([1, 0]), critical_weight=3.0)
    tensor([2.0794, 0.6931])
    """
    weight = by_class(targets, critical_weight, 1.0, logits)
    # softplus() turns linear at 20, an error of 2e-9 in float64; logsigmoid is exact.
    return -weight * F.logsigmoid(toward_truth(logits, targets))
