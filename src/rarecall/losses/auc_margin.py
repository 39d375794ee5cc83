"""AUC losses as min-max problems: a sum over samples instead of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn

from rarecall._checks import in_range
from rarecall.functional.auc import auc_saddle, batch_normalized
from rarecall.functional.gradient_reversal import reverse_gradient
from rarecall.functional.labels import given_labels
from rarecall.losses._imbalance import ImbalanceLoss
from rarecall.losses._tail import one_of
from rarecall.losses._tasks import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from rarecall.task import Population, Task

Normalize = Literal["sigmoid", "batch", "none"]
Start = Literal["saddle", "zero"]


class AUCSquareLoss(ImbalanceLoss):
    r"""Square loss of all pairs of the *training set*, as a min-max problem over samples (AUC-S).

    .. math::
        \min_{w, a, b} \max_\alpha \ \mathbb{E}\big[
        (1-p)(h-a)^2 1_+ + p(h-b)^2 1_- - p(1-p)\alpha^2
        + 2\alpha(p(1-p)m + p h 1_- - (1-p) h 1_+)\big]

    Solved for :math:`a, b, \alpha` it is :math:`p(1-p)` times the mean of :math:`(m - (h_j -
    h_k))^2` over the pairs. :math:`p` is the share of critical samples in the batches *on
    average*, which ``bind`` learns, never a single batch's, so that batches of one class count,
    too. Put ``objective.param_groups()`` into the optimiser; any one will do, :math:`\alpha`
    ascends by gradient reversal. The value is no measure of progress and may be negative.

    In multi-label work each label has its own :math:`a, b, \alpha, p`; a sample's loss is the mean
    over all labels, missing ones being 0, and an uncertain label, :math:`0 < t < 1`, counts as
    :math:`t F(1) + (1 - t) F(0)`. The gradients of :math:`a, b, \alpha` are those of their own
    label's mean, so that they move as in binary work however many labels there are.

    Args:
        margin: :math:`m \ge 0`, in the units of :math:`h`; the paper's square loss has 1.
        normalize: What :math:`h` is, in the loss only: ``"sigmoid"``, the probability;
            ``"batch"``, the logits divided by their Euclidean norm over the batch; ``"none"``,
            the logits. The score that ranks samples is the logit.
        start: Where a, b and α begin: at the ``"saddle"`` of a network that scores all samples
            alike (h = ½ for the sigmoid, else 0; α = m), or at ``"zero"``, as in the paper's
            algorithm, where at first both classes are drawn to the score 0 and the order of the
            samples hardly counts.
        imbalance: :math:`n_0 / n_1 = (1 - p)/p`; learnt by ``bind`` where it is None.

    Reference:
        Ying, Wen and Lyu, *Stochastic Online AUC Maximization*, NeurIPS 2016; Yuan, Yan, Sonka and
        Yang, *Large-scale Robust Deep AUC Maximization*, ICCV 2021, eq. 4.

    >>> loss = AUCSquareLoss(normalize="none", start="zero", imbalance=3.0)
    >>> loss(torch.tensor([2.0, 1.0]), torch.tensor([1, 0]))  # 3/4 * 2², 1/4 * 1²
    tensor([3.0000, 0.2500], grad_fn=<AddBackward0>)
    """

    tasks = ("binary", "multilabel")

    def __init__(
        self,
        margin: float = 1.0,
        normalize: Normalize = "sigmoid",
        start: Start = "saddle",
        imbalance: float | None = None,
    ) -> None:
        super().__init__(imbalance)
        one_of(self, get_args(Start), start=start)
        in_range(self, 0.0, margin=margin)
        one_of(self, get_args(Normalize), normalize=normalize)
        self.margin = margin
        self.normalize: Normalize = normalize
        self.start: Start = start
        self.a = nn.Parameter(torch.empty(1))
        self.b = nn.Parameter(torch.empty(1))
        self.alpha = nn.Parameter(torch.empty(1))
        self._restart()

    def for_task(self, task: Task) -> None:
        """Fix the kind of problem, and with it the number of a, b and α: one, or one a label."""
        super().for_task(task)
        for parameter in self._saddle():
            if len(parameter) != self.outputs:
                # In place, so that an optimiser that holds the parameter goes on holding it.
                parameter.data = parameter.data.new_empty(self.outputs)
                parameter.grad = None
                self._restart()

    def bind(self, training: Population) -> None:
        """Learn the class shares that the batches show, and start a, b and α anew."""
        super().bind(training)
        self._restart()

    @property
    def share(self) -> float | Tensor:
        """Share p of critical samples that the batches show; ``(L,)`` in multi-label work.

        Raises:
            RuntimeError: It was neither given nor learnt.
        """
        if self.task.kind == "multilabel":
            return 1 / (1 + self.ratio())
        return 1 / (1 + self.imbalance)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; logits and targets ``(B,)`` or ``(B, L)``, result ``(B,)``."""
        check(logits, targets, self.task, outputs=1)
        several = self.task.kind == "multilabel"
        if several:
            present, absent = given_labels(targets, logits)
        else:
            present = (targets == 1).to(logits.dtype)
            absent = 1 - present
        a, b, alpha = self._saddle()
        if several:
            # A mean over L labels would slow down each label's own variables L times.
            a, b, alpha = (
                variable.detach() + self.outputs * (variable - variable.detach())
                for variable in (a, b, alpha)
            )
        share = self.share
        losses = auc_saddle(
            self._normalized(logits, present + absent),
            present,
            absent,
            a=a.to(logits.dtype),
            b=b.to(logits.dtype),
            alpha=reverse_gradient(alpha).to(logits.dtype),
            share=share.to(logits.dtype) if isinstance(share, Tensor) else share,
            margin=self.margin,
        )
        return losses.mean(dim=1) if several else losses

    def duals(self) -> list[nn.Parameter]:
        """List α, which is maximised."""
        return [self.alpha]

    def monitor(self) -> dict[str, float]:
        """Centres a and b of the two classes' scores, and α; of every label in multi-label work."""
        numbers = {}
        for name, values in (("a", self.a), ("b", self.b), ("alpha", self.alpha)):
            for label, value in enumerate(values.tolist()):
                numbers[f"{name}[{label}]" if self.task.kind == "multilabel" else name] = value
        return numbers

    def _saddle(self) -> tuple[Tensor, ...]:
        return self.a, self.b, self.alpha

    def _restart(self) -> None:
        at_saddle = self.start == "saddle"
        center = 0.5 if at_saddle and self.normalize == "sigmoid" else 0.0
        with torch.no_grad():
            self.a.fill_(center)
            self.b.fill_(center)
            self.alpha.fill_(self.margin if at_saddle else 0.0)

    def _normalized(self, logits: Tensor, known: Tensor) -> Tensor:
        if self.normalize == "sigmoid":
            return torch.sigmoid(logits)
        return batch_normalized(logits, known) if self.normalize == "batch" else logits

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # They are running averages of many small steps: they follow the device but no dtype cast.
        device = fn(torch.empty(0, device=self.a.device)).device
        super()._apply(lambda tensor: tensor.to(device), recurse)
        return self

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"margin={self.margin}, normalize={self.normalize!r}, start={self.start!r}, "
            f"{self._known()}"
        )


class AUCMarginLoss(AUCSquareLoss):
    r"""AUC margin loss (AUC-M): as :class:`AUCSquareLoss`, with :math:`\alpha \ge 0`.

    Solved for :math:`a, b, \alpha` it is :math:`p(1-p)[\mathrm{var}_+ + \mathrm{var}_- + (m -
    \bar h_+ + \bar h_-)_+^2]`: classes whose means are the margin apart are pulled no closer.
    Where scores lie in [0, 1] and :math:`m \ge 1` that never happens, and it is the square loss of
    the same margin.

    Args:
        margin: :math:`m \ge 0`, in the units of :math:`h`.
        normalize: What :math:`h` is, in the loss only: ``"sigmoid"``, ``"batch"`` or ``"none"``.
        start: Where a, b and α begin: ``"saddle"`` or ``"zero"``.
        imbalance: :math:`n_0 / n_1`; learnt by ``bind`` where it is None.

    Reference:
        Yuan, Yan, Sonka and Yang, *Large-scale Robust Deep AUC Maximization*, ICCV 2021, eq. 8.

    >>> loss = AUCMarginLoss(normalize="none", start="zero", imbalance=3.0)
    >>> loss(torch.tensor([2.0, 1.0]), torch.tensor([1, 0]))
    tensor([3.0000, 0.2500], grad_fn=<AddBackward0>)
    """

    def __init__(
        self,
        margin: float = 0.7,
        normalize: Normalize = "sigmoid",
        start: Start = "saddle",
        imbalance: float | None = None,
    ) -> None:
        super().__init__(margin, normalize, start, imbalance)

    def after_step(self) -> None:
        """Bring α back to where it is not negative."""
        with torch.no_grad():
            self.alpha.clamp_(min=0)

    def remarks(self) -> list[str]:
        """Say so where α >= 0 has no effect."""
        if self.normalize != "sigmoid" or self.margin < 1:
            return []
        return [
            f"auc-margin with margin {self.margin:g}: probabilities are never further apart than "
            "that, so α >= 0 has no effect and this is auc-square of the same margin. Below 1 it "
            "has one."
        ]
