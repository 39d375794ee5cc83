"""A training that was stopped or killed ends with the same bits as an undisturbed one."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from rarecall.errors import Interrupted, RunError, StorageError
from rarecall.metrics import selection_measure
from rarecall.training import CHECKPOINT_NAME, EpochRecord

from .problem import KINDS, fit, network, numbers, objective, same_weights

METHODS = (
    "bce",
    "bce+alm",
    "bce+rankreg",
    "vs+alm+rankreg",
    "bce+balanced",
    "bce+sam",
    "bce+swa",
    "bce+rankreg+sam",
    "bce+sam+swa",
)


def stopper(steps: int) -> Any:
    """Ask to stop after so many more steps."""
    calls = itertools.count()
    return lambda: next(calls) == steps


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_stopping_again_and_again_changes_no_bit(kind: str, method: str, tmp_path: Path) -> None:
    whole = fit(kind, method)
    pieces = 0
    while True:
        try:
            # Three steps at a time: within, at and across evaluations every four.
            resumed = fit(kind, method, folder=tmp_path, should_stop=stopper(3))
            break
        except Interrupted:
            pieces += 1
    assert pieces == 3
    assert same_weights(resumed.network, whole.network)
    assert numbers(resumed) == numbers(whole)
    assert (resumed.best_epoch, resumed.steps) == (whole.best_epoch, whole.steps)
    assert resumed.rows_forwarded == whole.rows_forwarded


def test_a_resumed_objective_is_the_undisturbed_one(tmp_path: Path) -> None:
    whole, resumed = objective("bce+alm"), objective("bce+alm")
    fit("table", goal=whole)
    with pytest.raises(Interrupted):
        fit("table", "bce+alm", folder=tmp_path, should_stop=stopper(7))
    fit("table", goal=resumed, folder=tmp_path)
    expected, found = whole.state_dict(), resumed.state_dict()
    assert expected.keys() == found.keys()
    multipliers = [name for name in expected if name.endswith("multipliers")]
    assert multipliers
    for name in multipliers:
        assert expected[name].any()
        assert torch.equal(expected[name], found[name])


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("table", "bce+alm"),
        ("images", "bce+rankreg"),
        ("table", "bce+sam"),
        ("images", "bce+sam+swa"),
        ("table", "bce+swa"),
        ("table", "auc-margin+pesg"),
    ],
)
def test_a_killed_training_goes_on_bit_for_bit(kind: str, method: str, tmp_path: Path) -> None:
    worker = Path(__file__).with_name("killed_worker.py")
    command = [sys.executable, str(worker), kind, method, str(tmp_path), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(2)]
        process.kill()
        process.wait(timeout=30)
    assert told == ["1", "2"]
    assert process.returncode == -signal.SIGKILL
    resumed_records: list[EpochRecord] = []
    resumed = fit(kind, method, folder=tmp_path, on_epoch=resumed_records.append)
    assert [record.epoch for record in resumed_records] == [3]
    whole = fit(kind, method)
    assert same_weights(resumed.network, whole.network)
    assert numbers(resumed) == numbers(whole)


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    first = fit("table", folder=tmp_path)
    records: list[EpochRecord] = []
    again = fit("table", folder=tmp_path, on_epoch=records.append)
    assert records == []
    assert same_weights(again.network, first.network)
    assert again.seconds == first.seconds


def test_a_training_stopped_early_stays_stopped(tmp_path: Path) -> None:
    changes = {"steps": 40, "evaluate_every": 2, "patience": 2, "learning_rate": 0.3}
    first = fit("table", folder=tmp_path, **changes)
    assert first.stopped_early
    again = fit("table", folder=tmp_path, **changes)
    assert (again.steps, again.stopped_early) == (first.steps, True)


def test_time_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit("table", folder=tmp_path, should_stop=stopper(9))
    fitted = fit("table", folder=tmp_path)
    seconds = [record.seconds for record in fitted.history]
    assert seconds == sorted(seconds)
    assert fitted.history[-1].seconds_left == 0.0
    assert fitted.history[0].seconds_left > 0.0


def test_a_stop_says_how_far_it_came_and_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"after 5 of 12 steps.*same call goes on"):
        fit("table", folder=tmp_path, should_stop=stopper(5))
    with pytest.raises(Interrupted, match=r"after 5 of 12 steps\. Nothing is saved"):
        fit("table", should_stop=stopper(5))


def test_a_checkpoint_is_whole_and_runs_no_code(tmp_path: Path) -> None:
    fit("images", "bce+rankreg", folder=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT_NAME]
    content = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=True)
    assert set(content["state"]) >= {"network", "objective", "optimizer", "best", "progress"}


@pytest.mark.parametrize(
    ("method", "changes", "named"),
    [
        ("bce", {"learning_rate": 1e-3}, "setting learning_rate: 0.003 there, 0.001 here"),
        ("bce", {"seed": 1}, "seed: 0 there, 1 here"),
        ("bce+balanced", {}, "technique: .*'balanced': None.* there, .*'balanced': 0.5.* here"),
        ("bce+swa", {}, "technique"),
        ("w-bce", {}, "objective"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    method: str, changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        fit("table", folder=tmp_path, should_stop=stopper(2))
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(RunError, match=named):
        fit("table", method, folder=tmp_path, **changes)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit("table", folder=tmp_path, should_stop=stopper(2))
    with pytest.raises(RunError, match="network"):
        fit("table", net=network("table", outputs=2), method="vs", folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_checkpoint_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT_NAME
    if content is None:
        torch.save([1, 2, 3], path)
    else:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"Cannot read the checkpoint .*Remove it"):
        fit("table", folder=tmp_path)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit("table", folder=tmp_path, should_stop=stopper(2))
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with files_limited_to(len(before) // 2), pytest.raises(StorageError, match="Cannot write"):
        fit("table", folder=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT_NAME]
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before
    assert same_weights(fit("table", folder=tmp_path).network, fit("table").network)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let the system refuse larger files, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_chosen_by_another_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit("table", folder=tmp_path, should_stop=stopper(2))
    with pytest.raises(RunError, match="measure: AUC there, smoothed FPR at TPR 90% here"):
        fit("table", folder=tmp_path, chosen_by=selection_measure(100, 0.9))
