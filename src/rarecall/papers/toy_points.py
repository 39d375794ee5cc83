"""Points in the plane: what easy and mislabelled ones do to the two AUC losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from rarecall.losses import AUCMarginLoss, AUCSquareLoss
from rarecall.metrics import auc
from rarecall.objective import Batch, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from rarecall.parts import BaseLoss

KINDS = ("as they are", "easy ones added", "mislabelled ones added")


def added_points(
    *, steps: int = 200, repeats: int = 5, seed: int = 0
) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    """Train a two-layer network with ELU on points, then on with easy or mislabelled ones added.

    Args:
        steps: Full-batch steps, before and again after points are added.
        repeats: Draws of points, over which the AUC is averaged.
        seed: Of points and first weights.

    Returns:
        Names of the training sets, and by loss the AUC on new, clean points, in the same order.

    Reference:
        Yuan, Yan, Sonka and Yang, *Large-scale Robust Deep AUC Maximization*, ICCV 2021, figure 1.

    >>> names, found = added_points(steps=2, repeats=1)
    >>> len(names), list(found)
    (3, ['AUC-S', 'AUC-M'])
    """
    losses = {"AUC-S": AUCSquareLoss, "AUC-M": AUCMarginLoss}
    found: dict[str, list[list[float]]] = {name: [] for name in losses}
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        sets, clean = _training_sets(rng), _points(rng, 1000, 1000)
        for name, loss in losses.items():
            found[name].append(
                [
                    _trained(loss(), [sets[KINDS[0]], sets[kind]], clean, steps, seed)
                    for kind in KINDS
                ]
            )
    return KINDS, {name: np.mean(values, axis=0).tolist() for name, values in found.items()}


def _points(rng: np.random.Generator, others: int, critical: int) -> tuple[Tensor, Tensor]:
    """Two overlapping clouds, the critical one above a curve."""
    below = rng.normal([0.0, 0.0], [1.2, 0.6], (others, 2))
    above = rng.normal([0.0, 1.6], [1.2, 0.6], (critical, 2))
    below[:, 1] += 0.3 * below[:, 0] ** 2
    above[:, 1] += 0.3 * above[:, 0] ** 2
    targets = np.repeat([0, 1], [others, critical])
    points = np.concatenate([below, above]).astype(np.float32)
    return torch.from_numpy(points), torch.from_numpy(targets)


def _training_sets(rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
    points, targets = _points(rng, 200, 50)
    easy = rng.normal([0.0, 6.0], 0.4, (100, 2)).astype(np.float32)
    wrong = rng.normal([0.0, -2.0], 0.4, (10, 2)).astype(np.float32)
    added = {KINDS[0]: easy[:0], KINDS[1]: easy, KINDS[2]: wrong}
    # Both kinds are called critical; the mislabelled ones lie deep among the others.
    return {
        name: (
            torch.cat([points, torch.from_numpy(more)]),
            torch.cat([targets, torch.ones(len(more), dtype=targets.dtype)]),
        )
        for name, more in added.items()
    }


def _trained(
    loss: BaseLoss,
    stages: list[tuple[Tensor, Tensor]],
    clean: tuple[Tensor, Tensor],
    steps: int,
    seed: int,
) -> float:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = nn.Sequential(nn.Linear(2, 16), nn.ELU(), nn.Linear(16, 1), nn.Flatten(0))
    for points, targets in stages:
        objective = Objective(loss).bind(targets)
        optimizer = torch.optim.SGD(
            [{"params": network.parameters()}, *objective.param_groups()], lr=0.5
        )
        batch = Batch(points, targets, torch.arange(len(targets)))
        for _ in range(steps):
            optimizer.zero_grad()
            objective(network, batch).backward()
            optimizer.step()
            objective.step()
    with torch.no_grad():
        scores = network(clean[0]).double().numpy()
    return float(auc(scores, clean[1].numpy()))
