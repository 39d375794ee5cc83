"""Vector scaling (VS) loss: class-dependent scaling and shift of the logits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def vector_scaling(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float | Tensor,
    tau: float | Tensor,
    imbalance: float,
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
    log_imbalance = math.log(imbalance)
    eta = critical * imbalance**-gamma - (other + tau * log_imbalance)
    return -F.logsigmoid(torch.where(targets == 1, eta, -eta))
