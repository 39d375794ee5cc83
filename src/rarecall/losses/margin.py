"""Margin losses, symmetric and asymmetric."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import asymmetric_margin, symmetric_margin
from rarecall.losses._tasks import EVERY_TASK, each
from rarecall.objective import BaseLoss


class SymmetricMarginLoss(BaseLoss):
    r"""Cross-entropy with a margin on all classes alike (S-ML).

    .. math::
        \ell_i = -\log \sigma(z_i - m) \ (t_i = 1), \qquad
        -\log \left(1 - \sigma(z_i + m)\right) \ (t_i = 0)

    In multi-class work the margin is subtracted from the true class's logit.

    Args:
        margin: :math:`m \ge 0`, in units of the logits.

    Reference:
        Liu et al., ICML 2016; searched by Sangalli et al. in {0.5, 2, 4}.

    >>> import torch
    >>> SymmetricMarginLoss(margin=2.0)(torch.tensor([2.0, -2.0]), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    tasks = EVERY_TASK

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        in_range(self, 0.0, margin=margin)
        self.margin = margin

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, ``(B,)``; logits ``(B,)``, ``(B, C)`` or ``(B, L)``."""
        return each(partial(symmetric_margin, margin=self.margin), logits, targets, self.task)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"margin={self.margin}"


class AsymmetricMarginLoss(BaseLoss):
    r"""Cross-entropy with a margin on critical samples only (A-ML).

    .. math::
        \ell_i = -\log \sigma(z_i - m) \ (t_i = 1), \qquad -\log (1 - \sigma(z_i)) \ (t_i = 0)

    In multi-class work the margin is subtracted from the true class's logit where that class is
    critical.

    Args:
        margin: :math:`m \ge 0`, in units of the logits.

    Reference:
        Li, Kamnitsas and Glocker, MICCAI 2019; searched by Sangalli et al. in {0.5, 2, 4}.

    >>> import torch
    >>> AsymmetricMarginLoss(margin=2.0)(torch.tensor([2.0, 0.0]), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    tasks = EVERY_TASK

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        in_range(self, 0.0, margin=margin)
        self.margin = margin

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, ``(B,)``; logits ``(B,)``, ``(B, C)`` or ``(B, L)``."""
        return each(partial(asymmetric_margin, margin=self.margin), logits, targets, self.task)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"margin={self.margin}"
