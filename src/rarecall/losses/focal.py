"""Focal losses: α-balanced, symmetric and asymmetric."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import asymmetric_focal, focal, symmetric_focal
from rarecall.losses._tasks import EVERY_TASK, each
from rarecall.objective import BaseLoss


class FocalLoss(BaseLoss):
    r"""α-balanced focal loss: :math:`\ell_i = -\alpha_i (1 - p_i)^{\phi} \log p_i`.

    In multi-class work :math:`p_i` is the softmax probability of the true class. Both
    hyper-parameters can be drawn by loss-conditional training.

    Args:
        alpha: Weight :math:`\alpha` of the critical classes, in [0, 1]; the others weigh 1 - α.
        focus: Exponent :math:`\phi \ge 0`.

    Reference:
        Lin et al., ICCV 2017, eq. 5.

    >>> import torch
    >>> FocalLoss(alpha=0.25, focus=0.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.1733, 0.5199])
    """

    tasks = EVERY_TASK
    conditionable = ("alpha", "focus")

    def __init__(self, alpha: float = 0.75, focus: float = 2.0) -> None:
        super().__init__()
        in_range(self, 0.0, 1.0, alpha=alpha)
        in_range(self, 0.0, focus=focus)
        self.alpha = alpha
        self.focus = focus

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        alpha: Tensor | None = None,
        focus: Tensor | None = None,
    ) -> Tensor:
        """Loss of every sample, ``(B,)``; logits ``(B,)``, ``(B, C)`` or ``(B, L)``."""
        loss = partial(
            focal,
            alpha=self.alpha if alpha is None else alpha,
            focus=self.focus if focus is None else focus,
        )
        return each(loss, logits, targets, self.task)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"alpha={self.alpha}, focus={self.focus}"


class SymmetricFocalLoss(BaseLoss):
    r"""Focal loss on all classes alike (S-FL): :math:`\ell_i = -(1 - p_i)^{\gamma} \log p_i`.

    Args:
        focus: Exponent :math:`\gamma \ge 0`.

    Reference:
        Lin et al., ICCV 2017, eq. 4; searched by Sangalli et al. in {0.5, 1, 2}.

    >>> import torch
    >>> SymmetricFocalLoss(focus=1.0)(torch.zeros(1), torch.tensor([1]))
    tensor([0.3466])
    """

    tasks = EVERY_TASK

    def __init__(self, focus: float = 1.0) -> None:
        super().__init__()
        in_range(self, 0.0, focus=focus)
        self.focus = focus

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, ``(B,)``; logits ``(B,)``, ``(B, C)`` or ``(B, L)``."""
        return each(partial(symmetric_focal, focus=self.focus), logits, targets, self.task)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"focus={self.focus}"


class AsymmetricFocalLoss(BaseLoss):
    r"""Cross-entropy on critical samples, focal loss on the others (A-FL).

    .. math:: \ell_i = -\log p_i \ (t_i = 1), \qquad -(1 - p_i)^{\gamma} \log p_i \ (t_i = 0)

    Args:
        focus: Exponent :math:`\gamma \ge 0` of the other classes.

    Reference:
        Li, Kamnitsas and Glocker, MICCAI 2019; searched by Sangalli et al. in {0.5, 1, 2}.

    >>> import torch
    >>> AsymmetricFocalLoss(focus=1.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.6931, 0.3466])
    """

    tasks = EVERY_TASK

    def __init__(self, focus: float = 1.0) -> None:
        super().__init__()
        in_range(self, 0.0, focus=focus)
        self.focus = focus

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, ``(B,)``; logits ``(B,)``, ``(B, C)`` or ``(B, L)``."""
        return each(partial(asymmetric_focal, focus=self.focus), logits, targets, self.task)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"focus={self.focus}"
