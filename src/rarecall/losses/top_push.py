"""Others below the lowest critical samples: TopPush and Pat&Mat-NP, mirrored."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from rarecall.functional.sides import split
from rarecall.functional.tail import Pair, matched_fpr, top_push
from rarecall.losses._tail import inside, one_of
from rarecall.objective import BaseLoss

Hinge = Literal["squared_hinge", "hinge"]


class TopPushLoss(BaseLoss):
    r"""Every other sample is to lie below the batch's lowest critical one (TopPush, mirrored).

    .. math:: \frac{1}{N} \sum_{k \in N} \ell\big(\min_{j \in P} s_j - s_k\big)

    Args:
        surrogate: :math:`\ell(z)`: ``"squared_hinge"``, :math:`(1 - z)_+^2`, or ``"logistic"``,
            :math:`\log(1 + e^{-z})`.

    A batch without critical or without other samples gives a graph-connected zero.

    Reference:
        Li, Jin and Zhou, *Top Rank Optimization in Linear Time*, NeurIPS 2014, with scores
        negated and classes swapped.

    >>> import torch
    >>> TopPushLoss()(torch.tensor([2.0, 9.0, 0.0, 1.5]), torch.tensor([1, 1, 0, 0]))
    tensor(0.1250)
    """

    per_sample = False

    def __init__(self, surrogate: Pair = "squared_hinge") -> None:
        super().__init__()
        one_of(self, ("squared_hinge", "logistic"), surrogate=surrogate)
        self.surrogate: Pair = surrogate

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of the batch; logits and targets ``(B,)``."""
        critical, others, counted = split(logits, targets == 1)
        return top_push(critical, others, surrogate=self.surrogate, counted=counted)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"surrogate={self.surrogate!r}"


class PatMatLoss(BaseLoss):
    r"""Convex FPR above a convex bound of the threshold (Pat&Mat-NP, mirrored).

    .. math::
        \frac{1}{N} \sum_{k \in N} \phi(s_k - \tau), \qquad
        \frac{1}{P} \sum_{j \in P} \phi\big(\vartheta\,(\tau - s_j)\big) = 1 - \beta

    Args:
        tpr: :math:`\beta`, the required true positive rate, in (0, 1).
        scale: :math:`\vartheta > 0`; small ones let every critical sample pull the threshold,
            large ones only the lowest.
        surrogate: :math:`\phi(z)`: ``"squared_hinge"``, :math:`(1 + z)_+^2`, or ``"hinge"``.

    A batch without critical or without other samples gives a graph-connected zero.

    Reference:
        Adam, Mácha, Šmídl and Pevný, *General Framework for Binary Classification on Top
        Samples*, 2020 (Pat&Mat-NP), with scores negated and classes swapped.

    >>> import torch
    >>> loss = PatMatLoss(tpr=0.75, scale=1.0, surrogate="hinge")
    >>> loss(torch.tensor([2.0, 3.0, 0.0, 1.0]), torch.tensor([1, 1, 0, 0]))  # τ = 1.5
    tensor(0.2500)
    """

    per_sample = False

    def __init__(
        self, tpr: float = 0.95, scale: float = 0.1, surrogate: Hinge = "squared_hinge"
    ) -> None:
        super().__init__()
        inside(self, 0.0, 1.0, tpr=tpr)
        inside(self, 0.0, scale=scale)
        one_of(self, ("squared_hinge", "hinge"), surrogate=surrogate)
        self.tpr = tpr
        self.scale = scale
        self.surrogate: Hinge = surrogate

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of the batch; logits and targets ``(B,)``."""
        critical, others, counted = split(logits, targets == 1)
        return matched_fpr(
            critical,
            others,
            counted=counted,
            tpr=self.tpr,
            scale=self.scale,
            surrogate=self.surrogate,
        )

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"tpr={self.tpr}, scale={self.scale}, surrogate={self.surrogate!r}"
