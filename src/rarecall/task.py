"""What kind of problem it is, and what ``bind`` tells losses and terms of the training set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class Task:
    """The kind of problem, fixed by ``bind`` and never guessed from a shape.

    Attributes:
        kind: ``"binary"``: targets ``(B,)``, 1 for the critical class and 0 otherwise.
            ``"multiclass"``: targets ``(B,)``, class numbers from 0. ``"multilabel"``: targets
            ``(B, L)``, 1 and 0, NaN where a label is missing, a value between 0 and 1 where it
            is uncertain.
        classes: 2, the number of classes, or the number of labels.
        critical: Numbers of the classes that must not be missed; every label in multi-label work.

    >>> Task("multiclass", classes=10, critical=(9,))
    Task(kind='multiclass', classes=10, critical=(9,))
    """

    kind: Kind = "binary"
    classes: int = 2
    critical: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"task must be one of {get_args(Kind)}, not {self.kind!r}.")
        if self.kind == "binary" and (self.classes, self.critical) != (2, (1,)):
            raise ValueError("A binary task has two classes, of which 1 is the critical one.")
        least = 1 if self.kind == "multilabel" else 2
        numbers = set(self.critical)
        if (
            self.classes < least
            or not numbers
            or len(numbers) < len(self.critical)
            or not numbers <= set(range(self.classes))
            or (self.kind != "multilabel" and len(numbers) == self.classes)
        ):
            raise ValueError(
                f"A {self.kind} task with {self.classes} classes cannot have the critical classes "
                f"{self.critical}: they are distinct numbers from 0 to {self.classes - 1}, one or "
                "more, and not all of them."
            )
        if self.kind == "multilabel" and len(numbers) < self.classes:
            raise ValueError("In a multilabel task every label is critical.")

    @classmethod
    def multilabel(cls, labels: int) -> Task:
        """Task of ``labels`` labels.

        >>> Task.multilabel(3).critical
        (0, 1, 2)
        """
        return cls("multilabel", labels, tuple(range(labels)))

    @property
    def columns(self) -> tuple[int, ...]:
        """Critical classes in the order of the columns of a score."""
        return self.critical

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which ``Task(**...)`` makes it again."""
        return {"kind": self.kind, "classes": self.classes, "critical": list(self.critical)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Task:
        """Read what :meth:`to_json` gave.

        >>> Task.from_json(Task("multiclass", 3, (0, 2)).to_json())
        Task(kind='multiclass', classes=3, critical=(0, 2))
        """
        return cls(stored["kind"], stored["classes"], tuple(stored["critical"]))


BINARY = Task()


@dataclass(frozen=True, eq=False)
class Population:
    """The training set, as losses and terms need to know it.

    Attributes:
        targets: Checked: bool ``(n,)`` in binary work, int64 ``(n,)`` in multi-class, floating
            ``(n, L)`` in multi-label work.
        task: The kind of problem.
        stream: Shares of the classes in the batches, where a sampler changes them: ``(C,)``;
            None where batches are drawn as the training set is.
        steps: Optimiser steps that are planned, for schedules; None where unknown.
    """

    targets: Tensor
    task: Task
    stream: Tensor | None = None
    steps: int | None = None

    @cached_property
    def counts(self) -> Tensor:
        """Samples of every class in the training set, float64 ``(C,)``.

        In multi-label work ``(L, 2)``: samples without and with each label, missing ones left
        out and uncertain ones shared out.
        """
        targets = self.targets
        if self.task.kind == "multilabel":
            known = ~torch.isnan(targets)
            positive = torch.where(known, targets, 0.0).double().sum(dim=0)
            return torch.stack([known.sum(dim=0) - positive, positive], dim=1)
        return torch.bincount(targets.long(), minlength=self.task.classes).double()

    @property
    def shares(self) -> Tensor:
        """Shares of the classes that the batches really show, float64, ``(C,)`` or ``(L, 2)``."""
        if self.stream is not None:
            return self.stream
        return self.counts / self.counts.sum(dim=-1, keepdim=True)

    @property
    def ratio(self) -> Tensor:
        r"""Other samples for each critical one in the batches, :math:`n_0 / n_1`.

        Shape ``()`` in binary and ``(L,)`` in multi-label work.
        """
        shares = self.shares
        return shares[..., 0] / shares[..., 1]


def resolve(task: Task | Kind, targets: Tensor, critical: int | Sequence[int] | None) -> Task:
    """Make the task that ``bind`` was asked for.

    Raises:
        ValueError: Critical classes are missing or do not fit.
    """
    if isinstance(task, Task):
        return task
    if task == "multiclass":
        if critical is None:
            raise ValueError(
                "A multi-class task needs to know which class must not be missed: "
                "bind(targets, task='multiclass', critical=9), or several, critical=(8, 9)."
            )
        numbers = (critical,) if isinstance(critical, int) else tuple(critical)
        return Task("multiclass", int(targets.max()) + 1 if targets.numel() else 0, numbers)
    if critical is not None:
        raise ValueError(f"critical= belongs to a multi-class task; this one is {task!r}.")
    if task == "multilabel":
        return Task.multilabel(targets.shape[1] if targets.ndim == 2 else 0)
    return Task(task)


def checked(targets: Tensor, task: Task) -> Tensor:
    """Check training targets and bring them to the form that :class:`Population` keeps.

    Raises:
        ValueError: They are not what the task says, or a class does not occur.
    """
    if task.kind == "binary":
        return _binary(targets)
    if task.kind == "multiclass":
        return _multiclass(targets, task)
    return _multilabel(targets, task)


def _shown(targets: Tensor) -> str:
    values = torch.unique(targets).tolist()[:5]
    return f"got shape {tuple(targets.shape)} with values {values}."


def _binary(targets: Tensor) -> Tensor:
    if targets.ndim != 1 or not bool(((targets == 0) | (targets == 1)).all()):
        raise ValueError(
            "bind needs the training targets, 1 for the critical class and 0 otherwise, "
            f"shape (n,); {_shown(targets)}"
        )
    critical = targets == 1
    if not 0 < int(critical.sum()) < critical.numel():
        raise ValueError(
            f"Both classes must occur in the training targets; {int(critical.sum())} of "
            f"{critical.numel()} samples are critical. Check which label is the critical one."
        )
    return critical


def _multiclass(targets: Tensor, task: Task) -> Tensor:
    whole = not (targets.dtype.is_floating_point or targets.dtype == torch.bool)
    inside = whole and bool(((targets >= 0) & (targets < task.classes)).all())
    if targets.ndim != 1 or not inside:
        raise ValueError(
            f"bind needs class numbers from 0 to {task.classes - 1}, integers of shape (n,); "
            f"{_shown(targets)}"
        )
    counts = torch.bincount(targets, minlength=task.classes)
    if not bool((counts > 0).all()):
        absent = torch.nonzero(counts == 0).squeeze(1).tolist()
        raise ValueError(
            f"Every class must occur in the training targets; {absent} of {task.classes} do not."
        )
    return targets.long()


def _multilabel(targets: Tensor, task: Task) -> Tensor:
    known = ~torch.isnan(targets) if targets.dtype.is_floating_point else torch.ones_like(targets)
    values = targets[known.bool()]
    if (
        targets.ndim != 2
        or targets.shape[1] != task.classes
        or not bool(((values >= 0) & (values <= 1)).all())
    ):
        raise ValueError(
            f"bind needs targets of shape (n, {task.classes}) in [0, 1], NaN where a label is "
            f"missing; {_shown(targets)}"
        )
    targets = targets if targets.dtype.is_floating_point else targets.float()
    for label in range(task.classes):
        column = targets[:, label]
        if not bool((column > 0.5).any()) or not bool((column < 0.5).any()):
            raise ValueError(
                f"Label {label} needs samples with and without it in the training targets."
            )
    return targets
