"""Scores of a trained network."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.objective import Objective


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch modules to evaluation mode without gradients, and back to what they were."""
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.eval()
        with torch.inference_mode():
            yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.train(training)


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
    leaves = pytree.tree_leaves(inputs)
    rows = len(leaves[0])
    if batch_size is None:
        largest = max((leaf[0].numel() for leaf in leaves if len(leaf)), default=1)
        batch_size = min(4096, max(32, 2**20 // max(largest, 1)))
    tensor = next(network.parameters(), None)
    device = torch.device("cpu") if tensor is None else tensor.device
    kind = objective.task.kind
    shape = (rows,) if kind == "binary" else (rows, objective.task.classes)
    read = objective.loss.class_scores if kind == "multiclass" else objective.score
    scores = np.empty(shape, dtype=np.float64)
    with evaluating(network, objective):
        for start in range(0, rows, batch_size):
            stop = min(start + batch_size, rows)
            part = pytree.tree_map(
                lambda leaf, start=start, stop=stop: leaf[start:stop].to(device), inputs
            )
            logits = network(part)
            # On the processor: not every device has float64.
            scores[start:stop] = read(logits.cpu().double()).numpy()
    return scores
