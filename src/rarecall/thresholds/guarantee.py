"""A threshold whose true positive rate is promised with a stated confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.metrics.inputs import as_percent, checked_share, positives_to_catch
from rarecall.thresholds.counting import counted, need_calibration
from rarecall.thresholds.order_statistics import gap_below, largest_rank, units_needed
from rarecall.thresholds.wording import NAMES, assumption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.roles import CalibrationScores
    from rarecall.thresholds.counting import Unit


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
    return units_needed(tpr, checked_share(confidence, "confidence", one=False))


def guaranteed_threshold(
    calibration: CalibrationScores,
    *,
    tpr: float,
    confidence: float = 0.95,
    time_split: bool = False,
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
        time_split: Whether the data was split by time; the assumption then says "no drift assumed".

    Raises:
        TypeError: Scores of another role.
        DataError: Weighted scores.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr`` or ``confidence`` outside its range.

    Reference:
        Wilks, *Determination of sample sizes for setting tolerance limits*, Annals of
        Mathematical Statistics 1941.

    >>> from rarecall.roles import CalibrationScores
    >>> scores = np.concatenate([np.arange(100, 159), np.arange(100.0)])
    >>> ids = np.arange(159).astype(str)
    >>> calibration = CalibrationScores(scores, np.repeat([1, 0], [59, 100]), ids)
    >>> choice = guaranteed_threshold(calibration, tpr=0.95)
    >>> choice.value, choice.guaranteed, choice.rank
    (99.5, True, 1)
    """
    units = counted(need_calibration(calibration))
    return choice_among(
        units.positives,
        units.scores,
        tpr=tpr,
        confidence=confidence,
        unit=units.unit,
        time_split=time_split,
    )


def choice_among(
    positives: NDArray[np.float64],
    scores: NDArray[np.float64],
    *,
    tpr: float,
    confidence: float,
    unit: Unit,
    time_split: bool,
) -> ThresholdChoice:
    """Make the choice of :func:`guaranteed_threshold` from the scores of critical units alone.

    Args:
        positives: Finite, shape ``(n,)``, at least one.
        scores: Of all rows, in whose gaps the threshold is put.
        tpr: The true positive rate to promise, in (0, 1).
        confidence: In (0, 1).
        unit: What ``positives`` are.
        time_split: Whether the data was split by time.
    """
    needed = positives_needed(tpr, confidence)
    n = len(positives)
    guaranteed = n >= needed
    rank = (
        largest_rank(n, 1.0 - tpr, confidence) if guaranteed else n + 1 - positives_to_catch(tpr, n)
    )
    wish = f"{as_percent(tpr)} of the critical {NAMES[unit]} to come"
    statement = (
        f"With {as_percent(confidence)} confidence, this threshold flags at least {wish}, "
        f"as {n} critical calibration {NAMES[unit]} show ({needed} were needed)."
        if guaranteed
        else f"This threshold carries no guarantee: to promise {wish} with "
        f"{as_percent(confidence)} confidence takes {needed} critical calibration {NAMES[unit]}, "
        f"and there are {n}."
    )
    return ThresholdChoice(
        value=gap_below(float(np.sort(positives)[rank - 1]), scores),
        tpr=float(tpr),
        confidence=float(confidence),
        guaranteed=guaranteed,
        n_positives=n,
        needed=needed,
        rank=rank,
        unit=unit,
        assumption=assumption(unit, time_split=time_split),
        statement=statement,
    )
