"""What a user should be told of a constraint that never acted, faded, or took over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.terms.alm import ALMConstraint

FEW_MOVING = 0.05
LARGE_MULTIPLIER = 100.0
GUESS = math.log(2)
"""Cross-entropy of a classifier that guesses: a term above it outweighs the base loss."""


def alm_remarks(term: ALMConstraint) -> list[str]:
    """Collect the sentences."""
    seen, with_critical = term.batches.tolist()
    if not seen:
        return []
    if not with_critical:
        return ["The ALM constraint did nothing: no training batch held a critical sample."]
    largest = float(term.multipliers.max())
    if largest == 0:
        if term.penalty == 0:
            return ["The ALM constraint did nothing: its penalty is 0."]
        return ["The ALM constraint did nothing: no pair ever violated the margin."]
    found = []
    if with_critical < seen / 2:
        found.append(
            f"The ALM constraint acted in {with_critical} of {seen} batches; the others held "
            "no critical sample. Larger batches or `+balanced` give it more to act on."
        )
    return found + _faded(term) + _took_over(term, largest)


def _faded(term: ALMConstraint) -> list[str]:
    if term.scores == "logit":
        return []
    violated, stuck = term.counted_pairs().tolist()
    moving = violated - stuck
    if violated and moving < FEW_MOVING * violated:
        return [
            "The ALM constraint has faded: its probabilities have saturated, and only "
            f"{moving / violated:.1%} of the pairs that violated the margin received a gradient. "
            "scores='logit' does not fade."
        ]
    if term.margin >= 1:
        return [
            f"The ALM constraint asks probabilities for a margin of {term.margin:g}, which no pair "
            "meets unless it is 1 and 0 exactly. Use a margin below 1, or scores='logit'."
        ]
    return []


def _took_over(term: ALMConstraint, largest: float) -> list[str]:
    found = []
    recent = float(term.recent_value)
    if recent > GUESS:
        found.append(
            f"The ALM term weighed {recent:.2g} of late, more than the cross-entropy of a guess "
            f"({GUESS:.2f}): it outweighs the base loss. A smaller penalty, a lower max_penalty or "
            "reduction='mean' holds it back."
        )
    if largest > LARGE_MULTIPLIER and term.max_multiplier == math.inf:
        found.append(
            f"The largest ALM multiplier has grown to {largest:.3g}: its constraint cannot be met, "
            "as with a mislabelled sample, and it grows on. max_multiplier bounds it."
        )
    return found
