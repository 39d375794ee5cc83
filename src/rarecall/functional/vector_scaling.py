"""Vector scaling (VS) loss: class-dependent scaling and shift of the logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.cross_entropy import softmax_cross_entropy


def vector_scaling(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float | Tensor,
    tau: float | Tensor,
    imbalance: float | Tensor,
) -> Tensor:
    r"""Binary vector scaling loss of every sample.

    .. math::
        \eta = z_+ / \beta^{\gamma} - (z_- + \tau \log \beta), \qquad
        \ell = \log(1 + e^{-\eta}) \ (t = 1), \quad \log(1 + e^{\eta}) \ (t = 0)

    Args:
        logits: Logits of the other and of the critical class, :math:`(z_-, z_+)`, ``(B, 2)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
        gamma: :math:`\gamma \ge 0`, how strongly the critical logit is scaled down in training.
        tau: :math:`\tau \ge 0`, how far the decision is shifted in training.
        imbalance: :math:`\beta = n_0 / n_1 > 0`, other samples for each critical one.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Kini et al., *Label-Imbalanced and Group-Sensitive Classification under
        Overparameterization*, NeurIPS 2021; binary form as in *Training over a Distribution of
        Hyperparameters* (loss-conditional training), eq. 4.

    >>> vector_scaling(torch.zeros(1, 2), torch.tensor([1]), gamma=0.2, tau=0.0, imbalance=100.0)
    tensor([0.6931])
    """
    other, critical = logits[:, 0], logits[:, 1]
    log_imbalance = torch.log(imbalance) if isinstance(imbalance, Tensor) else math.log(imbalance)
    eta = critical * imbalance**-gamma - (other + tau * log_imbalance)
    return -F.logsigmoid(torch.where(targets == 1, eta, -eta))


def class_vector_scaling(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float | Tensor,
    tau: float | Tensor,
    counts: Tensor,
) -> Tensor:
    r"""Vector scaling loss of every sample among several classes.

    .. math::
        \ell_i = -\log \frac{e^{\Delta_y z_y + \iota_y}}{\sum_c e^{\Delta_c z_c + \iota_c}},
        \qquad \Delta_c = \left(\frac{n_c}{n_{\max}}\right)^{\gamma}, \quad
        \iota_c = \tau \log \frac{n_c}{n}

    Of two classes, the first the larger one, it is :func:`vector_scaling`.

    Args:
        logits: Shape ``(B, C)``, C >= 2.
        targets: Class numbers, int64, shape ``(B,)``.
        gamma: :math:`\gamma \ge 0`, how strongly logits of rare classes are scaled down.
        tau: :math:`\tau \ge 0`, how far they are shifted down.
        counts: :math:`n_c > 0`, samples of each class, or their shares, floating, ``(C,)``.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Kini et al., NeurIPS 2021; loss-conditional training, eq. 3, 21 and 22; with
        :math:`\gamma = 0` Menon et al., *Long-Tail Learning via Logit Adjustment*, ICLR 2021,
        eq. 10.

    >>> counts = torch.tensor([6.0, 3.0, 1.0])
    >>> loss = class_vector_scaling(
    ...     torch.zeros(3, 3), torch.arange(3), gamma=0.2, tau=1.0, counts=counts
    ... )
    >>> torch.exp(-loss)
    tensor([0.6000, 0.3000, 0.1000])
    """
    scales = torch.exp(gamma * torch.log(counts / counts.max())).to(logits)
    shifts = (tau * torch.log(counts / counts.sum())).to(logits)
    return softmax_cross_entropy(scales * logits + shifts, targets)
