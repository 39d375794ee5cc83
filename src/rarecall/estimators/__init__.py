"""The scikit-learn face: a classifier of the library's methods, and a threshold for any other's.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.estimators.critical_classifier import CriticalClassifier
    from rarecall.estimators.threshold_at_tpr import ThresholdAtTPR
    from rarecall.estimators.warning import NoGuaranteeWarning

__all__ = ["CriticalClassifier", "NoGuaranteeWarning", "ThresholdAtTPR"]

_HOMES = {
    "CriticalClassifier": "estimators.critical_classifier",
    "NoGuaranteeWarning": "estimators.warning",
    "ThresholdAtTPR": "estimators.threshold_at_tpr",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
