"""Scores of rows that a classifier has not seen: a part set aside, or folds crossed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    StratifiedGroupKFold,
    check_cv,
    cross_val_predict,
    train_test_split,
)

from rarecall.errors import ConfigurationError, DataError
from rarecall.estimators.content import content_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ruff: noqa: N803, N806  (X is scikit-learn's name)


class Divided(NamedTuple):
    """Positions of the rows to fit on and of those set aside, ascending, shape ``(n,)`` each."""

    fitted: NDArray[np.int64]
    aside: NDArray[np.int64]


def row_keys(X: Any) -> NDArray[np.uint64] | None:
    """Hash the rows of a table, shape ``(n,)``; None for what is no table of plain values.

    >>> keys = row_keys([[1, 2], [1.0, 2.0], [1, 3]])
    >>> bool(keys[0] == keys[1]), bool(keys[1] == keys[2]), row_keys(["a text", "another"])
    (True, False, None)
    """
    if not isinstance(X, pd.DataFrame):
        try:
            X = pd.DataFrame(np.asarray(X, dtype=np.float64))
        except (TypeError, ValueError):
            return None
    if not X.shape[1]:
        return None
    columns = {str(k): X.iloc[:, k] for k in range(X.shape[1])}
    for name, column in columns.items():
        # 1 in a column of whole numbers and 1.0 in another frame are the same.
        if pd.api.types.is_numeric_dtype(column.dtype) and not column.hasnans:
            columns[name] = column.astype(np.float64)
    try:
        return content_keys(pd.DataFrame(columns))
    except TypeError:
        # Cells that cannot be hashed, such as lists.
        return None


def set_aside(
    labels: NDArray[Any], groups: NDArray[Any] | None, share: float, random_state: Any
) -> Divided:
    """Draw the rows to set aside, by class, in whole groups where there are any.

    Raises:
        ConfigurationError: The share is not between 0 and 1.
        DataError: Too few rows or groups of a class to set any aside.

    >>> parts = set_aside(np.repeat([0, 1], 10), None, 0.3, 0)
    >>> len(parts.fitted), np.repeat([0, 1], 10)[parts.aside]
    (14, array([0, 0, 0, 1, 1, 1]))
    """
    if not 0 < share < 1:
        raise ConfigurationError(f"cv as a share must be between 0 and 1, but {share!r} came.")
    rows = np.arange(len(labels))
    try:
        if groups is None:
            fitted, aside = train_test_split(
                rows, test_size=share, stratify=labels, random_state=random_state
            )
        else:
            folds = max(2, round(1 / share))
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
            fitted, aside = next(splitter.split(rows, labels, groups))
    except ValueError as error:
        raise DataError(
            f"A share of {share:g} of the rows cannot be set aside by class: {error} "
            "Give more rows of the rarer class, or a fitted classifier and new rows (cv='prefit')."
        ) from error
    if len(np.unique(labels[aside])) < 2 or len(np.unique(labels[fitted])) < 2:
        raise DataError(
            "The rows to fit on and those set aside must hold both classes, but the groups of "
            "one class are too few. Give more groups, or a fitted classifier and new rows."
        )
    return Divided(np.sort(fitted), np.sort(aside))


def crossed(
    estimator: Any, X: Any, labels: NDArray[Any], groups: Any, *, cv: Any, method: str
) -> NDArray[Any]:
    """Score every row by a clone that has not seen it; whole groups stay in one fold.

    Args:
        estimator: To be cloned.
        X: Rows.
        labels: Shape ``(n,)``.
        groups: Shape ``(n,)``, or None.
        cv: Number of folds, or a splitter.
        method: ``"decision_function"`` or ``"predict_proba"``.
    """
    if isinstance(cv, (int, np.integer)) and groups is not None:
        cv = StratifiedGroupKFold(int(cv))
    folds = check_cv(cv, labels, classifier=True)
    found: NDArray[Any] = cross_val_predict(
        estimator, X, labels, groups=groups, cv=folds, method=method
    )
    return found
