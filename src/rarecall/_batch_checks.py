"""What a batch must be before an objective takes it; every error says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from rarecall.parts import BaseLoss, Batch, Term
    from rarecall.task import Task


def check_targets(batch: Batch, known: Tensor, task: Task) -> None:
    """Hold the targets' shape to those of the training set.

    Raises:
        RuntimeError: There are none: the objective was not bound.
        ValueError: The shape is another one, or there is no row.
    """
    if not len(known):
        raise RuntimeError(
            "The objective is not bound to a training set. Call "
            "objective.bind(train_targets) before the first batch."
        )
    targets = batch.targets
    if not targets.ndim or not len(targets) or targets.shape[1:] != known.shape[1:]:
        expected = f"(B, {task.classes})" if task.kind == "multilabel" else "(B,)"
        raise ValueError(f"targets must have shape {expected}, B >= 1; got {tuple(targets.shape)}.")


def check_index(batch: Batch, terms: Sequence[Term]) -> None:
    """Make sure that there is an index where a term needs one, and that it is one.

    Raises:
        ValueError: It is missing, or holds no integers, one a target.
    """
    targets, index = batch.targets, batch.index
    if index is None:
        for term in terms:
            if term.needs_index:
                raise ValueError(
                    f"{type(term).__name__} {term.needs_index}, but the batch has no "
                    "`index`.\nWrap the training set, `Indexed(dataset)`, so that "
                    "it yields (inputs, targets, index)."
                )
        return
    if index.shape != targets.shape[:1] or index.dtype.is_floating_point:
        raise ValueError(
            f"index must hold integers, one for each of the {len(targets)} targets; got "
            f"{index.dtype} of shape {tuple(index.shape)}."
        )


def check_logits(logits: Tensor, rows: int, outputs: int, task: Task, loss: BaseLoss) -> None:
    """Hold logits to the shape that the loss reads.

    Raises:
        ValueError: They have another one.
    """
    flat = outputs == 1 and task.kind != "multilabel"
    expected = (rows,) if flat else (rows, outputs)
    if tuple(logits.shape) != expected:
        hint = " Drop the last dimension with `.squeeze(-1)`." if logits.ndim == 2 else ""
        raise ValueError(
            f"{type(loss).__name__} needs logits of shape {expected}, got "
            f"{tuple(logits.shape)}.{hint if flat else ''}"
        )


def check_agreement(batch: Batch, known: Tensor, task: Task) -> None:
    """Make sure that the index leads to the batch's own targets; reads values from the device.

    Raises:
        ValueError: It does not.
    """
    index = batch.index
    assert index is not None
    inside = bool(((index >= 0) & (index < len(known))).all())
    if not inside or not _agree(known[index], batch.targets, task):
        raise ValueError(
            "The batch's index does not fit the targets given to bind(): it must be the "
            f"position among these {len(known)} training targets. Wrap the training set "
            "last, `Indexed(Subset(...))`, and bind its own targets."
        )


def _agree(known: Tensor, targets: Tensor, task: Task) -> bool:
    if task.kind == "binary":
        return torch.equal(known, targets == 1)
    if task.kind == "multiclass":
        return torch.equal(known, targets.long())
    # A training loop may smooth or mask labels itself; which ones are given must agree.
    return bool(((known == targets) | torch.isnan(known) | torch.isnan(targets)).all())
