"""From any model's scores to findings: measures, their uncertainty, what the model does in use.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.evaluation.evaluating import evaluate
    from rarecall.evaluation.table_findings import Evaluation

__all__ = ["Evaluation", "evaluate"]

_HOMES = {
    "Evaluation": "rarecall.evaluation.table_findings",
    "evaluate": "rarecall.evaluation.evaluating",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
