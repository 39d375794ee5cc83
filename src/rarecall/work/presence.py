"""Who works in a run folder, and on what: a file a worker, renewed while it lives."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from rarecall.files import read_json, write_json
from rarecall.work.claims import SECONDS_BETWEEN_BEATS, SILENT, clock, gone, me

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "workers"
_BETWEEN_TOLD = 2.0


class Presence:
    """A sign of this process, seen by others for as long as the block lasts.

    Args:
        run: The run folder; the file lies in its ``workers``.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with Presence(pathlib.Path(name)) as presence:
    ...         presence.tell(unit="bce seed 1")
    ...         [(worker.unit, worker.alive) for worker in workers_of(pathlib.Path(name))]
    [('bce seed 1', True)]
    """

    def __init__(self, run: Path) -> None:
        mine = me()
        host = re.sub(r"[^\w.-]", "-", mine["host"])
        self.path = run / FOLDER / f"{host}-{mine['pid']}.json"
        self._told: dict[str, Any] = {
            **mine,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "unit": None,
        }
        self._written = float("-inf")
        self._stop, self._lock = threading.Event(), threading.Lock()

    def __enter__(self) -> Self:
        self._write()
        self._thread = threading.Thread(target=self._keep_writing, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *left: object) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(OSError):
            self.path.unlink()

    def tell(self, *, unit: str | None, **more: Any) -> None:
        """Say what is being worked on, and how far; what is told often is written now and then.

        Args:
            unit: Name of the unit, None between two.
            more: Plain values, as ``step`` and ``steps``.
        """
        new = unit != self._told["unit"]
        told = {name: self._told[name] for name in ("host", "pid", "since")}
        self._told = {**told, "unit": unit, **more}
        if new or time.monotonic() - self._written > _BETWEEN_TOLD:
            self._write()

    def _write(self) -> None:
        # That others cannot see this worker must not end its work.
        with self._lock, suppress(OSError, ValueError):
            self._written = time.monotonic()
            write_json(self.path, self._told)

    def _keep_writing(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_BEATS):
            self._write()


@dataclass(frozen=True)
class Worker:
    """A process that works in a run folder, or died there.

    Attributes:
        host: Name of its machine.
        pid: Its number there.
        since: When it began, UTC.
        unit: What it works on; None between two.
        step: Of that training, or None.
        steps: Likewise.
        silent: Seconds since it was last seen, at most 15 or so while it lives.
        alive: Whether it lives, as far as can be told from here.
    """

    host: str
    pid: int
    since: str
    unit: str | None
    step: int | None
    steps: int | None
    silent: float
    alive: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "silent": round(self.silent, 1)}


def workers_of(run: Path) -> list[Worker]:
    """List who works in a run folder; those that were killed are among them, not alive.

    What cannot be read is left out.
    """
    found = []
    files = sorted((run / FOLDER).glob("*.json"))
    now = clock(run / FOLDER) if files else 0.0
    for path in files:
        try:
            told, seen = read_json(path), path.stat().st_mtime
            host, pid = str(told["host"]), int(told["pid"])
            silent = max(0.0, now - seen)
            found.append(
                Worker(
                    host,
                    pid,
                    str(told["since"]),
                    told["unit"],
                    told.get("step"),
                    told.get("steps"),
                    silent,
                    silent < SILENT and not gone(host, pid),
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def others_alive(run: Path) -> list[Worker]:
    """List living workers of a run folder other than this process."""
    mine = me()
    return [
        worker
        for worker in workers_of(run)
        if worker.alive and (worker.host, worker.pid) != (mine["host"], mine["pid"])
    ]


def forget_the_dead(run: Path) -> None:
    """Remove the files of workers that were killed."""
    for path in (run / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = read_json(path)
            silent = clock(run / FOLDER) - path.stat().st_mtime
            if silent > SILENT or gone(str(told["host"]), int(told["pid"])):
                path.unlink()
