"""Focal losses: down-weight the samples that the model already classifies well."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.cross_entropy import by_class, toward_truth


def _modulated(toward: Tensor, focus: float | Tensor) -> Tensor:
    # Through logsigmoid: the power has an infinite slope at p = 1 when focus < 1,
    # and 0 * inf would turn the whole gradient into NaN.
    return -torch.exp(focus * F.logsigmoid(-toward)) * F.logsigmoid(toward)


def focal(
    logits: Tensor, targets: Tensor, *, alpha: float | Tensor, focus: float | Tensor
) -> Tensor:
    r"""Binary focal loss of every sample, the classes weighted by :math:`\alpha`.

    .. math:: \ell_i = -\alpha_i \, (1 - p_i)^{\phi} \log p_i

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
        alpha: Weight of the critical class, in [0, 1]; the others weigh ``1 - alpha``.
        focus: Exponent :math:`\phi \ge 0`; 0 recovers weighted cross-entropy.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Lin et al., *Focal Loss for Dense Object Detection*, ICCV 2017, eq. 5.

    >>> focal(torch.zeros(2), torch.tensor([1, 0]), alpha=0.25, focus=0.0)
    tensor([0.1733, 0.5199])
    """
    weight = by_class(targets, alpha, 1 - alpha, logits)
    return weight * _modulated(toward_truth(logits, targets), focus)


def symmetric_focal(logits: Tensor, targets: Tensor, *, focus: float | Tensor) -> Tensor:
    r"""Focal loss without class weights, on both classes alike (S-FL).

    .. math:: \ell_i = -(1 - p_i)^{\gamma} \log p_i

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
        focus: Exponent :math:`\gamma \ge 0`; 0 recovers cross-entropy.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Lin et al., *Focal Loss for Dense Object Detection*, ICCV 2017, eq. 4.

    >>> symmetric_focal(torch.zeros(2), torch.tensor([1, 0]), focus=1.0)
    tensor([0.3466, 0.3466])
    """
    return _modulated(toward_truth(logits, targets), focus)


def asymmetric_focal(logits: Tensor, targets: Tensor, *, focus: float | Tensor) -> Tensor:
    r"""Cross-entropy on critical samples, focal loss on the others (A-FL).

    .. math:: \ell_i = -\log p_i \ (t_i = 1), \qquad -(1 - p_i)^{\gamma} \log p_i \ (t_i = 0)

    Critical samples keep their whole gradient however well they are classified.

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
        focus: Exponent :math:`\gamma \ge 0`; 0 recovers cross-entropy.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Li, Kamnitsas and Glocker, *Overfitting of Neural Nets Under Class Imbalance*, MICCAI 2019.

    >>> asymmetric_focal(torch.zeros(2), torch.tensor([1, 0]), focus=1.0)
    tensor([0.6931, 0.3466])
    """
    return _modulated(toward_truth(logits, targets), by_class(targets, 0.0, focus, logits))
