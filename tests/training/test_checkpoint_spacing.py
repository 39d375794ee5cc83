"""Large checkpoints are written now and then; small ones, and the last, after every evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from rarecall.errors import Interrupted
from rarecall.training import CHECKPOINT_NAME, EpochRecord, checkpoint

from .problem import fit, same_weights


def written(folder: Path, **more: object) -> list[bool]:
    """After which evaluations there was a new checkpoint."""
    seen: list[bool] = []
    before: list[int] = []

    def told(record: EpochRecord) -> None:
        now = (folder / CHECKPOINT_NAME).stat().st_ino
        seen.append(now not in before[-1:])  # a file system gives numbers again
        before.append(now)

    fit("table", "bce+alm", folder=folder, on_epoch=told)
    return seen


def test_small_checkpoints_follow_every_evaluation(tmp_path: Path) -> None:
    assert written(tmp_path) == [True, True, True]


def test_large_ones_take_a_small_share_of_the_time_and_the_last_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LARGE", 0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e-6)
    assert written(tmp_path) == [True, False, True]


def test_a_stop_writes_one_whatever_was_written_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LARGE", 0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e-6)
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 10

    with pytest.raises(Interrupted, match="after 9 of 12 steps"):
        fit("table", "bce+alm", folder=tmp_path, should_stop=stop)
    resumed = fit("table", "bce+alm", folder=tmp_path)
    assert same_weights(resumed.network, fit("table", "bce+alm").network)
