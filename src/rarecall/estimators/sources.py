"""Scores that a threshold is chosen on: of new rows, of rows set aside, or of folds crossed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from rarecall.errors import ConfigurationError, DataError
from rarecall.estimators.content import sample_ids, units
from rarecall.estimators.held_out import crossed, row_keys, set_aside
from rarecall.estimators.labels import as_targets
from rarecall.roles import CalibrationScores, ValidationScores

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ruff: noqa: N803  (X is scikit-learn's name)

RESPONSES = ("decision_function", "predict_proba")


class Source(NamedTuple):
    """A fitted classifier, and scores of rows that it has not seen.

    Attributes:
        estimator: Fitted.
        scores: Calibration scores; of crossed folds validation scores.
        used: Ids of the rows that it was fitted on, where they are known.
    """

    estimator: Any
    scores: CalibrationScores | ValidationScores
    used: tuple[NDArray[np.str_], ...] = ()


@dataclass(frozen=True, eq=False)
class Response:
    """How a classifier's output becomes a score of the critical class.

    Attributes:
        wanted: ``"auto"``, or one of :data:`RESPONSES`.
        number: Of the critical class among the two.
    """

    wanted: str
    number: int

    def name(self, estimator: Any) -> str:
        """Find the method to call.

        Raises:
            ConfigurationError: The classifier has none.
        """
        names = RESPONSES if self.wanted == "auto" else (self.wanted,)
        for name in names:
            if hasattr(estimator, name):
                return name
        raise ConfigurationError(
            f"{type(estimator).__name__} has no {' and no '.join(names)}, so there is no score to "
            "put a threshold on. Choose a classifier that gives scores."
        )

    def scores(self, estimator: Any, X: Any) -> NDArray[np.float64]:
        """Score rows with a fitted classifier, higher is more critical, shape ``(n,)``."""
        name = self.name(estimator)
        return self.column(getattr(estimator, name)(X), name)

    def column(self, output: Any, name: str) -> NDArray[np.float64]:
        """Take the critical class's score from what the method ``name`` gave.

        >>> Response("auto", 0).column([1.5, -2.0], "decision_function")
        array([-1.5,  2. ])
        """
        values = np.asarray(output, dtype=np.float64)
        if name == "predict_proba":
            return np.asarray(values[:, self.number])
        return values if self.number == 1 else -values


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows given to ``fit``.

    Attributes:
        X: As the classifier takes them.
        labels: Shape ``(n,)``.
        classes: The two labels, sorted.
        critical: Number of the critical one, in a tuple.
        groups: Group of every row, or None.
    """

    X: Any
    labels: NDArray[Any]
    classes: NDArray[Any]
    critical: tuple[int, ...]
    groups: Any

    @property
    def targets(self) -> NDArray[np.int64]:
        """1 for the critical label, 0 otherwise, shape ``(n,)``."""
        return as_targets(self.labels, self.classes, self.critical)

    @property
    def group_names(self) -> NDArray[np.str_] | None:
        """Groups as text."""
        return None if self.groups is None else np.asarray(self.groups).astype(str)


def of_fitted(estimator: Any, rows: Rows, response: Response, trained_on: Any) -> Source:
    """Score new rows with a classifier that is fitted already.

    Raises:
        NotFittedError: It is not.
        DataError: It knows other classes, or rows are in ``trained_on`` too.
    """
    check_is_fitted(estimator)
    known = np.asarray(estimator.classes_)
    if not np.array_equal(known, rows.classes):
        raise DataError(
            f"The classifier was fitted on the classes {known.tolist()[:20]}, but y holds "
            f"{rows.classes.tolist()}. Give rows of both classes, labelled alike."
        )
    keys = row_keys(rows.X)
    if trained_on is not None:
        _refuse_seen(keys, row_keys(trained_on))
    scores = response.scores(estimator, rows.X)
    ids = _ids(keys, rows.targets)
    return Source(estimator, CalibrationScores(scores, rows.targets, ids, rows.group_names))


def of_rows_aside(
    estimator: Any, rows: Rows, response: Response, share: float, random_state: Any
) -> Source:
    """Set a share of the rows aside, fit a clone on the rest, and score those set aside.

    Rows that hold the same stay together and count once: a copy of a row that the classifier is
    fitted on would look better than new rows will.
    """
    keys, targets = row_keys(rows.X), rows.targets
    together = rows.group_names
    if together is None and keys is not None:
        distinct = units(keys, targets)
        together = distinct.astype(str) if len(np.unique(distinct)) < len(distinct) else None
    parts = set_aside(rows.labels, together, share, random_state)
    fitted = clone(estimator).fit(_safe_indexing(rows.X, parts.fitted), rows.labels[parts.fitted])
    scores = response.scores(fitted, _safe_indexing(rows.X, parts.aside))
    ids = _ids(keys, targets)
    counted = None if together is None else together[parts.aside]
    found = CalibrationScores(scores, targets[parts.aside], ids[parts.aside], counted)
    return Source(fitted, found, (ids[parts.fitted],))


def of_folds(estimator: Any, rows: Rows, response: Response, cv: Any) -> Source:
    """Score every row by a clone that has not seen it, and fit another on all rows."""
    name = response.name(estimator)
    output = crossed(estimator, rows.X, rows.labels, rows.groups, cv=cv, method=name)
    fitted = clone(estimator).fit(rows.X, rows.labels)
    scores = response.column(output, name)
    ids = _ids(None, rows.targets)
    return Source(fitted, ValidationScores(scores, rows.targets, ids, rows.group_names))


def _ids(keys: NDArray[np.uint64] | None, targets: NDArray[np.int64]) -> NDArray[np.str_]:
    if keys is None:
        return np.asarray([f"row {k}" for k in range(len(targets))], dtype=np.str_)
    return sample_ids(keys, targets)


def _refuse_seen(keys: NDArray[np.uint64] | None, seen: NDArray[np.uint64] | None) -> None:
    if keys is None or seen is None:
        raise DataError(
            "Rows can be looked for in trained_on only where both are tables of plain values. "
            "Leave trained_on out."
        )
    common = int(np.isin(keys, seen).sum())
    if common:
        raise DataError(
            f"{common} of the {len(keys)} rows of X are in trained_on too. What training has seen "
            "looks better than new rows will, so nothing can be promised on it. Give rows that the "
            "classifier was not trained on."
        )
