"""Multi-class and multi-label work in the training loop: rows, shares, records, resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rarecall import BaseLoss, Objective
from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.metrics.several import task_measure
from rarecall.objective import Population
from rarecall.task import Task
from rarecall.training import Averaging, Fitted, Technique, train

from .problem import network, numbers, same_weights, settings

CLASSES = Task("multiclass", 4, (2, 3))
LABELS = Task.multilabel(3)


class AnyTask(BaseLoss):
    """Cross-entropy of either kind, which remembers what it was bound to."""

    tasks = ("multiclass", "multilabel")
    bound: Population | None = None

    def bind(self, training: Population) -> None:
        self.bound = training

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.task.kind == "multiclass":
            return F.cross_entropy(logits, targets, reduction="none")
        known = ~torch.isnan(targets)
        filled = torch.where(known, targets, 0.0)
        losses = F.binary_cross_entropy_with_logits(logits, filled, reduction="none")
        return (losses * known).mean(dim=1)


def several(task: Task, seed: int) -> ArrayDataset:
    generator = torch.Generator().manual_seed(seed)
    numeric = torch.randn(200, 4, generator=generator)
    order = torch.randperm(200, generator=generator)
    classes = torch.tensor([0] * 110 + [1] * 50 + [2] * 25 + [3] * 15)[order]
    if task.kind == "multiclass":
        numeric += 2 * F.one_hot(classes, 4)
        targets = classes
    else:
        targets = torch.stack([(classes == c).float() for c in (1, 2, 3)], dim=1)
        numeric[:, 1:] += 2 * targets
        targets[::7, 0] = float("nan")
    codes = torch.ones(200, 1, dtype=torch.int64)
    inputs = {"numeric": numeric, "categorical": codes}
    return ArrayDataset(inputs, targets, [str(row) for row in range(200)])


def fit_task(task: Task, loss: AnyTask | None = None, **more: Any) -> Fitted:
    goal = Objective(loss or AnyTask()).for_task(task)
    valid = several(task, 1)
    calls = {key: more.pop(key) for key in ("folder", "should_stop", "technique") if key in more}
    return train(
        network("table", goal.outputs),
        goal,
        several(task, 0),
        valid,
        settings=settings(**more),
        measure=task_measure(valid.targets.numpy(), task, 0.9),
        seed=0,
        task=task,
        **calls,
    )


@pytest.mark.parametrize("task", [CLASSES, LABELS], ids=["multiclass", "multilabel"])
def test_several_classes_and_labels_are_learnt(task: Task) -> None:
    fitted = fit_task(task, steps=150, evaluate_every=50, learning_rate=0.02)
    assert fitted.history[-1].auc > 0.85
    assert fitted.history[-1].train_loss < fitted.history[0].train_loss


@pytest.mark.parametrize("task", [CLASSES, LABELS], ids=["multiclass", "multilabel"])
def test_they_resume_bit_for_bit(task: Task, tmp_path: Path) -> None:
    technique = Technique(radius=0.1, averaging=Averaging(start=0.3))
    whole = fit_task(task, technique=technique)
    calls = iter(range(100))
    with pytest.raises(Interrupted):
        fit_task(task, technique=technique, folder=tmp_path, should_stop=lambda: next(calls) == 7)
    resumed = fit_task(task, technique=technique, folder=tmp_path)
    assert same_weights(resumed.network, whole.network)
    assert numbers(resumed) == numbers(whole)


def test_a_loss_of_several_classes_knows_the_shares_that_balanced_batches_show() -> None:
    loss = AnyTask()
    fit_task(CLASSES, loss, technique=Technique(balanced=0.25))
    assert loss.bound is not None
    # A quarter to the two critical classes alike; the rest as the others are in the data.
    others = np.array([110, 50]) / 160 * 0.75
    torch.testing.assert_close(loss.bound.shares, torch.tensor([*others, 0.125, 0.125]).double())
    fit_task(CLASSES, loss)
    torch.testing.assert_close(
        loss.bound.shares, torch.tensor([110, 50, 25, 15], dtype=torch.float64) / 200
    )


def test_labels_cannot_be_balanced() -> None:
    with pytest.raises(ConfigurationError, match=r"multi-label work.*critical for one"):
        fit_task(LABELS, technique=Technique(balanced=0.5))
