"""Which validation rows are scored while a network trains."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rarecall.comparison import watching
from rarecall.comparison.watching import most_watched, told_of_watching, watched, watched_rows
from rarecall.data import ArrayDataset
from rarecall.metrics import fpr_at_tpr
from rarecall.roles import Role
from rarecall.task import BINARY, Task
from rarecall.training import default_settings


def part(n: int, positives: int) -> ArrayDataset:
    targets = torch.zeros(n, dtype=torch.long)
    targets[torch.randperm(n, generator=torch.Generator().manual_seed(0))[:positives]] = 1
    return ArrayDataset(torch.arange(float(n))[:, None], targets, np.arange(n).astype(str))


def material(held: ArrayDataset, task: Task = BINARY, **measure):
    return SimpleNamespace(
        encoded={Role.VALIDATION: held},
        parts={Role.VALIDATION: range(len(held))},
        measure=SimpleNamespace(**measure),
        task=task,
        settings=default_settings("table", 1000),
    )


def test_all_critical_rows_stay_and_every_row_keeps_its_own_target_and_id():
    held = part(5000, 40)
    kept = watched_rows(held, most=300)
    rows = kept.inputs[:, 0].long()
    assert len(kept) == 340
    assert int(kept.targets.sum()) == 40
    assert torch.equal(kept.targets, held.targets[rows])
    assert kept.ids.tolist() == held.ids[rows.numpy()].tolist()
    assert torch.equal(rows, rows.unique())


def test_the_same_rows_are_drawn_every_time():
    held = part(5000, 40)
    first, again = (watched_rows(held, most=300).ids.tolist() for _ in range(2))
    assert first == again


def test_few_rows_are_left_as_they_are():
    held = part(340, 40)
    assert watched_rows(held, most=300) is held


def test_rates_on_the_rows_kept_are_those_of_all_but_for_chance():
    held = part(60_000, 500)
    rng = np.random.default_rng(1)
    scores = rng.standard_normal(60_000) + 1.5 * held.targets.numpy()
    kept = watched_rows(held, most=20_000)
    rows = kept.inputs[:, 0].long().numpy()
    whole = fpr_at_tpr(scores, held.targets.numpy(), 0.9)
    thinned = fpr_at_tpr(scores[rows], kept.targets.numpy(), 0.9)
    assert abs(thinned - whole) < 5 * np.sqrt(whole * (1 - whole) / 20_000)


@pytest.mark.parametrize("n", [1_000, 50_000, 10_000_000, 10**9])
def test_no_evaluation_scores_more_than_training_forwards_between_two_of_them(n):
    settings = default_settings("table", n)
    assert most_watched(settings) <= max(50_000, settings.evaluate_every * settings.batch_size)


def test_rows_are_thinned_in_binary_work_alone_and_only_without_weights(monkeypatch):
    monkeypatch.setattr(watching, "most_watched", lambda settings: 300)
    held = part(5000, 40)
    settings = default_settings("table", 1000)
    assert len(watched(material(held), settings)) == 340
    assert watched(material(held, Task("multiclass", 3, (1, 2))), settings) is held
    assert watched(material(held, weights=np.ones(5000)), settings) is held


def test_a_thinned_validation_part_is_told_of(monkeypatch):
    assert told_of_watching(material(part(5000, 40))) is None
    monkeypatch.setattr(watching, "most_watched", lambda settings: 300)
    assert "340 of the 5,000 validation rows" in told_of_watching(material(part(5000, 40)))
