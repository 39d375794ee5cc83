"""From any model's scores to findings: measures, their uncertainty, what the model does in use.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.evaluation.evaluating import evaluate
    from rarecall.evaluation.table_findings import Evaluation

__all__ = ["Evaluation", "evaluate"]

_HOMES = {
    "Evaluation": "evaluation.table_findings",
    "evaluate": "evaluation.evaluating",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
