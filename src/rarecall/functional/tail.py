"""Measures of the tail that decides the false positive rate at a high true positive rate."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.implicit_threshold import Surrogate, implicit_threshold

FalsePositives = Literal["softplus", "sigmoid"]
Pair = Literal["squared_hinge", "logistic"]

_MOST_POWERS = 16


def _nothing(critical: Tensor, others: Tensor) -> Tensor:
    return 0 * (critical.sum() + others.sum())


def _softplus(values: Tensor) -> Tensor:
    # PyTorch's own is the identity from 20 on, which is wrong by 2e-9.
    return -F.logsigmoid(-values)


def _pair(gaps: Tensor, surrogate: Pair) -> Tensor:
    """Loss of a critical score that lies ``gaps`` above another one."""
    return torch.relu(1 - gaps).square() if surrogate == "squared_hinge" else _softplus(-gaps)


def implicit_fpr(
    critical: Tensor,
    others: Tensor,
    *,
    tpr: float,
    temperature: float = 1.0,
    surrogate: FalsePositives = "softplus",
) -> Tensor:
    r"""Smooth false positive rate at the threshold that keeps the true positive rate.

    .. math::
        \frac{1}{N} \sum_{k \in N} \psi\big((s_k - \tau) / T\big), \qquad
        \frac{1}{P} \sum_{j \in P} \sigma\big((s_j - \tau) / T\big) = \beta

    with :math:`\psi` the sigmoid, or the softplus, whose slope does not vanish for others far
    above the threshold. As :math:`T \to 0` the sigmoid's value tends to the exact rate.

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        tpr: :math:`\beta`, in (0, 1).
        temperature: :math:`T > 0`, in the scores' units.
        surrogate: :math:`\psi`.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Kumar, Narasimhan and Cotter, *Implicit Rate-Constrained Optimization of Non-decomposable
        Objectives*, ICML 2021.

    >>> critical, others = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.5, 0.5, 0.2])
    >>> implicit_fpr(critical, others, tpr=0.5, temperature=0.01, surrogate="sigmoid")
    tensor(0.2500)
    """
    if not critical.numel() or not others.numel():
        return _nothing(critical, others)
    threshold = implicit_threshold(critical, tpr=tpr, scale=1 / temperature)
    excess = (others - threshold) / temperature
    return (torch.sigmoid(excess) if surrogate == "sigmoid" else _softplus(excess)).mean()


def matched_fpr(
    critical: Tensor,
    others: Tensor,
    *,
    tpr: float,
    scale: float = 1.0,
    surrogate: Surrogate = "hinge",
) -> Tensor:
    r"""Convex false positive rate above a convex threshold (Pat&Mat-NP, mirrored).

    .. math::
        \frac{1}{N} \sum_{k \in N} \phi(s_k - \tau), \qquad
        \frac{1}{P} \sum_{j \in P} \phi\big(\vartheta\,(\tau - s_j)\big) = 1 - \beta

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        tpr: :math:`\beta`, in (0, 1).
        scale: :math:`\vartheta > 0`; the larger, the closer the threshold to the true quantile.
        surrogate: :math:`\phi`, ``"hinge"`` or ``"squared_hinge"``.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Adam, Mácha, Šmídl and Pevný, *General Framework for Binary Classification on Top
        Samples*, 2020 (Pat&Mat-NP), with scores negated and classes swapped.

    >>> matched_fpr(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0]), tpr=0.75)  # τ = 1.5
    tensor(0.2500)
    """
    if not critical.numel() or not others.numel():
        return _nothing(critical, others)
    threshold = implicit_threshold(critical, tpr=tpr, surrogate=surrogate, scale=scale)
    reach = torch.relu(1 + others - threshold)
    return (reach if surrogate == "hinge" else reach.square()).mean()


def top_push(critical: Tensor, others: Tensor, *, surrogate: Pair = "squared_hinge") -> Tensor:
    r"""How far the others are from lying below the lowest critical score (TopPush, mirrored).

    .. math:: \frac{1}{N} \sum_{k \in N} \ell\big(\min_{j \in P} s_j - s_k\big)

    with :math:`\ell(z) = (1 - z)_+^2` or :math:`\log(1 + e^{-z})`.

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        surrogate: :math:`\ell`, ``"squared_hinge"`` or ``"logistic"``.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Li, Jin and Zhou, *Top Rank Optimization in Linear Time*, NeurIPS 2014, with scores
        negated and classes swapped.

    >>> top_push(torch.tensor([2.0, 9.0]), torch.tensor([0.0, 1.5]))  # 0 and 0.5²
    tensor(0.1250)
    """
    if not critical.numel() or not others.numel():
        return _nothing(critical, others)
    return _pair(critical.amin() - others, surrogate).mean()


def partial_auc(
    critical: Tensor,
    others: Tensor,
    *,
    temperature: float,
    others_temperature: float | None = None,
    surrogate: Pair = "squared_hinge",
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
    if not critical.numel() or not others.numel():
        return _nothing(critical, others)
    order = _whole_power(temperature) if surrogate == "logistic" else None
    if order is None:
        each = _soft_maximum(_pair(critical[:, None] - others, surrogate), temperature)
    else:
        each = _logistic_soft_maxima(critical, others, order)
    return each.mean() if others_temperature is None else _soft_maximum(each, others_temperature)


def _whole_power(temperature: float) -> int | None:
    power = round(1 / temperature)
    return power if 1 <= power <= _MOST_POWERS and abs(power * temperature - 1) < 1e-12 else None


def _logistic_soft_maxima(critical: Tensor, others: Tensor, power: int) -> Tensor:
    r"""Every other sample's :math:`L_k` at :math:`T = 1/m`, without the pairs.

    .. math::
        e^{m \ell(s_j - s_k)} = (1 + e^{s_k - s_j})^m = \sum_i \binom{m}{i} e^{i s_k} e^{-i s_j}
    """
    # Relative to the lowest critical score: an offset of all scores costs no digits.
    reference = critical.detach().amin()
    powers = torch.arange(1, power + 1, device=others.device, dtype=others.dtype)[:, None]
    log_weights = [[math.log(math.comb(power, i) / len(critical))] for i in range(1, power + 1)]
    inverse = torch.logsumexp(-powers * (critical - reference), dim=1, keepdim=True)
    terms = others.new_tensor(log_weights) + powers * (others - reference) + inverse
    return _softplus(torch.logsumexp(terms, dim=0)) / power


def _soft_maximum(values: Tensor, temperature: float) -> Tensor:
    # A mean of losses far below the temperature would drown in log(1 + tiny) without log1p.
    top = values.detach().amax(dim=0)
    return top + temperature * torch.log1p(torch.expm1((values - top) / temperature).mean(dim=0))
