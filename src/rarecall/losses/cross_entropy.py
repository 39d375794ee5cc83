"""Binary cross-entropy, plain and with the critical class weighted."""

from __future__ import annotations

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import binary_cross_entropy
from rarecall.losses._imbalance import ImbalanceLoss
from rarecall.objective import BaseLoss


class BCELoss(BaseLoss):
    r"""Binary cross-entropy: the baseline of every comparison.

    .. math:: \ell_i = -\log p_i, \quad p_i \text{ the probability of the true class}

    >>> import torch
    >>> BCELoss()(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        return binary_cross_entropy(logits, targets)


class WeightedBCELoss(ImbalanceLoss):
    r"""Binary cross-entropy whose critical class weighs :math:`c \cdot n_0 / n_1`.

    .. math:: \ell_i = -w_i \log p_i, \quad w_i = c \, n_0 / n_1 \ (t_i = 1), \quad 1 \ (t_i = 0)

    Args:
        scale: :math:`c > 0`; 1 gives both classes the same total weight.
        imbalance: :math:`n_0 / n_1`, other samples for each critical one; learnt by ``bind``
            where it is None.

    Reference:
        Sangalli et al., NeurIPS 2021, section 4.3 (W-BCE), c in {1/3, 2/3, 1}.

    >>> import torch
    >>> WeightedBCELoss(imbalance=3.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([2.0794, 0.6931])
    """

    def __init__(self, scale: float = 1.0, imbalance: float | None = None) -> None:
        super().__init__(imbalance)
        in_range(self, 0.0, scale=scale)
        self.scale = scale

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        return binary_cross_entropy(logits, targets, critical_weight=self.scale * self.imbalance)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"scale={self.scale}, imbalance={self._given or self._learnt}"
