"""Measures of the tail that decides the false positive rate at a high true positive rate."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rarecall.functional.implicit_threshold import Surrogate, implicit_threshold
from rarecall.functional.sides import Counted, counted_mean, masks, where_both

FalsePositives = Literal["softplus", "sigmoid"]
Pair = Literal["squared_hinge", "logistic"]


def exact_softplus(values: Tensor) -> Tensor:
    """Give log(1 + exp(values)) to the last digit."""
    # PyTorch's own is the identity from 20 on, which is wrong by 2e-9.
    return -F.logsigmoid(-values)


def pair_losses(gaps: Tensor, surrogate: Pair) -> Tensor:
    """Loss of a critical score that lies ``gaps`` above another one."""
    return torch.relu(1 - gaps).square() if surrogate == "squared_hinge" else exact_softplus(-gaps)


def implicit_fpr(
    critical: Tensor,
    others: Tensor,
    *,
    tpr: float,
    temperature: float = 1.0,
    surrogate: FalsePositives = "softplus",
    counted: Counted | None = None,
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
        counted: As :func:`split` gives it; None: all scores count.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Kumar, Narasimhan and Cotter, *Implicit Rate-Constrained Optimization of Non-decomposable
        Objectives*, ICML 2021.

    >>> critical, others = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.5, 0.5, 0.2])
    >>> implicit_fpr(critical, others, tpr=0.5, temperature=0.01, surrogate="sigmoid")
    tensor(0.2500)
    """

    def measure(critical: Tensor, others: Tensor, counted: Counted | None) -> Tensor:
        mine, theirs = masks(counted)
        threshold = implicit_threshold(critical, tpr=tpr, scale=1 / temperature, counted=mine)
        excess = (others - threshold) / temperature
        rates = torch.sigmoid(excess) if surrogate == "sigmoid" else exact_softplus(excess)
        return counted_mean(rates, theirs)

    return where_both(critical, others, counted, measure)


def matched_fpr(
    critical: Tensor,
    others: Tensor,
    *,
    tpr: float,
    scale: float = 1.0,
    surrogate: Surrogate = "hinge",
    counted: Counted | None = None,
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
        counted: As :func:`split` gives it; None: all scores count.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Adam, Mácha, Šmídl and Pevný, *General Framework for Binary Classification on Top
        Samples*, 2020 (Pat&Mat-NP), with scores negated and classes swapped.

    >>> matched_fpr(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0]), tpr=0.75)  # τ = 1.5
    tensor(0.2500)
    """

    def measure(critical: Tensor, others: Tensor, counted: Counted | None) -> Tensor:
        mine, theirs = masks(counted)
        threshold = implicit_threshold(
            critical, tpr=tpr, surrogate=surrogate, scale=scale, counted=mine
        )
        reach = torch.relu(1 + others - threshold)
        return counted_mean(reach if surrogate == "hinge" else reach.square(), theirs)

    return where_both(critical, others, counted, measure)


def top_push(
    critical: Tensor,
    others: Tensor,
    *,
    surrogate: Pair = "squared_hinge",
    counted: Counted | None = None,
) -> Tensor:
    r"""How far the others are from lying below the lowest critical score (TopPush, mirrored).

    .. math:: \frac{1}{N} \sum_{k \in N} \ell\big(\min_{j \in P} s_j - s_k\big)

    with :math:`\ell(z) = (1 - z)_+^2` or :math:`\log(1 + e^{-z})`.

    Args:
        critical: Scores of critical samples, shape ``(P,)``.
        others: Scores of the other samples, shape ``(N,)``.
        surrogate: :math:`\ell`, ``"squared_hinge"`` or ``"logistic"``.
        counted: As :func:`split` gives it; None: all scores count.

    Returns:
        Shape ``()``; zero where a class is missing.

    Reference:
        Li, Jin and Zhou, *Top Rank Optimization in Linear Time*, NeurIPS 2014, with scores
        negated and classes swapped.

    >>> top_push(torch.tensor([2.0, 9.0]), torch.tensor([0.0, 1.5]))  # 0 and 0.5²
    tensor(0.1250)
    """

    def measure(critical: Tensor, others: Tensor, counted: Counted | None) -> Tensor:
        mine, theirs = masks(counted)
        lowest = critical if mine is None else critical.masked_fill(~mine, math.inf)
        return counted_mean(pair_losses(lowest.amin() - others, surrogate), theirs)

    return where_both(critical, others, counted, measure)
