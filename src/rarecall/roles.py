"""Scores carry the role of the data they come from, so that none is used for what it cannot show.

Hyper-parameters and schedules may see validation scores; a guarantee accepts only calibration
scores; test scores are used once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray


class Role(StrEnum):
    """What a part of the data may be used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    CALIBRATION = "calibration"
    TEST = "test"


@dataclass(frozen=True, eq=False)
class Scores:
    """Raw scores of one model on one part of the data.

    Attributes:
        scores: Higher is more critical, float64, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, int64, shape ``(n,)``.
        ids: Sample identifiers, shape ``(n,)``.
        groups: Group of every sample (patient, account), shape ``(n,)``, or None.
    """

    scores: NDArray[np.float64]
    targets: NDArray[np.int64]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_] | None = None

    role: ClassVar[Role]

    def __post_init__(self) -> None:
        if not hasattr(type(self), "role"):
            raise TypeError("Scores have a role: use TrainScores, ValidationScores, ...")
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        object.__setattr__(self, "targets", np.asarray(self.targets, dtype=np.int64))
        shape = self.scores.shape
        parts = {"targets": self.targets, "ids": self.ids, "groups": self.groups}
        for name, part in parts.items():
            if part is not None and part.shape != shape:
                raise ValueError(
                    f"scores have shape {shape}, {name} {part.shape}; they must agree."
                )
        if len(shape) != 1:
            raise ValueError(f"scores must have shape (n,), not {shape}.")

    def by_group(self) -> Self:
        """Reduce to one row a group: its highest score; critical where any of its rows is.

        A group (patient, account) is flagged when any of its rows is.

        Raises:
            ValueError: The scores have no groups.

        >>> parts = np.array([0.1, 0.9, 0.4]), np.array([1, 0, 0]), np.array(["r", "s", "t"])
        >>> grouped = TestScores(*parts, groups=np.array(["a", "a", "b"])).by_group()
        >>> grouped.ids.tolist(), grouped.scores.tolist(), grouped.targets.tolist()
        (['a', 'b'], [0.9, 0.4], [1, 0])
        """
        if self.groups is None:
            raise ValueError("These scores have no groups.")
        names, group = np.unique(self.groups, return_inverse=True)
        best = np.full(len(names), -np.inf)
        np.maximum.at(best, group, self.scores)
        critical = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(critical, group, self.targets)
        return type(self)(best, critical, names)

    @classmethod
    def mean(cls, members: list[Self]) -> Self:
        """Average the members of an ensemble, sample by sample.

        >>> a = TestScores(np.array([0.0]), np.array([1]), np.array(["x"]))
        >>> b = TestScores(np.array([1.0]), np.array([1]), np.array(["x"]))
        >>> TestScores.mean([a, b]).scores
        array([0.5])
        """
        first = members[0]
        if any(not np.array_equal(first.ids, other.ids) for other in members[1:]):
            raise ValueError("The members of an ensemble must score the same samples in one order.")
        return cls(
            np.mean([member.scores for member in members], axis=0),
            first.targets,
            first.ids,
            first.groups,
        )


class TrainScores(Scores):
    """Scores of samples that the model was fitted on."""

    role = Role.TRAIN


class ValidationScores(Scores):
    """Scores that may choose hyper-parameters, checkpoints and the winner."""

    role = Role.VALIDATION


class CalibrationScores(Scores):
    """Scores untouched by training and tuning: the only ones a guarantee accepts."""

    role = Role.CALIBRATION


class TestScores(Scores):
    """Scores looked at once, at the end."""

    role = Role.TEST
    __test__ = False  # not a pytest class
