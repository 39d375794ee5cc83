"""The false positive rate at the required true positive rate, through its implicit threshold."""

from __future__ import annotations

from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import binary_cross_entropy
from rarecall.functional.sides import split
from rarecall.functional.tail import FalsePositives, implicit_fpr
from rarecall.losses._tail import inside, one_of
from rarecall.objective import BaseLoss


class ImplicitFPRLoss(BaseLoss):
    r"""Smooth FPR at the threshold that keeps the required TPR, differentiated through it (ICO).

    .. math::
        \frac{1}{N} \sum_{k \in N} \psi\big((s_k - \tau) / T\big) + w \, \mathrm{BCE}, \qquad
        \frac{1}{P} \sum_{j \in P} \sigma\big((s_j - \tau) / T\big) = \beta

    over the critical (P) and other (N) samples of the batch. Only differences of scores count, so
    without cross-entropy a probability of this loss means nothing; the order does.

    Args:
        tpr: :math:`\beta`, the required true positive rate, in (0, 1).
        temperature: :math:`T > 0`, in units of the logits.
        surrogate: :math:`\psi`: ``"softplus"``, or ``"sigmoid"``, which is closer to the rate but
            lets go of others far above the threshold.
        cross_entropy: :math:`w \ge 0`, weight of the mean cross-entropy that is added.

    A batch without critical or without other samples gives the cross-entropy part only, a
    graph-connected zero when ``cross_entropy`` is 0.

    Reference:
        Kumar, Narasimhan and Cotter, *Implicit Rate-Constrained Optimization of Non-decomposable
        Objectives*, ICML 2021.

    >>> import torch
    >>> loss = ImplicitFPRLoss(tpr=0.5, temperature=0.01, surrogate="sigmoid")
    >>> logits = torch.tensor([1.0, 2.0, 3.0, 0.0, 2.5, 0.5, 0.2])
    >>> loss(logits, torch.tensor([1, 1, 1, 0, 0, 0, 0]))  # one of four others above 2
    tensor(0.2500)
    """

    per_sample = False

    def __init__(
        self,
        tpr: float = 0.95,
        temperature: float = 1.0,
        surrogate: FalsePositives = "softplus",
        cross_entropy: float = 0.0,
    ) -> None:
        super().__init__()
        inside(self, 0.0, 1.0, tpr=tpr)
        inside(self, 0.0, temperature=temperature)
        in_range(self, 0.0, cross_entropy=cross_entropy)
        one_of(self, ("softplus", "sigmoid"), surrogate=surrogate)
        self.tpr = tpr
        self.temperature = temperature
        self.surrogate: FalsePositives = surrogate
        self.cross_entropy = cross_entropy

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of the batch; logits and targets ``(B,)``."""
        critical, others, counted = split(logits, targets == 1)
        value = implicit_fpr(
            critical,
            others,
            counted=counted,
            tpr=self.tpr,
            temperature=self.temperature,
            surrogate=self.surrogate,
        )
        if self.cross_entropy:
            value = value + self.cross_entropy * binary_cross_entropy(logits, targets).mean()
        return value

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"tpr={self.tpr}, temperature={self.temperature}, surrogate={self.surrogate!r}, "
            f"cross_entropy={self.cross_entropy}"
        )
