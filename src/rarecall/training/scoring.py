"""Scores of a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rarecall._reading import count_rows, evaluating, portions, reader

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from rarecall.objective import Objective


def predict_scores(
    network: nn.Module, objective: Objective, inputs: Any, *, batch_size: int | None = None
) -> NDArray[np.float64]:
    """Score rows with a network, in evaluation mode and full precision.

    Args:
        network: Gives logits; stays on its device. One that takes λ uses the λ that it stores.
        objective: Says how logits are read as a score. It need not be bound, but its task must
            be fixed where it is not binary.
        inputs: A tensor or any pytree of tensors, leading dimension ``n``, on any device.
        batch_size: Rows forwarded at once, >= 1; by default as many as stay small in memory.

    Returns:
        Raw scores, float64: higher is more critical, shape ``(n,)``, in binary work; the scores
        of all classes, ``(n, C)``, in multi-class and of all labels, ``(n, L)``, in multi-label
        work.

    >>> from rarecall.losses import BCELoss
    >>> from rarecall.objective import Objective
    >>> network = torch.nn.Flatten(0)
    >>> predict_scores(network, Objective(BCELoss()), torch.tensor([[0.5], [2.0]]))
    array([0.5, 2. ])
    """
    tensor = next(network.parameters(), None)
    device = torch.device("cpu") if tensor is None else tensor.device
    read, shape = reader(objective, count_rows(inputs))
    scores = np.empty(shape, dtype=np.float64)
    with evaluating(network, objective):
        for rows, part in portions(inputs, batch_size, device):
            # On the processor: not every device has float64.
            scores[rows] = read(network(part).cpu().double()).numpy()
    return scores
