"""Squared-error losses: plain, and averaged class by class."""

from __future__ import annotations

from torch import Tensor

from rarecall.functional import false_errors, given_labels, squared_error
from rarecall.losses._tasks import check, each
from rarecall.objective import BaseLoss


class MSELoss(BaseLoss):
    r"""Half the squared error of the probability, :math:`\ell_i = \frac{1}{2} (t_i - p_i)^2`.

    >>> import torch
    >>> MSELoss()(torch.zeros(2), torch.tensor([1, 0]))
    tensor([0.1250, 0.1250])
    """

    tasks = ("binary", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)`` or ``(B, L)``, result ``(B,)``."""
        return each(squared_error, logits, targets, self.task)


class _FalseErrorLoss(BaseLoss):
    """A loss of the batch's two class-wise mean squared errors."""

    tasks = ("binary", "multilabel")
    per_sample = False

    def _errors(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        check(logits, targets, self.task, outputs=1)
        if self.task.kind == "multilabel":
            return false_errors(logits, *given_labels(targets, logits))
        critical = (targets == 1).to(logits.dtype)
        return false_errors(logits, critical, 1 - critical)


class MFELoss(_FalseErrorLoss):
    r"""Mean false error: the two classes' mean squared errors, added.

    .. math::
        L = \mathrm{FPE} + \mathrm{FNE}, \qquad
        \mathrm{FNE} = \frac{1}{P} \sum_{i \in P} \tfrac{1}{2} (1 - p_i)^2, \quad
        \mathrm{FPE} = \frac{1}{N} \sum_{i \in N} \tfrac{1}{2}\, p_i^2

    A measure of a batch, not of a sample; the term of a class that the batch lacks is dropped. In
    multi-label work the mean over the labels.

    Reference:
        Wang et al., *Training Deep Neural Networks on Imbalanced Data Sets*, IJCNN 2016.

    >>> import torch
    >>> MFELoss()(torch.zeros(3), torch.tensor([1, 0, 0]))
    tensor(0.2500)
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of the batch, ``()``; logits and targets ``(B,)`` or ``(B, L)``."""
        missed, false_alarms = self._errors(logits, targets)
        return (missed + false_alarms).mean()


class MSFELoss(_FalseErrorLoss):
    r"""Mean squared false error: the two classes' mean squared errors, squared and added.

    .. math:: L = \mathrm{FPE}^2 + \mathrm{FNE}^2

    with the errors of :class:`MFELoss`. The squares make the class that is worse off count more. A
    measure of a batch, not of a sample; the term of a class that the batch lacks is dropped. In
    multi-label work the mean over the labels.

    Reference:
        Wang et al., IJCNN 2016; ALM, version 1, section 4.2.

    >>> import torch
    >>> MSFELoss()(torch.zeros(3), torch.tensor([1, 0, 0]))
    tensor(0.0312)
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of the batch, ``()``; logits and targets ``(B,)`` or ``(B, L)``."""
        missed, false_alarms = self._errors(logits, targets)
        return (missed.square() + false_alarms.square()).mean()
