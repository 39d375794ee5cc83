"""How far runs are: comparisons and reproductions in one view, while they run and after.

Read from the folders alone, on any machine that sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.status.finding import status_of, statuses
    from rarecall.status.model import Failure, Part, RunStatus

__all__ = ["Failure", "Part", "RunStatus", "status_of", "statuses"]

_HOMES = {
    "Failure": "status.model",
    "Part": "status.model",
    "RunStatus": "status.model",
    "status_of": "status.finding",
    "statuses": "status.finding",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
