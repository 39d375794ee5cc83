"""A comparison shared by several processes: killed, joined, failing, and equal to that of one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from rarecall.comparison import compare
from rarecall.comparison.events import UnitEnded
from rarecall.comparison.networks import NetworkLearner
from rarecall.comparison.run_folder import RunFolder
from rarecall.comparison.units_left import UnitsLeft, WorkRecord
from rarecall.data import load
from rarecall.errors import ConfigurationError, Interrupted, RunError
from rarecall.files import read_json, write_json
from rarecall.work.presence import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rarecall.comparison import Comparison

BUDGET: dict[str, Any] = {
    "methods": "bce,vs+alm",
    "tpr": 0.9,
    "seeds": 2,
    "tune": 2,
    "steps": 24,
    "evaluate_every": 6,
    "batch_size": 64,
    "network_options": {"width": 16, "depth": 1},
    "threads": 1,
    "trees": False,
}
LONGER = {**BUDGET, "steps": 120, "evaluate_every": 6}
UNITS = 2 * (2 + 2)


def run(out: Path, **changes: Any) -> Comparison:
    return compare("breast-cancer", out=out, **{**BUDGET, **changes})


def content(results: dict[str, Any]) -> Any:
    """Drop what two equal runs may differ in."""
    kept = json.loads(json.dumps(results))

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            times = ("created", "seconds", "tuning_seconds", "out")
            return {key: without(item) for key, item in value.items() if key not in times}
        return [without(item) for item in value] if isinstance(value, list) else value

    return without(kept)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    logs = [*folder.glob("log.jsonl"), *folder.glob("workers/*.jsonl")]
    told = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [one for one in told if one["event"] == kind]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return content(run(tmp_path_factory.mktemp("one") / "run").results)


def command(out: Path, budget: dict[str, Any], jobs: int) -> subprocess.Popen[str]:
    file = out.with_suffix(".yaml")
    file.write_text(json.dumps({**budget, "data": "breast-cancer"}))
    words = ["compare", "--config", str(file), "--out", str(out), "--jobs", str(jobs), "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-m", "rarecall", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(happens: Callable[[], object], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 90
    while not happens():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            pytest.fail(f"it never happened: {process.communicate()}")
        time.sleep(0.02)


# Equal to one process ----------------------------------------------------------------------------


def test_one_shared_worker_comes_to_the_numbers_of_a_run_alone(
    tmp_path: Path, undisturbed: Any
) -> None:
    seen: list[Any] = []
    done = run(tmp_path / "run", jobs=1, watch=seen.append)
    assert content(done.results) == undisturbed
    ended = [event for event in seen if isinstance(event, UnitEnded)]
    assert len({(event.method, event.kind, event.number) for event in ended}) == UNITS == len(ended)
    weights = next((tmp_path / "run").glob("units/*/seed-0/weights.safetensors"))
    before = weights.stat().st_mtime_ns
    # Who comes late gets what is there.
    assert content(run(tmp_path / "run", jobs=3).results) == undisturbed
    assert weights.stat().st_mtime_ns == before
    assert not workers_of(tmp_path / "run")


@pytest.mark.slow
def test_workers_killed_at_random_lose_nothing(tmp_path: Path) -> None:
    out, killed, over = tmp_path / "run", [], threading.Event()

    def kill() -> None:
        draw = random.Random(0)
        # One at its first training, one later.
        while not over.is_set() and len(killed) < 2:
            time.sleep(draw.uniform(0.05, 0.3))
            results = len(list(out.glob("units/*/*/result.json")))
            busy = [w for w in workers_of(out) if w.alive and w.unit and w.pid != os.getpid()]
            if busy and results >= 3 * len(killed):
                killed.append(draw.choice(busy))
                os.kill(killed[-1].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        shared = compare("breast-cancer", out=out, jobs=2, **LONGER)
    finally:
        over.set()
        killer.join()
    assert len(killed) == 2
    alone = compare("breast-cancer", out=tmp_path / "alone", **LONGER)
    assert content(shared.results) == content(alone.results)
    assert shared.model().threshold == alone.model().threshold


@pytest.mark.slow
def test_another_machine_joins_and_a_killed_command_goes_on(
    tmp_path: Path, undisturbed: Any
) -> None:
    out = tmp_path / "run"
    first = command(out, BUDGET, jobs=1)
    wait_until(lambda: list(out.glob("units/*/*/result.json")), first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = command(out, BUDGET, jobs=1)
    here = run(out, jobs=1)
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert content(here.results) == undisturbed
    # What was done before is not done again, and nothing is done by two.
    assert len(list(out.glob("units/*/*/result.json"))) == UNITS
    started = [(e["method"], e["kind"], e["number"]) for e in events(out, "UnitStarted")]
    assert UNITS <= len(started) <= UNITS + 1
    assert len(set(started)) == UNITS


# Stopped and failing -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stopped_command_stops_its_workers_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = command(out, {**BUDGET, "steps": 100_000}, jobs=2)
    wait_until(lambda: list(out.rglob("checkpoint.pt")), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"rarecall compare --resume --out {out} --jobs 2" in errors
    assert read_json(out / "status.json")["state"] == "interrupted"
    assert not workers_of(out)


def test_a_training_that_fails_is_told_and_the_others_are_kept(
    tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, fit = tmp_path / "run", NetworkLearner.fit

    def breaks(self: Any, unit: Any, *rest: Any) -> Any:
        if (unit.method, unit.kind, unit.number) == ("bce", "seed", 1):
            raise ConfigurationError("It diverged.")
        return fit(self, unit, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkLearner, "fit", breaks)
        with pytest.raises(ConfigurationError, match=r"1 training of 8 failed(.|\n)*bce seed 2"):
            run(out, jobs=1)
    assert read_json(out / "status.json")["state"] == "failed"
    assert len(list(out.glob("units/*/*/result.json"))) == UNITS - 1
    # The same command tries again.
    assert content(run(out, jobs=1).results) == undisturbed


def test_a_fault_is_tried_twice_before_it_counts(
    tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, fit = [], NetworkLearner.fit

    def once(self: Any, unit: Any, *rest: Any) -> Any:
        tries.append(unit)
        if len(tries) == 1:
            raise RuntimeError("out of memory")
        return fit(self, unit, *rest)

    monkeypatch.setattr(NetworkLearner, "fit", once)
    assert content(run(tmp_path / "run", jobs=1).results) == undisturbed
    assert len(tries) == UNITS + 1


def test_what_cannot_be_trained_at_all_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*given: Any) -> Any:
        raise ConfigurationError("No such device.")

    monkeypatch.setattr(NetworkLearner, "fit", breaks)
    with pytest.raises(ConfigurationError, match="No such device"):
        run(tmp_path / "run", jobs=1)
    assert not (tmp_path / "run").exists()


# Refused -----------------------------------------------------------------------------------------


def test_who_joins_must_ask_the_same(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        run(out, jobs=1, should_stop=lambda: True)
    with pytest.raises(RunError, match="seeds: 2 before, 3 now"):
        run(out, jobs=1, seeds=3)
    with pytest.raises(RunError, match="holds another run"):
        run(out)
    with pytest.raises(RunError, match=r"queue of the run .* is a file in the run folder"):
        run(out, jobs=1, storage="postgresql://me:secret@host/queues")
    record = WorkRecord.read(out)
    write_json(out / "work.json", {**read_json(out / "work.json"), "storage": "mysql://h/q"})
    with pytest.raises(RunError, match=r"is mysql://h/q, but none was given"):
        run(out, jobs=1)
    record.write(out)
    assert compare(out=out, resume=True, jobs=1).winner


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"jobs": 2, "storage": "sqlite:///queue.db"}, "SQLite loses work"),
        ({"storage": "queue"}, "address of a database"),
    ],
)
def test_ways_that_cannot_be_used_are_refused(
    tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        run(tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_samples_in_memory_are_not_shared_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="samples in memory"):
        compare(load("breast-cancer"), out=tmp_path / "run", jobs=2, **BUDGET)


def test_a_run_alone_and_a_shared_one_keep_each_other_out(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        run(out, jobs=1, should_stop=lambda: True)
    with RunFolder(out).locked(shared=True), pytest.raises(RunError, match="Another process"):
        compare(out=out, resume=True)
    with RunFolder(out).locked(), pytest.raises(RunError, match="started with --jobs"):
        run(out, jobs=1)
    away = {"host": "elsewhere", "pid": 7, "since": "2026-01-01T00:00:00+00:00", "unit": None}
    write_json(out / "workers" / "elsewhere-7.json", away)
    with pytest.raises(RunError, match="Another process"):
        compare(out=out, resume=True)


# What is left ------------------------------------------------------------------------------------


def finish(left: UnitsLeft, piece: Any) -> None:
    write_json(piece.folder(left.run) / "result.json", {})


def test_trials_of_a_method_follow_one_another_and_seeds_wait_for_them(tmp_path: Path) -> None:
    left = UnitsLeft(tmp_path, WorkRecord("study", ("a", "b"), 2, 2))
    assert [str(piece) for piece in left.todo()] == ["a trial 1", "b trial 1"]
    finish(left, left.todo()[1])
    finish(left, left.todo()[1])
    assert [str(piece) for piece in left.todo()] == ["a trial 1", "b seed 1", "b seed 2"]
    while not left.complete():
        finish(left, left.todo()[0])
    assert len(left.done()) == 8


def test_a_failed_trial_holds_up_its_method_alone(tmp_path: Path) -> None:
    left = UnitsLeft(tmp_path, WorkRecord("study", ("a", "b"), 1, 1))
    left.fail(left.todo()[0], ConfigurationError("no"))
    assert [str(piece) for piece in left.todo()] == ["b trial 1"]
    for _ in range(2):
        finish(left, left.todo()[0])
    assert left.complete()
    assert {str(piece): told["text"] for piece, told in left.failures().items()} == {
        "a trial 1": "no"
    }
    left.forgive()
    assert [str(piece) for piece in left.todo()] == ["a trial 1"]


def test_a_damaged_record_of_the_work_is_told(tmp_path: Path) -> None:
    (tmp_path / "work.json").write_text('{"study": ')
    with pytest.raises(RunError, match=r"work\.json is damaged"):
        WorkRecord.read(tmp_path)
