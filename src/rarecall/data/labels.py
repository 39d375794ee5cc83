"""Labels as text, and the critical one among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.columns import as_text
from rarecall.data.samples import count_labels
from rarecall.data.wording import counted, listed
from rarecall.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


def read_labels(column: pd.Series[Any], name: str) -> NDArray[np.str_]:
    """Turn a target column into labels as text; whole numbers lose their decimal point.

    Raises:
        DataError: A label is missing or infinite.

    >>> read_labels(pd.Series([1.0, 0.0]), "y").tolist()
    ['1', '0']
    """
    lacking = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column.dtype):
        lacking = lacking | np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        stripped = column.astype(str).str.strip().str.lower()
        lacking = lacking | stripped.isin(["inf", "-inf", "nan", ""]).to_numpy(dtype=bool)
    if lacking.any():
        rows = np.flatnonzero(lacking)
        raise DataError(
            f"Every sample needs a label, but the target column {name!r} is missing or infinite in "
            f"{counted(len(rows), 'row')} of {len(column)} (first at {_places(rows)}). "
            "Fill these in or delete the rows. (An empty cell, 'NA', 'None', 'null' and 'nan' "
            "all count as missing.)"
        )
    return as_text(column).astype(np.str_)


def match_label(wanted: object, labels: dict[str, int], *, target: str) -> str:
    """Find the label that is meant: 1, "1", 1.0 and True are the same.

    Args:
        wanted: The critical label as the user gave it.
        labels: Known labels and their counts.
        target: Name of the target column, for the message.

    Raises:
        DataError: No label, or more than one, can be meant.

    >>> match_label(1.0, {"0": 90, "1": 10}, target="y")
    '1'
    >>> match_label("1", {"False": 90, "True": 10}, target="y")
    'True'
    """
    text = str(wanted).strip()
    if text in labels:
        return text
    number = _as_number(text)
    found = [] if number is None else [name for name in labels if _as_number(name) == number]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"The critical label {text!r} could mean {' or '.join(map(repr, found))} in "
            f"{target!r}. Give it exactly as it is written there."
        )
    raise DataError(
        f"The critical label {text!r} is not among the labels of {target!r}."
        f"{did_you_mean(text, labels)} The labels are {with_counts(labels)}."
    )


def binary_targets(
    labels: NDArray[np.str_], critical: str | None, *, target: str
) -> tuple[NDArray[np.int64], str, dict[str, int]]:
    """Mark the critical label with 1 and all others with 0.

    Returns:
        Targets, shape ``(n,)``; the critical label as it stands in the data; all label counts.

    Raises:
        DataError: No critical label was named, it is absent, or it is the only one.
    """
    counts = count_labels(labels)
    if critical is None:
        raise DataError(
            "Say which label must not be missed: give `critical` (--critical). "
            f"The labels of {target!r} are {with_counts(counts)}."
        )
    name = match_label(critical, counts, target=target)
    if len(counts) < 2:
        raise DataError(
            f"Two classes are needed to tell the critical one from the others, but all "
            f"{counted(len(labels), 'sample')} carry the label {name!r} in {target!r}. "
            "Add samples of other labels."
        )
    return (labels == name).astype(np.int64), name, counts


def _as_number(text: str) -> float | None:
    truth = _TRUTH.get(text.lower())
    if truth is not None:
        return truth
    try:
        return float(text)
    except ValueError:
        return None


def with_counts(counts: dict[str, int]) -> str:
    """Name labels with their counts."""
    return listed([f"{name!r} ({count:,})" for name, count in counts.items()], most=20)


def _places(rows: NDArray[np.int64]) -> str:
    return "row " + ", ".join(str(row + 1) for row in rows[:3])
