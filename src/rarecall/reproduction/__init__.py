"""The papers' tables and figures, run: units of work, workers, results beside printed numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

_PLACES = {
    "Watch": "reproducing",
    "Ways": "ways",
    "describe": "reproducing",
    "make_results": "results",
    "reproduce": "reproducing",
    "run_plan": "reproducing",
    "write_results": "results",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: it brings PyTorch, which listing protocols does not need.
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"rarecall.reproduction.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
