"""The one interface: an objective calls the model, so that every method fits any training loop.

Some methods change *what is forwarded* (a rank regularizer replays earlier positives), so no
``criterion(logits, targets)`` can serve them all. An :class:`Objective` joins one base loss and any
number of terms, and keeps three rules:

1. Forward stages, :meth:`Objective.step` commits; :meth:`Objective.discard` drops what is staged.
2. Every parameter may be blindly minimised; everything else durable is a buffer or extra state.
3. Random draws happen in :meth:`Objective.prepare`, once a batch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

Update = dict[str, Any]
"""What a term wants to remember of one batch: a pytree of detached tensors."""


class Batch(NamedTuple):
    """Rows of the training set.

    Attributes:
        inputs: What the model takes: a tensor or any pytree of tensors, leading dimension ``B``.
        targets: 1 for the critical class, 0 otherwise, shape ``(B,)``.
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
        targets: Shape ``(B + R,)``.
        index: Shape ``(B + R,)``, or None.
        fresh: ``B``, the number of the batch's own rows.
    """

    inputs: Any
    targets: Tensor
    index: Tensor | None
    fresh: int
    staged: bool = field(default=False, repr=False)


@dataclass(frozen=True, eq=False)
class Scored:
    """What a term sees of a forwarded batch.

    Attributes:
        scores: Raw scores, higher is more critical, shape ``(n,)``.
        critical: True for critical samples, shape ``(n,)``.
        index: Positions in the training targets, shape ``(n,)``, or None.
        fresh: How many of the rows, from the first, are the batch's own.
        inputs: What was forwarded, a pytree with leading dimension ``n``.
    """

    scores: Tensor
    critical: Tensor
    index: Tensor | None
    fresh: int
    inputs: Any
    _probability: Callable[[Tensor], Tensor]
    _logits: Tensor

    def probabilities(self, dtype: torch.dtype | None = None) -> Tensor:
        """Probability of the critical class, shape ``(n,)``, computed in ``dtype``."""
        return self._probability(self._logits if dtype is None else self._logits.to(dtype))


class BaseLoss(nn.Module, ABC):
    """An ordinary unreduced criterion, ``(logits, targets) -> (B,)``, usable alone in any loop.

    Attributes:
        outputs: How many logits a sample the loss reads: 1 (shape ``(B,)``) or 2 (``(B, 2)``).
        per_sample: False for a measure of a set, which returns a scalar instead of ``(B,)``.
    """

    outputs: int = 1
    per_sample: bool = True

    def bind(self, train_targets: Tensor) -> None:
        """Learn what the loss needs of the training set, such as class counts."""

    @abstractmethod
    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample."""

    def score(self, logits: Tensor) -> Tensor:
        """Scores that rank the samples, higher is more critical, shape ``(B,)``."""
        return logits if self.outputs == 1 else logits[:, 1] - logits[:, 0]

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of the critical class, shape ``(B,)``."""
        return torch.sigmoid(self.score(logits))

    def adapt(self, model: nn.Module, head: str | None) -> nn.Module:
        """Change the network as the loss needs; the identity for most."""
        del head
        return model


class Term(nn.Module, ABC):
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

    def bind(self, train_targets: Tensor) -> None:
        """Learn what the term needs of the training set and start afresh."""

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

    def monitor(self) -> dict[str, float]:
        """Numbers worth logging."""
        return {}

    def remarks(self) -> list[str]:
        """Sentences a user should read, for example that the term did nothing."""
        return []


class Objective(nn.Module):
    r"""A base loss and any terms, behind a call that forwards the model.

    .. math:: L = \mathrm{mean}_i\, \ell_i + \sum_t \mathrm{term}_t

    Args:
        loss: The base loss.
        terms: Terms that add to it; at most one of them may replay rows.

    Raises:
        ValueError: Two terms replay rows.

    >>> from rarecall.losses import BCELoss
    >>> objective = Objective(BCELoss()).bind(torch.tensor([0, 0, 1]))
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> loss = objective(model, (torch.zeros(3, 2), torch.tensor([0, 0, 1]), torch.arange(3)))
    >>> loss.backward()
    >>> objective.step()
    """

    train_targets: Tensor

    def __init__(self, loss: BaseLoss, *terms: Term) -> None:
        super().__init__()
        replaying = [type(term).__name__ for term in terms if term.replay_capacity]
        if len(replaying) > 1:
            raise ValueError(
                f"Only one term may replay rows, not {' and '.join(replaying)}: each would replay "
                "its own buffer. RankRegularizer holds a buffer already; leave the other out."
            )
        self.loss = loss
        self.terms = nn.ModuleList(terms)
        self.register_buffer("train_targets", torch.zeros(0, dtype=torch.bool), persistent=False)
        self._staged: list[list[Update]] = []
        self._checked = False

    # Set-up -----------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """How many logits a sample the model must give: 1, shape ``(B,)``; 2, ``(B, 2)``."""
        return self.loss.outputs

    @property
    def replay_capacity(self) -> int:
        """How many rows, at most, a batch grows by."""
        return sum(term.replay_capacity for term in self._terms())

    def bind(self, train_targets: Any, task: Literal["binary"] = "binary") -> Self:
        """Fix the task and learn what loss and terms need of the training set.

        Durable state starts afresh; load a ``state_dict`` after binding, not before.

        Args:
            train_targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
            task: The kind of problem.

        Returns:
            The objective itself.

        Raises:
            ValueError: The targets are not binary, or hold one class only.
        """
        if task != "binary":
            raise ValueError(f"task must be 'binary', not {task!r}.")
        targets = torch.as_tensor(train_targets)
        if targets.ndim != 1 or not bool(((targets == 0) | (targets == 1)).all()):
            raise ValueError(
                "bind needs the training targets, 1 for the critical class and 0 otherwise, "
                f"shape (n,); got shape {tuple(targets.shape)} with values "
                f"{torch.unique(targets).tolist()[:5]}."
            )
        critical = (targets == 1).to(self.train_targets.device)
        if not 0 < int(critical.sum()) < critical.numel():
            raise ValueError(
                f"Both classes must occur in the training targets; {int(critical.sum())} of "
                f"{critical.numel()} samples are critical. Check which label is the critical one."
            )
        self.train_targets = critical
        self.loss.bind(critical)
        for term in self._terms():
            term.bind(critical)
        self._checked = False
        self.discard()
        return self

    def adapt(self, model: nn.Module, head: str | None = None) -> nn.Module:
        """Do what the method needs of a network, before the optimiser is made.

        Args:
            model: The network.
            head: Name of its last layer, where a method replaces it.

        Returns:
            The network to train; the same one unless the loss changes it.
        """
        return self.loss.adapt(model, head)

    def param_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups of the objective's own parameters; empty when it has none."""
        parameters = list(self.parameters())
        return [{"params": parameters}] if parameters else []

    # One step ---------------------------------------------------------------------------------

    def forward(self, model: nn.Module, batch: Batch | Prepared | tuple[Any, ...]) -> Tensor:
        """Forward the model and return the scalar loss.

        Args:
            model: Gives logits, shape as ``outputs`` says.
            batch: ``(inputs, targets, index)``, or what :meth:`prepare` returned, where a closure
                forwards one batch several times.
        """
        prepared = batch if isinstance(batch, Prepared) else self.prepare(Batch(*batch))
        return self.evaluate(model(prepared.inputs), prepared)

    def prepare(self, batch: Batch | tuple[Any, ...]) -> Prepared:
        """Check the batch and append the rows that terms replay. Changes nothing durable."""
        inputs, targets, index = batch = Batch(*batch)
        self._check(batch)
        fresh = len(targets)
        if self.training:
            for term in self._terms():
                more = term.replay(batch)
                if more is not None:
                    inputs = pytree.tree_map(lambda a, b: torch.cat([a, b]), inputs, more.inputs)
                    targets = torch.cat([targets, more.targets.to(targets)])
                    if index is not None and more.index is not None:
                        index = torch.cat([index, more.index])
        return Prepared(inputs, targets, index, fresh)

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        """Scalar loss of forwarded rows; in training mode it stages what terms remember.

        Only the first evaluation of one prepared batch stages, so that a closure may forward it
        again (SAM, LBFGS).

        Args:
            logits: Shape ``(n,)`` for one output, ``(n, 2)`` for two; a row a prepared row.
            prepared: What :meth:`prepare` returned.

        Raises:
            ValueError: The logits have another shape.
        """
        rows = len(prepared.targets)
        expected = (rows,) if self.outputs == 1 else (rows, self.outputs)
        if tuple(logits.shape) != expected:
            hint = " Drop the last dimension with `.squeeze(-1)`." if logits.ndim == 2 else ""
            raise ValueError(
                f"{type(self.loss).__name__} needs logits of shape {expected}, got "
                f"{tuple(logits.shape)}.{hint if self.outputs == 1 else ''}"
            )
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        critical = prepared.targets == 1
        counted = rows if any(t.replay_in_base_loss for t in self._terms()) else prepared.fresh
        total: Tensor = self.loss(logits[:counted], critical[:counted])
        if self.loss.per_sample:
            total = total.mean()
        scored = Scored(
            self.loss.score(logits),
            critical,
            prepared.index,
            prepared.fresh,
            prepared.inputs,
            self.loss.probability,
            logits,
        )
        updates: list[Update] = []
        for term in self._terms():
            value, update = term(scored)
            total = total + value
            updates.append(update)
        if self.training and not prepared.staged:
            self._staged.append(updates)
            prepared.staged = True
        return total

    def step(self) -> None:
        """Commit what the forwards since the last step staged; call it after the optimiser's."""
        staged, self._staged = self._staged, []
        if staged:
            for term, *updates in zip(self._terms(), *staged, strict=True):
                term.commit(updates)

    def discard(self) -> None:
        """Drop what is staged, for example when mixed precision skipped the optimiser step."""
        self._staged = []

    def end_epoch(self, score: float) -> None:
        """Drive schedules by a validation measure.

        Args:
            score: Higher is better; validation AUC by convention.

        Raises:
            RuntimeError: Training batches were forwarded and never committed.
            ValueError: The score is not finite.
        """
        if self._staged:
            raise RuntimeError(
                f"end_epoch() found {len(self._staged)} forwarded training batches that no step() "
                "committed, so multipliers and buffers would never move. Call objective.step() "
                "after optimizer.step(), or objective.discard() where the step was skipped."
            )
        if not math.isfinite(score):
            raise ValueError(f"end_epoch needs a finite validation score, got {score}.")
        self._checked = False
        for term in self._terms():
            term.end_epoch(float(score))

    # Reading ----------------------------------------------------------------------------------

    def score(self, logits: Tensor) -> Tensor:
        """Scores that rank samples, higher is more critical, shape ``(B,)``."""
        return self.loss.score(logits)

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of the critical class, shape ``(B,)``."""
        return self.loss.probability(logits)

    def monitor(self) -> dict[str, float]:
        """Numbers worth logging, by term: ``{"alm.penalty": 0.001, ...}``."""
        return {
            f"{type(term).__name__}.{key}": value
            for term in self._terms()
            for key, value in term.monitor().items()
        }

    def remarks(self) -> list[str]:
        """Sentences a user should read, such as that a term did nothing."""
        return [remark for term in self._terms() for remark in term.remarks()]

    # Internals --------------------------------------------------------------------------------

    def _terms(self) -> list[Term]:
        return list(self.terms)  # type: ignore[arg-type]  # a ModuleList of terms

    def _check(self, batch: Batch) -> None:
        if not len(self.train_targets):
            raise RuntimeError(
                "The objective is not bound to a training set. Call "
                "objective.bind(train_targets) before the first batch."
            )
        targets, index = batch.targets, batch.index
        if targets.ndim != 1 or not len(targets):
            raise ValueError(f"targets must have shape (B,), B >= 1; got {tuple(targets.shape)}.")
        if not self.training:
            return
        if index is None:
            for term in self._terms():
                if term.needs_index:
                    raise ValueError(
                        f"{type(term).__name__} {term.needs_index}, but the batch has no "
                        "`index`.\nWrap the training set, `Indexed(dataset)`, so that "
                        "it yields (inputs, targets, index)."
                    )
            return
        if index.shape != targets.shape or index.dtype.is_floating_point:
            raise ValueError(
                f"index must hold integers, one for each of the {len(targets)} targets; got "
                f"{index.dtype} of shape {tuple(index.shape)}."
            )
        # Looking at values costs a device synchronisation, so only once an epoch.
        if not self._checked:
            known = self.train_targets
            inside = bool(((index >= 0) & (index < len(known))).all())
            if not inside or not torch.equal(known[index], targets == 1):
                raise ValueError(
                    "The batch's index does not fit the targets given to bind(): it must be the "
                    f"position among these {len(known)} training targets. Wrap the training set "
                    "last, `Indexed(Subset(...))`, and bind its own targets."
                )
            self._checked = True


class TrainStep(nn.Module):
    """Model and objective as one module whose forward is the loss.

    The unit that is moved, compiled, checkpointed and wrapped for distributed training, so that
    the objective's own parameters are treated like the model's.

    >>> from rarecall.losses import BCELoss
    >>> objective = Objective(BCELoss()).bind(torch.tensor([0, 1]))
    >>> step = TrainStep(nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), objective)
    >>> step((torch.zeros(2, 2), torch.tensor([0, 1]))).shape
    torch.Size([])
    """

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch | Prepared | tuple[Any, ...]) -> Tensor:
        """Scalar loss of one batch."""
        loss: Tensor = self.objective(self.model, batch)
        return loss
