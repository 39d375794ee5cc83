"""Columns that part the samples into subgroups (site, sex, age), as few words each."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from pandas.api import types

from rarecall.data.columns import as_numbers, as_text, is_binary
from rarecall.data.wording import quoted
from rarecall.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MISSING = "(missing)"
OTHERS = "(others)"
_MOST_NUMBERS = 12
"""Numbers with more distinct values than this are cut at their quartiles."""
_MOST_VALUES = 12
"""Of more values the most frequent are kept, the rest pooled."""


def subgroup_table(table: pd.DataFrame, names: Sequence[str], source: str) -> pd.DataFrame:
    """Take columns aside as categories that name the subgroup of every row, in their order.

    Numbers with many values are cut at their quartiles; of many words the most frequent stay and
    the rest are pooled; what is missing is a subgroup of its own.

    Args:
        table: Holds the columns.
        names: Which ones.
        source: Of the table, for messages.

    Raises:
        DataError: A column is not there.

    >>> table = pd.DataFrame({"sex": ["f", "m", None], "age": [40, 50, 60]})
    >>> subgroup_table(table, ["sex"], "demo")["sex"].tolist()
    ['f', 'm', '(missing)']
    """
    known = [str(name) for name in table.columns]
    lacking = [name for name in names if name not in known]
    if lacking:
        raise DataError(
            " ".join(
                f"The subgroup column {name!r} is not in {source}.{did_you_mean(name, known)}"
                for name in lacking
            )
            + f" Its columns are {quoted(known, most=20)}."
        )
    return pd.DataFrame(
        {name: _words(table[name]) for name in dict.fromkeys(names)},
        index=pd.RangeIndex(len(table)),
    )


def _words(column: pd.Series[Any]) -> pd.Categorical:
    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        values = as_numbers(column)
        if len(np.unique(values[~np.isnan(values)])) > _MOST_NUMBERS and not is_binary(values):
            return _quartiles(values)
    words = np.asarray([MISSING if word is None else word for word in as_text(column)], dtype=str)
    names, counts = np.unique(words, return_counts=True)
    order = [str(name) for name in names[np.argsort(-counts, kind="stable")]]
    if len(order) > _MOST_VALUES:
        kept = order[: _MOST_VALUES - 1]
        words = np.where(np.isin(words, kept), words, OTHERS)
        order = kept
    last = [name for name in (OTHERS, MISSING) if name in set(words.tolist())]
    return pd.Categorical(words, [name for name in order if name not in last] + last)


def _quartiles(values: NDArray[np.float64]) -> pd.Categorical:
    """Name the quarter that each value lies in; equal values stay together."""
    finite = values[np.isfinite(values)]
    cuts = np.unique(np.quantile(finite, (0.25, 0.5, 0.75), method="inverted_cdf"))
    # A cut at the largest value would leave an empty quarter above it.
    cuts = cuts[cuts < finite.max()]
    ends = [f"{cut:.6g}" for cut in cuts]
    between = [f"above {low}, to {high}" for low, high in pairwise(ends)]
    names = [f"to {ends[0]}", *between, f"above {ends[-1]}"] if ends else ["all"]
    gaps = np.isnan(values)
    place: NDArray[np.int64] = np.where(gaps, len(names), np.searchsorted(cuts, values, "left"))
    # Cuts that differ only beyond the sixth digit would have one name.
    if len(set(names)) < len(names):
        names = [f"quarter {k + 1}" for k in range(len(names))]
    categories = pd.Index([*names, MISSING] if gaps.any() else names)
    return cast("pd.Categorical", pd.Categorical.from_codes(place, categories))
