"""How a run stands is told from its folder: running, finished, interrupted, failed, damaged."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rarecall.errors import RunError
from rarecall.files import write_json
from rarecall.status import status_of, statuses
from rarecall.status.model import Part, RunStatus, work_left
from rarecall.work.claims import SILENT, me
from rarecall.work.presence import Presence, Worker

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two methods, one trial and two seeds each, that was killed at its start."""
    run = tmp_path / "runs" / "claims"
    run.mkdir(parents=True)
    config = {"data": "claims.csv", "methods": ["bce", "vs"], "seeds": 2, "tune": 1}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    told = {"format": 1, "study": "s", "methods": ["bce", "vs"], "trials": 1, "seeds": 2}
    write_json(run / "work.json", {**told, "storage": None})
    write_json(run / "status.json", {"state": "running", "at": "2026-01-01T00:00:00+00:00"})
    age(run)
    return run


def age(run: Path, seconds: float = 10 * SILENT) -> None:
    then = time.time() - seconds
    for path in run.rglob("*"):
        os.utime(path, (then, then))


def done(run: Path, unit: str, seconds: float = 10.0) -> None:
    write_json(run / "units" / unit / "result.json", {"seconds": seconds})


# Comparisons -------------------------------------------------------------------------------------


def test_a_run_that_goes_on_tells_who_works_on_what_and_how_long(folder: Path) -> None:
    done(folder, "bce/trial-000")
    done(folder, "vs/trial-000", 30.0)
    with Presence(folder) as presence:
        presence.tell(unit="bce seed 1", step=1, steps=2)
        found = status_of(folder)
    assert (found.state, found.name, found.done, found.total) == ("running", "claims.csv", 2, 6)
    assert [(worker.pid, worker.unit) for worker in found.alive] == [(me()["pid"], "bce seed 1")]
    # Two of 10 s and two of 30 s, half of one of 20 s on average is done.
    assert found.seconds_of_work == found.seconds_left == 70.0
    assert found.again is None
    assert found.silent is not None
    assert found.silent < 60


def test_a_run_that_was_killed_can_go_on(folder: Path) -> None:
    done(folder, "bce/trial-000")
    found = status_of(folder)
    assert (found.state, found.done) == ("interrupted", 1)
    assert found.again == f"rarecall compare --resume --out {folder}"
    assert found.seconds_left is None
    assert found.seconds_of_work == 50.0


def test_workers_of_another_machine_count_until_they_are_silent(folder: Path) -> None:
    path = folder / "workers" / "elsewhere-7.json"
    told = {"host": "elsewhere", "pid": 7, "since": "2026-01-01", "unit": "vs seed 2"}
    write_json(path, told)
    assert status_of(folder).state == "running"
    age(folder)
    found = status_of(folder)
    assert found.state == "interrupted"
    assert [(worker.host, worker.alive) for worker in found.workers] == [("elsewhere", False)]


def test_a_run_that_just_begins_is_running(folder: Path) -> None:
    (folder / "status.json").touch()
    assert status_of(folder).state == "running"


def test_a_stopped_run_says_how_to_go_on(folder: Path) -> None:
    told = {"state": "interrupted", "reason": "Stopped.", "resume": "rarecall compare --resume"}
    write_json(folder / "status.json", told)
    found = status_of(folder)
    assert (found.state, found.again, found.problem) == (
        "interrupted",
        "rarecall compare --resume",
        None,
    )


def test_a_failed_run_names_what_failed(folder: Path) -> None:
    write_json(folder / "status.json", {"state": "failed", "reason": "1 training failed."})
    failure = {"error": "ConfigurationError", "text": "It diverged.", "host": "here"}
    write_json(folder / "units" / "vs" / "trial-000" / "failure.json", failure)
    found = status_of(folder)
    assert (found.state, found.problem) == ("failed", "1 training failed.")
    assert [(one.unit, one.why) for one in found.failed] == [("vs trial 1", "It diverged.")]


def test_a_finished_run_is_finished_whatever_else_is_there(folder: Path) -> None:
    for name in ("results.json", "report.html"):
        (folder / name).write_text("{}")
    found = status_of(folder)
    assert (found.state, found.workers, found.again) == ("finished", (), None)


@pytest.mark.parametrize("name", ["config.yaml", "work.json", "status.json"])
def test_a_damaged_file_is_named_and_the_other_runs_are_told(folder: Path, name: str) -> None:
    other = folder.parent / "other"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (folder / name).write_text('{"[')
    damaged, whole = statuses([folder.parent])
    assert damaged.state == "damaged"
    assert name in str(damaged.problem)
    assert whole.state != "damaged"


def test_a_damaged_result_is_named(folder: Path) -> None:
    done(folder, "bce/seed-1")
    (folder / "units/bce/seed-1/result.json").write_text("{")
    found = status_of(folder)
    assert found.state == "damaged"
    assert "seed-1" in str(found.problem)


def test_a_run_of_an_older_version_is_told_by_its_log(folder: Path) -> None:
    (folder / "work.json").unlink()
    event = {"event": "RunStarted", "methods": ["bce", "vs", "boosted trees"]}
    (folder / "log.jsonl").write_text(json.dumps(event) + "\n")
    assert status_of(folder).total == 9
    (folder / "log.jsonl").unlink()
    assert status_of(folder).total == 6


# Reproductions -----------------------------------------------------------------------------------


def plan() -> Any:
    from rarecall.reproduction.plan import Plan

    told = {
        "name": "my-table",
        "paper": "p",
        "settings": {"1:100": {"collection": "cifar10", "task": "binary", "imbalance": {}}},
        "measures": {"auc": {"measure": "auc"}},
        "rows": {"BCE": {"method": "bce"}, "ALM": {"method": "bce+alm"}},
        "members": 1,
        "splits": 2,
        "scale": "small",
        "mode": "strict",
    }
    return Plan.of(told, None)


def record(run: Path, split: int, **changes: Any) -> None:
    from rarecall.reproduction.records import FORMAT
    from rarecall.reproduction.units import Unit

    unit = Unit("1:100", "BCE", split)
    told = {"format": FORMAT, **unit.to_json(), "failed": None, "seconds": 8.0, **changes}
    write_json(unit.folder(run) / "record.json", told)


@pytest.fixture
def reproduction(tmp_path: Path) -> Path:
    from rarecall.reproduction.run_folder import begin

    run = tmp_path / "runs" / "my-table"
    begin(run, plan())
    return run


def test_a_reproduction_is_told_by_its_rows(reproduction: Path) -> None:
    record(reproduction, 0)
    record(reproduction, 1, failed="RuntimeError: it diverged")
    with Presence(reproduction) as presence:
        presence.tell(unit="1:100 ALM, split 1, network 1")
        found = status_of(reproduction)
    assert (found.kind, found.name, found.state) == (
        "reproduction",
        "my-table (small, strict)",
        "running",
    )
    assert {part.name: (part.done, part.total) for part in found.parts} == {
        "BCE": (2, 2),
        "ALM": (0, 2),
    }
    assert found.seconds_left == 16.0
    assert [(one.unit, one.why) for one in found.failed] == [
        ("1:100 BCE, split 2, network 1", "RuntimeError: it diverged")
    ]
    assert status_of(reproduction).state == "running"  # it was begun a moment ago
    (reproduction / "results.json").write_text("{}")
    assert status_of(reproduction).state == "interrupted"


def test_a_finished_and_a_damaged_reproduction_are_told(reproduction: Path) -> None:
    from rarecall.reproduction.searching import Work

    for unit in Work(plan(), reproduction).todo():
        told = {"format": 1, **unit.to_json(), "failed": None, "seconds": 8.0}
        write_json(unit.folder(reproduction) / "record.json", told)
    (reproduction / "results.json").write_text("{}")
    assert status_of(reproduction).state == "finished"
    next(reproduction.glob("units/**/record.json")).write_text("{")
    assert "is damaged" in str(status_of(reproduction).problem)
    (reproduction / "run.json").write_text("[]")
    assert status_of(reproduction).state == "damaged"
    (reproduction / "run.json").write_text('{"format": 1}')
    assert "run.json is damaged" in str(status_of(reproduction).problem)


# Finding and reckoning ---------------------------------------------------------------------------


def test_folders_without_runs_are_refused_and_others_searched(
    folder: Path, reproduction: Path, tmp_path: Path
) -> None:
    assert [run.kind for run in statuses([tmp_path / "runs"])] == ["comparison", "reproduction"]
    assert len(statuses([tmp_path / "runs", folder])) == 2
    for nothing in (tmp_path / "nowhere", tmp_path, folder / "config.yaml"):
        with pytest.raises(RunError, match="holds no run"):
            statuses([nothing])
    with pytest.raises(RunError, match="holds no run"):
        status_of(tmp_path)


def worker(step: int | None = None, *, alive: bool = True) -> Worker:
    return Worker("h", 1, "s", "u", step, None if step is None else 4, 0.0, alive)


def test_what_waits_for_one_another_cannot_be_shared_out() -> None:
    parts = (Part("a", 1, 11, 10.0, chain=10), Part("b", 9, 9, 1.0))
    many = tuple(worker() for _ in range(5))
    assert RunStatus("f", "comparison", "n", "running", parts, many).seconds_left == 100.0
    seeds = (Part("a", 1, 11, 10.0, chain=1),)
    assert RunStatus("f", "comparison", "n", "running", seeds, many).seconds_left == 20.0
    dead = (worker(alive=False),)
    assert RunStatus("f", "comparison", "n", "running", parts, dead).seconds_left is None


def test_before_anything_is_done_the_time_is_unknown() -> None:
    assert work_left([Part("a", 0, 3)]) is None
    assert work_left([Part("a", 3, 3, 5.0)], [worker(2)]) == 0.0
