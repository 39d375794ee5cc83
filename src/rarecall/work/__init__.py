"""Work shared out among processes and machines: units, a queue, claims that die with their holder.

Nothing here knows what a unit is: a comparison and a reproduction bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rarecall.work.claims import alone, claimed, is_claimed
    from rarecall.work.loop import work_off
    from rarecall.work.presence import Presence, Worker, workers_of
    from rarecall.work.processes import Child, serve, supervise
    from rarecall.work.queue import Queue
    from rarecall.work.storage import check_storage

__all__ = [
    "Child",
    "Presence",
    "Queue",
    "Worker",
    "alone",
    "check_storage",
    "claimed",
    "is_claimed",
    "serve",
    "supervise",
    "work_off",
    "workers_of",
]

_PLACES = {
    "Child": "processes",
    "Presence": "presence",
    "Queue": "queue",
    "Worker": "presence",
    "alone": "claims",
    "check_storage": "storage",
    "claimed": "claims",
    "is_claimed": "claims",
    "serve": "processes",
    "supervise": "processes",
    "work_off": "loop",
    "workers_of": "presence",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"rarecall.work.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
