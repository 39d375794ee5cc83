"""Partial area under the ROC curve at high true positive rates: SOPA-s and SOTA-s, mirrored."""

from __future__ import annotations

from torch import Tensor

from rarecall.functional.partial_area import partial_auc
from rarecall.functional.sides import split
from rarecall.functional.tail import Pair
from rarecall.losses._tail import inside, one_of
from rarecall.objective import BaseLoss


class OneWayPartialAUCLoss(BaseLoss):
    r"""Every other sample against the hardest critical ones (SOPA-s, mirrored).

    .. math::
        \frac{1}{N} \sum_{k \in N} T \log \frac{1}{P} \sum_{j \in P} e^{\ell(s_j - s_k) / T}

    Args:
        temperature: :math:`T > 0`, in units of the pair loss. Near 0 only the lowest critical
            sample counts, as in :class:`TopPushLoss`; a large one weighs all pairs alike.
        surrogate: :math:`\ell(z)`: ``"logistic"``, :math:`\log(1 + e^{-z})`, or
            ``"squared_hinge"``, :math:`(1 - z)_+^2`.

    A batch without critical or without other samples gives a graph-connected zero.

    Reference:
        Zhu, Li, Wang, Wu and Yang, *When AUC meets DRO: Optimizing Partial AUC for Deep Learning
        with Non-Convex Convergence Guarantee*, ICML 2022, with scores negated and classes swapped.

    >>> import torch
    >>> loss = OneWayPartialAUCLoss(temperature=1e-3, surrogate="squared_hinge")
    >>> loss(torch.tensor([2.0, 0.5, 0.0, -1.0]), torch.tensor([1, 1, 0, 0]))
    tensor(0.1247)
    """

    per_sample = False

    def __init__(self, temperature: float = 1.0, surrogate: Pair = "logistic") -> None:
        super().__init__()
        inside(self, 0.0, temperature=temperature)
        one_of(self, ("logistic", "squared_hinge"), surrogate=surrogate)
        self.temperature = temperature
        self.surrogate: Pair = surrogate

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of the batch; logits and targets ``(B,)``."""
        critical, others, counted = split(logits, targets == 1)
        return partial_auc(
            critical,
            others,
            counted=counted,
            temperature=self.temperature,
            surrogate=self.surrogate,
        )

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"temperature={self.temperature}, surrogate={self.surrogate!r}"


class TwoWayPartialAUCLoss(BaseLoss):
    r"""The hardest other samples against the hardest critical ones (SOTA-s, mirrored).

    .. math::
        T' \log \frac{1}{N} \sum_{k \in N} e^{L_k / T'}, \qquad
        L_k = T \log \frac{1}{P} \sum_{j \in P} e^{\ell(s_j - s_k) / T}

    Args:
        temperature: :math:`T > 0`, of the critical samples.
        others_temperature: :math:`T' > 0`, of the others.
        surrogate: :math:`\ell(z)`: ``"logistic"`` or ``"squared_hinge"``.

    A batch without critical or without other samples gives a graph-connected zero.

    Reference:
        Zhu, Li, Wang, Wu and Yang, *When AUC meets DRO: Optimizing Partial AUC for Deep Learning
        with Non-Convex Convergence Guarantee*, ICML 2022, with scores negated and classes swapped.

    >>> import torch
    >>> loss = TwoWayPartialAUCLoss(1e-4, 1e-4, surrogate="squared_hinge")
    >>> loss(torch.tensor([2.0, 0.5, 0.0, -1.0]), torch.tensor([1, 1, 0, 0]))  # the worst pair
    tensor(0.2499)
    """

    per_sample = False

    def __init__(
        self,
        temperature: float = 1.0,
        others_temperature: float = 1.0,
        surrogate: Pair = "logistic",
    ) -> None:
        super().__init__()
        inside(self, 0.0, temperature=temperature, others_temperature=others_temperature)
        one_of(self, ("logistic", "squared_hinge"), surrogate=surrogate)
        self.temperature = temperature
        self.others_temperature = others_temperature
        self.surrogate: Pair = surrogate

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of the batch; logits and targets ``(B,)``."""
        critical, others, counted = split(logits, targets == 1)
        return partial_auc(
            critical,
            others,
            counted=counted,
            temperature=self.temperature,
            others_temperature=self.others_temperature,
            surrogate=self.surrogate,
        )

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"temperature={self.temperature}, others_temperature={self.others_temperature}, "
            f"surrogate={self.surrogate!r}"
        )
