"""Temperature scaling: logits that are too sure, or not sure enough, divided by one number."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from rarecall.calibration.base import Calibrator
from rarecall.calibration.fields import number
from rarecall.calibration.logistic import FLATTEST, fit_logistic, soft_targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class TemperatureCalibrator(Calibrator):
    r"""Probabilities of logits divided by a temperature, :math:`\sigma(s / T)` with :math:`T > 0`.

    Only for scores that are logits of a model trained on data with the prevalence of this part: a
    logit of 0 stays one half. After weighted losses or resampling every logit is shifted, and
    Platt's map, which has an intercept, is the one to take. Strictly rising.

    Attributes:
        inverse_temperature: :math:`1 / T`; below 1 where the model was too sure.

    Reference:
        Guo et al., *On calibration of modern neural networks*, ICML 2017, section 4.2.

    >>> from rarecall.roles import CalibrationScores
    >>> rows = np.array([-9.0, -6, -3, 3, 6, 9]), np.array([0, 0, 1, 0, 1, 1]), np.arange(6)
    >>> fitted = TemperatureCalibrator().fit(CalibrationScores(*rows))
    >>> fitted.temperature > 4, fitted.probability([0.0])
    (True, array([0.5]))
    """

    method: ClassVar[str] = "temperature"
    strict: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.inverse_temperature = 1.0

    @property
    def temperature(self) -> float:
        """:math:`T`."""
        return 1.0 / self.inverse_temperature

    def _fit(
        self,
        values: NDArray[np.float64],
        critical: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        largest = max(float(np.abs(values).max()), sys.float_info.min)
        (slope,) = fit_logistic(
            (values / largest)[:, None],
            soft_targets(critical, weights),
            weights,
            np.array([FLATTEST]),
        )
        # Scores next to 0 would ask for more than the largest float.
        self.inverse_temperature = min(float(slope) / largest, sys.float_info.max)

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            return np.asarray(expit(self.inverse_temperature * values))

    def _values(self) -> dict[str, Any]:
        return {"inverse_temperature": self.inverse_temperature}

    def _restore(self, given: Mapping[str, Any]) -> None:
        self.inverse_temperature = number(given, "inverse_temperature", at_least=0.0)
