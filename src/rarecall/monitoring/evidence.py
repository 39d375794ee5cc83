"""Evidence that may be looked at after every case: test martingales for a rate of failures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc, betaln

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_LEAST, _MOST = 1e-300, 1.0 - 2.0**-53


def prior_of(bound: float) -> tuple[float, float]:
    """Choose the Beta distribution that spreads the bets over failure rates.

    Its mean is near twice the promised rate: falls that matter are found soonest, and no other is
    left out.
    """
    return 0.5, 0.25 / bound


def log_evidence(failures: ArrayLike, kept: ArrayLike, bound: float) -> NDArray[np.float64]:
    r"""Evidence against a failure rate of at most ``bound``, as the log of a bet's capital.

    .. math:: E = \int_{q_0}^{1} \Bigl(\frac{q}{q_0}\Bigr)^{m}
              \Bigl(\frac{1 - q}{1 - q_0}\Bigr)^{k} \, d\Pi(q)

    with :math:`m` failures, :math:`k` cases kept, and a Beta distribution cut off below
    :math:`q_0`. For every failure rate up to :math:`q_0`, even one that changes from case to case,
    it is a supermartingale that begins at 1: the chance that it *ever* reaches :math:`1/\alpha` is
    at most :math:`\alpha` (Ville).

    Args:
        failures: Number of failures so far, any shape.
        kept: Number of other cases so far, same shape.
        bound: The promised rate :math:`q_0`, in (0, 1).

    Reference:
        Ramdas, Grünwald, Vovk & Shafer, *Game-theoretic statistics and safe anytime-valid
        inference*, Statistical Science 2023.

    >>> log_evidence([0, 3], [0, 0], bound=0.05).round(2)
    array([0.  , 4.75])
    """
    m, k = np.asarray(failures, dtype=np.float64), np.asarray(kept, dtype=np.float64)
    a, b = prior_of(bound)
    # The share of a distribution above the bound may be too small for a float: no evidence.
    with np.errstate(divide="ignore"):
        above = np.log(betaincc(a + m, b + k, bound)) - np.log(betaincc(a, b, bound))
    capital = betaln(a + m, b + k) - betaln(a, b) - m * math.log(bound) - k * math.log1p(-bound)
    return np.asarray(above + capital)


def anytime_interval(failures: int, kept: int, bound: float, alpha: float) -> tuple[float, float]:
    r"""Bound the failure rate so that the bounds hold at all times together.

    All rates :math:`q` against which a bet with the whole Beta distribution has not reached
    :math:`1/\alpha` (Robbins). For independent cases of one failure rate.

    Args:
        failures: Number of failures so far.
        kept: Number of other cases so far.
        bound: The promised rate; fixes the bets only.
        alpha: Chance that the interval ever fails to hold the rate.

    Returns:
        Lower and upper bound, in [0, 1].

    >>> [round(value, 3) for value in anytime_interval(3, 37, 0.05, 0.05)]
    [0.008, 0.249]
    """
    a, b = prior_of(bound)
    begin = float(betaln(a + failures, b + kept) - betaln(a, b)) + math.log(alpha)

    def excess(rate: float) -> float:
        wins = failures * math.log(rate) if failures else 0.0
        return begin - wins - (kept * math.log1p(-rate) if kept else 0.0)

    n = failures + kept
    if not n:
        return 0.0, 1.0
    likely = failures / n
    low, high = 0.0, 1.0
    if failures and excess(_LEAST) > 0:
        low = float(brentq(excess, _LEAST, likely if kept else _MOST, xtol=1e-12))
    if kept and excess(_MOST) > 0:
        high = float(brentq(excess, likely if failures else _LEAST, _MOST, xtol=1e-12))
    return low, high
