"""Database servers for tests: each in a folder of its own, on a loopback port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WITHIN = 60.0
"""Seconds that a server may take to start or to stop."""


def program(name: str, *places: str) -> str | None:
    """Find a server's program on the path, or where packages put it; the newest."""
    found = shutil.which(name)
    if found is not None:
        # Its neighbours lie where it does, not where a link to it does.
        return str(Path(found).resolve())
    there = [path for place in places for path in Path("/").glob(f"{place}/{name}")]
    return str(max(there)) if there else None


class Server:
    """A server's process, which is started, ended hard or softly, and started again.

    Args:
        words: Its command line.
        user: Whose process it is.
        ready: What it says once it answers.
        log: Where its words go.
    """

    def __init__(self, words: list[str], user: dict[str, Any], ready: str, log: Path) -> None:
        self.words, self.user, self.ready, self.log = words, user, ready, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        until = time.monotonic() + WITHIN
        self._begin()
        while self.ready not in (said := self.log.read_text(errors="replace")):
            assert self.process is not None
            assert time.monotonic() < until, said
            time.sleep(0.05)
            if self.process.poll() is not None:
                # What a killed server leaves behind may be in the way for a moment.
                time.sleep(0.5)
                self._begin()

    def _begin(self) -> None:
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                **self.user,
            )

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, all its connections too."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(WITHIN)


def as_another(name: str) -> dict[str, Any]:
    """Say whose a server's process is to be: servers refuse to be root's."""
    if os.geteuid():
        return {}
    who = pwd.getpwnam(name)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def folder_of(user: dict[str, Any]) -> Iterator[Path]:
    """Give a folder of that user's, which is removed afterwards."""
    # Not pytest's: another user cannot enter that.
    with tempfile.TemporaryDirectory(prefix="rarecall-") as name:
        if user:
            os.chown(name, user["user"], user["group"])
        yield Path(name)


def make(words: list[str], folder: Path, user: dict[str, Any]) -> None:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder, timeout=WITHIN, **user
    )
    assert not done.returncode, done.stdout + done.stderr


@contextmanager
def postgresql(secret: str = "secret") -> Iterator[tuple[Server, str]]:
    """Run PostgreSQL; gives the server, and where the database is."""
    initdb = program("initdb", "usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
    assert initdb is not None
    user = as_another("nobody")
    with folder_of(user) as folder:
        password, data, port = folder / "password", folder / "data", free_port()
        password.write_text(secret)
        password.chmod(0o644)
        given = ["-A", "scram-sha-256", "-U", "rarecall", "--pwfile", str(password), "-N"]
        words = [initdb, "-D", str(data), "-E", "UTF8", "--locale=C", *given]
        make(words, folder, user)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        more = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        server = Server(
            [str(Path(initdb).with_name("postgres")), "-D", str(data), *more],
            user,
            "ready to accept connections",
            folder / "log",
        )
        try:
            server.start()
            yield server, f"postgresql://rarecall:{secret}@127.0.0.1:{port}/postgres"
        finally:
            server.end()


@contextmanager
def mysql(secret: str = "secret") -> Iterator[tuple[Server, str]]:
    """Run MariaDB; gives the server, and where the database is."""
    install = program("mariadb-install-db", "usr/bin")
    server_program = program("mariadbd", "usr/sbin", "usr/libexec")
    assert install is not None
    assert server_program is not None
    user = as_another("nobody")
    with folder_of(user) as folder:
        data, port, begin = folder / "data", free_port(), folder / "begin.sql"
        make(
            [install, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-log-bin"],
            folder,
            user,
        )
        begin.write_text(
            "CREATE DATABASE IF NOT EXISTS queues;\n"
            f"CREATE USER IF NOT EXISTS rarecall@'%' IDENTIFIED BY '{secret}';\n"
            "GRANT ALL ON queues.* TO rarecall@'%';\n"
        )
        begin.chmod(0o644)
        options = {
            "datadir": data,
            "socket": folder / "socket",
            "pid-file": folder / "pid",
            "bind-address": "127.0.0.1",
            "port": port,
            "init-file": begin,
            "innodb-flush-log-at-trx-commit": 0,
        }
        words = [f"--{key}={value}" for key, value in options.items()]
        server = Server(
            [server_program, "--no-defaults", *words], user, "ready for connections", folder / "log"
        )
        try:
            server.start()
            yield server, f"mysql://rarecall:{secret}@127.0.0.1:{port}/queues"
        finally:
            server.end(signal.SIGTERM)
