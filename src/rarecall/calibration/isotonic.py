"""Isotonic calibration: the best rising map of all, where there is data enough for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import isotonic_regression

from rarecall.calibration.base import Calibrator
from rarecall.calibration.fields import number, rising
from rarecall.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class IsotonicCalibrator(Calibrator):
    """Probabilities by the rising map with the least squared error, straight between its corners.

    It takes any rising form, for which it wants many positives (a thousand, say); with few it
    follows the noise. It has plateaus: different scores get equal probabilities, so it is *not*
    strictly rising, and measures that rank should be taken on the raw scores. At the ends its
    probabilities are often 0 and 1 exactly. Outside of the fitted scores it is constant.

    Attributes:
        scores: Corners, rising, shape ``(k,)``.
        probabilities: At the corners, never falling, in [0, 1], shape ``(k,)``.

    Reference:
        Zadrozny & Elkan, *Transforming classifier scores into accurate multiclass probability
        estimates*, KDD 2002.

    >>> from rarecall.roles import CalibrationScores
    >>> rows = np.array([1.0, 2, 3, 4, 5]), np.array([0, 1, 0, 1, 1]), np.arange(5)
    >>> IsotonicCalibrator().fit(CalibrationScores(*rows)).probability([0, 2, 3, 3.5, 9])
    array([0.  , 0.5 , 0.5 , 0.75, 1.  ])
    """

    method: ClassVar[str] = "isotonic"
    strict: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.scores: NDArray[np.float64] = np.zeros(0)
        self.probabilities: NDArray[np.float64] = np.zeros(0)

    def _fit(
        self,
        values: NDArray[np.float64],
        critical: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        counted = weights > 0
        levels, level = np.unique(values[counted], return_inverse=True)
        weight = np.bincount(level, weights[counted])
        rates = np.bincount(level, (weights * critical)[counted]) / weight
        pooled = isotonic_regression(rates, weights=weight)
        # Both ends of every pool: between them the map is flat, elsewhere straight.
        starts, ends = pooled.blocks[:-1], pooled.blocks[1:] - 1
        corners = np.unique(np.concatenate([starts, ends]))
        self.scores = levels[corners]
        self.probabilities = np.clip(pooled.x[corners], 0.0, 1.0)

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(values, self.scores, self.probabilities))

    def _values(self) -> dict[str, Any]:
        return {"scores": self.scores.tolist(), "probabilities": self.probabilities.tolist()}

    def _restore(self, given: Mapping[str, Any]) -> None:
        self.scores = rising(given, "scores")
        self.probabilities = rising(given, "probabilities")
        for end in (0, -1):
            number({"probabilities": float(self.probabilities[end])}, "probabilities", 0.0, 1.0)
        if self.scores.shape != self.probabilities.shape:
            raise RunError(
                "This is no calibration map: it has as many scores as probabilities, not "
                f"{len(self.scores)} and {len(self.probabilities)}. Use it as Calibrator.to_json "
                "gave it, or fit again."
            )
