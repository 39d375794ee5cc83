"""Who works on a unit: a lock that dies with its process, and a beat for other machines to see."""

from __future__ import annotations

import os
import platform
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import StorageError
from rarecall.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK, BEAT = ".lock", ".beat.json"
SECONDS_BETWEEN_BEATS = 15.0
SILENT = 120.0
"""Seconds without a beat after which a worker on another machine counts as dead."""


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Take a unit; gives False where a living worker has it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name, claimed(Path(name)) as first:
    ...     with claimed(Path(name)) as second:
    ...         first, second, is_claimed(Path(name))
    (True, False, True)
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise StorageError(f"Cannot write in {folder}: {error.strerror or error}.") from error
    with file:
        if not _locks(file) or _beats_elsewhere(folder):
            yield False
            return
        stop = threading.Event()
        _beat(folder)
        beating = threading.Thread(target=_keep_beating, args=(folder, stop), daemon=True)
        beating.start()
        try:
            yield True
        finally:
            stop.set()
            beating.join()
            with suppress(OSError):
                (folder / BEAT).unlink()


def is_claimed(folder: Path) -> bool:
    """Whether a living worker has the unit."""
    if _beats_elsewhere(folder):
        return True
    try:
        with (folder / LOCK).open("a") as file:
            return not _locks(file)
    except OSError:
        return False


@contextmanager
def alone(path: Path, *, patience: float = 60.0) -> Iterator[bool]:
    """Run the body while no other process does; gives False if that could not be had in time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience
    with path.open("a") as file:
        got = _locks(file)
        while not got and time.monotonic() < until:
            time.sleep(0.05)
            got = _locks(file)
        yield got


def _locks(file: Any) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; the beat alone tells there
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _me() -> dict[str, Any]:
    return {"host": platform.node(), "pid": os.getpid()}


def _beat(folder: Path) -> None:
    with suppress(OSError):
        write_json(folder / BEAT, _me())


def _keep_beating(folder: Path, stop: threading.Event) -> None:
    while not stop.wait(SECONDS_BETWEEN_BEATS):
        _beat(folder)


def _beats_elsewhere(folder: Path) -> bool:
    """Whether a worker on another machine, whose lock may not be seen from here, beats."""
    try:
        who = read_json(folder / BEAT)
        beaten = (folder / BEAT).stat().st_mtime
    except (OSError, ValueError):
        return False
    mine = _me()
    if who == mine or (who.get("host") == mine["host"] and os.name != "nt"):
        return False
    # By the clock of the file system: that of the other machine may be wrong.
    clock = folder / f".clock-{mine['host']}-{mine['pid']}"
    try:
        clock.touch()
        now = clock.stat().st_mtime
        clock.unlink()
    except OSError:
        now = time.time()
    return now - beaten < SILENT
