"""Comparing methods on one data set and delivering the best: the main job of the library.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.comparison.orchestration import Comparison, compare
    from rarecall.delivery.delivered import Delivered

__all__ = ["Comparison", "Delivered", "compare"]

_HOMES = {
    "Comparison": "comparison.orchestration",
    "Delivered": "delivery.delivered",
    "compare": "comparison.orchestration",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
