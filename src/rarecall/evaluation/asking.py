"""What is asked of given scores, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError
from rarecall.evaluation.insights import Wishes
from rarecall.metrics.inputs import checked_share

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTED_LEVELS = (0.90, 0.95, 0.98)


@dataclass(frozen=True)
class Asked:
    """What is asked of scores, checked.

    Attributes:
        tpr: Required true positive rate, in (0, 1).
        confidence: Of guarantee and intervals, in (0, 1).
        prevalence: Share of critical cases in use, in (0, 1), or None.
        baseline: The model that the others are compared with; the first by default.
        cases: Misses and false alarms shown, of each.
        probabilities: Whether the scores are probabilities.
        seed: Of the resamples.
        options: For the document: how it was asked.
    """

    tpr: float = 0.95
    confidence: float = 0.95
    prevalence: float | None = None
    baseline: str | None = None
    cases: int = 8
    probabilities: bool = False
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_share(self.tpr, "tpr", one=False)
        checked_share(self.confidence, "confidence", one=False)
        if self.prevalence is not None:
            checked_share(self.prevalence, "prevalence", one=False)
        if self.cases < 0:
            raise ConfigurationError(f"cases must be 0 or more, not {self.cases}.")

    @property
    def wishes(self) -> Wishes:
        """What the findings are made for."""
        return Wishes(
            tpr=self.tpr,
            levels=tuple(sorted({*REPORTED_LEVELS, self.tpr})),
            confidence=self.confidence,
            prevalence=self.prevalence,
            cases=self.cases,
            probabilities=self.probabilities,
        )
