"""Issuing a certificate: a threshold, its promises, and a check that the data is untouched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import rarecall
from rarecall.errors import ConfigurationError, DataError
from rarecall.metrics.inputs import checked_share
from rarecall.roles import CalibrationScores
from rarecall.thresholds.both import threshold_between
from rarecall.thresholds.certificates import Certificate, Promise
from rarecall.thresholds.conformal import conformal_threshold
from rarecall.thresholds.counting import need_calibration
from rarecall.thresholds.false_alarms import guaranteed_fpr_threshold
from rarecall.thresholds.guarantee import guaranteed_threshold
from rarecall.thresholds.untouched import refuse_used
from rarecall.thresholds.wording import assumptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from rarecall.roles import Scores

_KEPT = 2000
"""Calibration scores up to this number are kept as they are, more as quantiles."""


def certify(
    calibration: CalibrationScores,
    *,
    tpr: float | None = None,
    fpr: float | None = None,
    confidence: float = 0.95,
    kind: Literal["guaranteed", "average"] = "guaranteed",
    model: str | None = None,
    used_before: Sequence[Scores | str | ArrayLike] = (),
    score_name: str | None = None,
    time_split: bool = False,
    subgroup: str | None = None,
) -> Certificate:
    """Choose a threshold on untouched data and issue a certificate for it.

    Args:
        calibration: Scores of samples untouched by training and tuning.
        tpr: The true positive rate to promise, in (0, 1), or None.
        fpr: The highest false positive rate to promise, in (0, 1), or None. With both, both hold
            together with the confidence.
        confidence: In (0, 1); without use on average.
        kind: ``"guaranteed"`` with the confidence, or on ``"average"``, of a TPR alone.
        model: Text that names the model, such as a hash of its weights.
        used_before: What training and tuning have seen: scores, fingerprints of such (64
            digits), or arrays of sample ids. The ids must name samples across all of the data; row
            numbers of two files do not.
        score_name: What the score is called in the user's data.
        time_split: Whether the data was split by time: the certificate then says that no drift is
            assumed.
        subgroup: Whom the promise is about where the samples are a part of all, such as "site
            north"; said beside it.

    Returns:
        With too few samples for the promise, a certificate whose promise is of kind ``"none"`` and
        says how many it takes.

    Raises:
        TypeError: Scores of another role.
        DataError: Samples that were used before, ids that repeat, weighted scores, or two bounds
            that no threshold satisfies (:func:`threshold_between` has that as an answer).
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: Neither bound, a bound outside its range, or another kind.

    >>> scores, targets = np.arange(200.0), np.repeat([0, 1], [100, 100])
    >>> ids = np.array([f"patient-{number}" for number in range(200)])
    >>> calibration = CalibrationScores(scores, targets, ids)
    >>> certificate = certify(calibration, tpr=0.95, model="forest-7")
    >>> certificate.threshold, certificate.promise("tpr").kind
    (100.5, 'guaranteed')
    >>> Certificate.from_json(certificate.to_json()) == certificate
    True
    >>> certify(calibration, tpr=0.95, used_before=[ids[:3]])
    Traceback (most recent call last):
    rarecall.errors.DataError: 3 of the 200 calibration samples were used before, ...
    """
    need_calibration(calibration, "A certificate")
    wanted = {"tpr": tpr, "fpr": fpr}
    bounds = {
        name: checked_share(v, name, one=False) for name, v in wanted.items() if v is not None
    }
    _check_kind(kind, bounds)
    checked = refuse_used(calibration, used_before)
    threshold, promises, statement = _chosen(calibration, bounds, kind, confidence)
    grounds = assumptions(promises[0].unit, time_split=time_split)
    if subgroup is not None:
        grounds += (f"The promise is about {subgroup} alone.",)
    if checked:
        grounds += (f"None of the {checked} sample ids named as used before is among them.",)
    return Certificate(
        promises=promises,
        threshold=threshold,
        assumptions=grounds,
        statement=statement,
        data_fingerprint=calibration.fingerprint,
        model_fingerprint=model,
        score_name=score_name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        rarecall=rarecall.__version__,
        reference=_reference(calibration),
        prevalence=float(np.mean(calibration.targets)),
    )


def _check_kind(kind: str, bounds: dict[str, float]) -> None:
    if kind not in {"guaranteed", "average"}:
        raise ConfigurationError(f"kind must be 'guaranteed' or 'average', not {kind!r}.")
    if not bounds:
        raise ConfigurationError("A certificate needs something to promise: give tpr, fpr or both.")
    if kind == "average" and set(bounds) != {"tpr"}:
        raise ConfigurationError(
            "On average a TPR alone can be promised. Leave out fpr, or ask for a guarantee."
        )


def _chosen(
    calibration: CalibrationScores, bounds: dict[str, float], kind: str, confidence: float
) -> tuple[float, tuple[Promise, ...], str]:
    """Choose the threshold; give it, its promises and their statement."""
    tpr, fpr = bounds.get("tpr"), bounds.get("fpr")
    if kind == "average" and tpr is not None:
        average = conformal_threshold(calibration, tpr=tpr)
        level: Literal["average", "none"] = "average" if average.on_average else "none"
        counts = (average.n_positives, average.needed, average.rank)
        promise = Promise("tpr", tpr, None, *counts, average.unit, level)
        return average.value, (promise,), average.statement
    if tpr is not None and fpr is not None:
        both = threshold_between(calibration, tpr=tpr, fpr=fpr, confidence=confidence)
        if both.value is None or both.tpr_rank is None or both.fpr_rank is None:
            raise DataError(both.statement)
        first = (both.n_positives, both.positives_needed, both.tpr_rank)
        second = (both.n_negatives, both.negatives_needed, both.fpr_rank)
        promises = (
            Promise("tpr", tpr, confidence, *first, both.unit, "guaranteed"),
            Promise("fpr", fpr, confidence, *second, both.unit, "guaranteed"),
        )
        return both.value, promises, both.statement
    if tpr is not None:
        choice = guaranteed_threshold(calibration, tpr=tpr, confidence=confidence)
        counts = (choice.n_positives, choice.needed, choice.rank)
        held: Literal["guaranteed", "none"] = "guaranteed" if choice.guaranteed else "none"
        promise = Promise("tpr", tpr, choice.confidence, *counts, choice.unit, held)
        return choice.value, (promise,), choice.statement
    mirror = guaranteed_fpr_threshold(calibration, fpr=bounds["fpr"], confidence=confidence)
    counts = (mirror.n_negatives, mirror.needed, mirror.rank)
    held = "guaranteed" if mirror.guaranteed else "none"
    promise = Promise("fpr", mirror.fpr, mirror.confidence, *counts, mirror.unit, held)
    return mirror.value, (promise,), mirror.statement


def _reference(calibration: CalibrationScores) -> dict[str, Any]:
    """Keep the scores for later checks of drift."""
    positives = calibration.scores[calibration.targets == 1]
    return {
        "n": len(calibration.scores),
        "positives": len(positives),
        "scores": _thinned(calibration.scores),
        "positive_scores": _thinned(positives),
    }


def _thinned(scores: NDArray[np.float64]) -> list[float]:
    ordered = np.sort(scores)
    if len(ordered) > _KEPT:
        # Values that occurred, never between two: ties stay ties.
        at = np.linspace(0.0, 1.0, _KEPT + 1)
        ordered = np.quantile(ordered, at, method="inverted_cdf")
    return [float(score) for score in ordered]
