"""What a person sees while a comparison runs."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from rarecall.cli.progress import progress
from rarecall.comparison.events import EpochEnded, Note, RunStarted, UnitEnded, UnitStarted


def epoch(**changed):
    record = {
        "method": "bce+alm", "kind": "seed", "number": 0, "epoch": 3, "step": 30, "steps": 100,
        "train_loss": 0.1, "selection": -0.2, "fpr": 0.125, "auc": 0.9, "best": True,
        "seconds_left": 75.0, "monitor": {},
    }  # fmt: skip
    return EpochEnded(**{**record, **changed})


EVENTS = (
    RunStarted("runs/x", ("bce", "bce+alm"), 4, 1, 100, 0.95),
    Note("Column [id] was dropped."),
    UnitStarted("bce+alm", "seed", 0, 2),
    epoch(),
    UnitEnded("bce+alm", "seed", 0, 2, 0.125, 0.9, 3.21, False),
    UnitEnded("bce+alm", "trial", 1, 2, math.nan, math.nan, 0.0, True),
)


def shown(*, terminal, **options):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with progress(console, **options) as watch:
        for event in EVENTS:
            watch(event)
    return console.file.getvalue()


def test_plain_lines_tell_method_seed_epoch_target_measure_and_time_left():
    text = shown(terminal=False)
    assert "\x1b" not in text
    line = next(line for line in text.splitlines() if "epoch 3" in line)
    for word in ("bce+alm seed 1", "step 30/100", "FPR 12.5% at TPR 95", "1:15 left", "best"):
        assert word in line
    assert "Column [id] was dropped." in text
    assert "runs/x" in text
    assert "stored already" in text


def test_a_terminal_can_be_asked_for_plain_lines():
    assert shown(terminal=True, plain=True).count("\n") == shown(terminal=False).count("\n")


def test_a_terminal_gets_one_moving_line():
    text = shown(terminal=True)
    assert "epoch 3" in text
    assert "3.2 s" in text
    assert "\x1b[" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_is_silent(terminal):
    assert shown(terminal=terminal, quiet=True) == ""


def test_epochs_that_follow_quickly_are_thinned_out():
    console = Console(file=io.StringIO(), width=200)
    with progress(console) as watch:
        for number in range(50):
            watch(epoch(epoch=number))
    assert console.file.getvalue().count("epoch") == 1


def test_unknown_times_are_left_out():
    console = Console(file=io.StringIO(), width=200)
    with progress(console) as watch:
        watch(epoch(seconds_left=math.nan, best=False))
    assert "left" not in console.file.getvalue()


def test_several_classes_are_told_as_means_and_what_drives_the_schedules_by_its_name():
    console = Console(file=io.StringIO(), width=200)
    with progress(console) as watch:
        watch(RunStarted("runs/x", ("ce",), 1, 0, 100, 0.9, "accuracy", 2))
        watch(epoch())
        watch(EVENTS[4])
    text = console.file.getvalue()
    assert "mean FPR 12.5% at TPR 90.0%, accuracy 0.9000" in text
    assert "mean AUC 0.9000" in text
