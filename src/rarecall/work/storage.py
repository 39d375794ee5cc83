"""Where a queue stands: a journal file in the run folder, or a database by its address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = "journal.log"


def check_storage(url: str | None) -> str | None:
    """Give back an address at which workers can share a queue, or None for a file in the run.

    Raises:
        ConfigurationError: It is none, or SQLite, which several machines cannot write at once.

    >>> check_storage("postgresql://me:secret@host/queues")
    'postgresql://me:secret@host/queues'
    >>> check_storage("sqlite:///queue.db")
    Traceback (most recent call last):
        ...
    rarecall.errors.ConfigurationError: storage must be a database that many processes write at
    once, as postgresql://… or mysql://…; SQLite loses work there: 'sqlite:///queue.db' came.
    Without storage the queue is a file in the run folder, which needs no database.
    """
    if url is None:
        return None
    instead = "Without storage the queue is a file in the run folder, which needs no database."
    if url.lower().startswith("sqlite"):
        raise ConfigurationError(
            "storage must be a database that many processes write at once, as postgresql://… or "
            f"mysql://…; SQLite loses work there: {hidden(url)!r} came. {instead}"
        )
    if not re.match(r"[a-z][a-z0-9+]*://.", url):
        raise ConfigurationError(
            "storage must be the address of a database, as postgresql://user@host/name, but "
            f"{hidden(url)!r} came. {instead}"
        )
    return url


def hidden(url: str) -> str:
    """Hide the password of an address, so that it can be shown and stored.

    >>> hidden("mysql://me:secret@host/queues")
    'mysql://me:***@host/queues'
    """
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def open_storage(run: Path, url: str | None) -> Any:
    """Open the storage that Optuna keeps a queue in."""
    import os

    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if url is not None:
        return get_storage(url)
    path = str(run / JOURNAL)
    # Symbolic links, by which the other lock works, need rights on Windows.
    lock = JournalFileOpenLock(path) if os.name == "nt" else None
    return JournalStorage(JournalFileBackend(path, lock_obj=lock))
