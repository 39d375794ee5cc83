"""Focal losses: α-balanced, symmetric and asymmetric."""

from __future__ import annotations

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import asymmetric_focal, focal, symmetric_focal
from rarecall.objective import BaseLoss


class FocalLoss(BaseLoss):
    r"""α-balanced focal loss: :math:`\ell_i = -\alpha_i (1 - p_i)^{\phi} \log p_i`.

    Args:
        alpha: Weight :math:`\alpha` of the critical class, in [0, 1]; the others weigh 1 - α.
        focus: Exponent :math:`\phi \ge 0`.

    Reference:
        Lin et al., ICCV 2017, eq. 5.

    >>> import torch
    >>> FocalLoss(alpha=0.25, focus=0.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.1733, 0.5199])
    """

    def __init__(self, alpha: float = 0.75, focus: float = 2.0) -> None:
        super().__init__()
        in_range(self, 0.0, 1.0, alpha=alpha)
        in_range(self, 0.0, focus=focus)
        self.alpha = alpha
        self.focus = focus

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        return focal(logits, targets, alpha=self.alpha, focus=self.focus)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"alpha={self.alpha}, focus={self.focus}"


class SymmetricFocalLoss(BaseLoss):
    r"""Focal loss on both classes alike (S-FL): :math:`\ell_i = -(1 - p_i)^{\gamma} \log p_i`.

    Args:
        focus: Exponent :math:`\gamma \ge 0`.

    Reference:
        Lin et al., ICCV 2017, eq. 4; searched by Sangalli et al. in {0.5, 1, 2}.

    >>> import torch
    >>> SymmetricFocalLoss(focus=1.0)(torch.zeros(1), torch.tensor([1]))
    tensor([0.3466])
    """

    def __init__(self, focus: float = 1.0) -> None:
        super().__init__()
        in_range(self, 0.0, focus=focus)
        self.focus = focus

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        return symmetric_focal(logits, targets, focus=self.focus)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"focus={self.focus}"


class AsymmetricFocalLoss(BaseLoss):
    r"""Cross-entropy on critical samples, focal loss on the others (A-FL).

    .. math:: \ell_i = -\log p_i \ (t_i = 1), \qquad -(1 - p_i)^{\gamma} \log p_i \ (t_i = 0)

    Args:
        focus: Exponent :math:`\gamma \ge 0` of the other class.

    Reference:
        Li, Kamnitsas and Glocker, MICCAI 2019; searched by Sangalli et al. in {0.5, 1, 2}.

    >>> import torch
    >>> AsymmetricFocalLoss(focus=1.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.6931, 0.3466])
    """

    def __init__(self, focus: float = 1.0) -> None:
        super().__init__()
        in_range(self, 0.0, focus=focus)
        self.focus = focus

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        return asymmetric_focal(logits, targets, focus=self.focus)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"focus={self.focus}"
