"""A threshold that keeps a TPR and an FPR at once, or the answer that there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.metrics import fpr_at_tpr
from rarecall.metrics.inputs import as_percent, checked_share
from rarecall.metrics.intervals import clopper_pearson
from rarecall.thresholds.counting import counted, need_calibration
from rarecall.thresholds.false_alarms import negatives_needed
from rarecall.thresholds.guarantee import positives_needed
from rarecall.thresholds.order_statistics import gap_above, gap_below, largest_rank
from rarecall.thresholds.wording import NAMES, assumption, rounded_down, rounded_up

if TYPE_CHECKING:
    from rarecall.roles import CalibrationScores
    from rarecall.thresholds.counting import Counted


@dataclass(frozen=True)
class BothChoice:
    """A threshold with a promised TPR and FPR, or the finding that there is none.

    Attributes:
        value: The highest threshold that keeps both; None where none does.
        satisfiable: Whether there is one.
        tpr: The true positive rate asked for, in (0, 1).
        fpr: The highest false positive rate allowed, in (0, 1).
        confidence: That both hold at once, in (0, 1); each has half of the remaining error.
        low: Lowest threshold that keeps the FPR; None with too few negatives. Where both can be
            kept, every threshold from ``low`` to ``value`` keeps both.
        high: Highest threshold that keeps the TPR; None with too few positives.
        achievable_tpr: What may be promised beside the FPR, at the same confidence, of a threshold
            just above the score that ``fpr_rank`` names.
        achievable_fpr: What may be promised beside the TPR, at the same confidence, of a threshold
            at the score that ``tpr_rank`` names.
        tpr_rank: ``high`` lies just below the score of this rank, counted from below.
        fpr_rank: ``low`` lies just above the score of this rank, counted from above.
        n_positives: Critical units in the calibration part.
        positives_needed: The fewest with which the TPR can be promised beside the FPR.
        n_negatives: Non-critical units in the calibration part.
        negatives_needed: The fewest with which the FPR can be promised beside the TPR.
        unit: What is counted, ``"row"`` or ``"group"``.
        assumption: What must be true for the promise to hold.
        statement: All of it in words.
    """

    value: float | None
    satisfiable: bool
    tpr: float
    fpr: float
    confidence: float
    low: float | None
    high: float | None
    achievable_tpr: float | None
    achievable_fpr: float | None
    tpr_rank: int | None
    fpr_rank: int | None
    n_positives: int
    positives_needed: int
    n_negatives: int
    negatives_needed: int
    unit: Literal["row", "group"]
    assumption: str
    statement: str

    @property
    def guaranteed(self) -> bool:
        """Whether there is a promise: the same as ``satisfiable``."""
        return self.satisfiable

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def threshold_between(
    calibration: CalibrationScores,
    *,
    tpr: float,
    fpr: float,
    confidence: float = 0.95,
    time_split: bool = False,
) -> BothChoice:
    r"""Find the highest threshold that keeps a TPR and an FPR together, if there is one.

    Each bound is held with confidence :math:`1 - \delta/2`, so both with :math:`1 - \delta`. The
    TPR then holds at every threshold up to ``high``, the FPR at every one from ``low`` on. Where
    ``low`` lies above ``high`` no threshold can be shown to satisfy both: an answer, no error.

    The achievable rates are one-sided Clopper–Pearson bounds at the two scores that the ranks name.
    They are exact since one score comes from the negatives alone, the other from the positives;
    in the gaps beside them, where ``low`` and ``high`` lie, they hold but for what the gap hides.

    Args:
        calibration: Scores of samples untouched by training and tuning.
        tpr: The true positive rate to promise, in (0, 1).
        fpr: The highest false positive rate allowed, in (0, 1).
        confidence: That both hold, in (0, 1).
        time_split: Whether the data was split by time; the assumption then says "no drift assumed".

    Raises:
        TypeError: Scores of another role.
        DataError: Weighted scores.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr``, ``fpr`` or ``confidence`` outside its range.

    >>> from rarecall.roles import CalibrationScores
    >>> scores, targets = np.arange(200.0), np.repeat([0, 1], [100, 100])
    >>> calibration = CalibrationScores(scores, targets, np.arange(200).astype(str))
    >>> threshold_between(calibration, tpr=0.95, fpr=0.1).value
    99.5
    >>> reversed_scores = CalibrationScores(-scores, targets, np.arange(200).astype(str))
    >>> print(threshold_between(reversed_scores, tpr=0.95, fpr=0.1).statement[:34])
    No threshold satisfies both bounds
    """
    units = counted(need_calibration(calibration))
    each = 1.0 - (1.0 - checked_share(confidence, "confidence", one=False)) / 2
    needs = positives_needed(tpr, each), negatives_needed(fpr, each)
    high, tpr_rank, achievable_fpr = _keeping_tpr(units, tpr, each, needs[0])
    low, fpr_rank, achievable_tpr = _keeping_fpr(units, fpr, each, needs[1])
    value = None
    if tpr_rank is not None and fpr_rank is not None and high is not None:
        caught = float(np.sort(units.positives)[tpr_rank - 1])
        alarm = float(np.sort(units.negatives)[-fpr_rank])
        if alarm < caught:
            # Between neighbouring floats the gap below is the alarm's own score.
            value = high if high > alarm else caught
    draft = BothChoice(
        value=value,
        satisfiable=value is not None,
        tpr=float(tpr),
        fpr=float(fpr),
        confidence=float(confidence),
        low=low,
        high=high,
        achievable_tpr=achievable_tpr,
        achievable_fpr=achievable_fpr,
        tpr_rank=tpr_rank,
        fpr_rank=fpr_rank,
        n_positives=len(units.positives),
        positives_needed=needs[0],
        n_negatives=len(units.negatives),
        negatives_needed=needs[1],
        unit=units.unit,
        assumption=assumption(units.unit, time_split=time_split),
        statement="",
    )
    return replace(draft, statement=_statement(draft, units))


def _keeping_tpr(
    units: Counted, tpr: float, confidence: float, needed: int
) -> tuple[float | None, int | None, float | None]:
    """Give the highest threshold that keeps the TPR, its rank, and the FPR shown at that score."""
    n = len(units.positives)
    if n < needed:
        return None, None, None
    rank = largest_rank(n, 1.0 - tpr, confidence)
    caught = float(np.sort(units.positives)[rank - 1])
    # At the score itself: the gap below it depends on the negatives too.
    alarms = int(np.sum(units.negatives >= caught))
    bound = clopper_pearson(alarms, len(units.negatives), 1.0 - confidence)[1]
    return gap_below(caught, units.scores), rank, bound if len(units.negatives) else None


def _keeping_fpr(
    units: Counted, fpr: float, confidence: float, needed: int
) -> tuple[float | None, int | None, float | None]:
    """Give the lowest threshold that keeps the FPR, its rank, and the TPR just above that score."""
    n = len(units.negatives)
    if n < needed:
        return None, None, None
    rank = largest_rank(n, fpr, confidence)
    alarm = float(np.sort(units.negatives)[-rank])
    hits = int(np.sum(units.positives > alarm))
    bound = clopper_pearson(hits, len(units.positives), 1.0 - confidence)[0]
    return gap_above(alarm, units.scores), rank, bound


def _statement(found: BothChoice, units: Counted) -> str:
    name = NAMES[found.unit]
    sure, tpr, fpr = as_percent(found.confidence), as_percent(found.tpr), as_percent(found.fpr)
    if found.satisfiable:
        return (
            f"With {sure} confidence, this threshold flags at least {tpr} of the critical {name} "
            f"to come and at most {fpr} of the others, as {found.n_positives} critical and "
            f"{found.n_negatives} other calibration {name} show."
        )
    none = f"No threshold satisfies both bounds with {sure} confidence: TPR {tpr}, FPR {fpr}."
    parts = [none]
    if found.high is None or found.low is None:
        parts.append(
            f"That takes {found.positives_needed} critical and {found.negatives_needed} other "
            f"calibration {name}; there are {found.n_positives} and {found.n_negatives}."
        )
    if found.achievable_tpr is not None:
        shown = rounded_down(found.achievable_tpr)
        parts.append(f"At an FPR of at most {fpr}, a TPR of at least {shown} can be promised.")
    if found.achievable_fpr is not None:
        shown = rounded_up(found.achievable_fpr)
        parts.append(f"At a TPR of at least {tpr}, an FPR of at most {shown} can be promised.")
    if found.n_negatives:
        targets = np.repeat([1, 0], [found.n_positives, found.n_negatives])
        scores = np.concatenate([units.positives, units.negatives])
        seen = fpr_at_tpr(scores, targets, found.tpr)
        parts.append(
            f"On these samples a TPR of {tpr} costs an FPR of {rounded_up(seen)}: "
            + (
                "more calibration samples may bring both within reach."
                if seen <= found.fpr
                else "it takes a better model."
            )
        )
    return " ".join(parts)
