"""Logistic regression on soft targets with few coefficients: what the parametric maps share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLATTEST = 1e-3
"""Least rise of a parametric map, in logits over half the range of the fitted scores.

A part that is small or noisy may speak against the order of the scores. The map then stays all but
flat, at the share of critical samples, and the order is kept.
"""

_ROUNDS = 200
_SMALLEST_STEP = 2.0**-40
_MOST = sys.float_info.max


class Standard(NamedTuple):
    """Scores moved and scaled to [-1, 1].

    Attributes:
        values: Shape ``(n,)``.
        center: The middle of their range, taken away.
        half_range: What they were then divided by.
    """

    values: NDArray[np.float64]
    center: float
    half_range: float

    def per_unit(self, slope: float) -> float:
        """Turn a slope over half the range into one per unit of the scores; always finite."""
        return min(slope / self.half_range, _MOST)


def standardised(values: NDArray[np.float64]) -> Standard:
    """Move and scale scores, which are not all equal, to [-1, 1]; none is too large.

    >>> standardised(np.array([0.0, 4.0, 1.0])).values
    array([-1. ,  1. , -0.5])
    """
    # Halves first: the sum and the distance of the largest floats would overflow.
    low, high = float(values.min()) / 2, float(values.max()) / 2
    center, half_range = low + high, max(high - low, sys.float_info.min)
    return Standard((values - center) / half_range, center, half_range)


def soft_targets(critical: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Platt's targets, :math:`(n_1 + 1) / (n_1 + 2)` and :math:`1 / (n_0 + 2)`.

    They are what a class's probability is after that many samples without an exception. With them
    the best coefficients are finite however well the classes are separated.

    >>> soft_targets(np.array([True, False, False]), np.ones(3))
    array([0.66666667, 0.25      , 0.25      ])
    """
    positives, negatives = weights[critical].sum(), weights[~critical].sum()
    targets: NDArray[np.float64] = np.where(
        critical, (positives + 1) / (positives + 2), 1 / (negatives + 2)
    )
    return targets


def fit_logistic(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    at_least: NDArray[np.float64],
) -> NDArray[np.float64]:
    r"""Minimise the cross-entropy of :math:`\sigma(X c)` to soft targets, by Newton's method.

    A coefficient that comes out below its bound is set to it and the others are fitted again, one
    after another (as Kull et al. do for beta calibration).

    Args:
        features: Of moderate size (scaled), shape ``(n, k)``.
        targets: Inside (0, 1), shape ``(n,)``; :func:`soft_targets`.
        weights: At least 0, shape ``(n,)``.
        at_least: Lower bound of every coefficient, shape ``(k,)``; may be ``-inf``.

    Returns:
        The coefficients, shape ``(k,)``.

    >>> x = np.column_stack([np.array([-1.0, 1.0]), np.ones(2)])
    >>> found = fit_logistic(x, np.array([0.25, 0.75]), np.ones(2), np.full(2, -np.inf))
    >>> bool(np.allclose(found, [np.log(3), 0.0]))
    True
    """
    coefficients = np.maximum(np.zeros(features.shape[1]), at_least)
    free = np.ones(features.shape[1], dtype=bool)
    while free.any():
        coefficients[free] = _newton(
            features[:, free], features[:, ~free] @ coefficients[~free], targets, weights
        )
        below = free & (coefficients < at_least)
        if not below.any():
            break
        first = int(np.argmax(below))
        coefficients[first] = at_least[first]
        free[first] = False
    return coefficients


def _newton(
    features: NDArray[np.float64],
    offset: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    coefficients = np.zeros(features.shape[1])
    logits = offset
    loss = _loss(logits, targets, weights)
    for _ in range(_ROUNDS):
        probabilities = expit(logits)
        slope = features.T @ (weights * (probabilities - targets))
        bend = features.T @ (features * (weights * probabilities * (1 - probabilities))[:, None])
        # Least squares: two distinct scores cannot fix three coefficients. Scaled, so that none
        # is taken for undetermined only because its feature is small.
        size = 1.0 / np.sqrt(np.maximum(np.diag(bend), 1e-300))
        scaled = bend * np.outer(size, size)
        step = size * np.linalg.lstsq(scaled, -slope * size, rcond=None)[0]
        promised = float(slope @ step)
        if promised > -1e-14 * max(loss, 1e-300):
            break
        length = 1.0
        while True:
            moved = coefficients + length * step
            tried = offset + features @ moved
            new = _loss(tried, targets, weights)
            if new <= loss + 1e-4 * length * promised or length < _SMALLEST_STEP:
                break
            length /= 2
        if not new < loss:
            break
        coefficients, logits, loss = moved, tried, new
    return coefficients


def _loss(
    logits: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    return float(weights @ (np.logaddexp(0.0, logits) - targets * logits))
