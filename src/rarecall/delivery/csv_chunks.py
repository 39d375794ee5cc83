"""A text table of any size in chunks of rows, none of which is lost or shifted.

A block of bytes is cut off where a line ends outside quotes. pandas parses it where every field is
as expected; where one is not, the block is read again field by field, which takes ten times as long
and says which row it was.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.table_files import text_header, told_as_data_errors, unpacked
from rarecall.delivery.cells import MISSING_WORDS
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SMALLEST, _LARGEST = 2**12, 2**28
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of a table.

    Attributes:
        table: The columns that were asked for, ``n`` rows.
        misfits: Rows with another number of fields than the header, and how many.
        done: Share of the source that was read, in [0, 1].
    """

    table: pd.DataFrame
    misfits: dict[int, int]
    done: float


class CsvChunks:
    """Rows of a text table, in order.

    Args:
        path: CSV or TSV, also packed.
        rows: About as many rows come at once.

    Raises:
        DataError: It is empty, has no header, or two columns of one name.
    """

    typed = False

    def __init__(self, path: Path, rows: int) -> None:
        self.path, self.rows = path, rows
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty. It should hold a table with a header line.")
        with told_as_data_errors(path):
            self.delimiter, self.columns = text_header(path)
        if not any(self.columns):
            raise DataError(f"{path} holds no table, only empty lines.")
        self.comma = self.delimiter == ";"
        self._decimals = [".", ","] if self.comma else ["."]

    def chunks(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Chunk]:
        """Give the rows.

        Args:
            columns: Names of those to give.
            numbers: Those of them that hold numbers.

        Raises:
            DataError: The file is damaged, or no text.
        """
        places = {name: self.columns.index(name) for name in columns}
        with told_as_data_errors(self.path):
            for block, done in self._blocks():
                table, misfits = self._fast(block, places, numbers), dict[int, int]()
                if table is None:
                    table, misfits = self._careful(block, places)
                if len(table):
                    yield Chunk(table, misfits, done)

    # Cutting ----------------------------------------------------------------------------------

    def _blocks(self) -> Iterator[tuple[bytes, float]]:
        """Give whole lines, without the header."""
        size = max(1, self.path.stat().st_size)
        with self.path.open("rb") as raw, unpacked(self.path, raw) as file:
            rest, wanted, first = b"", _SMALLEST, True
            while True:
                more = file.read(wanted)
                rest += more
                cut = _last_line_end(rest) if more else len(rest)
                if cut and first:
                    # The first lines say how long a line is; they come with those that follow.
                    block, rest = rest[:cut], rest[cut:]
                    if block.removeprefix(_BOM).strip():
                        wanted, first = self._wanted(block), False
                        rest = _without_header(block) + rest
                    if more:
                        continue
                    cut = len(rest)
                if cut:
                    block, rest = rest[:cut], rest[cut:]
                    if block:
                        yield block, min(1.0, raw.tell() / size)
                elif len(rest) > _LARGEST:
                    raise DataError(
                        f"{self.path} has no line that ends within {_LARGEST >> 20} MiB; a quote "
                        "may be opened and not closed. Quotes inside a quoted field are doubled."
                    )
                if not more:
                    return

    def _wanted(self, sample: bytes) -> int:
        line = len(sample) / max(1, sample.count(b"\n"))
        return int(min(max(self.rows * line, _SMALLEST), _LARGEST >> 2))

    # Reading ----------------------------------------------------------------------------------

    def _fast(
        self, block: bytes, places: dict[str, int], numbers: Sequence[str]
    ) -> pd.DataFrame | None:
        """Parse a block whose every row has all fields, and its numbers no words; else None."""
        width = len(self.columns)
        bare = re.sub(rb'"[^"]*"', b"", block) if b'"' in block else block
        kinds: dict[int, Any] = {
            place: np.float64 if name in numbers else str for name, place in places.items()
        }
        for decimal in self._decimals:
            try:
                table = self._parsed(block, kinds, decimal)
            except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning):
                continue
            self._decimals.remove(decimal)
            self._decimals.insert(0, decimal)
            # pandas fills short lines and cuts long ones, and says neither.
            if len(table) != _lines_of(bare, self.delimiter, width):
                return None
            return pd.DataFrame({name: table[place] for name, place in places.items()})
        return None

    def _parsed(self, block: bytes, kinds: dict[int, Any], decimal: str) -> pd.DataFrame:
        missing: dict[Any, list[str]] = {
            place: [] if kind is str else list(MISSING_WORDS) for place, kind in kinds.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.BytesIO(block),
                sep=self.delimiter,
                header=None,
                names=list(range(len(self.columns))),
                usecols=sorted(kinds),
                dtype=kinds,
                index_col=False,
                skipinitialspace=self.delimiter != "\t",
                decimal=decimal,
                # Words stay words: what stands for a missing one is decided where it is read.
                keep_default_na=False,
                na_values=missing,
            )

    def _careful(self, block: bytes, places: dict[str, int]) -> tuple[pd.DataFrame, dict[int, int]]:
        width = len(self.columns)
        text = io.StringIO(block.decode("utf-8", errors="surrogateescape"), newline="")
        reader = csv.reader(text, delimiter=self.delimiter, skipinitialspace=self.delimiter != "\t")
        rows: list[list[str]] = []
        misfits: dict[int, int] = {}
        before = 0
        for row in reader:
            lines, before = reader.line_num - before, reader.line_num
            if not row or (width > 1 and len(row) == 1 and not row[0].strip()):
                continue
            if len(row) != width:
                if lines > 1:
                    raise csv.Error(f"a quote is opened and not closed near {''.join(row)[:60]!r}")
                misfits[len(rows)] = len(row)
            rows.append(row if len(row) == width else [""] * width)
        table = {
            name: np.asarray([row[place] for row in rows], dtype=object)
            for name, place in places.items()
        }
        # As pandas does: bytes that are no text matter only where somebody reads them.
        for words in table.values():
            "".join(words).encode("utf-8", errors="surrogateescape").decode("utf-8")
        return pd.DataFrame(table, copy=False), misfits


def _last_line_end(text: bytes) -> int:
    """Find where the last line ends that does not end inside quotes; 0 if none does.

    >>> _last_line_end(b'a,b'), _last_line_end(b'1,2' + bytes([10]) + b'3,"4' + bytes([10]) + b'5')
    (0, 4)
    """
    end = text.rfind(b"\n")
    quotes = text.count(b'"', 0, end + 1)
    while end >= 0 and quotes % 2:
        before = text.rfind(b"\n", 0, end)
        quotes -= text.count(b'"', before + 1, end + 1)
        end = before
    return end + 1


def _lines_of(text: bytes, delimiter: str, width: int) -> int | None:
    """Count the lines that are not blank; None unless each has ``width`` fields.

    >>> _lines_of(b"1,2" + bytes([10, 10]) + b"3,4", ",", 2), _lines_of(b"1,2,3", ",", 2)
    (2, None)
    """
    if not text.endswith(b"\n"):
        text += b"\n"
    letters = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(letters == ord("\n"))
    parted = np.searchsorted(np.flatnonzero(letters == ord(delimiter)), ends)
    fields = np.diff(parted, prepend=0) + 1
    lengths = np.diff(ends, prepend=-1) - 1
    lengths -= (lengths > 0) & (letters[ends - 1] == ord("\r"))
    if not np.all((fields == width) | (lengths == 0)):
        return None
    return int((lengths > 0).sum())


def _without_header(block: bytes) -> bytes:
    """Leave out the first line that is not blank."""
    text = block.removeprefix(_BOM).lstrip(b"\r\n")
    end = re.search(rb"\r\n|\n|\r", text)
    return b"" if end is None else text[end.end() :]
