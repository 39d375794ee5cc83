"""Where a queue stands: a journal file in the run folder, or a database by its address."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError, PackageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOURNAL = "journal.log"

SECONDS_TO_CONNECT = 30
"""How long a database may take to accept a connection."""
SECONDS_TO_ANSWER = 120
"""How long it may then be silent before the connection counts as lost."""

_MYSQL = {"mysqldb": "MySQLdb", "pymysql": "pymysql"}
_DRIVERS = {
    "postgresql": {"psycopg2": "psycopg2", "psycopg": "psycopg"},
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}
"""Of a kind of database, the drivers that are tried, each with its package's name."""
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


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
    """Hide the passwords of an address, so that it can be shown and stored.

    >>> hidden("mysql://me:secret@host/queues")
    'mysql://me:***@host/queues'
    >>> hidden("postgresql://host/queues?user=me&password=secret&sslmode=require")
    'postgresql://host/queues?user=me&password=***&sslmode=require'
    """
    shown = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)
    return re.sub(r"([?&]\w*passw(?:or)?d=)[^&]*", r"\1***", shown)


def hidden_in(text: str, url: str) -> str:
    """Hide an address's password in what a driver says, which may repeat it.

    >>> hidden_in("no such user: me:secret", "mysql://me:secret@host/queues")
    'no such user: me:***'
    """
    found = re.search(r"://[^:/@]*:(.+)@", url)
    text = text.replace(url, hidden(url))
    return text.replace(found[1], "***") if found else text


def driven(url: str) -> str:
    """Name the driver in an address that names none, one that is installed.

    Which one a bare ``postgresql://`` means differs between versions of SQLAlchemy.

    Raises:
        PackageError: None is installed.

    >>> driven("postgresql+psycopg://me@host/queues")
    'postgresql+psycopg://me@host/queues'
    """
    kind, separator, rest = url.partition("://")
    kind = "postgresql" if kind == "postgres" else kind
    drivers = _DRIVERS.get(kind)
    if drivers is None:
        return f"{kind}{separator}{rest}"
    for driver, package in drivers.items():
        if find_spec(package) is not None:
            return f"{kind}+{driver}{separator}{rest}"
    packages, extra = " nor ".join(drivers.values()), _EXTRAS[kind]
    raise PackageError(
        f"A database at {kind}://… needs its driver, but neither {packages} is installed. Run pip "
        f'install "rarecall[{extra}]", or leave storage out: then the queue is a file in the run '
        "folder."
    )


def open_storage(run: Path, url: str | None) -> Any:
    """Open the storage that Optuna keeps a queue in.

    Raises:
        PackageError: The database's driver is not installed.
    """
    import os

    from optuna.storages import JournalStorage, RDBStorage, get_storage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if url is not None:
        from sqlalchemy.pool import NullPool

        address = driven(url)
        # A worker asks a few times a training. Were its connection kept meanwhile, hundreds of
        # them would exhaust the server's, and each would find it broken after a restart.
        how = {"poolclass": NullPool, "connect_args": dict(_patience(address))}
        # Optuna fills in a template.
        return get_storage(RDBStorage(re.sub("[{}]", r"\g<0>\g<0>", address), engine_kwargs=how))
    path = str(run / JOURNAL)
    # Symbolic links, by which the other lock works, need rights on Windows.
    lock = JournalFileOpenLock(path) if os.name == "nt" else None
    return JournalStorage(JournalFileBackend(path, lock_obj=lock))


def of_database(error: Exception) -> bool:
    """Whether a database, or the way to it, failed rather than what asks it."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    # A missing study is a key error: somebody emptied the database.
    return isinstance(error, (SQLAlchemyError, StorageInternalError, KeyError))


def _patience(address: str) -> Iterator[tuple[str, int]]:
    """Say in the driver's words how long to wait, where the address does not say it."""
    driver = address.partition("://")[0].partition("+")[2]
    given: dict[str, int] = {}
    if driver in ("psycopg2", "psycopg"):
        given = {
            "connect_timeout": SECONDS_TO_CONNECT,
            "keepalives_idle": SECONDS_TO_ANSWER // 2,
            "keepalives_interval": SECONDS_TO_ANSWER // 8,
            "keepalives_count": 4,
            "tcp_user_timeout": SECONDS_TO_ANSWER * 1000,
        }
    elif driver in _MYSQL:
        given = {
            "connect_timeout": SECONDS_TO_CONNECT,
            "read_timeout": SECONDS_TO_ANSWER,
            "write_timeout": SECONDS_TO_ANSWER,
        }
    for name, seconds in given.items():
        if not re.search(rf"[?&]{name}=", address):
            yield name, seconds
