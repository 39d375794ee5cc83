"""The validation rows that are scored again and again while a network trains.

A training forwards the same number of rows however large the table is, but each of its evaluations
would score all of validation: at three million rows that takes longer than the training. So no
evaluation scores more rows than training forwarded since the one before, all critical ones among
them. What tuning, the choice of λ and the choice of the winner see is all of validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rarecall.data import ArrayDataset
from rarecall.roles import Role

if TYPE_CHECKING:
    from rarecall.comparison.material import Material
    from rarecall.training import TrainSettings

LEAST = 50_000
"""Rows that are always few enough."""


def most_watched(settings: TrainSettings) -> int:
    """How many validation rows that are not critical an evaluation scores at most.

    >>> from rarecall.training import default_settings
    >>> most_watched(default_settings("table", 200_000))  # 120 steps of 512 rows
    61440
    >>> most_watched(default_settings("table", 2_000))
    50000
    """
    return max(LEAST, settings.evaluate_every * settings.batch_size)


def watched_rows(held: ArrayDataset, most: int) -> ArrayDataset:
    """Thin rows that are not critical to so many; the same ones for every method and seed.

    Args:
        held: Encoded samples of binary work.
        most: Rows with target 0 that are kept at most.

    >>> ids = list("abcdef")
    >>> held = ArrayDataset(torch.arange(6.0)[:, None], torch.tensor([0, 1, 0, 0, 1, 0]), ids)
    >>> thinned = watched_rows(held, most=2)
    >>> thinned.targets.sum().item(), len(thinned)
    (2, 4)
    """
    critical = held.targets.cpu().numpy() == 1
    others = np.flatnonzero(~critical)
    if len(others) <= most:
        return held
    drawn = np.random.default_rng(0).choice(others, most, replace=False, shuffle=False)
    rows = np.sort(np.concatenate([np.flatnonzero(critical), drawn]))
    batch = held.gather(torch.from_numpy(rows).to(held.targets.device))
    return ArrayDataset(batch.inputs, batch.targets, held.ids[rows])


def watched(material: Material, settings: TrainSettings) -> ArrayDataset:
    """Give the validation rows that a training's checkpoints are chosen on.

    All of them in multi-class and multi-label work, where thinning one class would change the
    accuracy and the rates of the other labels, and where rows have weights, one each.
    """
    held = material.encoded[Role.VALIDATION]
    weighted = getattr(material.measure, "weights", None) is not None
    if material.task.kind != "binary" or weighted:
        return held
    return watched_rows(held, most_watched(settings))


def told_of_watching(material: Material) -> str | None:
    """Say that checkpoints were chosen on some rows of validation, where that is so."""
    rows, all_rows = len(watched(material, material.settings)), len(material.parts[Role.VALIDATION])
    if rows == all_rows:
        return None
    return (
        f"While networks trained, {rows:,} of the {all_rows:,} validation rows were scored, all "
        "critical ones among them, so that scoring takes no longer than training; the weights "
        "that were kept are the best on these. Everything after training counts all rows."
    )
