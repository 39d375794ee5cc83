"""The row stream: fair, constant in size, and a pure function of seed and step."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from rarecall.data.streams import Passes
from rarecall.errors import ConfigurationError
from rarecall.task import Task
from rarecall.training import RowStream

TARGETS = torch.tensor([1] * 3 + [0] * 14)
CLASSES = torch.tensor([0] * 12 + [1] * 6 + [2] * 3 + [3] * 2)
TWO_RARE = Task("multiclass", 4, (2, 3))


@pytest.mark.parametrize("size", [1, 4, 5, 17, 40])
def test_batches_are_cut_from_whole_passes(size: int) -> None:
    stream = RowStream(TARGETS, size, seed=0)
    flat = torch.cat([stream.rows(step) for step in range(60)])
    assert len(flat) == 60 * size
    for start in range(0, len(flat) - 16, 17):
        assert sorted(flat[start : start + 17].tolist()) == list(range(17))


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        (TARGETS, {}),
        (TARGETS, {"positives": 2}),
        (CLASSES, {"task": TWO_RARE}),
        (CLASSES, {"task": TWO_RARE, "positives": 3}),
        (torch.zeros(17, 2), {"task": Task.multilabel(2)}),
    ],
)
def test_the_rows_of_a_step_do_not_depend_on_the_steps_before(
    targets: torch.Tensor, more: dict[str, Any]
) -> None:
    stream = RowStream(targets, 5, seed=3, **more)
    in_order = [stream.rows(step) for step in range(30)]
    for step in (29, 7, 0, 13):
        fresh = RowStream(targets, 5, seed=3, **more)
        assert torch.equal(fresh.rows(step), in_order[step])
        assert torch.equal(stream.rows(step), in_order[step])


def test_passes_and_seeds_differ_in_order() -> None:
    passes = [RowStream(TARGETS, 17, seed=seed).rows(step) for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(rows.tolist()) for rows in passes}) == 4


@pytest.mark.parametrize(("size", "critical"), [(8, 4), (9, 1), (2, 1), (40, 39)])
def test_balanced_batches_hold_the_critical_rows_asked_for(size: int, critical: int) -> None:
    stream = RowStream(TARGETS, size, seed=0, positives=critical)
    for step in range(20):
        rows = stream.rows(step)
        assert len(rows) == size
        assert int(TARGETS[rows].sum()) == critical
    assert stream.shares is not None
    assert stream.shares.tolist() == pytest.approx([1 - critical / size, critical / size])


def test_balanced_batches_use_all_rows_of_a_class_equally_often() -> None:
    stream = RowStream(TARGETS, 28, seed=0, positives=14)
    counts = Counter(row for step in range(9) for row in stream.rows(step).tolist())
    assert {counts[row] for row in range(3)} == {42}
    assert {counts[row] for row in range(3, 17)} == {9}


@pytest.mark.parametrize("positives", [1, 2, 3, 4])
def test_critical_classes_take_equal_turns_and_the_others_keep_their_proportions(
    positives: int,
) -> None:
    stream = RowStream(CLASSES, 6, seed=0, positives=positives, task=TWO_RARE)
    batches = [CLASSES[stream.rows(step)] for step in range(180)]
    for batch in batches:
        of_each = torch.bincount(batch, minlength=4)
        assert int(of_each[2] + of_each[3]) == positives
        assert abs(int(of_each[2] - of_each[3])) == positives % 2
    shown = torch.bincount(torch.cat(batches), minlength=4).double()
    assert stream.shares is not None
    torch.testing.assert_close(shown / shown.sum(), stream.shares)
    assert float(shown[0] / shown[1]) == 2.0  # as in the data, 12 and 6
    rows = Counter(torch.cat([stream.rows(step) for step in range(180)]).tolist())
    assert all(len({rows[row] for row in group}) == 1 for group in (range(18, 21), range(21, 23)))


@pytest.mark.parametrize(
    ("targets", "more", "message"),
    [
        (TARGETS, {"positives": 5}, "5 rows cannot hold 5 critical ones"),
        (TARGETS, {"positives": 0}, "cannot hold 0"),
        (torch.zeros(4, 2), {"positives": 1, "task": Task.multilabel(2)}, "multi-label work"),
        (CLASSES[:18], {"positives": 1, "task": TWO_RARE}, "of the critical class 2"),
        (TARGETS[:3], {"positives": 1}, "is outside the critical classes"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    targets: torch.Tensor, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RowStream(targets, 5, seed=0, **more)


def test_a_pass_is_kept_in_four_bytes_a_row_and_never_copied_whole() -> None:
    passes = Passes(1_000_000, 0, 2)
    passes.read(0, 10)
    tracemalloc.start()
    try:
        for start in range(10, 1000, 10):
            rows = passes.read(start, start + 10)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 100_000
    assert rows.dtype == np.int64
    assert [order.dtype for order in passes._orders.values()] == [np.int32]


def test_the_order_of_a_pass_is_that_of_a_permutation_of_wide_numbers() -> None:
    """Runs of before, which kept 8 bytes a row, go on with the same rows."""
    wide = np.random.default_rng([5, 2, 1]).permutation(17)
    assert Passes(17, 5, 2).read(17, 34).tolist() == wide.tolist()
