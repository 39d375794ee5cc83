"""The pieces of a stored comparison, each optional one a value or None."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval; any of the three may be unknown.

    >>> Estimate.read({"value": 0.1, "low": 0.05, "high": None})
    Estimate(value=0.1, low=0.05, high=None)
    >>> Estimate.read(0.1).has_interval
    False
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, stored: object) -> Self:
        """Take a number, a mapping with ``value``, ``low``, ``high``, or None."""
        if isinstance(stored, dict):
            return cls(*(number(stored.get(key)) for key in ("value", "low", "high")))
        return cls(number(stored))

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a measure over single models, one a seed."""

    mean: float | None = None
    sd: float | None = None

    @classmethod
    def read(cls, stored: object) -> Self:
        """Take a mapping with ``mean`` and ``sd``, or None."""
        stored = stored if isinstance(stored, dict) else {}
        return cls(number(stored.get("mean")), number(stored.get("sd")))


@dataclass(frozen=True)
class Difference:
    """A measure of a method minus that of the baseline, on the same test samples."""

    estimate: Estimate
    p_value: float | None
    p_adjusted: float | None
    verdict: str

    @property
    def p(self) -> float | None:
        """The p-value to show: the adjusted one where it is known."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted


@dataclass(frozen=True)
class Seed:
    """One trained model of an ensemble."""

    number: int
    best_epoch: int | None
    steps: int | None
    seconds: float | None
    fpr: float | None
    auc: float | None


@dataclass(frozen=True)
class Method:
    """One row of the comparison. Rates lie in [0, 1]; ``fpr`` is keyed by TPR level."""

    name: str
    reference: bool
    winner: bool
    baseline: bool
    parameters: dict[str, Any]
    tuned: bool
    trials: int
    fpr: dict[float, Estimate]
    auc: Estimate
    fpr_spread: dict[float, Spread]
    auc_spread: Spread
    validation_selection: float | None
    validation_fpr: float | None
    difference: Difference | None
    seconds: float | None
    tuning_seconds: float | None
    steps: int | None
    rows: int | None
    seeds: tuple[Seed, ...]
    remarks: tuple[str, ...]
    scores: str | None
    given: bool = False
    auc_difference: Difference | None = None
    average_precision: float | None = None

    def fpr_at(self, level: float) -> Estimate:
        """FPR at a TPR level; unknown when the level was not measured."""
        return self.fpr.get(round(level, 9), Estimate())

    def spread_at(self, level: float) -> Spread:
        """Spread over seeds of the FPR at a TPR level."""
        return self.fpr_spread.get(round(level, 9), Spread())

    @property
    def marks(self) -> tuple[str, ...]:
        """What the row is: ``winner``, ``baseline``, ``reference``; often nothing."""
        named = {"winner": self.winner, "baseline": self.baseline, "reference": self.reference}
        return tuple(name for name, holds in named.items() if holds)

    @property
    def labels(self) -> tuple[str, ...]:
        """The marks as they are printed: among given scores no model has won anything."""
        return tuple("in use" if self.given and mark == "winner" else mark for mark in self.marks)


@dataclass(frozen=True)
class Threshold:
    """The delivered threshold, what it promises and what it did on test."""

    value: float | None
    tpr: float
    confidence: float
    guaranteed: bool
    positives: int | None
    needed: int | None
    unit: str
    assumption: str
    test_tpr: Estimate
    test_fpr: Estimate
    test_misses: int | None
    test_positives: int | None
    test_false_alarms: int | None
    test_negatives: int | None


@dataclass(frozen=True)
class Part:
    """Size of one part of the split."""

    role: str
    n: int
    positives: int


def number(value: object) -> float | None:
    """Read a finite number; anything else is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def whole(value: object) -> int | None:
    """Read a whole number; anything else is unknown."""
    read = number(value)
    return None if read is None else int(read)
