"""Cross-entropy: of two classes, of many, of labels, and with the critical class weighted."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import binary_cross_entropy, softmax_cross_entropy
from rarecall.losses._imbalance import ImbalanceLoss, equal
from rarecall.losses._tasks import class_numbers, each
from rarecall.objective import BaseLoss


class BCELoss(BaseLoss):
    r"""Binary cross-entropy: the baseline of every comparison.

    .. math:: \ell_i = -\log p_i, \quad p_i \text{ the probability of the true class}

    In multi-label work the mean over the labels that a sample is given
    (:func:`rarecall.functional.label_mean`).

    >>> BCELoss()(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    tasks = ("binary", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)`` or ``(B, L)``, result ``(B,)``."""
        return each(binary_cross_entropy, logits, targets, self.task)


class CrossEntropyLoss(BaseLoss):
    r"""Softmax cross-entropy: the baseline where there are several classes.

    .. math:: \ell_i = -\log p_i, \quad p_i \text{ the probability of the true class}

    In binary work it reads two logits, :math:`(z_-, z_+)`, and ranks by their difference.

    >>> CrossEntropyLoss()(torch.zeros(2, 2), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    tasks = ("binary", "multiclass")
    outputs = 2

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits ``(B, 2)`` or ``(B, C)``, targets and result ``(B,)``."""
        return softmax_cross_entropy(logits, class_numbers(logits, targets, self.task))


class WeightedBCELoss(ImbalanceLoss):
    r"""Binary cross-entropy whose critical class weighs :math:`c \cdot n_0 / n_1`.

    .. math:: \ell_i = -w_i \log p_i, \quad w_i = c \, n_0 / n_1 \ (t_i = 1), \quad 1 \ (t_i = 0)

    In multi-label work every label has its own ratio.

    Args:
        scale: :math:`c \ge 0`; 1 gives both classes the same total weight.
        imbalance: :math:`n_0 / n_1`, other samples for each critical one; learnt by ``bind``
            where it is None. Only in binary work.

    Reference:
        Sangalli et al., NeurIPS 2021, section 4.3 (W-BCE), c in {1/3, 2/3, 1}.

    >>> WeightedBCELoss(imbalance=3.0)(torch.zeros(2), torch.tensor([1, 0]))
    tensor([2.0794, 0.6931])
    """

    tasks = ("binary", "multilabel")

    def __init__(self, scale: float = 1.0, imbalance: float | None = None) -> None:
        super().__init__(imbalance)
        in_range(self, 0.0, scale=scale)
        self.scale = scale

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)`` or ``(B, L)``, result ``(B,)``."""
        weighted = partial(binary_cross_entropy, critical_weight=self.scale * self.ratio())
        return each(weighted, logits, targets, self.task)

    def remarks(self) -> list[str]:
        """Say so where the weight is 1."""
        if not self._bound:
            return []
        weight = self.scale * self.ratio()
        if not equal(torch.stack([weight, torch.ones_like(weight)], dim=-1)):
            return []
        return [
            "The class weight does nothing here: by the class ratio that the batches show, a "
            "critical sample weighs as much as any other. The loss equals plain cross-entropy."
        ]

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"scale={self.scale}, {self._known()}"
