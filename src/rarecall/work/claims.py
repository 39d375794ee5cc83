"""Who works on a unit: a lock that dies with its process, and a beat for other machines to see."""

from __future__ import annotations

import errno
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
        got = locks(file)
        if got is False or _beats_elsewhere(folder, locked=got is True):
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
    try:
        with (folder / LOCK).open("a") as file:
            got = locks(file)
    except OSError:
        got = None
    return got is False or _beats_elsewhere(folder, locked=got is True)


@contextmanager
def alone(path: Path, *, patience: float = 60.0) -> Iterator[bool]:
    """Run the body while no other process does; gives False if that could not be had in time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience
    with path.open("a") as file:
        got = locks(file)
        while got is False and time.monotonic() < until:
            time.sleep(0.05)
            got = locks(file)
        yield got is not False


def me() -> dict[str, Any]:
    """Name this process: its machine and its number there."""
    return {"host": platform.node(), "pid": os.getpid()}


def clock(folder: Path) -> float:
    """Tell the time by the file system's clock: that of another machine may be wrong.

    Where nothing can be written, it is this machine's.
    """
    mine = me()
    hand = folder / f".clock-{mine['host']}-{mine['pid']}"
    try:
        hand.touch()
        now = hand.stat().st_mtime
        hand.unlink()
    except OSError:
        now = time.time()
    return now


def locks(file: Any, *, shared: bool = False) -> bool | None:
    """Lock an open file until it is closed; None where the file system knows no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def gone(host: str, pid: int) -> bool:
    """Whether a process of this machine is known to have ended."""
    if host != me()["host"] or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _beat(folder: Path) -> None:
    with suppress(OSError):
        write_json(folder / BEAT, me())


def _keep_beating(folder: Path, stop: threading.Event) -> None:
    while not stop.wait(SECONDS_BETWEEN_BEATS):
        _beat(folder)


def _beats_elsewhere(folder: Path, *, locked: bool) -> bool:
    """Whether another worker beats whose lock cannot be seen from here.

    Args:
        folder: Of the unit.
        locked: Whether this process holds the lock; then no other of this machine does.
    """
    try:
        who = read_json(folder / BEAT)
        host, pid = str(who["host"]), int(who["pid"])
        beaten = (folder / BEAT).stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return False
    mine = me()
    if who == mine or (host == mine["host"] and locked) or gone(host, pid):
        return False
    return clock(folder) - beaten < SILENT
