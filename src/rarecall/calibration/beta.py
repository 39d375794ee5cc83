"""Beta calibration: three values that can bend what a logistic curve leaves straight."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from scipy.special import expit

from rarecall.calibration.base import Calibrator
from rarecall.calibration.fields import number, one_of
from rarecall.calibration.logistic import FLATTEST, fit_logistic, soft_targets
from rarecall.errors import ConfigurationError, MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_EDGE = 2.0**-52
"""Probabilities nearer to 0 or 1 count as this near: one that is 0 has no logarithm."""

Given = Literal["logits", "probabilities"]


class BetaCalibrator(Calibrator):
    r"""Probabilities by :math:`\sigma(a \ln p - b \ln(1 - p) + c)` with :math:`a, b \ge 0`.

    For models that give probabilities (:math:`p`), or logits, whose sigmoid is then :math:`p`. With
    :math:`a = b` it is Platt's map of the logit; the identity is among its maps, as it is not among
    those of Platt's on probabilities. Strictly rising. With three values it may rise steeply beyond
    the fitted scores; where few positives are, Platt's map is the safer one.

    Args:
        given: What the scores are: ``"logits"`` of any size, or ``"probabilities"`` in [0, 1].

    Attributes:
        a: Of critical evidence, at least 0.
        b: Of harmless evidence, at least 0.
        c: The intercept.

    Raises:
        ConfigurationError: ``given`` is another word.

    Reference:
        Kull, Silva Filho & Flach, *Beta calibration*, AISTATS 2017.

    >>> from rarecall.roles import CalibrationScores
    >>> rows = np.array([0.1, 0.2, 0.4, 0.5, 0.8]), np.array([0, 0, 1, 0, 1]), np.arange(5)
    >>> fitted = BetaCalibrator("probabilities").fit(CalibrationScores(*rows))
    >>> fitted.probability([0.1, 0.5, 0.8]).round(3)
    array([0.192, 0.488, 0.72 ])
    """

    method: ClassVar[str] = "beta"
    strict: ClassVar[bool] = True

    def __init__(self, given: Given = "logits") -> None:
        super().__init__()
        if given not in {"logits", "probabilities"}:
            raise ConfigurationError(f"given must be 'logits' or 'probabilities', not {given!r}.")
        self.given: Given = given
        self.a = 1.0
        self.b = 1.0
        self.c = 0.0

    def _fit(
        self,
        values: NDArray[np.float64],
        critical: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        features = self._features(values)
        size = np.maximum(np.abs(features).max(axis=0), sys.float_info.min)
        found = fit_logistic(
            np.column_stack([features / size, np.ones(len(values))]),
            soft_targets(critical, weights),
            weights,
            np.array([0.0, 0.0, -np.inf]),
        )
        if not found[:2].any():
            # The data speak against the order of the scores; it is kept all the same.
            both = np.column_stack([features.sum(axis=1) / size.max(), np.ones(len(values))])
            bounds = np.array([FLATTEST, -np.inf])
            slope, c = fit_logistic(both, soft_targets(critical, weights), weights, bounds)
            found, size = np.array([slope, slope, c]), np.full(2, size.max())
        with np.errstate(over="ignore"):
            self.a, self.b = np.minimum(found[:2] / size, sys.float_info.max).tolist()
        self.c = float(found[2])

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            return np.asarray(expit(self._features(values) @ np.array([self.a, self.b]) + self.c))

    def _features(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        r"""Give :math:`\ln p` and :math:`-\ln(1 - p)`, ``(n, 2)``; both rise with the score."""
        if self.given == "logits":
            return np.column_stack([-np.logaddexp(0.0, -values), np.logaddexp(0.0, values)])
        if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
            raise MetricError(
                f"BetaCalibrator('probabilities') needs scores in [0, 1]; these reach from "
                f"{values.min():g} to {values.max():g}. Are they logits? Then use "
                "BetaCalibrator('logits')."
            )
        inside = np.clip(values, _EDGE, 1.0 - _EDGE)
        return np.column_stack([np.log(inside), -np.log1p(-inside)])

    def _values(self) -> dict[str, Any]:
        return {"given": self.given, "a": self.a, "b": self.b, "c": self.c}

    def _restore(self, given: Mapping[str, Any]) -> None:
        word = one_of(given, "given", ("logits", "probabilities"))
        self.given = "logits" if word == "logits" else "probabilities"
        self.a, self.b = number(given, "a", at_least=0.0), number(given, "b", at_least=0.0)
        self.c = number(given, "c")
