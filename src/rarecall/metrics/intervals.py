"""What an interval is, and that of a plain rate."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincinv

from rarecall.errors import ConfigurationError
from rarecall.metrics.inputs import checked_share


@dataclass(frozen=True)
class Interval:
    """Bounds that hold the true value with a stated confidence.

    Attributes:
        low: Lower bound, in [0, 1].
        high: Upper bound, in [0, 1].
        confidence: Share of such intervals that hold the true value, in (0, 1).
        method: How it was found, for tables and records.
    """

    low: float
    high: float
    confidence: float
    method: str


def rate_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Bound a share after Clopper and Pearson: covers at least as often as it says.

    Only for a rate at a threshold that these samples did not choose.

    Args:
        successes: How many of the ``n``, in 0..n.
        n: Number of samples; 0 leaves the whole of [0, 1].
        confidence: In (0, 1).

    Raises:
        ConfigurationError: Counts or confidence outside their ranges.

    Reference:
        Clopper & Pearson, *The use of confidence or fiducial limits illustrated in the case of
        the binomial*, Biometrika 1934.

    >>> interval = rate_interval(19, 20)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.7513, 0.9987)
    """
    confidence = checked_share(confidence, "confidence", one=False)
    if not 0 <= successes <= n:
        raise ConfigurationError(
            f"successes must lie between 0 and the number of samples, not {successes} of {n}."
        )
    tail = (1.0 - confidence) / 2
    low, high = clopper_pearson(successes, n, tail)
    return Interval(low, high, confidence, "Clopper–Pearson")


def clopper_pearson(successes: int, n: int, tail: float) -> tuple[float, float]:
    """Give the bounds that each miss the true rate with probability at most ``tail``.

    >>> [round(bound, 4) for bound in clopper_pearson(0, 10, tail=0.025)]
    [0.0, 0.3085]
    """
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1.0 - tail))
    return low, high
