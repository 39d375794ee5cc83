"""Cross-entropy with a margin: the true class must win by some distance in the logits."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.cross_entropy import by_class, toward_truth


def symmetric_margin(logits: Tensor, targets: Tensor, *, margin: float | Tensor) -> Tensor:
    r"""Cross-entropy with a margin on both classes alike (S-ML).

    .. math::
        \ell_i = -\log \sigma(z_i - m) \ (t_i = 1), \qquad
        -\log \left(1 - \sigma(z_i + m)\right) \ (t_i = 0)

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``, or ``(B, L)``.
        targets: 1 for the critical class, 0 otherwise, shaped like the logits.
        margin: :math:`m \ge 0`, in units of the logits; 0 recovers cross-entropy.

    Returns:
        One loss a sample, shaped like the logits, never reduced.

    Reference:
        Liu et al., *Large-Margin Softmax Loss for Convolutional Neural Networks*, ICML 2016, in
        the additive form of Li, Kamnitsas and Glocker, MICCAI 2019.

    >>> import torch
    >>> symmetric_margin(torch.tensor([2.0, -2.0]), torch.tensor([1, 0]), margin=2.0)
    tensor([0.6931, 0.6931])
    """
    return -F.logsigmoid(toward_truth(logits, targets) - margin)


def asymmetric_margin(logits: Tensor, targets: Tensor, *, margin: float | Tensor) -> Tensor:
    r"""Cross-entropy with a margin on critical samples only (A-ML).

    .. math::
        \ell_i = -\log \sigma(z_i - m) \ (t_i = 1), \qquad -\log (1 - \sigma(z_i)) \ (t_i = 0)

    Args:
        logits: Scores before the sigmoid, shape ``(B,)``, or ``(B, L)``.
        targets: 1 for the critical class, 0 otherwise, shaped like the logits.
        margin: :math:`m \ge 0`, in units of the logits; 0 recovers cross-entropy.

    Returns:
        One loss a sample, shaped like the logits, never reduced.

    Reference:
        Li, Kamnitsas and Glocker, *Overfitting of Neural Nets Under Class Imbalance*, MICCAI 2019.

    >>> import torch
    >>> asymmetric_margin(torch.tensor([2.0, 0.0]), torch.tensor([1, 0]), margin=2.0)
    tensor([0.6931, 0.6931])
    """
    return -F.logsigmoid(toward_truth(logits, targets) - by_class(targets, margin, 0.0, logits))
