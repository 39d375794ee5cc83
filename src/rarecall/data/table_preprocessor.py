"""Tables as tensors: numbers on a normal scale, categories as codes, missing values marked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from rarecall.data.columns import as_numbers, as_text, kind_of
from rarecall.data.dates import PARTS, date_part, parse_dates
from rarecall.data.preprocessing import Preprocessor
from rarecall.data.scaling import bin_edges, normal_knots
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rarecall.data.samples import Samples

MOST_CATEGORIES = 1000
"""Categories of a column beyond this number, by frequency, are pooled."""

_SEEN_AT_LEAST = 2


@dataclass(frozen=True)
class NumberColumn:
    """One number of a row: a piecewise linear map of a column, or of one part of its dates.

    Attributes:
        source: Name of the column.
        part: Part of a date (see :data:`rarecall.data.dates.PARTS`), or None.
        knots: Ascending values; beyond the first and last the map is flat.
        heights: What the knots become.
        fill: What a missing value becomes.
        bins: Edges for a piecewise encoding, ascending; empty when the map has two values only.
    """

    source: str
    part: str | None
    knots: list[float]
    heights: list[float]
    fill: float
    bins: list[float]


@dataclass(frozen=True)
class CategoryColumn:
    """One column of categories.

    Attributes:
        source: Name of the column.
        categories: Text; the k-th gets code ``k + 1``. Code 0 is for missing, unseen and rare ones.
    """

    source: str
    categories: list[str]


@dataclass(frozen=True)
class TablePreprocessor(Preprocessor):
    """Encodes a table as ``{"numeric": float32 (n, d), "categorical": int64 (n, k)}``.

    A number goes to its normal score, the normal quantile of its rank in training, so that
    outliers and units do not matter; a column with two values becomes 0 and 1. A column that has
    missing values in training is followed by a 0/1 column that marks them. Categories seen once
    in training share code 0 with missing and unseen ones, so that its embedding is learned.

    Attributes:
        numbers: How every numeric output is made.
        indicators: Columns whose missing values are marked, after the numbers.
        categories: How every code is made.
    """

    numbers: tuple[NumberColumn, ...]
    indicators: tuple[str, ...]
    categories: tuple[CategoryColumn, ...]

    @classmethod
    def fit(cls, samples: Samples) -> TablePreprocessor:
        """Fit on the training part.

        Raises:
            DataError: No column varies in training.
        """
        table = _table_of(samples)
        numbers: list[NumberColumn] = []
        indicators: list[str] = []
        categories: list[CategoryColumn] = []
        for label, column in table.items():
            name = str(label)
            missing = int(column.isna().sum())
            if 0 < missing < len(column):
                indicators.append(name)
            kind = kind_of(column)
            if kind == "category":
                frequent = _frequent(column)
                if frequent:
                    categories.append(CategoryColumn(name, frequent))
                continue
            parts: tuple[str | None, ...] = PARTS if kind == "date" else (None,)
            for part in parts:
                fitted = _fit_number(name, part, _values(column, part))
                if fitted is not None:
                    numbers.append(fitted)
        if not numbers and not categories and not indicators:
            raise DataError(
                "No column varies in the training part, so there is nothing to learn from. "
                "Enlarge the training part or add columns."
            )
        return cls(tuple(numbers), tuple(indicators), tuple(categories))

    def transform(self, samples: Samples) -> dict[str, torch.Tensor]:
        """Encode a table.

        Returns:
            ``numeric``, float32, shape ``(n, d)``, and ``categorical``, int64, shape ``(n, k)``.

        Raises:
            DataError: A column of the training part is missing.
        """
        return self.transform_table(_table_of(samples))

    def transform_table(self, table: pd.DataFrame) -> dict[str, torch.Tensor]:
        """Encode a table that need not have targets; as :meth:`transform`."""
        lacking = [name for name in self.columns if name not in table.columns]
        if lacking:
            raise DataError(
                f"The model was trained on columns that are not here: {quoted(lacking, most=20)} "
                f"({counted(len(lacking), 'column')} of {len(self.columns)}). "
                "Add them, under the same names."
            )
        n = len(table)
        numeric = np.empty((n, len(self.numbers) + len(self.indicators)), dtype=np.float32)
        for k, number in enumerate(self.numbers):
            values = _values(table[number.source], number.part)
            mapped = np.interp(values, number.knots, number.heights)
            mapped[np.isnan(values)] = number.fill
            numeric[:, k] = mapped
        dates = {number.source for number in self.numbers if number.part is not None}
        texts = {category.source for category in self.categories}
        for k, name in enumerate(self.indicators, start=len(self.numbers)):
            numeric[:, k] = _is_missing(table[name], date=name in dates, text=name in texts)
        codes = np.zeros((n, len(self.categories)), dtype=np.int64)
        for k, category in enumerate(self.categories):
            codes[:, k] = _codes(table[category.source], category.categories)
        return {"numeric": torch.from_numpy(numeric), "categorical": torch.from_numpy(codes)}

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are needed."""
        names = [number.source for number in self.numbers]
        names += [*self.indicators, *(category.source for category in self.categories)]
        return list(dict.fromkeys(names))

    @property
    def spec(self) -> dict[str, Any]:
        """``kind``, ``n_numeric``, ``bins`` of every numeric output, ``cardinalities``, names."""
        names = [n.source if n.part is None else f"{n.source} {n.part}" for n in self.numbers]
        return {
            "kind": "table",
            "n_numeric": len(self.numbers) + len(self.indicators),
            "bins": [list(n.bins) for n in self.numbers] + [[] for _ in self.indicators],
            "cardinalities": [len(category.categories) + 1 for category in self.categories],
            "numeric_names": names + [f"{name} missing" for name in self.indicators],
            "categorical_names": [category.source for category in self.categories],
        }

    def to_json(self) -> dict[str, Any]:
        """Give all that was fitted, in plain JSON values."""
        return {
            "kind": "table",
            "numbers": [asdict(number) for number in self.numbers],
            "indicators": list(self.indicators),
            "categories": [asdict(category) for category in self.categories],
        }

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> TablePreprocessor:
        """Restore what :meth:`to_json` gave."""
        return cls(
            tuple(NumberColumn(**number) for number in stored["numbers"]),
            tuple(stored["indicators"]),
            tuple(CategoryColumn(**category) for category in stored["categories"]),
        )


def _table_of(samples: Samples) -> pd.DataFrame:
    if not isinstance(samples.features, pd.DataFrame):
        raise DataError(f"A table is needed, but {samples.name} holds images.")
    return samples.features


def _fit_number(name: str, part: str | None, values: NDArray[np.float64]) -> NumberColumn | None:
    values = values[np.isfinite(values)]
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return None
    if len(distinct) == 2:
        # 0 and 1 stay as they are; a missing one becomes the more frequent.
        fill = float(counts[1] > counts[0])
        return NumberColumn(name, part, distinct.tolist(), [0.0, 1.0], fill, [])
    knots, heights = normal_knots(distinct, counts)
    mapped = np.interp(values, knots, heights)
    return NumberColumn(name, part, knots.tolist(), heights.tolist(), 0.0, bin_edges(mapped))


def _values(column: pd.Series[Any], part: str | None) -> NDArray[np.float64]:
    return as_numbers(column) if part is None else date_part(_as_dates(column), part)


def _as_dates(column: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    dates, _ = parse_dates(column.astype("string").astype(object))
    if dates is None:
        raise DataError(
            f"The column {column.name!r} held dates in training, but not all values here are. "
            "Write them as 2024-01-31."
        )
    return dates


def _is_missing(column: pd.Series[Any], *, date: bool, text: bool) -> NDArray[np.bool_]:
    if date or text or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.isna().to_numpy(dtype=np.bool_)
    return np.isnan(as_numbers(column))


def _frequent(column: pd.Series[Any]) -> list[str]:
    text = as_text(column)
    words, counts = np.unique(text[pd.notna(text)].astype(np.str_), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    return [str(words[k]) for k in order if counts[k] >= _SEEN_AT_LEAST]


def _codes(column: pd.Series[Any], categories: list[str]) -> NDArray[np.int64]:
    # -1, for what is missing or unseen, becomes code 0.
    return pd.Index(categories, dtype=object).get_indexer(pd.Index(as_text(column))) + 1
