"""Workers as processes: side by side, killed, failing."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from rarecall.errors import DataError
from rarecall.reproduction import Watch, run_plan
from rarecall.reproduction.child import start_child
from rarecall.reproduction.run_folder import begin
from rarecall.reproduction.worker import Events
from reproduction.problem import description, plan_of, same, ways

if TYPE_CHECKING:
    from pathlib import Path

    from rarecall.reproduction.units import Unit

pytestmark = pytest.mark.slow


def test_a_killed_worker_loses_its_unit_alone(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = plan_of(training={**description()["training"], "steps": 60})
    begin(folder, plan)
    worker = start_child(folder, ways(root), 0).process
    until = time.monotonic() + 60
    # As soon as one unit is done and another is under way.
    while time.monotonic() < until and worker.poll() is None:
        if list(folder.rglob("record.json")) and list(folder.rglob("checkpoint.pt")):
            break
        time.sleep(0.002)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    done = {path.parent for path in folder.rglob("record.json")}
    seen: list[Unit] = []
    watch = Watch(events=Events(began=seen.append))
    results = run_plan(plan, folder, ways(root), watch=watch)
    assert {unit.folder(folder) for unit in seen}.isdisjoint(done)
    assert len(seen) + len(done) == 4
    assert same(results, run_plan(plan, tmp_path / "undisturbed", ways(root)))


def test_two_processes_come_to_the_numbers_of_one(root: Path, tmp_path: Path) -> None:
    two = run_plan(plan_of(), tmp_path / "two", ways(root, jobs=2))
    assert same(two, run_plan(plan_of(), tmp_path / "one", ways(root)))
    assert len(list((tmp_path / "two" / "workers").glob("*.log"))) == 2


def test_what_ends_a_process_is_told_in_words(tmp_path: Path) -> None:
    begin(tmp_path / "run", plan_of(scale="small"))
    worker = start_child(tmp_path / "run", ways(tmp_path / "nothing"), 0)
    while worker.alive:
        time.sleep(0.01)
    assert worker.code == DataError.exit_code
    with pytest.raises(DataError, match="CIFAR-10 is not in"):
        worker.raise_error()
