"""Workers are seen while they live, and known to be dead after."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rarecall.files import read_json, write_json
from rarecall.work import presence as signs
from rarecall.work.claims import SILENT, me
from rarecall.work.presence import Presence, forget_the_dead, others_alive, workers_of

if TYPE_CHECKING:
    from pathlib import Path


def another(run: Path, host: str, pid: int, silent: float = 0.0) -> Path:
    path = run / "workers" / f"{host}-{pid}.json"
    write_json(path, {"host": host, "pid": pid, "since": "2026-01-01", "unit": "bce seed 1"})
    then = time.time() - silent
    os.utime(path, (then, then))
    return path


def gone() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_worker_tells_what_it_does_and_leaves_nothing(tmp_path: Path) -> None:
    with Presence(tmp_path) as presence:
        presence.tell(unit="bce seed 1", step=3, steps=9)
        (worker,) = workers_of(tmp_path)
        assert (worker.unit, worker.step, worker.steps, worker.alive) == ("bce seed 1", 3, 9, True)
        assert {"host": worker.host, "pid": worker.pid} == me()
        presence.tell(unit=None)
        assert workers_of(tmp_path)[0].unit is None
        assert not others_alive(tmp_path)
    assert not workers_of(tmp_path)


def test_steps_are_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Presence(tmp_path) as presence:
        presence.tell(unit="a", step=0, steps=9)
        presence.tell(unit="a", step=1, steps=9)
        assert read_json(presence.path)["step"] == 0
        monkeypatch.setattr(signs, "_BETWEEN_TOLD", 0.0)
        presence.tell(unit="a", step=2, steps=9)
        assert read_json(presence.path)["step"] == 2


def test_a_sign_is_renewed_while_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signs, "SECONDS_BETWEEN_BEATS", 0.02)
    with Presence(tmp_path) as presence:
        os.utime(presence.path, (0, 0))
        until = time.monotonic() + 20
        while presence.path.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert workers_of(tmp_path)[0].silent < 20


def test_work_goes_on_where_no_sign_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file in the way")
    with Presence(tmp_path) as presence:
        presence.tell(unit="bce seed 1")
    assert not workers_of(tmp_path)


def test_the_dead_are_told_from_the_living(tmp_path: Path) -> None:
    another(tmp_path, "elsewhere", 1, silent=SILENT / 2)
    another(tmp_path, "elsewhere", 2, silent=SILENT * 2)
    another(tmp_path, me()["host"], gone())
    (tmp_path / "workers" / "damaged.json").write_text("{")
    assert {worker.pid: worker.alive for worker in workers_of(tmp_path)}[1]
    assert [worker.pid for worker in others_alive(tmp_path)] == [1]
    assert len(workers_of(tmp_path)) == 3
    forget_the_dead(tmp_path)
    assert [worker.pid for worker in workers_of(tmp_path)] == [1]
