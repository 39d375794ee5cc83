"""How many positives stand behind each claim, and whether they carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.metrics.inputs import as_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.roles import Scores
    from rarecall.thresholds import ThresholdChoice

MISSES_NEEDED = 5
"""Positives that a TPR must allow to miss before the FPR there is more than a guess."""
PAIRS_NEEDED = 10
EVENTS_NEEDED = 20
"""Of each class to fit two parameters of a calibration map: ten events a parameter."""


def claims(
    test: Scores,
    levels: Sequence[float],
    choice: ThresholdChoice | None,
    calibration: Scores | None,
    *,
    calibrated: bool,
) -> list[dict[str, Any]]:
    """Say of every claim how many samples it rests on.

    Args:
        test: What the measures were taken on.
        levels: TPR levels at which an FPR is reported.
        choice: The threshold delivered, if any.
        calibration: What the threshold and the probabilities rest on, if any.
        calibrated: Whether probabilities are reported.

    Returns:
        For every claim ``claim``, ``positives``, ``negatives``, ``enough``, ``why``.

    >>> import numpy as np
    >>> from rarecall.roles import TestScores
    >>> targets = np.repeat([1, 0], [52, 200])
    >>> test = TestScores(np.zeros(252), targets, np.arange(252).astype(str))
    >>> claims(test, [0.95], None, None, calibrated=False)[0]["why"]
    'allows 2.6 of 52 positives to be missed; 5 are needed for a steady value: 100 positives'
    """
    positives = int(test.targets.sum())
    negatives = len(test.targets) - positives
    found = []
    for level in levels:
        allowed = positives * (1.0 - level)
        enough = allowed >= MISSES_NEEDED - 1e-9
        why = f"allows {allowed:.3g} of {positives:,} positives to be missed"
        if not enough:
            needed = _whole_above(MISSES_NEEDED / (1.0 - level))
            why += f"; {MISSES_NEEDED} are needed for a steady value: {needed:,} positives"
        found.append(_claim(f"FPR at TPR {as_percent(level)}", positives, negatives, enough, why))
    fewest = min(positives, negatives)
    why = f"rests on {fewest:,} disjoint pairs of a critical and a harmless case"
    if fewest < PAIRS_NEEDED:
        why += f"; {PAIRS_NEEDED} are needed for its interval to be trusted"
    found.append(_claim("AUC", positives, negatives, fewest >= PAIRS_NEEDED, why))
    if choice is not None and calibration is not None:
        unit = "groups" if choice.unit == "group" else "positives"
        found.append(
            _claim(
                f"Guarantee of TPR {as_percent(choice.tpr)}",
                choice.n_positives,
                _negatives(calibration, grouped=choice.unit == "group"),
                choice.guaranteed,
                f"takes {choice.needed:,} calibration {unit} at {as_percent(choice.confidence)} "
                f"confidence; there are {choice.n_positives:,}",
            )
        )
    if calibrated and calibration is not None:
        n = int(calibration.targets.sum())
        rest = len(calibration.targets) - n
        enough = min(n, rest) >= EVENTS_NEEDED
        why = f"two parameters fitted on {n:,} positives and {rest:,} negatives"
        if not enough:
            why += f"; {EVENTS_NEEDED} of each are needed"
        found.append(_claim("Probabilities", n, rest, enough, why))
    return found


def _claim(name: str, positives: int, negatives: int, enough: bool, why: str) -> dict[str, Any]:
    return {
        "claim": name,
        "positives": positives,
        "negatives": negatives,
        "enough": bool(enough),
        "why": why,
    }


def _negatives(scores: Scores, *, grouped: bool) -> int:
    counted = scores.by_group() if grouped else scores
    return int((counted.targets == 0).sum())


def _whole_above(value: float) -> int:
    # 5 / (1 - 0.95) is 99.99999999999991 or 100.00000000000009, as the level rounds.
    return int(-(-round(value, 6) // 1))
