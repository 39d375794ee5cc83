"""New samples held against a certificate: all scores for drift, confirmed cases for the promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.errors import DataError
from rarecall.metrics.inputs import as_percent, checked_scores
from rarecall.monitoring.drift import Drift, check_drift
from rarecall.monitoring.promises import PromiseCheck, check_promise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.thresholds import Certificate, Promise


@dataclass(frozen=True)
class Review:
    """What new samples say of a certificate.

    Attributes:
        drift: Of the scores of all new samples.
        promises: A check of each promise, in the certificate's order; none without labels.
        notes: What else to know, a sentence each.
    """

    drift: Drift
    promises: tuple[PromiseCheck, ...]
    notes: tuple[str, ...]

    @property
    def broken(self) -> bool:
        """Whether a promise is broken."""
        return any(check.verdict == "broken" for check in self.promises)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return {
            "format": 1,
            "drift": self.drift.to_dict(),
            "promises": [check.to_dict() for check in self.promises],
            "notes": list(self.notes),
        }


def review(
    certificate: Certificate,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.01,
    alpha: float = 0.05,
) -> Review:
    """Check new scores for drift, and the promises on those of them that are confirmed.

    Args:
        certificate: Of the threshold in use.
        scores: Raw scores of the new samples, shape ``(n,)``.
        labels: 1 where a sample is confirmed to be critical, 0 where it is confirmed not to be, NaN
            where nothing is known yet, in the order of their confirmation, shape ``(n,)``; or None.
        groups: Group of every sample, shape ``(n,)``: needed to check a promise about groups.
        level: Chance of calling a drift where there is none.
        alpha: Chance of ever calling broken what holds; parted among the promises.

    Raises:
        MetricError: Scores that are not finite.
        DataError: No scores, shapes that disagree, labels that are neither 0, 1 nor NaN, or a
            promise about groups without groups.
        ConfigurationError: ``level`` or ``alpha`` outside its range.

    >>> from rarecall.roles import CalibrationScores
    >>> from rarecall.thresholds import certify
    >>> targets = np.repeat([0, 1], [900, 100])
    >>> old = CalibrationScores(np.arange(1000.0), targets, np.arange(1000).astype(str))
    >>> found = review(certify(old, tpr=0.9), np.arange(0.0, 1000.0, 2.0), np.tile([0, 1], 250))
    >>> found.drift.drifted, found.broken
    (False, True)
    """
    values = checked_scores(scores, "new scores")
    drift = check_drift(values, certificate.reference, threshold=certificate.threshold, level=level)
    if labels is None:
        return Review(drift, (), ())
    known = _checked_labels(labels, len(values))
    units = {promise.unit for promise in certificate.promises}
    if groups is None and "group" in units:
        raise DataError(
            "The certificate promises something about groups (a group is flagged when any of its "
            "rows is), but the new samples come without. Name the column of groups (--group)."
        )
    notes, checks = [], []
    if groups is not None and "group" not in units:
        notes.append("The promise is about rows: they are counted one by one, whatever the group.")
    for promise in certificate.promises:
        cases = confirmed_cases(
            values, known, groups if promise.unit == "group" else None, promise.rate
        )
        bound = {promise.rate: promise.bound}
        checks.append(
            check_promise(
                cases,
                tpr=bound.get("tpr"),
                fpr=bound.get("fpr"),
                threshold=certificate.threshold,
                alpha=alpha / len(certificate.promises),
            )
        )
        notes += _caveats(promise, checks[-1])
    if certificate.promise("tpr") is not None and _only_flagged(
        values >= certificate.threshold, ~np.isnan(known)
    ):
        notes.append(
            "Labels are known of flagged rows alone, so that no miss can ever be confirmed and the "
            "TPR looks like 1. Confirm a random part of the others too."
        )
    return Review(drift, tuple(checks), tuple(notes))


def confirmed_cases(
    scores: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: ArrayLike | None,
    rate: Literal["tpr", "fpr"],
) -> NDArray[np.float64]:
    """Give the scores of the confirmed cases that a rate is about, in their order.

    A group is critical when any of its rows is confirmed to be, and harmless when all are confirmed
    not to be; its score is its highest, its place that of its first row.

    Args:
        scores: Shape ``(n,)``.
        labels: 1, 0 or NaN, shape ``(n,)``.
        groups: Shape ``(n,)``, or None to count rows.
        rate: ``"tpr"`` is about critical cases, ``"fpr"`` about harmless ones.

    Raises:
        DataError: Groups of another shape.

    >>> scores, labels = np.array([0.1, 0.9, 0.4, 0.2]), np.array([1, np.nan, 0, 1])
    >>> confirmed_cases(scores, labels, None, "tpr")
    array([0.1, 0.2])
    >>> confirmed_cases(scores, labels, ["b", "b", "a", "a"], "tpr")
    array([0.9, 0.4])
    """
    if groups is None:
        return np.asarray(scores[labels == (1.0 if rate == "tpr" else 0.0)])
    names = np.asarray(groups)
    if names.shape != scores.shape:
        raise DataError(f"groups must have shape {scores.shape} as the scores, not {names.shape}.")
    _, first, group = np.unique(names, return_index=True, return_inverse=True)
    best = np.full(len(first), -np.inf)
    np.maximum.at(best, group, scores)
    critical = np.bincount(group, labels == 1.0) > 0
    harmless = np.bincount(group, labels != 0.0) == 0
    order = np.argsort(first)
    return np.asarray(best[order][(critical if rate == "tpr" else harmless)[order]])


def _checked_labels(labels: ArrayLike, n: int) -> NDArray[np.float64]:
    known = np.asarray(labels, dtype=np.float64)
    if known.shape != (n,):
        raise DataError(f"labels must have shape ({n},) as the scores, not {known.shape}.")
    strange = ~(np.isnan(known) | (known == 0.0) | (known == 1.0))
    if strange.any():
        raise DataError(
            "labels must be 1 (critical), 0 or NaN (not known); "
            f"{known[strange][0]:g} came at position {int(np.argmax(strange))}."
        )
    return known


def _caveats(promise: Promise, check: PromiseCheck) -> list[str]:
    what = f"The {promise.rate.upper()} of {as_percent(promise.bound)}"
    if promise.kind == "average":
        return [
            f"{what} was promised on average over calibration parts, not for this one: a rate "
            "somewhat worse does not contradict it."
        ]
    if promise.kind == "none" or promise.confidence is None:
        return [f"{what} was never promised: there were too few cases. It is checked all the same."]
    if check.verdict == "broken":
        return [
            f"{what} was promised with {as_percent(promise.confidence)} confidence: either "
            "something has changed, or the remaining chance of an unlucky calibration part came "
            "true."
        ]
    return []


def _only_flagged(flagged: NDArray[np.bool_], known: NDArray[np.bool_]) -> bool:
    """Say whether all known labels are of flagged rows, though others are there."""
    return bool(known.any() and flagged[known].all() and not flagged.all())
