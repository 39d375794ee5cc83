"""Ensembles of a seed: their members' seeds, re-drawn splits, and what is told of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold

from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.task import Task
    from rarecall.training import Fitted

_APART = 1_000_003


def member_seeds(seed: int, count: int) -> list[int]:
    """Seeds of an ensemble's members; the first is the seed of a network alone.

    >>> member_seeds(7, 1)
    [7]
    >>> len(set(member_seeds(0, 8)) | set(member_seeds(1, 8)))
    16
    """
    return [seed + _APART * number for number in range(count)]


def weight_files(folder: Path, count: int) -> list[Path]:
    """Where the weights of a seed's networks lie."""
    if count == 1:
        return [folder / "weights.safetensors"]
    return [folder / f"weights-{number}.safetensors" for number in range(count)]


def redrawn(
    train_set: ArrayDataset,
    groups: NDArray[np.str_] | None,
    task: Task,
    *,
    share: float,
    seed: int,
) -> tuple[ArrayDataset, ArrayDataset]:
    """Hold out a part of the training rows, by which one member chooses its weights.

    The run's own validation part stays out of it: tuning and the choice of the winner would
    otherwise be made on rows that members were trained on.

    Args:
        train_set: The run's training part.
        groups: Group of every row, or None; a group stays on one side.
        task: The kind of problem; rows are stratified by class, in multi-label work by whether
            they have any label.
        share: Share that is held out, in (0, 1).
        seed: Of the draw.

    Returns:
        What the member trains on, and what it is validated on.

    Raises:
        ConfigurationError: There are too few critical samples or groups to share out.
    """
    targets = train_set.targets
    if task.kind == "multilabel":
        strata = (targets == 1).any(dim=1).long()
        rare = torch.stack([(targets == 1).sum(dim=0), (targets == 0).sum(dim=0)]).min()
    else:
        strata = targets.long()
        rare = torch.bincount(strata, minlength=task.classes).min()
    folds = min(max(round(1 / share), 2), 10)
    n = len(strata)
    held = np.arange(n).astype(str) if groups is None else groups
    if int(rare) < folds or len(np.unique(held)) < folds:
        raise ConfigurationError(
            f"Re-drawn splits hold out one part in {folds} of the training rows, but the rarest "
            f"class has {int(rare)} of them. Leave out redraw, or give the training part more."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    kept, out = next(splitter.split(np.zeros(n), strata.numpy(), held))
    return _rows(train_set, kept), _rows(train_set, out)


def _rows(data: ArrayDataset, rows: NDArray[np.int64]) -> ArrayDataset:
    rows = np.sort(rows)
    batch = data.gather(torch.from_numpy(rows))
    return ArrayDataset(batch.inputs, batch.targets, [data.ids[row] for row in rows])


def told_of_all(members: Sequence[Fitted]) -> list[str]:
    """Join the members' remarks, each with the members that it is about.

    >>> from types import SimpleNamespace as N
    >>> told_of_all([N(remarks=["a", "b"]), N(remarks=["a"])])
    ['a', 'Member 1 of 2: b']
    """
    about: dict[str, list[int]] = {}
    for number, member in enumerate(members, start=1):
        for remark in member.remarks:
            about.setdefault(remark, []).append(number)
    count = len(members)
    return [
        remark
        if len(numbers) == count
        else f"{'Member' if len(numbers) == 1 else 'Members'} "
        f"{', '.join(map(str, numbers))} of {count}: {remark}"
        for remark, numbers in about.items()
    ]
