"""Weighted objectives against the equation and against repeated rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rarecall.errors import DataError
from rarecall.estimators.weighted_measure import WeightedMeasure
from rarecall.estimators.weighting import MOST_REPEATED, WeightedObjective, repeated
from rarecall.methods import parse
from rarecall.metrics.several import task_measure
from rarecall.task import BINARY, Task


def rows(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, generator=generator, dtype=torch.float64)
    targets = (torch.arange(n) % 3 == 0).long()
    weights = torch.rand(n, generator=generator, dtype=torch.float64) + 0.1
    return logits, targets, weights / weights.mean()


def test_the_loss_is_the_weighted_mean_of_the_unreduced_losses() -> None:
    logits, targets, weights = rows(12)
    objective = WeightedObjective(parse("bce").build(), weights).bind(targets)
    index = torch.tensor([7, 0, 3, 9])
    found = objective(nn.Identity(), (logits[index], targets[index], index))
    naive = 0.0
    for k in index.tolist():
        z = float(logits[k])
        p = 1 / (1 + np.exp(-z))
        naive += float(weights[k]) * -np.log(p if targets[k] == 1 else 1 - p) / 4
    assert float(found) == pytest.approx(naive, rel=1e-12)


@pytest.mark.parametrize("name", ["la", "vs", "focal", "cb-bce"])
def test_the_gradient_of_whole_weights_is_that_of_repeated_rows(name: str) -> None:
    n = 9
    counts = torch.tensor([1, 2, 3] * 3)
    outputs = parse(name).build().outputs
    shape = (n,) if outputs == 1 else (n, outputs)
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    targets = (torch.arange(n) % 2 == 0).long()
    index = torch.repeat_interleave(torch.arange(n), counts)
    one = logits.clone().requires_grad_()
    weighted = WeightedObjective(parse(name).build(), counts / counts.double().mean())
    weighted.bind(targets)
    other = logits.clone().requires_grad_()
    plain = parse(name).build().bind(targets[index])
    loss = weighted(nn.Identity(), (one, targets, torch.arange(n)))
    loss.backward()
    again = plain(nn.Identity(), (other[index], targets[index], torch.arange(len(index))))
    again.backward()
    if name == "cb-bce":
        # It counts samples, not shares: a weighted sample is one sample.
        assert not torch.allclose(loss, again)
        return
    torch.testing.assert_close(loss, again)
    torch.testing.assert_close(one.grad, other.grad)


def test_the_hook_is_gone_after_an_error_and_after_success() -> None:
    logits, targets, weights = rows(6)
    objective = WeightedObjective(parse("bce").build(), weights).bind(targets)
    objective(nn.Identity(), (logits, targets, torch.arange(6)))
    with pytest.raises(ValueError, match="needs logits of shape"):
        objective(nn.Identity(), (logits[:, None], targets, torch.arange(6)))
    assert not objective.loss._forward_hooks


def test_weights_do_not_enter_the_state_that_a_checkpoint_keeps() -> None:
    _, targets, weights = rows(6)
    weighted = WeightedObjective(parse("bce").build(), weights).bind(targets)
    plain = parse("bce").build().bind(targets)
    assert weighted.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(
    ("weights", "positions", "kept"),
    [
        (None, [0, 1, 2], None),
        ([1, 1, 1], [0, 1, 2], None),
        ([3, 0, 1], [0, 0, 0, 2], None),
        ([0.5, 0.0, 1.5], [0, 2], [0.5, 1.5]),
        ([1.0, 3.0, 5 * MOST_REPEATED], [0, 1, 2], [3 / 54, 9 / 54, 150 / 54]),
    ],
)
def test_weights_become_rows_or_factors(weights: Any, positions: Any, kept: Any) -> None:
    found, factors = repeated(None if weights is None else np.asarray(weights), 3)
    assert found.tolist() == positions
    if kept is None:
        assert factors is None
    else:
        np.testing.assert_allclose(factors, kept)


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(DataError, match="zero"):
        repeated(np.zeros(3), 3)


def test_the_best_weights_are_chosen_by_the_weighted_auc() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 4, 40)
    rows = np.repeat(np.arange(40), weights)
    scores, targets = rng.normal(size=40).round(1), np.arange(40) % 3
    for task in (BINARY, Task("multiclass", 3, (1, 2))):
        values = scores if task.kind == "binary" else rng.normal(size=(40, 3)).round(1)
        known = targets % 2 if task.kind == "binary" else targets
        measure = WeightedMeasure("auc", 0.9, False, weights=weights.astype(float), task=task)
        plain = task_measure(known, task, 0.9)
        assert not plain.smoothed
        expected = plain(values[rows], known[rows])
        assert measure(values, known) == pytest.approx(expected, abs=1e-12)
        assert measure.progress(values, known) == measure.auc(values, known)
        expected = plain.fpr(values[rows], known[rows])
        assert measure.fpr(values, known) == pytest.approx(expected, abs=1e-12)
