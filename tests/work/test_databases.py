"""Queues in PostgreSQL and MySQL servers, which are raced for, killed, emptied and away."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from rarecall.comparison import compare
from rarecall.errors import Interrupted, StorageError
from rarecall.work import loop
from rarecall.work.loop import work_off
from rarecall.work.presence import workers_of
from rarecall.work.queue import Queue

from .servers import Server, mysql, postgresql, program
from .test_queue import RECORD, UNITS, Left, Unit

POSTGRESQL = program("initdb", "usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
MYSQL = program("mariadbd", "usr/sbin", "usr/libexec")
KINDS: dict[str, tuple[Any, bool, str]] = {
    "postgresql": (
        postgresql,
        POSTGRESQL is not None and bool(find_spec("psycopg2") or find_spec("psycopg")),
        "needs PostgreSQL's programs (apt-get install postgresql) and pip install psycopg2-binary",
    ),
    "mysql": (
        mysql,
        MYSQL is not None and find_spec("pymysql") is not None,
        "needs MariaDB's programs (apt-get install mariadb-server) and pip install pymysql",
    ),
}


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_PAUSE", 0.1)
    monkeypatch.setattr(loop, "_BETWEEN_RECOVERIES", 0.5)


@pytest.fixture(scope="module", params=sorted(KINDS, reverse=True))
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str]]:
    """A server of each kind and its address."""
    start, there, needed = KINDS[request.param]
    if not there or os.name == "nt":
        pytest.skip(needed)
    with start() as found:
        yield found


def opened(run: Path, url: str, name: str = "study") -> Queue[Unit]:
    run.mkdir(exist_ok=True)
    return Queue(run, name, Unit, RECORD, url)


def asked(queue: Queue[Unit], *statements: str) -> list[Any]:
    """Ask the database itself; gives the rows of the last answer."""
    from sqlalchemy import text

    with queue.study._storage._backend.engine.begin() as connection:
        answers = [connection.execute(text(statement)) for statement in statements]
        return list(answers[-1]) if answers[-1].returns_rows else []


def emptied(queue: Queue[Unit]) -> None:
    """Take all tables from a database, while others use them."""
    from optuna.storages._rdb.models import BaseModel
    from sqlalchemy.exc import DBAPIError

    tables = ", ".join([*BaseModel.metadata.tables, "alembic_version"])
    drop = f"DROP TABLE IF EXISTS {tables} CASCADE"
    mysql_first = ["SET FOREIGN_KEY_CHECKS = 0"]
    first = mysql_first if queue.url and queue.url.startswith("mysql") else []
    for left in reversed(range(5)):
        try:
            asked(queue, *first, drop)
            return
        except DBAPIError:
            # Each may hold what the other one waits for; the server lets one of them go.
            if not left:
                raise


class Work:
    """Workers of one process that do units slowly and count what they do."""

    def __init__(self, run: Path, name: str, url: str) -> None:
        self.run, self.done = run, list[int]()
        self.errors: list[BaseException] = []
        self.asked = False
        self.queues = [opened(run, url, name) for _ in range(2)]
        self.threads = [threading.Thread(target=self._work, args=(q,)) for q in self.queues]
        for thread in self.threads:
            thread.start()

    def _work(self, queue: Queue[Unit]) -> None:
        try:
            work_off(queue, Left(self.run), self._do, should_stop=lambda: self.asked)
        except BaseException as error:
            self.errors.append(error)

    def _do(self, unit: Unit, folder: Path) -> bool:
        if not (folder / RECORD).exists():
            time.sleep(0.2)
            self.done.append(unit.number)
            (folder / RECORD).write_text("{}")
        return True

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def until(happens: Callable[[], object], what: str = "it") -> None:
    end = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.01)


def test_runs_that_begin_at_once_are_not_in_each_others_way(
    database: tuple[Server, str], tmp_path: Path
) -> None:
    emptied(opened(tmp_path / "first", database[1]))
    found: list[Queue[Unit]] = []
    begin = threading.Barrier(6)

    def one(number: int) -> None:
        begin.wait()
        found.append(opened(tmp_path / str(number), database[1], f"run {number}"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert asked(found[0], "SELECT COUNT(*) FROM alembic_version") == [(1,)]
    assert asked(found[0], "SELECT COUNT(*) FROM studies WHERE study_name LIKE 'run %'") == [(6,)]


def test_a_waiting_worker_holds_no_connection(database: tuple[Server, str], tmp_path: Path) -> None:
    queues = [opened(tmp_path, database[1], "idle") for _ in range(4)]
    assert queues[0].fill(UNITS) == len(UNITS)
    assert all(queue.take() for queue in queues)
    count = {
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'rarecall'",
    }[database[1].partition(":")[0]]
    # A server may take a moment to forget one that has gone; the one left asks.
    until(lambda: asked(queues[0], count) == [(1,)], "an end of all connections")


@pytest.mark.parametrize("how", [signal.SIGKILL, None])
def test_a_server_that_dies_or_is_emptied_in_the_middle_costs_nothing(
    how: signal.Signals | None, database: tuple[Server, str], tmp_path: Path
) -> None:
    server, url = database
    work = Work(tmp_path, f"restarted {how}", url)
    until(lambda: work.done)
    if how is None:
        emptied(work.queues[0])
    else:
        server.end(how)
        server.start()
    work.wait()
    assert not work.errors
    assert sorted(work.done) == [unit.number for unit in UNITS]


def test_a_server_that_stays_away_is_told_and_the_same_work_goes_on_later(
    database: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = database
    work = Work(tmp_path, "away", url)
    until(lambda: work.done)
    server.end(signal.SIGKILL)
    monkeypatch.setattr(loop, "PATIENCE", 0.5)
    work.wait()
    assert len(work.errors) == 2
    for error in work.errors:
        assert isinstance(error, StorageError)
        assert "The queue of units does not answer" in str(error)
        assert "the same command goes on once the database answers" in str(error)
        assert ":***@127.0.0.1" in str(error)
        assert "secret" not in str(error)
    with pytest.raises(StorageError, match="cannot be opened") as caught:
        opened(tmp_path, url)
    assert "secret" not in str(caught.value)
    server.start()
    again = Work(tmp_path, "away", url)
    again.wait()
    assert not again.errors
    assert sorted([*work.done, *again.done]) == [unit.number for unit in UNITS]


def test_a_stop_is_heard_while_a_server_is_away(
    database: tuple[Server, str], tmp_path: Path
) -> None:
    server, url = database
    work = Work(tmp_path, "stopped", url)
    until(lambda: work.done)
    server.end(signal.SIGKILL)
    try:
        work.asked = True
        work.wait()
        assert [type(error) for error in work.errors] == [Interrupted] * 2
    finally:
        server.start()


def test_a_wrong_password_is_told_but_not_shown(
    database: tuple[Server, str], tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="cannot be opened") as caught:
        opened(tmp_path, database[1].replace("secret", "hush{hush}"))
    assert "hush" not in str(caught.value)


# A comparison -------------------------------------------------------------------------------------

BUDGET: dict[str, Any] = {
    "data": "breast-cancer",
    "methods": "bce,vs+alm",
    "tpr": 0.9,
    "seeds": 2,
    "tune": 1,
    "steps": 60,
    "evaluate_every": 6,
    "batch_size": 64,
    "network_options": {"width": 16, "depth": 1},
    "threads": 1,
    "trees": False,
}


def content(value: Any) -> Any:
    """Drop what two equal runs may differ in."""
    if isinstance(value, dict):
        times = ("created", "seconds", "tuning_seconds", "out")
        return {key: content(item) for key, item in value.items() if key not in times}
    return [content(item) for item in value] if isinstance(value, list) else value


def results_of(folder: Path) -> Any:
    return content(json.loads((folder / "results.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("one") / "run"
    compare(out=out, **BUDGET)
    return results_of(out)


def command(out: Path, url: str, jobs: int) -> subprocess.Popen[str]:
    file = out.with_suffix(".yaml")
    file.write_text(json.dumps(BUDGET))
    words = ["compare", "--config", str(file), "--out", str(out), "--jobs", str(jobs), "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-m", "rarecall", *words, "--storage", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def busy(out: Path) -> list[int]:
    return [worker.pid for worker in workers_of(out) if worker.alive and worker.unit]


@pytest.mark.slow
# Of one kind: a comparison knows nothing of databases, and its processes take seconds to start.
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_comparison_with_a_killed_worker_a_late_one_and_a_restart_is_that_of_one_process(
    database: tuple[Server, str], tmp_path: Path, undisturbed: Any
) -> None:
    server, url = database
    out = tmp_path / "run"
    first = command(out, url, jobs=2)
    try:
        found: list[int] = []
        until(lambda: found.extend(busy(out)) or found or first.poll() is not None, "work")
        os.kill(random.Random(0).choice(found), signal.SIGKILL)
        second = command(out, url, jobs=1)
        try:
            server.end(signal.SIGKILL)
            server.start()
            told = [process.communicate(timeout=120) for process in (first, second)]
        finally:
            second.kill()
    finally:
        first.kill()
    assert (first.returncode, second.returncode) == (0, 0), told
    assert results_of(out) == undisturbed
    assert not workers_of(out)
    assert "secret" not in "".join(
        path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()
    )
