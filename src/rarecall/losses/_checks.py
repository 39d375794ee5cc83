"""Checks of hyper-parameters and of the class ratio, shared by the losses."""

from __future__ import annotations

import math

from torch import Tensor


def in_range(owner: object, low: float, high: float = math.inf, **values: float) -> None:
    """Raise a ``ValueError`` naming every value outside [low, high]."""
    wrong = [f"{name}={value}" for name, value in values.items() if not low <= value <= high]
    if wrong:
        bounds = f">= {low}" if high == math.inf else f"in [{low}, {high}]"
        raise ValueError(f"{type(owner).__name__} needs {', '.join(wrong)} to be {bounds}.")


def imbalance_of(train_targets: Tensor) -> float:
    """Other samples for each critical one, n₀ / n₁.

    >>> import torch
    >>> imbalance_of(torch.tensor([0, 0, 0, 1]))
    3.0
    """
    critical = int((train_targets == 1).sum())
    return (train_targets.numel() - critical) / critical


def unknown_imbalance(owner: object) -> RuntimeError:
    """Explain that the class ratio was neither given nor learnt from the training set."""
    return RuntimeError(
        f"{type(owner).__name__} needs the training set's class ratio. Give it, `imbalance=99.0` "
        "(other samples for each critical one), or call `bind(train_targets)` first."
    )
