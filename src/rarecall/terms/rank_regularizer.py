"""Rank regularizer: a growing penalty on critical samples, the lower they rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from rarecall._checks import in_range
from rarecall.functional import rank_penalty
from rarecall.functional.ranks import RankPenalty
from rarecall.objective import Scored, Update
from rarecall.terms.positive_buffer import Evict, PositiveBuffer
from rarecall.terms.replay import BufferedTerm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.task import Population


class RankRegularizer(BufferedTerm):
    r"""Penalty on the ranks of critical samples, over the batch and a buffer of positives.

    .. math:: w \, \frac{1}{|P|} \sum_{i \in P} \varphi(r_i / n), \qquad
        n = \text{batch} + \text{replayed rows}

    The ranking is differentiated as a black box (see :func:`rarecall.functional.rank_penalty`).
    In multi-class work all rows are ranked by each critical class's score in turn, and the term
    is the mean over these classes.

    Args:
        weight: :math:`w \ge 0`; the paper sets it to 1.
        capacity: Positives replayed with every batch, >= 0.
        strength: :math:`\gamma > 0` of the interpolation, in the units of ``scores``; not given in
            the paper. Too small and no positive overtakes anybody, so the gradient is zero; too
            large and a positive overtaken by another one is pushed down. None takes 100 for
            logits and 10 for probabilities, where most positives receive a gradient.
        scores: Rank on ``"probability"`` (the paper) or ``"logit"``. On logits the hardest
            positives receive the most gradient, which on small tables was seen to raise the FPR
            at moderate TPR; where probabilities saturate they receive less than the others.
        penalty: :math:`\varphi`: ``"linear"``, ``"squared"`` (the paper's choice), ``"cubed"`` or
            ``"exponential"``.
        replay_in_base_loss: Whether the base loss counts the replayed rows, which rebalances the
            classes (the paper: yes on CIFAR, no on Melanoma).
        evict: Whom a new positive replaces, see :class:`PositiveBuffer`.
        max_age: After how many steps a positive leaves in any case; None for never.

    Reference:
        Mohammadi et al., *Ranking Regularization for Critical Rare Classes: Minimizing False
        Positives at a High True Positive Rate*, CVPR 2023, section 3.

    >>> from rarecall import BCELoss, Objective
    >>> term = RankRegularizer(weight=1.0, capacity=4)
    >>> objective = Objective(BCELoss(), term).bind(torch.tensor([1, 0]))
    >>> batch = (torch.tensor([0.0, 1.0]), torch.tensor([1, 0]), torch.tensor([0, 1]))
    >>> scored = objective(torch.nn.Identity(), batch)
    >>> objective.step()
    >>> objective.monitor()["RankRegularizer.buffered"]
    1.0
    """

    pulled: Tensor

    def __init__(
        self,
        weight: float = 1.0,
        capacity: int = 32,
        *,
        strength: float | None = None,
        scores: Literal["probability", "logit"] = "probability",
        penalty: RankPenalty = "squared",
        replay_in_base_loss: bool = False,
        evict: Evict = "most_confident",
        max_age: int | None = None,
    ) -> None:
        super().__init__(capacity, evict, max_age)
        if scores not in ("logit", "probability"):
            raise ValueError(f"scores must be 'logit' or 'probability', not {scores!r}.")
        if penalty not in ("linear", "squared", "cubed", "exponential"):
            raise ValueError(
                f"penalty must be 'linear', 'squared', 'cubed' or 'exponential', not {penalty!r}."
            )
        if strength is None:
            strength = 100.0 if scores == "logit" else 10.0
        in_range(self, 0.0, weight=weight)
        if not strength > 0:
            raise ValueError(f"RankRegularizer needs strength > 0, not {strength}.")
        self.weight = weight
        self.strength = strength
        self.scores = scores
        self.penalty: RankPenalty = penalty
        self.replay_in_base_loss = replay_in_base_loss
        self.register_buffer("pulled", torch.zeros(2, dtype=torch.int64))

    def bind(self, training: Population) -> None:
        """Start with an empty buffer."""
        super().bind(training)
        self.pulled.zero_()

    def forward(self, scored: Scored) -> tuple[Tensor, Update]:
        """Give the penalty of the ranks, and the positives to remember."""
        raw: Tensor | None = None
        values = scored.scores
        if self.scores == "probability":
            # A float32 sigmoid is exactly 1 from logit 16.6 on, where every rank would be a tie.
            raw, values = values, scored.probabilities(_finest(values))
        parts, pulled = [], []
        for view in scored.views(values):
            value, gradient = rank_penalty(
                view.scores,
                view.positive,
                strength=self.strength,
                penalty=self.penalty,
                raw=raw if raw is None or raw.ndim == 1 else raw[:, view.column],
            )
            parts.append(value)
            moved = (gradient != 0) & view.positive
            pulled.append(torch.stack([view.positive, moved]).sum(dim=-1))
        update = PositiveBuffer.staged(scored)
        update["pulled"] = sum(pulled[1:], pulled[0])
        total = sum(parts[1:], parts[0]).to(scored.scores.dtype)
        return total * (self.weight / len(parts)), update

    def commit(self, updates: Sequence[Update]) -> None:
        """Update the buffer and the count of positives that received a gradient."""
        rows = [{k: v for k, v in update.items() if k != "pulled"} for update in updates]
        super().commit(rows)
        for update in updates:
            self.pulled.add_(update["pulled"])  # `+=` would register the buffer anew

    def monitor(self) -> dict[str, float]:
        """Buffer size, and the share of positives that received any gradient so far."""
        seen, alive = (int(count) for count in self.pulled)
        return {**super().monitor(), "share_pulled": alive / seen if seen else 0.0}

    def remarks(self) -> list[str]:
        """Say so where most positives received no gradient."""
        seen, alive = (int(count) for count in self.pulled)
        if not seen:
            return ["The rank regularizer did nothing: no training batch held a positive."]
        if alive < seen / 2:
            return [
                f"The rank regularizer gave a gradient to {alive / seen:.0%} of the positives; "
                f"most were already on top, or strength={self.strength:g} is too small."
            ]
        return []

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"weight={self.weight}, strength={self.strength}, scores={self.scores!r}, "
            f"penalty={self.penalty!r}, replay_in_base_loss={self.replay_in_base_loss}"
        )


def _finest(values: Tensor) -> torch.dtype:
    return torch.float32 if values.device.type == "mps" else torch.float64
