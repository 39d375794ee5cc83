"""False positives under a constraint on recall, as a Lagrangian with one multiplier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rarecall._checks import in_range
from rarecall.functional.gradient_reversal import reverse_gradient
from rarecall.losses._imbalance import ImbalanceLoss
from rarecall.losses._tail import inside, one_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from rarecall.task import Population


class RecallLagrangianLoss(ImbalanceLoss):
    r"""Smooth false positive rate plus a multiplier times what recall lacks of its requirement.

    .. math::
        \min_\theta \max_{\lambda \ge 0} \ \mathbb{E}\big[\phi(-s) \mid t = 0\big]
        + \lambda \big(\mathbb{E}\big[\phi(s) \mid t = 1\big] - (1 - \beta)\big)

    The threshold is the score 0, which the network's own bias moves. Both expectations are
    estimated with the class shares that ``bind`` learns, never the batch's, so that every batch
    counts, those without critical samples too:

    .. math::
        \ell_i = \frac{n_0 + n_1}{n_0} \phi(-s_i) \ (t_i = 0), \qquad
        \frac{n_0 + n_1}{n_1} \lambda \big(\phi(s_i) - (1 - \beta)\big) \ (t_i = 1)

    Args:
        tpr: :math:`\beta`, the required true positive rate, in (0, 1).
        multiplier: :math:`\lambda` at the start, >= 0.
        pace: How many times as fast as its optimiser's learning rate says :math:`\lambda` moves,
            > 0; 1 is slow under Adam, whose steps have the size of the learning rate.
        surrogate: :math:`\phi(z)`: ``"hinge"``, :math:`(1 - z)_+`, or ``"logistic"``,
            :math:`\log_2(1 + e^{-z})`; both lie above the step function.
        imbalance: :math:`n_0 / n_1`; learnt by ``bind`` where it is None.

    Reference:
        Eban, Schain, Mackey, Gordon, Rifkin and Elidan, *Scalable Learning of Non-Decomposable
        Objectives*, AISTATS 2017.

    >>> loss = RecallLagrangianLoss(tpr=0.75, imbalance=3.0)
    >>> loss(torch.tensor([0.5, -1.0]), torch.tensor([1, 0]))  # 4 (0.5 - 0.25), 4/3 * 0
    tensor([1., 0.], grad_fn=<WhereBackward0>)
    """

    def __init__(
        self,
        tpr: float = 0.95,
        multiplier: float = 1.0,
        pace: float = 10.0,
        surrogate: Literal["hinge", "logistic"] = "hinge",
        imbalance: float | None = None,
    ) -> None:
        super().__init__(imbalance)
        inside(self, 0.0, 1.0, tpr=tpr)
        inside(self, 0.0, pace=pace)
        in_range(self, 0.0, multiplier=multiplier)
        one_of(self, ("hinge", "logistic"), surrogate=surrogate)
        self.tpr = tpr
        self.pace = pace
        self.surrogate = surrogate
        self._start = multiplier
        self.paced = nn.Parameter(torch.tensor([multiplier / pace]))

    def bind(self, training: Population) -> None:
        """Learn the class ratio that the batches show, and start the multiplier afresh."""
        super().bind(training)
        with torch.no_grad():
            self.paced.fill_(self._start / self.pace)

    @property
    def multiplier(self) -> float:
        """The multiplier λ."""
        return self.pace * float(self.paced.detach())

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)``, result ``(B,)``."""
        critical = targets == 1
        # Value pace * paced, slope -1: SGD then moves λ by pace * rate * gradient, and Adam
        # by pace * rate.
        multiplier = (self.pace - 1) * self.paced.detach() + reverse_gradient(self.paced)
        multiplier = multiplier.to(logits.dtype)
        wrong = self._surrogate(torch.where(critical, logits, -logits))
        missed = (1 + self.imbalance) * multiplier * (wrong - (1 - self.tpr))
        return torch.where(critical, missed, (1 + 1 / self.imbalance) * wrong)

    def after_step(self) -> None:
        """Bring the multiplier back to where it is not negative."""
        with torch.no_grad():
            self.paced.clamp_(min=0)

    def duals(self) -> list[nn.Parameter]:
        """List the multiplier, which is maximised."""
        return [self.paced]

    def monitor(self) -> dict[str, float]:
        """Multiplier λ."""
        return {"multiplier": self.multiplier}

    def _surrogate(self, values: Tensor) -> Tensor:
        if self.surrogate == "hinge":
            return torch.relu(1 - values)
        return F.softplus(-values) / math.log(2)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # λ is a sum of many small steps: it follows the device but no dtype cast.
        device = fn(torch.empty(0, device=self.paced.device)).device
        super()._apply(lambda tensor: tensor.to(device), recurse)
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"tpr={self.tpr}, multiplier={self._start}, pace={self.pace}, "
            f"surrogate={self.surrogate!r}, imbalance={self._given or self._learnt}"
        )
