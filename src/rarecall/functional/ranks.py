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
    if tiebreak is None:
        order = _falling(scores, critical)
    else:
        order = _reordered(_falling(tiebreak, critical), scores)
    places = torch.arange(1, scores.shape[-1] + 1, device=order.device).expand_as(order)
    return torch.empty_like(order).scatter(-1, order, places)


def _falling(values: Tensor, critical: Tensor) -> Tensor:
    """Order by falling value; of equal ones the critical come last."""
    # As bytes: not every device sorts truth values.
    return _reordered(critical.byte().argsort(dim=-1, stable=True), values)


def _reordered(order: Tensor, key: Tensor) -> Tensor:
    """Order by a falling key what is in some order; equal keys keep it."""
    return order.gather(-1, key.gather(-1, order).argsort(dim=-1, descending=True, stable=True))


def rank_penalty(
    scores: Tensor,
    critical: Tensor,
    *,
    strength: float,
    penalty: RankPenalty = "squared",
    raw: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Mean penalty of the critical samples' normalised ranks, differentiable.

    .. math::
        \ell = \frac{1}{|P|} \sum_{i \in P} \varphi(r_i), \quad r = \mathrm{rk}(s) / n, \qquad
        \frac{\partial \ell}{\partial s}
          := -\frac{r - \mathrm{rk}(s + \gamma\, \partial \ell / \partial r) / n}{\gamma}

    The gradient is that of the piecewise-affine interpolation of the ranking (black-box
    differentiation). It is fixed in the forward pass, so that a loss scale or a weight
    multiplies it and does not change how far the interpolation looks. By sorting: time
    :math:`O(n \log n)`, memory :math:`O(n)`.

    Args:
        scores: Shape ``(..., n)``; each row (ensemble member, class) is ranked for itself.
        critical: True for critical samples, shaped like the scores.
        strength: :math:`\gamma > 0`, how far the interpolation looks, in the scores' units.
        penalty: :math:`\varphi`: ``r``, ``r²``, ``r³`` or ``exp(r)``.
        raw: Of what the scores are a rising function that rounding has made flat, such as the
            logits of probabilities; the ranks are theirs. Shaped like the scores.

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
    order = _falling(fixed if raw is None else raw.detach(), critical)
    falling = fixed.gather(-1, order)
    if raw is not None:
        # A last digit may have come out the wrong way round.
        falling = falling.cummin(dim=-1).values
    places = torch.arange(1, scores.shape[-1] + 1, dtype=fixed.dtype, device=fixed.device)
    ranks = places / scores.shape[-1]
    value, slope = _penalty(ranks, penalty)
    share = critical.gather(-1, order).to(fixed.dtype)
    share = share / share.sum(dim=-1, keepdim=True).clamp(min=1)
    moved = torch.add(falling, slope * share, alpha=strength)
    again = moved.argsort(dim=-1, descending=True, stable=True)
    change = torch.empty_like(falling).scatter(-1, again, ranks.expand_as(falling)) - ranks
    gradient = torch.empty_like(falling).scatter(-1, order, change / strength)
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
