"""Vector scaling (VS) loss and logit adjustment."""

from __future__ import annotations

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import class_vector_scaling, vector_scaling
from rarecall.losses._imbalance import ImbalanceLoss, equal
from rarecall.losses._tasks import class_numbers


class _Scaling(ImbalanceLoss):
    """What vector scaling and logit adjustment have in common."""

    tasks = ("binary", "multiclass")
    outputs = 2

    def _scaled(
        self, logits: Tensor, targets: Tensor, gamma: float | Tensor, tau: float | Tensor
    ) -> Tensor:
        numbers = class_numbers(logits, targets, self.task)
        if self.task.kind == "binary":
            return vector_scaling(logits, numbers, gamma=gamma, tau=tau, imbalance=self.ratio())
        return class_vector_scaling(logits, numbers, gamma=gamma, tau=tau, counts=self.counts())

    def remarks(self) -> list[str]:
        """Say so where the batches show all classes equally often."""
        if not self._bound or not equal(self.shown):
            return []
        return [
            "Scaling and shift by the class ratio do nothing here: the batches show all classes "
            "equally often. The loss equals plain cross-entropy."
        ]


class VectorScalingLoss(_Scaling):
    r"""Vector scaling: cross-entropy on scaled and shifted logits.

    .. math::
        \eta = z_+ / \beta^{\gamma} - (z_- + \tau \log \beta), \qquad
        \ell = \log(1 + e^{-\eta}) \ (t = 1), \quad \log(1 + e^{\eta}) \ (t = 0)

    Samples are ranked by :math:`z_+ - z_-`, not by :math:`\eta`. On a single logit γ would only
    rescale, so the loss takes two. In multi-class work every logit becomes
    :math:`(n_c / n_{\max})^{\gamma} z_c + \tau \log (n_c / n)`. The counts are those that the
    batches show. Both hyper-parameters can be drawn by loss-conditional training.

    Args:
        gamma: :math:`\gamma \ge 0`; with 0 the loss is logit adjustment.
        tau: :math:`\tau \ge 0`.
        imbalance: :math:`\beta = n_0 / n_1`, other samples for each critical one; learnt by
            ``bind`` where it is None. Only in binary work.

    Reference:
        Kini et al., NeurIPS 2021; loss-conditional training, eq. 3 and, binary, eq. 4.

    >>> import torch
    >>> loss = VectorScalingLoss(gamma=0.0, tau=1.0, imbalance=3.0)
    >>> loss(torch.zeros(2, 2), torch.tensor([1, 0]))  # -log(1/4), -log(3/4)
    tensor([1.3863, 0.2877])
    """

    conditionable = ("gamma", "tau")

    def __init__(
        self, gamma: float = 0.1, tau: float = 1.0, imbalance: float | None = None
    ) -> None:
        super().__init__(imbalance)
        in_range(self, 0.0, gamma=gamma, tau=tau)
        self.gamma = gamma
        self.tau = tau

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        gamma: Tensor | None = None,
        tau: Tensor | None = None,
    ) -> Tensor:
        """Loss of every sample; logits ``(B, 2)`` or ``(B, C)``, targets and result ``(B,)``."""
        return self._scaled(
            logits,
            targets,
            self.gamma if gamma is None else gamma,
            self.tau if tau is None else tau,
        )

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"gamma={self.gamma}, tau={self.tau}, {self._known()}"


class LogitAdjustmentLoss(_Scaling):
    r"""Logit adjustment: cross-entropy on logits shifted by the classes' log shares.

    .. math::
        \ell_i = -\log \frac{e^{z_y + \tau \log \pi_y}}{\sum_c e^{z_c + \tau \log \pi_c}},
        \qquad \pi_c = n_c / n

    It is vector scaling at :math:`\gamma = 0`. The shares are those that the batches show.

    Args:
        tau: :math:`\tau \ge 0`; 1 makes the arg-max of the logits right for balanced classes.
        imbalance: :math:`n_0 / n_1`, other samples for each critical one; learnt by ``bind``
            where it is None. Only in binary work.

    Reference:
        Menon et al., *Long-Tail Learning via Logit Adjustment*, ICLR 2021, eq. 10.

    >>> import torch
    >>> loss = LogitAdjustmentLoss(tau=1.0, imbalance=3.0)
    >>> loss(torch.zeros(2, 2), torch.tensor([1, 0]))  # -log(1/4), -log(3/4)
    tensor([1.3863, 0.2877])
    """

    conditionable = ("tau",)

    def __init__(self, tau: float = 1.0, imbalance: float | None = None) -> None:
        super().__init__(imbalance)
        in_range(self, 0.0, tau=tau)
        self.tau = tau

    def forward(self, logits: Tensor, targets: Tensor, *, tau: Tensor | None = None) -> Tensor:
        """Loss of every sample; logits ``(B, 2)`` or ``(B, C)``, targets and result ``(B,)``."""
        return self._scaled(logits, targets, 0.0, self.tau if tau is None else tau)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"tau={self.tau}, {self._known()}"
