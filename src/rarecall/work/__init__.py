"""Work shared out among processes and machines: units, a queue, claims that die with their holder.

Nothing here knows what a unit is: a comparison and a reproduction bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

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

_HOMES = {
    "Child": "work.processes",
    "Presence": "work.presence",
    "Queue": "work.queue",
    "Worker": "work.presence",
    "alone": "work.claims",
    "check_storage": "work.storage",
    "claimed": "work.claims",
    "is_claimed": "work.claims",
    "serve": "work.processes",
    "supervise": "work.processes",
    "work_off": "work.loop",
    "workers_of": "work.presence",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
