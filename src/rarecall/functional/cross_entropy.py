"""Cross-entropy of every sample, binary and of many classes, through the log-sigmoid."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def toward_truth(logits: Tensor, targets: Tensor) -> Tensor:
    """Logit of the true class: ``logits`` where critical, ``-logits`` elsewhere; same shape."""
    return torch.where(targets == 1, logits, -logits)


def by_class(
    targets: Tensor, critical: float | Tensor, others: float | Tensor, like: Tensor
) -> Tensor:
    """One value where critical and another elsewhere, in the precision of ``like``."""
    first, second = (
        value.to(like) if isinstance(value, Tensor) else like.new_full((), value)
        for value in (critical, others)
    )
    return torch.where(targets == 1, first, second)


def true_log_odds(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Log-odds of every sample's true class, :math:`z_y - \log \sum_{k \ne y} e^{z_k}`.

    Their sigmoid is the softmax probability of the true class. Whatever is written of the binary
    logit of the true class (cross-entropy, focal, margin) is therefore written of this one in
    multi-class work.

    Args:
        logits: Shape ``(B, C)``, C >= 2.
        targets: Class numbers, int64, shape ``(B,)``.

    Returns:
        Shape ``(B,)``.

    >>> true_log_odds(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0])).sigmoid()
    tensor([0.7870])
    >>> torch.softmax(torch.tensor([2.0, 0.0, 0.0]), dim=0)[0]
    tensor(0.7870)
    """
    if logits.shape[1] == 2:
        # The sum over one other class is its logit: the same, in half as many kernels.
        return toward_truth(logits[:, 1] - logits[:, 0], targets)
    column = targets[:, None]
    others = logits.scatter(1, column, -math.inf)
    return logits.gather(1, column).squeeze(1) - torch.logsumexp(others, dim=1)


def binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    critical_weight: float | Tensor = 1.0,
    others_weight: float | Tensor = 1.0,
) -> Tensor:
    r"""Binary cross-entropy of every sample, the classes weighted.

    .. math:: \ell_i = -w_i \log p_i, \quad p_i \text{ the probability of the true class}

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``; or one column a label, ``(B, L)``.
        targets: 1 for the critical class, 0 otherwise, shaped like the logits.
        critical_weight: Weight :math:`w` of critical samples, > 0; shape ``()``, or ``(L,)``.
        others_weight: Weight of the others, > 0; likewise.

    Returns:
        One loss a sample, shaped like the logits, never reduced.

    >>> binary_cross_entropy(torch.zeros(2), torch.tensor([1, 0]), critical_weight=3.0)
    tensor([2.0794, 0.6931])
    """
    # softplus() turns linear at 20, an error of 2e-9 in float64; logsigmoid is exact.
    losses = -F.logsigmoid(toward_truth(logits, targets))
    if isinstance(critical_weight, float) and critical_weight == others_weight == 1.0:
        return losses
    return by_class(targets, critical_weight, others_weight, logits) * losses


def softmax_cross_entropy(
    logits: Tensor, targets: Tensor, *, class_weights: Tensor | None = None
) -> Tensor:
    r"""Softmax cross-entropy of every sample, the classes weighted.

    .. math:: \ell_i = -w_{y_i} \log \frac{e^{z_{y_i}}}{\sum_c e^{z_c}}

    Args:
        logits: Shape ``(B, C)``, C >= 2.
        targets: Class numbers, int64, shape ``(B,)``.
        class_weights: :math:`w`, shape ``(C,)``; None for 1 everywhere.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    >>> softmax_cross_entropy(torch.zeros(2, 3), torch.tensor([0, 2]))
    tensor([1.0986, 1.0986])
    """
    losses = -F.logsigmoid(true_log_odds(logits, targets))
    return losses if class_weights is None else class_weights.to(losses)[targets] * losses
