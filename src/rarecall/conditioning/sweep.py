"""Scores of a conditioned network at many λ: the backbone once a sample, the head once a λ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rarecall._reading import count_rows, portions, reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.conditioning.conditioned import ConditionedModel
    from rarecall.objective import Objective


def scores_at(
    model: ConditionedModel,
    objective: Objective,
    inputs: Any,
    conditions: Tensor,
    batch_size: int | None,
) -> tuple[NDArray[np.float64], bool]:
    """Score rows at every λ; call it while the network is evaluating.

    Args:
        model: Stays on its device.
        objective: Says how logits are read.
        inputs: A tensor or any pytree of tensors, leading dimension ``n``.
        conditions: One λ a row, shape ``(points, d)``.
        batch_size: Rows forwarded at once, >= 1; None for as many as stay small in memory.

    Returns:
        Float64, shape ``(points, n)`` in binary work, else ``(points, n, C)``; and whether the
        backbone was forwarded only once for all λ.
    """
    device = model.condition.device
    read, shape = reader(objective, count_rows(inputs))
    scores = np.empty((len(conditions), *shape), dtype=np.float64)
    conditions = conditions.float().to(device)
    head_only = True
    for rows, part in portions(inputs, batch_size, device):
        logits, spared = _logits(model, part, conditions)
        head_only &= spared
        for number, found in enumerate(logits):
            # On the processor: not every device has float64.
            scores[number, rows] = read(found.cpu().double()).numpy()
    return scores, head_only


def _logits(model: ConditionedModel, inputs: Any, conditions: Tensor) -> tuple[list[Tensor], bool]:
    """Logits of one batch for every λ, and whether the head was enough for all but the first."""
    first, *others = conditions
    if model.condition_at is not None:
        return [model(inputs, condition) for condition in conditions], False
    entered: list[tuple[Any, ...]] = []
    left: list[Any] = []
    head = model.layer
    hooks = (
        head.register_forward_pre_hook(lambda _, given: entered.append(given), prepend=True),
        head.register_forward_hook(lambda _, __, result: left.append(result)),
    )
    try:
        logits: Tensor = model(inputs, first)
    finally:
        for hook in hooks:
            hook.remove()
    # What follows the head may only reshape; anything else is found by comparing.
    spared = len(left) == 1 and left[0].numel() == logits.numel()
    if not (spared and torch.equal(left[0].reshape(logits.shape), logits)):
        return [logits, *(model(inputs, condition) for condition in others)], False
    found = [logits]
    try:
        for condition in others:
            model.film.given = condition
            found.append(head(*entered[0]).reshape(logits.shape))
    finally:
        model.film.given = None
    return found, True
