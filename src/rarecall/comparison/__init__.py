"""Comparing methods on one data set and delivering the best: the main job of the library.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.comparison.orchestration import Comparison, compare
    from rarecall.delivery.delivered import Delivered

__all__ = ["Comparison", "Delivered", "compare"]

_HOMES = {
    "Comparison": "rarecall.comparison.orchestration",
    "Delivered": "rarecall.delivery.delivered",
    "compare": "rarecall.comparison.orchestration",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
