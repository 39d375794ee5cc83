"""The threshold with the lowest expected cost, where misses and alarms have prices."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.metrics.inputs import as_percent, checked_share
from rarecall.thresholds.counting import counted
from rarecall.thresholds.empirical import may_choose
from rarecall.thresholds.order_statistics import gap_above, gap_below
from rarecall.thresholds.wording import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.roles import CalibrationScores, ValidationScores


@dataclass(frozen=True)
class CostChoice:
    """The threshold with the lowest expected cost on the samples at hand; no guarantee.

    Attributes:
        value: The threshold; a sample is critical when ``score >= value``. Always finite.
        miss_cost: Cost of a critical case that is not flagged.
        alarm_cost: Cost of another case that is flagged.
        prevalence: Share of critical cases that the costs are expected at, in (0, 1).
        cost: Expected cost per 1000 cases at the threshold. These samples chose it, so it is
            somewhat too low.
        cost_of_all: The same when every case is flagged.
        cost_of_none: The same when no case is flagged.
        tpr: Share of the critical units flagged here.
        fpr: Share of the others flagged here.
        n_positives: Critical units that were counted.
        n_negatives: Other units that were counted.
        unit: What is counted, ``"row"`` or ``"group"``.
        role: Of the scores, ``"validation"`` or ``"calibration"``.
        statement: All of it in words.
        guaranteed: Always False.
    """

    value: float
    miss_cost: float
    alarm_cost: float
    prevalence: float
    cost: float
    cost_of_all: float
    cost_of_none: float
    tpr: float
    fpr: float
    n_positives: int
    n_negatives: int
    unit: Literal["row", "group"]
    role: str
    statement: str
    guaranteed: Literal[False] = False

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def cost_threshold(
    scores: ValidationScores | CalibrationScores,
    *,
    miss_cost: float,
    alarm_cost: float,
    prevalence: float | None = None,
) -> CostChoice:
    r"""Find the threshold with the lowest expected cost on these samples; no guarantee.

    .. math:: 1000 \, [\pi \, c_\mathrm{miss} (1 - \mathrm{TPR}) +
              (1 - \pi) \, c_\mathrm{alarm} \mathrm{FPR}]

    Every threshold that can make a difference is tried, flagging all and flagging none included.
    Of equal costs the lowest threshold is taken: it misses fewest.

    Args:
        scores: Of the validation or the calibration part. Weights count as repeated rows. With
            groups (patients) a case is a group.
        miss_cost: Of a critical case not flagged, above 0, in any currency.
        alarm_cost: Of another case flagged, above 0, in the same currency.
        prevalence: Share of critical cases where the threshold will be used, in (0, 1); by
            default their share here.

    Raises:
        TypeError: Training or test scores, or a bare array.
        DataError: Weights together with groups, or a class that weighs nothing.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: A cost that is not positive and finite, a prevalence outside its range.

    >>> from rarecall.roles import ValidationScores
    >>> values = np.array([1.0, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array(list("abcd"))
    >>> choice = cost_threshold(ValidationScores(*values), miss_cost=10, alarm_cost=1)
    >>> choice.value, choice.cost
    (1.5, 250.0)
    >>> cost_threshold(ValidationScores(*values), miss_cost=1, alarm_cost=10).value
    3.5
    """
    may_choose(scores)
    miss_cost, alarm_cost = _price(miss_cost, "miss_cost"), _price(alarm_cost, "alarm_cost")
    units = counted(scores)
    if not units.negatives.size:
        raise MetricError("Every group has a critical row, so no false alarm can be counted.")
    values = np.concatenate([units.positives, units.negatives])
    weights = _weights(scores, len(values))
    first = len(units.positives)
    share = float(weights[:first].sum() / weights.sum())
    if not 0.0 < share < 1.0:
        raise DataError("The samples of one class weigh nothing, so its rate is not defined.")
    if prevalence is not None:
        share = checked_share(prevalence, "prevalence", one=False)
    candidates = np.unique(values)
    hits = _share_from(units.positives, weights[:first], candidates)
    alarms = _share_from(units.negatives, weights[first:], candidates)
    costs = 1000.0 * (share * miss_cost * (1.0 - hits) + (1.0 - share) * alarm_cost * alarms)
    # Equal costs may differ in the last digit.
    best = int(np.argmax(costs <= costs.min() * (1.0 + 1e-12)))
    value = (
        gap_below(float(candidates[best]), units.scores)
        if best < len(candidates)
        else gap_above(float(candidates[-1]), units.scores)
    )
    name = NAMES[units.unit].replace("samples", "cases")
    return CostChoice(
        value=value,
        miss_cost=miss_cost,
        alarm_cost=alarm_cost,
        prevalence=share,
        cost=float(costs[best]),
        cost_of_all=float(costs[0]),
        cost_of_none=float(costs[-1]),
        tpr=float(hits[best]),
        fpr=float(alarms[best]),
        n_positives=first,
        n_negatives=len(units.negatives),
        unit=units.unit,
        role=scores.role.value,
        statement=(
            f"On the {scores.role.value} part this threshold costs least: {costs[best]:.6g} per "
            f"1000 {name} at a prevalence of {as_percent(share)} (flagging all {costs[0]:.6g}, "
            f"none {costs[-1]:.6g}). It carries no guarantee, neither for its cost nor for its "
            "TPR."
        ),
    )


def _price(cost: float, name: str) -> float:
    price = float(cost)
    if not (math.isfinite(price) and price > 0):
        raise ConfigurationError(f"{name} must be a finite number above 0, not {price:g}.")
    return price


def _weights(scores: ValidationScores | CalibrationScores, n: int) -> NDArray[np.float64]:
    """Give a weight a unit, the critical ones first."""
    if scores.weights is None:
        return np.ones(n)
    critical = scores.targets == 1
    return np.concatenate([scores.weights[critical], scores.weights[~critical]])


def _share_from(
    values: NDArray[np.float64], weights: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weigh the values at or above every threshold and, last, above all of them."""
    order = np.argsort(values)
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    place = np.searchsorted(values[order], thresholds, "left")
    shares: NDArray[np.float64] = np.append(1.0 - below[place] / below[-1], 0.0)
    return shares
