"""Checks of hyper-parameters, shared by losses and terms."""

from __future__ import annotations

import math


def in_range(owner: object, low: float, high: float = math.inf, **values: float) -> None:
    """Raise a ``ValueError`` naming every value outside [low, high]."""
    wrong = [f"{name}={value}" for name, value in values.items() if not low <= value <= high]
    if wrong:
        bounds = f">= {low}" if high == math.inf else f"in [{low}, {high}]"
        raise ValueError(f"{type(owner).__name__} needs {', '.join(wrong)} to be {bounds}.")
