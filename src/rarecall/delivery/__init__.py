"""Delivered models: a self-contained folder, prediction, export and the model card.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.delivery.augmented import TTA
    from rarecall.delivery.cards import model_card
    from rarecall.delivery.comparing import Parity
    from rarecall.delivery.delivered import Delivered
    from rarecall.delivery.exporting import Exported, export_model
    from rarecall.delivery.facts import card_facts
    from rarecall.delivery.manifest import Manifest
    from rarecall.delivery.predicting import Predicted, predict
    from rarecall.delivery.recertifying import augment_model
    from rarecall.delivery.scoring import scoring_network, steady_scores
    from rarecall.delivery.writing import write_model

__all__ = [
    "TTA",
    "Delivered",
    "Exported",
    "Manifest",
    "Parity",
    "Predicted",
    "augment_model",
    "card_facts",
    "export_model",
    "model_card",
    "predict",
    "scoring_network",
    "steady_scores",
    "write_model",
]

_HOMES = {
    "TTA": "rarecall.delivery.augmented",
    "Delivered": "rarecall.delivery.delivered",
    "Exported": "rarecall.delivery.exporting",
    "Manifest": "rarecall.delivery.manifest",
    "Parity": "rarecall.delivery.comparing",
    "Predicted": "rarecall.delivery.predicting",
    "augment_model": "rarecall.delivery.recertifying",
    "card_facts": "rarecall.delivery.facts",
    "export_model": "rarecall.delivery.exporting",
    "model_card": "rarecall.delivery.cards",
    "predict": "rarecall.delivery.predicting",
    "scoring_network": "rarecall.delivery.scoring",
    "steady_scores": "rarecall.delivery.scoring",
    "write_model": "rarecall.delivery.writing",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
