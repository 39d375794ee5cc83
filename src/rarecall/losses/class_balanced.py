"""Class-balanced cross-entropy: classes weighted by their effective number of samples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rarecall.functional import binary_cross_entropy, class_balanced_weights, softmax_cross_entropy
from rarecall.losses._imbalance import CountingLoss, equal
from rarecall.losses._tasks import class_numbers, each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class _ClassBalanced(CountingLoss):
    """What the binary and the softmax form have in common."""

    def __init__(
        self, beta: float = 0.999, normalize: bool = True, counts: Sequence[float] | None = None
    ) -> None:
        super().__init__(counts)
        if not 0 <= beta < 1:
            raise ValueError(f"{type(self).__name__} needs beta in [0, 1), not {beta}.")
        self.beta = beta
        self.normalize = normalize

    def weights(self) -> Tensor:
        """Weight of every class, ``(C,)``; ``(L, 2)`` in multi-label work.

        Raises:
            RuntimeError: The counts were neither given nor learnt.
        """
        return class_balanced_weights(self.counts(), beta=self.beta, normalize=self.normalize)

    def remarks(self) -> list[str]:
        """Say so where all classes weigh the same."""
        if not self._bound or not equal(self.weights()):
            return []
        constant = "" if self.normalize else " times a constant"
        return [
            f"The class weights do nothing here: with beta={self.beta} and the classes as the "
            f"batches show them, all weigh the same. The loss equals plain cross-entropy{constant}."
        ]

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"beta={self.beta}, normalize={self.normalize}"


class ClassBalancedBCELoss(_ClassBalanced):
    r"""Binary cross-entropy, classes weighted by their effective number of samples (CB-BCE).

    .. math:: \ell_i = -w_{t_i} \log p_i, \qquad w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}

    In multi-label work every label has its own two weights.

    Args:
        beta: :math:`\beta`, in [0, 1); 0 gives plain cross-entropy, near 1 the inverse counts.
        normalize: Whether the weights are rescaled to average 1 over the classes; False for the
            weights as Sangalli et al. used them, which also shrink every gradient.
        counts: Samples without and with the critical class; learnt by ``bind`` where None.

    Reference:
        Cui et al., CVPR 2019, eq. 3 and 4; searched by Sangalli et al. in {.99, .999, .9999}.

    >>> import torch
    >>> loss = ClassBalancedBCELoss(beta=0.99, counts=(1000, 10))
    >>> loss(torch.zeros(2), torch.tensor([1, 0])) / torch.log(torch.tensor(2.0))
    tensor([1.8254, 0.1746])
    """

    tasks = ("binary", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)`` or ``(B, L)``, result ``(B,)``."""
        weights = self.weights()
        others, critical = weights[..., 0], weights[..., 1]
        loss = partial(binary_cross_entropy, critical_weight=critical, others_weight=others)
        return each(loss, logits, targets, self.task)


class ClassBalancedCELoss(_ClassBalanced):
    r"""Softmax cross-entropy, classes weighted by their effective number of samples (CB-CE).

    .. math:: \ell_i = -w_{y_i} \log p_i, \qquad w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}

    Args:
        beta: :math:`\beta`, in [0, 1); 0 gives plain cross-entropy, near 1 the inverse counts.
        normalize: Whether the weights are rescaled to average 1 over the classes; False for the
            weights as Sangalli et al. used them, which also shrink every gradient.
        counts: Samples of every class; learnt by ``bind`` where None.

    Reference:
        Cui et al., CVPR 2019, eq. 3 and 4; searched by Sangalli et al. in {.99, .999, .9999}.

    >>> import torch
    >>> loss = ClassBalancedCELoss(beta=0.99, counts=(1000, 10))
    >>> loss(torch.zeros(2, 2), torch.tensor([1, 0])) / torch.log(torch.tensor(2.0))
    tensor([1.8254, 0.1746])
    """

    tasks = ("binary", "multiclass")
    outputs = 2

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits ``(B, 2)`` or ``(B, C)``, targets and result ``(B,)``."""
        numbers = class_numbers(logits, targets, self.task)
        return softmax_cross_entropy(logits, numbers, class_weights=self.weights())
