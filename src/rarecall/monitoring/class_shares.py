"""Whether another prevalence alone explains a drift: the classes as before, in other shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from rarecall.monitoring.distance import gap_p_value

if TYPE_CHECKING:
    from rarecall.monitoring.reference import Distribution


@dataclass(frozen=True)
class SharesOnly:
    """The mixture of the two old classes that comes nearest to the new scores.

    Attributes:
        before: Share of critical samples in the reference.
        now: Share of critical samples in that mixture, in [0, 1]. A rough estimate.
        distance: Kolmogorov and Smirnov's, of the new scores from that mixture.
        p_value: Chance of such a distance if the new scores were drawn from it.
        explains: Whether the distance is small enough for chance, at the level of the check.
    """

    before: float
    now: float
    distance: float
    p_value: float
    explains: bool


def shares_only(
    new: Distribution, everyone: Distribution, positives: Distribution, level: float
) -> SharesOnly:
    r"""Mix the old classes anew, so that they come as near to the new scores as they can.

    With the share :math:`\pi_0` of critical samples then, and :math:`\pi` now,

    .. math:: F_\pi = \frac{1 - \pi}{1 - \pi_0} F_\mathrm{all}
              + \frac{\pi - \pi_0}{1 - \pi_0} F_\mathrm{critical}

    Args:
        new: All of the new scores.
        everyone: The old scores.
        positives: Those of critical samples among them.
        level: Of the p-value below which the mixture does not explain the scores.

    >>> from rarecall.monitoring.reference import Distribution
    >>> low, high = np.arange(900.0), np.arange(850.0, 950.0)
    >>> then = Distribution(np.sort(np.concatenate([low, high])), 1000)
    >>> now = Distribution(np.sort(np.concatenate([low, np.repeat(high, 3)])), 1200)
    >>> found = shares_only(now, then, Distribution(high, 100), level=0.01)
    >>> found.before, round(found.now, 2), found.explains
    (0.1, 0.25, True)
    """
    before = positives.n / everyone.n
    at = np.union1d(everyone.scores, positives.scores)
    sides = [
        (new.share_upto(at), everyone.share_upto(at), positives.share_upto(at)),
        (new.share_below(at), everyone.share_below(at), positives.share_below(at)),
    ]
    seen, old, critical = (np.concatenate(part) for part in zip(*sides, strict=True))

    def distance(now: float) -> float:
        whole, more = (1.0 - now) / (1.0 - before), (now - before) / (1.0 - before)
        doubt = whole * everyone.unknown + abs(more) * positives.unknown
        gap = float(np.max(np.abs(seen - whole * old - more * critical)))
        return max(0.0, gap - doubt)

    # Convex in the share, but flat where the doubt covers the gap.
    found = minimize_scalar(distance, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-6})
    gap, now = min((float(found.fun), float(found.x)), (distance(before), before))
    others = everyone.n - positives.n
    known = 1.0 / (now**2 / positives.n + (1.0 - now) ** 2 / max(others, 1))
    p_value = gap_p_value(gap, new.n, known)
    return SharesOnly(before, now, gap, p_value, explains=p_value >= level)
