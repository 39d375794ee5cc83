"""What training tells: one record an evaluation, and the outcome."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One evaluation.

    Attributes:
        epoch: Its number, from 1.
        step: Steps done.
        steps: Steps planned.
        train_loss: Mean loss of the steps since the last evaluation.
        selection: The selection measure on validation, higher is better.
        smoothed: Its running mean, by which the best weights are chosen.
        fpr: False positive rate on validation at the target true positive rate, in [0, 1].
        auc: Area under the ROC curve on validation, in [0, 1].
        best: Whether this is the best evaluation so far.
        seconds: Time spent training so far, interruptions not counted.
        seconds_left: Time until the last step at the present pace.
        learning_rate: Of the last step.
        monitor: Numbers that the objective finds worth logging.
        stage: 1, or 2 in the second stage of a two-stage method, whose epochs and steps go on
            counting from those of the first.
    """

    epoch: int
    step: int
    steps: int
    train_loss: float
    selection: float
    smoothed: float
    fpr: float
    auc: float
    best: bool
    seconds: float
    seconds_left: float
    learning_rate: float
    monitor: dict[str, float] = field(default_factory=dict)
    stage: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted:
    """A trained network and how it came about.

    Attributes:
        network: With the best weights, in evaluation mode.
        history: One record an evaluation.
        best_epoch: Number of the evaluation whose weights were kept.
        steps: Optimiser steps done.
        rows_forwarded: Training rows forwarded, replayed ones included.
        seconds: Time spent, interruptions not counted.
        stopped_early: Whether ``patience`` ran out before the last step.
        remarks: Sentences that a user should read.
    """

    network: nn.Module
    history: list[EpochRecord]
    best_epoch: int
    steps: int
    rows_forwarded: int
    seconds: float
    stopped_early: bool
    remarks: list[str]
