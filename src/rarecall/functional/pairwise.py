"""Hinges of the pairs of a critical and another sample, and their sums."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.sorted_pairs import dense_is_faster, hinge_sums


def pair_violations(critical: Tensor, others: Tensor, *, margin: float | Tensor) -> Tensor:
    r"""How far every pair misses the margin.

    .. math:: h_{jk} = \max(0,\ \delta - (s_j - s_k))

    Args:
        critical: Scores of critical samples, shape ``(P,)``; P may be 0.
        others: Scores of the other samples, shape ``(N,)``; N may be 0.
        margin: :math:`\delta \ge 0`, in the scores' units.

    Returns:
        One violation a pair, >= 0, shape ``(P, N)``.

    >>> pair_violations(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=0.0)
    tensor([[0.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    return torch.relu(margin - (critical[:, None] - others[None, :]))


def hinge_violations(critical: Tensor, others: Tensor, *, margin: float | Tensor) -> Tensor:
    r"""How far, summed over the other samples, each critical score misses the margin.

    .. math:: q_j = \sum_{k \in N} \max(0,\ \delta - (s_j - s_k))

    The mirrored sums, one a sample of the others, are ``hinge_violations(-others, -critical)``.
    From some hundred thousand pairs on they are found by a sort, without the matrix of pairs:
    :func:`hinge_sums`.

    Args:
        critical: Scores of critical samples, shape ``(P,)``; P may be 0.
        others: Scores of the other samples, shape ``(N,)``; N may be 0.
        margin: :math:`\delta \ge 0`, in the scores' units.

    Returns:
        One violation a critical sample, >= 0, shape ``(P,)``.

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, eq. 4 and 5.

    >>> hinge_violations(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=0.0)
    tensor([0.0000, 0.5000])
    """
    return hinge_sums(critical, others, margin=margin)


def class_violations(
    critical: Tensor, others: Tensor, classes: Tensor, *, margin: float | Tensor
) -> Tensor:
    r"""How far a critical sample resembles, more than it should, the class of another sample.

    .. math:: \max(0,\ \delta + f^{c(k)}(x_j) - f^{c(k)}(x_k)), \qquad c(k): \text{class of } x_k

    Args:
        critical: Values of every class on critical samples, shape ``(P, C)``.
        others: Values of every class on the other samples, shape ``(N, C)``.
        classes: Class of every other sample, int64, shape ``(N,)``.
        margin: :math:`\delta \ge 0`, in the values' units.

    Returns:
        One violation a pair, >= 0, shape ``(P, N)``.

    Reference:
        Sangalli et al., NeurIPS 2021, the second term of eq. 7.

    >>> critical, others = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.75, 0.25]])
    >>> class_violations(critical, others, torch.tensor([0]), margin=0.5)
    tensor([[0.2500]])
    """
    own = others.gather(1, classes[:, None]).squeeze(1)
    return torch.relu(margin + critical[:, classes] - own[None, :])


def class_violation_sums(
    critical: Tensor,
    others: Tensor,
    classes: Tensor,
    *,
    margin: float | Tensor,
    side: Literal["critical", "others"] = "critical",
    counts: Tensor | None = None,
) -> Tensor:
    r"""Sum :func:`class_violations` over the other samples, or over the critical ones.

    .. math:: q_j = \sum_{k \in N} \max(0,\ \delta + f^{c(k)}(x_j) - f^{c(k)}(x_k))

    Found class by class from sorted values where that costs less than the matrix of pairs:
    :math:`O(C (P + N) \log (P + N))`.

    Args:
        critical: Values of every class on critical samples, shape ``(P, C)``.
        others: Values of every class on the other samples, shape ``(N, C)``.
        classes: Class of every other sample, int64, shape ``(N,)``.
        margin: :math:`\delta \ge 0`, in the values' units.
        side: Whose sums are wanted.
        counts: How often each sample of the other side counts, >= 0, so that shapes need not
            depend on labels; None for once each. No gradient flows to it.

    Returns:
        Shape ``(P,)``, or ``(N,)`` for the side of the others.

    >>> critical, others = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    >>> class_violation_sums(critical, others, torch.tensor([0, 1]), margin=0.5)
    tensor([0.5000])
    """
    if dense_is_faster(len(critical), len(others), critical.device.type != "cpu"):
        pairs = class_violations(critical, others, classes, margin=margin)
        pairs = pairs if side == "critical" else pairs.T
        return pairs.sum(dim=1) if counts is None else pairs @ counts.detach().to(pairs.dtype)
    values, rivals = critical.T.contiguous(), others.T.contiguous()
    if side == "others":
        counts = None if counts is None else counts.expand_as(values)
        sums = hinge_sums(rivals, values, margin=margin, counts=counts)
        return sums.gather(0, classes[None]).squeeze(0)
    member = F.one_hot(classes, critical.shape[1]).T.to(values.dtype)
    member = member if counts is None else member * counts
    return hinge_sums(-values, -rivals, margin=margin, counts=member).sum(dim=0)


def count_violated(critical: Tensor, others: Tensor, *, margin: float | Tensor) -> Tensor:
    """Count the pairs that miss the margin, without making them.

    Args:
        critical: Scores of critical samples, shape ``(..., P)``.
        others: Scores of the other samples, shape ``(..., N)``, with the same leading dimensions.
        margin: In the scores' units.

    Returns:
        Counts between 0 and ``P N``, int64, in the shape of the leading dimensions; it takes
        ``O((P + N) log min(P, N))`` time: the shorter side is sorted.

    >>> count_violated(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0]), margin=0.0)
    tensor(1)
    """
    limits, others = critical.detach() - margin, others.detach()
    if limits.shape[-1] < others.shape[-1]:
        # `contiguous`, since a search through or for strided numbers warns of a copy.
        ordered = limits.sort(dim=-1).values
        return torch.searchsorted(ordered, others.contiguous()).sum(dim=-1)
    met = torch.searchsorted(others.sort(dim=-1).values, limits, right=True)
    return (others.shape[-1] - met).sum(dim=-1)
