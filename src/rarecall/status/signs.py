"""Signs of life in a run folder."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WRITTEN = ("status.json", "log.jsonl", "journal.log", "run.json", "results.json", "workers/*")


def last_sign(folder: Path) -> float | None:
    """Give the time at which something was last written, seconds since 1970."""
    found = []
    for pattern in _WRITTEN:
        for path in folder.glob(pattern):
            with suppress(OSError):
                found.append(path.stat().st_mtime)
    return max(found, default=None)
