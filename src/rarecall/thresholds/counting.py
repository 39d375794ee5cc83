"""What a guarantee counts: checked calibration scores as units, rows or groups, of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rarecall.errors import DataError
from rarecall.metrics.inputs import by_class
from rarecall.roles import CalibrationScores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rarecall.roles import Scores

Unit = Literal["row", "group"]


class Counted(NamedTuple):
    """The scores of the units that are counted.

    Attributes:
        positives: Of critical units, shape ``(n_positives,)``, at least one.
        negatives: Of the others, shape ``(n_negatives,)``; none where every group is critical.
        scores: Of all rows, shape ``(n,)``; the threshold lies in a gap between these.
        unit: What is counted.
    """

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    scores: NDArray[np.float64]
    unit: Unit


def counted(scores: Scores) -> Counted:
    """Check scores and part them by class, group by group where there are groups.

    Rows of one group (patient, account) are no independent evidence. A group is critical when any
    of its rows is, and flagged when any of its rows is: its score is its highest.

    Raises:
        MetricError: Scores that are not finite, or one class missing.
        ValueError: Groups together with weights.

    >>> import numpy as np
    >>> rows = np.array([0.1, 0.9, 0.4]), np.array([1, 0, 0]), np.array(["r", "s", "t"])
    >>> units = counted(CalibrationScores(*rows, groups=np.array(["a", "a", "b"])))
    >>> units.positives, units.negatives, units.unit
    (array([0.9]), array([0.4]), 'group')
    """
    # The rows are checked first, so that an error speaks of them.
    positives, negatives = by_class(scores.scores, scores.targets)
    if scores.groups is None:
        return Counted(positives, negatives, scores.scores, "row")
    best = scores.by_group()
    critical = best.targets == 1
    return Counted(best.scores[critical], best.scores[~critical], scores.scores, "group")


def need_calibration(scores: object, what: str = "A guarantee") -> CalibrationScores:
    """Refuse all but unweighted calibration scores.

    Raises:
        TypeError: Scores of another role, or a bare array.
        DataError: The scores have weights.
    """
    if not isinstance(scores, CalibrationScores):
        raise TypeError(
            f"{what} needs CalibrationScores, scores of samples untouched by training and "
            f"tuning; {type(scores).__name__} came. Score the calibration part and pass that."
        )
    if scores.weights is not None:
        raise DataError(
            f"{what} counts samples, and weighted samples cannot be counted: they stand for a "
            "population from which they were not drawn evenly. Draw a calibration part without "
            "weights, or choose the threshold with empirical_threshold or cost_threshold."
        )
    return scores
