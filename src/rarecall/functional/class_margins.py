"""Label-distribution-aware margins: the rarer the class, the larger its margin."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.cross_entropy import true_log_odds


def ldam_margins(counts: Tensor, *, max_margin: float) -> Tensor:
    r"""Margin of every class.

    .. math:: m_c \propto n_c^{-1/4}, \qquad \max_c m_c = m

    Args:
        counts: :math:`n_c > 0`, samples of each class in the training set, floating, ``(C,)``.
        max_margin: :math:`m \ge 0`, the margin of the rarest class.

    Returns:
        Shape ``(C,)``.

    Reference:
        Cao et al., *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*,
        NeurIPS 2019, eq. 11.

    >>> import torch
    >>> ldam_margins(torch.tensor([160.0, 10.0]), max_margin=0.5)  # 16 times as many, half
    tensor([0.2500, 0.5000])
    """
    margins = counts**-0.25
    return max_margin * margins / margins.max()


def ldam(
    cosines: Tensor,
    targets: Tensor,
    *,
    margins: Tensor,
    scale: float,
    class_weights: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of scaled cosines, the true class's lowered by its margin.

    .. math::
        \ell_i = -w_y \log \frac{e^{s (z_y - m_y)}}{e^{s (z_y - m_y)} + \sum_{c \ne y} e^{s z_c}}

    Args:
        cosines: :math:`z`, shape ``(B, C)``, C >= 2.
        targets: Class numbers :math:`y`, int64, shape ``(B,)``.
        margins: :math:`m`, shape ``(C,)``.
        scale: :math:`s > 0`.
        class_weights: :math:`w`, shape ``(C,)``; None for 1 everywhere.

    Returns:
        One loss a sample, shape ``(B,)``, never reduced.

    Reference:
        Cao et al., NeurIPS 2019, eq. 13; the scale as in their code.

    >>> import torch
    >>> ldam(
    ...     torch.tensor([[0.0, 0.5]]), torch.tensor([1]), margins=torch.tensor([0.2, 0.5]), scale=9
    ... )
    tensor([0.6931])
    """
    odds = true_log_odds(scale * cosines, targets) - scale * margins.to(cosines)[targets]
    losses = -F.logsigmoid(odds)
    return losses if class_weights is None else class_weights.to(losses)[targets] * losses
