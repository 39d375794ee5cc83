"""Augmented Lagrangian constraint: every critical score above every other one, by a margin."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import shapes
from rarecall.objective import Scored, Term, Update
from rarecall.terms._alm_remarks import alm_remarks
from rarecall.terms._constraints import Kind, Layout
from rarecall.terms._held import count_pairs, held, held_by_all
from rarecall.terms.negative_memory import NegativeMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from rarecall.task import Population, Task

RECENT = 0.02
"""Weight of the newest value in the running mean of the term's values."""


class ALMConstraint(Term):
    r"""Constraint that critical samples outrank all others, by the augmented Lagrangian method.

    .. math::
        q_j = \sum_{k \in N} \max(0, \delta - (s_j - s_k)), \qquad
        \frac{\mu}{2 |P| |N|} \sum_j q_j^2 + \frac{1}{|P| |N|} \sum_j \lambda_j q_j

    After each step :math:`\lambda_j \leftarrow \lambda_j + \mu q_j` for the batch's critical
    samples, with the q of the same forward; after an epoch whose validation measure fell,
    :math:`\mu \leftarrow \rho \mu`. A multiplier belongs to a training sample, found by its index,
    so the batch must carry it. Only a batch's own rows enter, never replayed ones.

    In multi-class work every critical class c has its own sum: P holds its samples, N those of no
    critical class, s is the probability of c; in multi-label work every label has, and samples
    whose label is missing or uncertain are in neither set.

    Args:
        margin: :math:`\delta \ge 0`, in the units of ``scores``.
        penalty: :math:`\mu^{(0)} \ge 0`.
        growth: :math:`\rho \ge 1`.
        scores: ``"probability"``, as in the paper (δ in [0, 1]), or ``"logit"``, as in the
            authors' code (unbounded, no fading gradient when the model saturates).
        form: In multi-class work, ``"first"`` (eq. 6) or ``"second"`` (eq. 7), which adds to each
            pair :math:`\max(0, \delta + f^{c(k)}(x_j) - f^{c(k)}(x_k))`: the class of the other
            sample must be less probable on the critical sample than on its own.
        constraints: One for each ``"positive"`` sample (the paper), each ``"negative"`` one, or
            each ``"pair"``. The latter two are for study: they do not favour the low end of the
            positives. ``"pair"`` keeps a multiplier for each of at most 2e7 pairs.
        normalize: |P| and |N| of the ``"batch"`` or of the ``"dataset"``.
        reduction: q as a ``"sum"`` (the paper), or as a ``"mean"`` over the samples that it sums:
            then the penalty carries over between batch sizes and the term is divided by the
            number of constraints alone.
        tolerance: How far the measure must fall below the previous epoch's for μ to grow.
        first_increase: Whether μ grows, whatever the measure, where two epochs can first be
            compared, as in the authors' code.
        max_penalty: Cap of μ; :math:`\mu^{(0)} \rho^5` where it is None.
        max_multiplier: Cap of every λ; none where it is None. q is never negative, so λ never
            falls and grows without end on data that cannot be separated.
        negatives: What the sums run over: the ``"batch"``'s negatives (the paper), or those and a
            ``"memory"`` of the latest scores of earlier ones, which enter as constants. |N| then
            counts both, so that with ``reduction="sum"`` q grows with the memory.
        memory_size: How many scores the memory holds, >= 1, for every critical class or label; at
            most the negatives of the training set.
        staleness: For how many steps after its own a remembered score counts, >= 1; None: until
            a newer one takes its place.

    Attributes:
        multipliers: One a constraint, float64: class by class, and of a class in the order of the
            training samples that have one (of pairs row by row).

    Loss-conditional training can draw ``margin``, which takes the place of δ in its batch, and
    ``penalty``, which takes the place of μ in its batch's loss *and* in the step of the multipliers
    that this batch stages; the schedule's μ then has no effect. The multipliers are one set, which
    every drawn value raises.

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, eq. 4 to 7, algorithm 1.

    >>> from rarecall import BCELoss, Objective
    >>> term = ALMConstraint(margin=0.5, penalty=1.0)
    >>> objective = Objective(BCELoss(), term).bind(torch.tensor([1, 0]))
    >>> batch = (torch.zeros(2), torch.tensor([1, 0]), torch.tensor([0, 1]))
    >>> loss = objective(torch.nn.Identity(), batch)
    >>> objective.step()
    >>> term.multipliers
    tensor([0.5000], dtype=torch.float64)
    """

    tasks = ("binary", "multiclass", "multilabel")
    conditionable = ("margin", "penalty")
    needs_index = "keeps one multiplier per training sample"
    multipliers: Tensor
    current_penalty: Tensor
    previous_scores: Tensor
    recent_value: Tensor
    batches: Tensor
    pairs: Tensor
    rows: Tensor

    def __init__(
        self,
        margin: float = 0.25,
        penalty: float = 1e-3,
        growth: float = 2.0,
        *,
        scores: Literal["probability", "logit"] = "probability",
        form: Literal["first", "second"] = "first",
        constraints: Kind = "positive",
        normalize: Literal["batch", "dataset"] = "batch",
        reduction: Literal["sum", "mean"] = "sum",
        tolerance: float = 0.0,
        first_increase: bool = False,
        max_penalty: float | None = None,
        max_multiplier: float | None = None,
        negatives: Literal["batch", "memory"] = "batch",
        memory_size: int = 4096,
        staleness: int | None = None,
    ) -> None:
        super().__init__()
        in_range(self, 0.0, margin=margin, penalty=penalty, tolerance=tolerance)
        in_range(self, 1.0, growth=growth)
        for name, value, allowed in (
            ("scores", scores, ("probability", "logit")),
            ("form", form, ("first", "second")),
            ("constraints", constraints, ("positive", "negative", "pair")),
            ("normalize", normalize, ("batch", "dataset")),
            ("reduction", reduction, ("sum", "mean")),
            ("negatives", negatives, ("batch", "memory")),
        ):
            if value not in allowed:
                raise ValueError(f"ALMConstraint: {name} must be one of {allowed}, not {value!r}.")
        if negatives == "memory" and (constraints != "positive" or form != "first"):
            raise ValueError(
                "ALMConstraint: negatives='memory' extends the sum of each positive's constraint "
                "by scores alone, so it needs constraints='positive' and form='first', not "
                f"constraints={constraints!r} and form={form!r}."
            )
        if scores == "probability" and margin > 1:
            warnings.warn(
                f"margin={margin} cannot be met by probabilities, which differ by less than 1: "
                "every pair stays violated. Use a margin below 1, or scores='logit'.",
                stacklevel=2,
            )
        self.margin = margin
        self.penalty = penalty
        self.growth = growth
        self.scores = scores
        self.form = form
        self.constraints: Kind = constraints
        self.normalize = normalize
        self.reduction = reduction
        self.tolerance = tolerance
        self.first_increase = first_increase
        self.max_penalty = penalty * growth**5 if max_penalty is None else max_penalty
        self.max_multiplier = math.inf if max_multiplier is None else max_multiplier
        self.negatives = negatives
        self.memory = NegativeMemory(memory_size, staleness) if negatives == "memory" else None
        self._layout: Layout | None = None
        double = torch.float64
        self.register_buffer("multipliers", torch.zeros(0, dtype=double))
        self.register_buffer("current_penalty", torch.tensor(penalty, dtype=double))
        # The last epoch's and the one before it: the first comparison is known by their absence.
        self.register_buffer("previous_scores", torch.full((2,), -math.inf, dtype=double))
        self.register_buffer("recent_value", torch.zeros((), dtype=double))
        self.register_buffer("batches", torch.zeros(2, dtype=torch.int64))
        self.register_buffer("pairs", torch.zeros(2, dtype=torch.int64))
        self.register_buffer("rows", torch.zeros(0, dtype=torch.int64), persistent=False)
        self._latest: list[Any] = []

    def for_task(self, task: Task) -> None:
        """Fix the kind of problem.

        Raises:
            ValueError: The second form is asked for where there are no several other classes.
        """
        super().for_task(task)
        if self.form == "second" and task.kind != "multiclass":
            raise ValueError(
                "ALMConstraint: form='second' compares the probabilities of the non-critical "
                f"classes, which a {task.kind} task does not have. Use form='first'."
            )

    def bind(self, training: Population) -> None:
        """Start with every multiplier at zero."""
        self._layout = Layout(self.constraints, training)
        self.rows = self._layout.rows
        self._latest = []
        self.multipliers = self.multipliers.new_zeros(self._layout.size)
        self.current_penalty.fill_(self.penalty)
        self.previous_scores.fill_(-math.inf)
        for buffer in (self.recent_value, self.batches, self.pairs):
            buffer.zero_()
        if self.memory is not None:
            self.memory.start([others for _, others in self._layout.pairs])

    def forward(
        self, scored: Scored, margin: Tensor | None = None, penalty: Tensor | None = None
    ) -> tuple[Tensor, Update]:
        """Give the term's value, and by how much each multiplier is to rise.

        Args:
            scored: The forwarded batch.
            margin: Takes the place of δ in this batch.
            penalty: Takes the place of μ, in the value and in the multipliers' rise.
        """
        assert scored.index is not None  # the objective has checked
        assert self._layout is not None  # and bound
        delta: float | Tensor = self.margin if margin is None else margin
        mu = self.current_penalty if penalty is None else penalty
        index = _first(scored.index, scored.fresh)
        as_probability = self.scores == "probability"
        values = scored.probabilities() if as_probability else scored.scores
        class_values = self._class_values(scored)
        classes = None if class_values is None else _first(scored.targets, scored.fresh)
        found_by = held_by_all if shapes.fixed_shapes(values) else held
        parts, keys, rises, acted, sides = [], [], [], [], []
        views = scored.views(values)
        for view in views:
            rows = (_first(x, scored.fresh) for x in (view.scores, view.positive, view.negative))
            past = None if self.memory is None else self.memory.recall(view.column)
            found = found_by(
                self.constraints,
                *rows,
                margin=delta,
                values=class_values,
                classes=classes,
                past=past,
            )
            q = found.q.to(self.multipliers.dtype)
            averaged, divisor = self._sizes(view.column, found.critical, found.others)
            if averaged is not None:
                q = q / averaged
            holders = [index if at is None else index.index_select(0, at) for at in found.holders]
            key, often = self._layout.keys(self.rows, view.column, holders)
            # μ q² / 2 + λ q, in as few passes over q as can be.
            multipliers = self.multipliers.index_select(0, key)
            value = torch.dot(torch.addcmul(multipliers, q, 0.5 * mu), q)
            parts.append(value / divisor)
            keys.append(key)
            # An index that came twice in a batch counts once.
            rises.append(mu * q.detach() / often)
            acted.append(found.critical)
            sides.append((*found.sides, delta))
        total = sum(parts[1:], parts[0])
        update: Update = {
            "keys": _joined(keys),
            "rises": _joined(rises),
            "value": total.detach(),
            "acted": _any(acted),
        }
        if as_probability:
            update["sides"] = sides
        if self.memory is not None:
            own = slice(scored.fresh)
            negatives = torch.stack([view.negative[own] for view in views])
            update["memory"] = self.memory.staged([view.scores[own] for view in views], negatives)
        return total.to(values.dtype), update

    def _class_values(self, scored: Scored) -> Tensor | None:
        """Give the values of every class on the batch's own rows, where the form needs them."""
        if self.form == "first":
            return None
        loss = scored.loss
        read = loss.class_probabilities if self.scores == "probability" else loss.class_scores
        return read(scored.logits)[: scored.fresh]

    def _sizes(
        self, column: int, n_critical: int | Tensor, n_others: int | Tensor
    ) -> tuple[int | Tensor | None, int | Tensor]:
        """Give what q is divided by, if anything, and what the sum over constraints is."""
        summed = {"positive": n_others, "negative": n_critical, "pair": 1}[self.constraints]
        if self.normalize == "dataset" and self._layout is not None:
            n_critical, n_others = self._layout.pairs[column]
        if self.reduction == "sum" or self.constraints == "pair":
            return None, _at_least_one(n_critical) * _at_least_one(n_others)
        held = n_critical if self.constraints == "positive" else n_others
        return _at_least_one(summed), _at_least_one(held)

    def commit(self, updates: Sequence[Update]) -> None:
        """Raise the multipliers by μ q, and remember scores of negatives if asked to."""
        for update in updates:
            keys, rises = update["keys"], update["rises"]
            self.multipliers.index_add_(0, keys, rises)
            if self.max_multiplier < math.inf:
                capped = self.multipliers[keys].clamp(max=self.max_multiplier)
                self.multipliers.index_copy_(0, keys, capped)
            # In place: `+=` on a module's buffer would register it anew.
            self.batches[0].add_(1)
            self.batches[1].add_(update["acted"])
            self.recent_value.lerp_(update["value"], RECENT)
            self._latest = update.get("sides", [])
        if self.memory is not None:
            self.memory.commit([update["memory"] for update in updates])

    def end_epoch(self, score: float) -> None:
        """Let μ grow, up to its cap, if the validation measure fell since the last epoch."""
        self.pairs.copy_(self.counted_pairs())
        self._latest = []
        last, before = self.previous_scores.tolist()
        first_comparison = last > -math.inf and before == -math.inf
        if score < last - self.tolerance or (self.first_increase and first_comparison):
            self.current_penalty.copy_(
                (self.current_penalty * self.growth).clamp(max=self.max_penalty)
            )
        self.previous_scores.copy_(self.previous_scores.new_tensor([score, last]))

    def monitor(self) -> dict[str, float]:
        """Penalty μ, largest multiplier λ, recent value of the term, and share of moving pairs.

        The share, on probabilities only, is that of the violated pairs of which at least one
        probability had a slope p (1 - p) above 1e-4, counted in the latest batch of every epoch.
        """
        shown = {
            "penalty": float(self.current_penalty),
            "largest_multiplier": float(self.multipliers.max()) if len(self.multipliers) else 0.0,
            "recent_value": float(self.recent_value),
        }
        if self.scores == "probability":
            violated, stuck = self.counted_pairs().tolist()
            shown["share_moving"] = 1 - stuck / violated if violated else 1.0
        if self.memory is not None:
            shown["remembered"] = float(self.memory.held())
        return shown

    def counted_pairs(self) -> Tensor:
        """Count violated pairs, and those that no gradient moves, int64 ``(2,)``."""
        # The latest batch stays on its device, though the module may have moved on.
        latest = [count_pairs(*sides).to(self.pairs.device) for sides in self._latest]
        return sum(latest, self.pairs.clone())

    def remarks(self) -> list[str]:
        """Say so where the constraint never acted, faded, or took over."""
        return alm_remarks(self)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Multipliers are sums of many small steps: they follow the device but no dtype cast.
        order = list(self._buffers)
        kept = {name: self._buffers.pop(name) for name in self._precise}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in kept.items():
            assert buffer is not None
            device = fn(torch.empty(0, dtype=torch.float32, device=buffer.device)).device
            dtype = torch.float32 if device.type == "mps" else torch.float64
            self._buffers[name] = buffer.to(device=device, dtype=dtype)
        self._buffers.update({name: self._buffers.pop(name) for name in order})
        return self

    _precise = ("multipliers", "current_penalty", "previous_scores", "recent_value")

    def extra_repr(self) -> str:
        """Show the parameters."""
        names = ("margin", "penalty", "growth", "scores", "form", "constraints")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)


def _first(values: Tensor, count: int) -> Tensor:
    return values if len(values) == count else values[:count]


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _any(counts: Sequence[int | Tensor]) -> int | Tensor:
    """Tell by 1 or 0 whether a count is above 0."""
    total = sum(counts[1:], counts[0])
    return (total > 0).long() if isinstance(total, Tensor) else int(total > 0)


def _at_least_one(count: int | Tensor) -> int | Tensor:
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)
