"""Losses of the batch's pairs of a critical and another sample."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional.auc import pairwise_square, pairwise_squared_hinge
from rarecall.functional.labels import given_labels
from rarecall.functional.sides import split
from rarecall.functional.sorted_pairs import hinge_sums
from rarecall.losses._tail import one_of
from rarecall.losses._tasks import check
from rarecall.objective import BaseLoss

ScoreSpace = Literal["logit", "probability"]


class _PairLoss(BaseLoss):
    """A loss of a batch's pairs."""

    tasks = ("binary", "multilabel")
    per_sample = False

    def _weights(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if self.task.kind == "multilabel":
            return given_labels(targets, logits)
        critical = (targets == 1).to(logits.dtype)
        return critical, 1 - critical


class MiniBatchAUCLoss(_PairLoss):
    r"""Squared distance of every pair's probabilities from a perfect order (MBAUC).

    .. math:: L = \frac{1}{PN} \sum_{j \in P} \sum_{k \in N} \big(1 - (p_j - p_k)\big)^2

    A measure of a batch, not of a sample; zero, graph-connected, where the batch lacks a class. In
    multi-label work the mean over the labels: missing labels form no pairs, uncertain ones count
    by their weights. Computed from sums, in :math:`O(B)`.

    Reference:
        Gultekin, Saha, Ratnaparkhi and Paisley, *MBA: Mini-Batch AUC Optimization*, IEEE
        TNNLS 31, 2020; a baseline of ALM, version 1.

    >>> MiniBatchAUCLoss()(torch.zeros(3), torch.tensor([1, 0, 0]))
    tensor(1.)
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of the batch, ``()``; logits and targets ``(B,)`` or ``(B, L)``."""
        check(logits, targets, self.task, outputs=1)
        weights = self._weights(logits, targets)
        return pairwise_square(torch.sigmoid(logits), *weights, margin=1.0).mean()


class PairwiseHingeLoss(_PairLoss):
    r"""Square by which every pair misses a margin.

    .. math:: L = \frac{1}{PN} \sum_{j \in P} \sum_{k \in N} \max\big(0,\ m - (s_j - s_k)\big)^2

    Unlike :class:`MiniBatchAUCLoss` a pair that is far enough apart costs nothing. A measure of a
    batch, not of a sample; zero, graph-connected, where the batch lacks a class. In multi-label
    work the mean over the labels: missing labels form no pairs, uncertain ones count by their
    weights. Computed without the matrix of pairs, in :math:`O(B \log B)`.

    Args:
        margin: :math:`m \ge 0`, in the units of the scores.
        scores: What is compared: ``"logit"``, or ``"probability"``, where gradients fade as the
            model saturates.

    Reference:
        Zhao, Hoi, Jin and Yang, *Online AUC Maximization*, ICML 2011, with the hinge squared.

    >>> PairwiseHingeLoss(margin=1.0)(torch.tensor([2.0, 0.5, 0.0]), torch.tensor([1, 1, 0]))
    tensor(0.1250)
    """

    def __init__(self, margin: float = 1.0, scores: ScoreSpace = "logit") -> None:
        super().__init__()
        in_range(self, 0.0, margin=margin)
        one_of(self, get_args(ScoreSpace), scores=scores)
        self.margin = margin
        self.scores: ScoreSpace = scores

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of the batch, ``()``; logits and targets ``(B,)`` or ``(B, L)``."""
        check(logits, targets, self.task, outputs=1)
        scores = logits if self.scores == "logit" else torch.sigmoid(logits)
        if self.task.kind == "binary":
            critical, others, counted = split(scores, targets == 1)
            if counted is None:
                squares = hinge_sums(critical, others, margin=self.margin, power=2)
                return squares.sum() / max(len(critical) * len(others), 1)
        weights = self._weights(logits, targets)
        return pairwise_squared_hinge(scores, *weights, margin=self.margin).mean()

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"margin={self.margin}, scores={self.scores!r}"
