"""From scores to decisions: thresholds, certificates and probabilities of every critical class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from rarecall.calibration import fit_calibrator
from rarecall.errors import ConfigurationError, MetricError, did_you_mean
from rarecall.estimators.choosing import RULES, choose
from rarecall.metrics.views import critical_masks, score_column
from rarecall.roles import CalibrationScores, Role, TrainScores, ValidationScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rarecall.calibration.base import Calibrator
    from rarecall.estimators.choosing import Choice
    from rarecall.estimators.part import Part
    from rarecall.task import Task
    from rarecall.thresholds import Certificate

_TYPES: dict[Role, type[TrainScores | ValidationScores | CalibrationScores]] = {
    kind.role: kind for kind in (TrainScores, ValidationScores, CalibrationScores)
}


_OVER = np.nextafter(0.5, 1.0)
_EDGE = 1e-300


@dataclass(frozen=True, eq=False)
class Operation:
    """What turns scores into decisions and probabilities, by the number of the critical class.

    Attributes:
        task: The kind of problem; the critical class has number 1 in binary work.
        choices: The thresholds, and how they were chosen.
        certificates: What is promised; of those classes of which something is.
        calibrators: From scores to probabilities; of those classes that have a map.
        unpromised: Why nothing is promised although it was asked for, a sentence a class.
    """

    task: Task
    choices: dict[int, Choice]
    certificates: dict[int, Certificate]
    calibrators: dict[int, Calibrator]
    unpromised: tuple[str, ...]

    @property
    def thresholds(self) -> dict[int, float]:
        """The thresholds by number."""
        return {number: choice.value for number, choice in self.choices.items()}

    def probabilities(
        self, scores: NDArray[np.float64], *, agreeing: bool = False
    ) -> NDArray[np.float64]:
        """Probabilities of all classes, shape ``(n, C)``; column 1 is critical in binary work.

        Those of critical classes are their maps', scaled down where they add up to more than 1;
        what is left goes to the other classes in the proportions that the network gives.

        Args:
            scores: Shape ``(n,)``, or ``(n, C)`` in multi-class work.
            agreeing: Shift them so that the largest is the decision: in binary work by a constant
                in the log-odds, one half at the threshold; else the softmax of the decisions.
        """
        if self.task.kind == "binary":
            critical = self._probability(1, scores)
            if agreeing:
                middle = self._probability(1, np.nextafter([self.thresholds[1]], -np.inf))
                critical = expit(_logit(critical) - _logit(middle))
                # Where the map is flat or rounding hides the order, the decision still counts.
                flagged = scores >= self.thresholds[1]
                critical = np.where(flagged, np.maximum(critical, _OVER), np.minimum(critical, 0.5))
            return np.column_stack([1.0 - critical, critical])
        if agreeing:
            return np.asarray(softmax(self.decisions(scores), axis=1))
        found = np.empty(scores.shape)
        numbers = list(self.task.critical)
        others = np.setdiff1d(np.arange(self.task.classes), numbers)
        found[:, numbers] = np.column_stack([self._probability(k, scores) for k in numbers])
        found[:, numbers] /= np.maximum(found[:, numbers].sum(axis=1, keepdims=True), 1.0)
        left = np.maximum(1.0 - found[:, numbers].sum(axis=1, keepdims=True), 0.0)
        # Of log-odds z, -log(1 + exp(-z)) is the log of the probability.
        found[:, others] = left * softmax(-np.logaddexp(0.0, -scores[:, others]), axis=1)
        return found

    def decisions(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        r"""Give decision values whose sign, or largest column, is the decision.

        In binary work score minus threshold, above 0 where the sample is critical. In multi-class
        work, shape ``(n, C)``: each column rises with the score :math:`s` of its class. A critical
        class has :math:`s - t`, above 0 where flagged, less another 2 below its threshold
        :math:`t`; the others have :math:`s / (1 + |s|) - 1`, between -2 and 0.
        """
        if self.task.kind == "binary":
            # A score that equals the threshold is critical, and must come out above 0.
            return np.asarray(scores - np.nextafter(self.thresholds[1], -np.inf))
        found = scores / (1.0 + np.abs(scores)) - 1.0
        for number, threshold in self.thresholds.items():
            excess = scores[:, number] - np.nextafter(threshold, -np.inf)
            found[:, number] = np.where(excess > 0, excess, excess - 2.0)
        return found

    def _probability(self, number: int, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        column = score_column(scores, self.task, number)
        if number in self.calibrators:
            return np.asarray(self.calibrators[number].probability(column))
        return np.asarray(expit(column))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        np.log(np.maximum(probability, _EDGE)) - np.log(np.maximum(1.0 - probability, _EDGE))
    )


def operate(
    scores: Mapping[Role, NDArray[np.float64]],
    parts: Mapping[Role, Part],
    task: Task,
    *,
    rule: str,
    tpr: float,
    confidence: float,
    calibrator: str | None,
    weighted: bool,
    names: Sequence[str],
) -> Operation:
    """Choose the thresholds and fit the maps to probabilities.

    On the calibration part; without one on validation, and without that on the training rows,
    which never carries a promise.

    Args:
        scores: Of the parts that there are.
        parts: The same parts.
        task: The kind of problem.
        rule: One of :data:`RULES`.
        tpr: The target true positive rate, in (0, 1).
        confidence: In (0, 1).
        calibrator: Name of the map, or None for the logistic function of the score.
        weighted: Whether the user gave sample weights; then nothing can be promised.
        names: Of the classes, by number; for several critical ones.

    Raises:
        ConfigurationError: A rule or map of no known name, or a rate outside its range.
    """
    if rule not in RULES:
        raise ConfigurationError(
            f"threshold must be one of {', '.join(RULES)}, not {rule!r}.{did_you_mean(rule, RULES)}"
        )
    role = next(r for r in (Role.CALIBRATION, Role.VALIDATION, Role.TRAIN) if r in scores)
    used = [part.ids for other, part in parts.items() if other is not role]
    choices: dict[int, Choice] = {}
    certificates: dict[int, Certificate] = {}
    calibrators: dict[int, Calibrator] = {}
    unpromised = []
    for number in task.critical:
        units = view(scores[role], parts[role], task, number, role, by_unit=True)
        whom = None if task.kind == "binary" else f"the class {names[number]!r}"
        choices[number], certificate, why = choose(
            units,
            rule=rule,
            tpr=tpr,
            confidence=confidence,
            used=used,
            subgroup=whom if len(task.critical) > 1 else None,
            weighted=weighted,
        )
        if certificate is not None:
            certificates[number] = certificate
        elif rule != "empirical":
            unpromised.append(why if whom is None else f"Of {whom}: {why}")
        rows = view(scores[role], parts[role], task, number, role, by_unit=False)
        if calibrator is not None and not isinstance(rows, TrainScores):
            try:
                calibrators[number] = fit_calibrator(rows, calibrator)
            except MetricError:
                # All scores are equal: no map can tell them apart.
                continue
    return Operation(task, choices, certificates, calibrators, tuple(unpromised))


def view(
    scores: NDArray[np.float64],
    part: Part,
    task: Task,
    number: int,
    role: Role,
    *,
    by_unit: bool,
) -> TrainScores | ValidationScores | CalibrationScores:
    """Give one critical class's scores against its negatives, typed by role.

    Args:
        scores: Of all rows of the part.
        part: The rows.
        task: The kind of problem.
        number: Of the critical class.
        role: What the rows may be used for.
        by_unit: Whether groups, or distinct rows where critical ones repeat, are to be counted;
            then weights are left out, as what a group of weighted rows counts for is not defined.
    """
    masks = critical_masks(part.targets, task, number)
    rows = masks.rows
    groups = part.counted_by(masks.positive) if by_unit else None
    weights = part.weights if groups is None else None
    kept: list[Any] = [None if x is None else x[rows] for x in (groups, weights)]
    column = score_column(scores, task, number)[rows]
    return _TYPES[role](column, masks.positive[rows].astype(np.int64), part.ids[rows], *kept)
