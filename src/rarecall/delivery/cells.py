"""Cells of new data, each read by itself: what a column held in training, or a reason why not.

A loader may look at a whole column before it decides what its cells mean. A prediction may not:
the same row must mean the same whatever stands above and below it.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from rarecall.data.columns import as_numbers, as_text
from rarecall.data.dates import looks_like_dates

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MISSING_WORDS = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
})  # fmt: skip
"""What stands for a missing value in a text file, there as in training."""

_YEAR_FIRST = re.compile(r"\s*\d{4}")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


class Cells(NamedTuple):
    """A column of cells, read.

    Attributes:
        values: Numbers (NaN where missing), dates (NaT) or text (None); shape ``(n,)``.
        bad: Which cells hold something that cannot be read, shape ``(n,)``.
        missing: Which cells are empty, shape ``(n,)``.
    """

    values: pd.Series[Any]
    bad: NDArray[np.bool_]
    missing: NDArray[np.bool_]


def numbers(column: pd.Series[Any], *, comma: bool = False) -> Cells:
    """Read cells as numbers; true and yes are 1, false and no are 0.

    Args:
        column: Numbers, or text.
        comma: Whether ``1,5`` is one and a half, as in files whose fields are parted by semicolons.

    >>> cells = numbers(pd.Series(["1.5", "yes", "NA", "many"], dtype=object))
    >>> cells.values.tolist(), cells.bad.tolist(), cells.missing.tolist()
    ([1.5, 1.0, nan, nan], [False, False, False, True], [False, False, True, False])
    """
    if types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    if types.is_datetime64_any_dtype(column.dtype):
        missing = column.isna().to_numpy(dtype=np.bool_)
        return Cells(pd.Series(np.full(len(column), np.nan)), ~missing, missing)
    if types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        values = as_numbers(column)
        return Cells(pd.Series(values), np.zeros(len(values), dtype=np.bool_), np.isnan(values))
    given = _objects(column)
    values = np.asarray(pd.to_numeric(given, errors="coerce"), dtype=np.float64)
    empty = np.zeros(len(values), dtype=np.bool_)
    odd = np.flatnonzero(np.isnan(values))
    empty[odd] = _is_missing(given[odd], MISSING_WORDS)
    odd = odd[~empty[odd]]
    words = given[odd]
    if comma:
        words = np.asarray([_pointed(word) for word in words], dtype=object)
    if len(odd):
        values[odd] = as_numbers(pd.Series(words, dtype=object))
    return Cells(pd.Series(values), np.isnan(values) & ~empty, empty)


def dates(column: pd.Series[Any]) -> Cells:
    """Read cells as dates, in UTC where they name an offset.

    A cell whose day and month could be exchanged, such as 03/04/2024, is bad: which of them is
    meant shows only in its neighbours.

    >>> cells = dates(pd.Series(["2024-01-31", "31/01/2024", "03/04/2024", None], dtype=object))
    >>> cells.values.dt.day.tolist(), cells.bad.tolist()
    ([31.0, 31.0, nan, nan], [False, False, True, False])
    """
    if types.is_datetime64_any_dtype(column.dtype):
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        missing = column.isna().to_numpy(dtype=np.bool_)
        found = column.reset_index(drop=True).astype("datetime64[us]")
        return Cells(found, np.zeros(len(missing), dtype=np.bool_), missing)
    given = _objects(column)
    codes, distinct = pd.factorize(given)
    empty = _is_missing(np.asarray([*distinct, None], dtype=object), MISSING_WORDS)[codes]
    moments = _moments([str(word) for word in distinct])
    read = np.append(moments, np.datetime64("NaT", "us"))[codes]
    return Cells(pd.Series(read), np.isnat(read) & ~empty, empty)


def texts(
    column: pd.Series[Any], known: pd.Index[Any], *, missing_words: frozenset[str] = MISSING_WORDS
) -> Cells:
    """Read cells as categories; a number that is written otherwise, 1.0 for 1, is the same.

    Args:
        column: Text or numbers.
        known: The categories of the training.
        missing_words: What stands for a missing value.

    Returns:
        ``bad`` are the cells whose category is not known.

    >>> cells = texts(pd.Series(["a", "1.0", "c", ""], dtype=object), pd.Index(["a", "1"]))
    >>> cells.values.tolist(), cells.bad.tolist()
    (['a', '1', 'c', None], [False, False, True, False])
    """
    given = as_text(column)
    codes, distinct = pd.factorize(given)
    empty = _is_missing(np.asarray([*distinct, None], dtype=object), missing_words)
    words = np.asarray([*(_known_word(str(word), known) for word in distinct), None], dtype=object)
    words[empty] = None
    strange = ~empty & (known.get_indexer(pd.Index(words, dtype=object)) < 0)
    return Cells(pd.Series(words[codes], dtype=object), strange[codes], empty[codes])


def _known_word(word: str, known: pd.Index[Any]) -> str:
    if word in known:
        return word
    try:
        value = float(word)
    except ValueError:
        return word
    whole = str(int(value)) if value.is_integer() else word
    return whole if whole in known else word


def _moments(words: list[str]) -> NDArray[np.datetime64]:
    """Read every word by itself."""
    found = np.full(len(words), np.datetime64("NaT", "us"))
    likely = [k for k, word in enumerate(words) if looks_like_dates(np.asarray([word]))]
    if likely:
        found[likely] = _parsed([words[k] for k in likely], format="ISO8601")
    for k in likely:
        if np.isnat(found[k]):
            orders = (False,) if _YEAR_FIRST.match(words[k]) else (False, True)
            readings = {_parsed([words[k]], dayfirst=order)[0] for order in orders}
            readings = {reading for reading in readings if not np.isnat(reading)}
            found[k] = readings.pop() if len(readings) == 1 else found[k]
    return found


def _parsed(words: list[str], **options: Any) -> NDArray[np.datetime64]:
    parse: Callable[..., Any] = pd.to_datetime
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = parse(pd.Series(words, dtype=object), utc=True, errors="coerce", **options)
        except (ValueError, TypeError, OverflowError):
            return np.full(len(words), np.datetime64("NaT", "us"))
    return np.asarray(read.dt.tz_localize(None), dtype="datetime64[us]")


def _objects(column: pd.Series[Any]) -> NDArray[np.object_]:
    return column.astype(object).to_numpy(dtype=object)


def _is_missing(words: NDArray[np.object_], known: frozenset[str]) -> NDArray[np.bool_]:
    return np.asarray(
        [
            word is None
            or (isinstance(word, str) and (word in known or not word.strip()))
            or (not isinstance(word, str) and bool(pd.isna(word)))
            for word in words
        ],
        dtype=np.bool_,
    )


def _pointed(word: Any) -> Any:
    return (
        word.replace(",", ".") if isinstance(word, str) and _DECIMAL_COMMA.fullmatch(word) else word
    )
