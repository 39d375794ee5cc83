"""Squared error of probabilities, per sample and averaged by class."""

from __future__ import annotations

import torch
from torch import Tensor

from rarecall.functional.cross_entropy import toward_truth


def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Half the squared error of every sample's probability.

    .. math:: \ell_i = \tfrac{1}{2} (t_i - \sigma(z_i))^2

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``, or ``(B, L)``.
        targets: 1 for the critical class, 0 otherwise, shaped like the logits.

    Returns:
        One loss a sample, shaped like the logits, never reduced.

    >>> squared_error(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.1250, 0.1250])
    """
    return 0.5 * torch.sigmoid(-toward_truth(logits, targets)).square()


def false_errors(logits: Tensor, present: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
    r"""Mean squared error of the critical samples, and of the others.

    .. math::
        \mathrm{FNE} = \frac{1}{P} \sum_{i \in P} \tfrac{1}{2} (1 - p_i)^2, \qquad
        \mathrm{FPE} = \frac{1}{N} \sum_{i \in N} \tfrac{1}{2}\, p_i^2

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``, or ``(B, L)``.
        present: Weight with which each sample is critical, >= 0, shaped like the logits.
        absent: Weight with which it is not, shaped like the logits.

    Returns:
        FNE and FPE, shape ``()``, or ``(L,)``; a graph-connected 0 where the class is absent.

    Reference:
        Wang et al., *Training Deep Neural Networks on Imbalanced Data Sets*, IJCNN 2016.

    >>> critical = torch.tensor([1.0, 0.0, 0.0])
    >>> false_errors(torch.tensor([0.0, 0.0, -99.0]), critical, 1 - critical)
    (tensor(0.1250), tensor(0.0625))
    """
    yes = torch.ones_like(logits, dtype=torch.bool)
    return (
        _class_mean(squared_error(logits, yes), present),
        _class_mean(squared_error(logits, ~yes), absent),
    )


def _class_mean(errors: Tensor, weights: Tensor) -> Tensor:
    total = weights.sum(dim=0)
    return (weights * errors).sum(dim=0) / torch.where(total > 0, total, 1.0)
