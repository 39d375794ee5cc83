"""A threshold a subgroup (site, sex, device), each with a promise and all of them together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError, did_you_mean
from rarecall.metrics.inputs import as_percent, by_class, checked_share
from rarecall.roles import CalibrationScores
from rarecall.thresholds.counting import need_calibration
from rarecall.thresholds.guarantee import ThresholdChoice, choice_among, positives_needed
from rarecall.thresholds.subgroup_names import each_in_one, subgroup_names
from rarecall.thresholds.wording import NAMES, assumption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from rarecall.thresholds.counting import Unit


@dataclass(frozen=True)
class TooFew:
    """A subgroup for which nothing can be promised.

    Attributes:
        name: Of the subgroup.
        n_positives: Its critical units in the calibration part.
        needed: How many it would take beside the others.
    """

    name: str
    n_positives: int
    needed: int


@dataclass(frozen=True)
class GroupChoices:
    """A threshold for every subgroup that has critical units enough.

    Attributes:
        tpr: The true positive rate promised in each of them, in (0, 1).
        confidence: That all promises hold together, in (0, 1).
        each_confidence: The confidence of every single promise, after Bonferroni.
        choices: By the name of the subgroup.
        too_few: Subgroups that carry no promise and have no threshold here.
        assumption: What must be true for the promises to hold.
        statement: All of it in words.
    """

    tpr: float
    confidence: float
    each_confidence: float
    choices: Mapping[str, ThresholdChoice]
    too_few: tuple[TooFew, ...]
    assumption: str
    statement: str

    @property
    def guaranteed(self) -> bool:
        """Whether every subgroup carries the promise."""
        return not self.too_few

    def thresholds_for(self, by: ArrayLike) -> NDArray[np.float64]:
        """Give every sample the threshold of its subgroup, shape ``(n,)``.

        Raises:
            DataError: A subgroup without a threshold: unknown, missing, or too few critical units.
        """
        names, which = np.unique(subgroup_names(by, None), return_inverse=True)
        for name in names.tolist():
            if name not in self.choices:
                known = did_you_mean(name, self.choices)
                raise DataError(
                    f"Subgroup {name!r} has no threshold.{known} Those with one: "
                    f"{', '.join(map(repr, self.choices)) or 'none'}. Choose a threshold for such "
                    "samples on purpose, for example that of all samples together."
                )
        values = np.array([self.choices[name].value for name in names.tolist()])
        found: NDArray[np.float64] = values[which]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def group_thresholds(
    calibration: CalibrationScores,
    by: ArrayLike,
    *,
    tpr: float,
    confidence: float = 0.95,
    time_split: bool = False,
) -> GroupChoices:
    r"""Find a threshold for every subgroup, so that the TPR holds in all of them at once.

    Each of :math:`m` promises is held with confidence :math:`1 - \delta/m` (Bonferroni). Only
    subgroups that can carry a promise share the error: the smallest ones are left out, one after
    the other, until the rest have critical units enough. That looks at numbers of units alone,
    never at scores, so the promises stay valid.

    Args:
        calibration: Scores of samples untouched by training and tuning. With groups (patients) it
            is the groups that are counted, and each must lie in one subgroup.
        by: The subgroup of every sample, shape ``(n,)``; read as text.
        tpr: The true positive rate to promise in every subgroup, in (0, 1).
        confidence: That all hold together, in (0, 1).
        time_split: Whether the data was split by time; the assumption then says "no drift assumed".

    Raises:
        TypeError: Scores of another role.
        DataError: Weighted scores, missing values in ``by``, or a group in two subgroups.
        MetricError: Scores that are not finite, or one class missing.
        ConfigurationError: ``tpr`` or ``confidence`` outside its range.

    >>> scores, targets = np.arange(300.0), np.repeat([0, 1], [100, 200])
    >>> calibration = CalibrationScores(scores, targets, np.arange(300).astype(str))
    >>> sites = np.repeat(["a", "b", "a", "c"], [100, 90, 100, 10])
    >>> found = group_thresholds(calibration, sites, tpr=0.95)
    >>> [(name, choice.value) for name, choice in found.choices.items()]
    [('a', 144.5), ('b', 99.9999)]
    >>> found.each_confidence, found.too_few
    (0.975, (TooFew(name='c', n_positives=10, needed=80),))
    """
    need_calibration(calibration)
    by_class(calibration.scores, calibration.targets)
    tpr = checked_share(tpr, "tpr", one=False)
    confidence = checked_share(confidence, "confidence", one=False)
    names = subgroup_names(by, len(calibration.scores))
    if calibration.groups is not None:
        each_in_one(calibration.groups, names)
    positives, rows = {}, {}
    for name in np.unique(names).tolist():
        there = names == name
        positives[name] = _critical_units(calibration, there)
        rows[name] = calibration.scores[there]
    counts = {name: len(found) for name, found in positives.items()}
    held, needs = _able(counts, tpr, confidence)
    each = _each(confidence, max(1, len(held)))
    unit: Unit = "row" if calibration.groups is None else "group"
    too_few = tuple(TooFew(name, counts[name], needs[name]) for name in counts if name not in held)
    choices = {
        name: choice_among(
            positives[name],
            rows[name],
            tpr=tpr,
            confidence=each,
            unit=unit,
            time_split=time_split,
        )
        for name in held
    }
    return GroupChoices(
        tpr=tpr,
        confidence=confidence,
        each_confidence=each,
        choices=choices,
        too_few=too_few,
        assumption=assumption(unit, time_split=time_split),
        statement=_statement(held, too_few, tpr, confidence, NAMES[unit]),
    )


def _critical_units(
    calibration: CalibrationScores, there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    part = CalibrationScores(
        calibration.scores[there],
        calibration.targets[there],
        calibration.ids[there],
        None if calibration.groups is None else calibration.groups[there],
    )
    units = part if part.groups is None else part.by_group()
    found: NDArray[np.float64] = units.scores[units.targets == 1]
    return found


def _each(confidence: float, number: int) -> float:
    return 1.0 - (1.0 - confidence) / number


def _able(
    counts: Mapping[str, int], tpr: float, confidence: float
) -> tuple[list[str], dict[str, int]]:
    """Leave out the smallest subgroups until the rest can carry a promise each.

    Returns:
        The names of those that can, and how many critical units the others would have needed.
    """
    held, needs = list(counts), {}
    while held:
        needed = positives_needed(tpr, _each(confidence, len(held)))
        fewest = min(counts[name] for name in held)
        if fewest >= needed:
            break
        needs.update({name: needed for name in held if counts[name] == fewest})
        held = [name for name in held if counts[name] > fewest]
    return held, needs


def _statement(
    held: list[str], too_few: tuple[TooFew, ...], tpr: float, confidence: float, units: str
) -> str:
    sentences = []
    if held:
        of = "the threshold of" if len(held) == 1 else f"each of the {len(held)} thresholds, of"
        whose = ", ".join(map(repr, held))
        sentences.append(
            f"With {as_percent(confidence)} confidence, {of} {whose}, flags at least "
            f"{as_percent(tpr)} of its subgroup's critical {units} to come"
            f"{'.' if len(held) == 1 else ', in all of them together.'}"
        )
    if too_few:
        few = ", ".join(
            f"{one.name!r} ({one.n_positives}; it takes {one.needed})" for one in too_few
        )
        sentences.append(f"Too few critical calibration {units} for a guarantee: {few}.")
    return " ".join(sentences)
