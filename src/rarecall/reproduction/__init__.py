"""The papers' tables and figures, run: units of work, workers, results beside printed numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.reproduction.reproducing import Watch, describe, reproduce, run_plan
    from rarecall.reproduction.results import make_results, write_results
    from rarecall.reproduction.ways import Ways

__all__ = [
    "Watch",
    "Ways",
    "describe",
    "make_results",
    "reproduce",
    "run_plan",
    "write_results",
]

_HOMES = {
    "Watch": "reproduction.reproducing",
    "Ways": "reproduction.ways",
    "describe": "reproduction.reproducing",
    "make_results": "reproduction.results",
    "reproduce": "reproduction.reproducing",
    "run_plan": "reproduction.reproducing",
    "write_results": "reproduction.results",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
