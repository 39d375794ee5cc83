"""Losses of all pairs of a critical and another sample, and the AUC as a saddle point."""

from __future__ import annotations

import torch
from torch import Tensor

from rarecall.functional.sorted_pairs import hinge_sums, widest


def pairwise_square(scores: Tensor, present: Tensor, absent: Tensor, *, margin: float) -> Tensor:
    r"""Mean square by which the pairs miss the margin, or exceed it.

    .. math::
        \frac{1}{PN} \sum_{j \in P} \sum_{k \in N} (m - (s_j - s_k))^2
        = \mathrm{var}_P + \mathrm{var}_N + (m - \bar s_P + \bar s_N)^2

    The right-hand side is what is computed, in :math:`O(n)`, in float64 where the device has it.

    Args:
        scores: Higher is more critical, shape ``(B,)``, or ``(B, L)``.
        present: Weight with which each sample is critical, >= 0, shaped like the scores.
        absent: Weight with which it is not. A sample with both weights is paired with itself,
            too, which adds a constant.
        margin: :math:`m`, in the scores' units.

    Returns:
        Shape ``()``, or ``(L,)``; a graph-connected zero where there is no pair.

    Reference:
        Gultekin et al., *MBA: Mini-Batch AUC Optimization*, IEEE TNNLS 31, 2020; the
        identity: Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, eq. 5 and
        appendix B.

    >>> critical = torch.tensor([1.0, 0.0, 0.0])
    >>> pairwise_square(torch.tensor([0.5, 0.5, 0.0]), critical, 1 - critical, margin=1.0)
    tensor(0.6250)
    """
    values = scores.to(widest(scores))
    spreads, centres = [], []
    for given in (present, absent):
        weights = given.to(values.dtype)
        total = weights.sum(dim=0)
        total = torch.where(total > 0, total, 1.0)
        centre = (weights * values).sum(dim=0) / total
        centres.append(centre)
        spreads.append((weights * (values - centre).square()).sum(dim=0) / total)
    square = spreads[0] + spreads[1] + (margin - centres[0] + centres[1]).square()
    return (square * (present.sum(dim=0) * absent.sum(dim=0) > 0)).to(scores.dtype)


def pairwise_squared_hinge(
    scores: Tensor, present: Tensor, absent: Tensor, *, margin: float
) -> Tensor:
    r"""Mean square by which the pairs miss the margin.

    .. math:: \frac{1}{PN} \sum_{j \in P} \sum_{k \in N} \max(0,\ m - (s_j - s_k))^2

    Computed in :math:`O(n \log n)`, without the matrix of pairs, from sums that only grow
    (:func:`hinge_sums`), so that nothing cancels.

    Args:
        scores: Higher is more critical, shape ``(B,)``, or ``(B, L)``.
        present: Weight with which each sample is critical, >= 0, shaped like the scores.
        absent: Weight with which it is not. A sample with both weights is paired with itself,
            too, which adds a constant.
        margin: :math:`m \ge 0`, in the scores' units.

    Returns:
        Shape ``()``, or ``(L,)``; a graph-connected zero where there is no pair.

    >>> critical = torch.tensor([1.0, 1.0, 0.0])
    >>> pairwise_squared_hinge(torch.tensor([2.0, 0.5, 0.0]), critical, 1 - critical, margin=1.0)
    tensor(0.1250)
    """
    wide = widest(scores)
    values, critical, others = (part.to(wide).movedim(0, -1) for part in (scores, present, absent))
    # Of a column all samples stand on both sides; their weights tell on which they count.
    squares = hinge_sums(values, values, margin=margin, power=2, counts=others)
    pairs = critical.sum(dim=-1) * others.sum(dim=-1)
    total = (critical * squares).sum(dim=-1)
    return (total / torch.where(pairs > 0, pairs, 1.0)).to(scores.dtype)


def batch_normalized(scores: Tensor, known: Tensor | None = None) -> Tensor:
    r"""Scores divided by their Euclidean norm over the batch, :math:`h / \|h\|_2`.

    Args:
        scores: Shape ``(B,)``, or ``(B, L)``, each column by its own norm.
        known: 0 for entries that do not count, shaped like the scores; None: all count.

    Returns:
        Shaped like the scores; scores that are all zero stay zero, with the gradient of the
        identity.

    Reference:
        Yuan et al., ICCV 2021, section 4.1, *batch score normalization*.

    >>> batch_normalized(torch.tensor([3.0, 0.0, -4.0]))
    tensor([ 0.6000,  0.0000, -0.8000])
    """
    counted = scores if known is None else scores * known
    norm = torch.linalg.vector_norm(counted, dim=0)
    # Below the least normal number the quotient's gradient would not be finite.
    zero = norm < torch.finfo(scores.dtype).tiny ** 0.5
    return scores / torch.where(zero, 1.0, norm)


def auc_saddle(
    scores: Tensor,
    present: Tensor,
    absent: Tensor,
    *,
    a: Tensor,
    b: Tensor,
    alpha: Tensor,
    share: float | Tensor,
    margin: float,
) -> Tensor:
    r"""Every sample's part of the saddle function whose solution is the AUC square or margin loss.

    .. math::
        F = (1-p)(h-a)^2 1_+ + p(h-b)^2 1_- - p(1-p)\alpha^2
        + 2\alpha\big(p(1-p)m + p h 1_- - (1-p) h 1_+\big)

    Minimised over :math:`a, b` and maximised over :math:`\alpha`, its mean is
    :math:`p(1-p)[\mathrm{var}_+ + \mathrm{var}_- + (m - \bar h_+ + \bar h_-)^2]`, with the
    positive part of the last bracket squared where :math:`\alpha \ge 0` is required.

    Args:
        scores: :math:`h`, shape ``(B,)``, or ``(B, L)``.
        present: Weight with which each sample is critical, shaped like the scores.
        absent: Weight with which it is not; the two sum to 1, or to 0 where a label is missing.
        a: Centre of the critical scores, shape ``(1,)``, or ``(L,)``.
        b: Centre of the other scores.
        alpha: :math:`\alpha`, the dual variable. Ascend on it, or pass it through
            :func:`rarecall.functional.reverse_gradient`.
        share: :math:`p`, share of critical samples in the training set, in (0, 1); shape ``(L,)``
            for several labels.
        margin: :math:`m`.

    Returns:
        Shaped like the scores, never reduced; it may be negative.

    Reference:
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, eq. 8; eq. 4 is its
        case m = 1 without :math:`\alpha \ge 0`.

    >>> zero, critical = torch.zeros(1), torch.tensor([1.0, 0.0])
    >>> where = dict(a=zero, b=zero, alpha=zero + 1, share=0.5, margin=1.0)
    >>> auc_saddle(torch.tensor([1.0, 0.0]), critical, 1 - critical, **where)
    tensor([-0.2500,  0.2500])
    """
    rest = 1 - share
    constant = share * rest * alpha * (2 * margin - alpha)
    one = rest * ((scores - a).square() - 2 * alpha * scores)
    other = share * ((scores - b).square() + 2 * alpha * scores)
    return present * one + absent * other + (present + absent) * constant
