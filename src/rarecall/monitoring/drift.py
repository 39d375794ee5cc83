"""Whether new, unlabelled scores are still like those that a threshold was chosen on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError, MetricError
from rarecall.metrics.inputs import checked_scores, checked_share
from rarecall.metrics.intervals import rate_interval
from rarecall.metrics.paired import holm
from rarecall.monitoring.class_shares import SharesOnly, shares_only
from rarecall.monitoring.distance import distance_p_value, largest_gap, stability_index
from rarecall.monitoring.meaning import meaning_of
from rarecall.monitoring.reference import Distribution, read_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Share:
    """A share of samples with its interval (Clopper–Pearson); all in [0, 1]."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Drift:
    """What new scores show beside the calibration scores.

    Attributes:
        n: New scores.
        n_reference: Calibration scores.
        distance: Kolmogorov and Smirnov's, in [0, 1]: the largest difference between the shares of
            scores up to a value.
        distance_p: Its p-value.
        stability: Population stability index over tenths of the calibration scores.
        stability_by_chance: About what that index is without any drift, with these numbers.
        flagged_before: Share of calibration samples at or above the threshold; None without one.
        flagged_now: Share of new samples at or above the threshold; None without one.
        flagged_p: P-value of their difference, by Fisher's exact test; None without a threshold.
        below: Share of new scores below all calibration scores.
        above: Share of new scores above all calibration scores.
        p_value: The smallest p-value, after Holm.
        level: Chance of calling a drift where there is none.
        drifted: Whether ``p_value`` is below ``level``.
        shares_only: Whether another share of critical cases alone explains the drift; None without
            a drift, or where the reference does not know its critical scores.
        meaning: What it means for the promise, in words.
        advice: What to do.
    """

    n: int
    n_reference: int
    distance: float
    distance_p: float
    stability: float
    stability_by_chance: float
    flagged_before: Share | None
    flagged_now: Share | None
    flagged_p: float | None
    below: float
    above: float
    p_value: float
    level: float
    drifted: bool
    shares_only: SharesOnly | None
    meaning: str
    advice: str

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def check_drift(
    new_scores: ArrayLike,
    reference: Mapping[str, Any] | ArrayLike,
    *,
    threshold: float | None = None,
    level: float = 0.01,
    confidence: float = 0.95,
) -> Drift:
    """Compare new, unlabelled scores with the calibration scores.

    Two tests share the level: Kolmogorov and Smirnov's, for any change, and Fisher's on the share
    flagged, since a change at the threshold, far out in the tail, hardly moves the former. Both
    take samples for independent: several rows of a patient make a drift look surer than it is.

    Args:
        new_scores: Raw scores of new samples, shape ``(n,)``: all of them or a random part, not
            only those flagged.
        reference: A certificate's ``reference``, or the calibration scores, shape ``(m,)``.
        threshold: In use; a sample is flagged when ``score >= threshold``.
        level: Chance of calling a drift where there is none, in (0, 1). Who checks every day gets
            false calls at this rate.
        confidence: Of the intervals of the shares flagged, in (0, 1).

    Raises:
        MetricError: Scores that are not finite numbers of shape ``(n,)``, or a NaN threshold.
        DataError: No scores, or a reference without its fields.
        ConfigurationError: ``level`` or ``confidence`` outside its range.

    >>> calibration = np.linspace(0, 1, 1000)
    >>> drift = check_drift(np.linspace(0.2, 1.2, 500), calibration, threshold=0.9)
    >>> drift.drifted, round(drift.distance, 3), drift.flagged_now.value
    (True, 0.201, 0.3)
    >>> check_drift(np.linspace(0, 1, 500), calibration).drifted
    False
    """
    values = np.sort(checked_scores(new_scores, "new scores"))
    if not len(values):
        raise DataError("There are no new scores to compare.")
    level = checked_share(level, "level", one=False)
    known = read_reference(reference)
    new, old = Distribution(values, len(values)), known.everyone
    distance = largest_gap(new, old)
    distance_p, flagged_p = distance_p_value(new, old, distance), None
    before = now = None
    if threshold is not None:
        if np.isnan(threshold):
            raise MetricError("The threshold is NaN; give a number on the scale of the scores.")
        at = np.array([threshold])
        counts = [_flagged(old, at), _flagged(new, at)]
        before, now = (
            _share(count, part.n, confidence)
            for count, part in zip(counts, (old, new), strict=True)
        )
        flagged_p = _fisher(counts[0], old.n, counts[1], new.n)
    p_value = float(holm([p for p in (distance_p, flagged_p) if p is not None]).min())
    drifted = p_value < level
    shares = None
    if drifted and known.positives is not None and known.positives.n < old.n:
        shares = shares_only(new, old, known.positives, level)
    stability, by_chance = stability_index(new, old)
    meaning, advice = meaning_of(
        drifted, shares, n=new.n, n_reference=old.n, positives=known.positives is not None
    )
    return Drift(
        n=new.n,
        n_reference=old.n,
        distance=distance,
        distance_p=distance_p,
        stability=stability,
        stability_by_chance=by_chance,
        flagged_before=before,
        flagged_now=now,
        flagged_p=flagged_p,
        below=float(np.mean(values < old.scores[0])),
        above=float(np.mean(values > old.scores[-1])),
        p_value=p_value,
        level=level,
        drifted=drifted,
        shares_only=shares,
        meaning=meaning,
        advice=advice,
    )


def _flagged(scores: Distribution, threshold: NDArray[np.float64]) -> int:
    return scores.n - round(float(scores.share_below(threshold)[0]) * scores.n)


def _share(count: int, n: int, confidence: float) -> Share:
    interval = rate_interval(count, n, confidence)
    return Share(count / n, interval.low, interval.high)


def _fisher(count: int, n: int, other: int, m: int) -> float:
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[count, n - count], [other, m - other]])).pvalue)
