"""What everything that scores rows with a network has in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from rarecall.objective import Objective


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch modules to evaluation mode without gradients, and every part back to what it was."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    try:
        for module in modules:
            module.eval()
        with torch.inference_mode():
            yield
    finally:
        for part, training in before:
            part.training = training


def count_rows(inputs: Any) -> int:
    """How many rows a pytree of tensors holds."""
    return len(pytree.tree_leaves(inputs)[0])


def rows_at_once(inputs: Any) -> int:
    """How many rows are forwarded at once by default: as many as stay small in memory.

    >>> rows_at_once(torch.zeros(5, 1)), rows_at_once(torch.zeros(5, 3, 224, 224))
    (4096, 32)
    """
    leaves = pytree.tree_leaves(inputs)
    largest = max((leaf[0].numel() for leaf in leaves if len(leaf)), default=1)
    return min(4096, max(32, 2**20 // max(largest, 1)))


def portions(
    inputs: Any, batch_size: int | None, device: torch.device
) -> Iterator[tuple[slice, Any]]:
    """Give the rows in portions, on ``device``; as many at once as stay small in memory if None.

    >>> [rows for rows, _ in portions(torch.zeros(5, 1), 2, torch.device("cpu"))]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = count_rows(inputs)
    if batch_size is None:
        batch_size = rows_at_once(inputs)
    for start in range(0, rows, batch_size):
        taken = slice(start, min(start + batch_size, rows))
        yield taken, pytree.tree_map(lambda leaf, taken=taken: leaf[taken].to(device), inputs)


def reader(objective: Objective, rows: int) -> tuple[Callable[[Tensor], Tensor], tuple[int, ...]]:
    """How logits are read, and the shape that the scores of so many rows have.

    ``(n,)`` in binary work, the scores of all classes or labels, ``(n, C)``, in others.
    """
    kind = objective.task.kind
    read = objective.loss.class_scores if kind == "multiclass" else objective.score
    return read, (rows,) if kind == "binary" else (rows, objective.task.classes)
