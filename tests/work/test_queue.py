"""Who does what: units are taken once, lost ones come back, and the records are the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from rarecall.errors import ConfigurationError, Interrupted, StorageError
from rarecall.work.claims import claimed
from rarecall.work.loop import work_off
from rarecall.work.queue import AHEAD, Queue
from rarecall.work.storage import check_storage, hidden

RECORD = "record.json"


@dataclass(frozen=True)
class Unit:
    number: int

    @property
    def name(self) -> str:
        return f"unit-{self.number}"

    def folder(self, run: Path) -> Path:
        return run / self.name

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Any) -> Unit:
        return cls(**stored)


UNITS = [Unit(number) for number in range(6)]


def opened(run: Path, url: str | None = None) -> Queue[Unit]:
    return Queue(run, "study", Unit, RECORD, url)


def test_two_workers_never_take_the_same_unit(tmp_path: Path) -> None:
    queues = [opened(tmp_path), opened(tmp_path)]
    assert queues[0].fill(UNITS) == len(UNITS)
    assert queues[1].fill(UNITS) == 0
    taken = []
    for turn in range(10):
        found = queues[turn % 2].take()
        if found is not None:
            taken.append(found[1])
    assert taken == UNITS


def test_an_empty_queue_gives_nothing(tmp_path: Path) -> None:
    assert opened(tmp_path).take() is None


def test_a_unit_whose_worker_died_comes_back(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.fill(UNITS[:1])
    assert queue.take() is not None
    assert queue.fill(UNITS[:1]) == 0  # it counts as under way
    with claimed(UNITS[0].folder(tmp_path)):
        assert queue.recover() == 0
    assert queue.recover() == 1
    assert queue.fill(UNITS[:1]) == 1
    again = queue.take()
    assert again is not None
    assert again[1] == UNITS[0]


def test_a_unit_with_a_record_is_done_whatever_the_queue_says(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.fill(UNITS[:1])
    queue.take()
    folder = UNITS[0].folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / RECORD).write_text("{}")
    assert queue.recover() == 0
    assert queue.recover() == 0
    queue.close(0, None)  # too late, and no harm


def test_only_so_many_units_stand_in_the_queue(tmp_path: Path) -> None:
    many = [Unit(number) for number in range(3 * AHEAD)]
    queue = opened(tmp_path)
    assert queue.fill(many) == AHEAD
    assert queue.fill(many) == 0


def test_units_may_stand_in_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    queue = opened(tmp_path, url)
    queue.fill(UNITS[:2])
    taken = opened(tmp_path, url).take()
    assert taken is not None
    assert taken[1] == UNITS[0]
    assert not (tmp_path / "journal.log").exists()
    queue.study._storage.remove_session()


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="queue of units cannot be opened"):
        opened(tmp_path, "sqlite:////nowhere/at/all/queue.db")


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    address = "postgresql+nodriver://me:secret@nowhere/queues"
    with pytest.raises(StorageError) as caught:
        opened(tmp_path, address)
    assert "secret" not in str(caught.value)
    assert "me:***@nowhere" in str(caught.value)


@pytest.mark.parametrize("address", ["sqlite:///queue.db", "SQLite+pysqlite:///x", "queue.db", ""])
def test_only_a_database_for_many_is_accepted(address: str) -> None:
    with pytest.raises(ConfigurationError, match="storage must be"):
        check_storage(address)


@pytest.mark.parametrize("address", [None, "postgresql+psycopg2://a:b@c:5432/d", "mysql://h/d"])
def test_addresses_of_databases_are_accepted(address: str | None) -> None:
    assert check_storage(address) == address
    assert address is None or "b@" not in hidden(address)


# The loop ----------------------------------------------------------------------------------------


class Left:
    """Units without a record."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def todo(self) -> list[Unit]:
        return [unit for unit in UNITS if not (unit.folder(self.run) / RECORD).exists()]

    def complete(self) -> bool:
        return not self.todo()


def test_everything_is_done_once_and_what_must_be_done_again_is(tmp_path: Path) -> None:
    seen: list[Unit] = []

    def do(unit: Unit, folder: Path) -> bool:
        seen.append(unit)
        if seen.count(unit) == 1 and unit.number == 2:
            return False
        (folder / RECORD).write_text("{}")
        return True

    work_off(opened(tmp_path), Left(tmp_path), do)
    assert sorted(unit.number for unit in seen) == [0, 1, 2, 2, 3, 4, 5]


def test_an_error_gives_the_unit_back_and_a_stop_ends_the_work(tmp_path: Path) -> None:
    def breaks(unit: Unit, folder: Path) -> bool:
        raise StorageError("full")

    with pytest.raises(StorageError):
        work_off(opened(tmp_path), Left(tmp_path), breaks)
    queue = opened(tmp_path)
    assert queue.recover() == 0  # nothing is left behind under way
    with pytest.raises(Interrupted):
        work_off(queue, Left(tmp_path), lambda unit, folder: True, should_stop=lambda: True)
