"""A unit belongs to one living worker, on this machine or another."""

from __future__ import annotations

import errno
import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from rarecall.work import claims
from rarecall.work.claims import alone, claimed, clock, is_claimed, me

if TYPE_CHECKING:
    from pathlib import Path


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
    who = {"host": me()["host"], "pid": 999_999_999}
    (tmp_path / claims.BEAT).write_text(json.dumps(who))
    assert not is_claimed(tmp_path)


def test_one_process_at_a_time_is_alone(tmp_path: Path) -> None:
    with alone(tmp_path / "x") as first, alone(tmp_path / "x", patience=0.1) as second:
        assert (first, second) == (True, False)


def test_the_clock_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert abs(clock(tmp_path) - time.time()) < 5
    assert abs(clock(tmp_path / "nowhere") - time.time()) < 5
    assert not list(tmp_path.iterdir())


def test_where_the_file_system_knows_no_locks_beats_alone_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def unknown(*given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with alone(tmp_path / "x") as mine:
        assert mine
    with claimed(tmp_path) as mine:
        assert mine
    another = {**me(), "pid": os.getppid()}
    (tmp_path / claims.BEAT).write_text(json.dumps(another))
    assert is_claimed(tmp_path)
    with claimed(tmp_path) as mine:
        assert not mine
    (tmp_path / claims.BEAT).write_text(json.dumps({**another, "pid": 999_999_999}))
    with claimed(tmp_path) as mine:
        assert mine


def test_a_damaged_beat_counts_for_nothing(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"host": "elsewhere"}'):
        (tmp_path / claims.BEAT).write_text(text)
        assert not is_claimed(tmp_path)
