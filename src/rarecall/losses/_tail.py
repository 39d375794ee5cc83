"""Checks that the losses of the tail share."""

from __future__ import annotations

import math


def inside(owner: object, low: float, high: float = math.inf, **values: float) -> None:
    """Raise a ``ValueError`` naming every value that is not strictly between the bounds."""
    wrong = [f"{name}={value}" for name, value in values.items() if not low < value < high]
    if wrong:
        bounds = f"finite and > {low}" if high == math.inf else f"inside ({low}, {high})"
        raise ValueError(f"{type(owner).__name__} needs {', '.join(wrong)} to be {bounds}.")


def one_of(owner: object, known: tuple[str, ...], **values: str) -> None:
    """Raise a ``ValueError`` naming a value that is none of the known words."""
    for name, value in values.items():
        if value not in known:
            raise ValueError(
                f"{type(owner).__name__} needs {name} to be {' or '.join(map(repr, known))}, "
                f"not {value!r}."
            )
