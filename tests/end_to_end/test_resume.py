"""A run that was stopped, killed or out of disk goes on to the very same results."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from rarecall.comparison import compare
from rarecall.errors import Interrupted, RunError, StorageError
from rarecall.files import read_json

LIGHT = {"methods": "bce,vs+alm", "tune": 1}


@pytest.fixture
def budget(budget):
    return {**budget, **LIGHT}


@pytest.fixture(scope="module")
def undisturbed(table, tmp_path_factory, common):
    """The results of a run of this file's budget that nothing happened to."""
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    return compare(table, out=out, **{**common, **LIGHT}).results


class StopAfter:
    """Ask to stop from the n-th time it is asked on."""

    def __init__(self, n):
        self.left = n

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("steps", [0, 10, 24, 130])
def test_a_stopped_run_resumes_to_the_same_results(
    table, budget, undisturbed, comparable, tmp_path, steps
):
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match=r"rarecall compare --resume --out"):
        compare(table, out=out, should_stop=StopAfter(steps), **budget)
    assert read_json(out / "status.json")["state"] == "interrupted"
    assert not (out / "results.json").exists()
    resumed = compare(out=out, resume=True)
    assert comparable(resumed.results) == comparable(undisturbed)
    assert read_json(out / "status.json")["state"] == "finished"


def test_a_killed_program_resumes_to_the_same_results(
    table, budget, undisturbed, comparable, tmp_path
):
    out, file = tmp_path / "run", tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({**budget, "data": str(table), "out": str(out)}))
    command = [sys.executable, "-m", "rarecall", "compare", "--config", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(out, "EpochEnded", 4, process)
    process.kill()
    process.wait()
    assert not (out / "results.json").exists()
    resume = [sys.executable, "-m", "rarecall", "compare", "--resume", "--out", str(out)]
    done = subprocess.run(resume, capture_output=True, text=True, check=True)
    assert "Report:" in done.stdout
    assert comparable(read_json(out / "results.json")) == comparable(undisturbed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signalled_program_stops_cleanly_and_says_how_to_resume(
    table, budget, tmp_path, number, code
):
    out, file = tmp_path / "run", tmp_path / "run.yaml"
    slow = {**budget, "steps": 100_000, "evaluate_every": 8}
    file.write_text(yaml.safe_dump({**slow, "data": str(table), "out": str(out)}))
    process = subprocess.Popen(
        [sys.executable, "-m", "rarecall", "compare", "--config", str(file), "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(out, "EpochEnded", 2, process)
    process.send_signal(number)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert printed == ""
    assert f"rarecall compare --resume --out {out}" in errors
    assert "Traceback" not in errors
    assert read_json(out / "status.json")["state"] == "interrupted"
    assert list(out.rglob("checkpoint.pt"))


def wait_for(out, event, count, process):
    log, patience = out / "log.jsonl", time.monotonic() + 60
    while time.monotonic() < patience:
        if process.poll() is not None:
            pytest.fail(f"the program ended by itself with {process.returncode}")
        if log.exists() and log.read_text().count(event) >= count:
            return
        time.sleep(0.02)
    process.kill()
    process.wait()
    pytest.fail(f"no {event} came")


@pytest.mark.parametrize("writes", [6, 12, 25])
def test_a_full_disk_is_told_and_the_run_resumes(
    table, budget, undisturbed, comparable, tmp_path, monkeypatch, writes
):
    out, left, replace = tmp_path / "run", [writes], Path.replace

    def until_full(self, target):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", until_full)
        with pytest.raises(StorageError, match=r"No space left(.|\n)*--resume --out"):
            compare(table, out=out, **budget)
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    resumed = compare(out=out, resume=True)
    assert comparable(resumed.results) == comparable(undisturbed)


def test_a_checkpoint_that_may_not_grow_is_told_as_a_full_disk(table, budget, tmp_path):
    resource = pytest.importorskip("resource")
    out, file = tmp_path / "run", tmp_path / "run.yaml"
    budget |= {"methods": "bce", "tune": 0, "network_options": {"width": 128, "depth": 2}}
    file.write_text(yaml.safe_dump({**budget, "data": str(table), "out": str(out)}))
    # Checkpoints are written by compiled code, which reports a full disk in its own way.
    done = subprocess.run(
        [sys.executable, "-m", "rarecall", "compare", "--config", str(file), "--quiet"],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000)),
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "units" in done.stderr
    assert "--resume --out" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    assert compare(out=out, resume=True).winner == "bce"


def test_a_finished_run_is_refused_without_resume_and_trained_no_second_time(
    table, budget, undisturbed, comparable, tmp_path
):
    out = tmp_path / "run"
    compare(table, out=out, **budget)
    weights = out / "units/bce/seed-0/weights.safetensors"
    before = weights.stat().st_mtime_ns
    with pytest.raises(RunError, match="a finished run"):
        compare(table, out=out, **budget)
    again = compare(table, out=out, resume=True, **budget)
    assert weights.stat().st_mtime_ns == before
    assert comparable(again.results) == comparable(undisturbed)


def test_other_options_or_data_are_refused_at_resume(table, budget, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        compare(table, out=out, should_stop=StopAfter(5), **budget)
    with pytest.raises(RunError, match=r"steps: 24 before, 25 now"):
        compare(out=out, resume=True, steps=25)
    frame = pd.read_csv(table)
    frame.loc[0, "x0"] += 1.0
    frame.to_csv(tmp_path / "claims.csv", index=False)
    with pytest.raises(RunError, match=r"content\s+differs"):
        compare(tmp_path / "claims.csv", out=out, resume=True)
    file = tmp_path / "more.yaml"
    file.write_text("tune: 3\n")
    with pytest.raises(RunError, match=r"tune: 1 before, 3 now"):
        compare(out=out, resume=True, config=file)


def test_an_edited_split_is_refused(table, budget, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        compare(table, out=out, should_stop=StopAfter(5), **budget)
    text = (out / "split.csv").read_text()
    (out / "split.csv").write_text(text.replace(",test", ",train", 1))
    with pytest.raises(RunError, match="is not the split"):
        compare(out=out, resume=True)


def test_a_resumed_run_keeps_its_thread_count(table, budget, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        compare(table, out=out, should_stop=StopAfter(0), **{**budget, "threads": None})
    stored = read_json(out / "environment.json")
    stored["threads"] = 3
    (out / "environment.json").write_text(json.dumps(stored))
    resumed = compare(out=out, resume=True)
    assert resumed.results["environment"]["threads"] == 3
