"""Scores as probabilities: fitted on calibration data, judged on test data, weighed in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError
from rarecall.metrics import (
    brier_decomposition,
    calibration_error,
    decision_curve,
    rate_interval,
    reliability_curve,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.roles import CalibrationScores, TestScores

METHOD = "platt"
BINS = 10
_POINTS = 99


@dataclass(frozen=True, eq=False)
class Mapped:
    """Probabilities of the test samples.

    Attributes:
        probabilities: Shape ``(n,)``.
        calibrated: Whether a fitted map gave them.
        prior: The share of critical samples that they are right for.
    """

    probabilities: NDArray[np.float64]
    calibrated: bool
    prior: float


def probability_record(
    test: TestScores,
    calibration: CalibrationScores | None,
    *,
    given: bool,
    confidence: float,
) -> tuple[dict[str, Any] | None, Mapped | None]:
    """Judge probabilities on the test part: Brier score and its parts, error, reliability.

    Args:
        test: Scores and targets.
        calibration: What Platt's map is fitted on; other samples than the test's.
        given: Whether the scores are probabilities already; nothing is fitted then.
        confidence: Of the intervals of the bins' rates.

    Returns:
        The record and the probabilities; None, None where there are none.

    Raises:
        DataError: ``given`` scores outside [0, 1].
    """
    if given:
        outside = (test.scores < 0) | (test.scores > 1)
        if outside.any():
            raise DataError(
                "The scores were said to be probabilities, which lie between 0 and 1, but "
                f"{int(outside.sum()):,} of {len(outside):,} do not: the first is "
                f"{test.scores[outside][0]:g}. Leave that option out; with calibration data the "
                "scores are turned into probabilities."
            )
        mapped = Mapped(test.scores, calibrated=False, prior=float(test.targets.mean()))
        about: dict[str, Any] = {"method": "given", "fitted_on": None, "n": 0, "calibrator": None}
    # A model that gives one score to all ranks nothing: its measures say so, and no map is fitted.
    elif calibration is not None and calibration.scores.min() < calibration.scores.max():
        from rarecall.calibration import fit_calibrator

        fitted = fit_calibrator(calibration, method=METHOD)
        prior = float(calibration.targets.mean())
        mapped = Mapped(fitted.probability(test.scores), calibrated=True, prior=prior)
        about = {
            "method": METHOD,
            "fitted_on": "calibration",
            "n": len(calibration.targets),
            "calibrator": fitted.to_json(),
        }
    else:
        return None, None
    return {**about, **_judged(mapped.probabilities, test.targets, confidence)}, mapped


def _judged(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], confidence: float
) -> dict[str, Any]:
    parts = brier_decomposition(probabilities, targets, bins=BINS)
    curve = reliability_curve(probabilities, targets, bins=BINS)
    bins = []
    for n, mean, rate in zip(curve.n, curve.probability, curve.rate, strict=True):
        interval = rate_interval(round(float(rate) * int(n)), int(n), confidence)
        bins.append(
            {
                "n": int(n),
                "mean": float(mean),
                "rate": float(rate),
                "low": interval.low,
                "high": interval.high,
            }
        )
    return {
        "brier": {
            "value": parts.value,
            "reliability": parts.reliability,
            "resolution": parts.resolution,
            "uncertainty": parts.uncertainty,
            "within": parts.within,
        },
        "error": calibration_error(probabilities, targets, bins=BINS),
        "bins": bins,
    }


def decision_record(
    mapped: Mapped, targets: NDArray[np.int64], prevalence: float, *, given: bool
) -> dict[str, Any]:
    """Give the net benefit of acting on the model against acting on everyone.

    Args:
        mapped: Probabilities of the test samples.
        targets: Of the test samples.
        prevalence: Where the model is used.
        given: Whether that is the user's; otherwise it is the test part's own.
    """
    probabilities = mapped.probabilities
    if given:
        from rarecall.calibration import shift_prior

        # What 0.2 means follows from how many are critical where it is said.
        probabilities = shift_prior(probabilities, before=mapped.prior, after=prevalence)
    # Thresholds far above the prevalence are those of nobody who fears a miss.
    highest = min(0.99, max(0.1, 5 * prevalence))
    thresholds = np.linspace(highest / _POINTS, highest, _POINTS)
    curve = decision_curve(
        probabilities, targets, thresholds, prevalence=prevalence if given else None
    )
    return {
        "thresholds": [float(value) for value in curve.thresholds],
        "model": [float(value) for value in curve.model],
        "everyone": [float(value) for value in curve.everyone],
        "prevalence": prevalence,
        "calibrated": mapped.calibrated,
    }
