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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rarecall._batch_checks import check_agreement, check_index, check_logits, check_targets
from rarecall._leaves import leaves_of, with_leaves
from rarecall.distributed import Joined, ranks
from rarecall.parts import (
    BaseLoss,
    Batch,
    Part,
    Prepared,
    Scored,
    Term,
    Update,
    View,
)
from rarecall.task import Kind, Population, Task, checked, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from rarecall.conditioning import Conditioning

__all__ = [
    "BaseLoss",
    "Batch",
    "Objective",
    "Population",
    "Prepared",
    "Scored",
    "Task",
    "Term",
    "TrainStep",
    "Update",
    "View",
]


class Objective(nn.Module):
    r"""A base loss and any terms, behind a call that forwards the model.

    .. math:: L = \mathrm{mean}_i\, \ell_i + \sum_t \mathrm{term}_t

    Args:
        loss: The base loss.
        terms: Terms that add to it; at most one of them may replay rows.
        conditioning: Draws hyper-parameters of loss and terms anew for every batch
            (loss-conditional training); None for fixed ones.

    Raises:
        ValueError: Two terms replay rows, or the conditioning names what cannot be conditioned.

    >>> from rarecall.losses import BCELoss
    >>> objective = Objective(BCELoss()).bind(torch.tensor([0, 0, 1]))
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> loss = objective(model, (torch.zeros(3, 2), torch.tensor([0, 0, 1]), torch.arange(3)))
    >>> loss.backward()
    >>> objective.step()

    Where several processes train one network (torchrun, DDP, FSDP), each gives its own rows, and
    all compute the loss of the joint batch: pairs across processes count, and every process
    remembers the same. Gradients must be averaged over processes, as DDP and FSDP do it.

    Attributes:
        joint: Set it to False where processes train networks of their own.
    """

    joint: bool = True
    train_targets: Tensor
    steps: Tensor

    def __init__(
        self, loss: BaseLoss, *terms: Term, conditioning: Conditioning | None = None
    ) -> None:
        super().__init__()
        replaying = [type(term).__name__ for term in terms if term.replay_capacity]
        if len(replaying) > 1:
            raise ValueError(
                f"Only one term may replay rows, not {' and '.join(replaying)}: each would replay "
                "its own buffer. RankRegularizer holds a buffer already; leave the other out."
            )
        if conditioning is not None:
            conditioning.check((loss, *terms))
        self.loss = loss
        self.terms = nn.ModuleList(terms)
        self.conditioning = conditioning
        self.seed = 0
        self.register_buffer("train_targets", torch.zeros(0, dtype=torch.bool), persistent=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._staged: list[list[Update]] = []
        self._checked = False
        self._drawn = 0
        self._taken: int | None = None

    def parts(self) -> list[Part]:
        """List the base loss and the terms."""
        return [self.loss, *self._terms()]

    # Set-up -----------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """How many logits a sample the model must give: 1, shape ``(B,)``; more, ``(B, outputs)``.

        In multi-label work always ``(B, outputs)``.
        """
        return self.loss.outputs

    @property
    def task(self) -> Task:
        """The kind of problem."""
        return self.loss.task

    @property
    def replay_capacity(self) -> int:
        """How many rows, at most, a batch grows by."""
        return sum(term.replay_capacity for term in self._terms())

    def for_task(self, task: Task) -> Self:
        """Fix the kind of problem, and so the model's outputs; :meth:`bind` does it too.

        Raises:
            ValueError: Loss or a term is not made for it.
        """
        for part in self.parts():
            part.for_task(task)
        return self

    def bind(
        self,
        train_targets: Any,
        task: Task | Kind = "binary",
        *,
        critical: int | Sequence[int] | None = None,
        stream: Sequence[float] | Tensor | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Self:
        """Fix the task and learn what loss and terms need of the training set.

        Durable state starts afresh; load a ``state_dict`` after binding, not before.

        Args:
            train_targets: In binary work 1 for the critical class and 0 otherwise, shape ``(n,)``;
                in multi-class work class numbers, shape ``(n,)``; in multi-label work shape
                ``(n, L)`` in [0, 1], NaN where a label is missing.
            task: ``"binary"``, ``"multiclass"``, ``"multilabel"``, or a :class:`rarecall.Task`.
            critical: In multi-class work the class, or the classes, that must not be missed.
            stream: Shares of the classes in the batches, where a sampler changes them; a
                sampler of :mod:`rarecall.data` knows its own. Shape ``(C,)``, sums to 1.
            steps: Optimiser steps that are planned; some schedules need it.
            seed: Of everything that is drawn.

        Returns:
            The objective itself.

        Raises:
            ValueError: The targets do not fit the task, or hold one class only.
        """
        targets = torch.as_tensor(train_targets)
        task = resolve(task, targets, critical)
        known = checked(targets, task).to(self.train_targets.device)
        shares = None
        if stream is not None:
            shares = torch.as_tensor(stream, dtype=torch.float64).to(known.device)
            if shares.shape != (task.classes,) or not bool((shares > 0).all()):
                raise ValueError(
                    f"stream needs {task.classes} shares above 0, one a class; got {stream}."
                )
            shares = shares / shares.sum()
        self.for_task(task)
        self.train_targets = known
        self.seed = seed
        self.steps.zero_()
        self._taken = 0
        training = Population(known, task, shares, steps)
        for part in self.parts():
            part.bind(training)
        self._checked = False
        self.discard()
        return self

    def adapt(
        self, model: nn.Module, head: str | None = None, condition_at: str | None = None
    ) -> nn.Module:
        """Do what the method needs of a network, before the optimiser is made.

        Args:
            model: The network.
            head: Name of its last layer, where a method replaces it; None finds it.
            condition_at: Name of the layer whose output is modulated by λ; None takes what
                enters the head.

        Returns:
            The network to train; the same one unless the method changes it.
        """
        model = self.loss.adapt(model, head)
        if self.conditioning is not None:
            model = self.conditioning.adapt(model, head, condition_at)
        return model

    def param_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups of the objective's own parameters; empty when it has none.

        Maximised parameters come in a group of their own with ``dual=True``: no weight decay, no
        proximal term, no perturbation.
        """
        duals = [parameter for part in self.parts() for parameter in part.duals()]
        maximised = {id(parameter) for parameter in duals}
        others = [p for p in self.parameters() if id(p) not in maximised]
        groups: list[dict[str, Any]] = [{"params": others}] if others else []
        if duals:
            groups.append({"params": duals, "dual": True, "weight_decay": 0.0})
        return groups

    # One step ---------------------------------------------------------------------------------

    def forward(self, model: nn.Module, batch: Batch | Prepared | tuple[Any, ...]) -> Tensor:
        """Forward the model and return the scalar loss.

        Args:
            model: Gives logits, shape as ``outputs`` says; called with the batch's λ too, where
                it was adapted to take it.
            batch: ``(inputs, targets, index)``, or what :meth:`prepare` returned, where a closure
                forwards one batch several times.
        """
        prepared = batch if isinstance(batch, Prepared) else self.prepare(Batch(*batch))
        return self.evaluate(model(*prepared.arguments), prepared)

    def prepare(self, batch: Batch | tuple[Any, ...]) -> Prepared:
        """Check the batch, append the rows that terms replay, draw λ. Changes nothing durable."""
        inputs, targets, index = batch = Batch(*batch)
        self._check(batch)
        fresh = len(targets)
        # Terms see it where it was given: on the host it can be read without waiting.
        index = None if index is None else index.to(targets.device, non_blocking=True)
        if self.training:
            for term in self._terms():
                more = self._replayed(term, batch)
                if more is not None:
                    own, added = leaves_of(inputs), leaves_of(more.inputs)
                    rows = [torch.cat(pair) for pair in zip(own, added, strict=True)]
                    inputs = with_leaves(inputs, rows)
                    targets = torch.cat([targets, more.targets.to(targets)])
                    if index is not None and more.index is not None:
                        index = torch.cat([index, more.index.to(index, non_blocking=True)])
        prepared = Prepared(inputs, targets, index, fresh)
        if self.conditioning is not None:
            drawn = self.conditioning.center
            if self.training:
                drawn = self.conditioning.draw(self.seed, self._steps_taken(), self._drawn)
                self._drawn += 1
            prepared.condition = drawn.to(targets.device, non_blocking=True)
            prepared.conditioned = self.conditioning.film
        return prepared

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        """Scalar loss of forwarded rows; in training mode it stages what terms remember.

        Only the first evaluation of one prepared batch stages, so that a closure may forward it
        again (SAM, LBFGS).

        Args:
            logits: Shape ``(n,)`` for one output, ``(n, outputs)`` for more (and always in
                multi-label work); a row a prepared row.
            prepared: What :meth:`prepare` returned.

        Raises:
            ValueError: The logits have another shape.
        """
        check_logits(logits, len(prepared.targets), self.outputs, self.task, self.loss)
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        staged, joined = prepared, None
        together = ranks() if self.training and self.joint else None
        if together is not None:
            joined = Joined.of(prepared, together)
            logits, prepared = joined.rows(logits), _of_all(prepared, joined)
        counted = len(logits)
        if not any(term.replay_in_base_loss for term in self._terms()):
            counted = prepared.fresh
        targets, critical = self._read(prepared.targets)
        values = self._values(prepared, logits)
        total: Tensor = self.loss(logits[:counted], targets[:counted], **values.get("loss", {}))
        if self.loss.per_sample:
            total = total.mean()
        terms = self._terms()
        if not terms:
            self._stage([], staged)
            return total
        scored = Scored(
            self.loss.score(logits),
            critical,
            prepared.index,
            prepared.fresh,
            prepared.inputs,
            targets,
            logits,
            self.loss,
            joined,
        )
        updates: list[Update] = []
        for term in terms:
            value, update = term(scored, **values.get(type(term).__name__, {}))
            total = total + value
            updates.append(update)
        self._stage(updates, staged)
        return total

    def step(self) -> None:
        """Commit what the forwards since the last step staged; call it after the optimiser's."""
        staged, self._staged = self._staged, []
        self._drawn = 0
        if staged:
            for term, *updates in zip(self._terms(), *staged, strict=True):
                term.commit(updates)
            self.steps.add_(1)  # `+=` would register the buffer anew
            if self._taken is not None:
                self._taken += 1
            for part in self.parts():
                part.after_step()

    def discard(self) -> None:
        """Drop what is staged, for example when mixed precision skipped the optimiser step."""
        self._staged = []
        self._drawn = 0

    def end_epoch(self, score: float) -> None:
        """Drive schedules by a validation measure.

        Args:
            score: Higher is better; by convention validation AUC, in multi-class work accuracy.

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
        """Scores that rank samples, higher is more critical.

        Returns:
            Shape ``(B,)`` in binary work; else one column a critical class or label, ``(B, K)``.
        """
        return self.loss.score(logits)

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of each critical class, shaped like the score."""
        return self.loss.probability(logits)

    def monitor(self) -> dict[str, float]:
        """Numbers worth logging, by part: ``{"ALMConstraint.penalty": 0.001, ...}``."""
        return {
            f"{type(part).__name__}.{key}": value
            for part in self.parts()
            for key, value in part.monitor().items()
        }

    def remarks(self) -> list[str]:
        """Sentences a user should read, such as that a term did nothing."""
        return [remark for part in self.parts() for remark in part.remarks()]

    def extra_repr(self) -> str:
        """Show what is drawn; checkpoints know an objective by how it is shown."""
        return "" if self.conditioning is None else f"conditioning={self.conditioning}"

    # Internals --------------------------------------------------------------------------------

    def _terms(self) -> list[Term]:
        return list(self.terms)  # type: ignore[arg-type]  # a ModuleList of terms

    def _parts(self) -> list[Part]:
        return [self.loss, *self._terms()]

    def _replayed(self, term: Term, batch: Batch) -> Batch | None:
        """Give the rows that a term replays; of several processes each forwards a part of them."""
        together = ranks() if self.joint and term.replay_capacity else None
        if together is None or batch.index is None:
            return term.replay(batch)
        counts = together.sizes(len(batch.targets), device=batch.targets.device)
        own = batch.index.to(batch.targets.device, non_blocking=True)
        index = together.gather(own, [count for (count,) in counts])
        more = term.replay(batch._replace(index=index))
        return None if more is None else together.share(more)

    def _steps_taken(self) -> int:
        """Count the steps on the host too, where reading makes no device wait."""
        if torch.compiler.is_compiling():
            # A number that changes would have the step compiled anew each time.
            return int(self.steps)
        if self._taken is None:
            self._taken = int(self.steps)
        return self._taken

    def _load_from_state_dict(self, *arguments: Any, **more: Any) -> None:
        super()._load_from_state_dict(*arguments, **more)
        self._taken = None

    def _stage(self, updates: list[Update], prepared: Prepared) -> None:
        if self.training and not prepared.staged:
            self._staged.append(updates)
            prepared.staged = True

    def _values(self, prepared: Prepared, logits: Tensor) -> dict[str, dict[str, Tensor]]:
        if self.conditioning is None or prepared.condition is None:
            return {}
        # A choice between two numbers would take their dtype, and so would the loss.
        return self.conditioning.values(prepared.condition.to(logits.dtype))

    def _read(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Targets as the loss takes them, and which rows are of a critical class."""
        task = self.task
        if task.kind == "binary":
            critical = targets == 1
            return critical, critical
        if task.kind == "multilabel":
            return targets, (targets == 1).any(dim=1)
        critical = targets == task.critical[0]
        for number in task.critical[1:]:
            critical = critical | (targets == number)
        return targets, critical

    def _check(self, batch: Batch) -> None:
        check_targets(batch, self.train_targets, self.task)
        if not self.training:
            return
        check_index(batch, self._terms())
        # Looking at values costs a device synchronisation, so only once an epoch.
        if batch.index is not None and not self._checked:
            check_agreement(batch, self.train_targets, self.task)
            self._checked = True


def _of_all(prepared: Prepared, joined: Joined) -> Prepared:
    """Give the joint batch; of its inputs this process keeps its own rows."""
    index = None if prepared.index is None else joined.rows(prepared.index)
    return replace(prepared, targets=joined.rows(prepared.targets), index=index, fresh=joined.fresh)


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
