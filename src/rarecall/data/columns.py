"""The columns of a table: which kind each is, and each kind in one form.

A prepared table holds numbers (booleans as 0 and 1), dates and categories (text), nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from rarecall.data.dates import looks_like_dates, parse_dates
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColumnKind = Literal["number", "date", "category"]

_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_NAMED_LIKE_ID = re.compile(r"(^|[_\W])(id|uuid|guid|index|rownum|row_?id)$|^unnamed: 0$", re.I)
_FEW = 20
"""Below this many rows all-distinct whole numbers say nothing."""
_MANY = 1000
"""From this many rows on, all-distinct whole numbers are hardly ever a measurement."""


def kind_of(column: pd.Series[Any]) -> ColumnKind:
    """Tell the kind of a prepared column by its dtype.

    >>> kind_of(pd.Series([1, 2])), kind_of(pd.Series(["a", "b"]))
    ('number', 'category')
    """
    if types.is_datetime64_any_dtype(column.dtype):
        return "date"
    if types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        return "number"
    return "category"


def described_kind(column: pd.Series[Any]) -> str:
    """Tell the kind in the words of a report: numeric, boolean, date or categorical.

    >>> described_kind(pd.Series([0, 1, 1]))
    'boolean'
    """
    kind = kind_of(column)
    if kind == "number":
        return "boolean" if is_binary(as_numbers(column)) else "numeric"
    return {"date": "date", "category": "categorical"}[kind]


def is_binary(values: NDArray[np.float64]) -> bool:
    """Tell whether the values are 0, 1 or missing, and nothing else."""
    return bool(np.all((values == 0) | (values == 1) | np.isnan(values)))


def as_numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Read a column as numbers; what is no number becomes NaN; true and yes become 1.

    >>> as_numbers(pd.Series(["yes", "no", "?"]))
    array([ 1.,  0., nan])
    """
    if types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    # Each distinct value once: a column of text repeats itself.
    codes, distinct = pd.factorize(column)
    words = pd.Series(np.asarray(distinct, dtype=object), dtype=object).astype(str)
    truth = words.str.strip().str.lower().map(_TRUTH)
    numbers = pd.to_numeric(words, errors="coerce").astype(np.float64).fillna(truth)
    return np.append(numbers.to_numpy(dtype=np.float64), np.nan)[codes]


def as_text(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Read a column as text; whole numbers lose their decimal point; missing stays missing (None).

    >>> as_text(pd.Series([1.0, 2.5, None])).tolist()
    ['1', '2.5', None]
    """
    codes, distinct = pd.factorize(column)
    words = np.asarray([*(_word(value) for value in distinct), None], dtype=object)
    return words[codes]


def _word(value: object) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    return str(value)


@dataclass
class Prepared:
    """A prepared table and what was decided about its columns."""

    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)


@dataclass
class _Findings:
    constant: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def prepare_columns(table: pd.DataFrame) -> Prepared:
    """Bring the feature columns into their forms; leave out those that can only mislead.

    Constant columns and columns that name their row are left out with a note.

    Raises:
        DataError: A column holds free text or nested values, or no column remains.

    >>> prepared = prepare_columns(pd.DataFrame({"a": [1, 2, 3], "b": [7, 7, 7]}))
    >>> list(prepared.table), prepared.notes
    (['a'], ["Left out 1 column that never changes: 'b'."])
    """
    found = _Findings()
    kept: dict[str, pd.Series[Any]] = {}
    for name, column in table.items():
        ready = _prepare(str(name), column, found)
        if ready is not None:
            kept[str(name)] = ready
    if found.text or found.nested:
        raise DataError(_refusal(found))
    notes = []
    if found.constant:
        columns = counted(len(found.constant), "column")
        change = "changes" if len(found.constant) == 1 else "change"
        notes.append(f"Left out {columns} that never {change}: {quoted(found.constant)}.")
    if found.identifiers:
        notes.append(
            f"Left out {counted(len(found.identifiers), 'column')} whose values are all different "
            f"and seem to name the row, which can leak the target: {quoted(found.identifiers)}. "
            "A measurement is kept if its numbers have a decimal point."
        )
    if not kept:
        raise DataError(
            "No column is left to learn from. " + " ".join(notes or ["The table has no features."])
        )
    return Prepared(pd.DataFrame(kept, copy=False), notes + found.notes)


def _prepare(name: str, column: pd.Series[Any], found: _Findings) -> pd.Series[Any] | None:
    missing = bool(column.isna().any())
    if types.is_complex_dtype(column.dtype):
        found.nested.append(name)
        return None
    if types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    elif types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype):
        return _prepare_text(name, column, found)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        return _as_category(column, name, found)
    elif types.is_datetime64_any_dtype(column.dtype):
        if not _varies(column, missing):
            found.constant.append(name)
            return None
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return column.astype("datetime64[us]")
    if not (types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype)):
        return _prepare_text(name, column.astype(object), found)
    return _prepare_numbers(name, column, found)


def _prepare_numbers(name: str, column: pd.Series[Any], found: _Findings) -> pd.Series[Any] | None:
    whole = types.is_integer_dtype(column.dtype)
    values = as_numbers(column)
    gaps = np.isnan(values)
    if not _varies(pd.Series(values), bool(gaps.any())):
        found.constant.append(name)
        return None
    infinite = int(np.isinf(values).sum())
    if infinite:
        found.notes.append(
            f"{name!r} is infinite in {counted(infinite, 'row')}; these count as its largest or "
            "smallest finite value."
        )
    # Whole numbers with gaps come from a file as floats.
    whole = whole or (bool(gaps.any()) and bool(np.all(values[~gaps] == np.round(values[~gaps]))))
    if whole and _names_the_row(name, values[~gaps]):
        found.identifiers.append(name)
        return None
    plain = column.dtype if isinstance(column.dtype, np.dtype) else None
    if plain is not None and plain.kind in "iuf":
        return column
    return pd.Series(values.astype(np.int8) if _small(values) else values, index=column.index)


def _prepare_text(name: str, column: pd.Series[Any], found: _Findings) -> pd.Series[Any] | None:
    present = column.dropna()
    sample = present.iloc[:1000]
    if any(isinstance(value, (list, dict, set, tuple, bytes, np.ndarray)) for value in sample):
        found.nested.append(name)
        return None
    if len(present) and not any(isinstance(value, str) for value in sample):
        numbers = pd.to_numeric(present, errors="coerce")
        if numbers.notna().all():
            return _prepare_numbers(name, numbers.reindex(column.index).astype(np.float64), found)
    distinct = pd.unique(present)
    if len(distinct) <= 1 and len(present) in (0, len(column)):
        found.constant.append(name)
        return None
    words = pd.Series(np.asarray(distinct, dtype=object), dtype=object).astype(str)
    if set(words.str.strip().str.lower()) <= set(_TRUTH):
        return pd.Series(as_numbers(column), index=column.index)
    if looks_like_dates(words.to_numpy()):
        dates, ambiguous = parse_dates(column)
        if dates is not None:
            if ambiguous:
                found.notes.append(
                    f"The dates in {name!r} could be month/day or day/month; they were read as "
                    "month/day. Write them as 2024-01-31 to be sure."
                )
            return dates
    if _is_text(words, len(present)):
        found.text.append(name)
        return None
    return _as_category(column, name, found, words=words)


def _as_category(
    column: pd.Series[Any],
    name: str,
    found: _Findings,
    words: pd.Series[Any] | None = None,
) -> pd.Series[Any] | None:
    text = as_text(column)
    category = pd.Series(pd.Categorical(text), index=column.index)
    present = int(category.notna().sum())
    distinct = len(category.cat.categories)
    if distinct <= 1 and present in (0, len(column)):
        found.constant.append(name)
        return None
    if distinct == present > 2:
        found.identifiers.append(name)
        return None
    if distinct > _FEW and distinct > present / 2:
        found.notes.append(
            f"{name!r} has {distinct:,} different values in {present:,} rows; those seen once "
            "in training are pooled. Leave it out if it names persons or things."
        )
    if words is not None and distinct > 2:
        numeric = pd.to_numeric(words, errors="coerce").notna()
        if 0.9 < float(numeric.mean()) < 1.0:
            odd = quoted(list(words[~numeric]), most=3)
            found.notes.append(
                f"{name!r} is read as categories, not as numbers, because of values such as {odd}. "
                "Leave such cells empty if they mean that the value is missing."
            )
    return category


def _varies(values: pd.Series[Any], missing: bool) -> bool:
    return int(values.nunique()) + missing > 1


def _small(values: NDArray[np.float64]) -> bool:
    return not np.isnan(values).any() and is_binary(values)


def _names_the_row(name: str, values: NDArray[np.float64]) -> bool:
    n = len(values)
    if n < 3 or is_binary(values) or len(np.unique(values)) < n:
        return False
    if _NAMED_LIKE_ID.search(name):
        return True
    if n < _FEW:
        return False
    steps = np.diff(values)
    ordered = bool((steps > 0).all() or (steps < 0).all())
    dense = float(values.max() - values.min()) < 2 * n
    return ordered or dense or n >= _MANY


def _is_text(words: pd.Series[Any], present: int) -> bool:
    if len(words) <= present / 5:
        return False
    length = float(words.str.len().mean())
    breaks = float(words.str.count(r"\s+").mean())
    return length > 60 or (length > 20 and breaks >= 3)


def _refusal(found: _Findings) -> str:
    sentences = []
    if found.text:
        sentences.append(
            f"{counted(len(found.text), 'column')} with free text cannot be used as it stands: "
            f"{quoted(found.text, most=20)}."
        )
    if found.nested:
        sentences.append(
            f"{counted(len(found.nested), 'column')} with lists, bytes or other nested values "
            f"cannot be used: {quoted(found.nested, most=20)}."
        )
    names = ",".join(found.text + found.nested)
    sentences.append(
        f"Leave them out (`drop`, --drop {names}) or replace them by numbers or categories."
    )
    return " ".join(sentences)
