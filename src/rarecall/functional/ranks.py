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
        scores: Shape ``(..., n)``; each row is ranked for itself.
        critical: True for critical samples, shaped like the scores.
        tiebreak: A second key, higher first, that orders samples of equal score, shaped like them.

    Returns:
        A permutation of 1..n in every row, int64, shaped like the scores.

    >>> descending_ranks(torch.tensor([0.2, 0.9, 0.2]), torch.tensor([True, False, False]))
    tensor([3, 1, 2])
    """
    return _ranks(scores, _tie_order(critical, tiebreak), _counting(scores) + 1)


def _tie_order(critical: Tensor, tiebreak: Tensor | None) -> Tensor:
    """Order samples of equal score: higher tie-break first, then the others first."""
    # Where each sample comes to stand is counted, which costs less than a sort.
    others = (~critical).cumsum(dim=-1)
    place = torch.where(critical, others[..., -1:] + critical.cumsum(dim=-1), others) - 1
    order = torch.empty_like(place).scatter(-1, place, _counting(place))
    if tiebreak is None:
        return order
    return order.gather(-1, tiebreak.gather(-1, order).argsort(descending=True, stable=True))


def _ranks(scores: Tensor, order: Tensor, names: Tensor) -> Tensor:
    """Give every score the name of its rank."""
    order = order.gather(-1, scores.gather(-1, order).argsort(descending=True, stable=True))
    return torch.empty_like(names).scatter(-1, order, names)


def _counting(like: Tensor) -> Tensor:
    return torch.arange(like.shape[-1], device=like.device).expand_as(like)


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
    multiplies it and does not change how far the interpolation looks. Two sorts: time
    :math:`O(n \log n)`, memory :math:`O(n)`.

    Args:
        scores: Shape ``(..., n)``; each row (ensemble member, class) is ranked for itself.
        critical: True for critical samples, shaped like the scores.
        strength: :math:`\gamma > 0`, how far the interpolation looks, in the scores' units.
        penalty: :math:`\varphi`: ``r``, ``r²``, ``r³`` or ``exp(r)``.
        tiebreak: A second key that orders equal scores, shaped like them.

    Returns:
        The penalty, one a row, shape ``(...)`` (a graph-connected 0 without critical samples), and
        the gradient with respect to the scores, detached, shaped like them.

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
    order = _tie_order(critical, tiebreak)  # the same for both rankings
    places = torch.arange(1, scores.shape[-1] + 1, dtype=fixed.dtype, device=fixed.device)
    names = (places / scores.shape[-1]).expand_as(fixed)
    ranks = _ranks(fixed, order, names)
    value, slope = _penalty(ranks, penalty)
    share = critical.to(fixed.dtype)
    share = share / share.sum(dim=-1, keepdim=True).clamp(min=1)
    moved = _ranks(torch.add(fixed, slope * share, alpha=strength), order, names)
    gradient = (moved - ranks) / strength
    total = (value * share).sum(dim=-1)
    return total + (gradient * (scores - fixed)).sum(dim=-1), gradient


def _penalty(ranks: Tensor, penalty: RankPenalty) -> tuple[Tensor, Tensor]:
    if penalty == "linear":
        return ranks, torch.ones_like(ranks)
    if penalty == "squared":
        return ranks**2, 2 * ranks
    if penalty == "cubed":
        return ranks**3, 3 * ranks**2
    value = torch.exp(ranks)
    return value, value
