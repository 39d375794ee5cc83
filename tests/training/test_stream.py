"""The row stream: fair, constant in size, and a pure function of seed and step."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from rarecall.training import RowStream

TARGETS = torch.tensor([1] * 3 + [0] * 14)


@pytest.mark.parametrize("size", [1, 4, 5, 17, 40])
def test_batches_are_cut_from_whole_passes(size: int) -> None:
    stream = RowStream(TARGETS, size, seed=0)
    flat = torch.cat([stream.rows(step) for step in range(60)])
    assert len(flat) == 60 * size
    for start in range(0, len(flat) - 16, 17):
        assert sorted(flat[start : start + 17].tolist()) == list(range(17))


@pytest.mark.parametrize("balanced", [False, True])
def test_the_rows_of_a_step_do_not_depend_on_the_steps_before(balanced: bool) -> None:
    stream = RowStream(TARGETS, 5, seed=3, balanced=balanced)
    in_order = [stream.rows(step) for step in range(30)]
    for step in (29, 7, 0, 13):
        fresh = RowStream(TARGETS, 5, seed=3, balanced=balanced)
        assert torch.equal(fresh.rows(step), in_order[step])
        assert torch.equal(stream.rows(step), in_order[step])


def test_passes_and_seeds_differ_in_order() -> None:
    passes = [RowStream(TARGETS, 17, seed=seed).rows(step) for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(rows.tolist()) for rows in passes}) == 4


@pytest.mark.parametrize(("size", "critical"), [(8, 4), (9, 4), (2, 1), (1, 1)])
def test_balanced_batches_hold_half_critical_rows(size: int, critical: int) -> None:
    stream = RowStream(TARGETS, size, seed=0, balanced=True)
    for step in range(20):
        rows = stream.rows(step)
        assert len(rows) == size
        assert int(TARGETS[rows].sum()) == critical


def test_balanced_batches_use_all_rows_of_a_class_equally_often() -> None:
    stream = RowStream(TARGETS, 28, seed=0, balanced=True)
    counts = Counter(row for step in range(9) for row in stream.rows(step).tolist())
    assert {counts[row] for row in range(3)} == {42}
    assert {counts[row] for row in range(3, 17)} == {9}
