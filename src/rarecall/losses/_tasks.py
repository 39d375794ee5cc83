"""How losses read the targets of each kind of problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rarecall.functional import label_mean, true_log_odds

if TYPE_CHECKING:
    from collections.abc import Callable

    from rarecall.task import Task

EVERY_TASK = ("binary", "multiclass", "multilabel")


def each(
    elementwise: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor, task: Task
) -> Tensor:
    """Apply a binary loss as the task asks; one loss a sample, ``(B,)``.

    In multi-label work it is averaged over a sample's given labels. In multi-class work the
    log-odds of the true class take the place of the binary logit, with the sign that critical
    samples have: what is said of *the probability of the true class* is then said of the
    softmax's.

    Args:
        elementwise: Binary loss, ``(logits, critical) -> losses``, all of one shape.
        logits: Shape ``(B,)``, ``(B, C)`` or ``(B, L)``.
        targets: As the task says.
        task: The kind of problem.

    Raises:
        ValueError: The shapes do not fit the task.
    """
    check(logits, targets, task, outputs=1)
    if task.kind == "multilabel":
        return label_mean(elementwise, logits, targets)
    if task.kind == "binary":
        return elementwise(logits, targets == 1)
    critical = targets == task.critical[0]
    for number in task.critical[1:]:
        critical = critical | (targets == number)
    odds = true_log_odds(logits, targets)
    return elementwise(torch.where(critical, odds, -odds), critical)


def class_numbers(logits: Tensor, targets: Tensor, task: Task) -> Tensor:
    """Give targets as class numbers, int64, also in binary work.

    Raises:
        ValueError: The shapes do not fit the task.
    """
    check(logits, targets, task, outputs=2)
    return (targets == 1).long() if task.kind == "binary" else targets


def check(logits: Tensor, targets: Tensor, task: Task, *, outputs: int) -> None:
    """Raise a ``ValueError`` where a loss that is used alone would broadcast, or misread classes.

    Args:
        logits: What the network gave.
        targets: Shape ``(B,)``, or ``(B, L)``.
        task: The kind of problem.
        outputs: Logits a sample in binary work.
    """
    wanted = targets.shape
    if task.kind == "multiclass" or (task.kind == "binary" and outputs > 1):
        wanted = torch.Size([*targets.shape, task.classes])
    if logits.shape != wanted:
        raise ValueError(
            f"In a {task.kind} task of {task.classes} classes or labels, targets of shape "
            f"{tuple(targets.shape)} need logits of shape {tuple(wanted)}, not "
            f"{tuple(logits.shape)}. A loss that is used alone learns of another task by "
            "`loss.for_task(Task(...))`."
        )
