"""Calibration maps by name, and back from stored values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.calibration.beta import BetaCalibrator
from rarecall.calibration.fields import content_of, one_of
from rarecall.calibration.isotonic import IsotonicCalibrator
from rarecall.calibration.platt import PlattCalibrator
from rarecall.calibration.temperature import TemperatureCalibrator
from rarecall.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from rarecall.calibration.base import Calibrator
    from rarecall.roles import CalibrationScores, ValidationScores

_MAPS: dict[str, type[Calibrator]] = {
    kind.method: kind
    for kind in (PlattCalibrator, TemperatureCalibrator, IsotonicCalibrator, BetaCalibrator)
}

METHODS = tuple(_MAPS)
"""Names of the calibration maps."""


def fit_calibrator(
    scores: ValidationScores | CalibrationScores, method: str = "platt"
) -> Calibrator:
    """Fit the map of that name.

    Args:
        scores: Of the validation or the calibration part.
        method: ``"platt"``, ``"temperature"`` (scores are logits), ``"isotonic"`` or ``"beta"``
            (scores are logits).

    Raises:
        ConfigurationError: No map has that name.
        TypeError: Training or test scores, or a bare array.
        MetricError: Scores that are not finite or all equal, or one class missing.
        DataError: A class that weighs nothing.

    >>> import numpy as np
    >>> from rarecall.roles import ValidationScores
    >>> rows = np.array([0.0, 1, 2, 3]), np.array([0, 0, 1, 1]), np.arange(4)
    >>> fit_calibrator(ValidationScores(*rows), "isotonic").probability([0.5, 1.5, 2.5])
    array([0. , 0.5, 1. ])
    """
    if method not in _MAPS:
        raise ConfigurationError(
            f"There is no calibration map {method!r}.{did_you_mean(str(method), _MAPS)} "
            f"Take one of {', '.join(_MAPS)}."
        )
    return _MAPS[method]().fit(scores)


def load_calibrator(mapping: object) -> Calibrator:
    """Read what :meth:`Calibrator.to_json` gave, of any map; executes nothing.

    Raises:
        RunError: A newer format, an unknown method, or a missing, unknown or mistyped field.

    >>> import numpy as np
    >>> from rarecall.roles import CalibrationScores
    >>> rows = np.array([0.0, 1, 2, 3]), np.array([0, 1, 0, 1]), np.arange(4)
    >>> fitted = fit_calibrator(CalibrationScores(*rows))
    >>> again = load_calibrator(fitted.to_json())
    >>> bool((again.probability([0, 9]) == fitted.probability([0, 9])).all())
    True
    """
    return _MAPS[one_of(content_of(mapping), "method", METHODS)].from_json(mapping)
