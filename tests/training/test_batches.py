"""A batch made in parts: the rows of the whole one, at the cost of the part."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall import BCELoss, Objective
from rarecall.data import ArrayDataset
from rarecall.data.streams import RowStream
from rarecall.parts import Prepared
from rarecall.task import BINARY, Task
from rarecall.training import Technique
from rarecall.training.augment_change import Change, Made, Rows
from rarecall.training.batches import Batches
from rarecall.training.devices_run import JointRun
from rarecall.training.engine import reseed
from rarecall.training.run import Run

from .problem import data, measure, network, settings

CPU = torch.device("cpu")
SIZE = 32
WAYS = [
    ("table", "auto", None, None),
    ("images", "none", None, None),
    ("images", "melanoma+color", None, 8),
    ("images", "melanoma+color", 0.6, 8),
    ("images", "none", 0.6, None),
    ("images", "crop+flips", 0.6, None),
]


def batches(
    kind: str, augment: str, blend: float | None, positives: int | None, rows: Any = None
) -> Batches:
    train_set = rows or data(kind)
    return Batches(
        train_set,
        RowStream(train_set.targets, SIZE, seed=1, positives=positives),
        device=CPU,
        settings=settings(augment=augment),
        blend=blend,
        task=BINARY,
    )


def parts(count: int) -> Iterator[slice]:
    return (slice(SIZE * k // count, SIZE * (k + 1) // count) for k in range(count))


def joined(found: list[Any]) -> list[Tensor]:
    return [torch.cat(leaves) for leaves in zip(*map(pytree.tree_leaves, found), strict=True)]


@pytest.mark.parametrize(("kind", "augment", "blend", "positives"), WAYS)
@pytest.mark.parametrize("count", [2, 3, 8, SIZE])
def test_parts_are_those_of_the_whole_batch(
    kind: str, augment: str, blend: float | None, positives: int | None, count: int
) -> None:
    for step in (0, 5):
        made = batches(kind, augment, blend, positives)
        reseed(3, step, CPU)
        whole = made.of(step)
        drawn = torch.get_rng_state()
        found = []
        for own in parts(count):
            reseed(3, step, CPU)
            found.append(made.of(step, own))
            # The network's own draws go on from the same place.
            assert torch.equal(torch.get_rng_state(), drawn)
        for one, all_of_it in zip(joined(found), pytree.tree_leaves(whole), strict=True):
            assert torch.equal(one, all_of_it)


class Counted(ArrayDataset):
    """Counts the rows that are gathered."""

    rows = 0

    def gather(self, rows: Tensor) -> Any:
        self.rows += len(rows)
        return super().gather(rows)


def counted_costs(count: int, blend: float | None) -> list[tuple[int, int, int]]:
    """Rows gathered, rows changed and critical rows of every process in one step."""
    plain = data("images")
    found = []
    for own in parts(count):
        train_set = Counted(plain.inputs, plain.targets, plain.ids)
        made = batches("images", "crop", blend, 8, rows=train_set)
        made.ahead = None  # a batch for the next step is not counted
        changed = [0]
        change = made.augmentation
        assert change is not None

        def draw(images: Tensor, whole: int, change: Any = change, seen: Any = changed) -> Made:
            apply = change.draw(images, whole)

            def counting(images: Tensor, rows: Rows) -> Any:
                seen[0] += len(images)
                return apply(images, rows)

            return counting

        made.augmentation = Change(draw)
        reseed(0, 0, CPU)
        batch = made.of(0, own, then=1)
        found.append((train_set.rows, changed[0], int(batch.targets.sum())))
    return found


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_a_process_gathers_and_changes_its_share_alone(count: int) -> None:
    for gathered, changed, _ in counted_costs(count, None):
        assert gathered == changed == SIZE // count


@pytest.mark.parametrize("count", [2, 4, 8, 16])
def test_for_blending_it_gathers_as_many_more_as_it_has_critical_rows(count: int) -> None:
    costs = counted_costs(count, 0.5)
    for gathered, changed, critical in costs:
        assert gathered == changed == SIZE // count + critical
    assert sum(critical for _, _, critical in costs) == 8


@pytest.mark.parametrize("technique", [Technique(), Technique(balanced=0.5, blend=0.4)])
def test_what_processes_prepare_is_what_one_prepares(technique: Technique) -> None:
    images = data("images")

    def prepared(rank: int | None, count: int = 3) -> Prepared:
        team: Any = SimpleNamespace(rank=rank, count=count, place=rank, leads=rank == 0)
        named: dict[str, Any] = {
            "settings": settings(augment="melanoma"),
            "measure": measure(),
            "seed": 4,
            "technique": technique,
            "folder": None,
            "task": Task("binary", 2, (1,)),
        }
        given = (network("images"), Objective(BCELoss()), images, images)
        run = Run(*given, **named) if rank is None else JointRun(team, *given, **named)
        run.progress.step = 7
        return run.prepare()

    alone, shared = prepared(None), [prepared(rank) for rank in range(3)]
    assert [len(one.targets) for one in shared] == [10, 11, 11]
    for name in ("inputs", "targets", "index"):
        assert torch.equal(torch.cat([getattr(one, name) for one in shared]), getattr(alone, name))
