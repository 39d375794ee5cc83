"""What an objective is made of, and what passes between its parts.

A :class:`BaseLoss` is an ordinary unreduced criterion; a :class:`Term` adds a scalar. Both are
plain modules with a few hooks; :class:`rarecall.Objective` joins them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from rarecall._leaves import columns, leaves_of
from rarecall.task import BINARY, Population, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.distributed import Joined

Update = dict[str, Any]
"""What a term wants to remember of one batch: a pytree of detached tensors and plain numbers."""


class Batch(NamedTuple):
    """Rows of the training set.

    Attributes:
        inputs: What the model takes: a tensor or any pytree of tensors, leading dimension ``B``.
        targets: As the bound task says: 1 for the critical class and 0 otherwise, ``(B,)``; class
            numbers, ``(B,)``; or one column a label, ``(B, L)``, NaN where it is missing.
        index: Positions in the targets given to ``bind``, int64, shape ``(B,)``. Terms that
            remember samples need it; :class:`rarecall.data.Indexed` supplies it.
    """

    inputs: Any
    targets: Tensor
    index: Tensor | None = None  # type: ignore[assignment]  # hides tuple.index, which none needs


@dataclass(eq=False)
class Prepared:
    """One batch ready to be forwarded: its own rows first, replayed ones after them.

    Attributes:
        inputs: What to give to the model, leading dimension ``B + R``.
        targets: Shape ``(B + R,)``, or ``(B + R, L)``.
        index: Shape ``(B + R,)``, or None.
        fresh: ``B``, the number of the batch's own rows.
        condition: λ of this batch, float64, shape ``(d,)``, where hyper-parameters are drawn.
        conditioned: Whether the model takes λ too.
    """

    inputs: Any
    targets: Tensor
    index: Tensor | None
    fresh: int
    condition: Tensor | None = None
    conditioned: bool = False
    staged: bool = field(default=False, repr=False)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the model is called with: ``(inputs,)``, or ``(inputs, condition)``."""
        return (self.inputs, self.condition) if self.conditioned else (self.inputs,)


@dataclass(frozen=True, eq=False)
class View:
    """One critical class, or one label, against the samples that it must outrank.

    Attributes:
        scores: Higher is more critical, shape ``(n,)``.
        positive: True for samples of the class, shape ``(n,)``.
        negative: True for samples of no critical class (multi-label: known to be without the
            label), shape ``(n,)``.
        number: Its class or label number.
        column: Its column in the scores.
    """

    scores: Tensor
    positive: Tensor
    negative: Tensor
    number: int
    column: int


@dataclass(frozen=True, eq=False)
class Scored:
    """What a term sees of a forwarded batch.

    Attributes:
        scores: Raw scores, higher is more critical: ``(n,)`` in binary work, else one column a
            critical class or label, ``(n, K)``.
        critical: True for samples of any critical class, shape ``(n,)``.
        index: Positions in the training targets, shape ``(n,)``, or None.
        fresh: How many of the rows, from the first, are the batch's own.
        inputs: What this process forwarded, a pytree with leading dimension ``n``; where several
            train together, its own rows only. See :meth:`leaves`.
        targets: As given, shape ``(n,)`` or ``(n, L)``.
        logits: What the model gave.
        loss: The base loss, which knows how logits are read.
        joined: How the rows of several processes were joined; None where there is one.
    """

    scores: Tensor
    critical: Tensor
    index: Tensor | None
    fresh: int
    inputs: Any
    targets: Tensor
    logits: Tensor
    loss: BaseLoss
    joined: Joined | None = None

    def leaves(self, rows: Tensor) -> list[Tensor]:
        """Give some rows of every tensor of the inputs, detached, whichever process holds them."""
        own = leaves_of(self.inputs)
        if self.joined is None:
            return [leaf.detach().index_select(0, rows.to(leaf.device)) for leaf in own]
        return self.joined.leaves(own, rows)

    @property
    def task(self) -> Task:
        """The kind of problem."""
        return self.loss.task

    def probabilities(self, dtype: torch.dtype | None = None) -> Tensor:
        """Probability of each critical class, shaped like the scores, computed in ``dtype``."""
        return self.loss.probability(self.logits if dtype is None else self.logits.to(dtype))

    def views(self, values: Tensor | None = None) -> list[View]:
        """Every critical class or label against its negatives; one view in binary work.

        Args:
            values: What takes the place of the scores, such as probabilities; shaped like them.
        """
        values = self.scores if values is None else values
        task, targets = self.task, self.targets
        if task.kind == "binary":
            return [View(values, self.critical, ~self.critical, 1, 0)]
        found = []
        for column, number in enumerate(task.columns):
            if task.kind == "multiclass":
                positive, negative = targets == number, ~self.critical
            else:
                positive, negative = targets[:, number] == 1, targets[:, number] == 0
            found.append(View(values[:, column], positive, negative, number, column))
        return found


class Part(nn.Module, ABC):
    """What a base loss and a term have in common.

    Attributes:
        tasks: Kinds of problem that it is made for.
        conditionable: Names of hyper-parameters that ``forward`` also takes as keyword arguments,
            so that loss-conditional training can draw them anew for every batch.
        task: The kind of problem, set by :meth:`for_task`.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    conditionable: ClassVar[tuple[str, ...]] = ()
    task: Task = BINARY

    def for_task(self, task: Task) -> None:
        """Fix the kind of problem.

        Raises:
            ValueError: It is not made for this kind.
        """
        if task.kind not in self.tasks:
            raise ValueError(
                f"{type(self).__name__} is made for {' and '.join(self.tasks)} tasks, "
                f"not for a {task.kind} one."
            )
        self.task = task

    def bind(self, training: Population) -> None:
        """Learn what is needed of the training set, such as class counts, and start afresh."""

    def after_step(self) -> None:
        """Bring maximised parameters back into their range, go on in schedules.

        Called once an optimiser step, after it.
        """

    def duals(self) -> list[nn.Parameter]:
        """List the parameters that are maximised; their gradient is reversed in ``forward``."""
        return []

    def monitor(self) -> dict[str, float]:
        """Numbers worth logging."""
        return {}

    def remarks(self) -> list[str]:
        """Sentences a user should read, for example that the part did nothing."""
        return []


class BaseLoss(Part):
    """An ordinary unreduced criterion, ``(logits, targets) -> (B,)``, usable alone in any loop.

    Attributes:
        outputs: How many logits a sample the loss reads. In binary work 1 (shape ``(B,)``) or 2
            (``(B, 2)``), as the class says; else the number of classes or labels.
        per_sample: False for a measure of a set, which returns a scalar instead of ``(B,)``.
    """

    outputs: int = 1
    per_sample: bool = True

    def for_task(self, task: Task) -> None:
        """Fix the kind of problem, and with it the number of outputs."""
        super().for_task(task)
        self.outputs = type(self).outputs if task.kind == "binary" else task.classes

    @abstractmethod
    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample."""

    def class_scores(self, logits: Tensor) -> Tensor:
        r"""Scores of all classes, higher is more that class, ``(B, C)``; only in multi-class work.

        The log-odds :math:`z_c - \log \sum_{k \ne c} e^{z_k}`: they rank samples by the class's
        probability, and do not change when a constant is added to a sample's logits.
        """
        columns = []
        for number in range(logits.shape[1]):
            others = torch.cat([logits[:, :number], logits[:, number + 1 :]], dim=1)
            columns.append(logits[:, number] - torch.logsumexp(others, dim=1))
        return torch.stack(columns, dim=1)

    def score(self, logits: Tensor) -> Tensor:
        """Scores that rank the samples, higher is more critical.

        Returns:
            Shape ``(B,)`` in binary work; else one column a critical class or label, ``(B, K)``.
        """
        if self.task.kind == "multilabel":
            return logits
        if self.task.kind == "multiclass":
            return columns(self.class_scores(logits), self.task.critical)
        return logits if self.outputs == 1 else logits[:, 1] - logits[:, 0]

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of each critical class, shaped like the score."""
        return torch.sigmoid(self.score(logits))

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of all classes, ``(B, C)``; only in multi-class work."""
        return torch.softmax(logits, dim=1)

    def adapt(self, model: nn.Module, head: str | None) -> nn.Module:
        """Change the network as the loss needs; the identity for most."""
        del head
        return model


class Term(Part):
    """Adds a scalar to the base loss.

    ``forward`` is pure: it returns the scalar and what to remember, and changes nothing.

    Attributes:
        replay_capacity: How many rows, at most, the term adds to a batch.
        replay_in_base_loss: Whether the base loss counts the replayed rows too.
        needs_index: Why the batch must carry its ``index``, as a clause; empty where it need not.
    """

    replay_capacity: int = 0
    replay_in_base_loss: bool = False
    needs_index: str = ""

    def replay(self, batch: Batch) -> Batch | None:
        """Rows to forward after the batch's own, or None."""
        del batch
        return None

    @abstractmethod
    def forward(self, scored: Scored) -> tuple[Tensor, Update]:
        """Give the scalar to add and what :meth:`commit` is to remember of this batch."""

    def commit(self, updates: Sequence[Update]) -> None:
        """Make the staged updates of one optimiser step durable."""

    def end_epoch(self, score: float) -> None:
        """React to a validation measure, higher is better."""
