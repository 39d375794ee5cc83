"""What ``X`` is: a table of numbers, a frame of mixed columns, or images; brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from rarecall.data.columns import as_numbers, prepare_columns
from rarecall.data.wording import quoted
from rarecall.errors import DataError
from rarecall.estimators.compat import check_names, checked_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


# ruff: noqa: N803, N806  (X is scikit-learn's name)


@dataclass(frozen=True)
class Layout:
    """What ``fit`` has seen of ``X``, so that later rows are read alike.

    Attributes:
        kind: ``"table"`` or ``"images"``.
        names: Of all columns, in order; of a matrix ``x0``, ``x1``, …; empty for images.
        numeric: Whether a column holds numbers, a value a name.
        kept: Names of the columns that are used.
        shape: Height, width and channels of the images; None for tables.
        notes: Sentences on columns left out.
    """

    kind: Literal["table", "images"]
    names: tuple[str, ...] = ()
    numeric: tuple[bool, ...] = ()
    kept: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    notes: tuple[str, ...] = ()


def first_look(estimator: Any, X: Any) -> tuple[Layout, Any]:
    """Read the ``X`` of ``fit`` and set ``n_features_in_`` and ``feature_names_in_``.

    Every column of numbers is a feature. Of other columns those that never change, or that name
    their row, are left out with a note; dates become dates, the rest categories.

    Returns:
        What it is, and its rows: a frame of the used columns, or uint8 images ``(n, H, W, C)``.

    Raises:
        DataError: A column of free text, no column left, or images that are not uint8.
        ValueError: What scikit-learn refuses: infinities, complex numbers, no rows, ...
    """
    if _are_images(X):
        images = _images(X)
        shape = (int(images.shape[1]), int(images.shape[2]), int(images.shape[3]))
        estimator.n_features_in_ = int(np.prod(shape))
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return Layout("images", shape=shape), images
    X = _as_pandas(X)
    if not isinstance(X, pd.DataFrame) or _plain(X):
        values = checked_array(estimator, X, reset=True)
        names = _names(estimator, values.shape[1])
        frame = pd.DataFrame(values, columns=list(names))
        return Layout("table", names, (True,) * len(names), names), frame
    check_names(estimator, X, reset=True)
    names = _names(estimator, X.shape[1])
    _refuse_empty(X)
    frame = X.set_axis(list(names), axis=1).reset_index(drop=True)
    numeric = [_is_number(frame.iloc[:, k]) for k in range(len(names))]
    notes: tuple[str, ...] = ()
    ready: dict[str, pd.Series[Any]] = {
        name: pd.Series(_numbers(frame[name], name))
        for name, number in zip(names, numeric, strict=True)
        if number
    }
    others = [name for name, number in zip(names, numeric, strict=True) if not number]
    try:
        prepared = prepare_columns(frame[others])
        ready |= {str(name): column for name, column in prepared.table.items()}
        notes = tuple(prepared.notes)
    except DataError as error:
        # With numbers beside them, no column need be left of the others.
        if not ready or "No column is left" not in str(error):
            raise
        notes = (str(error),)
    kept = tuple(name for name in names if name in ready)
    found = pd.DataFrame({name: ready[name] for name in kept})
    return Layout("table", names, tuple(numeric), kept, notes=notes), found


def later_look(estimator: Any, X: Any, layout: Layout) -> Any:
    """Read further rows as those of ``fit`` were read.

    Raises:
        DataError: Images of another size, or text in a column of numbers.
        ValueError: Other columns than those of ``fit``, or values that scikit-learn refuses.
    """
    if layout.kind == "images":
        if not _are_images(X):
            raise DataError(
                f"The classifier was fitted on images of {layout.shape}; X of shape "
                f"{np.shape(X)} came. Give uint8 images of that size, shape (n, H, W, C)."
            )
        images = _images(X)
        if images.shape[1:] != layout.shape:
            raise DataError(
                f"The classifier was fitted on images of height, width and channels {layout.shape};"
                f" images of {images.shape[1:]} came. Resize them."
            )
        return images
    X = _as_pandas(X)
    if all(layout.numeric):
        values = checked_array(estimator, X, reset=False)
        return pd.DataFrame(values, columns=list(layout.names))
    check_names(estimator, X, reset=False)
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(np.asarray(X, dtype=object))
    _refuse_empty(X)
    frame = X.set_axis(list(layout.names), axis=1).reset_index(drop=True)
    of_numbers = dict(zip(layout.names, layout.numeric, strict=True))
    return pd.DataFrame(
        {
            name: _numbers(frame[name], name) if of_numbers[name] else frame[name]
            for name in layout.kept
        }
    )


def _are_images(X: Any) -> bool:
    if isinstance(X, pd.DataFrame):
        return False
    dimensions, kind = getattr(X, "ndim", 0), getattr(X, "dtype", None)
    return dimensions == 4 or (dimensions == 3 and kind == np.uint8)


def _images(X: Any) -> NDArray[np.uint8]:
    images = np.asarray(X)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype != np.uint8 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise DataError(
            "Images must be uint8, shape (n, H, W), (n, H, W, 1) or (n, H, W, 3), one or more; "
            f"{images.dtype} of shape {np.shape(X)} came. Values from 0 to 1 become uint8 by "
            "(255 * images).round().astype('uint8')."
        )
    return np.ascontiguousarray(images)


def _as_pandas(X: Any) -> Any:
    # A frame of another library (polars) says itself how it becomes one of pandas.
    if not isinstance(X, pd.DataFrame) and hasattr(X, "to_pandas") and hasattr(X, "columns"):
        return X.to_pandas()
    return X


def _plain(frame: pd.DataFrame) -> bool:
    return all(_is_number(frame.iloc[:, k]) for k in range(frame.shape[1]))


def _is_number(column: pd.Series[Any]) -> bool:
    return bool(types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype))


def _numbers(column: pd.Series[Any], name: str) -> NDArray[np.float64]:
    if not _is_number(column):
        try:
            column = pd.to_numeric(column)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"The column {name!r} held numbers in fit, but not all values are numbers here: "
                f"{error}. Mend them, or leave these cells empty."
            ) from error
    values = as_numbers(column)
    if np.isinf(values).any():
        raise ValueError(
            f"Input X contains infinity in the column {name!r}. Replace it by a number, or leave "
            "the cell empty where the value is missing."
        )
    return values


def _names(estimator: Any, number: int) -> tuple[str, ...]:
    given = getattr(estimator, "feature_names_in_", None)
    if given is None:
        return tuple(f"x{k}" for k in range(number))
    names = tuple(str(name) for name in given)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Column names must differ, but {quoted(twice)} stands there twice.")
    return names


def _refuse_empty(frame: pd.DataFrame) -> None:
    if not len(frame):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required."
        )
