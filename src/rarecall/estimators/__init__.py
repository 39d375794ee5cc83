"""The scikit-learn face: a classifier of the library's methods, and a threshold for any other's.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.estimators.critical_classifier import CriticalClassifier
    from rarecall.estimators.threshold_at_tpr import ThresholdAtTPR
    from rarecall.estimators.warning import NoGuaranteeWarning

__all__ = ["CriticalClassifier", "NoGuaranteeWarning", "ThresholdAtTPR"]

_HOMES = {
    "CriticalClassifier": "rarecall.estimators.critical_classifier",
    "NoGuaranteeWarning": "rarecall.estimators.warning",
    "ThresholdAtTPR": "rarecall.estimators.threshold_at_tpr",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
