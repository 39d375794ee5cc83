"""Stored scores: what was written comes back, and damage is told in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rarecall.comparison.score_files import read_scores, write_scores
from rarecall.data import load
from rarecall.errors import RunError
from rarecall.roles import Role


def stored(folder: Path) -> tuple[Path, object, np.ndarray]:
    part = load("breast-cancer").take(np.arange(40))
    scores = np.linspace(-1.0, 1.0, 40)
    path = folder / "scores.npz"
    write_scores(path, {Role.TEST: scores}, {Role.TEST: part})
    return path, part, scores


def test_scores_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path, part, scores = stored(tmp_path)
    back = read_scores(path, Role.TEST, part)
    np.testing.assert_array_equal(back.scores, scores)
    assert back.role is Role.TEST


def test_the_file_is_one_that_numpy_reads_and_no_larger_than_its_parts(tmp_path: Path) -> None:
    path, part, scores = stored(tmp_path)
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["test_ids", "test_scores", "test_targets"]
        np.testing.assert_array_equal(arrays["test_scores"], scores)
        np.testing.assert_array_equal(arrays["test_targets"], part.targets)
        np.testing.assert_array_equal(arrays["test_ids"], part.ids)
        assert path.stat().st_size < sum(arrays[name].nbytes for name in arrays.files)


@pytest.mark.parametrize("keep", [0, 4, 200, -30])
def test_a_damaged_file_says_how_to_go_on(tmp_path: Path, keep: int) -> None:
    path, part, _ = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match=r"cannot be read.*--resume"):
        read_scores(path, Role.TEST, part)


def test_scores_of_other_samples_are_refused(tmp_path: Path) -> None:
    path, part, _ = stored(tmp_path)
    with pytest.raises(RunError, match="other samples"):
        read_scores(path, Role.TEST, part.take(np.arange(39, -1, -1)))
    with pytest.raises(ValueError, match="not stored"):
        read_scores(path, Role.TRAIN, part)
