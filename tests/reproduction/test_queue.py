"""Who does what: units are taken once, lost ones come back, and the records are the truth."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from rarecall.errors import RunError, StorageError
from rarecall.reproduction import claims
from rarecall.reproduction.claims import alone, claimed, is_claimed
from rarecall.reproduction.queue import AHEAD, Queue
from rarecall.reproduction.records import RECORD, read_record
from rarecall.reproduction.units import Unit, slug

UNITS = [Unit("1:50", "BCE", split, member) for split in range(2) for member in range(3)]


def test_two_workers_never_take_the_same_unit(tmp_path: Path) -> None:
    queues = [Queue(tmp_path, "study"), Queue(tmp_path, "study")]
    assert queues[0].fill(UNITS) == len(UNITS)
    assert queues[1].fill(UNITS) == 0
    taken = []
    for turn in range(10):
        found = queues[turn % 2].take()
        if found is not None:
            taken.append(found[1])
    assert taken == UNITS


def test_an_empty_queue_gives_nothing(tmp_path: Path) -> None:
    assert Queue(tmp_path, "study").take() is None


def test_a_unit_whose_worker_died_comes_back(tmp_path: Path) -> None:
    queue = Queue(tmp_path, "study")
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
    queue = Queue(tmp_path, "study")
    queue.fill(UNITS[:1])
    queue.take()
    folder = UNITS[0].folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / RECORD).write_text("{}")
    assert queue.recover() == 0
    assert queue.recover() == 0
    queue.close(0, None)  # too late, and no harm


def test_only_so_many_units_stand_in_the_queue(tmp_path: Path) -> None:
    many = [Unit("1:50", "BCE", split) for split in range(3 * AHEAD)]
    queue = Queue(tmp_path, "study")
    assert queue.fill(many) == AHEAD
    assert queue.fill(many) == 0


def test_units_may_stand_in_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    queue = Queue(tmp_path, "study", url)
    queue.fill(UNITS[:2])
    taken = Queue(tmp_path, "study", url).take()
    assert taken is not None
    assert taken[1] == UNITS[0]
    assert not (tmp_path / "journal.log").exists()
    queue.study._storage.remove_session()


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="queue of units cannot be opened"):
        Queue(tmp_path, "study", "sqlite:////nowhere/at/all/queue.db")


def test_a_claim_ends_with_its_holder(tmp_path: Path) -> None:
    with claimed(tmp_path) as mine:
        assert mine
        assert is_claimed(tmp_path)
        with claimed(tmp_path) as second:
            assert not second
    assert not is_claimed(tmp_path)
    assert not (tmp_path / claims.BEAT).exists()


def test_a_worker_on_another_machine_is_heard_until_it_falls_silent(tmp_path: Path) -> None:
    (tmp_path / claims.BEAT).write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert is_claimed(tmp_path)
    with claimed(tmp_path) as mine:
        assert not mine
    long_ago = time.time() - claims.SILENT - 60
    os.utime(tmp_path / claims.BEAT, (long_ago, long_ago))
    assert not is_claimed(tmp_path)
    with claimed(tmp_path) as mine:
        assert mine


def test_a_dead_worker_of_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    who = {"host": claims._me()["host"], "pid": 999_999_999}
    (tmp_path / claims.BEAT).write_text(json.dumps(who))
    assert not is_claimed(tmp_path)


def test_one_process_at_a_time_is_alone(tmp_path: Path) -> None:
    with alone(tmp_path / "x") as first, alone(tmp_path / "x", patience=0.1) as second:
        assert (first, second) == (True, False)


def test_names_of_units_never_collide() -> None:
    labels = ["ALM + BCE", "ALM+BCE", "ALM  + BCE", "Δ", "δ", "1:50", "1-50", "../x", ""]
    assert len({slug(label) for label in labels}) == len(labels)
    assert all("/" not in slug(label) and ".." not in slug(label) for label in labels)
    names = {
        Unit(s, r, k, m, kind, stage, n).name
        for s in ("a", "b")
        for r in ("a", "b")
        for k in (0, 1)
        for m in (0, 1)
        for kind, stage, n in (("final", "", 0), ("trial", "x", 0), ("trial", "x", 1))
        if kind == "final" or (k, m) == (0, 0)
    }
    assert len(names) == 4 * 4 + 4 * 2


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"format": 1, ')
    with pytest.raises(RunError, match="is damaged"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(RunError, match="no record of this version"):
        read_record(tmp_path)
    assert read_record(tmp_path / "nothing") is None
