"""A fitted classifier as a model folder."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import sklearn
import torch

from rarecall.comparison.ensembles import member_seeds
from rarecall.delivery.writing import write_model

if TYPE_CHECKING:
    from pathlib import Path

    from rarecall.estimators.critical_classifier import CriticalClassifier


def save(model: CriticalClassifier, folder: str | Path) -> Path:
    """Write the folder; see :meth:`CriticalClassifier.save`."""
    fitting = model._fitting
    learnt, operation = fitting.learnt, fitting.operation
    seeds: list[Any] = list(member_seeds(learnt.seed, len(learnt.members)))
    return write_model(
        folder,
        members=learnt.members,
        method=learnt.method,
        parameters=learnt.parameters,
        tta=learnt.tta,
        preprocessor=learnt.preprocessor,
        network=model.network,
        options=model.network_options,
        seeds=seeds,
        task=operation.task,
        thresholds=operation.choices,
        certificates=operation.certificates,
        calibrators=operation.calibrators,
        critical=", ".join(str(label) for label in model.critical_),
        classes=fitting.names,
        target="y",
        data={"name": "X", "fingerprint": fitting.fingerprint, "parts": fitting.sizes},
        environment={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
        },
    )
