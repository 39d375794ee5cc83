"""A threshold whose false positive rate is promised: the mirror image of a promised TPR."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import as_percent, checked_share
from rarecall.thresholds.counting import counted, need_calibration
from rarecall.thresholds.order_statistics import gap_above, largest_rank, units_needed
from rarecall.thresholds.wording import NAMES, assumption

if TYPE_CHECKING:
    from rarecall.roles import CalibrationScores


@dataclass(frozen=True)
class FPRChoice:
    """A threshold and the false positive rate that is promised for it.

    Attributes:
        value: The threshold; a sample is critical when ``score >= value``. Always finite.
        fpr: The highest false positive rate allowed, in (0, 1).
        confidence: The confidence asked for, in (0, 1).
        guaranteed: Whether the promise holds; without it the threshold is the empirical one.
        n_negatives: Non-critical units in the calibration part.
        needed: The fewest non-critical units for which a guarantee exists.
        rank: The threshold lies just above the ``rank``-th largest score of a non-critical unit.
        unit: What is counted, ``"row"`` or ``"group"``.
        assumption: What must be true for the promise to hold.
        statement: All of it in one sentence.
    """

    value: float
    fpr: float
    confidence: float
    guaranteed: bool
    n_negatives: int
    needed: int
    rank: int
    unit: Literal["row", "group"]
    assumption: str
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def negatives_needed(fpr: float, confidence: float = 0.95) -> int:
    """Count the fewest calibration negatives with which an FPR can be promised at all.

    Args:
        fpr: The highest false positive rate allowed, in (0, 1).
        confidence: In (0, 1).

    Raises:
        ConfigurationError: A value outside its range.

    >>> negatives_needed(0.1), negatives_needed(0.01)
    (29, 299)
    """
    fpr = checked_share(fpr, "fpr", one=False)
    return units_needed(1.0 - fpr, checked_share(confidence, "confidence", one=False))


def guaranteed_fpr_threshold(
    calibration: CalibrationScores,
    *,
    fpr: float,
    confidence: float = 0.95,
    time_split: bool = False,
) -> FPRChoice:
    r"""Find the lowest threshold that keeps an FPR within a bound with a stated confidence.

    Above the :math:`r`-th largest of :math:`n` negative scores lies at most the share
    :math:`\alpha` of future negatives with probability :math:`P(B(n, \alpha) \ge r)`, whatever
    the distribution; ties only help. The largest such :math:`r` is taken, and the threshold put in
    the middle of the gap above that score.

    With fewer negatives than :func:`negatives_needed` the empirical threshold is given, marked as
    carrying no guarantee. With groups (patients, accounts) the groups without any critical row are
    counted, and one is a false alarm when any of its rows is flagged.

    Args:
        calibration: Scores of samples untouched by training and tuning.
        fpr: The highest false positive rate allowed, in (0, 1).
        confidence: In (0, 1).
        time_split: Whether the data was split by time; the assumption then says "no drift assumed".

    Raises:
        TypeError: Scores of another role.
        DataError: Weighted scores.
        MetricError: Scores that are not finite, one class missing, no group without a critical
            row, or no number above the score that the threshold must exceed.
        ConfigurationError: ``fpr`` or ``confidence`` outside its range.

    >>> from rarecall.roles import CalibrationScores
    >>> scores, targets = np.arange(200.0), np.repeat([0, 1], [100, 100])
    >>> calibration = CalibrationScores(scores, targets, np.arange(200).astype(str))
    >>> choice = guaranteed_fpr_threshold(calibration, fpr=0.1)
    >>> choice.value, choice.guaranteed, choice.rank
    (95.5, True, 5)
    """
    units = counted(need_calibration(calibration))
    needed, n = negatives_needed(fpr, confidence), len(units.negatives)
    if n == 0:
        raise MetricError(
            "Every group has a critical row, so none can show how often a harmless one is "
            "flagged. Add groups without critical rows."
        )
    guaranteed = n >= needed
    allowed = min(n - 1, int(fpr * n * (1.0 + 1e-12)))
    rank = largest_rank(n, fpr, confidence) if guaranteed else 1 + allowed
    wish = f"{as_percent(fpr)} of the non-critical {NAMES[units.unit]} to come"
    statement = (
        f"With {as_percent(confidence)} confidence, this threshold flags at most {wish}, "
        f"as {n} non-critical calibration {NAMES[units.unit]} show ({needed} were needed)."
        if guaranteed
        else f"This threshold carries no guarantee: to promise that at most {wish} are flagged "
        f"with {as_percent(confidence)} confidence takes {needed} non-critical calibration "
        f"{NAMES[units.unit]}, and there are {n}."
    )
    return FPRChoice(
        value=gap_above(float(np.sort(units.negatives)[-rank]), units.scores),
        fpr=float(fpr),
        confidence=float(confidence),
        guaranteed=guaranteed,
        n_negatives=n,
        needed=needed,
        rank=rank,
        unit=units.unit,
        assumption=assumption(units.unit, time_split=time_split),
        statement=statement,
    )
