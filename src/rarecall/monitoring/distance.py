"""How far new scores are from old ones: Kolmogorov–Smirnov and the population stability index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.monitoring.reference import Distribution

BINS = 10
"""Of the population stability index: tenths of the reference."""

_EXACT = 20_000
"""Most pairs of a new and an old score for which the exact distribution is worked out."""


def largest_gap(new: Distribution, old: Distribution) -> float:
    r"""Kolmogorov and Smirnov's distance, :math:`\sup_s |F_\mathrm{new}(s) - F_\mathrm{old}(s)|`.

    Exact where all old scores are known. Of quantiles it is what they prove: never too large, and
    too small by no more than the step between two of them.

    Args:
        new: All of the new scores.
        old: The reference.

    >>> from rarecall.monitoring.reference import Distribution
    >>> old = Distribution(np.array([1.0, 2.0, 3.0, 4.0]), 4)
    >>> largest_gap(Distribution(np.array([3.5, 9.0]), 2), old)
    0.75
    """
    # Between two old scores the old share stands still, so only their sides need a look.
    at = old.scores
    above = old.share_upto(at) - new.share_upto(at)
    below = new.share_below(at) - old.share_below(at)
    return float(max(above.max() - old.unknown, below.max() - old.unknown, 0.0))


def gap_p_value(gap: float, n_new: float, n_old: float) -> float:
    """Chance of a gap this large between samples of one distribution; too large with ties.

    By the distribution of the one-sample statistic at the harmonic size, as SciPy's asymptotic
    two-sample test has it, but never below the chance that all of one sample lie above the other.

    Args:
        gap: In [0, 1].
        n_new: Number of new scores.
        n_old: Number of old ones; may be an effective number.

    >>> round(gap_p_value(0.5, 20, 20), 4)
    0.0078
    """
    from scipy.stats import kstwo

    size = max(1, round(n_new * n_old / (n_new + n_old)))
    least = 2.0 * math.exp(gammaln(n_new + 1) + gammaln(n_old + 1) - gammaln(n_new + n_old + 1))
    return float(np.clip(kstwo.sf(gap, size), least, 1.0))


def distance_p_value(new: Distribution, old: Distribution, gap: float) -> float:
    """P-value of a distance: exact for few scores, :func:`gap_p_value` for more.

    >>> from rarecall.monitoring.reference import Distribution
    >>> few, others = Distribution(np.arange(3.0), 3), Distribution(np.arange(3.0, 7.0), 4)
    >>> round(distance_p_value(few, others, 1.0), 4)  # 2 of the 35 orders
    0.0571
    """
    if old.thinned or new.n * old.n > _EXACT:
        return gap_p_value(gap, new.n, old.n)
    from scipy.stats import ks_2samp

    return float(np.clip(ks_2samp(new.scores, old.scores, method="exact").pvalue, 0.0, 1.0))


def stability_index(new: Distribution, old: Distribution) -> tuple[float, float]:
    r"""Give the population stability index over tenths of the old scores.

    .. math:: \sum_j (q_j - p_j) \ln (q_j / p_j)

    with the shares :math:`q_j` of new and :math:`p_j` of old scores in each tenth. Half a case is
    added to every tenth, so that none is empty.

    Returns:
        The index, and about what it is by chance alone, :math:`(k - 1)(1/n + 1/m)`; the customary
        limits of 0.1 and 0.25 know nothing of the numbers.

    >>> from rarecall.monitoring.reference import Distribution
    >>> same = Distribution(np.arange(1000.0), 1000)
    >>> [round(value, 3) for value in stability_index(same, same)]
    [0.0, 0.018]
    """
    levels = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(old.scores, levels, method="inverted_cdf"))
    # An edge at the top would leave nothing above it.
    edges = edges[edges < old.scores[-1]]
    q = _shares(new, edges)
    p = _shares(old, edges)
    index = float(np.sum((q - p) * np.log(q / p)))
    return index, len(edges) * (1.0 / new.n + 1.0 / old.n)


def _shares(scores: Distribution, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    bins = np.diff(np.concatenate([[0.0], scores.share_upto(edges), [1.0]]))
    return np.asarray((bins * scores.n + 0.5) / (scores.n + 0.5 * len(bins)))
