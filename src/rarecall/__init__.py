"""rarecall: classifiers whose rare class must not be missed.

Importing this package loads nothing heavy; every public name is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "ALMConstraint": "rarecall.terms",
    "AUCMarginLoss": "rarecall.losses",
    "AsymmetricFocalLoss": "rarecall.losses",
    "BCELoss": "rarecall.losses",
    "BalancedSampler": "rarecall.data",
    "BaseLoss": "rarecall.objective",
    "Batch": "rarecall.objective",
    "CrossEntropyLoss": "rarecall.losses",
    "FocalLoss": "rarecall.losses",
    "Indexed": "rarecall.data",
    "LDAMLoss": "rarecall.losses",
    "Objective": "rarecall.objective",
    "Prepared": "rarecall.objective",
    "RankRegularizer": "rarecall.terms",
    "Replay": "rarecall.terms",
    "SymmetricFocalLoss": "rarecall.losses",
    "Task": "rarecall.task",
    "Term": "rarecall.objective",
    "TrainStep": "rarecall.objective",
    "VectorScalingLoss": "rarecall.losses",
    "WeightedBCELoss": "rarecall.losses",
    "compare": "rarecall.comparison",
}

__all__ = [
    "ALMConstraint",
    "AUCMarginLoss",
    "AsymmetricFocalLoss",
    "BCELoss",
    "BalancedSampler",
    "BaseLoss",
    "Batch",
    "CrossEntropyLoss",
    "FocalLoss",
    "Indexed",
    "LDAMLoss",
    "Objective",
    "Prepared",
    "RankRegularizer",
    "Replay",
    "SymmetricFocalLoss",
    "Task",
    "Term",
    "TrainStep",
    "VectorScalingLoss",
    "WeightedBCELoss",
    "__version__",
    "compare",
]

if TYPE_CHECKING:
    from rarecall.comparison import compare
    from rarecall.data import BalancedSampler, Indexed
    from rarecall.losses import (
        AsymmetricFocalLoss,
        AUCMarginLoss,
        BCELoss,
        CrossEntropyLoss,
        FocalLoss,
        LDAMLoss,
        SymmetricFocalLoss,
        VectorScalingLoss,
        WeightedBCELoss,
    )
    from rarecall.objective import BaseLoss, Batch, Objective, Prepared, Term, TrainStep
    from rarecall.task import Task
    from rarecall.terms import ALMConstraint, RankRegularizer, Replay


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rarecall' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
