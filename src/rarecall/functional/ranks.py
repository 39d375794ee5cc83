"""Ranks, and a penalty on the ranks of critical samples with a useful gradient."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

RankPenalty = Literal["linear", "squared", "cubed", "exponential"]


def descending_ranks(scores: Tensor, critical: Tensor, *, tiebreak: Tensor | None = None) -> Tensor:
    r"""Rank every score; 1 is the highest. Ties count against the critical samples.

    The usual rank, :math:`1 + |\{k : s_k > s_i\}|`, gives tied samples the same, best one, which
    rewards a model that has collapsed to a constant. Here a critical sample ranks below the
    others that it ties with.

    Args:
        scores: Shape ``(n,)``.
        critical: True for critical samples, shape ``(n,)``.
        tiebreak: A second key, higher first, that orders samples of equal score, ``(n,)``.

    Returns:
        A permutation of 1..n, int64, shape ``(n,)``.

    >>> descending_ranks(torch.tensor([0.2, 0.9, 0.2]), torch.tensor([True, False, False]))
    tensor([3, 1, 2])
    """
    return _ranks(scores, _tie_order(critical, tiebreak))


def _tie_order(critical: Tensor, tiebreak: Tensor | None) -> Tensor:
    """Order samples of equal score: higher tie-break first, then the others first."""
    order = torch.argsort(critical.to(torch.int8), stable=True)
    if tiebreak is None:
        return order
    return order[torch.argsort(tiebreak[order], descending=True, stable=True)]


def _ranks(scores: Tensor, order: Tensor) -> Tensor:
    order = order[torch.argsort(scores[order], descending=True, stable=True)]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(1, len(order) + 1, device=order.device)
    return ranks


def rank_penalty(
    scores: Tensor,
    critical: Tensor,
    *,
    strength: float,
    penalty: RankPenalty = "squared",
    tiebreak: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Mean penalty of the critical samples' normalised ranks, differentiable.

    .. math::
        \ell = \frac{1}{|P|} \sum_{i \in P} \varphi(r_i), \quad r = \mathrm{rk}(s) / n, \qquad
        \frac{\partial \ell}{\partial s}
          := -\frac{r - \mathrm{rk}(s + \gamma\, \partial \ell / \partial r) / n}{\gamma}

    The gradient is that of the piecewise-affine interpolation of the ranking (black-box
    differentiation). It is fixed in the forward pass, so that a loss scale or a weight
    multiplies it and does not change how far the interpolation looks.

    Args:
        scores: Shape ``(n,)``.
        critical: True for critical samples, shape ``(n,)``.
        strength: :math:`\gamma > 0`, how far the interpolation looks, in the scores' units.
        penalty: :math:`\varphi`: ``r``, ``r²``, ``r³`` or ``exp(r)``.
        tiebreak: A second key that orders equal scores, shape ``(n,)``.

    Returns:
        The penalty, a scalar (a graph-connected 0 without critical samples), and the gradient
        with respect to the scores, detached, shape ``(n,)``.

    Reference:
        Mohammadi et al., *Ranking Regularization for Critical Rare Classes*, CVPR 2023, eq. 3-5;
        Rolínek et al., *Optimizing Rank-Based Metrics with Blackbox Differentiation*, CVPR 2020.

    >>> value, _ = rank_penalty(
    ...     torch.tensor([3.0, 2.0, 1.0, 0.0]), torch.tensor([0, 1, 1, 0]) == 1, strength=1.0
    ... )
    >>> value * 4**2 * 2  # 2² + 3², without normalisation
    tensor(13.)
    """
    fixed = scores.detach()
    n, n_critical = len(scores), critical.sum().clamp(min=1)
    order = _tie_order(critical, tiebreak)  # the same for both rankings
    ranks = _ranks(fixed, order).to(fixed.dtype) / n
    value, slope = _penalty(ranks, penalty)
    pull = torch.where(critical, slope, 0.0) / n_critical
    moved = _ranks(fixed + strength * pull, order).to(fixed.dtype) / n
    gradient = (moved - ranks) / strength
    total = torch.where(critical, value, 0.0).sum() / n_critical
    return total + (gradient * (scores - fixed)).sum(), gradient


def _penalty(ranks: Tensor, penalty: RankPenalty) -> tuple[Tensor, Tensor]:
    if penalty == "linear":
        return ranks, torch.ones_like(ranks)
    if penalty == "squared":
        return ranks**2, 2 * ranks
    if penalty == "cubed":
        return ranks**3, 3 * ranks**2
    value = torch.exp(ranks)
    return value, value
