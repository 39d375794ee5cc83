"""Scores as probabilities: calibration maps, and what another prevalence does to them."""

from rarecall.calibration.base import Calibrator
from rarecall.calibration.beta import BetaCalibrator
from rarecall.calibration.choosing import METHODS, fit_calibrator, load_calibrator
from rarecall.calibration.isotonic import IsotonicCalibrator
from rarecall.calibration.platt import PlattCalibrator
from rarecall.calibration.prevalence import PrevalenceEstimate, estimate_prevalence
from rarecall.calibration.prior_shift import shift_prior
from rarecall.calibration.temperature import TemperatureCalibrator

__all__ = [
    "METHODS",
    "BetaCalibrator",
    "Calibrator",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "PrevalenceEstimate",
    "TemperatureCalibrator",
    "estimate_prevalence",
    "fit_calibrator",
    "load_calibrator",
    "shift_prior",
]
