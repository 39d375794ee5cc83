"""Vector scaling (VS) loss, on two logits."""

from __future__ import annotations

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import vector_scaling
from rarecall.losses._imbalance import ImbalanceLoss


class VectorScalingLoss(ImbalanceLoss):
    r"""Vector scaling: cross-entropy on scaled and shifted logits.

    .. math::
        \eta = z_+ / \beta^{\gamma} - (z_- + \tau \log \beta), \qquad
        \ell = \log(1 + e^{-\eta}) \ (t = 1), \quad \log(1 + e^{\eta}) \ (t = 0)

    Samples are ranked by :math:`z_+ - z_-`, not by :math:`\eta`. On a single logit γ would only
    rescale, so the loss takes two.

    Args:
        gamma: :math:`\gamma \ge 0`; with 0 the loss is logit adjustment.
        tau: :math:`\tau \ge 0`.
        imbalance: :math:`\beta = n_0 / n_1`, other samples for each critical one; learnt by
            ``bind`` where it is None.

    Reference:
        Kini et al., NeurIPS 2021; binary form of loss-conditional training, eq. 4.

    >>> import torch
    >>> loss = VectorScalingLoss(gamma=0.0, tau=1.0, imbalance=3.0)
    >>> loss(torch.zeros(2, 2), torch.tensor([1, 0]))  # -log(1/4), -log(3/4)
    tensor([1.3863, 0.2877])
    """

    outputs = 2

    def __init__(
        self, gamma: float = 0.1, tau: float = 1.0, imbalance: float | None = None
    ) -> None:
        super().__init__(imbalance)
        in_range(self, 0.0, gamma=gamma, tau=tau)
        self.gamma = gamma
        self.tau = tau

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits ``(B, 2)``, targets ``(B,)``, result ``(B,)``."""
        return vector_scaling(
            logits, targets, gamma=self.gamma, tau=self.tau, imbalance=self.imbalance
        )

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"gamma={self.gamma}, tau={self.tau}, imbalance={self._given or self._learnt}"
