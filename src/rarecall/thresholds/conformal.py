"""A threshold whose TPR holds on average over calibrations: conformal risk control."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.metrics.inputs import as_percent, checked_share, positives_to_catch
from rarecall.thresholds.counting import counted, need_calibration
from rarecall.thresholds.order_statistics import gap_below
from rarecall.thresholds.wording import NAMES, assumption

if TYPE_CHECKING:
    from rarecall.roles import CalibrationScores


@dataclass(frozen=True)
class ConformalChoice:
    """A threshold whose TPR holds on average, not with a confidence.

    Attributes:
        value: The threshold; a sample is critical when ``score >= value``. Always finite.
        tpr: The true positive rate asked for, on average, in (0, 1).
        on_average: Whether it holds on average; without it the threshold is the empirical one.
        n_positives: Critical units in the calibration part.
        needed: The fewest critical units with which the average can be held.
        rank: The threshold lies just below the ``rank``-th smallest score of a critical unit.
        unit: What is counted, ``"row"`` or ``"group"``.
        assumption: What must be true for the average to hold.
        statement: All of it in words.
        guaranteed: Always False: nothing is said of this one threshold.
    """

    value: float
    tpr: float
    on_average: bool
    n_positives: int
    needed: int
    rank: int
    unit: Literal["row", "group"]
    assumption: str
    statement: str
    guaranteed: Literal[False] = False

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def conformal_threshold(
    calibration: CalibrationScores, *, tpr: float, time_split: bool = False
) -> ConformalChoice:
    r"""Find the highest threshold whose miss rate stays within bounds on average.

    Below the :math:`r`-th smallest of :math:`n` positive scores a further one lies with
    probability at most :math:`r/(n+1)`. The largest :math:`r \le (1-\beta)(n+1)` therefore keeps
    :math:`E[\mathrm{TPR}] \ge \beta`, over calibration parts and samples to come together. It is
    a weaker promise than :func:`~rarecall.thresholds.guaranteed_threshold`: of the thresholds
    found so, nearly half miss more than :math:`1-\beta`. It takes fewer positives,
    :math:`\beta/(1-\beta)`: 19 instead of 59 for a TPR of .95.

    Args:
        calibration: Scores of samples untouched by training and tuning. With groups it is the
            groups that are counted.
        tpr: The true positive rate to keep on average, in (0, 1).
        time_split: Whether the data was split by time; the assumption then says "no drift assumed".

    Raises:
        TypeError: Scores of another role.
        DataError: Weighted scores.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr`` outside its range.

    Reference:
        Angelopoulos et al., *Conformal Risk Control*, ICLR 2024, for the miss rate of a threshold.

    >>> from rarecall.roles import CalibrationScores
    >>> scores, targets = np.arange(69.0), np.repeat([0, 1], [10, 59])
    >>> calibration = CalibrationScores(scores, targets, np.arange(69).astype(str))
    >>> choice = conformal_threshold(calibration, tpr=0.95)
    >>> choice.value, choice.on_average, choice.rank
    (11.5, True, 3)
    """
    units = counted(need_calibration(calibration, "A promise on average"))
    tpr = checked_share(tpr, "tpr", one=False)
    n, needed = len(units.positives), _needed(tpr)
    on_average = n >= needed
    rank = _rank(n, tpr) if on_average else n + 1 - positives_to_catch(tpr, n)
    name = NAMES[units.unit]
    wish = f"{as_percent(tpr)} of the critical {name} to come"
    statement = (
        f"On average over calibrations like this one, with its {n} critical {name}, such a "
        f"threshold flags at least {wish}. This one may flag fewer: it is an average."
        if on_average
        else f"This threshold carries no guarantee, not even on average: to flag {wish} on "
        f"average takes {needed} critical calibration {name}, and there are {n}."
    )
    return ConformalChoice(
        value=gap_below(float(np.sort(units.positives)[rank - 1]), units.scores),
        tpr=tpr,
        on_average=on_average,
        n_positives=n,
        needed=needed,
        rank=rank,
        unit=units.unit,
        assumption=assumption(units.unit, time_split=time_split),
        statement=statement,
    )


def _rank(n: int, tpr: float) -> int:
    # The slack forgives that 1 - 0.95 is 0.050000000000000044, and 1 - 0.9 a little below 0.1.
    return math.floor((1.0 - tpr) * (n + 1) * (1.0 + 1e-12))


def _needed(tpr: float) -> int:
    """Count the positives from which on a rank of at least 1 is allowed."""
    n = max(1, math.floor(tpr / (1.0 - tpr)) - 1)
    while _rank(n, tpr) < 1:
        n += 1
    return n
