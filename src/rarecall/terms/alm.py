"""Augmented Lagrangian constraint: every critical score above every other one, by a margin."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import hinge_violations
from rarecall.objective import Scored, Term, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self


class ALMConstraint(Term):
    r"""Constraint that critical samples outrank all others, by the augmented Lagrangian method.

    .. math::
        q_j = \sum_{k \in N} \max(0, \delta - (s_j - s_k)), \qquad
        \frac{\mu}{2 |P| |N|} \sum_j q_j^2 + \frac{1}{|P| |N|} \sum_j \lambda_j q_j

    After each step :math:`\lambda_j \leftarrow \lambda_j + \mu q_j` for the batch's critical
    samples, with the q of the same forward; after an epoch whose validation measure fell,
    :math:`\mu \leftarrow \rho \mu`. The multipliers are keyed by the sample's index, so the batch
    must carry it. Only a batch's own rows enter, never replayed ones.

    Args:
        margin: :math:`\delta \ge 0`, in the units of ``scores``.
        penalty: :math:`\mu^{(0)} > 0`.
        growth: :math:`\rho \ge 1`.
        scores: ``"probability"``, as in the paper (δ in [0, 1]), or ``"logit"``, as in the
            authors' code (unbounded, no fading gradient when the model saturates).
        normalize: |P| and |N| of the ``"batch"`` or of the ``"dataset"``.
        reduction: q as a ``"sum"`` over the others (the paper), or their ``"mean"``: then the
            penalty carries over between batch sizes and the term is divided by |P| alone.
        tolerance: How far the measure must fall below the previous epoch's for μ to grow.
        max_penalty: Cap of μ; :math:`\mu^{(0)} \rho^5` where it is None.
        max_multiplier: Cap of every λ; none where it is None. q is never negative, so λ never
            falls and grows without end on data that cannot be separated.

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, eq. 4 and 5, algorithm 1.

    >>> from rarecall import BCELoss, Objective
    >>> term = ALMConstraint(margin=0.5, penalty=1.0)
    >>> objective = Objective(BCELoss(), term).bind(torch.tensor([1, 0]))
    >>> batch = (torch.zeros(2), torch.tensor([1, 0]), torch.tensor([0, 1]))
    >>> loss = objective(torch.nn.Identity(), batch)
    >>> objective.step()
    >>> term.multipliers
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """

    needs_index = "keeps one multiplier per training sample"
    multipliers: Tensor
    current_penalty: Tensor
    previous_score: Tensor
    batches: Tensor

    def __init__(
        self,
        margin: float = 0.25,
        penalty: float = 1e-3,
        growth: float = 2.0,
        *,
        scores: Literal["probability", "logit"] = "probability",
        normalize: Literal["batch", "dataset"] = "batch",
        reduction: Literal["sum", "mean"] = "sum",
        tolerance: float = 0.0,
        max_penalty: float | None = None,
        max_multiplier: float | None = None,
    ) -> None:
        super().__init__()
        in_range(self, 0.0, margin=margin, penalty=penalty, tolerance=tolerance)
        in_range(self, 1.0, growth=growth)
        for name, value, allowed in (
            ("scores", scores, ("probability", "logit")),
            ("normalize", normalize, ("batch", "dataset")),
            ("reduction", reduction, ("sum", "mean")),
        ):
            if value not in allowed:
                raise ValueError(f"ALMConstraint: {name} must be one of {allowed}, not {value!r}.")
        if scores == "probability" and margin >= 1:
            warnings.warn(
                f"margin={margin} cannot be met by probabilities, which differ by less than 1: "
                "every pair stays violated. Use a margin below 1, or scores='logit'.",
                stacklevel=2,
            )
        self.margin = margin
        self.penalty = penalty
        self.growth = growth
        self.scores = scores
        self.normalize = normalize
        self.reduction = reduction
        self.tolerance = tolerance
        self.max_penalty = penalty * growth**5 if max_penalty is None else max_penalty
        self.max_multiplier = math.inf if max_multiplier is None else max_multiplier
        self._pairs: tuple[int, int] | None = None
        double = torch.float64
        self.register_buffer("multipliers", torch.zeros(0, dtype=double))
        self.register_buffer("current_penalty", torch.tensor(penalty, dtype=double))
        self.register_buffer("previous_score", torch.tensor(-math.inf, dtype=double))
        self.register_buffer("batches", torch.zeros(2, dtype=torch.int64))

    def bind(self, train_targets: Tensor) -> None:
        """Start with every multiplier at zero, one for each training sample."""
        n_critical = int(train_targets.sum())
        self._pairs = (n_critical, train_targets.numel() - n_critical)
        self.multipliers = self.multipliers.new_zeros(train_targets.numel())
        self.current_penalty.fill_(self.penalty)
        self.previous_score.fill_(-math.inf)
        self.batches.zero_()

    def forward(self, scored: Scored) -> tuple[Tensor, Update]:
        """Give the term's value, and the violations to add to the multipliers."""
        own = slice(scored.fresh)
        critical = scored.critical[own]
        values = scored.probabilities() if self.scores == "probability" else scored.scores
        values = values[own]
        violations = hinge_violations(values[critical], values[~critical], margin=self.margin)
        precise = violations.to(self.multipliers.dtype)
        n_critical, n_others = len(violations), len(values) - len(violations)
        if self.reduction == "mean":
            precise = precise / max(n_others, 1)
        assert scored.index is not None  # the objective has checked
        index = scored.index[own][critical]
        multipliers = self.multipliers[index]
        if self.normalize == "dataset" and self._pairs is not None:
            n_critical, n_others = self._pairs
        divisor = max(n_critical, 1) * (1 if self.reduction == "mean" else max(n_others, 1))
        value = (0.5 * self.current_penalty * precise.square() + multipliers * precise).sum()
        return (value / divisor).to(values.dtype), {"index": index, "violations": precise.detach()}

    def commit(self, updates: Sequence[Update]) -> None:
        """Raise the multipliers by μ q; an index that came twice in a batch counts once."""
        for update in updates:
            index, violations = update["index"], update["violations"]
            copies = (index[:, None] == index[None, :]).sum(dim=1).clamp(min=1)
            self.multipliers.index_add_(0, index, self.current_penalty * violations / copies)
            self.batches += torch.tensor([1, len(index) > 0], device=self.batches.device)
        if self.max_multiplier < math.inf:
            self.multipliers.clamp_(max=self.max_multiplier)

    def end_epoch(self, score: float) -> None:
        """Let μ grow, up to its cap, if the validation measure fell since the last epoch."""
        if score < float(self.previous_score) - self.tolerance:
            self.current_penalty.copy_(
                (self.current_penalty * self.growth).clamp(max=self.max_penalty)
            )
        self.previous_score.fill_(score)

    def monitor(self) -> dict[str, float]:
        """Penalty μ and the largest multiplier λ."""
        largest = float(self.multipliers.max()) if len(self.multipliers) else 0.0
        return {"penalty": float(self.current_penalty), "largest_multiplier": largest}

    def remarks(self) -> list[str]:
        """Say so where the constraint never acted."""
        seen, with_critical = (int(count) for count in self.batches)
        if seen and not with_critical:
            return ["The ALM constraint did nothing: no training batch held a critical sample."]
        if seen and float(self.multipliers.max()) == 0:
            return ["The ALM constraint did nothing: no pair ever violated the margin."]
        if seen and with_critical < seen / 2:
            return [
                f"The ALM constraint acted in {with_critical} of {seen} batches; the others held "
                "no critical sample. Larger batches or `+balanced` give it more to act on."
            ]
        return []

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

    _precise = ("multipliers", "current_penalty", "previous_score")

    def extra_repr(self) -> str:
        """Show the parameters."""
        shown: dict[str, Any] = {
            "margin": self.margin,
            "penalty": self.penalty,
            "growth": self.growth,
            "scores": self.scores,
        }
        return ", ".join(f"{key}={value!r}" for key, value in shown.items())
