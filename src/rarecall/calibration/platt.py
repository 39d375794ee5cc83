"""Platt's map: a logistic curve over the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from rarecall.calibration.base import Calibrator
from rarecall.calibration.fields import number
from rarecall.calibration.logistic import FLATTEST, fit_logistic, soft_targets, standardised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class PlattCalibrator(Calibrator):
    r"""Probabilities by a logistic curve, :math:`\sigma(a (s - m) + b)` with :math:`a > 0`.

    The default: two values, so that a few dozen positives suffice, and strictly rising. It is right
    where the log-odds are a straight line in the score, as for networks trained with cross-entropy,
    weighted or not.

    Fitted by the smoothed targets of Platt, so separated classes give no infinite slope.

    Attributes:
        slope: :math:`a`.
        intercept: :math:`b`, the log-odds at the center.
        center: :math:`m`, the middle of the fitted scores.

    Reference:
        Platt, *Probabilistic outputs for support vector machines*, 1999; Lin, Lin & Weng, *A note
        on Platt's probabilistic outputs*, Machine Learning 2007.

    >>> from rarecall.roles import CalibrationScores
    >>> rows = np.array([-2.0, -1, 0, 1, 2, 3]), np.array([0, 0, 1, 0, 1, 1]), np.arange(6)
    >>> PlattCalibrator().fit(CalibrationScores(*rows)).probability([-2, 0, 3]).round(3)
    array([0.208, 0.433, 0.792])
    """

    method: ClassVar[str] = "platt"
    strict: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.slope = 0.0
        self.intercept = 0.0
        self.center = 0.0

    def _fit(
        self,
        values: NDArray[np.float64],
        critical: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        standard = standardised(values)
        features = np.column_stack([standard.values, np.ones(len(values))])
        slope, intercept = fit_logistic(
            features, soft_targets(critical, weights), weights, np.array([FLATTEST, -np.inf])
        )
        self.slope = standard.per_unit(float(slope))
        self.intercept, self.center = float(intercept), standard.center

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        # Far outside of what was fitted a logit may be infinite, and its probability 0 or 1.
        with np.errstate(over="ignore"):
            return np.asarray(expit(self.slope * (values - self.center) + self.intercept))

    def _values(self) -> dict[str, Any]:
        return {"slope": self.slope, "intercept": self.intercept, "center": self.center}

    def _restore(self, given: Mapping[str, Any]) -> None:
        self.slope = number(given, "slope", at_least=0.0)
        self.intercept, self.center = number(given, "intercept"), number(given, "center")
