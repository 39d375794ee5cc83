"""New rows against the columns of the training: read and encoded, what is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from rarecall.data.wording import counted, quoted
from rarecall.delivery.cells import MISSING_WORDS, dates, numbers, texts
from rarecall.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from rarecall.data.table_preprocessor import TablePreprocessor
    from rarecall.delivery.cells import Cells

Kind = Literal["number", "date", "category", "presence"]

_FEW = 20
"""Fewer odd rows than this say nothing about a column."""

_SAYS = {
    "number": "no number",
    "date": "no date that can be read in one way only (write 2024-01-31)",
    "category": "no category that the model knows",
}
_HELD = {"number": "numbers", "date": "dates", "category": "categories"}


@dataclass(eq=False)
class Problems:
    """What is wrong with rows, and which of them cannot be scored.

    Attributes:
        told: A sentence a row, empty where nothing is wrong; shape ``(n,)``.
        unusable: Rows that cannot be scored, shape ``(n,)``.
    """

    told: NDArray[np.object_]
    unusable: NDArray[np.bool_]

    @classmethod
    def none(cls, rows: int) -> Problems:
        """Nothing is wrong yet."""
        return cls(np.full(rows, "", dtype=object), np.zeros(rows, dtype=np.bool_))

    def add(self, rows: Sequence[int] | NDArray[np.int64], what: Sequence[str]) -> None:
        """Tell something of some rows, a sentence each."""
        for row, sentence in zip(rows, what, strict=True):
            before = self.told[row]
            self.told[row] = f"{before}; {sentence}" if before else sentence

    def block(self, rows: Sequence[int] | NDArray[np.int64], what: Sequence[str]) -> None:
        """Tell something of some rows that keeps them from being scored."""
        self.add(rows, what)
        self.unusable[np.asarray(rows, dtype=np.int64)] = True


@dataclass(frozen=True, eq=False)
class TableChecks:
    """Reads rows as a model's table preprocessing needs them.

    A cell that cannot be read makes its row unusable: nobody knows what stands there. A category
    that the training did not have, or a value that is missing where none was, is scored as the
    model was made to do it, and said.

    Args:
        preprocessor: Of the model.
        comma: Whether ``1,5`` is a number.
        typed: Whether the source tells missing values from text (Parquet), so that no word stands
            for one.
    """

    preprocessor: TablePreprocessor
    comma: bool = False
    typed: bool = False
    _known: dict[str, pd.Index[Any]] = field(init=False)

    def __post_init__(self) -> None:
        known = {
            category.source: pd.Index(category.categories, dtype=object)
            for category in self.preprocessor.categories
        }
        object.__setattr__(self, "_known", known)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What every needed column holds, in the order of the training."""
        found: dict[str, Kind] = {}
        for number in self.preprocessor.numbers:
            found[number.source] = "number" if number.part is None else "date"
        for category in self.preprocessor.categories:
            found[category.source] = "category"
        for name in self.preprocessor.indicators:
            found.setdefault(name, "presence")
        return found

    def refuse_lacking(self, columns: Sequence[str], source: str) -> None:
        """Refuse a table without the columns of the training.

        Raises:
            DataError: Names those that are missing, and what they may be called here.
        """
        needed = list(self.kinds)
        lacking = [name for name in needed if name not in columns]
        if lacking:
            raise DataError(
                f"The model needs {counted(len(needed), 'column')}, and {source} lacks "
                f"{counted(len(lacking), 'of them') if len(lacking) > 1 else 'one'}: "
                f"{quoted(lacking, most=20)}.{did_you_mean(lacking[0], columns)} "
                "Add them under the names of the training; an empty column says that its values "
                "are missing."
            )

    def read(self, table: pd.DataFrame, problems: Problems) -> dict[str, Tensor]:
        """Read and encode rows, and tell what is wrong with them.

        Args:
            table: The needed columns, any others are passed over; ``n`` rows.
            problems: Of these rows; added to.

        Returns:
            As the preprocessor's ``transform_table``; unusable rows are filled in.
        """
        ready: dict[str, Any] = {}
        empty = np.ones(len(table), dtype=np.bool_)
        for name, kind in self.kinds.items():
            cells = self._cells(table[name], kind)
            ready[name] = cells.values.array
            empty &= cells.missing
            self._tell(name, kind, table[name], cells, problems)
        problems.told[empty] = "every value is missing"
        problems.unusable |= empty
        return self.preprocessor.transform_table(pd.DataFrame(ready, copy=False))

    def refuse_retyped(self, table: pd.DataFrame) -> None:
        """Refuse a table one of whose columns holds something else than in training.

        Args:
            table: The first rows.

        Raises:
            DataError: More than a quarter of a column, and twenty cells, cannot be read.
        """
        for name, kind in self.kinds.items():
            if kind not in ("number", "date"):
                continue
            cells = self._cells(table[name], kind)
            bad, present = int(cells.bad.sum()), int((~cells.missing).sum())
            if bad >= _FEW and 4 * bad > present:
                odd = list(dict.fromkeys(table[name].astype(str).to_numpy()[cells.bad]))
                raise DataError(
                    f"The column {name!r} held {_HELD[kind]} in training, but here {bad:,} of its "
                    f"first {present:,} values are {_SAYS[kind]}, such as {quoted(odd[:3])}. Give "
                    "the column as it was in training."
                )

    def _cells(self, column: pd.Series[Any], kind: Kind) -> Cells:
        if kind == "date":
            return dates(column)
        if kind == "category":
            words = frozenset[str]() if self.typed else MISSING_WORDS
            return texts(column, self._known[str(column.name)], missing_words=words)
        return numbers(column, comma=self.comma)

    def _tell(
        self, name: str, kind: Kind, given: pd.Series[Any], cells: Cells, problems: Problems
    ) -> None:
        # A column of which only the presence counts may hold anything.
        bad = np.flatnonzero(cells.bad) if kind != "presence" else np.empty(0, dtype=np.int64)
        if len(bad):
            words = given.astype(object).to_numpy(dtype=object)[bad]
            told = [f"{name}: {str(word)[:40]!r} is {_SAYS[kind]}" for word in words]
            (problems.add if kind == "category" else problems.block)(bad, told)
        if name not in self.preprocessor.indicators:
            gaps = np.flatnonzero(cells.missing)
            problems.add(gaps, [f"{name}: missing, which it never was in training"] * len(gaps))
