"""What is assumed and promised, in sentences that all kinds of thresholds share."""

from __future__ import annotations

import math

from rarecall.metrics.inputs import as_percent

NAMES = {"row": "samples", "group": "groups"}
"""What the counted units are called."""


def assumptions(unit: str, *, time_split: bool = False) -> tuple[str, ...]:
    """List what must be true for a promise to hold, a sentence each.

    Args:
        unit: What is counted, ``"row"`` or ``"group"``.
        time_split: Whether the calibration part lies before the test part in time.

    >>> len(assumptions("row")), assumptions("row", time_split=True)[1][:17]
    (1, 'No drift assumed:')
    """
    sentences = [
        f"The calibration {unit}s and those to come are exchangeable (same source, nothing has "
        "shifted), and the calibration part was used neither for training nor for tuning."
    ]
    if unit == "group":
        sentences.append(
            "A group counts as critical when any of its rows is, and as flagged when any of its "
            "rows is."
        )
    if time_split:
        sentences.append(
            "No drift assumed: the data was split by time, and what comes later must be like the "
            "calibration period."
        )
    return tuple(sentences)


def assumption(unit: str, *, time_split: bool = False) -> str:
    """Give :func:`assumptions` as one text."""
    return " ".join(assumptions(unit, time_split=time_split))


def rounded_down(rate: float) -> str:
    """Write a lower bound as percent with one decimal that it still keeps.

    >>> rounded_down(0.82999), rounded_down(0.95)
    ('82.9%', '95%')
    """
    return as_percent(math.floor(rate * 1000 + 1e-9) / 1000)


def rounded_up(rate: float) -> str:
    """Write an upper bound as percent with one decimal that it still keeps.

    >>> rounded_up(0.10001), rounded_up(0.1)
    ('10.1%', '10%')
    """
    return as_percent(math.ceil(rate * 1000 - 1e-9) / 1000)
