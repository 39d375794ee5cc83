"""Delivered models: a self-contained folder, prediction, export and the model card.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

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
    "TTA": "delivery.augmented",
    "Delivered": "delivery.delivered",
    "Exported": "delivery.exporting",
    "Manifest": "delivery.manifest",
    "Parity": "delivery.comparing",
    "Predicted": "delivery.predicting",
    "augment_model": "delivery.recertifying",
    "card_facts": "delivery.facts",
    "export_model": "delivery.exporting",
    "model_card": "delivery.cards",
    "predict": "delivery.predicting",
    "scoring_network": "delivery.scoring",
    "steady_scores": "delivery.scoring",
    "write_model": "delivery.writing",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
