"""What a comparison needs of anything it trains, and the record of one training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rarecall.comparison.material import Material
    from rarecall.comparison.tuning import Space

SCORED = (Role.VALIDATION, Role.CALIBRATION, Role.TEST)


@dataclass(frozen=True)
class Unit:
    """One training: a tuning ``trial`` or a final ``seed`` of a method.

    Attributes:
        method: Name of the method.
        kind: ``trial`` or ``seed``.
        number: Counts from 0.
        of: How many units of this kind the method has.
        seed: Of initial weights, row order and everything else drawn.
        parameters: What differs from the defaults or was fixed by the user.
    """

    method: str
    kind: str
    number: int
    of: int
    seed: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What one training gave.

    Attributes:
        scores: Raw scores of each scored part, float64, shape ``(n,)``; one column a class or
            label in multi-class and multi-label work.
        best_epoch: Evaluation whose weights were kept.
        steps: Optimiser steps (boosting rounds, for trees).
        rows: Rows forwarded in training, or None where the word has no meaning.
        seconds: Wall-clock time of the training.
        remarks: Sentences for the user.
        history: One record an evaluation; of an ensemble, its first member's.
        conditions: What every λ gave on validation, where it was chosen; one a network.
    """

    scores: Mapping[Role, NDArray[np.float64]]
    best_epoch: int
    steps: int
    rows: int | None
    seconds: float
    remarks: list[str] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)


class Learner(Protocol):
    """Something that can be tuned and trained on the comparison's material."""

    @property
    def name(self) -> str:
        """Name in the results."""

    @property
    def reference(self) -> bool:
        """Whether it stands for scale only and cannot be delivered."""

    @property
    def space(self) -> Space:
        """What tuning may change."""

    @property
    def defaults(self) -> dict[str, Any]:
        """All parameters before tuning: defaults, and what the user fixed."""

    def fit(
        self,
        unit: Unit,
        folder: Path,
        on_epoch: Callable[[Any], None],
        should_stop: Callable[[], bool],
    ) -> Outcome:
        """Train one unit, keeping checkpoints and weights in ``folder``."""


def validation_measures(material: Material, scores: NDArray[np.float64]) -> dict[str, float]:
    """Measure validation scores: selection (higher is better), FPR at the target TPR, AUC.

    With several critical classes or labels they are means over these; in multi-class work the
    accuracy comes with them.
    """
    targets, measure = material.parts[Role.VALIDATION].targets, material.measure
    found = {
        "selection": float(measure(scores, targets)),
        "fpr": float(measure.fpr(scores, targets)),
        "auc": float(measure.auc(scores, targets)),
    }
    if material.task.kind == "multiclass":
        found["accuracy"] = float(measure.progress(scores, targets))
    return found
