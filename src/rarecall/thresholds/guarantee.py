"""A threshold whose true positive rate is promised with a stated confidence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import bdtr

from rarecall.metrics.inputs import as_percent, by_class, checked_share, positives_to_catch
from rarecall.roles import CalibrationScores

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLACK = 1.0 + 1e-12
"""Lets 0.5² = 0.25 count as reached although 1 - 0.75 may round below it."""

_NAMES = {"row": "samples", "group": "groups"}


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold and what is promised for it.

    Attributes:
        value: The threshold; a sample is critical when ``score >= value``. Always finite.
        tpr: The true positive rate asked for, in (0, 1).
        confidence: The confidence asked for, in (0, 1).
        guaranteed: Whether the promise holds; without it the threshold is the empirical one.
        n_positives: Critical units in the calibration part.
        needed: The fewest critical units for which a guarantee exists.
        rank: The threshold lies just below the ``rank``-th smallest score of a critical unit.
        unit: What is counted, ``"row"`` or ``"group"``.
        assumption: What must be true for the promise to hold.
        statement: All of it in one sentence.
    """

    value: float
    tpr: float
    confidence: float
    guaranteed: bool
    n_positives: int
    needed: int
    rank: int
    unit: Literal["row", "group"]
    assumption: str
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def positives_needed(tpr: float, confidence: float = 0.95) -> int:
    r"""Count the fewest calibration positives with which a TPR can be promised at all.

    The lowest threshold on offer lies below the smallest of :math:`n` scores. It misses more than
    :math:`1-\beta` with probability :math:`\beta^n`; that must not exceed one minus the confidence.

    Args:
        tpr: The true positive rate to promise, in (0, 1).
        confidence: In (0, 1).

    Raises:
        ConfigurationError: A value outside its range.

    >>> positives_needed(0.95), positives_needed(0.98), positives_needed(0.90)
    (59, 149, 29)
    """
    tpr = checked_share(tpr, "tpr", one=False)
    confidence = checked_share(confidence, "confidence", one=False)
    allowed = math.log((1.0 - confidence) * _SLACK)
    return max(1, math.ceil(allowed / math.log(tpr)))


def guaranteed_threshold(
    calibration: CalibrationScores, *, tpr: float, confidence: float = 0.95
) -> ThresholdChoice:
    r"""Find the highest threshold that keeps a TPR with a stated confidence.

    Below the :math:`r`-th smallest of :math:`n` positive scores, the share of future positives
    missed stays within :math:`1-\beta` with probability :math:`P(B(n, 1-\beta) \ge r)`, whatever
    the distribution of the scores; ties only help. The largest such :math:`r` is taken. The
    threshold is put in the middle of the gap below that score, so that rounding cannot move the
    score across it.

    With fewer positives than :func:`positives_needed` the empirical threshold is given, marked
    as carrying no guarantee. With groups (patients, accounts) it is the groups that are counted,
    since rows of one group are no independent evidence: a group is critical when any of its rows
    is, and caught when any of its rows is flagged.

    Args:
        calibration: Scores of samples untouched by training and tuning.
        tpr: The true positive rate to promise, in (0, 1).
        confidence: In (0, 1).

    Raises:
        TypeError: Scores of another role.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr`` or ``confidence`` outside its range.

    Reference:
        Wilks, *Determination of sample sizes for setting tolerance limits*, Annals of
        Mathematical Statistics 1941.

    >>> scores = np.concatenate([np.arange(100, 159), np.arange(100.0)])
    >>> ids = np.arange(159).astype(str)
    >>> calibration = CalibrationScores(scores, np.repeat([1, 0], [59, 100]), ids)
    >>> choice = guaranteed_threshold(calibration, tpr=0.95)
    >>> choice.value, choice.guaranteed, choice.rank
    (99.5, True, 1)
    """
    if not isinstance(calibration, CalibrationScores):
        raise TypeError(
            "A guarantee needs CalibrationScores, scores of samples untouched by training and "
            f"tuning; {type(calibration).__name__} came. Score the calibration part and pass that."
        )
    tpr = checked_share(tpr, "tpr", one=False)
    confidence = checked_share(confidence, "confidence", one=False)
    needed = positives_needed(tpr, confidence)
    unit: Literal["row", "group"] = "row" if calibration.groups is None else "group"
    counted = calibration if unit == "row" else calibration.by_group()
    # The rows are checked first, so that an error speaks of them.
    positives = by_class(calibration.scores, calibration.targets).positives
    if unit == "group":
        positives = counted.scores[counted.targets == 1]
    n = len(positives)
    guaranteed = n >= needed
    rank = _largest_rank(n, tpr, confidence) if guaranteed else n + 1 - positives_to_catch(tpr, n)
    chosen = float(np.sort(positives)[rank - 1])
    value = _in_the_gap_below(chosen, calibration.scores)
    return ThresholdChoice(
        value=value,
        tpr=tpr,
        confidence=confidence,
        guaranteed=guaranteed,
        n_positives=n,
        needed=needed,
        rank=rank,
        unit=unit,
        assumption=_assumption(unit),
        statement=_statement(
            tpr=tpr, confidence=confidence, guaranteed=guaranteed, n=n, needed=needed, unit=unit
        ),
    )


def _largest_rank(n: int, tpr: float, confidence: float) -> int:
    """Find the largest r with P(B(n, 1 - tpr) < r) <= 1 - confidence, where n allows r = 1."""
    failing = bdtr(np.arange(n), n, 1.0 - tpr) > (1.0 - confidence) * _SLACK
    # At r = 1 the binomial rounds otherwise than the logarithms that gave `needed`.
    return max(1, int(np.argmax(failing)) if failing.any() else n)


def _in_the_gap_below(chosen: float, scores: NDArray[np.float64]) -> float:
    """Halve the way to the next lower score; a small step below where there is none."""
    lower = scores[scores < chosen]
    if lower.size:
        beneath = float(lower.max())
        middle = beneath / 2 + chosen / 2
        # Neighbouring floats have no middle; better to flag one score more than to lose this one.
        return middle if middle < chosen else beneath
    stepped = chosen - (1e-6 * max(abs(chosen), float(np.ptp(scores / 2))) or 1e-6)
    if not math.isfinite(stepped):
        stepped = math.nextafter(chosen, -math.inf)
    return stepped if math.isfinite(stepped) else chosen


def _assumption(unit: str) -> str:
    return (
        f"The calibration {unit}s and those to come are exchangeable (same source, nothing has "
        "shifted), and the calibration part was used neither for training nor for tuning."
    )


def _statement(
    *, tpr: float, confidence: float, guaranteed: bool, n: int, needed: int, unit: str
) -> str:
    wish = f"{as_percent(tpr)} of the critical {_NAMES[unit]} to come"
    if guaranteed:
        return (
            f"With {as_percent(confidence)} confidence, this threshold flags at least {wish}, "
            f"as {n} critical calibration {_NAMES[unit]} show ({needed} were needed)."
        )
    return (
        f"This threshold carries no guarantee: to promise {wish} with {as_percent(confidence)} "
        f"confidence takes {needed} critical calibration {_NAMES[unit]}, and there are {n}."
    )
