"""From a binary loss to one of several labels, some of them missing or uncertain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


def given_labels(targets: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Weights with which each label is present and absent, both 0 where it is missing.

    Args:
        targets: In [0, 1], NaN where a label is missing, shape ``(B, L)``.
        like: Gives the precision.

    >>> present, absent = given_labels(torch.tensor([[1.0, 0.3, torch.nan]]), torch.zeros(()))
    >>> present, absent
    (tensor([[1.0000, 0.3000, 0.0000]]), tensor([[0.0000, 0.7000, 0.0000]]))
    """
    missing = torch.isnan(targets)
    present = torch.where(missing, 0.0, targets)
    absent = torch.where(missing, 0.0, 1 - targets)
    return present.to(like.dtype), absent.to(like.dtype)


def label_mean(
    elementwise: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor
) -> Tensor:
    r"""Mean of a binary loss over the labels that a sample is given.

    .. math::
        \ell_i = \frac{1}{|G_i|} \sum_{l \in G_i}
        t_{il}\, \ell(z_{il}, 1) + (1 - t_{il})\, \ell(z_{il}, 0)

    with :math:`G_i` the labels that are not missing. An uncertain label, :math:`0 < t < 1`, counts
    as present with weight :math:`t` and as absent with the rest.

    Args:
        elementwise: Binary loss, ``(logits, present) -> losses``, all of shape ``(B, L)``.
        logits: Shape ``(B, L)``.
        targets: In [0, 1], NaN where a label is missing, shape ``(B, L)``.

    Returns:
        One loss a sample, shape ``(B,)``; a graph-connected 0 where no label is given.

    Reference:
        Irvin et al., *CheXpert*, AAAI 2019 (missing and uncertain labels); the smoothing as in
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021.

    >>> def toward(z, present):
    ...     return -torch.nn.functional.logsigmoid(torch.where(present, z, -z))
    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> label_mean(toward, logits, torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan]]))
    tensor([0.6931, 0.0000])
    """
    present, absent = given_labels(targets, logits)
    yes = torch.ones_like(targets, dtype=torch.bool)
    losses = present * elementwise(logits, yes) + absent * elementwise(logits, ~yes)
    known = (~torch.isnan(targets)).sum(dim=1).clamp(min=1)
    return losses.sum(dim=1) / known
