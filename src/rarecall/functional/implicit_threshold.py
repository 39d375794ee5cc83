"""The threshold at which a smooth true positive rate is the wanted one, and its gradient."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Surrogate = Literal["sigmoid", "hinge", "squared_hinge"]

_SECTIONS, _ROUNDS = 32, 12  # 32 ** 12 = 2 ** 60: as fine as float64 can tell


def _missed(gaps: Tensor, surrogate: Surrogate) -> Tensor:
    """How much a critical score that lies ``gaps`` below the threshold counts as missed."""
    if surrogate == "sigmoid":
        return torch.sigmoid(gaps)
    reach = torch.relu(1 + gaps)
    return reach if surrogate == "hinge" else reach.square()


def _missed_inverse(share: float, surrogate: Surrogate) -> float:
    if surrogate == "sigmoid":
        return math.log(share) - math.log1p(-share)
    return (share if surrogate == "hinge" else math.sqrt(share)) - 1


def _pull(gaps: Tensor, surrogate: Surrogate, counted: Tensor | None) -> Tensor:
    """Give the weight of every score in the threshold's gradient; non-negative, sums to 1."""
    if surrogate == "sigmoid":
        # As a softmax: with every score far from the threshold the slopes underflow to 0 / 0.
        logs = F.logsigmoid(gaps) + F.logsigmoid(-gaps)
        logs = logs if counted is None else logs.masked_fill(~counted, -math.inf)
        return torch.softmax(logs, dim=0)
    reach = torch.relu(1 + gaps)
    slopes = (reach > 0).to(gaps.dtype) if surrogate == "hinge" else reach
    slopes = slopes if counted is None else slopes * counted
    return slopes / slopes.sum()


def implicit_threshold(
    critical: Tensor,
    *,
    tpr: float,
    surrogate: Surrogate = "sigmoid",
    scale: float = 1.0,
    counted: Tensor | None = None,
) -> Tensor:
    r"""Threshold that keeps a smooth true positive rate, with the exact gradient through it.

    It is the root :math:`\tau` of

    .. math:: \frac{1}{P} \sum_{j \in P} \phi(c\,(\tau - s_j)) = 1 - \beta

    with :math:`\phi(z)` the sigmoid, the hinge :math:`(1 + z)_+` or its square. The root is found
    by nested sections in double precision; by the implicit function theorem its gradient is

    .. math::
        \frac{\partial \tau}{\partial s_j} =
        \frac{\phi'(c\,(\tau - s_j))}{\sum_{i \in P} \phi'(c\,(\tau - s_i))}

    The sigmoid tends to the true rate as the scale grows. The hinges lie above it, so that their
    threshold misses no more than :math:`1 - \beta` of the scores.

    Args:
        critical: Scores of critical samples, shape ``(P,)``, P >= 1.
        tpr: :math:`\beta`, in (0, 1).
        surrogate: :math:`\phi`: ``"sigmoid"``, ``"hinge"`` or ``"squared_hinge"``.
        scale: :math:`c > 0`; one over the sigmoid's temperature.
        counted: True for the scores that count, at least one, shape ``(P,)``, so that shapes need
            not depend on labels; None for all.

    Returns:
        The threshold, shape ``()``; it can be differentiated once.

    Reference:
        Kumar, Narasimhan and Cotter, *Implicit Rate-Constrained Optimization of Non-decomposable
        Objectives*, ICML 2021 (sigmoid); Adam, Mácha, Šmídl and Pevný, *General Framework for
        Binary Classification on Top Samples*, 2020 (hinges).

    >>> scores = torch.tensor([0.0, 1.0, 2.0, 3.0])
    >>> implicit_threshold(scores, tpr=0.5)
    tensor(1.5000)
    >>> implicit_threshold(scores, tpr=0.9, surrogate="hinge")  # 1 + τ - 0 = 4 * 0.1
    tensor(-0.6000)
    """
    with torch.no_grad():
        # Some devices know no float64.
        dtype = torch.float32 if critical.device.type == "mps" else torch.float64
        known = critical.detach().to(dtype)
        shift = _missed_inverse(1 - tpr, surrogate) / scale
        low, high = known, known
        if counted is None:
            shares = known.new_full(known.shape, 1 / len(known))
        else:
            low = known.masked_fill(~counted, math.inf)
            high = known.masked_fill(~counted, -math.inf)
            shares = counted.to(dtype) / counted.sum()
        low, high = low.amin() + shift, high.amax() + shift
        inner = torch.arange(_SECTIONS + 1, dtype=dtype, device=known.device) / _SECTIONS
        for _ in range(_ROUNDS):
            grid = low + (high - low) * inner
            missed = shares @ _missed(scale * (grid[1:-1] - known[:, None]), surrogate)
            below = (missed < 1 - tpr).sum()
            # take, not [], which would wait for the device.
            low, high = grid.take(below), grid.take(below + 1)
        threshold = (low + high) / 2
        weights = _pull(scale * (threshold - known), surrogate, counted).to(critical.dtype)
    return threshold.to(critical.dtype) + (weights * (critical - critical.detach())).sum()
