"""Dates: found among text columns, read as times, taken apart into numbers."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = ("days", "month", "weekday", "hour")
"""The numbers that a date column becomes."""

_LOOKS_LIKE_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"
    r"|\d{1,2}[ -][A-Za-z]{3,9}\.?[ -]\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})"
    r"([T ,]+\d{1,2}:\d{2}.*)?\s*"
)


def looks_like_dates(words: pd.Index[Any] | NDArray[Any]) -> bool:
    """Tell whether distinct text values are written like dates, judging by the first fifty.

    >>> looks_like_dates(np.array(["2024-01-31", "2024-02-01 10:30"]))
    True
    >>> looks_like_dates(np.array(["10.0.0.1"]))
    False
    """
    return len(words) > 0 and all(_LOOKS_LIKE_DATE.fullmatch(str(word)) for word in words[:50])


def parse_dates(words: pd.Series[Any]) -> tuple[pd.Series[Any] | None, bool]:
    """Read text as dates, in UTC where it names an offset, if every value that is present can be.

    Args:
        words: Text, with missing values.

    Returns:
        The dates, or None when some value is no date; and whether the day and the month could be
        exchanged in every one of them (they are then read as month/day).
    """
    present = words.notna()
    found: list[pd.Series[Any]] = []
    for options in ({"format": "ISO8601"}, {}, {"dayfirst": True}):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dates = pd.to_datetime(words, errors="coerce", utc=True, **options)
        except (ValueError, TypeError, OverflowError):
            continue
        if bool(dates[present].notna().all()):
            found.append(dates.dt.tz_localize(None).astype("datetime64[us]"))
            if options.get("format"):
                return found[0], False
    if not found:
        return None, False
    ambiguous = len(found) > 1 and not found[0].equals(found[1])
    return found[0], ambiguous


def read_times(column: pd.Series[Any], name: str) -> tuple[NDArray[Any], list[str]]:
    """Read a time column: numbers as they are, text as dates.

    Returns:
        Times, float64 or datetime64, shape ``(n,)``; notes for the user.

    Raises:
        DataError: A value is missing or is no time.
    """
    missing = int(column.isna().sum())
    if missing:
        raise DataError(
            f"A split by time needs the time of every sample, but the time column {name!r} is "
            f"missing in {counted(missing, 'row')} of {len(column)}. Fill these in or delete them."
        )
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _without_zone(column).to_numpy(), []
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise DataError(f"The time column {name!r} holds infinite values. Correct them.")
        return values, []
    dates, ambiguous = parse_dates(column.astype(str))
    if dates is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tried = pd.to_datetime(column.astype(str), errors="coerce", utc=True, format="mixed")
        bad = column[tried.isna()].astype(str).unique()
        shown = quoted(list(bad) or list(column.astype(str).unique()), most=3)
        raise DataError(
            f"The time column {name!r} must hold numbers or dates written in one way, but has "
            f"values such as {shown}. Write dates as 2024-01-31 or 2024-01-31 10:30."
        )
    notes = []
    if ambiguous:
        notes.append(
            f"The dates in {name!r} could be month/day or day/month; they were read as month/day. "
            "Write them as 2024-01-31 to be sure."
        )
    return dates.to_numpy(), notes


def date_part(dates: pd.Series[Any], part: str) -> NDArray[np.float64]:
    """Take one number out of every date; NaN where it is missing.

    Args:
        dates: Dates, shape ``(n,)``.
        part: One of :data:`PARTS`; ``days`` counts from 1970, ``weekday`` from Monday = 0.

    >>> date_part(pd.Series(pd.to_datetime(["1970-01-02 12:00"])), "days")
    array([1.5])
    """
    dates = _without_zone(dates)
    if part == "days":
        moments = dates.to_numpy().astype("datetime64[us]")
        elapsed = moments.astype(np.int64) / 86_400e6
        return np.where(np.isnat(moments), np.nan, elapsed)
    if part == "hour":
        number = dates.dt.hour + dates.dt.minute / 60
    elif part == "month":
        number = dates.dt.month
    elif part == "weekday":
        number = dates.dt.day_of_week
    else:
        raise ValueError(f"A date has the parts {', '.join(PARTS)}, not {part!r}.")
    return np.asarray(number, dtype=np.float64)


def _without_zone(dates: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.astype("datetime64[us]")
