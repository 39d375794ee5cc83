"""The rows of a table, whatever its format, with what is written beside their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.columns import as_text
from rarecall.data.table_files import is_parquet
from rarecall.data.wording import counted, quoted
from rarecall.delivery.csv_chunks import CsvChunks
from rarecall.delivery.parquet_chunks import ParquetChunks
from rarecall.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.delivery.csv_chunks import Chunk
    from rarecall.delivery.row_checks import Problems

_CELLS = 2_000_000
"""About as many cells are held at once."""


class TableRows:
    """A table in chunks, whatever its format, with the number of the first row of each.

    Args:
        path: CSV, TSV or Parquet.
        rows: About as many come at once; by default what takes little memory.

    Raises:
        DataError: It is empty, damaged, or two columns have one name.
    """

    def __init__(self, path: Path, rows: int | None) -> None:
        kind = ParquetChunks if is_parquet(path) else CsvChunks
        self.path = path
        self._chunks = kind(path, rows or 1)
        self._chunks.rows = rows or max(500, min(50_000, _CELLS // max(1, len(self.columns))))
        self.typed, self.comma = self._chunks.typed, self._chunks.comma

    @property
    def columns(self) -> list[str]:
        """Names of all its columns."""
        return self._chunks.columns

    def chunks(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[tuple[int, Chunk]]:
        """Give the rows; arguments as for :meth:`CsvChunks.chunks`."""
        start = 0
        for chunk in self._chunks.chunks(columns, numbers):
            yield start, chunk
            start += len(chunk.table)

    def passed_over(self, used: Sequence[str]) -> list[str]:
        """Name the columns that nobody needs, in a note."""
        extra = [name for name in self.columns if name not in used and name]
        if not extra:
            return []
        return [f"Passed over {counted(len(extra), 'column')} not needed: {quoted(extra)}."]

    def tell_misfits(self, chunk: Chunk, problems: Problems) -> None:
        """Say that rows have another number of fields than the header; nothing else is known."""
        if len(chunk.misfits) >= 20 and 4 * len(chunk.misfits) > len(chunk.table):
            row, fields = next(iter(chunk.misfits.items()))
            raise DataError(
                f"{self.path.name} has {len(self.columns)} columns in its header, but "
                f"{len(chunk.misfits):,} of {len(chunk.table):,} rows have another number of "
                f"fields, the first of them {fields}. Quote fields that hold the delimiter."
            )
        for row, fields in chunk.misfits.items():
            problems.told[row] = f"{fields} fields where the header has {len(self.columns)}"
            problems.unusable[row] = True


class Aside:
    """Columns that are no features: what rows are called, and what is written beside the scores.

    Args:
        table: The source.
        id: Column that names a row, or None for row numbers.
        keep: Columns to write.

    Raises:
        DataError: A column is not there.
    """

    def __init__(self, table: TableRows, id: str | None, keep: Sequence[str]) -> None:  # noqa: A002
        self.id, self.keep = id, list(keep)
        for name in self.columns:
            if name not in table.columns:
                raise DataError(
                    f"{table.path.name} has no column {name!r}.{did_you_mean(name, table.columns)} "
                    f"Its columns are {quoted(table.columns, most=20)}."
                )

    @property
    def columns(self) -> list[str]:
        """Names of these columns."""
        return [*self.keep, *([] if self.id is None else [self.id])]

    def take(self, table: pd.DataFrame, start: int) -> tuple[NDArray[np.object_], pd.DataFrame]:
        """Give what the rows are called, text, and the kept columns, text."""
        kept = pd.DataFrame({name: as_text(table[name]) for name in self.keep}, index=table.index)
        if self.id is None:
            return np.arange(start, start + len(table)).astype(str).astype(object), kept
        return as_text(table[self.id]), kept
