"""A smooth partial area under the ROC curve: the hardest pairs of critical and other scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rarecall.functional.sides import Counted, counted_mean, masks, where_both
from rarecall.functional.tail import Pair, exact_softplus, pair_losses

_MOST_POWERS = 16


def partial_auc(
    critical: Tensor,
    others: Tensor,
    *,
    temperature: float,
    others_temperature: float | None = None,
    surrogate: Pair = "squared_hinge",
    counted: Counted | None = None,
) -> Tensor:
    r"""Pair losses weighted towards the hardest critical samples, and on request others.

    One-way (SOPA-s, mirrored), every other sample against the hardest critical ones:

    .. math::
        \frac{1}{N} \sum_{k \in N} L_k, \qquad
        L_k = T \log \frac{1}{P} \sum_{j \in P} e^{\ell(s_j - s_k) / T}

    two-way (SOTA-s, mirrored), the hardest others too:

    .. math:: T' \log \frac{1}{N} \sum_{k \in N} e^{L_k / T'}

    A temperature that tends to 0 takes the maximum, one that tends to infinity the mean.

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        temperature: :math:`T > 0`, in units of the pair loss.
        others_temperature: :math:`T' > 0`; None for the one-way form.
        surrogate: :math:`\ell`, ``"squared_hinge"`` or ``"logistic"``.
        counted: As :func:`split` gives it; None: all scores count.

    Returns:
        Shape ``()``; zero where a class is missing. With the logistic loss and :math:`1 / T` a
        whole number up to 16, as at :math:`T = 1`, found in time and memory :math:`O((P + N) / T)`
        by the binomial theorem; otherwise over the matrix of pairs, :math:`O(P N)`.

    Reference:
        Zhu, Li, Wang, Wu and Yang, *When AUC meets DRO: Optimizing Partial AUC for Deep Learning
        with Non-Convex Convergence Guarantee*, ICML 2022, with scores negated and classes swapped.

    >>> critical, others = torch.tensor([2.0, 0.5]), torch.tensor([0.0, -1.0])
    >>> partial_auc(critical, others, temperature=1e-3)  # the maxima, 0.5² and 0, averaged
    tensor(0.1247)
    >>> partial_auc(critical, others, temperature=1e3)  # all four pairs, averaged
    tensor(0.0625)
    """
    order = _whole_power(temperature) if surrogate == "logistic" else None

    def measure(critical: Tensor, others: Tensor, counted: Counted | None) -> Tensor:
        mine, theirs = masks(counted)
        if order is None:
            losses = pair_losses(critical[:, None] - others, surrogate)
            each = _soft_maximum(losses, temperature, None if mine is None else mine[:, None])
        else:
            each = _logistic_soft_maxima(critical, others, order, mine)
        if others_temperature is None:
            return counted_mean(each, theirs)
        return _soft_maximum(each, others_temperature, theirs)

    return where_both(critical, others, counted, measure)


def _whole_power(temperature: float) -> int | None:
    power = round(1 / temperature)
    return power if 1 <= power <= _MOST_POWERS and abs(power * temperature - 1) < 1e-12 else None


def _logistic_soft_maxima(
    critical: Tensor, others: Tensor, power: int, counted: Tensor | None
) -> Tensor:
    r"""Every other sample's :math:`L_k` at :math:`T = 1/m`, without the pairs.

    .. math::
        e^{m \ell(s_j - s_k)} = (1 + e^{s_k - s_j})^m = \sum_i \binom{m}{i} e^{i s_k} e^{-i s_j}
    """
    # Relative to the lowest critical score: an offset of all scores costs no digits.
    size: float | Tensor = math.log(len(critical))
    if counted is not None:
        critical = critical.masked_fill(~counted, math.inf)
        size = counted.sum().to(others.dtype).log()
    reference = critical.detach().amin()
    powers = torch.arange(1, power + 1, device=others.device, dtype=others.dtype)[:, None]
    inverse = torch.logsumexp(-powers * (critical - reference), dim=1, keepdim=True)
    terms = powers * (others - reference) + inverse - size
    if power > 1:
        # Of the gamma function, since numbers of the host would make an accelerator wait.
        whole = torch.lgamma(powers.new_full((), power + 1))
        terms = terms + (whole - torch.lgamma(powers + 1) - torch.lgamma(power + 1 - powers))
    return exact_softplus(torch.logsumexp(terms, dim=0)) / power


def _soft_maximum(values: Tensor, temperature: float, counted: Tensor | None) -> Tensor:
    fixed = values.detach()
    if counted is None:
        top, size = fixed.amax(dim=0), None
    else:
        top = fixed.masked_fill(~counted, -math.inf).amax(dim=0)
        values, size = torch.where(counted, values, top), counted.sum(dim=0)
    # A mean of losses far below the temperature would drown in log(1 + tiny) without log1p.
    above = torch.expm1((values - top) / temperature)
    mean = above.mean(dim=0) if size is None else above.sum(dim=0) / size
    return top + temperature * torch.log1p(mean)
