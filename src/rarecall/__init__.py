"""rarecall: classifiers whose rare class must not be missed.

Importing this package loads nothing heavy; every public name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

__version__ = "0.1.0"

_HOMES = {
    "ALMConstraint": "terms",
    "AUCMarginLoss": "losses",
    "AsymmetricFocalLoss": "losses",
    "BCELoss": "losses",
    "BalancedSampler": "data",
    "BaseLoss": "objective",
    "Batch": "objective",
    "CrossEntropyLoss": "losses",
    "FocalLoss": "losses",
    "Indexed": "data",
    "LDAMLoss": "losses",
    "Objective": "objective",
    "Prepared": "objective",
    "RankRegularizer": "terms",
    "Replay": "terms",
    "SymmetricFocalLoss": "losses",
    "Task": "task",
    "Term": "objective",
    "TrainStep": "objective",
    "VectorScalingLoss": "losses",
    "WeightedBCELoss": "losses",
    "compare": "comparison",
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

__getattr__, __dir__ = lazily(__name__, _HOMES, also=["__version__"])
