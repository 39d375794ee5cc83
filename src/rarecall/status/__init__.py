"""How far runs are: comparisons and reproductions in one view, while they run and after.

Read from the folders alone, on any machine that sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rarecall.status.finding import status_of, statuses
    from rarecall.status.model import Failure, Part, RunStatus

__all__ = ["Failure", "Part", "RunStatus", "status_of", "statuses"]

_PLACES = {
    "Failure": "model",
    "Part": "model",
    "RunStatus": "model",
    "status_of": "finding",
    "statuses": "finding",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"rarecall.status.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
