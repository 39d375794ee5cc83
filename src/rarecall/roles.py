"""Scores carry the role of the data they come from, so that none is used for what it cannot show.

Hyper-parameters and schedules may see validation scores; a guarantee accepts only calibration
scores; test scores are used once, at the end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from rarecall.task import Task


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
        weights: What every sample counts for, finite, at least 0, shape ``(n,)``, or None. Measures
            take them; guarantees refuse them.
    """

    scores: NDArray[np.float64]
    targets: NDArray[np.int64]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_] | None = None
    weights: NDArray[np.float64] | None = None

    role: ClassVar[Role]

    def __post_init__(self) -> None:
        if not hasattr(type(self), "role"):
            raise TypeError("Scores have a role: use TrainScores, ValidationScores, ...")
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        object.__setattr__(self, "targets", np.asarray(self.targets, dtype=np.int64))
        if self.weights is not None:
            object.__setattr__(self, "weights", np.asarray(self.weights, dtype=np.float64))
        shape = self.scores.shape
        parts = {
            "targets": self.targets,
            "ids": self.ids,
            "groups": self.groups,
            "weights": self.weights,
        }
        for name, part in parts.items():
            if part is not None and part.shape != shape:
                raise ValueError(
                    f"scores have shape {shape}, {name} {part.shape}; they must agree."
                )
        if len(shape) != 1:
            raise ValueError(f"scores must have shape (n,), not {shape}.")
        if self.weights is not None and not (
            np.isfinite(self.weights).all() and (self.weights >= 0).all()
        ):
            raise ValueError("weights must be finite and at least 0.")

    @property
    def fingerprint(self) -> str:
        """Name the samples, whatever their order and scores: SHA-256 of ids, targets and groups.

        Two models' scores of the same samples have the same fingerprint.

        >>> one = TestScores(np.array([0.1, 0.9]), np.array([0, 1]), np.array(["a", "b"]))
        >>> two = TestScores(np.array([5.0, 2.0]), np.array([1, 0]), np.array(["b", "a"]))
        >>> one.fingerprint == two.fingerprint, one.fingerprint[:8]
        (True, '274e5537')
        """
        ids = np.asarray(self.ids).astype(str)
        groups = None if self.groups is None else np.asarray(self.groups).astype(str)
        keys = (self.targets, ids) if groups is None else (groups, self.targets, ids)
        order = np.lexsort(keys)
        samples = {
            "ids": ids[order].tolist(),
            "targets": self.targets[order].tolist(),
            "groups": None if groups is None else groups[order].tolist(),
        }
        return hashlib.sha256(json.dumps(samples).encode()).hexdigest()

    def by_group(self) -> Self:
        """Reduce to one row a group: its highest score; critical where any of its rows is.

        A group (patient, account) is flagged when any of its rows is.

        Raises:
            ValueError: The scores have no groups, or weights, of which a group has none.

        >>> parts = np.array([0.1, 0.9, 0.4]), np.array([1, 0, 0]), np.array(["r", "s", "t"])
        >>> grouped = TestScores(*parts, groups=np.array(["a", "a", "b"])).by_group()
        >>> grouped.ids.tolist(), grouped.scores.tolist(), grouped.targets.tolist()
        (['a', 'b'], [0.9, 0.4], [1, 0])
        """
        if self.groups is None:
            raise ValueError("These scores have no groups.")
        if self.weights is not None:
            raise ValueError("The rows have weights, and it is not defined what a group weighs.")
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
            first.weights,
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


_TYPES: dict[Role, type[Scores]] = {
    kind.role: kind for kind in (TrainScores, ValidationScores, CalibrationScores, TestScores)
}


@dataclass(frozen=True, eq=False)
class TaskScores:
    """Raw scores on one part of the data, whatever the task; each critical class is a view of it.

    Attributes:
        scores: Float64: ``(n,)`` in binary work, one column a class ``(n, C)`` in multi-class, one
            a label ``(n, L)`` in multi-label work.
        targets: ``(n,)``, or ``(n, L)`` with NaN where a label is missing.
        ids: Sample identifiers, shape ``(n,)``.
        groups: Group of every sample, shape ``(n,)``, or None.
        role: What the scores may be used for; their views have its type.
        task: The kind of problem.
    """

    scores: NDArray[np.float64]
    targets: NDArray[Any]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_] | None
    role: Role
    task: Task

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        n, binary = len(self.ids), self.task.kind == "binary"
        wide = (n, self.task.classes)
        expected = {
            "scores": (n,) if binary else wide,
            "targets": wide if self.task.kind == "multilabel" else (n,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} of a {self.task.kind} task with {self.task.classes} classes must have "
                    f"shape {shape}, not {getattr(self, name).shape}."
                )

    def view(self, number: int) -> Scores:
        """Give one critical class's scores against its negatives, as the type of the role.

        Samples that the question is not about are left out: those of other critical classes in
        multi-class work, and those whose label is missing or uncertain in multi-label work.

        Args:
            number: Of the class or label; 1 in binary work.

        >>> from rarecall.task import Task
        >>> scores, targets = np.eye(3), np.array([0, 1, 2])
        >>> task = Task("multiclass", 3, (1, 2))
        >>> whole = TaskScores(scores, targets, np.array(["a", "b", "c"]), None, Role.TEST, task)
        >>> whole.view(2).ids.tolist(), whole.view(2).targets.tolist()
        (['a', 'c'], [0, 1])
        """
        from rarecall.metrics.views import critical_masks, score_column

        masks = critical_masks(self.targets, self.task, number)
        rows = masks.rows
        return _TYPES[self.role](
            score_column(self.scores, self.task, number)[rows],
            masks.positive[rows].astype(np.int64),
            self.ids[rows],
            None if self.groups is None else self.groups[rows],
        )

    @classmethod
    def mean(cls, members: list[Self]) -> Self:
        """Average the members of an ensemble, sample by sample."""
        first = members[0]
        if any(not np.array_equal(first.ids, other.ids) for other in members[1:]):
            raise ValueError("The members of an ensemble must score the same samples in one order.")
        scores = np.mean([member.scores for member in members], axis=0)
        return cls(scores, first.targets, first.ids, first.groups, first.role, first.task)
