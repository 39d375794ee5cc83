"""The violations of a batch's constraints, from the rows that its labels pick or from all rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from rarecall.functional.pairwise import (
    class_violation_sums,
    class_violations,
    count_violated,
    pair_violations,
)
from rarecall.functional.sorted_pairs import hinge_sums

if TYPE_CHECKING:
    from rarecall.terms._constraints import Kind
    from rarecall.terms.negative_memory import Recalled

MOVING = 1e-4
"""Slope of a probability, p (1 - p), above which a sample still counts as moving."""


class ClassValues(NamedTuple):
    """What the second multi-class form compares.

    Attributes:
        critical: Values of every class on critical samples, ``(P, C)``.
        others: Values of every class on the other samples, ``(N, C)``.
        classes: Class of every other sample, ``(N,)``.
    """

    critical: Tensor
    others: Tensor
    classes: Tensor


class Held(NamedTuple):
    """The constraints of a batch on one critical class or label.

    Attributes:
        q: Violation of every constraint, >= 0.
        critical: Number of critical samples, an ``int`` or a tensor ``()``.
        others: Number of other samples that their sums run over.
        holders: Rows that have a constraint, for pairs of both sides; None stands for all rows.
        sides: The batch's own critical and other scores, detached; where all rows stand on both
            sides, those that do not count are out of the other side's reach.
    """

    q: Tensor
    critical: int | Tensor
    others: int | Tensor
    holders: tuple[Tensor | None, ...]
    sides: tuple[Tensor, Tensor]


def violations(
    kind: Kind,
    critical: Tensor,
    others: Tensor,
    *,
    margin: float | Tensor,
    classes: ClassValues | None = None,
    counts: Tensor | None = None,
) -> Tensor:
    """Violation q of every constraint: ``(P,)``, ``(N,)`` or, row by row, ``(P N,)``.

    Sums come from sorted scores at large sizes; one constraint a pair has P N values by nature.

    Args:
        kind: One constraint for every positive, negative or pair.
        critical: Scores of critical samples, ``(P,)``.
        others: Scores of the other samples, ``(N,)``.
        margin: δ.
        classes: What the second multi-class form compares.
        counts: How often each sample that is summed over counts: one of the others, or for
            ``"negative"`` of the critical ones; None for once.
    """
    if kind == "pair":
        pairs = pair_violations(critical, others, margin=margin)
        if classes is not None:
            pairs = pairs + class_violations(*classes, margin=margin)
        return pairs.flatten()
    if kind == "positive":
        sums = hinge_sums(critical, others, margin=margin, counts=counts)
    else:
        sums = hinge_sums(-others, -critical, margin=margin, counts=counts)
    if classes is None:
        return sums
    side: Literal["critical", "others"] = "critical" if kind == "positive" else "others"
    return sums + class_violation_sums(*classes, margin=margin, side=side, counts=counts)


def held(
    kind: Kind,
    scores: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | Tensor,
    values: Tensor | None = None,
    classes: Tensor | None = None,
    past: Recalled | None = None,
) -> Held:
    """Give the constraints of the rows that have one, picked by the labels.

    Args:
        kind: One constraint for every positive, negative or pair.
        scores: Of the batch's rows, ``(B,)``.
        positive: True for critical rows.
        negative: True for rows that they must outrank.
        margin: δ.
        values: Of every class, ``(B, C)``, for the second multi-class form.
        classes: Of every row, ``(B,)``, likewise.
        past: Earlier scores of negatives, which join those of the batch; ``"positive"`` only.
    """
    mine, theirs = (torch.nonzero(rows).squeeze(1) for rows in (positive, negative))
    critical, others = scores.index_select(0, mine), scores.index_select(0, theirs)
    n_others: int | Tensor = len(others)
    joined, counts, compared = others, None, None
    if past is not None:
        joined = torch.cat([others, past.scores.to(others.dtype)])
        counts = torch.cat([torch.ones_like(others), past.counts.to(others.dtype)])
        n_others = n_others + past.counts.sum()
    if values is not None and classes is not None:
        compared = ClassValues(values[mine], values[theirs], classes[theirs])
    q = violations(kind, critical, joined, margin=margin, classes=compared, counts=counts)
    holders = {"positive": (mine,), "negative": (theirs,), "pair": (mine, theirs)}[kind]
    return Held(q, len(critical), n_others, holders, (critical.detach(), others.detach()))


def held_by_all(
    kind: Kind,
    scores: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | Tensor,
    values: Tensor | None = None,
    classes: Tensor | None = None,
    past: Recalled | None = None,
) -> Held:
    """Give what :func:`held` does in shapes that no label decides: a row without one has q = 0.

    Picking rows by their labels waits for an accelerator and cannot be compiled in one graph;
    sorting twice as many numbers does not and can.
    """
    compared = None
    if values is not None and classes is not None:
        compared = ClassValues(values, values, classes)
    n_others = negative.sum()
    holders: tuple[None, ...] = (None,)
    if kind == "pair":
        pairs = violations(kind, scores, scores, margin=margin, classes=compared)
        q = torch.where((positive[:, None] & negative).flatten(), pairs, 0.0)
        holders = (None, None)
    else:
        holds, met = (positive, negative) if kind == "positive" else (negative, positive)
        joined, counts = scores, met.to(scores.dtype)
        if past is not None:
            joined = torch.cat([scores, past.scores.to(scores.dtype)])
            counts = torch.cat([counts, past.counts.to(scores.dtype)])
            n_others = n_others + past.counts.sum()
        # Of "negative" constraints the holders are the others, so the two sides change places.
        ends = (scores, joined) if kind == "positive" else (joined, scores)
        sums = violations(kind, *ends, margin=margin, classes=compared, counts=counts)
        q = torch.where(holds, sums, 0.0)
    fixed = scores.detach()
    sides = fixed.masked_fill(~positive, math.inf), fixed.masked_fill(~negative, -math.inf)
    return Held(q, positive.sum(), n_others, holders, sides)


def count_pairs(critical: Tensor, others: Tensor, margin: float | Tensor) -> Tensor:
    """Count violated pairs, and those of which no probability moves any more, int64 ``(2,)``.

    Args:
        critical: Probabilities of critical samples, ``(P,)``.
        others: Probabilities of the other samples, ``(N,)``.
        margin: δ.
    """
    # A pair with a moving member is put where it cannot be violated.
    above = critical.masked_fill(critical * (1 - critical) > MOVING, math.inf)
    below = others.masked_fill(others * (1 - others) > MOVING, -math.inf)
    both = torch.stack([critical, above]), torch.stack([others, below])
    return count_violated(*both, margin=margin)
